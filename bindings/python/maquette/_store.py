"""Stores: where datasets and models live."""

from __future__ import annotations

import os
from ctypes import byref, c_void_p
from typing import TYPE_CHECKING

from ._documents import fetch
from ._errors import call
from ._handles import Owner
from ._library import library
from ._text import utf8

if TYPE_CHECKING:
    from ._batch import BatchPrediction
    from ._dataset import Dataset
    from ._service import Service


class Store(Owner):
    """Where datasets and models live.

    >>> Store("sqlite:digits.db")     # a file, made if it is not there, that several processes may use at once
    >>> Store("memory:")              # ends with the program
    >>> Store(Path("digits.db"))      # a path is an SQLite file
    >>> Store("http://localhost:3030")   # a Marcelle backend; `?token-from=VARIABLE` names where a token is
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

    def __repr__(self) -> str:
        return f"<Store {self.location}{' (closed)' if self.closed else ''}>"
