#!/usr/bin/env python3
"""Writes functions.order: the functions that run whenever a host adds an instance and is told of it, predicts, stores or
trains, those of each together.

    tools/order-functions.py LIBRARY MAP

The linker puts them next to each other. Spread over 20 MB as they come, those of one event lie in 200 pages of memory, and
a processor that was busy with something else has to look up where each of them is. A name that is no longer there is
passed over, so the list need not be made anew with every change; `make order` does, in half a minute, through valgrind.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
TIMES = 100


def movable(map: Path) -> set[str]:
    """The functions that the linker can place one by one, by its map: those with a section of their own, which SQLite's
    and OpenBLAS's don't have."""
    found: set[str] = set()
    is_code = False
    for line in map.open():
        if match := re.match(r" *[0-9a-f]+ +[0-9a-f]+ +[0-9a-f]+ +\d+ (.*)$", line.rstrip()):
            place = match[1]
            if place.startswith(" " * 16):
                if is_code:
                    found.add(place.strip())
            else:
                is_code = ":(.text." in place
    return found


def executed(profile: Path) -> list[str]:
    """The functions of the library that run every time."""
    names: dict[str, str] = {}
    objects: dict[str, str] = {}
    counts: Counter[str] = Counter()
    object = function = ""
    is_call = False
    for line in profile.open():
        if match := re.match(r"(ob|fn|cob|cfn)=\((\d+)\)(?: (.*))?$", line.rstrip()):
            kind, number, name = match.groups()
            table = objects if kind.endswith("ob") else names
            if name:
                table[number] = name
            if kind == "ob":
                object = table[number]
            elif kind == "fn":
                function = table[number]
        elif line.startswith("calls="):
            is_call = True
        elif line[0] in "0+-*":
            # A line that follows a call counts what was called.
            if not is_call and "libmaquette" in object:
                name = re.sub(r"'\d+$", "", function)
                counts[name] = max(counts[name], int(line.split()[-1]))
            is_call = False
    return [name for name, count in counts.items() if count >= TIMES]


def main() -> None:
    library, map = (Path(word).resolve() for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        # As it is installed, but with its names.
        subprocess.run(["objcopy", "--strip-debug", library, work / "libmaquette.so.0"], check=True)
        program = work / "order-functions"
        command = ["cc", "-O2", "-I", HERE.parent / "include", HERE / "order-functions.c", "-o", program]
        command += [work / "libmaquette.so.0", f"-Wl,-rpath,{work}"]
        subprocess.run(command, check=True)
        can_move = movable(map)
        found: dict[str, None] = {}
        for what in ("append", "predict", "store", "find", "train"):
            valgrind = ["valgrind", "--quiet", "--tool=callgrind", "--separate-threads=yes", "--demangle=no"]
            valgrind += ["--dump-instr=yes", f"--callgrind-out-file={work / what}"]
            subprocess.run([*valgrind, program, what, work / f"{what}.db", str(TIMES)], check=True)
            run = {name for profile in work.glob(f"{what}-*") for name in executed(profile)}
            # By name, so that a list that is written anew differs by what has changed alone.
            found.update(dict.fromkeys(sorted(run)))
    names = [name for name in found if name in can_move]
    (HERE / "functions.order").write_text("".join(f"{name}\n" for name in names))
    print(f"{len(names)} functions are in {HERE.name}/functions.order: they lie together when the library is made again")


if __name__ == "__main__":
    main()
