from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy
import pytest
from conftest import run

import maquette

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


def test_a_training_is_drawn(trained: maquette.Model) -> None:
    status = trained.training.value
    for plot in (trained.plot, trained.training.plot, status.plot):
        ax = plot()
        assert [line.get_label() for line in ax.lines] == ["training", "validation"]
        assert list(ax.lines[0].get_xdata()) == list(range(1, 21))
        assert list(ax.lines[1].get_ydata()) == status.curves["loss_val"]
        assert ax.get_ylabel() == "loss"
        ax.figure.canvas.draw()


def test_it_draws_where_it_is_told_to(trained: maquette.Model) -> None:
    _, (left, right) = pyplot.subplots(1, 2)
    assert trained.plot(ax=left) is left
    assert trained.plot("accuracy", ax=right) is right
    assert right.get_ylabel() == "accuracy"
    left.set_xscale("log")
    trained.plot(ax=left)
    assert len(pyplot.get_fignums()) == 1


def test_what_is_not_there_is_not_drawn(trained: maquette.Model, blobs) -> None:
    with pytest.raises(maquette.UnknownParameterError, match="no 'error' to be drawn, but loss, accuracy"):
        trained.plot("error")
    with maquette.MLPRegressor(validation_split=0, epochs=1) as regressor:
        with pytest.raises(maquette.NotTrainedError, match="no figures over the epochs to be drawn: idle"):
            regressor.plot()
        ax = regressor.fit(blobs[0], blobs[0][:, 0]).plot("mean_absolute_error")
        assert len(ax.lines) == 1 and ax.get_legend() is None
    assert not pyplot.get_fignums()[1:]


def test_an_embedding_is_drawn_with_its_labels(blobs) -> None:
    X, y = blobs
    with maquette.UMAP(epochs=5, n_neighbors=5).fit(X) as model:
        assert model.plot().get_legend() is None
        ax = model.plot(y)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["blue", "green", "red"]
        dots = ax.collections[0]
        assert numpy.allclose(dots.get_offsets(), model.embedding)
        assert len(numpy.unique(dots.get_facecolors(), axis=0)) == 3
        with pytest.raises(maquette.BadShapeError, match="2 labels for 60 points"):
            model.plot(["a", "b"])
    with maquette.UMAP(epochs=5, n_neighbors=5, n_components=3).fit(X) as model, pytest.raises(maquette.BadShapeError):
        model.plot()


def test_projected_rows_are_drawn(blobs) -> None:
    X, y = blobs
    with maquette.PCA(n_components=3).fit(X) as model:
        ax = model.plot(X, y)
        assert numpy.allclose(ax.collections[0].get_offsets(), model.predict(X)[:, :2])
        share = model.explained_variance_ratio[0]
        assert ax.get_xlabel() == f"component 1 ({share:.1%} of the variance)"
    with maquette.PCA(n_components=1).fit(X) as model, pytest.raises(maquette.BadShapeError, match="two components"):
        model.plot(X)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_clusters_are_drawn_with_their_centers(blobs, columns: int) -> None:
    X = blobs[0][:, :columns]
    with maquette.KMeans(k=3, seed=1).fit(X) as model:
        if columns == 1:
            with pytest.raises(maquette.BadShapeError, match="two features"):
                model.plot(X)
            return
        dots, *_, centers = model.plot(X).collections
        assert len(dots.get_offsets()) == 60
        assert len(numpy.unique(dots.get_facecolors(), axis=0)) == 3
        if columns == 2:
            assert numpy.allclose(centers.get_offsets(), model.centers)


def test_a_confusion_matrix_is_drawn() -> None:
    with maquette.ConfusionMatrix(["10", "9", "9", "9"], ["10", "9", "9", "10"]) as confusion:
        ax = confusion.plot()
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["9", "10"]
        assert [text.get_text() for text in ax.texts] == ["2", "1", "1"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
        again = confusion.plot(normalize=True, ax=pyplot.subplots()[1])
        assert [text.get_text() for text in again.texts] == ["67%", "33%", "100%"]
        again.figure.canvas.draw()
    many = [f"label {number}" for number in range(50)]
    for labels in ([], many):
        with maquette.ConfusionMatrix(labels, labels) as confusion:
            ax = confusion.plot()
            ax.figure.canvas.draw()
            assert not ax.texts


def test_runs_are_drawn(store: maquette.Store, blobs) -> None:
    with maquette.TrainingHistory(store) as history, maquette.MLPClassifier(epochs=5, seed=1) as model:
        with history.track(model, "points"):
            model.fit(*blobs)
            model.epochs = 8
            model.fit(*blobs)
        first, second = history.runs()
        ax = second.plot()
        assert [line.get_label() for line in ax.lines] == ["training", "validation"]
        assert list(ax.lines[0].get_ydata()) == second.logs["loss"].tolist()
        comparison = history.compare(first, second)
        ax = comparison.plot("loss_val")
        assert [line.get_label() for line in ax.lines] == ["points-1", "points-2"]
        assert numpy.allclose(ax.lines[1].get_ydata(), second.logs["lossVal"])
        assert comparison.plot(ax=pyplot.subplots()[1]).get_ylabel() == "loss"
        ax.figure.canvas.draw()
        for shown in (second, comparison):
            with pytest.raises(maquette.UnknownParameterError, match="no 'error' to be drawn"):
                shown.plot("error")


def test_any_label_can_be_drawn() -> None:
    labels = ["$x^$", "_hidden", "<b>", "ß" * 100, "\0\ud800"]
    ax = maquette.Scatter([[n, n] for n in range(5)], labels, "$\\frac$").plot()
    ax.figure.canvas.draw()
    assert len(ax.get_legend().get_texts()) == 5


def test_many_labels_have_a_short_legend() -> None:
    ax = maquette.Scatter(numpy.eye(100)[:, :2], list(range(100))).plot()
    assert len(ax.get_legend().get_texts()) == 20
    assert ax.get_legend().get_title().get_text() == "and 80 more"


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    result = run("maquette.MLPClassifier()._repr_html_(); print({'matplotlib', 'tqdm'} & set(sys.modules))")
    assert (result.stdout.strip(), result.stderr) == ("set()", "")


def test_without_matplotlib_the_error_says_what_to_install(
    trained: maquette.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for plot in (trained.plot, maquette.Scatter([[0, 0]]).plot):
        with pytest.raises(ImportError, match=r"pip install maquette\[plot\]"):
            plot()
