#!/usr/bin/env python3
"""Makes the manual page maquette(3), in mdoc, out of the comments of maquette.h.

tools/man-page.py include/maquette.h > maquette.3
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

#: A banner between sections, or a comment for a declaration and what follows it up to its semicolon.
PARTS = re.compile(
    r"/\* -{40,}\n \* (?P<section>.*?)\n \* -+ \*/"
    r"|/\*\*(?P<comment>.*?)\*/\n"
    r"(?P<code>#define [^\n]*|(?:typedef struct \w+ \w+;\n)+|[^;{/#]+(?:\{(?:[^}\n]*|.*?\n)\})?[^;{/]*;)?"
    r"|^(?P<bare>enum \{[^}]*\};)",
    re.DOTALL | re.MULTILINE,
)
COMMANDS = re.compile(r"^@(param(?:\[[a-z,]+\])?|return|file|brief|code|endcode|copyright|name|[{}])\s*(.*)$")


def main() -> None:
    lines = list(page(Path(sys.argv[1])))
    # A section begins a paragraph of its own.
    pairs = zip(["", *lines], lines, strict=False)
    print("\n".join(line for before, line in pairs if line != ".Pp" or not before.startswith((".Sh", ".Ss"))))


def page(path: Path) -> Iterator[str]:
    """The lines of the page."""
    header = path.read_text()
    version = re.search(r'MAQUETTE_VERSION "(.*)"', header)[1]
    date = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", path.stat().st_mtime)))
    yield time.strftime(f".Dd %B {date.tm_mday}, %Y", date)
    yield from (".Dt MAQUETTE 3", f".Os Maquette {version}", ".Sh NAME", ".Nm maquette")
    yield from (".Nd interactive machine learning inside your program", ".Sh SYNOPSIS", ".In maquette.h", ".Pp")
    yield from (".Dl cc program.c $(pkg-config --cflags --libs maquette)", ".Sh DESCRIPTION")
    for part in PARTS.finditer(header):
        if part["section"]:
            title, _, rest = re.sub(r"^ \* ?", "", part["section"], flags=re.MULTILINE).partition("\n")
            yield from (f".Ss {text(title)}", *paragraphs(rest))
        elif part["bare"]:
            yield from literal(part["bare"])
        else:
            comment = re.sub(r"^ ?\* ?", "", part["comment"], flags=re.MULTILINE)
            yield from (*declaration(part["code"] or ""), *described(comment))
    yield from (".Sh SEE ALSO", ".Xr pkg-config 1 ,", ".Pa maquette.hpp", "for C++17.")


def text(words: str) -> str:
    """Words as they are: nothing in them is a command of mdoc's."""
    words = words.replace("\\", "\\e").replace("`", "").replace("/**<", "/*").replace("/**", "/*")
    words = re.sub(r"(maquette_[a-z_]+)::([a-z_]+)", r"\1.\2", words)
    return re.sub(r"^(['.])", r"\\&\1", words)


def sentences(words: str) -> list[str]:
    """A sentence a line, as mdoc wants it."""
    whole = re.sub(r"\*\*([^*]+)\*\*", r"\1", " ".join(words.split()))
    return [text(line) for line in re.split(r"(?<=[^. ][.)]\.) +(?=[A-Z])|(?<=[^. ]{2}\.) +(?=[A-Z])", whole) if line]


def literal(code: str) -> list[str]:
    lines = [text(line.rstrip()) for line in code.strip("\n").split("\n")]
    return [".Bd -literal -offset indent", *lines, ".Ed"]


def paragraphs(words: str) -> list[str]:
    """Paragraphs; those that are indented by four stay as they are."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", words):
        if not block.strip():
            continue
        if all(line.startswith("    ") for line in block.strip("\n").split("\n")):
            lines += literal(re.sub(r"^    ", "", block, flags=re.MULTILINE))
        elif heading := re.match(r"## (.*)", block.strip()):
            lines += [".Ss " + text(heading[1])]
        else:
            lines += [".Pp", *sentences(block)]
    return lines


def declaration(code: str) -> list[str]:
    """How a function, type or group of constants is declared."""
    function = re.fullmatch(r"([\w\s*]+?)(\bmaquette_\w+)\((.*)\);", code, re.DOTALL)
    if not function or code.startswith("typedef"):
        return literal(code) if code else []
    result, name, parameters = function.groups()
    # Commas in the parameters of a parameter that is a function separate nothing.
    arguments = re.split(r",\s*(?![^()]*\))", " ".join(parameters.split()))
    return [".Pp", f'.Ft "{result.strip()}"', f".Fo {name}", *(f'.Fa "{each}"' for each in arguments), ".Fc"]


def described(comment: str) -> list[str]:
    """The words of a comment, its parameters as a list."""
    blocks = list(commands(comment))
    first = next((place for place, (kind, _) in enumerate(blocks) if kind.startswith(("param", "return"))), len(blocks))
    lines = [line for kind, words in blocks[:first] if not kind for line in paragraphs(words)]
    parameters = [words for kind, words in blocks if kind.startswith("param")]
    if parameters:
        lines += [".Bl -tag -width Ds -compact -offset indent"]
        for words in parameters:
            name, _, rest = words.partition(" ")
            lines += [f".It Fa {name}", *sentences(rest)]
        lines += [".El"]
    lines += [line for kind, words in blocks if kind == "return" for line in [".Pp", "Returns:", *sentences(words)]]
    lines += [line for kind, words in blocks[first:] if not kind for line in paragraphs(words)]
    lines += [line for kind, words in blocks if kind == "code" for line in literal(words)]
    return lines


def commands(comment: str) -> Iterator[tuple[str, str]]:
    """The parts of a Doxygen comment: a command, or "", and the words after it."""
    kind, words = "", []
    for line in comment.split("\n"):
        command = COMMANDS.match(line.strip())
        # What a group of functions says once stands behind the last parameter or what is returned.
        general = kind in ("param", "return") and re.match(r"Threads: ", line.strip())
        if command or general:
            yield kind, "\n".join(words)
            kind, words = ("", [line.strip()]) if general else (re.sub(r"\[.*", "", command[1]), [command[2]])
            if kind in ("endcode", "brief"):
                kind = ""
        else:
            words.append(line)
    yield kind, "\n".join(words)


if __name__ == "__main__":
    main()
