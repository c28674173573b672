"""Waiting in slices: between two of them Python takes Ctrl-C in, which no call into the library would let through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import c_void_p
from typing import Any

from ._errors import WaitTimeoutError
from ._streams import SLICE_MILLISECONDS


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


@contextmanager
def cancelled_by_ctrl_c(handle: c_void_p, cancel: Any, wait: Any) -> Iterator[None]:
    """Ctrl-C inside cancels what goes on, and gives it a second to end."""
    try:
        yield
    except KeyboardInterrupt:
        cancel(handle)
        wait(handle, 1000, None)
        raise
