#!/bin/sh
# A PostgreSQL server of a test's own: in a directory, on a free port of 127.0.0.1, gone without a trace.
#
#   tools/postgres.sh create DIRECTORY   makes it and starts it; prints its location, password and all
#   tools/postgres.sh start DIRECTORY    starts it again, on the same port
#   tools/postgres.sh stop DIRECTORY     stops it as a crash would: nobody is asked, no connection is closed nicely
#   tools/postgres.sh pause DIRECTORY    lets it say nothing more, and `resume` goes on
#   tools/postgres.sh remove DIRECTORY   stops it and removes the directory
set -eu

command=$1
directory=$2
data=$directory/data

# PostgreSQL refuses to run as root.
as_user() {
  if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
  else
    "$@"
  fi
}

programs=""
for candidate in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V) \
  "$(dirname "$(command -v initdb 2>/dev/null || echo /none/initdb)")"; do
  [ -x "$candidate/initdb" ] && programs=$candidate
done
if [ -z "$programs" ]; then
  echo "there is no PostgreSQL server here: 'make test' installs the package postgresql" >&2
  exit 1
fi

start() {
  # Nothing has to survive the machine; the tests' own faults are the process's.
  (cd / && as_user "$programs/pg_ctl" -D "$data" -l "$directory/log" -w -t 60 \
    -o "-p $1 -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=300" \
    start) >/dev/null 2>&1
}

# Sends a signal to all processes of the server.
signal() {
  master=$(head -n 1 "$data/postmaster.pid")
  for process in /proc/[0-9]*; do
    parent=$(cut -d ' ' -f 4 "$process/stat" 2>/dev/null) || continue
    if [ "$parent" = "$master" ]; then kill "-$1" "${process#/proc/}"; fi
  done
  kill "-$1" "$master"
}

case $command in
  create)
    mkdir -p "$directory"
    printf 'secret' >"$directory/password"
    if [ "$(id -u)" = 0 ]; then
      id postgres >/dev/null 2>&1 && chown -R postgres "$directory" || chown -R nobody "$directory"
    fi
    chmod 755 "$directory"
    (cd / && as_user "$programs/initdb" -D "$data" --no-sync --encoding=UTF8 --locale=C.UTF-8 --username=maquette \
      --pwfile="$directory/password" --auth=scram-sha-256) >"$directory/log.initdb" 2>&1 || {
      cat "$directory/log.initdb" >&2
      exit 1
    }
    attempt=1
    while :; do
      port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 40000))
      start "$port" && break
      if [ "$attempt" = 10 ]; then
        echo "the server did not start:" >&2
        cat "$directory/log" >&2
        exit 1
      fi
      attempt=$((attempt + 1))
    done
    echo "$port" >"$directory/port"
    echo "postgresql://maquette:secret@127.0.0.1:$port/postgres"
    ;;
  start) start "$(cat "$directory/port")" ;;
  stop) (cd / && as_user "$programs/pg_ctl" -D "$data" -m immediate -w stop) >/dev/null 2>&1 ;;
  pause) signal STOP ;;
  resume) signal CONT ;;
  remove)
    if [ -f "$data/postmaster.pid" ]; then signal CONT; fi
    (cd / && as_user "$programs/pg_ctl" -D "$data" -m immediate -w stop) >/dev/null 2>&1 || true
    rm -rf "$directory"
    ;;
  *)
    echo "unknown command '$command'" >&2
    exit 2
    ;;
esac
