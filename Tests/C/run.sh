#!/bin/sh
# Builds the C tests against a shared library and runs them, with the checks of header and library.
#
#     Tests/C/run.sh LIBRARY [PROGRAM…]
#
# PROGRAMs: header, abi, library, and the names of the test programs here; all unless given. CC, CFLAGS and the folder BUILD
# may be set; TEST_SECONDS, TEST_ROUNDS and TEST_CHURN make tests shorter or longer.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -ge 1 ] || { echo "usage: $0 LIBRARY [PROGRAM…]" >&2; exit 2; }
library=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- header abi library arguments inputs matrices streams training sources kinds contract stores services files batch process threads history sync crash

build=${BUILD:-$root/build/c-tests}
mkdir -p "$build"
ln -sf "$library" "$build/libmaquette.so.0"
ln -sf libmaquette.so.0 "$build/libmaquette.so"

failed=""
for program in "$@"; do
  echo "== $program"
  case $program in
    header) "$here/header.sh" "$root/include" || failed="$failed $program" ;;
    abi) "$here/abi.sh" "$library" "$root/include/maquette.h" || failed="$failed $program" ;;
    library) "$here/library.sh" "$library" "$root/include/maquette.h" "$here/arguments.c" || failed="$failed $program" ;;
    *)
      # Functions of the program take precedence over the library's (-rdynamic), as a host's would.
      # shellcheck disable=SC2086 # CFLAGS are several words
      "${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g ${CFLAGS:-} -I"$root/include" -rdynamic \
        "$here/$program.c" -o "$build/$program" -L"$build" -lmaquette -Wl,-rpath,"$build" -lm -ldl -pthread
      "$build/$program" || failed="$failed $program"
      ;;
  esac
done

[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
