"""A picture of points: an embedding, projected rows, clusters."""

from __future__ import annotations

from typing import Any

import numpy

from ._arrays import Features, Labels
from ._errors import BadShapeError
from ._plots import plot_points
from ._svg import scatter


class Scatter:
    """Points of a plane, each in the colour of its label: shown as they are in a notebook, drawn by `plot()`, or
    written as SVG, which needs no other library.

    >>> Scatter(umap.embedding, y)
    >>> Path("digits.svg").write_text(Scatter(umap.embedding, y).svg())

    `points` has the shape (points, 2), `labels` one for each or None; `title` is what the picture is called.
    """

    def __init__(self, points: Features, labels: Labels | None = None, title: str = "") -> None:
        array = numpy.asarray(points, float)
        if array.ndim != 2 or array.shape[1] != 2:
            raise BadShapeError(f"points must have the shape (points, 2), but theirs is {array.shape}", "points")
        self.points = array
        self.labels = None if labels is None else numpy.asarray([str(label) for label in labels], object)
        if self.labels is not None and len(self.labels) != len(array):
            raise BadShapeError(
                f"there are {len(self.labels)} labels for {len(array)} points: there must be one for each", "labels"
            )
        self.title = title

    def plot(self, ax: Any = None) -> Any:
        """Draws them with matplotlib; returns the axes.

        `ax` is what to draw on; new axes unless given.
        """
        return plot_points(self.points, self.labels, ax, self.title)

    def svg(self, size: int = 420, background: str = "white") -> str:
        """A picture of so many pixels as SVG, a file of its own. Of more than 5,000 points, that many are drawn.

        `size` is that of its sides in pixels; `background` is a colour of CSS.
        """
        return scatter(self.points, self.labels, self.title, size, background)

    def __repr__(self) -> str:
        different = 0 if self.labels is None else len(set(self.labels.tolist()))
        labels = f", {different} label{'' if different == 1 else 's'}" if different else ""
        return f"<Scatter{self.title and ' '}{self.title}: {len(self.points)} points{labels}>"

    def _repr_html_(self) -> str:
        return scatter(self.points, self.labels, self.title)
