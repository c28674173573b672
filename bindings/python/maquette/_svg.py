"""Pictures without a library: curves and scattered points as SVG, images as PNG.

What is drawn takes its text colour from the page around it and is of middling brightness itself, so that it reads on
white and on black alike; there are no style sheets, scripts or links, which notebooks strip or refuse.
"""

from __future__ import annotations

import base64
import html
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from ._arrays import Array

#: Told apart on white and on black; the first ones by people who see fewer colours, too.
COLOURS = (
    "#3b82f6",
    "#e07b00",
    "#16a34a",
    "#e11d48",
    "#9355dc",
    "#a16207",
    "#ec6fb8",
    "#7c8594",
    "#0d9aa8",
    "#84a30d",
)

#: The values of a curve.
Curve = Sequence[float] | Array

#: Points of a curve, and points of a scatter, that are drawn at the most.
CURVE_POINTS = 300
SCATTER_POINTS = 5_000
#: Entries of a legend at the most.
LEGEND = 20

LEFT, TOP, BOTTOM, RIGHT = 46, 22, 22, 8


def escape(value: Any) -> str:
    """Text that is harmless inside of HTML and its attributes, whoever wrote it."""
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return html.escape("".join(character if character.isprintable() else " " for character in text))


def shortened(value: Any, length: int = 40) -> str:
    text = str(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def curves(title: str, named: Mapping[str, Curve], width: int = 320, height: int = 180, legend: bool = True) -> str:
    """Lines over the epochs, from 1: of one measure, with the training rows' first and the validation rows' next."""
    arrays = {name: numpy.asarray(values, float).ravel() for name, values in named.items()}
    arrays = {name: values for name, values in arrays.items() if numpy.isfinite(values).any()}
    if not arrays:
        return ""
    epochs = max(map(len, arrays.values()))
    finite = numpy.concatenate([values[numpy.isfinite(values)] for values in arrays.values()])
    ticks = ticks_between(float(finite.min()), float(finite.max()))
    low, high = min(ticks[0], float(finite.min())), max(ticks[-1], float(finite.max()))
    right, bottom = width - RIGHT, height - BOTTOM

    def x(epoch: Any) -> Any:
        return LEFT + (epoch - 1) * (right - LEFT) / max(epochs - 1, 1)

    def y(value: Any) -> Any:
        return bottom - (value - low) * (bottom - TOP) / ((high - low) or 1)

    parts = [_text(LEFT, 13, title, "start", bold=True)]
    for tick in ticks:
        parts.append(_line(LEFT, y(tick), right, y(tick)))
        parts.append(_text(LEFT - 5, y(tick) + 3.5, f"{tick:.10g}", "end"))
    for epoch in sorted({1, epochs, *(int(tick) for tick in ticks_between(1, epochs) if 1 < tick < 0.93 * epochs)}):
        parts.append(_text(x(epoch), height - 7, str(epoch), "middle" if epoch < epochs or epochs == 1 else "end"))
    entry = right
    for number, (name, values) in reversed(list(enumerate(arrays.items()))):
        colour = COLOURS[number % len(COLOURS)]
        if legend:
            parts.append(_text(entry, 13, name, "end", colour))
            entry -= 10 + 6 * len(name)
        chosen = spread_out(len(values), CURVE_POINTS)
        chosen = chosen[numpy.isfinite(values[chosen])]
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in zip(x(chosen + 1), y(values[chosen]), strict=True))
        if len(chosen) == 1:
            parts.append(f'<circle cx="{points.split(",")[0]}" cy="{points.split(",")[1]}" r="2.5" fill="{colour}"/>')
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round"/>'
        )
    return svg(width, height, f"{title} over {epochs} epochs", parts)


