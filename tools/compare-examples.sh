#!/bin/sh
# Runs commands, shows what they print, and checks that all print the same line: the one that begins with FIGURE.
#
#     tools/compare-examples.sh FIGURE LOW HIGH COMMAND…
#
# The number in that line is to be between LOW and HIGH.
set -eu

figure=$1
low=$2
high=$3
shift 3
first=""
for example in "$@"; do
  echo "== $example"
  printed=$($example) || { echo "$printed"; echo "$example failed" >&2; exit 1; }
  echo "$printed" | tail -n 12
  line=$(echo "$printed" | grep "^$figure") || { echo "$example prints no '$figure'" >&2; exit 1; }
  [ -n "$first" ] || first=$line
  if [ "$line" != "$first" ]; then
    echo "$example prints '$line', the first example '$first'" >&2
    exit 1
  fi
  echo "$line" | awk -v after="${#figure}" -v low="$low" -v high="$high" \
    '{ number = substr($0, after + 1) + 0; exit !(number >= low && number <= high) }' ||
    { echo "$example prints '$line', which is not between $low and $high" >&2; exit 1; }
done
echo "all print the same: $first"
