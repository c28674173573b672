"""Waiting in slices: between two of them Python takes Ctrl-C in, which no call into the library would let through.

Waiting in an event loop is for the descriptor of a stream's queue: nothing is polled, and no thread waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from ctypes import c_void_p
from typing import Any

from ._errors import ClosedError, WaitTimeoutError
from ._streams import SLICE_MILLISECONDS, Stream


def wait_for(what: str, timeout: float | None, step: Callable[[int], bool]) -> None:
    """Calls `step` with the milliseconds it may take until it returns true; it may raise `WaitTimeoutError` meanwhile.

    Raises `WaitTimeoutError` after `timeout` seconds; None: never.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = SLICE_MILLISECONDS
        if end is not None:
            left = max(0, min(left, round((end - time.monotonic()) * 1000 + 0.5)))
        try:
            if step(left):
                return
        except WaitTimeoutError:
            if end is not None and time.monotonic() >= end:
                raise WaitTimeoutError(f"{what} was not over within {timeout} s") from None


async def wait_async(what: str, timeout: float | None, step: Callable[[int], object], stream: Stream[Any]) -> None:
    """Awaits that `step`, which takes milliseconds, returns instead of raising `WaitTimeoutError`.

    The stream's events say when to look: its last one comes just before the end, for which a thread waits in slices.
    Raises `WaitTimeoutError` after `timeout` seconds; None: never.
    """

    async def over() -> None:
        with stream.queue() as queue:
            is_final = False
            while True:
                try:
                    step(0)
                    return
                except WaitTimeoutError:
                    pass
                with contextlib.suppress(ClosedError):  # then the next step says why
                    is_final = (await queue.get_async()).is_final
                # Nearly over; or that was the last event of what went on before.
                while is_final:
                    try:
                        await asyncio.to_thread(step, SLICE_MILLISECONDS)
                        return
                    except WaitTimeoutError:
                        with contextlib.suppress(WaitTimeoutError):
                            is_final = queue.get(0).is_final

    try:
        await asyncio.wait_for(over(), timeout)
    except asyncio.TimeoutError:
        raise WaitTimeoutError(f"{what} was not over within {timeout} s") from None


@contextlib.contextmanager
def cancelled_by_ctrl_c(handle: c_void_p, cancel: Any, wait: Any) -> Iterator[None]:
    """Ctrl-C inside cancels what goes on, and gives it a second to end."""
    try:
        yield
    except KeyboardInterrupt:
        cancel(handle)
        wait(handle, 1000, None)
        raise
