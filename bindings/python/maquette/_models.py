"""Models: train, watch, predict, save, load."""

from __future__ import annotations

import functools
import json
from ctypes import byref, c_void_p
from typing import Any, ClassVar, TypeVar

from ._documents import fetch
from ._errors import (
    BadHandleError,
    NotTrainedError,
    UnknownParameterError,
    call,
)
from ._handles import Owner
from ._labels import LabelMemory
from ._library import library
from ._model_files import ModelFiles, opened_bytes
from ._model_predicting import ModelPredicting
from ._model_storing import ModelStoring
from ._prediction import (
    Slot,
)
from ._schema import Schema
from ._sources import BlockReader
from ._streams import Stream
from ._svg import shortened
from ._text import fetch_json, snake_case, to_json, utf8
from ._views import model_html

Self = TypeVar("Self", bound="Model")


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


class Model(ModelPredicting, ModelStoring, ModelFiles):
    """A model that learns while your program runs.

    >>> model = Model("mlp-classifier", layers=[64, 32], epochs=20)
    >>> model.train(X, y)            # returns at once; the training runs on a thread of its own
    >>> model.wait()                 # until it is over
    >>> model.predict(row)           # Prediction(label='3', confidences={...})

    Its parameters are attributes: `model.epochs` reads one, `model.epochs = 30` sets it for the next training, and
    `model.parameter("epochs")` is the stream of its values.

    `kind` is one of `maquette.kinds()`; the parameters are those that `maquette.schema(kind)` describes. Raises
    `UnknownKindError`, `UnknownParameterError`, `BadParameterError`.
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

    # Travelling

    def __copy__(self: Self) -> Self:
        return self.clone()

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        return self.clone()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the parameters, and what was learned as the file that `download` writes.

        A training that runs goes on; its last finished epoch is what travels. A synced model is not synced there.
        """
        try:
            data = self.to_bytes()
        except NotTrainedError:
            data = None
        # The class that `Model("some-kind")` makes is found by its kind, not by its name.
        cls = type(self)
        base = cls.__mro__[1] if cls is class_of_kind(cls.__mro__[1], cls.kind) else cls
        return _unpickled, (base, cls.kind, self.parameters if data is None else None, data)

    # Parameters

    def parameter(self, name: str) -> Stream[Any]:
        """The stream of one parameter: `value`, `set(value)`, `subscribe(function)`.

        `name` is that of the parameter in Python, or in Maquette. Raises `UnknownParameterError`.
        """
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
        values = fetch(self, library.maquette_model_parameters)
        return {snake_case(name): value for name, value in values.items()}

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in self._names:
            known = ", ".join(self._names)
            raise UnknownParameterError(
                f"{type(self).__name__} has no parameter {name!r}; its parameters are {known}", name
            )
        object.__setattr__(self, name, value)

    def stream(self, name: str) -> Stream[Any]:
        """Another stream of the model: of k-means `centers` and `clusters`.

        `name` is that of the stream. Raises `NotFoundError` where the kind has none of that name.
        """
        handle = c_void_p()
        self._call(library.maquette_model_stream, utf8(name, "name"), byref(handle))
        return Stream(self, handle, name)

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


def _unpickled(base: type[Model], kind: str, parameters: dict[str, Any] | None, data: bytes | None) -> Model:
    """The model that was pickled."""
    cls = base if base.kind else class_of_kind(base, kind)  # type: ignore[arg-type]
    if data is not None:
        return cls._made_of(opened_bytes(data))
    made: Model = object.__new__(cls)
    Model.__init__(made, kind, **(parameters or {}))
    return made


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
