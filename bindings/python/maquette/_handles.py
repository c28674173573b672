"""Handles: who owns them, when they end, and what happens at the interpreter's exit and in a forked child."""

from __future__ import annotations

import atexit
import os
import weakref
from ctypes import c_void_p
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ._errors import BadHandleError, call
from ._library import library

if TYPE_CHECKING:
    from ._callbacks import Receiver

Self = TypeVar("Self", bound="Owner")

#: Everything that is open, to be closed at exit.
_open: weakref.WeakValueDictionary[int, Owner] = weakref.WeakValueDictionary()


class Owner:
    """Owns a handle: close it, use it in a `with` statement, or just drop it."""

    _handle: c_void_p

    def _own(self, handle: c_void_p, destroy: Any) -> None:
        self._handle = handle
        # The subscriptions of this object's streams: they last as long as it does.
        self._receivers: set[Receiver] = set()
        # No __del__: a finalizer runs once, in any order at exit, and holds no reference to this object.
        self._finalizer = weakref.finalize(self, destroy, handle)
        self._finalizer.atexit = False  # see close_everything
        if handle.value is not None:
            _open[handle.value] = self

    def close(self) -> None:
        """Gives the handle back. Doing so twice is fine; using the object afterwards raises `BadHandleError`."""
        self._finalizer()

    @property
    def closed(self) -> bool:
        """Whether the handle was given back."""
        return not self._finalizer.alive

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            f"a {type(self).__name__} belongs to this process: it can't be copied or pickled; open it where you need it"
        )

    def _title(self) -> str:
        """What it is called where its state is told."""
        return type(self).__name__

    def _closed_error(self) -> BadHandleError:
        return BadHandleError(f"this {type(self).__name__} is closed")

    def _call(self, function: Any, *arguments: Any) -> None:
        """Calls a function of the library whose first argument is this object's handle."""
        try:
            call(function, self._handle, *arguments)
        except BadHandleError:
            if self.closed:
                raise self._closed_error() from None
            raise

    def _stream_handle(self, function: Any) -> c_void_p:
        token = function(self._handle)
        if not token:
            raise self._closed_error()
        return c_void_p(token)


def close_everything() -> None:
    """At exit: no callback may run once the interpreter is gone, and a store's file is to be closed well.

    Trainings and batch predictions are cancelled; subscriptions end, which waits for callbacks that are running; then
    the runs are waited for, synced models are saved, what histories record is written, and what is open is closed.
    """
    from . import _callbacks
    from ._batch import BatchPrediction
    from ._history import TrainingHistory
    from ._models import Model

    owners = list(_open.values())
    models = [owner for owner in owners if isinstance(owner, Model)]
    batches = [owner for owner in owners if isinstance(owner, BatchPrediction)]
    for model in models:
        library.maquette_model_cancel(model._handle)
    for batch in batches:
        library.maquette_batch_prediction_cancel(batch._handle)
    _callbacks.end_all()
    for model in models:
        library.maquette_model_wait(model._handle, 10_000, None)
    for batch in batches:
        library.maquette_batch_prediction_wait(batch._handle, 10_000, None)
    for model in models:
        library.maquette_model_unsync(model._handle, 10_000, None)
    for owner in owners:
        if isinstance(owner, TrainingHistory):
            owner.close()
    for owner in owners:
        owner.close()


def _forget_in_child() -> None:
    """In a forked child the library answers no call, so there is nothing to close."""
    atexit.unregister(close_everything)


# Finalizers do nothing any more once `weakref` has run those that are due at exit, which it registers with the first of
# a program: what is registered behind that runs before.
weakref.finalize(close_everything, bool).detach()
atexit.register(close_everything)
os.register_at_fork(after_in_child=_forget_in_child)
