"""Streams: everything that changes can be watched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
import time
import weakref
from collections.abc import Callable
from ctypes import byref, c_int32, c_void_p, sizeof
from typing import Any, Generic, TypeVar

from ._callbacks import Receiver, event_value
from ._errors import BadHandleError, ClosedError, MaquetteError, WaitTimeoutError, call, failure
from ._handles import Owner
from ._library import NO_DESTROY_FUNCTION, NO_EVENT_FUNCTION, Event, library
from ._svg import shortened
from ._text import fetch_json, to_json

Value = TypeVar("Value")

#: How long a call waits before it lets Python look for Ctrl-C.
SLICE_MILLISECONDS = 100


def unchanged(value: Any) -> Any:
    return value


class Stream(Generic[Value]):
    """A value that changes, or a row of events.

    >>> model.training.value                      # what it is now
    >>> model.training.subscribe(print)           # call a function at every change, on a thread of Maquette's
    >>> for status in model.training: ...         # or take the events out here
    >>> async for status in model.training: ...   # or in an event loop
    """

    def __init__(
        self,
        owner: Owner,
        handle: c_void_p,
        name: str,
        convert: Callable[[Any], Any] = unchanged,
        *,
        is_small: bool = False,
    ) -> None:
        self._owner = owner  # keeps the handle good
        self._handle = handle
        self._convert = convert
        self._is_small = is_small
        self.name = name

    @property
    def value(self) -> Value:
        """The value the stream holds now."""
        return self._convert(self._guarded(fetch_json, library.maquette_stream_value, self._handle))  # type: ignore[no-any-return]

    def set(self, value: Value) -> None:
        """Sets the value and tells the subscribers: a parameter, for the next training or prediction."""
        self._guarded(call, library.maquette_stream_set, self._handle, to_json(value, self.name))

    def subscribe(self, function: Callable[[Value], object]) -> Subscription:
        """Calls `function` with the value the stream holds, and then with each new one, until unsubscribed.

        It is called on a thread of Maquette's, one call at a time. A function that is slow slows no training down:
        values that a later one outdates are left out meanwhile. An exception is reported by `sys.unraisablehook`,
        and the next value comes nevertheless. The subscription lasts until `unsubscribe()`, or as long as the
        model or dataset; you need not keep what this returns.
        """
        if not callable(function):
            raise TypeError(f"a subscriber must be callable, but {type(function).__name__} is not")
        receiver = Receiver(function, self._convert, self._owner._receivers)
        self._guarded(receiver.subscribe, self._handle)
        return Subscription(self, receiver)

    def queue(self) -> Queue[Value]:
        """The events from now on, the held value first, to be taken out one by one.

        Iterating over it goes on until the model or dataset is closed.
        """
        return Queue(self)

    def __iter__(self) -> Queue[Value]:
        return Queue(self, until_over=True)

    def __aiter__(self) -> Queue[Value]:
        return Queue(self, until_over=True)

    def __repr__(self) -> str:
        try:
            shown = self._shown_value()
        except MaquetteError as error:
            shown = str(error)
        return f"<{type(self).__name__} {self.name} of {self._owner._title()}{shown and ': '}{shown}>"

    def _shown_value(self) -> str:
        """The value, for people; nothing where it may be as large as a dataset, or where there is none."""
        return shortened(json.dumps(self.value, ensure_ascii=False), 60) if self._is_small else ""

    def _guarded(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BadHandleError:
            if self._owner.closed:
                raise self._owner._closed_error() from None
            raise

    def _is_over(self, value: Value) -> bool:
        """Whether iterating ends after this value, if no other is there already."""
        return False


class Subscription:
    """A function that is called with a stream's events; a `with` statement ends it."""

    def __init__(self, stream: Stream[Any], receiver: Receiver) -> None:
        self._stream = stream
        self._receiver = receiver

    def unsubscribe(self) -> None:
        """Ends it. When this returns, the function is not running and will not run again.

        From inside the function this does not wait, and the call that is running is the last.
        """
        self._receiver.end()

    @property
    def active(self) -> bool:
        """Whether the function is still called."""
        return not self._receiver.ended

    @property
    def dropped(self) -> int:
        """How many values were left out because the function was slow and a later one outdated them."""
        return self._receiver.dropped

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exception: object) -> None:
        self.unsubscribe()

    def __repr__(self) -> str:
        state = "active" if self.active else "ended"
        left_out = f", {self.dropped} values left out" if self.dropped else ""
        return f"<Subscription to {self._stream.name}: {state}{left_out}>"


