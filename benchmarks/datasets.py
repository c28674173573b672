"""A dataset of 100,000 labelled instances of 64 features: written to a fresh SQLite file, and read back as a matrix.

Writing: an id, the features as a blob, the label and two dates for each instance, in one transaction; a write-ahead log
and `synchronous = FULL`, which is what Maquette does by itself. The time begins before the file is made and ends when
the call, or the commit, has returned. Maquette copies its log into the file after that, in the background, while
Python's connection does so within the commit unless told otherwise; therefore the peer is measured in two ways: with
SQLite's defaults, and with Maquette's page size and no checkpoint within the commit. The better one counts. The time
until everything is closed, and so in the file, is shown beside it.

Reading: a handle or connection that has cached nothing, on a file that has just been written, so that its pages are in
the operating system's cache for all alike. The result is a float32 matrix, a code for each row's label, and the labels.
Each reads the file it wrote, and the results are compared with what was written.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy

from .sidebyside import WORK, Contender, Report, Row, at_both, fastest, spread, take_turns, time_text

ROWS, FEATURES, LABELS = 100_000, 64, 10
WRITE_TARGET, READ_TARGET = 3.0, 5.0


class Instances:
    def __init__(self) -> None:
        generator = numpy.random.default_rng(7)
        self.X = generator.random((ROWS, FEATURES), dtype=numpy.float32)
        self.codes = generator.integers(0, LABELS, ROWS, dtype=numpy.int32)
        self.names = [f"label {code}" for code in range(LABELS)]
        self.labels = [self.names[code] for code in self.codes]

    def check(self, X: numpy.ndarray, codes: numpy.ndarray, names: list[str]) -> None:
        assert X.dtype == numpy.float32 and numpy.array_equal(X, self.X)
        assert [names[code] for code in codes] == self.labels


def fresh(path: Path) -> None:
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    # What the files before have left to be written must not be paid for by the next one.
    os.sync()


def figures(instances: Instances, path: Path, write, read) -> dict[str, Any]:
    """A round: `write` gives what closes the file, `read` gives matrix, codes and labels."""
    fresh(path)
    start = time.perf_counter()
    close = write(path)
    written = time.perf_counter() - start
    close()
    closed = time.perf_counter() - start
    size = sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))
    start = time.perf_counter()
    result = read(path)
    seconds = time.perf_counter() - start
    instances.check(*result)
    return {"write": written, "write and close": closed, "read": seconds, "megabytes": size / 1e6}


def maquette(threads: int):
    import maquette

    maquette.set_threads(threads)
    instances = Instances()
    path = WORK / f"maquette-{threads}.db"

    def write(path: Path):
        store = maquette.Store(path)
        dataset = store.dataset("instances")
        dataset.append(instances.X, instances.labels)

        def close() -> None:
            dataset.close()
            store.close()

        return close

    def read(path: Path):
        with maquette.Store(path) as store, store.dataset("instances") as dataset:
            return dataset.to_arrays()

    return lambda round: figures(instances, path, write, read)


def python(tuned: bool):
    """Python's own `sqlite3`: `executemany` over tuples made as they are needed."""
    instances = Instances()
    path = WORK / f"python-{'tuned' if tuned else 'plain'}.db"

    def write(path: Path):
        connection = sqlite3.connect(path)
        if tuned:
            connection.execute("PRAGMA page_size = 16384")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if tuned:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(
            "CREATE TABLE instances(place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, y TEXT, "
            "createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL, x BLOB)"
        )
        now = int(time.time() * 1000)
        prefix = os.urandom(9).hex()
        features = instances.X.tobytes()
        size = FEATURES * 4
        rows = (
            (f"{prefix}{row:06x}", label, now, now, features[row * size : row * size + size])
            for row, label in enumerate(instances.labels)
        )
        with connection:
            connection.executemany(
                "INSERT INTO instances(id, y, createdAt, updatedAt, x) VALUES(?, ?, ?, ?, ?)", rows
            )
        return connection.close

    def read(path: Path):
        connection = sqlite3.connect(path)
        if tuned:
            connection.execute("PRAGMA cache_size = -16384")
        rows = connection.execute("SELECT x, y FROM instances ORDER BY place").fetchall()
        connection.close()
        blobs, labels = zip(*rows)
        X = numpy.frombuffer(b"".join(blobs), numpy.float32).reshape(len(blobs), -1)
        numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
        codes = numpy.fromiter(map(numbers.__getitem__, labels), numpy.int32, len(labels))
        return X, codes, list(numbers)

    return lambda round: figures(instances, path, write, read)


def benchmark(rounds: int) -> Report:
    contenders = at_both("Maquette", "datasets:maquette")
    contenders += [
        Contender("Python, SQLite's defaults", "datasets:python", options={"tuned": False}),
        Contender("Python, set up like Maquette", "datasets:python", options={"tuned": True}),
    ]
    found = take_turns(contenders, rounds)
    rows = []
    for figure, what, target in (
        ("write", "write 100,000 × 64", WRITE_TARGET),
        ("write and close", "write 100,000 × 64, and close", None),
        ("read", "read 100,000 × 64 as a matrix", READ_TARGET),
    ):
        _, ours = fastest(found, "Maquette", figure)
        title, theirs = fastest(found, "Python", figure)
        wanted = "" if target is None else f"at least {target:g} ×"
        met = None if target is None else theirs >= target * ours
        rows.append(Row(f"{what}, against {title}", time_text(ours), time_text(theirs), theirs / ours, wanted, met))
    details = ["| contender | write | write and close | read | file |", "|---|---|---|---|---|"]
    for title, values in found.items():
        times = " | ".join(spread(values[figure]) for figure in ("write", "write and close", "read"))
        details.append(f"| {title} | {times} | {values['megabytes'][0]:.1f} MB |")
    conditions = (
        f"{ROWS:,} instances of {FEATURES} 32-bit floats and a label, {rounds} rounds in turn, on {file_system(WORK)}; "
        f"write-ahead log, synchronous = FULL for all; read from the page cache. Python's SQLite is "
        f"{sqlite3.sqlite_version}."
    )
    return Report("Datasets", conditions, rows, found, details)


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`."""
    best = ("", "an unknown file system")
    try:
        for line in Path("/proc/mounts").read_text().splitlines():
            _, mount, kind, *_ = line.split()
            if path.is_relative_to(mount) and len(mount) >= len(best[0]):
                best = (mount, kind)
    except OSError:
        pass
    return best[1]
