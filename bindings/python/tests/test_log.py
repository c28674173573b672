from __future__ import annotations

import logging
import re
import threading

import pytest
from conftest import PATIENCE, Digits, in_threads

import maquette


@pytest.fixture(autouse=True)
def silent():
    yield
    maquette.set_log(None)


def test_version_and_build_info() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", maquette.version())
    assert maquette.version() == maquette.__version__
    info = maquette.build_info()
    assert {"version", "commit", "compiler", "openblas", "sqlite", "kernels", "threads"} <= info.keys()
    assert info["version"] == maquette.version()
    assert info["threads"] == maquette.threads()


def test_messages_go_to_the_function(digits: Digits) -> None:
    seen: list[tuple[str, str]] = []
    some = threading.Event()
    maquette.set_log("debug", lambda level, text: (seen.append((level, text)), some.set()))
    with maquette.MLPClassifier(epochs=2) as model:
        model.fit(digits.X, digits.y)
    if not some.wait(1):
        pytest.skip("a training logs nothing")
    assert all(level in ("error", "warning", "info", "debug") and text for level, text in seen)


def test_messages_go_to_python_s_logging(caplog: pytest.LogCaptureFixture, digits: Digits) -> None:
    caplog.set_level(logging.DEBUG, "maquette")
    maquette.set_log("debug")
    with maquette.MLPClassifier(epochs=2) as model:
        model.fit(digits.X, digits.y)
    assert all(record.name == "maquette" for record in caplog.records)


def test_an_unknown_level_is_refused() -> None:
    for level in ("loud", "", "INFO"):
        with pytest.raises(maquette.InvalidArgumentError, match="error, warning, info, debug"):
            maquette.set_log(level)


def test_a_function_that_is_replaced_is_let_go(digits: Digits) -> None:
    for _ in range(10):
        maquette.set_log("debug", lambda level, text: None)
    maquette.set_log(None)
    deadline = threading.Event()
    for _ in range(int(PATIENCE * 1000)):
        if not maquette._callbacks._loggers:
            return
        deadline.wait(0.001)
    pytest.fail("a logger is left behind")


def test_the_log_is_changed_by_threads_while_others_train(blobs) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            if number % 2:
                maquette.set_log("debug", lambda level, text: None)
            else:
                with maquette.KNNClassifier() as model:
                    model.fit(*blobs)

    in_threads(6, work)
