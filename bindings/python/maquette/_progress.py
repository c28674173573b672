"""How something that takes long goes on: tqdm's bar if it is there, a line of our own otherwise; a line now and then
where there is no terminal."""

from __future__ import annotations

import shutil
import sys
import time
import warnings
from contextlib import suppress
from typing import Any, Protocol, TextIO

from ._errors import MaquetteError
from ._streams import Queue
from ._training import TrainingStatus

#: Lines written about a training where there is no terminal, besides the last.
PLAIN_LINES = 10


class Progress:
    """Shows the statuses of one training; those of something else where `WORDS` and `_show` are others."""

    #: What stands before the count of a line, what goes on, and what is counted.
    WORDS = ("epoch", "training", "epochs")

    def __init__(self, file: TextIO | None = None) -> None:
        self._display = display_on(sys.stdout if file is None else file, *self.WORDS)
        self._start = time.monotonic()
        self._epoch = self._epochs = 0
        self.over = False

    def __call__(self, status: Any) -> None:
        if self.over:
            return
        try:
            self._show(status)
        except (OSError, ValueError):
            # A closed pipe or file is no reason to disturb a training.
            self.over = True

    def finish(self, queue: Queue[TrainingStatus]) -> None:
        """Shows what is still in the queue; if the end is not, what comes next starts on a line of its own."""
        while not self.over:
            try:
                self(queue.get(0))
            except MaquetteError:
                break
        if not self.over:
            self.over = True
            with suppress(OSError, ValueError):
                self._display.close()

    def _show(self, status: Any) -> None:
        match status.status:
            case "start":
                self._start = time.monotonic()
                self._epoch, self._epochs = 0, status.epochs or 0
                self._display.show(0, self._epochs, status)
            case "epoch":
                self._epoch, self._epochs = status.epoch or 0, status.epochs or 0
                self._display.show(self._epoch, self._epochs, status)
            case "success":
                self._succeed(status)
            case "cancelled":
                self._end("the training was cancelled")
            case "error":
                self._end(f"the training failed: {status.error}")

    def _succeed(self, status: TrainingStatus) -> None:
        verdict = f"trained in {time.monotonic() - self._start:.2f} s"
        # What a slow display has left out, the last epoch perhaps, the end tells.
        epochs = len(status.curves.get("loss", ())) or self._epochs
        if epochs < self._epochs:
            verdict += f", stopped early after {epochs} of {self._epochs} epochs"
        self._display.complete(epochs, self._epochs, status)
        self._end(verdict)

    def _end(self, verdict: str) -> None:
        self.over = True
        self._display.close(verdict)


class Display(Protocol):
    """A place that shows how far something is. It may raise `OSError` or `ValueError`: a file that is closed."""

    def show(self, done: int, total: int, status: Any) -> None:
        """`total` is 0 where nobody knows it; `status` is what `figures` takes its figures from."""

    def complete(self, done: int, total: int, status: Any) -> None:
        """All is done, after less than the `total` perhaps; `close` comes next."""

    def close(self, verdict: str = "") -> None:
        """Ends it, with a line that says how if there is one; what is written next starts on a new line."""


def display_on(file: TextIO, word: str, what: str, units: str) -> Display:
    """The best display there is on a file."""
    if not _is_live(file):
        return Lines(file, word)
    bar = _tqdm()
    return Line(file, word) if bar is None else Bar(file, what, units, bar)


class Lines:
    """A line now and then, without control characters: a file, a pipe, the log of a build."""

    def __init__(self, file: TextIO, word: str) -> None:
        self._file = file
        self._word = word
        self._shown = 0

    def show(self, done: int, total: int, status: Any) -> None:
        if done and self._is_due(done, total):
            self._shown = done
            self._write("  ".join([counted(done, total, self._word), *figures(status)]))

    def _is_due(self, done: int, total: int) -> bool:
        # The first that is seen is due whichever it is: who begins to watch in the middle wants to see that it goes on.
        return not self._shown or done == total or done >= self._shown + max(1, total // PLAIN_LINES)

    def complete(self, done: int, total: int, status: Any) -> None:
        if self._shown and self._shown < done:
            self._write("  ".join([counted(done, total, self._word), *figures(status)]))

    def close(self, verdict: str = "") -> None:
        if verdict:
            self._write(verdict)

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()


class Line:
    """One line of a terminal, written again and again."""

    def __init__(self, file: TextIO, word: str) -> None:
        self._file = file
        self._word = word
        self._bar = "━╸─" if _can_write(self._file, "━╸─") else "##-"
        self._shown = 0
        self._width = 0  # of the live line, 0 if there is none

    def show(self, done: int, total: int, status: Any) -> None:
        self._shown = done
        line = self._line(done, total, status)
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def complete(self, done: int, total: int, status: Any) -> None:
        if self._shown < done:
            self.show(done, total, status)

    def close(self, verdict: str = "") -> None:
        self._write(("\n" if self._width else "") + (verdict + "\n" if verdict else ""))
        self._width = 0

    def _line(self, done: int, total: int, status: Any) -> str:
        count = counted(done, total, self._word)
        columns = shutil.get_terminal_size((100, 24)).columns - 1
        line = count
        for accuracy, validation in (("accuracy", "validation "), ("accuracy", "val. "), ("acc.", "val. ")):
            shown = figures(status, accuracy, validation)
            line = "  ".join([count, *shown])
            room = columns - len(line) - 2
            if room >= 10:
                bar = self._drawn(done / total if total else 0.0, min(room, 24))
                return "  ".join([count, bar, *shown])
        return line[:columns]

    def _drawn(self, part: float, width: int) -> str:
        full, half, empty = tuple(self._bar)
        done = min(width, int(part * width + 0.5))
        if done == width:
            return full * width
        return full * max(0, done - 1) + (half if done else "") + empty * (width - done)

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


class Bar:
    """tqdm's bar: on a terminal, or as a widget in a notebook."""

    def __init__(self, file: TextIO, what: str, units: str, tqdm: Any) -> None:
        self._file = file
        self._words = {"desc": what, "unit": f" {units}"}
        self._tqdm = tqdm
        self._bar: Any = None

    def show(self, done: int, total: int, status: Any) -> None:
        if self._bar is None:
            # Not before there is something to show: a training that is refused leaves no empty bar.
            self._bar = self._tqdm(total=total or None, file=self._file, dynamic_ncols=True, **self._words)
        if shown := figures(status, validation="val. "):
            self._bar.set_postfix_str(", ".join(shown), refresh=False)
        self._bar.update(done - self._bar.n)

    def complete(self, done: int, total: int, status: Any) -> None:
        if self._bar is not None and done:
            # A bar that stops halfway is one that failed: of a training that ended early, these were all the epochs.
            self._bar.total = done
            self.show(done, done, status)
            self._bar.refresh()

    def close(self, verdict: str = "") -> None:
        if self._bar is not None:
            self._bar.close()
        if verdict:
            self._file.write(verdict + "\n")
            self._file.flush()


def counted(done: int, total: int, word: str) -> str:
    """`epoch  3/20`."""
    return f"{word} {done:>{len(str(total))}}/{total}"


def figures(status: Any, *words: str, **named: str) -> list[str]:
    """The figures of a training's status, each with its name; nothing of other statuses."""
    return status.figures(*words, **named) if isinstance(status, TrainingStatus) else []


def _tqdm() -> Any:
    """tqdm's bar, the one for notebooks in a notebook; None if it is not installed."""
    try:
        with warnings.catch_warnings():
            # In a notebook without widgets it warns, and draws a bar of text, which is what is wanted.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


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
