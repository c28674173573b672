#!/bin/sh
# Builds the tests of maquette.hpp against a shared library, with the compilers and standards that a host may use, and
# runs them.
#
#     Tests/cpp/run.sh LIBRARY [PROGRAM…]
#
# Each is compiled as C++17 and C++20 by g++ and clang++; those of g++ run, and one more of clang's under
# AddressSanitizer (the program and the header, the library as it is).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- basics streams stores models

build=${BUILD:-$root/build/cpp-tests}
mkdir -p "$build"
ln -sf "$library" "$build/libmaquette.so.0"
ln -sf libmaquette.so.0 "$build/libmaquette.so"

failed=""
strict="-Wall -Wextra -pedantic -Werror -I$root/include -I$root/bindings/cpp"
linked="-L$build -lmaquette -Wl,-rpath,$build -pthread"
for program in "$@"; do
  echo "== $program"
  source=$here/$program.cpp
  # shellcheck disable=SC2086 # several words
  {
    g++ -std=c++20 $strict -fsyntax-only "$source"
    clang++ -std=c++20 $strict -fsyntax-only "$source"
    g++ -std=c++17 -O1 -g $strict "$source" -o "$build/$program" $linked
    clang++ -std=c++17 -O1 -g -fuse-ld=lld -fsanitize=address,undefined $strict "$source" -o "$build/$program-address" $linked
  } || { failed="$failed $program"; continue; }
  "$build/$program" || failed="$failed $program"
  # What the library keeps for the life of the process is not lost; its own tests count what it allocates.
  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 "$build/$program-address" > "$build/$program.log" 2>&1 || {
    cat "$build/$program.log"
    failed="$failed $program-address"
  }
done

# The wrapper does not fall behind the header. It asks no error for its status, which comes with the call.
missing=$("$root/Tests/C/functions.sh" "$root/include/maquette.h" | grep -vx maquette_error_status | while read -r name; do
  grep -rqw "$name" "$root/bindings/cpp" || echo "$name"
done)
if [ -n "$missing" ]; then
  echo "maquette.hpp has no way to call:" "$missing" >&2
  failed="$failed completeness"
fi

[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
