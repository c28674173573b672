"""A store of labelled instances of 64 features, beside the raw C API of SQLite as the limit, and Python's `sqlite3`.

Both sides are C programs, `stores.c` built twice, in processes of their own that take turns: so that neither pays for
Python. The limit knows its one table and nothing else; it links the same SQLite that Maquette's library holds. What is
timed is what `stores.c` says. A query is two questions, how many instances have a label, and the first hundred of them
as JSON of id and label; both sides have an index on the label. Python's `sqlite3` answers the same from the limit's
file.

Appending and reading beside Python are in `datasets.py`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from pathlib import Path

from .datasets import file_system, fresh
from .prediction import library
from .sidebyside import ROOT, WORK, Report, Row, fastest, median, note, spread, time_text

ROWS, SINGLE, MEMORY, QUERIES = 100_000, 5_000, 1_000_000, 300
#: work: (what, rows, at least this part of the limit's speed)
WORKS = {
    "append": (f"append {ROWS:,} at once", ROWS, None),
    "read": (f"read {ROWS:,} as one matrix", ROWS, 0.9),
    "single": (f"append {SINGLE:,} one at a time, durable (NORMAL)", SINGLE, 0.9),
    "query": ("count and page of a query on a label, indexed", ROWS, 0.95),
}
MEMORY_TARGET = 5e6


def build(target: Path, *flags: str) -> Path:
    source = Path(__file__).parent / "stores.c"
    command = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-I", str(ROOT / "include"), str(source)]
    subprocess.run([*command, "-o", str(target), *flags], check=True)
    return target


def run(program: Path, work: str, path: Path, rows: int) -> float:
    return float(subprocess.run([program, work, path, str(rows)], check=True, capture_output=True, text=True).stdout)


def python_query(path: Path) -> float:
    connection = sqlite3.connect(path)
    start = 0.0
    for turn in range(-10, QUERIES):
        if turn == 0:
            start = time.perf_counter()
        label = f"label {turn % 10}"
        (total,) = connection.execute("SELECT count(*) FROM instances WHERE y = ?", (label,)).fetchone()
        rows = connection.execute(
            "SELECT id, y FROM instances WHERE y = ? ORDER BY place LIMIT 100", (label,)
        ).fetchall()
        json.dumps({"total": total, "limit": 100, "skip": 0, "data": [{"id": id, "y": y} for id, y in rows]})
    seconds = (time.perf_counter() - start) / QUERIES
    connection.close()
    return seconds


def benchmark(rounds: int) -> Report:
    shared = library()
    ours = build(WORK / "stores-maquette", "-Wl,--no-as-needed", str(shared), f"-Wl,-rpath,{shared.parent}")
    raw = build(WORK / "stores-raw", "-DRAW", str(ROOT / "build" / "static" / "libsqlite3.a"), "-lm", "-lpthread")
    programs = {"Maquette": ours, "the raw C API": raw}
    files = {title: WORK / f"{program.name}.db" for title, program in programs.items()}
    singles = {title: WORK / f"{program.name}-single.db" for title, program in programs.items()}
    queries = {title: WORK / f"{program.name}-query.db" for title, program in programs.items()}
    found: dict[str, dict[str, list[float]]] = {title: {} for title in [*programs, "Python"]}
    found["Maquette"]["memory"] = []
    for path in queries.values():
        fresh(path)
    for round in range(-1, rounds):  # the first is not counted
        for work, (_, rows, _) in WORKS.items():
            for title, program in programs.items():
                note(f"  round {round + 1} of {rounds}: {title}, {work}")
                path = {"single": singles, "query": queries}.get(work, files)[title]
                if work in ("append", "single"):
                    fresh(path)
                seconds = run(program, work, path, rows)
                if round >= 0:
                    found[title].setdefault(work, []).append(seconds)
        if round >= 0:
            found["Python"].setdefault("query", []).append(python_query(queries["the raw C API"]))
            found["Maquette"]["memory"].append(run(ours, "memory", Path("-"), MEMORY))
    note("")
    table = []
    for work, (what, _, part) in WORKS.items():
        _, mine = fastest(found, "Maquette", work)
        _, limit = fastest(found, "the raw C API", work)
        wanted = "" if part is None else f"at least {part:g} ×"
        met = None if part is None else limit >= part * mine
        table.append(
            Row(f"{what}, against the raw C API", time_text(mine), time_text(limit), limit / mine, wanted, met)
        )
    _, mine = fastest(found, "Maquette", "query")
    theirs = median(found["Python"]["query"])
    what = WORKS["query"][0] + ", against Python's sqlite3"
    table.append(Row(what, time_text(mine), time_text(theirs), theirs / mine, "", None))
    speed = MEMORY / median(found["Maquette"]["memory"])
    table.append(
        Row(
            f"append {MEMORY:,} at once to a store in memory", f"{speed / 1e6:.3g} million/s", "", None,
            f"at least {MEMORY_TARGET / 1e6:g} million/s", speed >= MEMORY_TARGET,
        )
    )  # fmt: skip
    details = ["| work | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for work in [*WORKS, "memory"]:
        cells = [spread(values[work]) if work in values else "" for values in found.values()]
        details.append(f"| {work} | " + " | ".join(cells) + " |")
    conditions = (
        f"Instances of 64 32-bit floats and one of ten labels, {rounds} rounds in turn, on {file_system(WORK)}; "
        f"write-ahead log, synchronous = FULL but where it says NORMAL; read from the page cache."
    )
    return Report("Stores", conditions, table, found, details)
