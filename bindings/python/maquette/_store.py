"""Stores: where datasets and models live."""

from __future__ import annotations

import json
import os
from ctypes import byref, c_void_p
from typing import TYPE_CHECKING, Any

from ._documents import fetch
from ._errors import call
from ._handles import Owner
from ._library import library
from ._text import owned_text, utf8

if TYPE_CHECKING:
    from ._batch import BatchPrediction
    from ._dataset import Dataset
    from ._service import Service


class Store(Owner):
    """Where datasets and models live.

    >>> Store("sqlite:digits.db")     # a file, made if it is not there, that several processes may use at once
    >>> Store("memory:")              # ends with the program
    >>> Store("postgresql://host/db") # a server, where libpq is installed
    >>> Store(Path("digits.db"))      # a path is an SQLite file
    >>> Store("http://localhost:3030")   # a Marcelle backend; `?token-from=VARIABLE` names where a token is

    `location` says where. Raises `StoreIOError` or `NotAStoreError`, `OSError`s, `LockedError`, `InvalidArgumentError`
    for a location of no known form.
    """

    def __init__(self, location: str | os.PathLike[str] = "memory:") -> None:
        if isinstance(location, os.PathLike):
            location = f"sqlite:{os.fspath(location)}"
        self.location = location
        handle = c_void_p()
        call(library.maquette_store_open, utf8(location, "location"), byref(handle))
        self._own(handle, library.maquette_store_destroy)

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name; it is made with its first instance."""
        from ._dataset import Dataset

        return Dataset(self, name)

    def service(self, name: str) -> Service:
        """The documents of that name; it is made where it isn't there."""
        from ._service import Service

        return Service(self, name)

    def services(self) -> list[str]:
        """The names of all services, in the order they were made: of datasets, models, and whatever else is kept."""
        names: list[str] = fetch(self, library.maquette_store_services)
        return names

    def batch_prediction(self, name: str) -> BatchPrediction:
        """The batch prediction of that name; it is made with its first record."""
        from ._batch import BatchPrediction

        return BatchPrediction(self, name)

    def models(self, kind: str | None = None, name: str | None = None) -> list[dict[str, Any]]:
        """The models that are saved here, the newest first: `id`, `name`, `kind`, `size` in bytes, dates, metadata."""
        models: list[dict[str, Any]] = self._json(
            library.maquette_store_models, _optional(kind, "kind"), _optional(name, "name")
        )
        return models

    def remove_models(self, id_or_name: str, kind: str | None = None) -> list[dict[str, Any]]:
        """Removes a saved model with its files, or all of a name; returns what was removed.

        `id_or_name` says which; with a `kind`, only models of that kind are looked at. Raises `NotFoundError`.
        """
        removed: list[dict[str, Any]] = self._json(
            library.maquette_store_remove_models, _optional(kind, "kind"), utf8(id_or_name, "id_or_name")
        )
        return removed

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Writes a copy of the store, of one moment, to a file that is not there yet or that is a store.

        >>> store.backup("digits-backup.db")
        >>> Store("sqlite:digits-backup.db")

        `path` is that of the file. Raises `StoreIOError`, `FullError`.
        """
        self._call(library.maquette_store_backup, utf8(os.fspath(path), "path"))

    def _json(self, function: Any, *arguments: Any) -> Any:
        pointer = c_void_p()
        self._call(function, *arguments, byref(pointer))
        return json.loads(owned_text(pointer))

    def __repr__(self) -> str:
        return f"<Store {self.location}{' (closed)' if self.closed else ''}>"


def _optional(text: str | None, name: str) -> bytes | None:
    return None if text is None else utf8(text, name)
