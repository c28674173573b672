from __future__ import annotations

import io
import re

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


def test_on_a_terminal_one_line_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("columns", [10, 20, 40, 60, 79, 80, 100, 200])
def test_a_line_never_wraps(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    frames = re.split(r"[\r\n]", shown(Terminal(), training(1000)))
    assert max(len(frame) for frame in frames[:-2]) < columns


def test_a_terminal_without_the_characters_gets_others(monkeypatch: pytest.MonkeyPatch) -> None:
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
                assert file.getvalue().count("epoch 20/20") == 2


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
