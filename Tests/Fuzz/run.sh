#!/bin/sh
# Fuzzes what reads files, queries, and calls, with libFuzzer and AddressSanitizer.
#
#     Tests/Fuzz/run.sh [FUZZER…]
#
# FUZZERs: the targets of targets.h, which are the folders in corpus; all unless given. SECONDS is how long each one goes on.
# As many run at once as there are processors. What is found lies in build/fuzz/FUZZER; put it into corpus/FUZZER when it is
# mended, and `make test` looks at it for ever.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/fuzz

if [ "${1:-}" = --one ]; then
  folder=$build/$2
  mkdir -p "$folder/corpus"
  result=0
  FUZZER=$2 LSAN_OPTIONS=print_suppressions=0:suppressions=$root/Tests/C/leaks.supp \
    ASAN_OPTIONS=allocator_may_return_null=1 "$build/fuzz" -max_total_time="${SECONDS:-60}" -max_len="${MAX_LEN:-4096}" \
    -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 -verbosity="${VERBOSITY:-0}" -artifact_prefix="$folder/" \
    "$folder/corpus" "$here/corpus/$2" > "$folder/log" 2>&1 || result=1
  echo "== $2"
  cat "$folder/log"
  [ $result = 0 ] || echo "$2" >> "$build/found"
  exit 0
fi

# shellcheck disable=SC2046 # several words
[ $# -gt 0 ] || set -- $(ls "$here/corpus")

"$root/Tests/C/sanitize.sh" address build
mkdir -p "$build"
ln -sf "$root/.build/address/release/libmaquette.so" "$build/libmaquette.so.0"
ln -sf libmaquette.so.0 "$build/libmaquette.so"
"${PYTHON:-python3}" "$root/Tests/C/signatures.py" > "$build/signatures.h"
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
"$toolchain/bin/clang" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -DSANITIZED -fuse-ld=lld \
  -fsanitize=address,fuzzer -I"$root/include" -I"$build" "$here/fuzz.c" -o "$build/fuzz" \
  -L"$build" -lmaquette -Wl,-rpath,"$build" -lm -pthread

rm -f "$build/found"
printf '%s\n' "$@" | xargs -n 1 -P "$(nproc)" "$0" --one
[ ! -e "$build/found" ] || { echo "found something: $(tr '\n' ' ' < "$build/found")" >&2; exit 1; }
