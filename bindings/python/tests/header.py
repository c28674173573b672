"""Reads `maquette.h`, the contract: its functions, and the layout a compiler gives its structs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[3]
HEADER = REPOSITORY / "include" / "maquette.h"
COMPILER = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")


class Function(NamedTuple):
    name: str
    result: str
    parameters: list[str]
    #: The whole declaration, with the names of the parameters.
    declaration: str


def functions() -> dict[str, Function]:
    """The functions of the header, with the types of their parameters."""
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.DOTALL)
    text = re.sub(r"^\s*#.*$", " ", text, flags=re.MULTILINE)
    found = {}
    for match in re.finditer(r"([\w\s*]+?)\b(maquette_\w+)\s*\(((?:[^()]|\([^()]*\))*)\)\s*;", text):
        result, name, parameters = match.groups()
        if "typedef" in result:
            continue
        found[name] = Function(name, _plain(result), [_type(part) for part in split(parameters)], match[0][:-1])
    return found


def constants() -> dict[str, int]:
    """The enumerators, as a compiler sees them."""
    names = sorted(set(re.findall(r"\b(MAQUETTE_\w+) = \d+", HEADER.read_text())))
    lines = "".join(f'  printf("{name} %d\\n", (int){name});\n' for name in names)
    return {line.split()[0]: int(line.split()[1]) for line in run_c(lines).splitlines()}


def layout(struct: str, fields: list[str]) -> list[int]:
    """The size of a struct, then the offset and size of each field."""
    lines = f'  printf("%zu\\n", sizeof(struct {struct}));\n'
    for field in fields:
        lines += (
            f'  printf("%zu\\n%zu\\n", offsetof(struct {struct}, {field}), sizeof(((struct {struct} *)0)->{field}));\n'
        )
    return [int(line) for line in run_c(lines).splitlines()]


def fields(struct: str) -> list[str]:
    """The names of a struct's fields, in order."""
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.DOTALL)
    match = re.search(rf"typedef struct {struct} \{{(.*?)\}} {struct};", text, re.DOTALL)
    assert match, struct
    # A pointer to a function: its name stands in its first parentheses.
    content = re.sub(r"\(\*(\w+)\)\([^()]*\)", r"\1", match[1])
    return [
        re.sub(r"^.*[\s*]", "", name.strip())
        for declaration in content.split(";")
        if declaration.strip()
        for name in declaration.split(",")
    ]


def run_c(body: str) -> str:
    """Compiles the body of a `main` that has included the header, runs it, and returns what it printed."""
    import tempfile

    assert COMPILER
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "ask.c")
        source.write_text(f'#include "maquette.h"\n#include <stdio.h>\nint main(void) {{\n{body}  return 0;\n}}\n')
        program = Path(folder, "ask")
        subprocess.run([COMPILER, "-I", HEADER.parent, "-o", program, source], check=True)
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout


def split(parameters: str) -> list[str]:
    if parameters.strip() == "void":
        return []
    parts, depth, part = [], 0, ""
    for character in parameters:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += character
    return [*parts, part]


def _type(parameter: str) -> str:
    if "(*destroy)" in parameter:
        return "destroy"
    return _plain(re.sub(r"\w+\s*$", "", parameter.strip()))


def _plain(text: str) -> str:
    """`const maquette_model *` → `maquette_model*`."""
    return re.sub(r"\s+", "", re.sub(r"\bconst\b", "", text))
