"""Batch prediction: 10,000 stored instances of 64 features through a [64, 32] network, the predictions stored too.

A round begins with a fresh SQLite file that holds the instances, opened anew, so that nothing is cached but by the
operating system. The time ends when all predictions are committed, `synchronous = FULL` and a write-ahead log for all.
A record holds the instance's id and true label, the confidences and two dates; the predicted label follows from the
confidences with Maquette, and is a column with Python. Maquette commits a block of 4,096 rows at a time.

Python does what a careful programmer would write: it reads blobs, joins a block of them into one array, predicts the
block with scikit-learn, and writes the confidences as blobs with `executemany`, each block in a transaction. Several
sizes of blocks are tried, one of them being all rows; the best counts. The loop one by one predicts each row by itself,
and writes all of them in one transaction.
"""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from pathlib import Path

import numpy

from .datasets import file_system, fresh
from .sidebyside import WORK, Contender, Report, Row, at_both, fastest, spread, take_turns, time_text

ROWS, FEATURES, LABELS = 10_000, 64, 10
LAYERS = (64, 32)
BLOCKS = (1000, 4096, ROWS)
BLOCK_TARGET, LOOP_TARGET = 2.0, 50.0


class Instances:
    def __init__(self) -> None:
        generator = numpy.random.default_rng(7)
        middles = generator.normal(size=(LABELS, FEATURES))
        codes = generator.integers(0, LABELS, ROWS)
        self.X = (middles[codes] + generator.normal(size=(ROWS, FEATURES))).astype(numpy.float32)
        self.labels = [f"label {code}" for code in codes]
        #: What the networks learn from: enough to tell the labels apart.
        self.training = self.X[:1000], self.labels[:1000]


def accuracy(labels, instances: Instances) -> float:
    return float(numpy.mean(numpy.array(labels) == numpy.array(instances.labels)))


def maquette(threads: int):
    import maquette

    maquette.set_threads(threads)
    instances = Instances()
    path = WORK / f"batch-maquette-{threads}.db"
    model = maquette.MLPClassifier(layers=list(LAYERS), epochs=10)
    model.fit(*instances.training)

    def run(round: int) -> dict[str, float]:
        fresh(path)
        with maquette.Store(path) as store, store.dataset("instances") as dataset:
            dataset.append(instances.X, instances.labels)
        os.sync()
        with (
            maquette.Store(path) as store,
            store.dataset("instances") as dataset,
            store.batch_prediction("instances") as batch,
        ):
            start = time.perf_counter()
            batch.predict(model, dataset).wait()
            seconds = time.perf_counter() - start
            start = time.perf_counter()
            results = batch.results()
            reading = time.perf_counter() - start
        assert len(results) == ROWS and numpy.allclose(results.confidences.sum(axis=1), 1, atol=1e-5)
        assert accuracy(results.labels, instances) > 0.9
        return {"seconds": seconds, "reading": reading}

    return run


