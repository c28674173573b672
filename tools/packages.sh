#!/bin/sh
# Installs the Debian packages named on the command line that are missing. Says what to run where it may not.
set -eu

missing=""
for package in "$@"; do
  dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed \
    || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "Maquette needs these Debian packages, or what your system calls them:$missing" >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then
  run=""
elif command -v sudo >/dev/null; then
  run="sudo"
else
  echo "Some packages are missing. Please run this as root, then make again:" >&2
  echo "  apt-get update && apt-get install --yes$missing" >&2
  exit 1
fi
echo "Installing$missing"
$run apt-get update --quiet --quiet
# shellcheck disable=SC2086 # the names are words
$run env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends $missing
