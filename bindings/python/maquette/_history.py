"""The history of trainings: every training of a tracked model becomes a run in the store."""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Iterator, Mapping
from ctypes import byref, c_void_p
from datetime import datetime
from typing import Any

import numpy
import numpy.typing

from ._errors import InvalidArgumentError, UnknownParameterError, WaitTimeoutError
from ._handles import Owner
from ._library import library
from ._models import Model
from ._plots import plot_curves, plot_runs
from ._store import Store
from ._streams import SLICE_MILLISECONDS, Stream
from ._text import owned_text, snake_case, to_json, utf8
from ._views import comparison_html, history_html, run_html

#: A value for each epoch; NaN for an epoch without.
Figures = numpy.typing.NDArray[numpy.float64]

#: Runs a page holds at the most.
PAGE = 200

#: Milliseconds that closing a history waits for what is still to be written.
PATIENCE_MILLISECONDS = 10_000


class Checkpoint:
    """A model that was saved in the course of a run.

    >>> run.checkpoints[-1].restore(model)
    """

    def __init__(self, run: Run, document: Mapping[str, Any]) -> None:
        self.run = run
        self.id: str = document["id"]
        #: E.g. "digits-3@final", "digits-3@epoch-10".
        self.name: str = document.get("name", "")
        #: The service of the store that the model is in.
        self.service: str = document["service"]

    def restore(self, model: Model) -> Model:
        """Loads it into a model of its kind, which is returned: weights, labels and parameters."""
        return self.run.restore(model, self.id)

    def __repr__(self) -> str:
        return f"<Checkpoint {self.name}>"


