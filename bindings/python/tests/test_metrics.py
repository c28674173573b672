"""Metrics, against the values that scikit-learn gave."""

from __future__ import annotations

import json
import threading

import conftest
import numpy
import pytest

import maquette
from maquette import metrics

FIXTURE = json.loads((conftest.REPOSITORY / "Tests" / "Fixtures" / "scikit-learn.json").read_text())["metrics"]


@pytest.mark.parametrize("case", FIXTURE["classifications"])
def test_labels_are_compared_as_by_scikit_learn(case) -> None:
    matrix = maquette.ConfusionMatrix(case["truth"], case["predicted"])
    order = [matrix.labels.index(label) for label in case["labels"]]
    assert sorted(matrix.labels) == case["labels"]
    assert matrix.matrix[numpy.ix_(order, order)].tolist() == case["matrix"]
    assert matrix.accuracy == pytest.approx(case["accuracy"], abs=1e-7)
    for figures, found in zip(case["scores"], (matrix.precision, matrix.recall, matrix.f1), strict=True):
        assert [found[label] for label in case["labels"]] == pytest.approx(figures, abs=1e-7)
    assert matrix.macro[:3] == pytest.approx(tuple(case["macro"]), abs=1e-7)
    assert matrix.weighted[:3] == pytest.approx(tuple(case["weighted"]), abs=1e-7)
    arguments = (case["truth"], case["predicted"])
    assert metrics.accuracy(*arguments) == matrix.accuracy
    for average, place in (("macro", 0), ("weighted", 1)):
        expected = case[average]
        found = [figure(*arguments, average) for figure in (metrics.precision, metrics.recall, metrics.f1)]
        assert found == pytest.approx(expected, abs=1e-7), place


@pytest.mark.parametrize("case", FIXTURE["losses"])
def test_log_loss_is_scikit_learn_s(case) -> None:
    confidences = numpy.array(case["confidences"], numpy.float32)
    assert metrics.log_loss(case["truth"], confidences, case["labels"]) == pytest.approx(case["loss"], abs=1e-6)
    assert metrics.log_loss(case["truth"], case["confidences"], case["labels"]) == pytest.approx(case["loss"], abs=1e-6)


@pytest.mark.parametrize("case", FIXTURE["regressions"])
def test_errors_of_numbers_are_scikit_learn_s(case) -> None:
    for truth, predicted in ((case["truth"], case["predicted"]), map(numpy.array, (case["truth"], case["predicted"]))):
        assert metrics.mean_absolute_error(truth, predicted) == pytest.approx(case["meanAbsoluteError"], rel=1e-6)
        assert metrics.mean_squared_error(truth, predicted) == pytest.approx(case["meanSquaredError"], rel=1e-6)
        assert metrics.r2(truth, predicted) == pytest.approx(case["r2"], rel=1e-6)


def test_numbers_may_be_a_column_a_list_or_whole() -> None:
    assert metrics.mean_absolute_error([1, 2, 3], [1, 2, 5]) == pytest.approx(2 / 3)
    assert metrics.mean_absolute_error([[1], [2]], [1.5, 2]) == 0.25
    assert metrics.mean_squared_error(numpy.arange(4)[::2], numpy.ones(2)) == 1
    assert metrics.r2(numpy.broadcast_to(2.0, (3,)), [2, 2, 2]) == 1
    assert numpy.isnan(metrics.r2([1], [2]))
    assert metrics.mean_absolute_error([2**40], [2**40 + 1]) == 1


def test_what_can_t_be_compared_is_refused() -> None:
    with pytest.raises(maquette.BadShapeError):
        maquette.ConfusionMatrix(["a"], ["a", "b"])
    with pytest.raises(maquette.NoRowsError):
        metrics.accuracy([], [])
    with pytest.raises(maquette.InvalidArgumentError):
        metrics.f1(["a"], ["a"], "micro")
    with pytest.raises(maquette.BadShapeError):
        metrics.log_loss(["a"], [[0.5, 0.5]], ["a"])
    with pytest.raises(maquette.NotFoundError, match="c"):
        metrics.log_loss(["c"], [[0.5, 0.5]], ["a", "b"])
    with pytest.raises(maquette.NotFiniteError):
        metrics.r2([1, float("nan")], [1, 2])
    with pytest.raises(maquette.BadShapeError):
        metrics.r2([1, 2], [[1, 2]])
    with pytest.raises(maquette.NoRowsError):
        metrics.r2([], [])


def test_an_empty_matrix_has_no_accuracy() -> None:
    with maquette.ConfusionMatrix([], []) as matrix:
        assert matrix.accuracy is None
        assert matrix.matrix.shape == (0, 0)
        assert matrix.labels == [] and matrix.scores == {}
        assert matrix.cells.value == []
        assert matrix.accuracies.value is None
        assert repr(matrix) == "<ConfusionMatrix of 0 labels, 0 rows>"
    assert repr(matrix) == "<ConfusionMatrix (closed)>"
    with pytest.raises(maquette.BadHandleError, match="this ConfusionMatrix is closed"):
        _ = matrix.accuracy


def test_labels_are_text_or_whole_numbers_and_none_does_not_count() -> None:
    matrix = maquette.ConfusionMatrix(numpy.array([1, 2, 2]), ["1", "2", "1"])
    assert matrix.labels == ["1", "2"]
    assert matrix.matrix.tolist() == [[1, 0], [1, 1]]
    assert maquette.ConfusionMatrix(["a", None], ["a", "b"]).total == 1
    assert matrix.scores["2"] == maquette.Score(1.0, 0.5, pytest.approx(2 / 3), 2)


def test_the_cells_are_marcelle_s() -> None:
    matrix = maquette.ConfusionMatrix(["a", "b"], ["a", "none"])
    assert matrix.cells.value[:3] == [
        {"x": "a", "y": "a", "v": 1},
        {"x": "b", "y": "a", "v": 0},
        {"x": "none", "y": "a", "v": 0},
    ]
    assert len(matrix.cells.value) == 9


def test_a_matrix_keeps_up_with_a_batch_prediction(store, dataset, blobs, trained) -> None:
    X, y = blobs
    dataset.append(numpy.tile(X, (100, 1)), y * 100)
    seen: list[float | None] = []
    told = threading.Event()

    def look(accuracy: float | None) -> None:
        seen.append(accuracy)
        if matrix.total == 6000:
            told.set()

    with store.batch_prediction("points") as batch, batch.confusion() as matrix:
        assert matrix.accuracy is None
        watching = matrix.accuracies.subscribe(look)
        batch.predict(trained, dataset).wait()
        assert told.wait(conftest.PATIENCE)
        watching.unsubscribe()
        results = batch.results()
        assert matrix.total == 6000
        assert matrix.accuracy == metrics.accuracy(results.y_true, results.labels)
        assert matrix.matrix.tolist() == results.confusion().matrix.tolist()
        assert seen[0] is None
        assert "6000 rows" in repr(matrix)
        matrix.recount()
        batch.clear()
        assert matrix.total == 0 and matrix.accuracy is None
