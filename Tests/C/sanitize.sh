#!/bin/sh
# Builds the shared library under a sanitizer and runs the C tests with it.
#
#     Tests/C/sanitize.sh address|thread [PROGRAM…]
#
# As `make lib` does, it needs the folder build/static with the static libraries that are linked in.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sanitizer=$1
shift
[ $# -gt 0 ] || set -- arguments inputs matrices streams training sources kinds contract stores services files batch process threads history
cd "$root"
BUILD=${BUILD:-$root/build/c-tests-$sanitizer}
mkdir -p "$BUILD"

# The compiler that comes with Swift: library and programs share its sanitizer.
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
CC=$toolchain/bin/clang
CFLAGS="-fuse-ld=lld -fsanitize=$sanitizer -DSANITIZED -O1"

extra=""
if [ "$sanitizer" = thread ]; then
  # It also knows Dispatch, and can't be linked without.
  dispatch=$toolchain/lib/swift/linux
  CFLAGS="$CFLAGS -L$dispatch -Wl,-rpath,$dispatch -ldispatch -lBlocksRuntime"
  "$CC" -O1 -fPIC -fsanitize=thread -Wall -Wextra -Werror -c "$here/runtime.c" -o "$BUILD/runtime.o"
  extra="-Xlinker $BUILD/runtime.o -Xlinker --wrap=swift_once"
  for function in 9_lockSlowyys6UInt32VF 11_unlockSlowyyF; do
    extra="$extra -Xlinker --wrap=\$s15Synchronization12_MutexHandleV$function"
  done
fi

# shellcheck disable=SC2086 # several words
swift build --configuration release --product maquette --disable-local-rpath --sanitize="$sanitizer" \
  --scratch-path ".build/$sanitizer" -Xswiftc -g -Xswiftc -static-stdlib -Xswiftc -use-ld=lld \
  -Xlinker -L"$root/build/static" -Xlinker -lgfortran -Xlinker -lquadmath \
  -Xlinker --version-script="$root/Sources/MaquetteC/exports.map" \
  -Xlinker -soname=libmaquette.so.0 -Xlinker -z -Xlinker nodelete $extra

ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1:${ASAN_OPTIONS:-}
TSAN_OPTIONS=allocator_may_return_null=1:die_after_fork=0:second_deadlock_stack=1:${TSAN_OPTIONS:-}
LSAN_OPTIONS=print_suppressions=0:suppressions=$here/leaks.supp:${LSAN_OPTIONS:-}
TEST_SECONDS=${TEST_SECONDS:-900} TEST_ROUNDS=${TEST_ROUNDS:-60} TEST_CHURN=${TEST_CHURN:-50000}
export CC CFLAGS ASAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS TEST_SECONDS TEST_ROUNDS TEST_CHURN BUILD

"$here/run.sh" "$root/.build/$sanitizer/release/libmaquette.so" "$@"