def scatter(array: Array, named: Array | None = None, title: str = "", size: int = 420, background: str = "") -> str:
    """Points of a plane, each in the colour of its name; a legend says which. Of very many, some are drawn."""
    shown = spread_out(len(array), SCATTER_POINTS)
    shown = shown[numpy.isfinite(array[shown]).all(axis=1)]
    names, colours = coloured(named, len(array))
    legend_width = 0 if len(names) < 2 else 34 + 6 * min(16, max(len(name) for name in names))
    head = 24 if title else 6
    width, height = size + legend_width, size + head
    low = array[shown].min(axis=0) if len(shown) else numpy.zeros(2)
    high = array[shown].max(axis=0) if len(shown) else numpy.ones(2)
    # One scale for both axes: distances are what such a picture is about.
    scale = (size - 20) / (float((high - low).max()) or 1.0)
    middle = (low + high) / 2
    places = numpy.stack(
        [
            size / 2 + (array[:, 0] - middle[0]) * scale,
            head + size / 2 - (array[:, 1] - middle[1]) * scale,
        ],
        axis=1,
    )
    radius = 3.2 if len(shown) < 300 else 2.4 if len(shown) < 2_000 else 1.7
    parts = [f'<rect width="{width}" height="{height}" fill="{escape(background)}"/>'] if background else []
    if title:
        parts.append(_text(8, 15, shortened(title, 60), "start", bold=True))
    for number, colour in enumerate(COLOURS):
        # A line of no length with round ends is a dot: a tenth of what as many circles take.
        dots = "".join(f"M{px:.1f} {py:.1f}h0" for px, py in places[shown[colours[shown] == number]])
        if dots:
            parts.append(
                f'<path d="{dots}" fill="none" stroke="{colour}" stroke-width="{2 * radius}" '
                'stroke-linecap="round" stroke-opacity="0.75"/>'
            )
    if legend_width:
        for number, name in enumerate(names[:LEGEND]):
            y = head + 14 + 17 * number
            parts.append(f'<circle cx="{size + 10}" cy="{y}" r="4.5" fill="{COLOURS[number % len(COLOURS)]}"/>')
            parts.append(_text(size + 20, y + 4, shortened(name, 16), "start"))
        if len(names) > LEGEND:
            parts.append(_text(size + 6, head + 14 + 17 * LEGEND + 4, f"and {len(names) - LEGEND} more", "start"))
    return svg(width, height, title or f"{len(array)} points", parts)


def coloured(named: Array | None, count: int) -> tuple[list[str], Array]:
    """The different names in their order, and for each of `count` points the number of its colour."""
    if named is None:
        return [], numpy.zeros(count, int)
    names = ordered(set(named.tolist()))
    numbers = {name: number % len(COLOURS) for number, name in enumerate(names)}
    return names, numpy.fromiter(map(numbers.__getitem__, named.tolist()), int, count)


def svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="11">'
        + "".join(parts)
        + "</svg>"
    )


def image(values: Array) -> str:
    """A greyscale image, [rows, columns], as the address of a PNG; the greatest value is white."""
    low, high = float(values.min()), float(values.max())
    grey = ((values - low) * (255 / ((high - low) or 1))).round().astype(numpy.uint8)
    rows, columns = grey.shape
    lines = numpy.concatenate([numpy.zeros((rows, 1), numpy.uint8), grey], axis=1).tobytes()
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)),
            (b"IDAT", zlib.compress(lines, 6)),
            (b"IEND", b""),
        )
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def square_of(values: Any) -> Array | None:
    """Features as a square image, if they may be one: 64, 784, … finite numbers, none of them negative."""
    try:
        array = numpy.asarray(values, float).ravel()
    except (TypeError, ValueError):
        return None
    side = math.isqrt(array.size)
    if side < 8 or side > 256 or side * side != array.size or not numpy.isfinite(array).all() or array.min() < 0:
        return None
    return array.reshape(side, side)


def ticks_between(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that reach from `low` to `high`."""
    if not high > low:
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def spread_out(count: int, most: int) -> Array:
    """The numbers of at most so many of `count` things, the first and the last among them."""
    return numpy.unique(numpy.linspace(0, count - 1, min(count, most)).round().astype(int))


def ordered(labels: Any) -> list[Any]:
    """Labels in the order people expect: numbers by their size, before text."""

    def key(label: Any) -> tuple[int, float, str]:
        try:
            number = float(label)
        except (TypeError, ValueError):
            return 1, 0.0, str(label)
        return (0, number, str(label)) if math.isfinite(number) else (1, 0.0, str(label))

    return sorted(labels, key=key)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" stroke-opacity="0.15"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "currentColor", bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    faint = ' fill-opacity="0.75"' if colour == "currentColor" and not bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{faint}{weight}>{escape(text)}</text>'
