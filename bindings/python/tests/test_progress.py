from __future__ import annotations

import fcntl
import io
import os
import re
import struct
import sys
import termios
import tty
from contextlib import suppress

import pytest
from conftest import KINDS, Digits, answers

import maquette
from maquette._progress import Progress
from maquette._training import TrainingStatus


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def training(epochs: int = 20, end: str = "success") -> list[TrainingStatus]:
    figures = {"loss": 0.5, "accuracy": 0.91, "lossVal": 0.6, "accuracyVal": 1.0}
    return [
        TrainingStatus(status="start", epochs=epochs),
        *(TrainingStatus(status="epoch", epoch=n + 1, epochs=epochs, data=figures) for n in range(epochs)),
        TrainingStatus(status=end, data={"error": "the loss became NaN"} if end == "error" else {}),
    ]


def shown(file: io.StringIO, statuses: list[TrainingStatus]) -> str:
    progress = Progress(file)
    for status in statuses:
        progress(status)
    assert progress.over
    return file.getvalue()


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if tqdm were not installed."""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def on_a_terminal(columns: int, statuses: list[TrainingStatus]) -> str:
    """What is written to a real terminal of that width."""
    reading, writing = os.openpty()
    tty.setraw(writing)  # no carriage returns but those that are written
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        progress = Progress(file)
        for status in statuses:
            progress(status)
        assert progress.over
    text = b""
    with suppress(OSError):  # the other end is closed: that was all
        while part := os.read(reading, 4096):
            text += part
    os.close(reading)
    return text.decode()


def test_on_a_terminal_one_line_is_rewritten(plain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    text = shown(Terminal(), training())
    lines = text.split("\n")
    assert len(lines) == 3
    frames = lines[0].split("\r")[1:]
    assert len(frames) == 21
    assert frames[0].startswith("epoch  0/20  ────")
    assert frames[10].startswith("epoch 10/20  ━━━━━━━━━━━╸────────────  loss 0.5000  accuracy 91.0%  validation loss")
    assert frames[20].startswith("epoch 20/20  ━━━━━━━━━━━━━━━━━━━━━━━━  loss")
    assert re.fullmatch(r"trained in \d+\.\d\d s", lines[1])


@pytest.mark.parametrize("width", [10, 20, 40, 60, 79, 80, 100, 200])
def test_a_line_never_wraps(plain: None, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    frames = re.split(r"[\r\n]", shown(Terminal(), training(1000)))
    assert max(len(frame) for frame in frames[:-2]) < width


def test_a_terminal_without_the_characters_gets_others(plain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    terminal.encoding = "ascii"  # type: ignore[misc]
    text = shown(terminal, training())
    assert text.isascii()
    assert "#####----" in text


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (5, 5), (20, 11), (1000, 11), (0, 0)])
def test_elsewhere_there_are_a_few_lines(epochs: int, lines: int) -> None:
    text = shown(io.StringIO(), training(epochs))
    assert "\r" not in text
    assert len(text.splitlines()) == lines + 1
    if epochs > 1:
        assert text.splitlines()[-2].startswith(f"epoch {epochs}/{epochs}  loss 0.5000  accuracy 91.0%")


@pytest.mark.parametrize(
    ("end", "verdict"),
    [("cancelled", "the training was cancelled"), ("error", "the training failed: the loss became NaN")],
)
@pytest.mark.parametrize("file", [Terminal, io.StringIO])
def test_the_end_is_told(end: str, verdict: str, file: type[io.StringIO]) -> None:
    assert shown(file(), training(3, end)).splitlines()[-1] == verdict


def test_a_file_that_is_closed_disturbs_nothing(blobs) -> None:
    closed = io.StringIO()
    closed.close()
    with maquette.MLPClassifier(epochs=3) as model:
        model.fit(*blobs, progress=closed)
        model.train(*blobs, progress=closed)
        model.wait()


def test_tqdm_shows_its_bar_where_it_is_installed() -> None:
    lines = on_a_terminal(140, training()).split("\n")
    assert len(lines) == 3
    first, *_, last = lines[0].split("\r")[1:]
    assert first.startswith("training:   0%|") and "0/20" in first
    assert last.startswith("training: 100%|██████")
    assert last.endswith(" epochs/s, loss 0.5000, accuracy 91.0%, val. loss 0.6000, val. accuracy 100.0%]")
    assert re.fullmatch(r"trained in \d+\.\d\d s", lines[1])


@pytest.mark.parametrize("width", [10, 20, 40, 60, 79, 80, 100, 200])
def test_the_bar_never_wraps(width: int) -> None:
    frames = re.split(r"[\r\n]", on_a_terminal(width, training(1000)))
    assert max(len(frame) for frame in frames[:-2]) < width


@pytest.mark.parametrize("bar", ["tqdm", "plain"])
@pytest.mark.parametrize("file", [Terminal, io.StringIO])
def test_a_training_that_ends_early_fills_the_bar(
    request: pytest.FixtureRequest, bar: str, file: type[io.StringIO]
) -> None:
    if bar == "plain":
        request.getfixturevalue("plain")
    statuses = training(500)
    # The display was slow and has missed the last epoch, which it learns from the end.
    early = [*statuses[:12], TrainingStatus(status="success", data={"loss": [0.5] * 13, "accuracy": [0.91] * 13})]
    *before, verdict = shown(file(), early).rstrip("\n").split("\n")
    assert re.fullmatch(r"trained in \d+\.\d\d s, stopped early after 13 of 500 epochs", verdict)
    last = before[-1].split("\r")[-1]
    if file is Terminal and bar == "tqdm":
        assert last.startswith("training: 100%|") and " 13/13 " in last
    else:
        assert last.startswith("epoch  13/500  ")
    assert "loss 0.5000" in last


def test_a_bar_that_is_not_finished_stops_where_it_was() -> None:
    lines = on_a_terminal(140, [*training()[:8], TrainingStatus(status="cancelled")]).split("\n")
    assert " 7/20 " in lines[0].split("\r")[-1]
    assert lines[1:] == ["the training was cancelled", ""]


def test_no_control_characters_reach_a_file(blobs) -> None:
    file = io.StringIO()
    with maquette.MLPClassifier(epochs=30, patience=1) as model:
        model.fit(*blobs, progress=file)
    assert all(character.isprintable() or character == "\n" for character in file.getvalue())


def test_early_stopping_is_told(blobs) -> None:
    for file in (Terminal(), io.StringIO()):
        with maquette.MLPClassifier(epochs=5000, patience=3, learning_rate=0.1, seed=1) as model:
            model.fit(*blobs, progress=file)
            epochs = len(model.training.value.curves["loss"])
            assert epochs < 5000
            assert file.getvalue().endswith(f", stopped early after {epochs} of 5000 epochs\n")


def test_an_embedding_is_followed_epoch_by_epoch(digits: Digits) -> None:
    file = io.StringIO()
    with maquette.UMAP(epochs=30, seed=1) as model:
        model.fit(digits.X[:200], progress=file)
    lines = file.getvalue().splitlines()
    assert lines[-2] == "epoch 30/30"
    assert lines[-1].startswith("trained in ")


def test_ctrl_c_leaves_the_bar_on_a_line_of_its_own(endless: maquette.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Terminal()
    get, taken = maquette.Queue.get, 0

    def interrupted(queue: maquette.Queue[TrainingStatus], timeout: float | None = None) -> TrainingStatus:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise KeyboardInterrupt
        return get(queue, timeout)

    monkeypatch.setattr(maquette.Queue, "get", interrupted)
    with pytest.raises(KeyboardInterrupt):
        endless.wait(progress=file)
    assert file.getvalue().endswith("\n")
    assert not endless.is_training


@pytest.mark.parametrize("how", ["fit", "wait", "train"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_ask_for_it_shows_it(how: str, kind: str, digits: Digits) -> None:
    for file in (Terminal(), io.StringIO()):
        with maquette.Model(kind) as model:
            for _ in range(2):
                if how == "fit":
                    model.fit(digits.X, answers(kind, digits.y), progress=file)
                elif how == "wait":
                    model.train(digits.X, answers(kind, digits.y))
                    model.wait(progress=file)
                else:
                    model.train(digits.X, answers(kind, digits.y), progress=file)
                    model.wait()
            assert file.getvalue().count("trained in") == 2
            if kind == "mlp-classifier" and how != "wait":
                assert len(re.findall("epoch 20/20|20/20 .*, val. accuracy", file.getvalue())) == 2


def test_it_goes_to_the_standard_output(blobs, capsys: pytest.CaptureFixture[str]) -> None:
    with maquette.MLPClassifier(epochs=2) as model:
        model.fit(*blobs, progress=True)
    assert capsys.readouterr().out.startswith("epoch 1/2  loss")


def test_errors_are_raised_after_they_are_shown(store: maquette.Store) -> None:
    with store.dataset("empty") as empty, maquette.KNNClassifier() as model:
        for how in ("fit", "train"):
            file = io.StringIO()
            with pytest.raises(maquette.NoRowsError):
                if how == "fit":
                    model.fit(empty, progress=file)
                else:
                    model.train(empty, progress=file)
                    model.wait()
            assert "the training failed" in file.getvalue()


def test_a_training_that_is_refused_leaves_no_subscriber(endless: maquette.Model, digits: Digits) -> None:
    with pytest.raises(maquette.BusyError):
        endless.train(digits.X, digits.y, progress=io.StringIO())
    assert not endless._receivers


def test_a_timeout_passes_with_a_display(endless: maquette.Model) -> None:
    file = io.StringIO()
    with pytest.raises(maquette.WaitTimeoutError):
        endless.wait(0.2, progress=file)
    assert "epoch" in file.getvalue()
    assert endless.is_training


def test_a_batch_prediction_has_a_bar_of_its_own(store: maquette.Store, blobs, trained: maquette.Model) -> None:
    with store.dataset("points") as dataset, store.batch_prediction("points") as batch:
        dataset.append(*blobs)
        terminal, file = Terminal(), io.StringIO()
        batch.predict(trained, dataset, progress=terminal).wait()
        # A last line that is shorter than the one before, 9999.99 behind 10000.00 instances/s, ends in spaces.
        assert re.search(r"\rpredicting: 100%\|.*\| 60/60 .* instances/s\] *\n", terminal.getvalue())
        batch.predict(trained, dataset, progress=file).wait()
        *_, last, verdict = file.getvalue().splitlines()
        assert last == "predicted 60/60"
        for text in (terminal.getvalue().splitlines()[-1], verdict):
            assert re.fullmatch(r"predicted 60 instances in \d+\.\d\d s", text)


def test_a_batch_prediction_has_a_line_without_tqdm(plain: None, store: maquette.Store, blobs, trained) -> None:
    with store.dataset("points") as dataset, store.batch_prediction("points") as batch:
        dataset.append(*blobs)
        terminal = Terminal()
        batch.predict(trained, dataset, progress=terminal).wait()
        line, verdict, rest = terminal.getvalue().split("\n")
        assert line.split("\r")[-1] == "predicted 60/60  " + 24 * "━"
        assert verdict.startswith("predicted 60 instances in ") and not rest
