"""Batch prediction: all instances of a dataset, with the predictions kept in a store."""

from __future__ import annotations

import json
import time
from ctypes import byref, c_int32, c_int64, c_void_p, sizeof
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import numpy
import numpy.typing

from ._arrays import Array, Floats, matrix_of
from ._errors import MaquetteError, NotFoundError, call
from ._handles import Owner
from ._library import BatchOptions, Matrix, library
from ._progress import Progress
from ._status import Status
from ._store import Store
from ._streams import Stream, Subscription
from ._text import owned_text, utf8
from ._views import batch_html, predictions_html
from ._waiting import cancelled_by_ctrl_c, wait_for

if TYPE_CHECKING:
    from ._dataset import Dataset
    from ._metrics import ConfusionMatrix
    from ._models import Model

Self = TypeVar("Self", bound="BatchPrediction")

#: The characters of an id.
ID_LENGTH = 24


class BatchStatus(Status):
    """Where a batch prediction stands: the dictionary that Maquette sends, with its entries as attributes.

    >>> {"status": "running", "count": 3, "total": 20, "data": {"label": "a", "confidences": {…}, "instanceId": …}}

    `status` is one of idle, start, running, success, error, cancelled, loading, loaded. While running, `data` is the
    record that was stored.
    """

    RUNNING = ("start", "running", "loading")

    @property
    def count(self) -> int | None:
        """How many instances have a prediction, from 1."""
        return self.get("count")

    @property
    def total(self) -> int | None:
        """How many instances there are."""
        return self.get("total")

    @property
    def summary(self) -> str:
        """One line: `running 3/20`."""
        count = "" if self.total is None else f" {self.count or 0}/{self.total}"
        return f"{self.status}{count}" + (f": {self.error}" if self.error else "")


class BatchStream(Stream[BatchStatus]):
    """The stream of a batch prediction's status.

    Iterating over it ends with the run; iterating over its `queue()` goes on with the runs to come. Of records that
    come faster than they are taken some are left out.
    """

    def __init__(self, batch: BatchPrediction, handle: Any) -> None:
        super().__init__(batch, handle, "status", BatchStatus)
        self._batch = batch

    def _shown_value(self) -> str:
        return self.value.summary

    def _is_over(self, value: BatchStatus) -> bool:
        return value.is_final and not self._batch.is_running


