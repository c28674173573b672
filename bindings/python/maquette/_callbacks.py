"""From the library's threads into Python.

There is one C function for each callback signature, made when this module is loaded and never freed, so that no
thread can be inside a thunk that goes away. What tells subscriptions apart is the `user_data`: a number, the key of
a receiver. The library calls `destroy` exactly once when it will not use a key again, and the key goes then.

An exception that leaves a receiver's function is reported by `sys.unraisablehook` (ctypes does that) and harms
nothing else: the next event comes as if it had not been.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import weakref
from collections.abc import Callable
from ctypes import byref, c_void_p, string_at
from typing import Any

import numpy

from ._errors import call
from ._library import (
    NO_DESTROY_FUNCTION,
    NO_LOG_FUNCTION,
    DestroyFunction,
    Event,
    EventFunction,
    LogFunction,
    library,
)


def event_value(event: Event, convert: Callable[[Any], Any]) -> Any:
    """The value of an event, with a copy of the matrix that came with it."""
    value = convert(json.loads(string_at(event.json, event.json_length)))
    if event.matrix:
        matrix = event.matrix.contents
        count = matrix.rows * matrix.cols
        numbers = numpy.frombuffer(string_at(matrix.data, count * 4), numpy.float32)
        value.matrix = numbers.reshape(matrix.rows, matrix.cols)
    return value


class Receiver:
    """A subscriber's function, and the subscription it belongs to.

    The owner of the stream keeps it, not the table of keys: a function that refers to its model would otherwise keep
    that model alive for ever.
    """

    __slots__ = ("__weakref__", "convert", "dropped", "ended", "function", "keeper", "key", "subscription")

    def __init__(self, function: Callable[[Any], object], convert: Callable[[Any], Any], keeper: set[Receiver]) -> None:
        self.function = function
        self.convert = convert
        self.keeper = keeper
        self.key = next(_keys)
        self.subscription: c_void_p | None = None
        self.ended = False
        self.dropped = 0

    def subscribe(self, stream: c_void_p) -> None:
        subscription = c_void_p()
        self.keeper.add(self)
        # The table first: the first event may come before the call returns. If the call fails, `destroy` has run.
        _receivers[self.key] = weakref.ref(self)
        call(
            library.maquette_stream_subscribe,
            stream,
            _on_event,
            self.key,
            _on_destroy,
            byref(subscription),
        )
        self.subscription = subscription
        if self.ended:
            library.maquette_subscription_destroy(subscription)

    def end(self) -> None:
        """When this returns, the function is not running and will not run again, unless called from inside it."""
        if self.subscription is not None:
            library.maquette_subscription_destroy(self.subscription)


_keys = itertools.count(1)
_receivers: dict[int, weakref.ref[Receiver]] = {}
_loggers: dict[int, Callable[[int, str], object]] = {}
_all_ended = threading.Condition()


@EventFunction  # type: ignore[untyped-decorator]
def _on_event(key: int, event: Any) -> None:
    reference = _receivers.get(key)
    receiver = reference() if reference is not None else None
    if receiver is None:
        return
    contents = event.contents
    receiver.dropped += contents.dropped
    receiver.function(event_value(contents, receiver.convert))


@DestroyFunction  # type: ignore[untyped-decorator]
def _on_destroy(key: int) -> None:
    reference = _receivers.pop(key, None)
    receiver = reference() if reference is not None else None
    if receiver is not None:
        # If the stream has ended by itself, the handle is still to be given back, here or at the end of subscribe();
        # whoever comes second gives back a handle that is gone, which does nothing. So no lock is needed, which a
        # finalizer that the garbage collector runs in this very thread might be waiting for.
        receiver.ended = True
        receiver.keeper.discard(receiver)
        if receiver.subscription is not None:
            library.maquette_subscription_destroy(receiver.subscription)
    with _all_ended:
        _all_ended.notify_all()


@LogFunction  # type: ignore[untyped-decorator]
def _on_log(key: int, level: int, message: bytes) -> None:
    function = _loggers.get(key)
    if function is not None:
        function(level, message.decode("utf-8", "replace"))


@DestroyFunction  # type: ignore[untyped-decorator]
def _on_log_destroy(key: int) -> None:
    _loggers.pop(key, None)
    with _all_ended:
        _all_ended.notify_all()


def set_log_function(level: int, function: Callable[[int, str], object] | None) -> None:
    if function is None:
        call(library.maquette_set_log, level, NO_LOG_FUNCTION, None, NO_DESTROY_FUNCTION)
        return
    key = next(_keys)
    _loggers[key] = function
    call(library.maquette_set_log, level, _on_log, key, _on_log_destroy)


def end_all() -> None:
    """Ends every subscription and the log, and waits until the library has let go of the last function."""
    library.maquette_set_log(1, NO_LOG_FUNCTION, None, NO_DESTROY_FUNCTION, None)
    for reference in list(_receivers.values()):
        receiver = reference()
        if receiver is not None:
            receiver.end()
    with _all_ended:
        _all_ended.wait_for(lambda: not _receivers and not _loggers, timeout=10)


def _forget_in_child() -> None:
    # Another thread may have held the lock when the process forked.
    global _all_ended
    _all_ended = threading.Condition()
    _receivers.clear()
    _loggers.clear()


os.register_at_fork(after_in_child=_forget_in_child)
