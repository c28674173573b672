"""Text and JSON on their way in and out."""

from __future__ import annotations

import json
import re
from ctypes import byref, c_void_p, string_at
from typing import Any

import numpy

from ._errors import BadTextError, NotFiniteError, call
from ._library import library


def utf8(text: str, what: str) -> bytes:
    """Text as the library wants it; NUL and lone surrogates are refused, since C can't hold them."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be text, not {type(text).__name__}")
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadTextError(f"{what} is no valid text: {error}", what) from None
    if b"\0" in encoded:
        raise BadTextError(f"{what} must not contain the character NUL", what)
    return encoded


def to_json(value: Any, what: str) -> bytes:
    """A value as JSON; NumPy's arrays and numbers are as good as Python's."""
    try:
        return utf8(json.dumps(value, allow_nan=False, ensure_ascii=False, default=_plain), what)
    except ValueError as error:
        if isinstance(error, UnicodeError):
            raise
        raise NotFiniteError(f"{what} holds NaN or infinity, or itself ({error})", what) from None


def _plain(value: Any) -> Any:
    if isinstance(value, numpy.ndarray | numpy.generic):
        return value.tolist()
    if isinstance(value, tuple | set | range):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def owned_text(pointer: c_void_p) -> str:
    """The text of a `char *` that is ours, which is given back."""
    assert pointer.value is not None
    try:
        return string_at(pointer.value).decode("utf-8")
    finally:
        library.maquette_string_free(pointer)


def fetch_text(function: Any, *arguments: Any) -> str:
    """Calls a function whose last but one parameter is a `char **`."""
    pointer = c_void_p()
    call(function, *arguments, byref(pointer))
    return owned_text(pointer)


def fetch_json(function: Any, *arguments: Any) -> Any:
    return json.loads(fetch_text(function, *arguments))


def snake_case(name: str) -> str:
    """`batchSize` → `batch_size`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)
