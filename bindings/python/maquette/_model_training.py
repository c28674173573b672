"""Models that train: start, watch, wait, cancel."""

from __future__ import annotations

from contextlib import AbstractContextManager
from ctypes import byref, c_int32
from typing import ClassVar, TextIO, TypeVar

from ._arrays import Features, Labels
from ._dataset import Dataset, Selection
from ._errors import InvalidArgumentError, MaquetteError
from ._handles import Owner
from ._labels import LabelMemory
from ._library import library
from ._progress import Progress
from ._sources import BlockReader, Blocks, SourceStruct, address
from ._streams import Queue, Subscription
from ._training import TrainingStatus, TrainingStream
from ._waiting import cancelled_by_ctrl_c, wait_async, wait_for

Self = TypeVar("Self", bound="ModelTraining")

#: What `train` takes to validate with: a dataset, rows and their labels, or a function that gives blocks of them.
Validation = Dataset | Selection | tuple[Features, Labels] | Blocks
#: How a training begins: from nothing; from where the last one ended; with rows that come on top of those before.
MODES = ("fresh", "continuing", "partial")
#: What is kept of a training that is cancelled.
KEPT = ("last", "best")


class ModelTraining(Owner):
    """What a model does to learn."""

    task: ClassVar[str]
    _labels: LabelMemory
    #: What gives the rows of the training that was begun last, block by block.
    _readers: list[BlockReader]

    def train(
        self,
        data: Dataset | Selection | Features | Blocks,
        y: Labels | None = None,
        validation: Validation | None = None,
        progress: bool | TextIO = False,
        mode: str = "fresh",
    ) -> None:
        """Starts a training and returns at once.

        `data` is a dataset; or the rows of a matrix, with their labels or, for a regression, numbers in `y`; or a
        function that gives an iterator of blocks `(X, y)`, which is called whenever the rows are read: what does not
        fit into memory is learned block by block. `validation` is what to validate with: a dataset, a pair of rows
        and labels, or a function; without it, a part of the data is kept back, as the parameter `validation_split`
        says. With `progress`, a line shows how it goes.

        A `mode` of "continuing" goes on from where the last training ended, "partial" learns rows on top of those
        before. Predictions meanwhile answer with the last finished epoch. A second training meanwhile raises
        `BusyError`.
        """
        if mode not in MODES:
            raise InvalidArgumentError(f"mode must be one of {', '.join(MODES)}, not {mode!r}", "mode")
        source = SourceStruct(self.task, data, y)
        other: SourceStruct | None = None
        if isinstance(validation, tuple | list):
            if len(validation) != 2:
                raise TypeError("a training on rows is validated with a pair (rows, labels)")
            other = SourceStruct(self.task, *validation, what=("validation[0]", "validation[1]"))
        elif validation is not None:
            other = SourceStruct(self.task, validation, None)
        subscription = self._show(Progress(_output(progress))) if progress else None
        try:
            with self._labels.changing():
                self._readers = [part.reader for part in (source, other) if part is not None and part.reader]
                self._call(library.maquette_model_train_source, address(source), address(other), MODES.index(mode))
        except BaseException:
            if subscription is not None:
                subscription.unsubscribe()
            raise

    def partial_train(self, data: Dataset | Selection | Features | Blocks, y: Labels | None = None) -> None:
        """Starts learning rows on top of those before, and returns at once: `train` with the mode "partial".

        `data` and `y` are as for `train`. Raises `UnsupportedError` for kinds that can't, as umap.
        """
        self.train(data, y, mode="partial")

    def _show(self, display: Progress) -> Subscription:
        """Shows the training that is about to begin, from a thread of Maquette's, until it is over."""
        subscription: list[Subscription] = []
        seen = 0

        def show(status: TrainingStatus) -> None:
            nonlocal seen
            seen += 1
            if seen == 1:
                return  # how it was before this training
            display(status)
            if display.over and subscription:
                subscription[0].unsubscribe()

        subscription.append(self.training.subscribe(show))
        return subscription[0]

    def wait(self: Self, timeout: float | None = None, progress: bool | TextIO = False) -> Self:
        """Waits until the training is over, `timeout` seconds at the most.

        Raises what made it fail, `CancelledError` if it was cancelled, `WaitTimeoutError` if it goes on. Ctrl-C gets
        through, and cancels the training. With `progress`, a line shows how it goes. Returns the model.
        """
        if not progress:
            with self._cancelled_by_ctrl_c():
                return self._wait(timeout, None, None)
        with self._cancelled_by_ctrl_c(), self.training.queue() as queue:
            display = Progress(_output(progress))
            status = queue.get()
            if not (status.is_final and self.is_training):  # else: that of the training before
                display(status)
            return self._wait(timeout, display, queue)

    async def wait_async(self: Self, timeout: float | None = None) -> Self:
        """Awaits in an event loop that the training is over, `timeout` seconds at the most; returns the model.

        >>> model.train(digits)
        >>> await model.wait_async()

        Raises what `wait` raises. It takes no thread and polls nothing. A task that is cancelled meanwhile leaves the
        training running: `cancel` ends it.
        """
        await wait_async("the training", timeout, self._wait_once, self.training)
        return self

    def _wait(self: Self, timeout: float | None, display: Progress | None, queue: Queue[TrainingStatus] | None) -> Self:
        def step(milliseconds: int) -> bool:
            if display is not None and queue is not None and not display.over and self.is_training:
                display(queue.get(milliseconds / 1000))
                return False
            self._wait_once(milliseconds)
            return True

        try:
            wait_for("the training", timeout, step)
        finally:
            if display is not None and queue is not None:
                display.finish(queue)
        return self

    def _wait_once(self, milliseconds: int) -> None:
        try:
            self._call(library.maquette_model_wait, milliseconds)
        except MaquetteError as error:
            cause = next((reader.error for reader in self._readers if reader.error is not None), None)
            raise error from cause

    def _cancelled_by_ctrl_c(self) -> AbstractContextManager[None]:
        return cancelled_by_ctrl_c(self._handle, library.maquette_model_cancel, library.maquette_model_wait)

    def fit(
        self: Self,
        data: Dataset | Selection | Features | Blocks,
        y: Labels | None = None,
        validation: Validation | None = None,
        progress: bool | TextIO = False,
        mode: str = "fresh",
    ) -> Self:
        """Trains and waits; returns the model.

        `data`, `y`, `validation`, `progress` and `mode` are as for `train`. Raises what `train` and `wait` raise;
        Ctrl-C cancels the training.
        """
        if not progress:
            with self._cancelled_by_ctrl_c():
                self.train(data, y, validation, mode=mode)
                return self._wait(None, None, None)
        with self._cancelled_by_ctrl_c(), self.training.queue() as queue:
            queue.get()  # how it was before this training
            display = Progress(_output(progress))
            self.train(data, y, validation, mode=mode)
            return self._wait(None, display, queue)

    def cancel(self, keep: str = "last") -> None:
        """Asks the training to end, which it does within one mini-batch. Without a training, this does nothing.

        What stays is the last epoch, or the "best": the one with the least validation loss.

        That is what `keep` says: "last" or "best".
        """
        if keep not in KEPT:
            raise InvalidArgumentError(f"keep must be one of {', '.join(KEPT)}, not {keep!r}", "keep")
        self._call(library.maquette_model_cancel_keeping, KEPT.index(keep))

    def reset(self) -> None:
        """Forgets what was learned or loaded. The parameters stay as they are."""
        with self._labels.changing():
            self._call(library.maquette_model_reset)

    @property
    def is_training(self) -> bool:
        """Whether a training is running."""
        flag = c_int32()  # of a model that was closed it stays 0
        library.maquette_model_is_training(self._handle, byref(flag), None)
        return bool(flag.value)

    @property
    def training(self) -> TrainingStream:
        """The stream of what the training does, to subscribe to or to iterate over."""
        return TrainingStream(self, self._stream_handle(library.maquette_model_training))


def _output(progress: bool | TextIO) -> TextIO | None:
    return None if isinstance(progress, bool) else progress
