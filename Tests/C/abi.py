#!/usr/bin/env python3
"""The binary interface that maquette.h promises: constants, layouts, functions, as a compiler sees them.

    Tests/C/abi.py check HEADER LIBRARY ABI.JSON    0: the same; 1: it breaks programs; 2: something was added
    Tests/C/abi.py write HEADER LIBRARY ABI.JSON    notes how it is now

What was noted must stay as long as the soname does. A struct may grow at its end if it tells its size; everything else
of a type, a constant or a function that changes, or goes, breaks the programs that were built before.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLANG = shutil.which("clang") or "clang"


def main() -> int:
    action, header, library, noted = sys.argv[1], *map(Path, sys.argv[2:5])
    now = describe(header, library)
    if action == "write":
        noted.write_text(json.dumps(now, indent=1) + "\n")
        return 0
    before = json.loads(noted.read_text())
    broken, added = [*breaks(before, now)], [*additions(before, now)]
    if broken and before["soname"] == now["soname"]:
        print(f"This breaks the programs that were built for {now['soname']}:", *broken, sep="\n  ", file=sys.stderr)
        print(
            "Please add instead of changing. If there is no other way: a new soname, and `make abi`.", file=sys.stderr
        )
        return 1
    if broken or added or before != now:
        what = ["the soname"] if before["soname"] != now["soname"] else added
        print("The interface has more than is noted:", *what, "Please run `make abi`.", sep="\n  ", file=sys.stderr)
        return 2
    counts = [f"{len(now[what])} {what}" for what in ("functions", "structs", "constants")]
    print(f"{', '.join(counts)} are as noted")
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# How it is
# ---------------------------------------------------------------------------------------------------------------------


def describe(header: Path, library: Path) -> dict[str, Any]:
    dump = run([CLANG, "-x", "c", "-std=c11", "-fsyntax-only", "-Xclang", "-ast-dump=json", header])
    nodes = [node for node in json.loads(dump)["inner"] if is_ours(node)]
    records = {node["name"]: node for node in nodes if node["kind"] == "RecordDecl" and "inner" in node}
    dynamic = run(["readelf", "--wide", "--dynamic", library])
    macros = run([CLANG, "-x", "c", "-dM", "-E", header])
    return {
        "soname": re.search(r"soname: \[(.*)\]", dynamic)[1],
        "macros": dict(sorted(re.findall(r"#define ((?:MAQUETTE|ARROW)_(?!VERSION)\w+) (.+)", macros))),
        "constants": {each["name"]: int(value(each)) for node in nodes for each in constants(node)},
        "types": {node["name"]: node["type"]["qualType"] for node in nodes if node["kind"] == "TypedefDecl"},
        "structs": layouts(header, records),
        "functions": {node["name"]: node["type"]["qualType"] for node in nodes if node["kind"] == "FunctionDecl"},
    }


def is_ours(node: dict[str, Any]) -> bool:
    return re.match(r"maquette_|Arrow", node.get("name", "")) is not None or node["kind"] == "EnumDecl"


def constants(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in node.get("inner", []) if each["kind"] == "EnumConstantDecl"]


def value(constant: dict[str, Any]) -> str:
    return next(found["value"] for found in constant["inner"] if "value" in found)


def layouts(header: Path, records: dict[str, Any]) -> dict[str, Any]:
    """Sizes and offsets as the compiler has them: of every field [name, type, offset, size]."""
    lines = []
    for struct, node in records.items():
        lines.append(f'  printf("%zu %zu", sizeof(struct {struct}), _Alignof(struct {struct}));')
        for field in fields(node):
            place = f"offsetof(struct {struct}, {field['name']}), sizeof(((struct {struct} *)0)->{field['name']})"
            lines.append(f'  printf(" %zu %zu", {place});')
        lines.append('  printf("\\n");')
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "layouts.c")
        source.write_text(
            "\n".join(["#include <stdio.h>", f'#include "{header.resolve()}"', "int main(void) {", *lines, "}"])
        )
        run([CLANG, "-std=c11", source, "-o", Path(folder, "layouts")])
        numbers = [[int(number) for number in line.split()] for line in run([Path(folder, "layouts")]).splitlines()]
    return {
        struct: {
            "size": size,
            "alignment": alignment,
            "fields": [
                [field["name"], field["type"]["qualType"], *places[2 * index : 2 * index + 2]]
                for index, field in enumerate(fields(node))
            ],
        }
        for (struct, node), (size, alignment, *places) in zip(records.items(), numbers, strict=True)
    }


def fields(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in record["inner"] if node["kind"] == "FieldDecl"]


def run(command: list[Any]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


# ---------------------------------------------------------------------------------------------------------------------
# What has changed
# ---------------------------------------------------------------------------------------------------------------------


def breaks(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for what in ("macros", "constants", "types", "functions"):
        for name, old in before[what].items():
            new = now[what].get(name)
            if new != old:
                yield f"{name} was {old}, and is {'gone' if new is None else new}"
    for name, old in before["structs"].items():
        new = now["structs"].get(name)
        if new is None:
            yield f"struct {name} is gone"
            continue
        for place, field in enumerate(old["fields"]):
            if new["fields"][place : place + 1] != [field]:
                now_there = new["fields"][place] if place < len(new["fields"]) else "gone"
                yield f"struct {name}: [field, type, offset, size] was {field}, and is {now_there}"
        grows = old["fields"][0][0] == "struct_size" and new["size"] > old["size"]
        if (new["size"] != old["size"] and not grows) or new["alignment"] != old["alignment"]:
            yield f"struct {name} had {old['size']} bytes, and has {new['size']}"


def additions(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for what in ("macros", "constants", "types", "structs", "functions"):
        yield from (f"{name}" for name in now[what] if name not in before[what])
    for name, new in now["structs"].items():
        if name in before["structs"] and new != before["structs"][name]:
            yield f"struct {name}: {[field[0] for field in new['fields'][len(before['structs'][name]['fields']) :]]}"


if __name__ == "__main__":
    sys.exit(main())
