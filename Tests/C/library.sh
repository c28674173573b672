#!/bin/sh
# Looks at the shared library from outside: what it exports, what it needs, how it may be loaded.
#
#     Tests/C/library.sh LIBRARY HEADER
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

# The table of calls is written from the header by another reader of it: they must find the same.
"${PYTHON:-python3}" "$(dirname "$0")/signatures.py" | grep -o '{"maquette_[a-z0-9_]*"' | tr -d '{"' | sort -u > "$work/called"
check "Every function is called with bad arguments" same "$work/declared" "$work/called"

# Names change with the sources, and what is no longer there is not missed: the list only has to be near enough.
unstripped=${library%.so.0}.unstripped
if [ -f "$unstripped" ]; then
  sort -u "$(dirname "$0")/../../tools/functions.order" > "$work/ordered"
  nm "$unstripped" | awk '{ print $3 }' | sort -u | comm -12 - "$work/ordered" > "$work/placed"
  check "Nine of ten functions that are to lie together are there (make order)" \
    test "$(($(wc -l < "$work/placed") * 10))" -ge "$(($(wc -l < "$work/ordered") * 9))"
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
