"""How good predictions are, in scikit-learn's figures.

>>> maquette.metrics.accuracy(y_true, model.predict(X))
>>> maquette.metrics.log_loss(y_true, model.predict_proba(X), model.labels)
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_double, sizeof
from typing import Literal

from ._arrays import Features, Labels, LabelStrings, array_of_numbers, matrix_of, readable, rows_of_numbers
from ._errors import BadShapeError, InvalidArgumentError, NoRowsError, call
from ._library import RegressionScores, library
from ._metrics import ConfusionMatrix, Score

__all__ = [
    "accuracy",
    "confusion_matrix",
    "f1",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "precision",
    "r2",
    "recall",
]

#: How the figures of several labels become one.
Average = Literal["macro", "weighted"]


def confusion_matrix(y_true: Labels, y_predicted: Labels) -> ConfusionMatrix:
    """How often each label was predicted for each.

    `y_true` are the labels that are right, `y_predicted` those predicted: text or whole numbers, one for each row.
    Raises `BadShapeError` where they differ in number.
    """
    return ConfusionMatrix(y_true, y_predicted)


def accuracy(y_true: Labels, y_predicted: Labels) -> float:
    """The part of the rows that was predicted right.

    `y_true` are the labels that are right, `y_predicted` those predicted: text or whole numbers, one for each row.
    Raises `BadShapeError` where they differ in number.
    """
    with ConfusionMatrix(y_true, y_predicted) as matrix:
        found = matrix.accuracy
    if found is None:
        raise NoRowsError("no row has a label on both sides: there is no accuracy")
    return found


def precision(y_true: Labels, y_predicted: Labels, average: Average = "macro") -> float:
    """Of the rows predicted as a label, the part that is; the mean over the labels.

    `y_true` are the labels that are right, `y_predicted` those predicted: text or whole numbers, one for each row.

    `average` says how: "macro", each label alike, or "weighted", each by its rows.
    """
    return _average(y_true, y_predicted, average).precision


def recall(y_true: Labels, y_predicted: Labels, average: Average = "macro") -> float:
    """Of the rows that are a label, the part predicted as it; the mean over the labels.

    `y_true` are the labels that are right, `y_predicted` those predicted: text or whole numbers, one for each row.

    `average` says how: "macro", each label alike, or "weighted", each by its rows.
    """
    return _average(y_true, y_predicted, average).recall


def f1(y_true: Labels, y_predicted: Labels, average: Average = "macro") -> float:
    """The harmonic mean of precision and recall; the mean over the labels.

    `y_true` are the labels that are right, `y_predicted` those predicted: text or whole numbers, one for each row.

    `average` says how: "macro", each label alike, or "weighted", each by its rows.
    """
    return _average(y_true, y_predicted, average).f1


def _average(y_true: Labels, y_predicted: Labels, average: Average) -> Score:
    if average not in ("macro", "weighted"):
        raise InvalidArgumentError(f"average must be macro or weighted, not {average!r}", "average")
    with ConfusionMatrix(y_true, y_predicted) as matrix:
        return matrix.macro if average == "macro" else matrix.weighted


def log_loss(y_true: Labels, confidences: Features, labels: Sequence[str]) -> float:
    """The cross-entropy of confidences, (rows, labels): the mean of -log(p), p being that of the true label.

    A confidence counts as at least 1.2e-7, the precision of 32-bit floats; None in `y_true` does not count.
    """
    array = readable(rows_of_numbers(confidences, "confidences"))
    truth = LabelStrings(y_true, len(array), "y_true", optional=True)
    if len(labels) != array.shape[1]:
        raise BadShapeError(
            f"there are {len(labels)} labels for {array.shape[1]} columns of confidences: there must be one for each",
            "labels",
        )
    columns = LabelStrings(list(labels), len(labels), "labels")
    loss = c_double()
    call(library.maquette_metrics_log_loss, truth.address, byref(matrix_of(array)), columns.address, byref(loss))
    return loss.value


def mean_absolute_error(y_true: Features, predicted: Features) -> float:
    """The mean distance of numbers from what they should be; of several columns, the mean over them.

    `y_true` are the numbers that are right, `predicted` those predicted, both (rows,) or (rows, columns). Raises
    `BadShapeError` where they differ in number.
    """
    return float(_regression(y_true, predicted).mean_absolute_error)


def mean_squared_error(y_true: Features, predicted: Features) -> float:
    """The mean squared distance of numbers from what they should be; of several columns, the mean over them.

    `y_true` are the numbers that are right, `predicted` those predicted, both (rows,) or (rows, columns). Raises
    `BadShapeError` where they differ in number.
    """
    return float(_regression(y_true, predicted).mean_squared_error)


def r2(y_true: Features, predicted: Features) -> float:
    """The part of the variance that is predicted, R²; of several columns, the mean over them.

    Where the true numbers are all the same it is 1 for perfect predictions and else 0; of a single row it is NaN.

    `y_true` are the numbers that are right, `predicted` those predicted, both (rows,) or (rows, columns).
    """
    return float(_regression(y_true, predicted).r2)


def _regression(y_true: Features, predicted: Features) -> RegressionScores:
    truth, guess = (array_of_numbers(values, what) for values, what in ((y_true, "y_true"), (predicted, "predicted")))
    truth, guess = (array[:, None] if array.ndim == 1 else array for array in (truth, guess))
    if truth.shape != guess.shape or truth.ndim != 2:
        raise BadShapeError(
            f"y_true has the shape {truth.shape}, predicted {guess.shape}: both must be (rows,) or (rows, numbers)",
            "predicted",
        )
    truth, guess = readable(truth), readable(guess)
    scores = RegressionScores(sizeof(RegressionScores))
    call(library.maquette_metrics_regression, byref(matrix_of(truth)), byref(matrix_of(guess)), byref(scores))
    return scores