class Queue(Generic[Value]):
    """The events of a stream, taken out one by one: with `get()`, by iterating, or in an event loop.

    It has a `fileno()`, readable as long as `get()` would not wait, for `select` and its relatives. Several threads,
    tasks and event loops may take events out of one queue: each event comes to one of them.
    """

    def __init__(self, stream: Stream[Value], until_over: bool = False) -> None:
        handle = c_void_p()
        stream._guarded(
            call,
            library.maquette_stream_subscribe,
            stream._handle,
            NO_EVENT_FUNCTION,
            None,
            NO_DESTROY_FUNCTION,
            byref(handle),
        )
        self._stream = stream
        self._handle = handle
        self._event = Event(sizeof(Event))
        self._lock = threading.Lock()  # one at a time may take an event, which the next one overwrites
        self._until_over = until_over
        self._over = False
        # The tasks that wait for an event, to be woken when the queue is closed.
        self._closing = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()
        self._finalizer = weakref.finalize(self, library.maquette_subscription_destroy, handle)
        self._finalizer.atexit = False
        #: The number of the event that was taken last, from 1; 0: a value from before the first event.
        self.sequence = 0
        #: How many events before it were left out, because too many were waiting.
        self.dropped = 0

    def get(self, timeout: float | None = None) -> Value:
        """The next event; waits for one, `timeout` seconds at the most.

        Raises `WaitTimeoutError` if none came, `ClosedError` after the last one of a model that was closed. Ctrl-C
        gets through.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = SLICE_MILLISECONDS
            if end is not None:
                left = max(0, min(left, round((end - time.monotonic()) * 1000 + 0.5)))
            try:
                return self._take(left)
            except WaitTimeoutError:
                if end is not None and time.monotonic() >= end:
                    raise WaitTimeoutError(f"no event of {self._stream.name} within {timeout} s") from None

    def _take(self, milliseconds: int) -> Value:
        with self._lock:
            if not self._finalizer.alive:
                raise ClosedError(f"this queue of {self._stream.name} is closed")
            error = c_void_p()
            status = library.maquette_subscription_next(self._handle, milliseconds, self._event, byref(error))
            if status:
                reason = failure(status, error)
                if isinstance(reason, BadHandleError):  # closed by another thread meanwhile
                    raise ClosedError(f"this queue of {self._stream.name} is closed")
                raise reason
            value = event_value(self._event, self._stream._convert)
            self.sequence = self._event.sequence
            self.dropped = self._event.dropped
        return value  # type: ignore[no-any-return]

    def fileno(self) -> int:
        """A file descriptor to wait for with `select`, `poll` or an event loop; neither read nor close it."""
        descriptor = c_int32()
        try:
            call(library.maquette_subscription_fd, self._handle, byref(descriptor))
        except BadHandleError:
            raise ClosedError(f"this queue of {self._stream.name} is closed") from None
        return descriptor.value

    def close(self) -> None:
        """Takes no more events. Doing so twice is fine; who waits for an event gets `ClosedError`."""
        with self._closing:
            self._finalizer()
            waiting = list(self._waiting)
        for loop, ready in waiting:
            with contextlib.suppress(RuntimeError):  # a loop that has ended meanwhile
                loop.call_soon_threadsafe(_set, ready)

    def __enter__(self) -> Queue[Value]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Iterating

    def __iter__(self) -> Queue[Value]:
        return self

    def __next__(self) -> Value:
        try:
            return self._checked(self.get(0) if self._over else self.get())
        except (ClosedError, WaitTimeoutError):
            self.close()
            raise StopIteration from None

    def __aiter__(self) -> Queue[Value]:
        return self

    async def __anext__(self) -> Value:
        try:
            return self._checked(self._take(0) if self._over else await self.get_async())
        except (ClosedError, WaitTimeoutError):
            self.close()
            raise StopAsyncIteration from None

    async def get_async(self, timeout: float | None = None) -> Value:
        """The next event, awaited in an event loop, `timeout` seconds at the most; nothing is polled meanwhile.

        Raises what `get` raises. A task that is cancelled meanwhile takes no event.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self._take(0)
            except WaitTimeoutError:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise WaitTimeoutError(f"no event of {self._stream.name} within {timeout} s") from None
            await self._readable(left)

    async def _readable(self, timeout: float | None = None) -> None:
        """Waits until there is an event, or for so many seconds: only the waiting ends then, and no event is lost."""
        # Watched only while nothing is there: the descriptor stays readable, and would keep the loop busy. By a
        # descriptor of its own, so that others may wait too, and that none is watched that is closed meanwhile.
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        with self._closing:
            descriptor = os.dup(self.fileno())
            self._waiting.add((loop, ready))
        try:
            loop.add_reader(descriptor, _set, ready)
            await asyncio.wait([ready], timeout=timeout)
        finally:
            self._waiting.discard((loop, ready))
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def _checked(self, value: Value) -> Value:
        self._over = self._until_over and self._stream._is_over(value)
        return value

    def __repr__(self) -> str:
        state = f"event {self.sequence}" if self._finalizer.alive else "closed"
        left_out = f", {self.dropped} left out before it" if self.dropped else ""
        return f"<Queue of {self._stream.name}: {state}{left_out}>"


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
