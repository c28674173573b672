#!/bin/sh
# Runs the C tests, through the real shared library, and then the Swift tests, under AddressSanitizer and ThreadSanitizer.
#
#     Tests/sanitize.sh [address] [thread]
#
# Swift's tests need what `make test-swift` gives them: a server of PostgreSQL's, and ONNX Runtime.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
[ $# -gt 0 ] || set -- address thread

# What the sanitizer is told of Swift's runtime: see C/runtime.c.
wrapped() {
  toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
  mkdir -p "$root/build"
  "$toolchain/bin/clang" -O1 -fPIC -fsanitize=thread -Wall -Wextra -Werror -c "$here/C/runtime.c" -o "$root/build/runtime.o"
  echo "-Xlinker $root/build/runtime.o -Xlinker --wrap=swift_once"
  for function in 9_lockSlowyys6UInt32VF 11_unlockSlowyyF; do
    echo "-Xlinker --wrap=\$s15Synchronization12_MutexHandleV$function"
  done
}

for sanitizer in "$@"; do
  echo "==== $sanitizer, C"
  "$here/C/sanitize.sh" "$sanitizer"
  echo "==== $sanitizer, Swift"
  extra=""
  [ "$sanitizer" != thread ] || extra=$(wrapped)
  # The runtime's own memory is no leak of ours; the C tests look for those. Some tests ask for more than there is.
  # shellcheck disable=SC2086 # several words
  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 TSAN_OPTIONS=allocator_may_return_null=1 \
    "$root/tools/swift-test.sh" --sanitize="$sanitizer" --scratch-path ".build/swift-$sanitizer" $extra
done
