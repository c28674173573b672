"""Timing contenders side by side: what is shared by all benchmarks.

Every contender lives in a process of its own, so that thread pools, environment variables and allocators of one do not
disturb another. The processes are started once and warmed up; then they take turns, A B C, A B C, …, one at a time
while the others sleep. So a busy minute of the machine hits all alike, and the median of the rounds is compared.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: Where benchmarks put what they make: on the file system of the checkout.
WORK = ROOT / "build" / "benchmarks"
#: Seconds that a contender's turn should last.
TURN = 0.5


@dataclass
class Contender:
    """One way to do the work: a function `make(**options)` in a module of this package.

    It prepares what is not to be timed and returns `run(round)`, which gives a dictionary of figures.
    """

    name: str
    make: str
    """`module:function`, the module in this package."""
    threads: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        if self.threads is None:
            return self.name
        return f"{self.name}, {self.threads} thread{'s' if self.threads > 1 else ''}"


def at_both(name: str, make: str, **options: Any) -> list[Contender]:
    """The contender with one thread, and with two."""
    return [Contender(name, make, threads, options) for threads in (1, 2)]


class Process:
    """A contender's process, see `worker.py`."""

    def __init__(self, contender: Contender) -> None:
        environment = {**os.environ, **contender.environment}
        options = dict(contender.options)
        if contender.threads is not None:
            options["threads"] = contender.threads
            for library in ("OMP", "OPENBLAS", "MKL"):
                environment[f"{library}_NUM_THREADS"] = str(contender.threads)
            if contender.threads == 1:
                environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        self.contender = contender
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker", contender.make, json.dumps(options)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, round: int) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        print(round, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.contender.title} ended with status {self.process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def take_turns(contenders: Iterable[Contender], rounds: int) -> dict[str, dict[str, list[Any]]]:
    """Runs all contenders `rounds` times in turn: title → figure → a value for each round."""
    processes = [Process(contender) for contender in contenders]
    try:
        for process in processes:
            process.run(0)  # not counted: compiles, loads, fills caches
        figures: dict[str, dict[str, list[Any]]] = {process.contender.title: {} for process in processes}
        for round in range(rounds):
            for process in processes:
                note(f"  round {round + 1} of {rounds}: {process.contender.title}")
                for name, value in process.run(round).items():
                    figures[process.contender.title].setdefault(name, []).append(value)
        return figures
    finally:
        note("")
        for process in processes:
            process.close()


def once(make: str, **options: Any) -> dict[str, Any]:
    """Has something done once in a process of its own."""
    process = Process(Contender(make, make, options=options))
    try:
        return process.run(0)
    finally:
        process.close()


def repeated(run: Callable[[], float]) -> float:
    """A turn lasts half a second at least: the median of the runs in it, so that short ones do not depend on luck."""
    seconds = [run()]
    while sum(seconds) < TURN:
        seconds.append(run())
    return median(seconds)


def note(text: str) -> None:
    """Tells whoever watches how far things are."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


median = statistics.median


def fastest(figures: dict[str, dict[str, list[float]]], name: str, figure: str = "seconds") -> tuple[str, float]:
    """The better of a contender's numbers of threads, or variants: its title, and its median."""
    medians = {
        title: median(values[figure])
        for title, values in figures.items()
        if title == name or title.startswith(f"{name},")
    }
    best = min(medians, key=medians.__getitem__)
    return best, medians[best]


# ---------------------------------------------------------------------------------------------------------------------
# Results
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """A line of the table: one comparison, and the target it has to meet."""

    what: str
    ours: str
    peer: str
    ratio: float | None
    target: str
    met: bool | None
    """None: shown beside the others, without a target."""

    def markdown(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.3g} ×"
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return f"| {self.what} | {self.ours} | {self.peer} | {ratio} | {self.target} | {met} |"


@dataclass
class Report:
    """What a benchmark found: its conditions in words, the table, every contender's figures."""

    title: str
    conditions: str
    rows: list[Row]
    figures: dict[str, Any]
    details: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        table = ["| what | Maquette | peer | ratio | target | met |", "|---|---|---|---|---|---|"]
        lines = [f"## {self.title}", "", self.conditions, "", *table, *(row.markdown() for row in self.rows)]
        if self.details:
            lines += ["", *self.details]
        return "\n".join(lines)


def time_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def spread(seconds: list[float]) -> str:
    """All rounds in one text: the median, and how far it went."""
    return f"{time_text(median(seconds))} ({time_text(min(seconds))} … {time_text(max(seconds))})"
