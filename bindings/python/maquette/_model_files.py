"""Models in files and out of them, and in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from ctypes import byref, c_char_p, c_size_t, c_void_p, string_at
from typing import Any

from ._errors import InvalidArgumentError, call
from ._handles import Owner
from ._labels import LabelMemory
from ._library import library
from ._text import owned_text, to_json, utf8

#: A path, or what has one.
PathLike = str | os.PathLike[str]


class ModelFiles(Owner):
    """What a model does with files."""

    _labels: LabelMemory

    def download(
        self, path: PathLike, *, format: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Writes the model into a file, or as many as the format needs, one beside the other; returns their paths.

        >>> model.download("digits.safetensors")

        The `path` is that of the file, or of a folder. Without a `format`, its ending tells it; "safetensors",
        Maquette's own, if it doesn't. `metadata` is kept with it, in formats that have a place for that. What was there
        is replaced when the new files are complete. Raises `NotTrainedError`, `UnsupportedError` for a format that this
        kind can't be written in, `StoreIOError`, an `OSError`, or `FullError`.
        """
        pointer = c_void_p()
        options = to_json({"format": format, "metadata": metadata}, "options")
        self._call(library.maquette_model_download, utf8(os.fspath(path), "path"), options, byref(pointer))
        written: list[str] = json.loads(owned_text(pointer))
        return written

    def upload(self, *paths: PathLike) -> dict[str, Any]:
        """Loads the model of the same kind that is in a file, or in as many as the format needs, in any order.

        >>> model.upload("digits.safetensors")

        Weights, labels and parameters are then those of the file; a synced model is saved. Returns what the files tell
        about it. Raises `BadFormatError` for a file of no format that is known, a damaged one and one of another kind,
        `BusyError` during a training, `StoreIOError`; then the model stays as it was.
        """
        array, count = _array(paths)
        pointer = c_void_p()
        with self._labels.changing():
            self._call(library.maquette_model_upload, array, count, byref(pointer))
        stored: dict[str, Any] = json.loads(owned_text(pointer))
        return stored

    def to_bytes(self, format: str = "safetensors", *, metadata: Mapping[str, Any] | None = None) -> bytes:
        """The file that `download` writes; of a format that is one file.

        >>> copy = maquette.from_bytes(model.to_bytes())
        """
        pointer, size = c_void_p(), c_size_t()
        options = to_json({"format": format, "metadata": metadata}, "options")
        self._call(library.maquette_model_download_bytes, options, byref(pointer), byref(size))
        assert pointer.value is not None
        try:
            return string_at(pointer.value, size.value)
        finally:
            library.maquette_bytes_free(pointer)

    def upload_bytes(self, data: bytes) -> dict[str, Any]:
        """Loads the model of the same kind that is in the bytes of a file; see `upload`."""
        content = bytes(data)
        pointer = c_void_p()
        with self._labels.changing():
            self._call(library.maquette_model_upload_bytes, content, len(content), byref(pointer))
        stored: dict[str, Any] = json.loads(owned_text(pointer))
        return stored


def opened(*paths: PathLike) -> c_void_p:
    """The handle of a new model with what the files hold."""
    array, count = _array(paths)
    handle = c_void_p()
    call(library.maquette_model_open_files, array, count, byref(handle))
    return handle


def opened_bytes(data: bytes) -> c_void_p:
    """The handle of a new model with what a file in memory holds."""
    content = bytes(data)
    handle = c_void_p()
    call(library.maquette_model_open_bytes, content, len(content), byref(handle))
    return handle


def _array(paths: tuple[PathLike, ...]) -> tuple[Any, int]:
    if not paths:
        raise InvalidArgumentError("a model is read from one path or more, but there is none", "paths")
    encoded = [utf8(os.fspath(path), "path") for path in paths]
    return (c_char_p * len(encoded))(*encoded), len(encoded)
