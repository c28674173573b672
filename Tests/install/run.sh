#!/bin/sh
# Installs Maquette into a fresh folder and builds programs with what lies there, by pkg-config and by CMake, in C and in
# C++; moves the folder and does it again; and takes all away.
#
#     Tests/install/run.sh LIBRARY
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "  FAIL $*" >&2; exit 1; }
ok() { echo "  ok   $*"; }

install_to() { # action, PREFIX, DESTDIR, LIBDIR
  PREFIX=$2 DESTDIR=$3 LIBDIR=$4 "$root/tools/install.sh" "$1" "$library" > "$work/log" || fail "$1: $(cat "$work/log")"
}

with_pkg_config() { # prefix, LIBDIR
  export PKG_CONFIG_PATH="$1/$2/pkgconfig"
  pkg-config --exists --print-errors "maquette >= 0.1"
  # shellcheck disable=SC2046 # several words
  gcc -std=c99 -Wall -Wextra -pedantic -Werror "$here/program.c" -o "$work/c" $(pkg-config --cflags --libs maquette)
  # shellcheck disable=SC2046
  g++ -std=c++17 -Wall -Wextra -pedantic -Werror "$here/program.cpp" -o "$work/cpp" $(pkg-config --cflags --libs maquette)
  LD_LIBRARY_PATH="$1/$2" "$work/c"
  LD_LIBRARY_PATH="$1/$2" "$work/cpp"
  LD_LIBRARY_PATH="$1/$2" ldd "$work/c" | grep -q "libmaquette.so.0 => $1/" || fail "it runs with another library"
  ok "programs are built by pkg-config"
}

with_cmake() { # prefix, folder for the build
  cmake -S "$here" -B "$work/$2" -DCMAKE_PREFIX_PATH="$1" > "$work/log" && cmake --build "$work/$2" >> "$work/log" ||
    fail "CMake: $(cat "$work/log")"
  "$work/$2/program-c"
  "$work/$2/program-cpp"
  ldd "$work/$2/program-c" | grep -q "libmaquette.so.0 => $1/" || fail "it runs with another library"
  ok "programs are built by CMake"
}

prefix=$work/here
install_to install "$prefix" "" lib
[ "$(readlink "$prefix/lib/libmaquette.so")" = libmaquette.so.0 ] || fail "libmaquette.so is no link to the soname"
[ -f "$prefix/lib/$(readlink "$prefix/lib/libmaquette.so.0")" ] || fail "libmaquette.so.0 is no link to a version"
cmp -s "$library" "$prefix/lib/libmaquette.so.0" || fail "another library is installed"
ok "the library has its soname's links"
with_pkg_config "$prefix" lib
with_cmake "$prefix" build

mv "$prefix" "$work/moved"
prefix=$work/moved
grep -r "$work/here" "$prefix" && fail "a file still names the old folder"
with_pkg_config "$prefix" lib
with_cmake "$prefix" build-moved
ok "all works where the folder was moved to"

if cmake -S "$here" -B "$work/refused" -DCMAKE_PREFIX_PATH="$prefix" -DMaquette_DIR="$prefix/lib/cmake/Maquette" \
  -DCMAKE_PROJECT_INCLUDE="$here/newer.cmake" > /dev/null 2>&1; then
  fail "CMake takes this version for a later one"
fi
ok "CMake refuses a version that is too old"

"$root/Tests/C/functions.sh" "$root/include/maquette.h" > "$work/declared"
sed -n 's/^\.Fo //p' "$prefix/share/man/man3/maquette.3" | sort -u | diff -u "$work/declared" - ||
  fail "the manual page has other functions"
mandoc -T lint -W warning "$prefix/share/man/man3/maquette.3" || fail "the manual page is badly set"
ok "the manual page has every function, and is well set"

install_to install /usr "$work/stage" lib/x86_64-linux-gnu
[ -f "$work/stage/usr/lib/x86_64-linux-gnu/pkgconfig/maquette.pc" ] || fail "DESTDIR and LIBDIR are not heeded"
with_pkg_config "$work/stage/usr" lib/x86_64-linux-gnu
ok "it is staged for a package"
install_to uninstall /usr "$work/stage" lib/x86_64-linux-gnu
touch "$prefix/include/mine.h"
install_to uninstall "$prefix" "" lib
[ "$(find "$work/stage" "$prefix" -type f -o -type l)" = "$prefix/include/mine.h" ] || fail "something is left behind, or too little"
ok "all of it is taken away again, and nothing else"
