#!/bin/sh
# Looks at the shared library from outside: what it exports, what it needs, how it may be loaded.
#
#     Tests/C/library.sh LIBRARY HEADER ARGUMENTS.C
set -eu

library=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
passed=0

check() { # sentence, then a command
  sentence=$1
  shift
  if "$@"; then
    echo "  ok   $sentence"
    passed=$((passed + 1))
  else
    echo "  FAIL $sentence" >&2
    failed=$((failed + 1))
  fi
}
same() { diff -u "$1" "$2"; }
contains() { grep -q -- "$2" "$1"; }
lacks() { ! grep -- "$2" "$1"; }

"$(dirname "$0")/functions.sh" "$2" > "$work/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort -u > "$work/exported"
readelf --wide --dynamic "$library" > "$work/dynamic"
ldd "$library" | awk '{ print $1 }' | sed 's|.*/||' > "$work/needed"

check "Fifty functions or so are declared" test "$(wc -l < "$work/declared")" -gt 45
check "Exactly the functions of the header are exported" same "$work/declared" "$work/exported"
check "The soname is libmaquette.so.0" contains "$work/dynamic" 'soname: \[libmaquette.so.0\]'
check "It stays loaded: NODELETE" contains "$work/dynamic" NODELETE
check "It looks for nothing in folders of its own: no RUNPATH, no RPATH" lacks "$work/dynamic" 'RUNPATH\|RPATH'
check "It may be loaded later: no STATIC_TLS" lacks "$work/dynamic" STATIC_TLS
check "Its code is not written to when it is loaded: no TEXTREL" lacks "$work/dynamic" TEXTREL
grep -v '^\(libc\|libm\|libstdc++\|libgcc_s\)\.so\.[0-9]*$\|^ld-linux\|^linux-vdso\|^linux-gate' "$work/needed" \
  > "$work/strange" || true
check "It needs libc, libm, libstdc++ and libgcc_s alone" same "$work/strange" /dev/null
{ readelf --wide --program-headers "$library" | grep GNU_STACK || true; } > "$work/stack"
check "Its stack is not executable" lacks "$work/stack" RWE

# The table of functions there must not fall behind the header.
cat "$3" "$(dirname "$3")/sources.c" "$(dirname "$3")/kinds.c" "$(dirname "$3")/batch.c" "$(dirname "$3")/history.c" "$(dirname "$3")/services.c" "$(dirname "$3")/files.c" | grep -o 'maquette_[a-z0-9_]*\|^  X([a-z_]*' | sed 's/^  X(/maquette_/' | sort -u > "$work/tested"
comm -23 "$work/declared" "$work/tested" > "$work/untested"
check "Every function is called with bad arguments in $(basename "$3")" same "$work/untested" /dev/null

echo "$passed passed, $failed failed"
[ $failed = 0 ]
