"""What MkDocs can't do by itself: formulas as MathML, which browsers show without anything to load, and tables of the
models' parameters, asked of the library, so that no page can tell of others than there are."""

from __future__ import annotations

import html
import re
from typing import Any

import latex2mathml.converter

import maquette

CODE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.MULTILINE | re.DOTALL)
DISPLAYED = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
INLINE = re.compile(r"\$(?=\S)([^$]+?)(?<=\S)\$")
SCHEMA = re.compile(r"<!-- schema: ([a-z-]+) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with formulas and tables in it; what is code stays as it is."""
    parts = CODE.split(markdown)
    for place in range(0, len(parts), 2):
        text = DISPLAYED.sub(lambda found: formula(found[1], "block"), parts[place])
        text = INLINE.sub(lambda found: formula(found[1], "inline"), text)
        parts[place] = SCHEMA.sub(lambda found: table(found[1]), text)
    return "".join(parts)


def formula(latex: str, display: str) -> str:
    made: str = latex2mathml.converter.convert(" ".join(latex.split()), display=display)
    return f"\n\n{made}\n\n" if display == "block" else made


def table(kind: str) -> str:
    """The parameters of a kind, as Python spells them."""
    rows = ["| parameter | default | values | |", "|---|---|---|---|"]
    for row in maquette.schema(kind).rows():
        rows.append("| " + " | ".join(html.escape(str(cell)).replace("|", "&#124;") for cell in row) + " |")
    return "\n".join(rows)
