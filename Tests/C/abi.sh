#!/bin/sh
# Compares the interface with what is noted of it in abi.json, and makes sure that the comparison would find a difference.
#
#     Tests/C/abi.sh LIBRARY HEADER
set -eu

here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

check() { # expected status, sentence, command of sed for a header with that difference
  sed -e "$3" "$header" > "$work/maquette.h"
  if [ -n "$3" ] && cmp -s "$work/maquette.h" "$header"; then
    echo "  FAIL '$3' changes nothing" >&2
    failed=1
    return
  fi
  status=0
  python3 "$here/abi.py" check "$work/maquette.h" "$library" "$here/abi.json" > "$work/log" 2>&1 || status=$?
  if [ "$status" = "$1" ]; then
    echo "  ok   $2"
  else
    cat "$work/log" >&2
    echo "  FAIL $2: status $status" >&2
    failed=1
  fi
}

library=$1
header=$2
check 0 "The interface is as noted" ""
check 1 "A function that goes is found" 's/^int32_t maquette_threads(void);//'
check 1 "Another type of a parameter is found" 's/maquette_set_threads(int32_t count/maquette_set_threads(int64_t count/'
check 1 "Another number of a constant is found" 's/MAQUETTE_E_BUSY = 12/MAQUETTE_E_BUSY = 112/'
check 1 "A field in between is found" 's/^  int64_t rows; .*/  int64_t planes;\n&/'
check 1 "A field that goes is found" 's/^  uint64_t dropped; .*//'
check 1 "A longer struct that does not tell its size is found" 's/^  struct ArrowSchema \*dictionary;/&\n  int64_t more;/'
check 2 "A field at the end of a struct that tells its size is an addition" 's/^} maquette_event;/  int64_t more;\n&/'
check 2 "A new function is an addition" 's/^int32_t maquette_threads(void);/&\nint32_t maquette_more(void);/'
check 2 "A new constant is an addition" 's/MAQUETTE_E_NOT_HELD = 31 /MAQUETTE_E_MORE = 132, &/'
exit $failed
