"""What notebooks show. The pictures were looked at; here is what must not break."""

from __future__ import annotations

import base64
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest
from conftest import KINDS, Digits, answers

import maquette
from maquette import _svg

#: What would run in a notebook if it were not escaped.
HOSTILE = "<img src=x onerror=alert(1)>\"'&</td></svg>"


class Reader(HTMLParser):
    """The text of a document, which must be well-formed and harmless."""

    ALLOWED = ("div", "span", "b", "table", "tr", "th", "td", "details", "summary", "img")
    DRAWN = ("svg", "line", "text", "polyline", "path", "circle", "rect")

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(document)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in self.ALLOWED + self.DRAWN
        for name, value in attributes:
            assert not name.startswith("on") and name not in {"href", "class", "id"}
            assert "url(" not in (value or "")
            if name == "src":
                assert value and value.startswith("data:image/")
            elif name != "xmlns":
                assert "://" not in (value or "")
        if tag != "img":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def html_of(shown: Any) -> str:
    document: str = shown._repr_html_()
    Reader(document)
    return document


def text_of(shown: Any) -> str:
    return Reader(html_of(shown)).text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_shown_in_every_state(kind: str, digits: Digits) -> None:
    X, y = digits.X[:200], answers(kind, digits.y[:200])
    with maquette.Model(kind) as model:
        assert "not trained" in text_of(model)
        model.fit(X, y)
        assert "trained" in text_of(model)
        assert len(html_of(model)) < 40_000
        for parameter in model.parameters:
            assert parameter in text_of(model)
        html_of(model.training)
        html_of(model.training.value)
        html_of(maquette.schema(kind))
        html_of(model.training.queue().get())  # of UMAP with the embedding
    assert "closed" in text_of(model)


def test_a_training_is_shown_with_its_curves(trained: maquette.Model) -> None:
    for shown in (trained, trained.training, trained.training.value):
        document = html_of(shown)
        pictures = re.findall("<svg.*?</svg>", document)
        assert len(pictures) == 2
        for picture, measure in zip(pictures, ("loss", "accuracy"), strict=True):
            root = ElementTree.fromstring(picture)
            assert root.get("aria-label") == f"{measure} over 20 epochs"
            lines = root.findall("{http://www.w3.org/2000/svg}polyline")
            assert [len((line.get("points") or "").split()) for line in lines] == [20, 20]
    for label in ("red", "green", "blue"):
        assert label in text_of(trained)


def test_a_running_training_is_shown_with_a_bar(endless: maquette.Model) -> None:
    text = text_of(endless)
    assert "training, epoch" in text
    assert "validation accuracy" in text
    assert "width:0.0%" in html_of(endless)
    assert "epoch" in text_of(endless.training)


def test_a_training_that_failed_says_why(store: maquette.Store) -> None:
    with store.dataset("empty") as empty, maquette.MLPClassifier() as model:
        with pytest.raises(maquette.NoRowsError):
            model.fit(empty)
        assert "the last training failed" in text_of(model)
    assert HOSTILE in text_of(maquette.TrainingStatus(status="error", data={"error": HOSTILE}))


def test_clusters_are_shown_with_their_sizes(blobs) -> None:
    with maquette.KMeans(seed=1).fit(blobs[0]) as model:
        assert text_of(model).split().count("20") == 3


def test_an_embedding_is_shown_as_a_picture(blobs) -> None:
    with maquette.UMAP(epochs=5, n_neighbors=5).fit(blobs[0]) as model:
        assert html_of(model).count("h0") == 60
        status = model.training.queue().get()
        assert status.matrix is not None
        assert html_of(status).count("h0") == 60


def test_strangers_text_is_escaped(store: maquette.Store, blobs) -> None:
    X, y = blobs
    labels = [f"{HOSTILE}{label}" for label in y]
    with store.dataset(HOSTILE) as dataset, maquette.KNNClassifier() as model:
        dataset.append(X, labels)
        dataset.create(
            {"x": [1, 2, 3], "y": HOSTILE, HOSTILE: [HOSTILE], "thumbnail": f"data:image/png;base64,{HOSTILE}"}
        )
        assert HOSTILE in text_of(dataset)
        text_of(dataset.find(y=HOSTILE))
        model.fit(X, labels)
        assert "<img src=x" in text_of(model)
        assert "<img src=x" in text_of(model.predict(X[0]))
    assert HOSTILE[:10] in text_of(maquette.Scatter([[0, 1], [1, 0]], [HOSTILE, "b"], HOSTILE))
    ElementTree.fromstring(
        maquette.Scatter([[0, 1], [1, 0]], [HOSTILE, "b\0\ud800\x1b"], HOSTILE).svg(background=HOSTILE)
    )


def test_a_dataset_is_shown_with_counts_and_the_first_rows(dataset: maquette.Dataset, digits: Digits) -> None:
    assert "0 instances" in text_of(dataset)
    dataset.append(digits.X, digits.y)
    document, text = html_of(dataset), text_of(dataset)
    assert "1438 instances, 10 labels" in text
    assert str(int((digits.y == 3).sum())) in text.split()
    assert document.count("<img") == 5
    assert "and 1433 instances more" in text
    assert len(document) < 20_000


