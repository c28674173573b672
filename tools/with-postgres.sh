#!/bin/sh
# Runs a command with a PostgreSQL server of its own, whose location is in MAQUETTE_TEST_POSTGRES, and removes it again,
# however the command ends. Where the variable names a server already, that one is used.
set -eu

if [ -n "${MAQUETTE_TEST_POSTGRES:-}" ]; then
  exec "$@"
fi
here=$(dirname "$0")
"$here/packages.sh" postgresql
directory=$(mktemp -d /tmp/maquette-postgres-XXXXXX)
trap '"$here/postgres.sh" remove "$directory"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
MAQUETTE_TEST_POSTGRES=$("$here/postgres.sh" create "$directory")
export MAQUETTE_TEST_POSTGRES
"$@"
