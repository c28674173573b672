"""What notebooks show: the building blocks. `_views` puts them together.

Plain elements with inline styles: no style sheet, no script, nothing loaded from elsewhere. Text keeps the colour of
the page, so light and dark themes both do. Labels, names and error messages are anybody's text: everything that is
not made by a function of this module or of `_svg` goes through `escape`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ._svg import COLOURS, escape, image, shortened, square_of

__all__ = ["Markup", "bar", "box", "chips", "details", "faint", "features", "heat", "row", "shares", "table"]

LINE = "rgba(128,128,128,0.35)"
BLUE = COLOURS[0]
#: The same blue, and the orange that goes with it, to be mixed with the page.
RIGHT, WRONG = "59,130,246", "224,123,0"

#: A picture that is part of the document, as `thumbnail` has it in Marcelle's instances.
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
#: A cell of a table with so many characters stays on one line.
SHORT = 30
#: A thumbnail of more characters is left out.
PICTURE_LENGTH = 50_000


class Markup(str):
    """HTML that is finished. Any other text is escaped where it is put in."""


def safe(content: Any) -> str:
    return content if isinstance(content, Markup) else escape(content)


def box(title: str, state: str, *parts: str) -> str:
    """What one object shows: its name, its state, and the rest below."""
    return (
        f'<div style="font:13px/1.5 system-ui,sans-serif;border:1px solid {LINE};border-radius:6px;padding:8px 12px;'
        'margin:2px 0;display:inline-block;max-width:100%;box-sizing:border-box;overflow-x:auto">'
        f'<div><b>{safe(title)}</b> <span style="opacity:.75">{safe(state)}</span></div>'
        + "".join(f'<div style="margin-top:6px">{safe(part)}</div>' for part in parts if part)
        + "</div>"
    )


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], right: Iterable[int] = ()) -> Markup:
    """A table; the columns named by `right` are numbers."""
    aligned = set(right)

    def cell(tag: str, column: int, content: Any, more: str = "") -> str:
        side = "right" if column in aligned else "left"
        if not isinstance(content, Markup) and len(str(content)) <= SHORT:
            more += "white-space:nowrap;"
        return (
            f'<{tag} style="text-align:{side};padding:1px 12px 1px 0;border:0;vertical-align:middle;background:none;'
            f'{more}">{safe(content)}</{tag}>'
        )

    lines = []
    if head:
        style = f"font-weight:600;border-bottom:1px solid {LINE};"
        lines.append("".join(cell("th", column, name, style) for column, name in enumerate(head)))
    lines += ["".join(cell("td", column, content) for column, content in enumerate(line)) for line in rows]
    body = "".join(f'<tr style="background:none">{line}</tr>' for line in lines)
    return Markup(f'<table style="border-collapse:collapse;border:0;margin:0;font-size:12px">{body}</table>')


def details(summary: str, content: Markup) -> Markup:
    """Something to be unfolded."""
    return Markup(
        f'<details><summary style="cursor:pointer;opacity:.75">{escape(summary)}</summary>'
        f'<div style="margin-top:4px">{content}</div></details>'
    )


def row(*parts: str) -> Markup:
    """Things side by side, which wrap where there is no room."""
    cells = "".join(f"<div>{safe(part)}</div>" for part in parts if part)
    return Markup(f'<div style="display:flex;flex-wrap:wrap;gap:4px 20px;align-items:flex-start">{cells}</div>')


def faint(text: str) -> Markup:
    return Markup(f'<span style="opacity:.75">{escape(text)}</span>')


def chips(names: Sequence[Any], most: int = 20) -> Markup:
    """Labels one after the other; of many, the first."""
    style = f"border:1px solid {LINE};border-radius:9px;padding:0 7px;margin:0 4px 2px 0;display:inline-block"
    shown = "".join(f'<span style="{style}">{escape(shortened(name, 24))}</span>' for name in names[:most])
    rest = f'<span style="opacity:.75">and {len(names) - most} more</span>' if len(names) > most else ""
    return Markup(shown + rest)


def bar(part: float, width: int = 160, colour: str = BLUE) -> Markup:
    """A share of a whole, 0 … 1, as a bar."""
    share = min(max(part, 0.0), 1.0) if part == part else 0.0
    return Markup(
        f'<div style="width:{width}px;height:9px;border-radius:2px;background:rgba(128,128,128,.2)">'
        f'<div style="width:{share:.1%};height:100%;border-radius:2px;background:{colour}"></div></div>'
    )


def shares(named: Iterable[tuple[Any, float, str]]) -> Markup:
    """Names with a bar each, as long as the share, and a figure."""
    rows = [(shortened(name, 24), bar(share), figure) for name, share, figure in named]
    return table((), rows, right=(2,))


def heat(counts: Any, labels: Sequence[Any]) -> Markup:
    """Counts as a coloured table, [true, predicted]: what is right in blue, what is wrong in orange, the stronger the
    larger its share of the row."""
    cell = "text-align:right;padding:2px 6px;border:0;min-width:20px;white-space:nowrap"
    name = f"{cell};font-weight:600;background:none"
    head = "".join(f'<th style="{name}">{escape(shortened(label, 10))}</th>' for label in labels)
    lines = [f'<tr style="background:none"><td style="{name}">true \\ predicted</td>{head}</tr>']
    for true, (label, line) in enumerate(zip(labels, counts, strict=True)):
        total = max(sum(line), 1)
        cells = [f'<th style="{name}">{escape(shortened(label, 16))}</th>']
        for predicted, count in enumerate(line):
            colour = RIGHT if predicted == true else WRONG
            # A single error in a thousand is to be seen, too.
            strength = 0.15 + 0.45 * count / total if count else 0
            shown = str(count) if count else '<span style="opacity:.35">0</span>'
            cells.append(f'<td style="{cell};background:rgba({colour},{strength:.2f})">{shown}</td>')
        lines.append(f'<tr style="background:none">{"".join(cells)}</tr>')
    return Markup(f'<table style="border-collapse:collapse;border:0;margin:0;font-size:12px">{"".join(lines)}</table>')


def features(instance: Any) -> Markup:
    """The features of an instance: its picture, if it has one or is one, or else its first numbers."""
    thumbnail, values = instance.get("thumbnail"), instance.get("x")
    if isinstance(thumbnail, str) and len(thumbnail) <= PICTURE_LENGTH and PICTURE.fullmatch(thumbnail):
        return _picture(thumbnail)
    square = square_of(values) if isinstance(values, list) else None
    return Markup(escape(numbers(values))) if square is None else _picture(image(square))


def _picture(address: str) -> Markup:
    return Markup(
        f'<img src="{escape(address)}" alt="" style="height:32px;width:auto;display:block;margin:1px 0;'
        'image-rendering:pixelated">'
    )


def numbers(values: Any, most: int = 5) -> str:
    """`0.1, 0.25, 3, … (64)`."""
    if not isinstance(values, list):
        return "" if values is None else shortened(values)
    shown = [f"{value:.4g}" if isinstance(value, int | float) else shortened(value, 12) for value in values[:most]]
    return ", ".join(shown) + (f", … ({len(values)})" if len(values) > most else "")
