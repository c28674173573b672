#!/bin/sh
# The functions that a header declares, one a line.
#
#     Tests/C/functions.sh HEADER
set -eu

# Without comments and typedefs, a name in front of a parenthesis is a function.
sed -e ':a' -e 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g' -e '/\/\*/{N;ba' -e '}' "$1" |
  grep -v '^typedef' | grep -o 'maquette_[a-z0-9_]* *(' | tr -d ' (' | sort -u
