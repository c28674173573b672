#!/bin/sh
# Compiles the header alone, as every C and C++ that a host may use, with every warning an error.
#
#     Tests/C/header.sh INCLUDE
set -eu

include=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Alone, twice, first and last; and every declaration used, so that none is only a macro or hidden by an #if.
cat > "$work/alone.h" <<'END'
#include <maquette.h>
END
cat > "$work/twice.h" <<'END'
#include <maquette.h>
#include <maquette.h>
#include <stdio.h>
END
cat > "$work/last.h" <<'END'
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <maquette.h>
END
{
  # The names of the functions, as they stand in front of a parenthesis at the start of a declaration.
  echo 'typedef void (*any_function)(void);'
  echo 'extern any_function all_functions[];'
  echo 'any_function all_functions[] = {'
  "$(dirname "$0")/functions.sh" "$include/maquette.h" | sed 's/.*/  (any_function)&,/'
  echo '};'
  echo 'extern maquette_matrix matrix; maquette_matrix matrix;'
  echo 'extern maquette_event event; maquette_event event;'
  echo 'extern maquette_training_status status; maquette_training_status status;'
  # The layout is a promise: 64 bits, no padding that a compiler could choose.
  echo 'extern char sizes[sizeof(maquette_matrix) == 56 && sizeof(maquette_event) == 48 && sizeof(maquette_rows) == 32 && sizeof(maquette_source) == 56 &&'
  echo '                  sizeof(maquette_training_status) == 56 ? 1 : -1];'
} > "$work/uses"

passed=0
failed=0
compile() { # compiler, standard, language
  command -v "$1" > /dev/null || return 0
  echo "" | "$1" -std="$2" -x "$3" -fsyntax-only - 2> /dev/null || return 0 # one that does not know the standard
  for way in alone twice last; do
    cat "$work/$way.h" "$work/uses" > "$work/try.c"
    if "$1" -std="$2" -x "$3" -Wall -Wextra -pedantic -Wno-cast-function-type -Werror -I"$include" -c "$work/try.c" \
      -o "$work/try.o"; then
      passed=$((passed + 1))
    else
      echo "  FAIL $1 -std=$2: the header $way" >&2
      failed=$((failed + 1))
    fi
  done
}

for compiler in gcc clang; do
  for standard in c99 gnu99 c11 c17 c2x c23; do compile $compiler $standard c; done
done
for compiler in g++ clang++; do
  for standard in c++11 c++14 c++17 c++20 c++2b; do compile $compiler $standard c++; done
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 30 ]
