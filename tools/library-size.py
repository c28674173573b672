#!/usr/bin/env python3
"""How large the shared library is, and how much of that is OpenBLAS, by the linker's map.

    tools/library-size.py MAP LIBRARY [--most MEGABYTES]

A section of OpenBLAS counts with the gap that its alignment leaves in front of it, and with the relocations of its
tables of kernels. Ends with status 1 where the rest is larger than `most`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

#: What takes no place in the stripped file.
ABSENT = re.compile(r"\.(bss|tbss|debug.*|symtab|strtab|shstrtab|comment|relro_padding)$")
#: Bytes of a relocation, for a pointer of 8.
RELOCATION = 24


def shares(path: Path) -> Counter[str]:
    """Bytes by where they come from: an archive, or a module."""
    found: Counter[str] = Counter()
    section, end = "", 0
    for line in path.open():
        match = re.match(
            r" *([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+) +\d+ (?:([^ ].*)| {8}([^ ].*):\(.*\))$", line.rstrip("\n")
        )
        if not match:
            continue
        start, size = int(match[1], 16), int(match[2], 16)
        if match[3]:
            section, end = match[3], start
        elif not ABSENT.match(section):
            origin = Path(re.sub(r"\(.*", "", match[4]))
            name = origin.name if origin.suffix == ".a" else origin.parent.name or origin.name
            found[name] += size + max(0, start - end)
            end = max(end, start + size)
            if section in (".data", ".data.rel.ro") and name == "libopenblas.a":
                # Nothing but pointers to kernels, each with a relocation.
                found[name] += size // 8 * RELOCATION
                found["<internal>"] -= size // 8 * RELOCATION
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("map", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--most", type=float, metavar="MEGABYTES")
    arguments = parser.parse_args()
    found = shares(arguments.map)
    size, openblas = arguments.library.stat().st_size, found["libopenblas.a"]
    for name, share in found.most_common(10):
        print(f"{share / 1e6:7.2f} MB  {name}")
    print(f"{size / 1e6:7.2f} MB in all, {(size - openblas) / 1e6:.2f} MB without OpenBLAS")
    if arguments.most and (openblas == 0 or size - openblas > arguments.most * 1e6):
        print(f"the library is larger than {arguments.most:g} MB without OpenBLAS", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
