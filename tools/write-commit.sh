#!/bin/sh
# Writes the commit that is checked out into a header, and touches the file only if that has changed.
set -eu
commit=$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
line="#define MAQUETTE_COMMIT \"$commit\""
[ -f "$1" ] && [ "$(cat "$1")" = "$line" ] || printf '%s\n' "$line" >"$1"