class Python:
    """`sqlite3` and scikit-learn."""

    def __init__(self, name: str) -> None:
        from sklearn.neural_network import MLPClassifier

        self.instances = Instances()
        self.path = WORK / f"batch-python-{name}.db"
        warnings.simplefilter("ignore")
        self.model = MLPClassifier(LAYERS, max_iter=10, batch_size=8).fit(*self.instances.training)
        self.prefix = os.urandom(9).hex()

    def connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA page_size = 16384")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    def prepare(self) -> sqlite3.Connection:
        fresh(self.path)
        connection = self.connect(self.path)
        tables = {"instances": "x BLOB", "predictions": "instanceId TEXT, label TEXT, confidences BLOB"}
        for table, columns in tables.items():
            connection.execute(
                f"CREATE TABLE {table}(place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, y TEXT, "
                f"createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL, {columns})"
            )
        now = int(time.time() * 1000)
        with connection:
            connection.executemany(
                "INSERT INTO instances(id, y, createdAt, updatedAt, x) VALUES(?, ?, ?, ?, ?)",
                (
                    (f"{self.prefix}{row:06x}", label, now, now, x.tobytes())
                    for row, (x, label) in enumerate(zip(self.instances.X, self.instances.labels, strict=True))
                ),
            )
        connection.close()
        os.sync()
        return self.connect(self.path)

    def check(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT label, confidences FROM predictions ORDER BY place").fetchall()
        connection.close()
        confidences = numpy.frombuffer(b"".join(row[1] for row in rows), numpy.float32).reshape(ROWS, LABELS)
        assert numpy.allclose(confidences.sum(axis=1), 1, atol=1e-5)
        assert accuracy([row[0] for row in rows], self.instances) > 0.9

    INSERT = (
        "INSERT INTO predictions(id, y, createdAt, updatedAt, instanceId, label, confidences) "
        "VALUES(?, ?, ?, ?, ?, ?, ?)"
    )


def blocks(threads: int, block: int):
    python = Python(f"{block}-{threads}")
    model, classes = python.model, python.model.classes_.tolist()

    def run(round: int) -> dict[str, float]:
        connection = python.prepare()
        prefix = os.urandom(9).hex()
        start = time.perf_counter()
        last, written = 0, 0
        while rows := connection.execute(
            "SELECT place, id, y, x FROM instances WHERE place > ? ORDER BY place LIMIT ?", (last, block)
        ).fetchall():
            places, ids, truth, blobs = zip(*rows, strict=True)
            last = places[-1]
            X = numpy.frombuffer(b"".join(blobs), numpy.float32).reshape(len(rows), -1)
            confidences = model.predict_proba(X).astype(numpy.float32)
            labels = [classes[code] for code in confidences.argmax(axis=1).tolist()]
            content, size = confidences.tobytes(), 4 * len(classes)
            now = int(time.time() * 1000)
            with connection:
                connection.executemany(
                    Python.INSERT,
                    (
                        (f"{prefix}{written + row:06x}", y, now, now, id, label, content[size * row : size * (row + 1)])
                        for row, (id, y, label) in enumerate(zip(ids, truth, labels, strict=True))
                    ),
                )
            written += len(rows)
        seconds = time.perf_counter() - start
        python.check(connection)
        return {"seconds": seconds}

    return run


def loop():
    python = Python("loop")
    model, classes = python.model, python.model.classes_.tolist()

    def run(round: int) -> dict[str, float]:
        connection = python.prepare()
        prefix = os.urandom(9).hex()
        start = time.perf_counter()
        with connection:
            for row, (id, y, x) in enumerate(connection.execute("SELECT id, y, x FROM instances ORDER BY place")):
                confidences = model.predict_proba(numpy.frombuffer(x, numpy.float32)[None, :])[0].astype(numpy.float32)
                label = classes[confidences.argmax()]
                now = int(time.time() * 1000)
                connection.execute(
                    Python.INSERT, (f"{prefix}{row:06x}", y, now, now, id, label, confidences.tobytes())
                )
        seconds = time.perf_counter() - start
        python.check(connection)
        return {"seconds": seconds}

    return run


def benchmark(rounds: int) -> Report:
    contenders = at_both("Maquette", "batch:maquette")
    contenders += [
        Contender(f"Python in blocks, {block} rows", "batch:blocks", threads, {"block": block})
        for block in BLOCKS
        for threads in (1, 2)
    ]
    contenders.append(Contender("Python one by one", "batch:loop"))
    found = take_turns(contenders, rounds)
    _, ours = fastest(found, "Maquette")
    rows = []
    for name, target in (("Python in blocks", BLOCK_TARGET), ("Python one by one", LOOP_TARGET)):
        title, theirs = fastest(found, name)
        rows.append(
            Row(
                f"predict and store {ROWS:,} instances, against {title}",
                time_text(ours),
                time_text(theirs),
                theirs / ours,
                f"at least {target:g} ×",
                theirs >= target * ours,
            )
        )
    _, reading = fastest(found, "Maquette", "reading")
    rows.append(Row(f"read the {ROWS:,} predictions as arrays", time_text(reading), "", None, "", None))
    details = ["| contender | predict and store |", "|---|---|"]
    details += [f"| {title} | {spread(values['seconds'])} |" for title, values in found.items()]
    conditions = (
        f"{ROWS:,} instances of {FEATURES} 32-bit floats in an SQLite file on {file_system(WORK)}, a network of layers "
        f"{list(LAYERS)} and {LABELS} labels, {rounds} rounds in turn; write-ahead log, synchronous = FULL for all. "
        f"Python's SQLite is {sqlite3.sqlite_version}."
    )
    return Report("Batch prediction", conditions, rows, found, details)