@pytest.mark.parametrize(
    ("instance", "shown"),
    [
        ({"x": [0.5, 1.25], "y": None}, "0.5, 1.25"),
        ({"x": list(range(9)), "y": "a"}, "0, 1, 2, 3, 4, … (9)"),
        ({"x": [], "y": "a"}, ""),
        ({"x": [1], "y": [1, 2]}, "1, 2"),
        ({"x": [1], "y": 0.25, "note": {"a": [1, None]}}, '{"a": [1, null]}'),
        ({"y": "a", "x": [1], "note": True}, "true"),
        ({"y": "a", "x": [-1.0] * 64}, "-1, -1, -1, -1, -1, … (64)"),
    ],
)
def test_instances_of_all_sorts_are_shown(dataset: maquette.Dataset, instance: dict[str, Any], shown: str) -> None:
    dataset.create(instance)
    assert shown in text_of(dataset)
    assert shown in text_of(dataset.find())


def test_thumbnails_are_shown_if_they_are_pictures(dataset: maquette.Dataset) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    for thumbnail in (picture, "https://example.com/a.png", "data:text/html;base64,AAAA", 3, picture + "A" * 60_000):
        dataset.create({"x": [1.0, 2.0], "y": "a", "thumbnail": thumbnail})
    assert html_of(dataset).count("<img") == 1


def test_many_labels_are_cut(dataset: maquette.Dataset) -> None:
    dataset.append(numpy.arange(5_000)[:, None], [f"label {n}" for n in range(5_000)])
    assert len(html_of(dataset)) < 20_000
    assert "and 4988 labels more" in text_of(dataset)
    with maquette.KNNClassifier().fit(*_many_labels()) as model:
        assert len(html_of(model)) < 20_000
        assert "and 495 labels more" in text_of(model.predict([1.0, 2.0]))


def _many_labels() -> tuple[Any, list[str]]:
    return numpy.random.default_rng(1).random((500, 2)), [f"label {n}" for n in range(500)]


def test_a_confusion_matrix_is_a_coloured_table() -> None:
    with maquette.ConfusionMatrix(["b", "b", "b", "b", "a"], ["b", "b", "b", "a", "a"]) as confusion:
        document = html_of(confusion)
        assert "5 rows, accuracy 80.0%" in text_of(confusion)
        cells = re.findall(r'<td style="[^"]*background:rgba\(([\d,]+),([\d.]+)\)">(?:<span[^>]*>)?(\d+)', document)
        right, wrong = "59,130,246", "224,123,0"
        assert cells == [(right, "0.60", "1"), (wrong, "0.00", "0"), (wrong, "0.26", "1"), (right, "0.49", "3")]
    assert "closed" in text_of(confusion)
    with maquette.ConfusionMatrix([], []) as empty:
        assert "no rows" in text_of(empty)
    with maquette.ConfusionMatrix([HOSTILE, "a"], ["a", HOSTILE]) as hostile:
        assert "<img src" in text_of(hostile)
    many = [f"label {number % 50}" for number in range(500)]
    with maquette.ConfusionMatrix(many, many) as confusion:
        assert "and 30 labels more" in text_of(confusion)
        assert len(html_of(confusion)) < 80_000


def test_a_confusion_matrix_is_printed_as_a_table() -> None:
    with maquette.ConfusionMatrix(["10", "9", "9", "a very long name"], ["10", "10", "9", "9"]) as confusion:
        lines = str(confusion).splitlines()
        assert lines[0].strip() == "predicted"
        assert lines[1].split() == ["true", "9", "10", "a", "very", "long…"]
        assert [line.split()[-3:] for line in lines[2:]] == [["1", "1", "."], [".", "1", "."], ["1", ".", "."]]
        assert len({len(line) for line in lines[1:]}) == 1
    with maquette.ConfusionMatrix([], []) as empty:
        assert len(str(empty).splitlines()) == 2


def test_a_batch_prediction_is_shown_with_its_records(store: maquette.Store, blobs, trained: maquette.Model) -> None:
    with store.dataset("points") as dataset, store.batch_prediction(HOSTILE) as batch:
        dataset.append(*blobs)
        assert "0 predictions" in text_of(batch)
        html_of(batch.results())
        batch.predict(trained, dataset).wait()
        assert "success 60/60, 60 predictions" in text_of(batch)
        assert repr(batch.status.value) == "<BatchStatus success 60/60>"
        assert repr(batch.status) == f"<BatchStream status of BatchPrediction {HOSTILE}: success 60/60>"
        text = text_of(batch.results())
        assert "60 of 3 labels" in text and text.split().count("red") == 20 and "and 50 more" in text
        with maquette.KMeans(k=3).fit(blobs[0]) as clustering:
            batch.predict(clustering, dataset).wait()
            assert "60 of 3 clusters" in text_of(batch.results())
        with maquette.MLPRegressor(epochs=1).fit(blobs[0], blobs[0][:, :2]) as regressor:
            batch.predict(regressor, dataset).wait()
            assert "60 × 2 numbers" in text_of(batch.results())
    assert "closed" in text_of(batch)


