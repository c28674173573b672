#!/bin/sh
# Runs the C tests, through the real shared library, under AddressSanitizer and then ThreadSanitizer.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
for sanitizer in address thread; do
  echo "==== $sanitizer"
  "$here/C/sanitize.sh" "$sanitizer"
done
