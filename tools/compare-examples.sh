#!/bin/sh
# Runs the commands named on the command line, shows what they print, and checks that all print the same accuracy.
set -eu

first=""
for example in "$@"; do
  echo "== $example"
  printed=$($example) || { echo "$printed"; echo "$example failed" >&2; exit 1; }
  echo "$printed" | tail -n 12
  accuracy=$(echo "$printed" | grep '^test accuracy: ') || { echo "$example prints no accuracy" >&2; exit 1; }
  [ -n "$first" ] || first=$accuracy
  if [ "$accuracy" != "$first" ]; then
    echo "$example prints '$accuracy', the first example '$first'" >&2
    exit 1
  fi
done
echo "all examples print the same: $first"
