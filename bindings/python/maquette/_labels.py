"""Which label a column of confidences stands for, while trainings may change that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._arrays import Array

if TYPE_CHECKING:
    from ._model_predicting import ModelPredicting


class LabelMemory:
    """A model's labels, remembered while nothing can change them.

    A training or a loading may bring other labels, a training as soon as its first epoch is over. So each one counts
    here when it is begun, and confidences that were computed meanwhile are named only by labels that were the same
    before and after.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._beginning = 0
        self._changes = 0
        self._known: tuple[int, list[str]] | None = None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around the call that begins a training, or that loads."""
        with self._lock:
            self._beginning += 1
        try:
            yield
        finally:
            with self._lock:
                self._beginning -= 1
                self._changes += 1

    def unsettle(self) -> None:
        """From now on anything may change them at any time."""
        with self._lock:
            self._beginning += 1

    def settle(self) -> None:
        """Ends what `unsettle` began."""
        with self._lock:
            self._beginning -= 1
            self._changes += 1

    def consistent(self, model: ModelPredicting, X: Any) -> tuple[Array, list[str]]:
        """Confidences, and the labels their columns stand for."""
        while True:
            changes = self._changes
            known = self._known
            if known is not None and known[0] == changes:
                confidences = model.predict_proba(X)
                if self._beginning == 0 and self._changes == changes:
                    return confidences, known[1]
            else:
                settled = self._beginning == 0 and not model.is_training
                labels = model.labels
                if settled and self._beginning == 0 and self._changes == changes:
                    self._known = (changes, labels)
                confidences = model.predict_proba(X)
                if self._changes == changes and model.labels == labels:
                    return confidences, labels
