"""Models in stores: saved, loaded, kept in step."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from ctypes import byref, c_void_p
from typing import Any, TypeVar

from ._documents import fetch
from ._errors import InvalidArgumentError, MaquetteError, WaitTimeoutError
from ._handles import Owner
from ._labels import LabelMemory
from ._library import library
from ._store import Store
from ._streams import Stream
from ._text import owned_text, to_json, utf8
from ._waiting import wait_for

Self = TypeVar("Self", bound="ModelStoring")


class ModelStoring(Owner):
    """What a model does with stores."""

    _labels: LabelMemory
    _is_synced: bool

    def save(
        self,
        store: Store,
        name: str,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,
        history: int | None = None,
    ) -> str:
        """Saves the model, with its weights, in a store; returns the id.

        With an `id`, that one is replaced. With a `history`, so many models of the name stay, this one among them, and
        those before are removed.

        `metadata` is kept with it: a dictionary of what JSON can hold. Raises `NotTrainedError`, `StoreIOError`,
        `FullError`.
        """
        pointer = c_void_p()
        extra = None if metadata is None else to_json(metadata, "metadata")
        if history is not None:
            if id is not None:
                raise InvalidArgumentError("a model is saved in the place of another one, or with a history", "history")
            self._call(
                library.maquette_model_save_version,
                store._handle,
                utf8(name, "name"),
                extra,
                operator.index(history),
                byref(pointer),
            )
            return owned_text(pointer)
        self._call(
            library.maquette_model_save,
            store._handle,
            utf8(name, "name"),
            extra,
            None if id is None else utf8(id, "id"),
            byref(pointer),
        )
        return owned_text(pointer)

    def load(self, store: Store, id_or_name: str) -> dict[str, Any]:
        """Loads a saved model of the same kind; of several of one name, the latest. Returns what is stored about it.

        `store` is where it was saved, `id_or_name` which one. Weights, labels and parameters are then those of the
        saved model. Raises `NotFoundError`, `BadFormatError`, `BusyError` during a training; then the model stays as it
        was.
        """
        name = utf8(id_or_name, "id_or_name")
        with self._labels.changing():
            stored: dict[str, Any] = fetch(self, library.maquette_model_load, store._handle, name)
        return stored

    # Synchronization

    def sync(self: Self, store: Store, name: str, history: int | None = None) -> Self:
        """Keeps the model in step with the saved models of a name, whatever process they are trained in.

        >>> model = maquette.MLPClassifier().sync(store, "digits")     # in each process

        The newest is loaded now, if there is one, and again when somebody else has saved one. The model is saved when
        it was trained, or loaded from elsewhere, by a thread of the library's; `sync_status` tells of it. With a
        `history`, so many models of the name stay; without, every saving takes the place of the newest.
        """
        options = None if history is None else to_json({"history": history}, "history")
        with self._labels.changing():
            self._call(library.maquette_model_sync, store._handle, utf8(name, "name"), options)
        if not self._is_synced:
            # Another process may bring other labels at any time.
            self._is_synced = True
            self._labels.unsettle()
        return self

    def unsync(self, timeout: float | None = None) -> None:
        """Ends what `sync` began, once the last training is saved, within `timeout` seconds."""
        try:
            self._within(timeout, library.maquette_model_unsync, "saving the last training")
        except WaitTimeoutError:
            raise  # it has not ended yet
        except MaquetteError:
            self._unsynced()
            raise
        self._unsynced()

    def _unsynced(self) -> None:
        if self._is_synced:
            self._is_synced = False
            self._labels.settle()

    def flush_sync(self, timeout: float | None = None) -> None:
        """Waits until the trainings that have ended are saved, for `timeout` seconds at the most.

        Raises what keeps them from being saved, e.g. `FullError`; it is tried again.
        """
        self._within(timeout, library.maquette_model_sync_flush, "saving the trainings")

    def _within(self, timeout: float | None, function: Any, what: str) -> None:
        def step(milliseconds: int) -> bool:
            self._call(function, milliseconds)
            return True

        wait_for(what, timeout, step)

    @property
    def sync_status(self) -> Stream[dict[str, Any]]:
        """The stream of what `sync` does: `{"status": "saved", "id": …}`, "loaded", "conflict", "error", …"""
        return Stream(self, self._stream_handle(library.maquette_model_sync_status), "sync_status", is_small=True)
