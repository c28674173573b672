"""Models: train, watch, predict, save, load."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Mapping
from contextlib import AbstractContextManager
from ctypes import byref, c_int32, c_int64, c_void_p, sizeof
from typing import Any, ClassVar, TextIO, TypeVar

import numpy

from ._arrays import Array, Features, Floats, Labels, array_of_numbers, copied, matrix_of, rows_of_numbers
from ._dataset import Dataset, Selection
from ._errors import (
    BadHandleError,
    BadShapeError,
    InvalidArgumentError,
    MaquetteError,
    NotTrainedError,
    UnknownParameterError,
    UnsupportedError,
    WaitTimeoutError,
    call,
)
from ._handles import Owner
from ._labels import LabelMemory
from ._library import Matrix, library
from ._model_files import ModelFiles
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
from ._progress import Progress
from ._schema import Schema
from ._sources import BlockReader, Blocks, SourceStruct, address
from ._store import Store
from ._streams import Queue, Stream, Subscription
from ._svg import shortened
from ._text import fetch_json, owned_text, snake_case, to_json, utf8
from ._training import TrainingStatus, TrainingStream
from ._views import model_html
from ._waiting import cancelled_by_ctrl_c, wait_for

Self = TypeVar("Self", bound="Model")

#: What `train` takes to validate with: a dataset, rows and their labels, or a function that gives blocks of them.
Validation = Dataset | Selection | tuple[Features, Labels] | Blocks
#: How a training begins: from nothing; from where the last one ended; with rows that come on top of those before.
MODES = ("fresh", "continuing", "partial")
#: What is kept of a training that is cancelled.
KEPT = ("last", "best")


def kinds() -> list[str]:
    """The kinds of models there are."""
    found: list[str] = fetch_json(library.maquette_model_kinds)
    return found


def schema(kind: str) -> Schema:
    """The parameters of a kind: names, types, ranges, defaults and a sentence about each; printed, it is a table."""
    return Schema(fetch_json(library.maquette_model_schema, utf8(kind, "kind")))


def parameter_attribute(parameter: dict[str, Any]) -> property:
    """An attribute of models that reads and sets one parameter."""
    name = parameter["name"]

    def read(self: Model) -> Any:
        return self.parameter(name).value

    def write(self: Model, value: Any) -> None:
        self.parameter(name).set(value)

    return property(read, write, doc=parameter.get("description"))


@functools.cache
def class_of_kind(base: type[Model], kind: str = "") -> type[Model]:
    """The class of `Model("some-kind")`: as the base is, with the parameters of the kind."""
    body = {"kind": kind, "__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    made: type[Model] = type(base.__name__, (base,), body)
    return made


class Model(ModelFiles):
    """A model that learns while your program runs.

    >>> model = Model("mlp-classifier", layers=[64, 32], epochs=20)
    >>> model.train(X, y)            # returns at once; the training runs on a thread of its own
    >>> model.wait()                 # until it is over
    >>> model.predict(row)           # Prediction(label='3', confidences={...})

    Its parameters are attributes: `model.epochs` reads one, `model.epochs = 30` sets it for the next training, and
    `model.parameter("epochs")` is the stream of its values.
    """

    #: Of a subclass, which has an attribute for each parameter of the kind.
    kind: ClassVar[str] = ""
    #: What the kind is for: "classification", "regression", "clustering", "projection" or "inference".
    task: ClassVar[str] = ""
    #: The names of the parameters in Python, with Maquette's.
    _names: ClassVar[dict[str, str]] = {}
    _description: ClassVar[Schema] = Schema()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "kind" in cls.__dict__:
            cls._names = {}
            cls._description = description = schema(cls.kind)
            cls.task = description["task"]
            for parameter in description["parameters"]:
                name = snake_case(parameter["name"])
                cls._names[name] = parameter["name"]
                setattr(cls, name, parameter_attribute(parameter))

    def __new__(cls, *arguments: Any, **_: Any) -> Any:
        # No __getattr__, which would make every attribute of a model slow, predicting included: a kind has a class.
        if not cls.kind and arguments and isinstance(arguments[0], str):
            cls = class_of_kind(cls, arguments[0])  # type: ignore[arg-type]
        return super().__new__(cls)

    def __init__(self, kind: str, /, **parameters: Any) -> None:
        given = {self._names.get(name, name): value for name, value in parameters.items()}
        handle = c_void_p()
        call(
            library.maquette_model_create,
            utf8(kind, "kind"),
            to_json(given, "parameters"),
            byref(handle),
        )
        self._adopt(handle)

    def _adopt(self, handle: c_void_p) -> None:
        self._slots: list[Slot] = []
        self._labels = LabelMemory()
        self._readers: list[BlockReader] = []
        self._is_synced = False
        # What records its trainings.
        self._trackings: set[Owner] = set()
        self._own(handle, library.maquette_model_destroy)

    def clone(self: Self) -> Self:
        """A model of its own with the same parameters and the same knowledge."""
        handle = c_void_p()
        self._call(library.maquette_model_clone, byref(handle))
        return self._made_of(handle)

    @classmethod
    def _made_of(cls: type[Self], handle: c_void_p) -> Self:
        """The model of a handle, which is then its own."""
        made: Self = object.__new__(cls)
        made._adopt(handle)
        return made

    # Parameters

    def parameter(self, name: str) -> Stream[Any]:
        """The stream of one parameter: `value`, `set(value)`, `subscribe(function)`."""
        handle = c_void_p()
        self._call(
            library.maquette_model_parameter,
            utf8(self._names.get(name, name), "name"),
            byref(handle),
        )
        return Stream(self, handle, name, is_small=True)

    @property
    def parameters(self) -> dict[str, Any]:
        """The present values of all parameters, under their names in Python."""
        values = self._json(library.maquette_model_parameters)
        return {snake_case(name): value for name, value in values.items()}

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in self._names:
            known = ", ".join(self._names)
            raise UnknownParameterError(
                f"{type(self).__name__} has no parameter {name!r}; its parameters are {known}", name
            )
        object.__setattr__(self, name, value)

    def stream(self, name: str) -> Stream[Any]:
        """Another stream of the model: of k-means `centers` and `clusters`."""
        handle = c_void_p()
        self._call(library.maquette_model_stream, utf8(name, "name"), byref(handle))
        return Stream(self, handle, name)

    # Training

    def train(
        self,
        data: Dataset | Selection | Features | Blocks,
        y: Labels | None = None,
        validation: Validation | None = None,
        progress: bool | TextIO = False,
        mode: str = "fresh",
    ) -> None:
        """Starts a training and returns at once.

        `data` is a dataset; or the rows of a matrix, with their labels or, for a regression, numbers in `y`; or a
        function that gives an iterator of blocks `(X, y)`, which is called whenever the rows are read: what does not
        fit into memory is learned block by block. `validation` is what to validate with: a dataset, a pair of rows
        and labels, or a function; without it, a part of the data is kept back, as the parameter `validation_split`
        says. With `progress`, a line shows how it goes.

        A `mode` of "continuing" goes on from where the last training ended, "partial" learns rows on top of those
        before. Predictions meanwhile answer with the last finished epoch. A second training meanwhile raises
        `BusyError`.
        """
        if mode not in MODES:
            raise InvalidArgumentError(f"mode must be one of {', '.join(MODES)}, not {mode!r}", "mode")
        source = SourceStruct(self.task, data, y)
        other: SourceStruct | None = None
        if isinstance(validation, tuple | list):
            if len(validation) != 2:
                raise TypeError("a training on rows is validated with a pair (rows, labels)")
            other = SourceStruct(self.task, *validation, what=("validation[0]", "validation[1]"))
        elif validation is not None:
            other = SourceStruct(self.task, validation, None)
        subscription = self._show(Progress(_output(progress))) if progress else None
        try:
            with self._labels.changing():
                self._readers = [part.reader for part in (source, other) if part is not None and part.reader]
                self._call(library.maquette_model_train_source, address(source), address(other), MODES.index(mode))
        except BaseException:
            if subscription is not None:
                subscription.unsubscribe()
            raise

    def partial_train(self, data: Dataset | Selection | Features | Blocks, y: Labels | None = None) -> None:
        """Starts learning rows on top of those before, and returns at once: `train` with the mode "partial"."""
        self.train(data, y, mode="partial")

    def _show(self, display: Progress) -> Subscription:
        """Shows the training that is about to begin, from a thread of Maquette's, until it is over."""
        subscription: list[Subscription] = []
        seen = 0

        def show(status: TrainingStatus) -> None:
            nonlocal seen
            seen += 1
            if seen == 1:
                return  # how it was before this training
            display(status)
            if display.over and subscription:
                subscription[0].unsubscribe()

        subscription.append(self.training.subscribe(show))
        return subscription[0]

    def wait(self: Self, timeout: float | None = None, progress: bool | TextIO = False) -> Self:
        """Waits until the training is over, `timeout` seconds at the most.

        Raises what made it fail, `CancelledError` if it was cancelled, `WaitTimeoutError` if it goes on. Ctrl-C gets
        through, and cancels the training. With `progress`, a line shows how it goes. Returns the model.
        """
        if not progress:
            with self._cancelled_by_ctrl_c():
                return self._wait(timeout, None, None)
        with self._cancelled_by_ctrl_c(), self.training.queue() as queue:
            display = Progress(_output(progress))
            status = queue.get()
            if not (status.is_final and self.is_training):  # else: that of the training before
                display(status)
            return self._wait(timeout, display, queue)

    def _wait(self: Self, timeout: float | None, display: Progress | None, queue: Queue[TrainingStatus] | None) -> Self:
        def step(milliseconds: int) -> bool:
            if display is not None and queue is not None and not display.over and self.is_training:
                display(queue.get(milliseconds / 1000))
                return False
            self._wait_once(milliseconds)
            return True

        try:
            wait_for("the training", timeout, step)
        finally:
            if display is not None and queue is not None:
                display.finish(queue)
        return self

    def _wait_once(self, milliseconds: int) -> None:
        try:
            self._call(library.maquette_model_wait, milliseconds)
        except MaquetteError as error:
            cause = next((reader.error for reader in self._readers if reader.error is not None), None)
            raise error from cause

    def _cancelled_by_ctrl_c(self) -> AbstractContextManager[None]:
        return cancelled_by_ctrl_c(self._handle, library.maquette_model_cancel, library.maquette_model_wait)

    def fit(
        self: Self,
        data: Dataset | Selection | Features | Blocks,
        y: Labels | None = None,
        validation: Validation | None = None,
        progress: bool | TextIO = False,
        mode: str = "fresh",
    ) -> Self:
        """Trains and waits; returns the model."""
        if not progress:
            with self._cancelled_by_ctrl_c():
                self.train(data, y, validation, mode=mode)
                return self._wait(None, None, None)
        with self._cancelled_by_ctrl_c(), self.training.queue() as queue:
            queue.get()  # how it was before this training
            display = Progress(_output(progress))
            self.train(data, y, validation, mode=mode)
            return self._wait(None, display, queue)

    def cancel(self, keep: str = "last") -> None:
        """Asks the training to end, which it does within one mini-batch. Without a training, this does nothing.

        What stays is the last epoch, or the "best": the one with the least validation loss.
        """
        if keep not in KEPT:
            raise InvalidArgumentError(f"keep must be one of {', '.join(KEPT)}, not {keep!r}", "keep")
        self._call(library.maquette_model_cancel_keeping, KEPT.index(keep))

    def reset(self) -> None:
        """Forgets what was learned or loaded. The parameters stay as they are."""
        with self._labels.changing():
            self._call(library.maquette_model_reset)

    @property
    def is_training(self) -> bool:
        """Whether a training is running."""
        flag = c_int32()  # of a model that was closed it stays 0
        library.maquette_model_is_training(self._handle, byref(flag), None)
        return bool(flag.value)

    @property
    def is_trained(self) -> bool:
        """Whether it can predict."""
        try:
            self._output_count()
        except NotTrainedError:
            return False
        return True

    @property
    def training(self) -> TrainingStream:
        """The stream of what the training does, to subscribe to or to iterate over."""
        return TrainingStream(self, self._stream_handle(library.maquette_model_training))

    # Predicting

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
            labels: list[str] = self._json(library.maquette_model_labels)
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
        names: list[str] = self._json(library.maquette_model_attributes)
        return names

    def attribute(self, name: str) -> Floats:
        """What else the training has found out, as a matrix: `centers`, `components`, …"""
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

    # Saving and loading

    def save(
        self,
        store: Store,
        name: str,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,
        history: int | None = None,
    ) -> str:
        """Saves the model, with its weights, in a store; returns the id.

        With an `id`, that one is replaced. With a `history`, so many models of the name stay, this one among them, and
        those before are removed.
        """
        pointer = c_void_p()
        extra = None if metadata is None else to_json(metadata, "metadata")
        if history is not None:
            if id is not None:
                raise InvalidArgumentError("a model is saved in the place of another one, or with a history", "history")
            self._call(
                library.maquette_model_save_version,
                store._handle,
                utf8(name, "name"),
                extra,
                operator.index(history),
                byref(pointer),
            )
            return owned_text(pointer)
        self._call(
            library.maquette_model_save,
            store._handle,
            utf8(name, "name"),
            extra,
            None if id is None else utf8(id, "id"),
            byref(pointer),
        )
        return owned_text(pointer)

    def load(self, store: Store, id_or_name: str) -> dict[str, Any]:
        """Loads a saved model of the same kind; of several of one name, the latest. Returns what is stored about it."""
        name = utf8(id_or_name, "id_or_name")
        with self._labels.changing():
            stored: dict[str, Any] = self._json(library.maquette_model_load, store._handle, name)
        return stored

    # Synchronization

    def sync(self: Self, store: Store, name: str, history: int | None = None) -> Self:
        """Keeps the model in step with the saved models of a name, whatever process they are trained in.

        >>> model = maquette.MLPClassifier().sync(store, "digits")     # in each process

        The newest is loaded now, if there is one, and again when somebody else has saved one. The model is saved when
        it was trained, or loaded from elsewhere, by a thread of the library's; `sync_status` tells of it. With a
        `history`, so many models of the name stay; without, every saving takes the place of the newest.
        """
        options = None if history is None else to_json({"history": history}, "history")
        with self._labels.changing():
            self._call(library.maquette_model_sync, store._handle, utf8(name, "name"), options)
        if not self._is_synced:
            # Another process may bring other labels at any time.
            self._is_synced = True
            self._labels.unsettle()
        return self

    def unsync(self, timeout: float | None = None) -> None:
        """Ends what `sync` began, once the last training is saved, within `timeout` seconds."""
        try:
            self._within(timeout, library.maquette_model_unsync, "saving the last training")
        except WaitTimeoutError:
            raise  # it has not ended yet
        except MaquetteError:
            self._unsynced()
            raise
        self._unsynced()

    def _unsynced(self) -> None:
        if self._is_synced:
            self._is_synced = False
            self._labels.settle()

    def flush_sync(self, timeout: float | None = None) -> None:
        """Waits until the trainings that have ended are saved, for `timeout` seconds at the most.

        Raises what keeps them from being saved, e.g. `FullError`; it is tried again.
        """
        self._within(timeout, library.maquette_model_sync_flush, "saving the trainings")

    def _within(self, timeout: float | None, function: Any, what: str) -> None:
        def step(milliseconds: int) -> bool:
            self._call(function, milliseconds)
            return True

        wait_for(what, timeout, step)

    @property
    def sync_status(self) -> Stream[dict[str, Any]]:
        """The stream of what `sync` does: `{"status": "saved", "id": …}`, "loaded", "conflict", "error", …"""
        return Stream(self, self._stream_handle(library.maquette_model_sync_status), "sync_status", is_small=True)

    def __repr__(self) -> str:
        if self.closed:
            return f"<{type(self).__name__} (closed)>"
        try:
            usual = {
                snake_case(parameter["name"]): parameter["default"] for parameter in self._description["parameters"]
            }
            changed = [
                f" {key}={shortened(json.dumps(value, ensure_ascii=False), 60)}"
                for key, value in self.parameters.items()
                if value != usual[key]
            ]
            return f"<{self._title()}{''.join(changed)}: {self._state()}>"
        except BadHandleError:  # closed by another thread meanwhile
            return f"<{type(self).__name__} (closed)>"

    def _repr_html_(self) -> str:
        return model_html(self)

    def _title(self) -> str:
        return f"Model {self.kind}" if type(self).__name__ == "Model" else type(self).__name__

    def _state(self) -> str:
        status = self.training.value
        match status.status:
            case "start" | "epoch":
                return f"training, epoch {status.epoch or 0}/{status.epochs}"
            case "loading":
                return "loading"
            case "error":
                how = f"the last training failed ({status.error}), "
            case "cancelled":
                how = "the last training was cancelled, "
            case _:
                how = ""
        try:
            found = [_counted(self._feature_count(), "feature"), _counted(self._output_count(), OUTPUTS[self.task])]
            found += self._findings()
        except NotTrainedError:
            return how + "not trained"
        if status.status == "success":
            # The loss, which says little to people, only where there is nothing better.
            said = [figure for figure in status.figures() if "loss" not in figure] or status.figures()
            found += said[-1:]
        return f"{how}{'loaded' if status.status == 'loaded' else 'trained'}, {', '.join(found)}"

    def _findings(self) -> list[str]:
        """What the training has found out, in a few words."""
        found = []
        for name in self.attributes:
            match name:
                case "inertia":
                    found.append(f"inertia {self.attribute(name)[0, 0]:.4g}")
                case "explainedVarianceRatio":
                    found.append(f"{self.attribute(name).sum():.1%} of the variance")
                case "embedding":
                    found.append(f"{self._attribute_shape(name)[0]} rows")
        return found

    def _json(self, function: Any, *arguments: Any) -> Any:
        pointer = c_void_p()
        self._call(function, *arguments, byref(pointer))
        return json.loads(owned_text(pointer))

    def _explained(self, error: MaquetteError) -> MaquetteError:
        return self._closed_error() if isinstance(error, BadHandleError) and self.closed else error


#: What a prediction has a number for.
OUTPUTS = {
    "classification": "label",
    "regression": "target",
    "clustering": "cluster",
    "projection": "component",
    "inference": "output",
}


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _output(progress: bool | TextIO) -> TextIO | None:
    return None if isinstance(progress, bool) else progress