def test_runs_are_shown_with_their_curves(store: maquette.Store, blobs) -> None:
    with maquette.TrainingHistory(store) as history, maquette.MLPClassifier(epochs=5, seed=1) as model:
        assert "in " in text_of(history)
        with history.track(model, HOSTILE):
            model.fit(*blobs)
            model.epochs = 8
            model.fit(*blobs)
        first, second = history.runs()
        assert html_of(second).count("<svg") == 2
        text = text_of(second)
        assert "mlp-classifier, success, epoch 8/8" in text and "learning_rate" in text and "saved as" in text
        text = text_of(history)
        assert f"{HOSTILE}-1" in text and f"{HOSTILE}-2" in text and "5/5" in text and "8/8" in text
        comparison = history.compare(first, second)
        text = text_of(comparison)
        assert "best validation loss" in text and "(epoch " in text
        pictures = re.findall("<svg.*?</svg>", html_of(comparison))
        assert len(pictures) == 4
        lines = ElementTree.fromstring(pictures[0]).findall("{http://www.w3.org/2000/svg}polyline")
        # Of the shorter run no more than it has.
        assert sorted(len((line.get("points") or "").split()) for line in lines) == [5, 8]
    assert "closed" in text_of(history)


def test_a_run_that_goes_on_is_shown_with_a_bar(digits: Digits) -> None:
    with maquette.Store() as store, maquette.TrainingHistory(store) as history:
        with maquette.MLPClassifier(epochs=1_000_000) as model:
            history.track(model, "long")
            model.train(digits.X, digits.y)
            next(status for status in model.training.queue() if status.status == "epoch")
            history.flush()
            assert "width:0.0%" in html_of(history.run("long-1"))
            model.cancel()
            with pytest.raises(maquette.CancelledError):
                model.wait()
            history.flush()
        assert "cancelled" in text_of(history.run("long-1"))
        assert "<svg" in html_of(history.run("long-1"))


def test_curves_of_any_numbers_are_drawn() -> None:
    for values in ([], [float("nan")], [1.0], [0.0, 0.0], [1e-30, 1e30], [-5.0, float("inf"), 3.0], [1.0] * 100_000):
        picture = _svg.curves("loss", {"training": values, "validation": [0.5]})
        ElementTree.fromstring(picture)
        assert "nan" not in picture and len(picture) < 10_000
    assert _svg.curves("loss", {"training": [float("nan")]}) == ""


def test_points_of_any_numbers_are_drawn() -> None:
    for points in (numpy.zeros((0, 2)), [[1, 1]], [[numpy.nan, 0], [1, 1]], [[5, 5]] * 3, numpy.ones((20_000, 2))):
        picture = maquette.Scatter(points, list(range(len(points)))).svg()
        ElementTree.fromstring(picture)
        assert "nan" not in picture
        assert picture.count("h0") <= 5_000


def test_ticks_are_round_and_enclose_the_values() -> None:
    for low, high in ((0, 1), (0.031, 1.72), (-3, 7), (1e-9, 3e-9), (5, 5), (0, 0), (999, 1001)):
        ticks = _svg.ticks_between(low, high)
        assert ticks[0] <= low + 1e-12 and ticks[-1] >= high - 1e-12
        assert 2 <= len(ticks) <= 7


def test_labels_are_in_the_order_people_expect() -> None:
    assert _svg.ordered(["10", "9", "b", "nan", "a", "-1"]) == ["-1", "9", "10", "a", "b", "nan"]


def test_an_image_is_a_png() -> None:
    values = numpy.arange(64).reshape(8, 8)
    data = base64.b64decode(_svg.image(values).partition(",")[2])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    length = int.from_bytes(data[33:37], "big")
    lines = zlib.decompress(data[41 : 41 + length])
    assert len(lines) == 8 * 9 and lines[1] == 0 and lines[-1] == 255
    assert _svg.image(numpy.zeros((9, 9))).startswith("data:image/png;base64,")


def test_a_picture_is_a_file_of_its_own(tmp_path: Path, digits: Digits) -> None:
    file = tmp_path / "points.svg"
    file.write_text(maquette.Scatter(digits.X[:, 20:22], digits.y, "Pixels").svg())
    root = ElementTree.parse(file).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall("{http://www.w3.org/2000/svg}path")) == 10


@pytest.mark.parametrize("points", [[1, 2], [[1, 2, 3]], numpy.zeros((2, 2, 2))])
def test_points_are_points_of_a_plane(points: Any) -> None:
    with pytest.raises(maquette.BadShapeError, match="points must have the shape"):
        maquette.Scatter(points)
    with pytest.raises(maquette.BadShapeError, match="1 labels for 2 points"):
        maquette.Scatter([[1, 2], [3, 4]], ["a"])