class Run:
    """One training, as the store had it when this was read.

    >>> run = history.run("digits-3")
    >>> run.status, run.epoch, run.epochs
    ('success', 20, 20)
    >>> run.logs["loss"]                                  # a value for each epoch
    array([2.1, 1.4, …])
    >>> run.restore(maquette.MLPClassifier())             # the model it made
    """

    def __init__(self, history: TrainingHistory, document: dict[str, Any]) -> None:
        self.history = history
        #: What the store keeps, as a dictionary.
        self.document = document
        self.id: str = document["id"]
        #: "digits-3": the basename, and a number one above that of the run before.
        self.name: str = _text(document.get("name"))
        self.basename: str = _text(document.get("basename"))
        #: The kind of the model.
        self.source: str = _text(document.get("source"))
        #: start, epoch, success, error, cancelled; or interrupted, if the process that recorded it died.
        self.status: str = _text(document.get("status"))
        #: The last epoch that was finished, from 1.
        self.epoch: int | None = document.get("epoch")
        #: How many there were to be.
        self.epochs: int | None = document.get("epochs")
        #: Why it failed.
        self.error: str | None = document.get("error")
        #: The parameters of the model when the training began, under their names in Python.
        self.parameters: dict[str, Any] = {
            snake_case(name): value for name, value in _dictionary(document.get("params")).items()
        }
        #: The figures by name, an array with a value for each epoch.
        self.logs: dict[str, Figures] = {
            name: numpy.array([numpy.nan if value is None else value for value in values], numpy.float64)
            for name, values in _dictionary(document.get("logs")).items()
        }
        #: The models that were saved, the last at the end.
        self.checkpoints: list[Checkpoint] = [Checkpoint(self, entry) for entry in document.get("checkpoints") or []]

    @property
    def start(self) -> datetime | None:
        """When it began, in UTC."""
        try:
            return datetime.fromisoformat(_text(self.document.get("start")).replace("Z", "+00:00"))
        except ValueError:
            return None

    @property
    def is_running(self) -> bool:
        """Whether it went on when this was read."""
        return self.status in ("start", "epoch")

    def restore(self, model: Model, checkpoint: str | None = None) -> Model:
        """Loads the model that the run made into a model of its kind, which is returned.

        `checkpoint` is the id or the name of one of `checkpoints`; without, it is the last.
        """
        return self.history.restore(self, model, checkpoint)

    def remove(self, checkpoints: bool = False) -> None:
        """Removes the run from the store, and with `checkpoints` the models it saved."""
        self.history.remove(self, checkpoints=checkpoints)

    def refresh(self) -> Run:
        """The run as the store has it now."""
        return self.history.run(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.document == other.document

    __hash__ = None  # type: ignore[assignment]  # what it holds changes with the store

    def __repr__(self) -> str:
        epochs = "" if self.epoch is None else f", epoch {self.epoch}" + (f"/{self.epochs}" if self.epochs else "")
        figures = "".join(f", {name} {values[-1]:.4g}" for name, values in self.logs.items() if len(values))
        return f"<Run {self.name}: {self.status}{epochs}{figures}>"

    def _repr_html_(self) -> str:
        return run_html(self)

    def plot(self, measure: str = "loss", ax: Any = None) -> Any:
        """Draws a measure over the epochs, with matplotlib; returns the axes.

        >>> run.plot()                            # the loss, with that on the validation rows
        >>> run.plot("accuracy", ax=axes)
        """
        return plot_curves({snake_case(name): values for name, values in self.logs.items()}, measure, ax, self.status)


class Comparison:
    """Runs side by side.

    >>> comparison = history.compare("digits-1", "digits-2")
    >>> comparison.parameters                      # those that differ
    {'epochs': [20, 30]}
    >>> comparison.logs["loss"]                    # runs x epochs, NaN where a run has none
    >>> comparison.best["lossVal"]                 # for each run the best value and its epoch
    [(0.31, 20), (0.28, 27)]
    """

    def __init__(self, runs: list[Run], document: dict[str, Any]) -> None:
        self.runs = runs
        #: The parameters that are not the same in all runs: a value for each, None where a run has none.
        self.parameters: dict[str, list[Any]] = {
            snake_case(name): values for name, values in document["parameters"].items()
        }
        #: The figures by name, float64, (runs, epochs).
        self.logs: dict[str, Figures] = {}
        #: For each run the best value and its epoch, from 1; None where there is none, or where it is not known
        #: whether more is better.
        self.best: dict[str, list[tuple[float, int] | None]] = {}
        #: The run with the best of all.
        self.best_run: dict[str, Run | None] = {}
        for name, log in document["logs"].items():
            values = [[numpy.nan if value is None else value for value in row] for row in log["values"]]
            self.logs[name] = numpy.array(values, numpy.float64)
            self.best[name] = [best and (best["value"], best["epoch"]) for best in log["best"]]
            self.best_run[name] = None if log["bestRun"] is None else runs[log["bestRun"]]

    def __repr__(self) -> str:
        lines = [f"<Comparison of {', '.join(run.name for run in self.runs)}"]
        lines += [f"  {name}: {', '.join(map(str, values))}" for name, values in self.parameters.items()]
        for name, bests in self.best.items():
            shown = ["-" if best is None else f"{best[0]:.4g} (epoch {best[1]})" for best in bests]
            lines.append(f"  best {name}: {', '.join(shown)}")
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        return comparison_html(self)

    def plot(self, measure: str = "loss", ax: Any = None) -> Any:
        """Draws a measure over the epochs with a line for each run, with matplotlib; returns the axes.

        >>> comparison.plot("loss_val")

        `ax` is what to draw on; new axes unless given.
        """
        logs = {snake_case(name): values for name, values in self.logs.items()}
        if measure not in logs:
            raise UnknownParameterError(f"there is no {measure!r} to be drawn, but {', '.join(logs)}", measure)
        return plot_runs({run.name: values for run, values in zip(self.runs, logs[measure], strict=True)}, measure, ax)


class Tracking(Owner):
    """What makes the trainings of a model runs; a `with` statement, or `close()`, ends it.

    A training that goes on then is recorded to its end all the same. You need not keep it: it lasts as long as the
    model.
    """

    def __init__(self, history: TrainingHistory, model: Model, basename: str, handle: c_void_p) -> None:
        self.history = history
        self.basename = basename
        self._model = weakref.ref(model)
        self._kind = model.kind
        self._own(handle, library.maquette_tracking_destroy)
        # The model keeps it, and with it the history.
        model._trackings.add(self)

    def close(self) -> None:
        """No training that begins from now on becomes a run. Doing so twice is fine."""
        super().close()
        model = self._model()
        if model is not None:
            model._trackings.discard(self)

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        # What was trained in the block is in the store behind it.
        if not self.history.closed and exception[0] is None:
            self.history.flush()

    def __repr__(self) -> str:
        return f"<Tracking of a {self._kind} as {self.basename}{' (ended)' if self.closed else ''}>"


class TrainingHistory(Owner):
    """The runs of a store: every training of a tracked model, epoch by epoch, with the model that it made.

    >>> history = maquette.TrainingHistory(store)
    >>> with history.track(model, "digits"):
    ...     model.fit(digits)
    >>> history.runs()
    [<Run digits-1: success, epoch 20/20, loss 0.05, accuracy 0.99, lossVal 0.1, accuracyVal 0.97>]
    >>> history.run("digits-1").restore(maquette.MLPClassifier())

    A run is in the store from the beginning of its training on, with all epochs so far; should the process die, it is
    there with what was written, and its status is "interrupted". Recording slows no training down: a thread of
    Maquette's own writes.
    """

    def __init__(self, store: Store) -> None:
        handle = c_void_p()
        store._call(library.maquette_history_open, byref(handle))
        self.store = store
        self._own(handle, _flush_and_destroy)

    # Recording

    def track(
        self,
        model: Model,
        basename: str = "anonymous",
        *,
        checkpoint: bool = True,
        checkpoint_every: int | None = None,
    ) -> Tracking:
        """Makes every training of the model a run from now on, called "basename-1", "basename-2", …

        The model is saved when a training has ended well, or was cancelled after an epoch, unless `checkpoint` is
        false; and after every so many epochs with `checkpoint_every`. It goes on as long as the model, or until the
        tracking or this history is closed: in a `with` statement at its end, where everything is written.
        """
        if not isinstance(model, Model):
            raise TypeError(f"what is tracked must be a model, not {type(model).__name__}")
        options: dict[str, Any] = {"checkpoint": bool(checkpoint)}
        if checkpoint_every is not None:
            options["checkpointEvery"] = checkpoint_every
        if model.closed:
            raise model._closed_error()
        handle = c_void_p()
        self._call(
            library.maquette_history_track,
            model._handle,
            utf8(basename, "basename"),
            to_json(options, "options"),
            byref(handle),
        )
        return Tracking(self, model, basename, handle)

    def flush(self, timeout: float | None = None) -> None:
        """Waits until everything that trainings have reported is in the store, `timeout` seconds at the most.

        It does not wait for trainings that go on. Raises why something can't be written (a full disk, …), which is
        kept and tried again; `WaitTimeoutError` if it takes longer.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = SLICE_MILLISECONDS
            if end is not None:
                left = max(0, min(left, round((end - time.monotonic()) * 1000 + 0.5)))
            try:
                self._call(library.maquette_history_flush, left)
                return
            except WaitTimeoutError:
                if end is not None and time.monotonic() >= end:
                    raise WaitTimeoutError(f"not everything was written within {timeout} s") from None

    # Looking

    def runs(
        self,
        basename: str | None = None,
        query: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        sort: Mapping[str, int] | str | None = None,
        **fields: Any,
    ) -> list[Run]:
        """The runs, in the order they were created.

        >>> history.runs("digits", status="success", sort="-start", limit=10)
        >>> history.runs(query={"params.epochs": {"$gt": 20}})

        `sort` is a field, with a minus for the greatest first, or `{"field": 1 or -1}`.

        `basename` is what their names begin with, all runs without.
        """
        complete: dict[str, Any] = {**(query or {}), **fields}
        if basename is not None:
            complete["basename"] = basename
        if isinstance(sort, str):
            sort = {sort.removeprefix("-"): -1 if sort.startswith("-") else 1}
        if sort is not None:
            complete["$sort"] = sort
        if limit is not None and limit < 0:
            raise InvalidArgumentError(f"limit is {limit}; it must not be negative", "limit")
        found: list[Run] = []
        while limit is None or len(found) < limit:
            wanted = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self._json(
                library.maquette_history_runs, to_json({**complete, "$limit": wanted, "$skip": len(found)}, "query")
            )
            found += [Run(self, document) for document in page["data"]]
            if not page["data"] or len(found) >= page["total"]:
                break
        return found

    def run(self, id_or_name: str) -> Run:
        """One run: the id is looked up first, then the name.

        `id_or_name` is either. Raises `NotFoundError`.
        """
        return Run(self, self._json(library.maquette_history_run, utf8(id_or_name, "id_or_name")))

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs())

    def compare(self, *runs: Run | str) -> Comparison:
        """Puts runs, or runs of these ids or names, side by side."""
        names = [_id(run) for run in runs]
        document = self._json(library.maquette_history_compare, to_json(names, "runs"))
        return Comparison([self.run(name) for name in names], document)

    # Changing

    def restore(self, run: Run | str, model: Model, checkpoint: str | None = None) -> Model:
        """Loads a model that was saved in a run into a model of its kind, which is returned.

        `checkpoint` is its id or name; without, it is the last of the run.
        """
        if not isinstance(model, Model):
            raise TypeError(f"a checkpoint is restored into a model, not into a {type(model).__name__}")
        if model.closed:
            raise model._closed_error()
        with model._labels.changing():
            self._call(
                library.maquette_history_restore,
                utf8(_id(run), "id_or_name"),
                None if checkpoint is None else utf8(checkpoint, "checkpoint"),
                model._handle,
                None,
            )
        return model

    def remove(self, run: Run | str, *, checkpoints: bool = False) -> None:
        """Removes a run from the store, and with `checkpoints` the models it saved."""
        self._call(library.maquette_history_remove, utf8(_id(run), "id_or_name"), int(bool(checkpoints)), None)

    # Watching

    @property
    def changes(self) -> Stream[dict[str, Any]]:
        """The stream of what happens to the runs: `{"type": "updated", "run": {"name": …, "epoch": …}}`.

        A run in it has no `logs`; `data` has the figures of its last epoch.
        """
        return Stream(self, self._stream_handle(library.maquette_history_changes), "changes")

    def __repr__(self) -> str:
        return f"<TrainingHistory of {self.store.location}{' (closed)' if self.closed else ''}>"

    def _repr_html_(self) -> str:
        return history_html(self)

    def _json(self, function: Any, *arguments: Any) -> Any:
        pointer = c_void_p()
        self._call(function, *arguments, byref(pointer))
        return json.loads(owned_text(pointer))


def _flush_and_destroy(handle: c_void_p) -> None:
    """What was reported is written before a history goes, if that is to be had at all."""
    library.maquette_history_flush(handle, PATIENCE_MILLISECONDS, None)
    library.maquette_history_destroy(handle)


def _id(run: Run | str) -> str:
    return run.id if isinstance(run, Run) else run


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
