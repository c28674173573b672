"""The library's log, threads and version."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from . import _callbacks
from ._errors import InvalidArgumentError, call
from ._library import library
from ._text import fetch_json

LEVELS = {"error": 1, "warning": 2, "info": 3, "debug": 4}
NAMES = {number: name for name, number in LEVELS.items()}
_PYTHONS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG}


def version() -> str:
    """The version of the library that is loaded."""
    return bytes(library.maquette_version()).decode()


def build_info() -> dict[str, Any]:
    """What the library was built from and runs on."""
    info: dict[str, Any] = fetch_json(library.maquette_build_info)
    return info


def threads() -> int:
    """How many threads one operation may use."""
    return int(library.maquette_threads())


def set_threads(count: int) -> None:
    """Sets how many threads one operation may use, for the whole process: 1 to 256. Results do not depend on it.

    `count` is that number. Raises `InvalidArgumentError` for another one.
    """
    if not -(2**31) <= count < 2**31:
        raise InvalidArgumentError(f"count must be 1 to 256, not {count}", "count")
    call(library.maquette_set_threads, count)


def set_log(level: str | None, function: Callable[[str, str], object] | None = None) -> None:
    """Sends the log, which is silent until this is called, to a function.

    >>> maquette.set_log("info")                                  # to logging.getLogger("maquette")
    >>> maquette.set_log("debug", lambda level, text: print(text))
    >>> maquette.set_log(None)                                    # silent again

    `level` is "error", "warning", "info" or "debug": messages of this level and graver ones are sent. The function is
    called on whatever thread logs, on several at once too.
    """
    if level is None:
        _callbacks.set_log_function(LEVELS["error"], None)
        return
    if level not in LEVELS:
        raise InvalidArgumentError(f"level must be one of {', '.join(LEVELS)}, not {level!r}", "level")
    if function is None:
        logger = logging.getLogger("maquette")
        _callbacks.set_log_function(LEVELS[level], lambda number, text: logger.log(_PYTHONS[number], "%s", text))
    else:
        receive = function
        _callbacks.set_log_function(LEVELS[level], lambda number, text: receive(NAMES[number], text))
