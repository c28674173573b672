"""Models that predict, and what else they have found out."""

from __future__ import annotations

from ctypes import byref, c_int64, sizeof
from typing import Any

import numpy

from ._arrays import Array, Floats, array_of_numbers, copied, matrix_of, rows_of_numbers
from ._documents import fetch
from ._errors import BadHandleError, BadShapeError, MaquetteError, NotTrainedError, UnsupportedError
from ._library import Matrix, library
from ._model_training import ModelTraining
from ._prediction import (
    ALL,
    NO_LABEL,
    ClusterPrediction,
    Prediction,
    Predictor,
    Slot,
    _predict,
    make_predictor,
    predict_matrix,
    predicted_slot,
)
from ._text import utf8


class ModelPredicting(ModelTraining):
    """What a model does with what it has learned, also while it learns."""

    #: What is prepared for the next prediction of one row.
    _slots: list[Slot]

    @property
    def is_trained(self) -> bool:
        """Whether it can predict."""
        try:
            self._output_count()
        except NotTrainedError:
            return False
        return True

    def predict(self, X: Any) -> Any:
        """The answer for a row, or those for many rows.

        >>> classifier.predict(row)      # Prediction(label='3', confidences={'0': 0.01, '3': 0.97, …})
        >>> classifier.predict(rows)     # array(['3', '7', …])
        >>> regressor.predict(row)       # 0.25, or an array where there are several targets
        >>> regressor.predict(rows)      # float32, (rows,) or (rows, targets)
        >>> clustering.predict(row)      # ClusterPrediction(cluster=2, confidences=[0.01, 0.02, 0.97])
        >>> clustering.predict(rows)     # array([2, 0, …])
        >>> projection.predict(rows)     # float32, (rows, components)
        >>> onnx_model.predict(rows)     # as a classifier where it has labels, else float32, (rows, outputs)

        `X` is a row, (features,), or rows, (rows, features), of any numbers. Raises `NotTrainedError`, `BadShapeError`
        for rows of another width, `NotFiniteError`.
        """
        if self.task == "inference" and (found := self.labels):
            # A parameter says which, so that they may change at any time.
            return self._named(self.predict_proba(X), found)
        if self.task != "classification":
            return self._numbers(self.predict_proba(X))
        return self._named(*self._labels.consistent(self, X))

    def _named(self, confidences: Array, labels: list[str]) -> Any:
        if confidences.ndim == 1:
            values: list[float] = confidences.tolist()
            greatest = max(values)
            label = labels[values.index(greatest)] if greatest > 0 else NO_LABEL
            return Prediction(label, dict(zip(labels, values, strict=True)))
        found = numpy.array(labels)[confidences.argmax(axis=1)]
        rejected = confidences.max(axis=1, initial=0) == 0
        return numpy.where(rejected, NO_LABEL, found) if rejected.any() else found

    def _numbers(self, predictions: Array) -> Any:
        if self.task == "clustering":
            if predictions.ndim == 1:
                return ClusterPrediction(int(predictions.argmax()), predictions.tolist())
            return predictions.argmax(axis=1)
        if self.task == "regression" and predictions.shape[-1] == 1:
            return float(predictions[0]) if predictions.ndim == 1 else predictions[:, 0]
        return predictions

    def predict_proba(self, X: Any, out: Array | None = None) -> Array:
        """The confidence of each label, in the order of `labels`, for a row or for many; of a regression, the numbers.

        float32, of the shape (labels,) or (rows, labels); a row sums up to 1, or is all 0 where it belongs to no
        label. With `out`, an array of float32 or float64, it is written there.

        `X` is a row, (features,), or rows, (rows, features), of any numbers. Raises what `predict` raises.
        """
        slots = self._slots
        try:
            slot = slots.pop()
        except IndexError:
            return self._predict_other(X, out)
        view, arguments, confidences, _ = slot
        try:
            # Takes a row of the slot's own length and type only, in any stride.
            view[ALL] = X
        except (ValueError, TypeError):
            slots.append(slot)
            return self._predict_other(X, out)
        if _predict(*arguments):
            return self._predict_other(X, out)
        answer: Array = confidences.copy() if out is None else copied(confidences, out)
        slots.append(slot)
        return answer

    def _predict_other(self, X: Any, out: Array | None) -> Array:
        """Whatever no slot was ready for."""
        array = array_of_numbers(X, "X")
        if array.ndim != 1:
            return predict_matrix(self, rows_of_numbers(array, "X"), out)
        if array is not X:
            return self.predict_proba(array, out)
        slot = predicted_slot(self, array)
        answer: Array = slot[2].copy() if out is None else copied(slot[2], out)
        self._slots[:] = [slot]
        return answer

    def predictor(self) -> Predictor:
        """A function that gives the confidences of one row after another, for inner loops.

        >>> predict = model.predictor()
        >>> for row in rows:
        ...     confidences = predict(row)     # overwritten by the next call: copy what you keep

        It is for one thread; make one for each.
        """
        return make_predictor(self)

    @property
    def labels(self) -> list[str]:
        """All labels, in the order of the confidences: as the training first saw them.

        Of an `ONNXModel` those of its outputs; none where they are plain numbers.
        """
        try:
            labels: list[str] = fetch(self, library.maquette_model_labels)
        except UnsupportedError:
            if self.task != "inference":
                raise
            return []
        return labels

    def _output_count(self) -> int:
        count = c_int64()
        self._call(library.maquette_model_output_count, byref(count))
        return count.value

    def _feature_count(self) -> int:
        count = c_int64()
        self._call(library.maquette_model_feature_count, byref(count))
        return count.value

    # What else was found out

    @property
    def attributes(self) -> list[str]:
        """The names of what else the training has found out: see `attribute`."""
        names: list[str] = fetch(self, library.maquette_model_attributes)
        return names

    def attribute(self, name: str) -> Floats:
        """What else the training has found out, as a matrix: `centers`, `components`, …

        `name` is one of `attributes`. Raises `NotFoundError` for another, `NotTrainedError`.
        """
        encoded = utf8(name, "name")
        while True:
            found = numpy.empty(self._attribute_shape(name), numpy.float32)
            if not found.size:
                return found
            try:
                self._call(library.maquette_model_attribute, encoded, byref(matrix_of(found)))
            except BadShapeError:
                continue  # it has been trained anew between the two calls
            return found

    def _attribute_shape(self, name: str) -> tuple[int, int]:
        shape = Matrix(struct_size=sizeof(Matrix))
        self._call(library.maquette_model_attribute, utf8(name, "name"), byref(shape))
        return shape.rows, shape.cols

    def _explained(self, error: MaquetteError) -> MaquetteError:
        return self._closed_error() if isinstance(error, BadHandleError) and self.closed else error
