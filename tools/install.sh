#!/bin/sh
# Puts Maquette where compilers and other programs look for it, or takes it away again.
#
#     tools/install.sh install LIBRARY
#     tools/install.sh uninstall
#
# PREFIX (/usr/local), LIBDIR (lib: a folder in it) and DESTDIR may be set. What is installed finds itself by where it
# lies, so that the whole prefix may be moved.
set -eu

action=$1
library=${2:-}
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-lib}
case $prefix in /*) ;; *) echo "PREFIX has to be an absolute path, not '$prefix'" >&2; exit 2 ;; esac
case $libdir in /* | "" | *..*) echo "LIBDIR has to be a folder in PREFIX, not '$libdir'" >&2; exit 2 ;; esac

here=$(cd "$(dirname "$0")/.." && pwd)
to=${DESTDIR:-}$prefix
version=$(sed -n 's/^#define MAQUETTE_VERSION "\(.*\)"/\1/p' "$here/include/maquette.h")
cmake=$libdir/cmake/Maquette

# From the folder of a file back to the prefix.
up() { echo "$1" | sed 's|[^/][^/]*|..|g'; }

file() { # mode, source, destination in the prefix
  install -D -m "$1" "$2" "$to/$3"
}

filled() { # template, destination in the prefix
  mkdir -p "$(dirname "$to/$2")"
  sed -e "s|@version@|$version|g" -e "s|@major@|${version%%.*}|g" -e "s|@soname@|$soname|g" \
    -e "s|@libdir@|$libdir|g" -e "s|@up@|$(up "$(dirname "$2")")|g" "$here/bindings/c/$1" > "$to/$2"
  chmod 644 "$to/$2"
}

case $action in
  install)
    soname=$(readelf --dynamic "$library" | sed -n 's/.*soname: \[\(.*\)\].*/\1/p')
    file 644 "$here/include/maquette.h" include/maquette.h
    (cd "$here/bindings/cpp" && find . -name '*.hpp') | while read -r part; do
      file 644 "$here/bindings/cpp/$part" "include/${part#./}"
    done
    # In a folder of its own: a module map in include/ would be that of all who install there.
    mkdir -p "$to/include/maquette"
    sed -e 's|"maquette.h"|"../maquette.h"|' -e 's|  export|  link "maquette"\n  export|' \
      "$here/include/module.modulemap" > "$to/include/maquette/module.modulemap"
    chmod 644 "$to/include/maquette/module.modulemap"
    file 755 "$library" "$libdir/libmaquette.so.$version"
    ln -sf "libmaquette.so.$version" "$to/$libdir/$soname"
    ln -sf "$soname" "$to/$libdir/libmaquette.so"
    filled maquette.pc.in "$libdir/pkgconfig/maquette.pc"
    filled MaquetteConfig.cmake.in "$cmake/MaquetteConfig.cmake"
    filled MaquetteConfigVersion.cmake.in "$cmake/MaquetteConfigVersion.cmake"
    mkdir -p "$to/share/man/man3"
    "${PYTHON:-python3}" "$here/tools/man-page.py" "$here/include/maquette.h" > "$to/share/man/man3/maquette.3"
    chmod 644 "$to/share/man/man3/maquette.3"
    # The loader's index, where the library was installed for the whole system.
    if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ]; then ldconfig 2> /dev/null || true; fi
    echo "Maquette $version is installed in $to"
    ;;
  uninstall)
    soname=$(readlink "$to/$libdir/libmaquette.so" || echo libmaquette.so)
    rm -f "$to/include/maquette.h" "$to/include/maquette.hpp" "$to"/include/maquette/*.hpp \
      "$to/include/maquette/module.modulemap" \
      "$to/$libdir/libmaquette.so" "$to/$libdir/$soname" "$to/$libdir/libmaquette.so.$version" \
      "$to/$libdir/pkgconfig/maquette.pc" "$to/$cmake/MaquetteConfig.cmake" \
      "$to/$cmake/MaquetteConfigVersion.cmake" "$to/share/man/man3/maquette.3"
    # Folders that are ours alone; those that others use, only where they are empty.
    for folder in include/maquette "$cmake" "$libdir/cmake" "$libdir/pkgconfig" "$libdir" include share/man/man3 \
      share/man share .; do
      rmdir "$to/$folder" 2> /dev/null || true
    done
    ;;
  *) echo "unknown action '$action'" >&2; exit 2 ;;
esac
