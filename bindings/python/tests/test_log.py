from __future__ import annotations

import ctypes
import logging
import re
import threading

import pytest
from conftest import PATIENCE, Digits, in_threads

import maquette
from maquette import _library


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


def log(level: int, text: bytes) -> None:
    """Logs as the library does: a call of the C function, with the key it was given."""
    (key,) = maquette._callbacks._loggers
    ctypes.cast(maquette._callbacks._on_log, _library.LogFunction)(key, level, text)


def test_messages_go_to_the_function(unraisable: list[BaseException]) -> None:
    seen: list[tuple[str, str]] = []
    maquette.set_log("debug", lambda level, text: seen.append((level, text)))
    for number in range(1, 5):
        log(number, "mëssage".encode())
    log(1, b"broken \xff")
    assert seen == [(level, "mëssage") for level in ("error", "warning", "info", "debug")] + [
        ("error", "broken \ufffd")
    ]
    in_threads(8, lambda number: [log(4, b"%d" % number) for _ in range(100)])
    assert len(seen) == 805
    assert not unraisable


def test_an_exception_in_the_function_is_reported(unraisable: list[BaseException]) -> None:
    def broken(level: str, text: str) -> None:
        raise KeyError(text)

    maquette.set_log("debug", broken)
    log(1, b"message")
    assert [type(error) for error in unraisable] == [KeyError]


def test_messages_go_to_python_s_logging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "maquette")
    maquette.set_log("debug")
    log(2, b"100 % full")
    log(4, b"detail")
    assert caplog.record_tuples == [("maquette", logging.WARNING, "100 % full"), ("maquette", logging.DEBUG, "detail")]


def test_whatever_a_training_logs_is_text(digits: Digits) -> None:
    seen: list[tuple[str, str]] = []
    maquette.set_log("debug", lambda level, text: seen.append((level, text)))
    with maquette.MLPClassifier(epochs=2) as model:
        model.fit(digits.X, digits.y)
    assert all(level in ("error", "warning", "info", "debug") and text for level, text in seen)


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
