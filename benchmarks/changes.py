"""How soon a change is seen: by a subscriber in the process that makes it, and by one in another process on an SQLite file.

Both are subscribers with a callback on a dataset's changes, in C. In the same process the time begins with the call that
adds an instance to a store in memory, and ends in the callback; beside it stands what the system alone takes to wake a
thread with a condition variable, which is part of it. In another process it begins when the call has returned,
the instance on the disk, and ends in that process's callback; changes come at intervals of 20 to 50 ms, and every tenth
after most of a second in which nothing happens.

What it costs those who write is shown beside it: a call that adds one instance, and one that adds 1,000, with
`synchronous = NORMAL`, to a file that nobody has ever watched, to one that another process watches, and to one that was
watched once.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from .prediction import compile
from .sidebyside import WORK, Report, Row, median, note, time_text

SAME_TARGET, OTHER_TARGET = 50e-6, 100e-3
SAME_CHANGES, OTHER_CHANGES, COST_CHANGES = 2000, 100, 1000


def benchmark(rounds: int) -> Report:
    program = WORK / "changes"
    compile("changes.c", program)
    figures: dict[str, dict[str, list[float]]] = {"bare": {}, "same": {}, "other": {}, "cost": {}}
    for round in range(rounds):
        for what, changes, location in (
            ("bare", SAME_CHANGES, "-"),
            ("same", SAME_CHANGES, "memory:"),
            ("other", OTHER_CHANGES, f"sqlite:{WORK / 'changes.db'}"),
            ("cost", COST_CHANGES, f"sqlite:{WORK / 'changes.db'}?synchronous=normal"),
        ):
            note(f"  round {round + 1} of {rounds}: {what}")
            for file in WORK.glob("changes.db*"):
                file.unlink()
            run = subprocess.run([program, location, what, str(changes)], check=True, stdout=subprocess.PIPE, text=True)
            for name, value in json.loads(run.stdout).items():
                figures[what].setdefault(name, []).append(value / 1e9)
    note("")

    def times(figure: str) -> tuple[float, str]:
        seconds = median(figures[figure]["p99"])
        return seconds, f"{time_text(seconds)}, median {time_text(median(figures[figure]['median']))}"

    def row(what: str, figure: str, beside: str, target: float) -> Row:
        seconds, text = times(figure)
        return Row(what, text, beside, None, f"99 % within {time_text(target)}", seconds <= target)

    def cost(what: str, suffix: str) -> Row:
        alone, watched, logged = (
            median(figures["cost"][when + suffix]) for when in ("alone", "watched", "logged")
        )
        text = f"{time_text(watched)} watched, {time_text(logged)} once watched"
        return Row(what, text, f"{time_text(alone)} never watched", watched / alone, "", None)

    rows = [
        row("a change is seen in the same process", "same", f"waking a thread: {times('bare')[1]}", SAME_TARGET),
        row("a change is seen in another process", "other", "", OTHER_TARGET),
        cost("adding one instance", ""),
        cost("adding 1,000 instances", " bulk"),
    ]
    conditions = " ".join(str(__doc__).split("\n\n", 1)[0].split())
    details: dict[str, Any] = {what: dict(values) for what, values in figures.items()}
    return Report("Changes", conditions, rows, details)
