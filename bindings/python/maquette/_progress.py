"""One live line about a training; on anything but a terminal, a line now and then."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from ._errors import MaquetteError
from ._streams import Queue
from ._training import TrainingStatus

#: Lines written about a training where there is no terminal, besides the last.
PLAIN_LINES = 10


class Progress:
    """Shows the statuses of one training."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stdout if file is None else file
        self._live = _is_live(self._file)
        self._bar = "━╸─" if _can_write(self._file, "━╸─") else "##-"
        self._start = time.monotonic()
        self._width = 0  # of the live line, 0 if there is none
        self._shown_epoch = 0
        self.over = False

    def __call__(self, status: TrainingStatus) -> None:
        if self.over:
            return
        match status.status:
            case "start":
                self._start = time.monotonic()
                self._show(status)
            case "epoch":
                self._show(status)
            case "success":
                self._end(f"trained in {time.monotonic() - self._start:.2f} s")
            case "cancelled":
                self._end("the training was cancelled")
            case "error":
                self._end(f"the training failed: {status.error}")

    def finish(self, queue: Queue[TrainingStatus]) -> None:
        """Shows what is still in the queue; if the end is not, what comes next starts on a line of its own."""
        while not self.over:
            try:
                self(queue.get(0))
            except MaquetteError:
                break
        if not self.over and self._width:
            self._write("\n")
        self.over = True

    def _show(self, status: TrainingStatus) -> None:
        if self._live:
            self._rewrite(self._line(status))
        elif status.epoch and self._is_due(status):
            self._shown_epoch = status.epoch
            self._write(self._line(status) + "\n")

    def _is_due(self, status: TrainingStatus) -> bool:
        epoch, epochs = status.epoch or 0, status.epochs or 0
        # The first that is seen is due whichever it is: who begins to watch in the middle wants to see that it goes on.
        return not self._shown_epoch or epoch == epochs or epoch >= self._shown_epoch + max(1, epochs // PLAIN_LINES)

    def _end(self, verdict: str) -> None:
        self._write(("\n" if self._width else "") + verdict + "\n")
        self._width = 0
        self.over = True

    def _line(self, status: TrainingStatus) -> str:
        epoch, epochs = status.epoch or 0, status.epochs or 0
        count = f"epoch {epoch:>{len(str(epochs))}}/{epochs}"
        if not self._live:
            return "  ".join([count, *_figures(status, "accuracy", "validation ")])
        columns = shutil.get_terminal_size((100, 24)).columns - 1
        for accuracy, validation in (("accuracy", "validation "), ("accuracy", "val. "), ("acc.", "val. ")):
            line = "  ".join([count, *_figures(status, accuracy, validation)])
            room = columns - len(line) - 2
            if room >= 10:
                bar = self._drawn(epoch / epochs if epochs else 0.0, min(room, 24))
                return "  ".join([count, bar, *_figures(status, accuracy, validation)])
        return line[:columns]

    def _drawn(self, part: float, width: int) -> str:
        full, half, empty = tuple(self._bar)
        done = min(width, int(part * width + 0.5))
        if done == width:
            return full * width
        return full * max(0, done - 1) + (half if done else "") + empty * (width - done)

    def _rewrite(self, line: str) -> None:
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def _write(self, text: str) -> None:
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError):
            # A closed pipe or file is no reason to disturb a training.
            self.over = True


def _figures(status: TrainingStatus, accuracy: str, validation: str) -> list[str]:
    figures = (
        ("loss", status.loss, ".4f"),
        (accuracy, status.accuracy, ".1%"),
        (f"{validation}loss", status.loss_val, ".4f"),
        (f"{validation}{accuracy}", status.accuracy_val, ".1%"),
        ("error", status.mean_absolute_error, ".4g"),
        (f"{validation}error", status.mean_absolute_error_val, ".4g"),
    )
    return [f"{name} {figure:{form}}" for name, figure, form in figures if figure is not None]


def _is_live(file: TextIO) -> bool:
    try:
        return file.isatty() or type(file).__module__.startswith("ipykernel")
    except (AttributeError, ValueError):
        return False


def _can_write(file: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(file, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