class BatchPrediction(Owner):
    """Predicts all instances of a dataset and keeps the predictions in a store.

    >>> batch = store.batch_prediction("test-set")
    >>> batch.predict(model, dataset).wait()
    >>> batch.results().labels

    The records are documents of the service `predictions-<name>`, in the form of Marcelle's: what was predicted, and
    `instanceId` and `yTrue`, the id and the `y` of the instance.
    """

    def __init__(self, store: Store, name: str) -> None:
        handle = c_void_p()
        store._call(library.maquette_batch_prediction_open, utf8(name, "name"), byref(handle))
        self.name = name
        self.store = store
        self._own(handle, library.maquette_batch_prediction_destroy)

    def predict(
        self: Self,
        model: Model,
        dataset: Dataset,
        progress: bool | TextIO = False,
        input_field: str = "x",
        resume: bool = False,
    ) -> Self:
        """Starts to predict the instances that are in the dataset, and returns at once, itself: see `wait`.

        The model is the one that is there now; a later training changes nothing. The predictions that are there are
        replaced. Not so with `resume`: then only what is missing is predicted, after a run that was cancelled or
        failed, or for instances that were added or changed; a model that has learned something else, or another
        dataset, begins anew all the same. `input_field` is where the instances have their features: `x`, and not
        Marcelle's `features`, which its instances do not have. With `progress`, a line shows how it goes.
        """
        options = BatchOptions(sizeof(BatchOptions), utf8(input_field, "input_field"), int(bool(resume)), 0)
        output = None if isinstance(progress, bool) else progress
        subscription = self._show(BatchProgress(output)) if progress else None
        try:
            self._call(library.maquette_batch_prediction_predict, model._handle, dataset._handle, byref(options))
        except BaseException:
            if subscription is not None:
                subscription.unsubscribe()
            raise
        return self

    def _show(self, display: BatchProgress) -> Subscription:
        """Shows the run that is about to begin, from a thread of Maquette's, until it is over."""
        subscription: list[Subscription] = []
        seen = 0

        def show(status: BatchStatus) -> None:
            nonlocal seen
            seen += 1
            if seen == 1:
                return  # how it was before this run
            display(status)
            if display.over and subscription:
                subscription[0].unsubscribe()

        subscription.append(self.status.subscribe(show))
        return subscription[0]

    def wait(self: Self, timeout: float | None = None) -> Self:
        """Waits until the run is over, `timeout` seconds at the most; returns the batch prediction.

        Raises what made it fail, `CancelledError` if it was cancelled, `WaitTimeoutError` if it goes on. Ctrl-C gets
        through, and cancels the run.
        """
        cancel, wait = library.maquette_batch_prediction_cancel, library.maquette_batch_prediction_wait

        def step(milliseconds: int) -> bool:
            self._call(wait, milliseconds)
            return True

        with cancelled_by_ctrl_c(self._handle, cancel, wait):
            wait_for("the batch prediction", timeout, step)
        return self

    def cancel(self) -> None:
        """Asks the run to end, which it does within some milliseconds. What was stored by then stays."""
        self._call(_cancel)

    def clear(self) -> None:
        """Removes all predictions."""
        self._call(library.maquette_batch_prediction_clear)

    @property
    def is_running(self) -> bool:
        """Whether a run goes on."""
        flag = c_int32()  # of one that was closed it stays 0
        library.maquette_batch_prediction_is_running(self._handle, byref(flag), None)
        return bool(flag.value)

    def count(self) -> int:
        """How many predictions there are."""
        count = c_int64()
        self._call(library.maquette_batch_prediction_count, byref(count))
        return count.value

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True  # one without predictions is one

    @property
    def status(self) -> BatchStream:
        """The stream of where it stands, to subscribe to or to iterate over."""
        return BatchStream(self, self._stream_handle(library.maquette_batch_prediction_status))

    def results(self) -> Predictions:
        """All predictions that are in the store, as arrays."""
        handle = c_void_p()
        self._call(library.maquette_batch_prediction_results, byref(handle))
        try:
            return Predictions(handle)
        finally:
            library.maquette_predictions_destroy(handle)

    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix of the predictions, which keeps up with those that come."""
        from ._metrics import ConfusionMatrix

        return ConfusionMatrix.of(self)

    def __repr__(self) -> str:
        if self.closed:
            return f"<BatchPrediction {self.name} (closed)>"
        try:
            is_running, status, count = self.is_running, self.status.value, self.count()
        except MaquetteError as error:
            return f"<BatchPrediction {self.name}: {error}>"
        state = f"running, {status.count or 0}/{status.total}" if status.status == "running" else status.status
        if is_running and status.is_final:
            state = "start"  # its thread has not said so yet
        return f"<BatchPrediction {self.name}: {state}, {count} predictions in {self.store.location}>"

    def _title(self) -> str:
        return f"BatchPrediction {self.name}"

    def _repr_html_(self) -> str:
        return batch_html(self)


def _cancel(handle: c_void_p, error: Any) -> Any:
    """`maquette_batch_prediction_cancel` with the error that others have."""
    return library.maquette_batch_prediction_cancel(handle)


class Predictions:
    """The predictions of a batch as arrays, a row for each, in the order they were made."""

    #: The ids of the instances: text.
    ids: numpy.typing.NDArray[numpy.str_]
    #: What the columns of `confidences` are: labels, or the numbers of clusters as text; empty for numbers.
    classes: list[str]
    #: The label that was predicted, "none" for a row that was rejected; None unless it was a classifier.
    labels: numpy.typing.NDArray[numpy.str_] | None
    #: The number of the cluster that was predicted; None unless it was a clustering.
    clusters: numpy.typing.NDArray[numpy.int32] | None
    #: float32, (rows, classes); None where numbers were predicted.
    confidences: Floats | None
    #: The numbers that were predicted, float32, (rows,) or (rows, numbers); None for a classifier or a clustering.
    values: Floats | None
    #: The `y` of the instances: numbers, in the shape of `values`, where numbers were predicted and all have some; else
    #: labels as text, with None for an instance without.
    y_true: Array

    def __init__(self, handle: c_void_p) -> None:
        shape = Matrix(struct_size=sizeof(Matrix))
        call(library.maquette_predictions_values, handle, byref(shape))
        rows = shape.rows
        numbers = numpy.empty((rows, shape.cols), numpy.float32)
        if numbers.size:
            call(library.maquette_predictions_values, handle, byref(matrix_of(numbers)))
        predicted, truth = numpy.empty(rows, numpy.int32), numpy.empty(rows, numpy.int32)
        text = c_void_p()
        call(library.maquette_predictions_labels, handle, _address(predicted), _address(truth), byref(text))
        names = json.loads(owned_text(text))
        characters = numpy.empty(rows * ID_LENGTH, numpy.uint8)
        call(library.maquette_predictions_ids, handle, _address(characters))
        self.ids = characters.view(f"S{ID_LENGTH}").astype(f"U{ID_LENGTH}")
        self.classes = names["outputs"]
        self.labels = self.clusters = self.confidences = self.values = None
        self.y_true = _texts(names["true"], truth)
        match names["answer"]:
            case "label":
                self.labels, self.confidences = _texts(names["predicted"], predicted), numbers
            case "cluster":
                self.clusters, self.confidences = predicted, numbers
            case _:
                self.values = _flat(numbers)
                targets = _targets(handle)
                if targets is not None:
                    self.y_true = targets

    def __len__(self) -> int:
        return len(self.ids)

    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix of the labels, or clusters, and `y_true`."""
        from ._metrics import ConfusionMatrix

        predicted = self.labels if self.labels is not None else self.clusters
        if predicted is None:
            raise TypeError("predictions of numbers have no confusion matrix: see maquette.metrics")
        return ConfusionMatrix(self.y_true, predicted)

    def __repr__(self) -> str:
        if self.values is not None:
            width = 1 if self.values.ndim == 1 else self.values.shape[1]
            return f"<Predictions: {len(self)} × {width} number{'' if width == 1 else 's'}>"
        what = "labels" if self.labels is not None else "clusters"
        return f"<Predictions: {len(self)} of {len(self.classes)} {what}>"

    def _repr_html_(self) -> str:
        return predictions_html(self)


