"""Data and helpers of the tests. They run against the real library: see MAQUETTE_LIBRARY in `_library.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import maquette

# SciPy looks at it when it is imported: without, scikit-learn leaves a check out.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]

#: Seconds after which something that should have happened is not going to.
PATIENCE = 30.0

#: More epochs than anybody waits for: a training that runs until it is cancelled.
ENDLESS = 1_000_000


#: The kinds that learn; those that only predict with what was trained elsewhere are tried in test_onnx.py.
KINDS = [kind for kind in maquette.kinds() if maquette.schema(kind)["trainable"]]
UNTRAINABLE = [kind for kind in maquette.kinds() if kind not in KINDS]


def kinds_for(*tasks: str) -> list[str]:
    """The kinds that are for one of these tasks."""
    return [kind for kind in KINDS if maquette.schema(kind)["task"] in tasks]


def answers(kind: str, y: Any) -> Any:
    """What a kind learns beside the rows: labels, numbers, or nothing."""
    task = maquette.schema(kind)["task"]
    if task == "classification":
        return y
    if task == "regression":
        return numpy.unique(y, return_inverse=True)[1].astype("f4")
    return None


#: What the training of a `small_model` reports.
EVENTS_OF_A_TRAINING = ["start", "epoch", "epoch", "epoch", "success"]


def small_model(**parameters: Any) -> maquette.Model:
    """A model that learns in a moment."""
    return maquette.MLPClassifier(**{"layers": [8], "epochs": 3, **parameters})


class Digits:
    """The handwritten digits, split as the README of the data says."""

    def __init__(self) -> None:
        table = numpy.loadtxt(REPOSITORY / "examples" / "data" / "digits.csv", delimiter=",", dtype=numpy.int32)
        features, labels = table[:, :64].astype(numpy.float32) / 16, table[:, 64]
        is_test = numpy.arange(len(table)) % 5 == 4
        self.X, self.y = features[~is_test], labels[~is_test]
        self.X_test, self.y_test = features[is_test], labels[is_test]


@pytest.fixture(scope="session")
def digits() -> Digits:
    return Digits()


@pytest.fixture(scope="session")
def blobs() -> tuple[numpy.ndarray, list[str]]:
    """60 points in three corners, easy to tell apart."""
    generator = numpy.random.default_rng(7)
    corners = numpy.array([[0, 0, 0], [4, 0, 4], [0, 4, 4]], numpy.float32)
    points = numpy.concatenate([corner + generator.normal(0, 0.3, (20, 3)) for corner in corners])
    return points.astype(numpy.float32), [name for name in ("red", "green", "blue") for _ in range(20)]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[maquette.Store]:
    location = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'store.db'}"
    with maquette.Store(location) as store:
        yield store


@pytest.fixture
def dataset(store: maquette.Store) -> Iterator[maquette.Dataset]:
    with store.dataset("points") as dataset:
        yield dataset


@pytest.fixture
def trained(blobs) -> Iterator[maquette.Model]:
    with maquette.MLPClassifier(layers=[8], epochs=20, learning_rate=0.01, seed=3) as model:
        yield model.fit(*blobs)


@pytest.fixture
def endless(digits: Digits) -> Iterator[maquette.Model]:
    """A model in a training that goes on until it is cancelled, after its first epoch."""
    with maquette.MLPClassifier(epochs=ENDLESS, seed=1) as model:
        model.train(digits.X, digits.y)
        next(status for status in model.training.queue() if status.status == "epoch")
        yield model


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Collects what is raised where nobody can catch it."""
    seen: list[BaseException] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(args.exc_value))
    return seen


def command(code: str, *arguments: Any) -> list[str]:
    prelude = """
        import faulthandler, sys, os, signal, threading, time
        faulthandler.enable()
        # Where the tests run in the background of a shell, Ctrl-C would be ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.path.insert(0, {tests!r})
        from conftest import Digits, ENDLESS, KINDS
        import numpy, maquette
        """
    text = textwrap.dedent(prelude).format(tests=str(PACKAGE / "tests")) + textwrap.dedent(code)
    return [sys.executable, "-c", text, *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE)}


def run(code: str, *arguments: Any, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Runs a program of its own, with the digits and maquette at hand."""
    return subprocess.run(
        command(code, *arguments), env=environment(), capture_output=True, text=True, timeout=timeout, check=False
    )


def start(code: str, *arguments: Any, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(code, *arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Runs `work` in threads at once; returns what they returned, raises what one raised."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        return [future.result(PATIENCE) for future in [pool.submit(work, number) for number in range(count)]]
