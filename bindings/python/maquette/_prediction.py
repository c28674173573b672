"""Predicting: what has to be quick.

A prediction takes a microsecond, and so does one look at an array's address or shape from Python. So a model keeps
slots: memory for one row and its confidences, described to the library beforehand. Predicting a row is then a copy
in, a call, a copy out. A slot is used by one thread at a time; taking it from the list and giving it back are atomic.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_int32, c_void_p, sizeof
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from ._arrays import DTYPES, Array, Floats, array_of_numbers, matrix_of, output_for, readable
from ._errors import BAD_SHAPE, BadShapeError, failure
from ._library import Matrix, library
from ._views import cluster_prediction_html, prediction_html

if TYPE_CHECKING:
    from ._model_predicting import ModelPredicting

#: The same function without argument types: its arguments are C values made beforehand, which need no conversion.
#: The one in the table takes twice as long.
_predict = type(library.maquette_model_predict)(("maquette_model_predict", library))
_predict.restype = c_int32


#: The label of a row that belongs to none: all its confidences are 0.
NO_LABEL = "none"

#: Confidences in a line for people.
SHOWN = 5

#: `row[:]`, made once.
ALL = slice(None)


class Prediction(NamedTuple):
    """What a model says of one row."""

    #: The most likely label.
    label: str
    #: How likely each label is; they sum up to 1.
    confidences: dict[str, float]

    @property
    def confidence(self) -> float:
        """That of the label."""
        return self.confidences[self.label]

    def __repr__(self) -> str:
        likely = sorted(self.confidences.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{label!r}: {confidence:.3g}" for label, confidence in likely[:SHOWN])
        return f"Prediction(label={self.label!r}, confidences={{{shown}{', …' if len(likely) > SHOWN else ''}}})"

    def _repr_html_(self) -> str:
        return prediction_html(self)


class ClusterPrediction(NamedTuple):
    """What a clustering says of one row."""

    #: The nearest cluster.
    cluster: int
    #: For each cluster, the less the farther its center; they sum up to 1.
    confidences: list[float]

    def __repr__(self) -> str:
        shown = ", ".join(f"{confidence:.3g}" for confidence in self.confidences[:SHOWN])
        more = ", …" if len(self.confidences) > SHOWN else ""
        return f"ClusterPrediction(cluster={self.cluster}, confidences=[{shown}{more}])"

    def _repr_html_(self) -> str:
        return cluster_prediction_html(self)


#: Gives the confidences of one row, in an array that the next call overwrites; see `Model.predictor`.
Predictor = Callable[[Any], Floats]

#: (the row as a memoryview, the prepared arguments, the confidences, what the arguments point to)
Slot = tuple[memoryview, tuple[Any, ...], Floats, tuple[Any, ...]]


def new_slot(handle: c_void_p, like: Array, labels: int) -> Slot:
    row = numpy.empty(like.shape, like.dtype)
    confidences = numpy.empty(labels, numpy.float32)
    features = Matrix(sizeof(Matrix), row.__array_interface__["data"][0], 1, len(row), 0, 0, DTYPES[row.dtype.str], 0)
    answers = Matrix(
        sizeof(Matrix),
        confidences.__array_interface__["data"][0],
        1,
        labels,
        0,
        0,
        DTYPES[confidences.dtype.str],
        0,
    )
    arguments = (handle, byref(features), byref(answers), None)
    return memoryview(row), arguments, confidences, (features, answers)  # type: ignore[arg-type]


def make_predictor(model: ModelPredicting) -> Predictor:
    # A closure: its variables are nearer at hand than an object's attributes.
    view, arguments, confidences, _kept = new_slot(model._handle, numpy.empty(0, numpy.float32), model._output_count())
    predict, everything = _predict, ALL

    def predictor(row: Any) -> Floats:
        nonlocal view, arguments, confidences, _kept
        try:
            # Takes a row of the slot's own length and type only, in any stride.
            view[everything] = row
            if not predict(*arguments):
                return confidences
        except (ValueError, TypeError):
            pass
        array = array_of_numbers(row, "row")
        if array.ndim != 1:
            raise BadShapeError(f"row must be one row of features, but its shape is {array.shape}", "row")
        view, arguments, confidences, _kept = predicted_slot(model, array)
        return confidences

    return predictor


def predicted_slot(model: ModelPredicting, row: Array) -> Slot:
    """A new slot that fits the row and the model's labels, with the row predicted."""
    while True:
        count = model._output_count()
        slot = new_slot(model._handle, row, count)
        # By way of NumPy: a memoryview takes no row whose numbers lie off their alignment.
        numpy.asarray(slot[0])[...] = row
        error = c_void_p()
        status = _predict(*slot[1][:3], byref(error))
        if not status:
            return slot
        reason = failure(status, error)
        if status == BAD_SHAPE and model._output_count() != count:
            continue  # a training with other labels has come in between
        raise model._explained(reason)


def predict_matrix(model: ModelPredicting, features: Array, out: Array | None) -> Array:
    """The confidences of many rows: [rows, labels]."""
    features = readable(features)
    while True:
        count = model._output_count()
        if out is None:
            answers = numpy.empty((len(features), count), numpy.float32)
        else:
            answers = output_for(out, (len(features), count))
        try:
            model._call(library.maquette_model_predict, matrix_of(features), matrix_of(answers))
        except BadShapeError:
            if model._output_count() == count:
                raise
            continue  # a training with other labels has come in between
        return answers