def _address(array: Array) -> c_void_p:
    return c_void_p(array.__array_interface__["data"][0])


def _texts(names: list[str], codes: numpy.typing.NDArray[numpy.int32]) -> Array:
    """The names that the codes stand for; None for -1."""
    if len(codes) and codes.min() < 0:
        return numpy.array([*names, None], object)[codes]
    return numpy.array(names, numpy.str_)[codes] if names else numpy.empty(len(codes), "U1")


def _flat(numbers: Floats) -> Floats:
    return numbers[:, 0] if numbers.shape[1] == 1 else numbers


def _targets(handle: c_void_p) -> Floats | None:
    shape = Matrix(struct_size=sizeof(Matrix))
    try:
        call(library.maquette_predictions_targets, handle, byref(shape))
    except NotFoundError:
        return None
    targets = numpy.empty((shape.rows, shape.cols), numpy.float32)
    call(library.maquette_predictions_targets, handle, byref(matrix_of(targets)))
    return _flat(targets)


class BatchProgress(Progress):
    """Shows the statuses of one run."""

    WORDS = ("predicted", "predicting", "instances")

    def _show(self, status: BatchStatus) -> None:
        match status.status:
            case "start":
                self._start = time.monotonic()
            case "running":
                self._display.show(status.count or 0, status.total or 0, status)
            case "success":
                self._display.complete(status.total or 0, status.total or 0, status)
                self._end(f"predicted {status.total} instances in {time.monotonic() - self._start:.2f} s")
            case "cancelled":
                self._end("the batch prediction was cancelled")
            case "error":
                self._end(f"the batch prediction failed: {status.error}")
