"""The confusion matrix."""

from __future__ import annotations

import json
from ctypes import byref, c_int64, c_void_p
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy
import numpy.typing

from ._arrays import Labels, LabelStrings, label_list
from ._errors import call
from ._handles import Owner
from ._library import library
from ._plots import plot_matrix
from ._streams import Stream
from ._text import owned_text
from ._views import confusion_html, confusion_text, in_order

if TYPE_CHECKING:
    from ._batch import BatchPrediction

Self = TypeVar("Self", bound="ConfusionMatrix")


class Score(NamedTuple):
    """How well one label, or several on average, is told apart. What can't be divided is 0."""

    #: Of the rows predicted as the label, the part that is.
    precision: float
    #: Of the rows that are the label, the part predicted as it.
    recall: float
    #: The harmonic mean of both.
    f1: float
    #: The rows that are the label; of an average, all rows.
    support: int


class ConfusionMatrix(Owner):
    """How often each label was predicted for each.

    >>> ConfusionMatrix(y_true, y_predicted).matrix       # of two columns
    >>> batch.confusion()                                 # of a batch prediction, with which it keeps up

    All figures are scikit-learn's for the same columns, with `zero_division=0`. A row without a label (None) on either
    side does not count; one that a model rejected has the label "none", which is one like any other.
    """

    def __init__(self, y_true: Labels, y_predicted: Labels) -> None:
        truth = label_list(y_true, "y_true")
        true_strings = LabelStrings(truth, len(truth), "y_true", optional=True)
        predicted_strings = LabelStrings(y_predicted, len(truth), "y_predicted", optional=True)
        handle = c_void_p()
        call(
            library.maquette_confusion_create,
            true_strings.address,
            predicted_strings.address,
            c_int64(len(truth)),
            byref(handle),
        )
        self._adopt(handle)

    @classmethod
    def of(cls: type[Self], batch: BatchPrediction) -> Self:
        """That of a batch prediction: of the predictions that are there, and of those that come."""
        handle = c_void_p()
        batch._call(library.maquette_confusion_open, byref(handle))
        made: Self = object.__new__(cls)
        made._adopt(handle)
        return made

    def _adopt(self, handle: c_void_p) -> None:
        self._own(handle, library.maquette_confusion_destroy)

    def recount(self) -> None:
        """Counts all predictions anew, also those that another process made."""
        self._call(library.maquette_confusion_recount)

    def _figures(self) -> dict[str, Any]:
        pointer = c_void_p()
        self._call(library.maquette_confusion_scores, byref(pointer))
        figures: dict[str, Any] = json.loads(owned_text(pointer))
        return figures

    @property
    def labels(self) -> list[str]:
        """The labels, the first seen first: row by row, the true one before the predicted one."""
        labels: list[str] = self._figures()["labels"]
        return labels

    @property
    def matrix(self) -> numpy.typing.NDArray[numpy.int64]:
        """The counts, [true, predicted], in the order of `labels`."""
        counts = self._figures()["matrix"]
        return numpy.array(counts, numpy.int64).reshape(len(counts), len(counts))

    @property
    def total(self) -> int:
        """How many rows count."""
        return int(self._figures()["total"])

    @property
    def accuracy(self) -> float | None:
        """The part of the rows that was predicted right; None while there are none."""
        accuracy: float | None = self._figures()["accuracy"]
        return accuracy

    @property
    def scores(self) -> dict[str, Score]:
        """Precision, recall, F1 and support of each label."""
        return {score["label"]: _score(score) for score in self._figures()["scores"]}

    @property
    def macro(self) -> Score:
        """The mean over the labels."""
        return _score(self._figures()["macro"])

    @property
    def weighted(self) -> Score:
        """The mean over the labels, each weighted with its rows."""
        return _score(self._figures()["weighted"])

    @property
    def precision(self) -> dict[str, float]:
        """Of the rows predicted as a label, the part that is."""
        return {label: score.precision for label, score in self.scores.items()}

    @property
    def recall(self) -> dict[str, float]:
        """Of the rows that are a label, the part predicted as it."""
        return {label: score.recall for label, score in self.scores.items()}

    @property
    def f1(self) -> dict[str, float]:
        """The harmonic mean of both."""
        return {label: score.f1 for label, score in self.scores.items()}

    # Watching

    @property
    def cells(self) -> Stream[list[dict[str, Any]]]:
        """The stream of the cells: `{"x": predicted, "y": true, "v": count}` for all pairs of labels."""
        return Stream(self, self._stream_handle(library.maquette_confusion_cells), "cells")

    @property
    def accuracies(self) -> Stream[float | None]:
        """The stream of the accuracy."""
        return Stream(self, self._stream_handle(library.maquette_confusion_accuracy), "accuracies")

    def __repr__(self) -> str:
        if self.closed:
            return "<ConfusionMatrix (closed)>"
        figures = self._figures()
        accuracy = "" if figures["accuracy"] is None else f", accuracy {figures['accuracy']:.1%}"
        return f"<ConfusionMatrix of {len(figures['labels'])} labels, {figures['total']} rows{accuracy}>"

    def __str__(self) -> str:
        """The matrix as a table of text."""
        return confusion_text(self)

    def _repr_html_(self) -> str:
        return confusion_html(self)

    def plot(self, normalize: bool = False, ax: Any = None) -> Any:
        """Draws it with matplotlib; returns the axes. With `normalize`, shares of the true label's rows are written.

        `ax` is what to draw on; new axes unless given.
        """
        labels, counts = in_order(self.labels, self.matrix)
        return plot_matrix(counts, labels, normalize, ax)


def _score(figures: dict[str, Any]) -> Score:
    return Score(figures["precision"], figures["recall"], figures["f1"], figures["support"])
