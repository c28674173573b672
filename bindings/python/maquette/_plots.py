"""Drawing with matplotlib, which is asked for only when something is to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from ._arrays import Array
from ._errors import NotTrainedError, UnknownParameterError
from ._svg import COLOURS, LEGEND, Curve, coloured, shortened

#: Labels of a matrix that is still drawn with names and counts.
WRITTEN_LABELS = 30


def axes_for(ax: Any) -> Any:
    """Those that are given, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plot() draws with matplotlib, which is not installed: pip install maquette[plot]") from error
    return pyplot.subplots(layout="constrained")[1]


def plot_curves(curves: Mapping[str, Curve], measure: str, ax: Any, state: str) -> Any:
    """A measure over the epochs, on the training rows and on the validation rows."""
    drawn = {
        name: curves[key] for name, key in (("training", measure), ("validation", f"{measure}_val")) if key in curves
    }
    if not drawn:
        there = [name for name in curves if not name.endswith("_val")]
        if not there:
            raise NotTrainedError(f"there are no figures over the epochs to be drawn: {state}")
        raise UnknownParameterError(f"there is no {measure!r} to be drawn, but {', '.join(there)}", measure)
    ax = axes_for(ax)
    for (name, values), colour in zip(drawn.items(), COLOURS, strict=False):
        epochs = numpy.arange(1, len(values) + 1)
        ax.plot(epochs, values, color=colour, label=name, marker="o" if len(values) == 1 else "")
    return _over_epochs(ax, measure)


def plot_points(array: Array, named: Array | None, ax: Any, title: str = "") -> Any:
    """Points of a plane, each in the colour of its label."""
    names, colours = coloured(named, len(array))
    ax = axes_for(ax)
    size = 16 if len(array) < 300 else 8 if len(array) < 2_000 else 3
    # All at once, so that no label lies on top of another.
    ax.scatter(array[:, 0], array[:, 1], s=size, c=numpy.asarray(COLOURS)[colours], alpha=0.8, linewidths=0)
    if len(names) > 1:
        for name, colour in zip(names[:LEGEND], COLOURS * LEGEND, strict=False):
            ax.scatter([], [], s=size, color=colour, linewidths=0, label=_plain(shortened(name, 30)))
        title_of_rest = f"and {len(names) - LEGEND} more" if len(names) > LEGEND else None
        ax.legend(
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(1, 1),
            markerscale=6 / size**0.5,
            handletextpad=0.1,
            title=title_of_rest,
        )
    # Distances are what such a picture is about.
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xticks([])
    ax.set_yticks([])
    if title:
        ax.set_title(_plain(title))
    return ax


def plot_matrix(counts: Array, labels: Sequence[str], normalize: bool, ax: Any, title: str = "") -> Any:
    """Counts, [true, predicted], coloured by their share of the row; with `normalize`, the shares are written."""
    ax = axes_for(ax)
    shares = counts / numpy.maximum(counts.sum(axis=1, keepdims=True), 1)
    if counts.size:
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [_plain(shortened(label, 20)) for label in labels]
    if len(labels) <= WRITTEN_LABELS:
        for (true, predicted), count in numpy.ndenumerate(counts):
            if count:
                share = shares[true, predicted]
                text = f"{share:.0%}" if normalize else str(count)
                colour = "white" if share > 0.5 else "black"
                ax.text(predicted, true, text, ha="center", va="center", color=colour, fontsize="small")
        ax.set_xticks(range(len(names)), names, rotation=0 if max(map(len, names), default=0) < 5 else 90)
        ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    if title:
        ax.set_title(_plain(title))
    return ax


def plot_runs(curves: Mapping[str, Curve], measure: str, ax: Any) -> Any:
    """A measure over the epochs of several runs, a line for each."""
    ax = axes_for(ax)
    for number, (name, values) in enumerate(curves.items()):
        ax.plot(
            numpy.arange(1, len(values) + 1),
            values,
            color=COLOURS[number % len(COLOURS)],
            label=_plain(shortened(name, 30)) if number < LEGEND else "",
        )
    return _over_epochs(ax, measure)


def _over_epochs(ax: Any, measure: str) -> Any:
    ax.set_xlabel("epoch")
    ax.set_ylabel(measure.replace("_", " "))
    from matplotlib.ticker import MaxNLocator

    # There is no half epoch; an axis that is given with another scale keeps it.
    if isinstance(locator := ax.xaxis.get_major_locator(), MaxNLocator):
        locator.set_params(integer=True)
    ax.grid(alpha=0.25)
    if len(ax.lines) > 1:
        ax.legend(frameon=False)
    return ax


def _plain(text: str) -> str:
    """Text in which a dollar is no formula's beginning, and a first underscore does not keep it from the legend."""
    readable = "".join(character if character.isprintable() else " " for character in text).replace("$", r"\$")
    return f" {readable}" if readable.startswith("_") else readable
