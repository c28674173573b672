#!/usr/bin/env python3
"""How large the shared library is, and how much of that is OpenBLAS, by the linker's map.

    tools/library-size.py MAP LIBRARY [--most MEGABYTES]

A section of OpenBLAS counts with the gap that its alignment leaves in front of it, with the relocations of its tables of
kernels, and with what the tables for unwinding say of its functions. Ends with status 1 where the rest is larger than `most`.
"""

from __future__ import annotations

import argparse
import re
import struct
import sys
from bisect import bisect_right
from collections import Counter
from pathlib import Path

#: What takes no place in the stripped file.
ABSENT = re.compile(r"\.(bss|tbss|debug.*|symtab|strtab|shstrtab|comment|relro_padding)$")
#: Bytes of a relocation, for a pointer of 8.
RELOCATION = 24
#: Bytes of a function's place in .eh_frame_hdr.
SEARCHED = 8
OPENBLAS = "libopenblas.a"


def shares(path: Path) -> tuple[Counter[str], list[tuple[int, int]]]:
    """Bytes by where they come from, an archive or a module; and where OpenBLAS's code begins and ends."""
    found: Counter[str] = Counter()
    code: list[tuple[int, int]] = []
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
            if section == ".text" and name == OPENBLAS:
                code.append((start, start + size))
            if section in (".data", ".data.rel.ro") and name == OPENBLAS:
                # Nothing but pointers to kernels, each with a relocation.
                found[name] += size // 8 * RELOCATION
                found["<internal>"] -= size // 8 * RELOCATION
    return found, sorted(code)


def section_of(library: bytes, wanted: bytes) -> tuple[int, bytes]:
    """The address and the bytes of a section of an ELF file of 64 bits (System V ABI, chapter 4)."""
    headers, size, count, names = struct.unpack_from("<Q10xHHH", library, 0x28)
    sections = [struct.unpack_from("<IIQQQQ", library, headers + size * place) for place in range(count)]
    texts = sections[names][4]
    for name, _, _, address, offset, length in sections:
        if library[texts + name :].startswith(wanted + b"\0"):
            return address, library[offset : offset + length]
    raise SystemExit(f"the library has no section {wanted.decode()}")


def unwinding(library: bytes, code: list[tuple[int, int]]) -> int:
    """Bytes of the tables for unwinding (LSB, chapter 10.6) that are about functions in `code`."""
    address, frames = section_of(library, b".eh_frame")
    begins = [begin for begin, _ in code]
    at = found = 0
    while at + 12 <= len(frames):
        length, common, begin = struct.unpack_from("<IIi", frames, at)
        if common:  # of a function, which begins so far from here: compilers write nothing else on this system
            function = address + at + 8 + begin
            place = bisect_right(begins, function) - 1
            if place >= 0 and function < code[place][1]:
                found += length + 4 + SEARCHED
        at += length + 4
    return found


def measured(map: Path, library: Path) -> tuple[Counter[str], int]:
    """Bytes by where they come from, with what is OpenBLAS's counted as such; and those of the file."""
    found, code = shares(map)
    content = library.read_bytes()
    about = unwinding(content, code)
    found[OPENBLAS] += about
    found["<internal>"] -= about
    return found, len(content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("map", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--most", type=float, metavar="MEGABYTES")
    arguments = parser.parse_args()
    found, size = measured(arguments.map, arguments.library)
    openblas = found[OPENBLAS]
    for name, share in found.most_common(10):
        print(f"{share / 1e6:7.2f} MB  {name}")
    print(f"{size / 1e6:7.2f} MB in all, {(size - openblas) / 1e6:.2f} MB without OpenBLAS")
    if arguments.most and (openblas == 0 or size - openblas > arguments.most * 1e6):
        print(f"the library is larger than {arguments.most:g} MB without OpenBLAS", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
