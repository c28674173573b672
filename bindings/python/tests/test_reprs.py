"""What objects say of themselves in one line."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from conftest import KINDS, Digits, answers

import maquette


def test_a_model_names_the_parameters_that_were_changed(blobs) -> None:
    with maquette.MLPClassifier(layers=[8], epochs=2, seed=3) as model:
        assert repr(model) == "<MLPClassifier layers=[8] epochs=2 seed=3: not trained>"
        model.epochs = 20
        assert repr(model) == "<MLPClassifier layers=[8] seed=3: not trained>"
    assert repr(model) == "<MLPClassifier (closed)>"


def test_a_model_tells_what_it_has_learned(blobs) -> None:
    X, y = blobs
    with maquette.MLPClassifier(layers=[8], learning_rate=0.01, seed=3).fit(X, y) as classifier:
        assert repr(classifier).endswith(": trained, 3 features, 3 labels, validation accuracy 100.0%>")
    with maquette.MLPRegressor(seed=3, validation_split=0).fit(X, X[:, :2]) as regressor:
        assert ": trained, 3 features, 2 targets, error 0." in repr(regressor)
    with maquette.KNNClassifier().fit(X, y) as neighbours:
        assert repr(neighbours) == "<KNNClassifier: trained, 3 features, 3 labels>"
    with maquette.KMeans(seed=1).fit(X) as clustering:
        assert repr(clustering).startswith("<KMeans seed=1: trained, 3 features, 3 clusters, inertia 1")
    with maquette.PCA().fit(X) as projection:
        share = projection.explained_variance_ratio.sum()
        assert repr(projection) == f"<PCA: trained, 3 features, 2 components, {share:.1%} of the variance>"
    with maquette.UMAP(epochs=5, n_neighbors=5).fit(X) as embedding:
        assert repr(embedding).endswith(": trained, 3 features, 2 components, 60 rows>")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_line_in_every_state(kind: str, digits: Digits, tmp_path: Path) -> None:
    X, y = digits.X[:100], answers(kind, digits.y[:100])
    with maquette.Store(f"sqlite:{tmp_path / 'store.db'}") as store, maquette.Model(kind) as model:
        assert repr(model) == f"<Model {kind}: not trained>"
        assert f"<Model {kind}: trained, 64 features, " in repr(model.fit(X, y))
        model.save(store, "it")
        with maquette.Model(kind) as other:
            other.load(store, "it")
            assert ": loaded, 64 features, " in repr(other)
        model.reset()
        assert repr(model).endswith(": not trained>")


def test_a_running_training_is_followed(endless: maquette.Model) -> None:
    assert ": training, epoch " in repr(endless)
    assert repr(endless.training).startswith("<TrainingStream training of MLPClassifier: epoch ")
    endless.cancel()
    with pytest.raises(maquette.CancelledError):
        endless.wait()
    assert ": the last training was cancelled, trained, 64 features, 10 labels" in repr(endless)
    assert repr(endless.training.value).startswith("<TrainingStatus cancelled after epoch ")


def test_a_status_is_a_line_of_figures(trained: maquette.Model) -> None:
    status = maquette.TrainingStatus(status="epoch", epoch=3, epochs=20, data={"loss": 0.41, "accuracy": 0.88})
    assert repr(status) == "<TrainingStatus epoch 3/20: loss 0.4100, accuracy 88.0%>"
    assert repr(maquette.TrainingStatus(status="error", data={"error": "no"})) == "<TrainingStatus error: no>"
    assert repr(maquette.TrainingStatus(status="start", epochs=5)) == "<TrainingStatus start>"
    assert trained.training.value.summary.startswith("success after 20 epochs: loss 0.")


def test_a_status_has_the_curves_of_all_epochs(trained: maquette.Model) -> None:
    curves = trained.training.value.curves
    assert list(curves) == ["loss", "loss_val", "accuracy", "accuracy_val"]
    assert {len(values) for values in curves.values()} == {20}
    assert curves["loss_val"][-1] == trained.training.value.loss_val
    assert not maquette.TrainingStatus(status="epoch", data={"loss": 0.41}).curves


def test_streams_show_values_that_are_small(trained: maquette.Model, dataset: maquette.Dataset) -> None:
    assert repr(trained.parameter("layers")) == "<Stream layers of MLPClassifier: [8]>"
    assert repr(dataset.counts) == "<Stream counts of Dataset points: 0>"
    assert repr(dataset.changes) == "<Stream changes of Dataset points>"
    with maquette.KMeans().fit(numpy.eye(5)) as clustering:
        assert repr(clustering.stream("clusters")) == "<Stream clusters of KMeans>"
    stream = trained.training
    trained.close()
    assert repr(stream) == "<TrainingStream training of MLPClassifier: this MLPClassifier is closed>"


def test_subscriptions_and_queues_tell_how_far_they_are(dataset: maquette.Dataset) -> None:
    subscription = dataset.counts.subscribe(lambda _: None)
    assert repr(subscription) == "<Subscription to counts: active>"
    subscription.unsubscribe()
    assert repr(subscription) == "<Subscription to counts: ended>"
    with dataset.counts.queue() as queue:
        queue.get()
        assert repr(queue) == f"<Queue of counts: event {queue.sequence}>"
    assert repr(queue) == "<Queue of counts: closed>"


def test_a_dataset_tells_its_rows_and_labels(store: maquette.Store) -> None:
    with store.dataset("points") as dataset:
        place = store.location
        assert repr(dataset) == f"<Dataset points: 0 instances in {place}>"
        dataset.append(numpy.eye(1), ["a"])
        assert repr(dataset) == f"<Dataset points: 1 instance, 1 label, in {place}>"
        dataset.append(numpy.zeros((2, 1)), ["b", None])
        assert repr(dataset) == f"<Dataset points: 3 instances, 2 labels, in {place}>"
    assert repr(dataset) == "<Dataset points (closed)>"
    with store.dataset("numbers") as numbers:
        numbers.append_targets(numpy.eye(3), [0.1, 0.2, 0.3])
        assert repr(numbers) == f"<Dataset numbers: 3 instances in {place}>"


def test_a_line_reads_no_large_dataset(monkeypatch: pytest.MonkeyPatch, dataset: maquette.Dataset) -> None:
    dataset.append(numpy.zeros((2_001, 1_000), numpy.float32), ["a"] * 2_001)
    monkeypatch.setattr(maquette.Dataset, "to_arrays", lambda _: pytest.fail("all rows are read"))
    assert repr(dataset) == f"<Dataset points: 2001 instances in {dataset.store.location}>"
    dataset._repr_html_()


def test_a_page_tells_which_part_it_is(dataset: maquette.Dataset) -> None:
    assert repr(dataset.find()) == "<Page: none of 0 instances>"
    dataset.append(numpy.eye(10), list(range(10)))
    page = dataset.find(limit=3, skip=2)
    assert repr(page) == "<Page: instances 3 to 5 of 10>"
    assert page == list(page)


def test_a_prediction_shows_the_likeliest_labels() -> None:
    few = maquette.Prediction("a", {"b": 0.25, "a": 0.75})
    assert repr(few) == "Prediction(label='a', confidences={'a': 0.75, 'b': 0.25})"
    many = maquette.Prediction("7", {str(n): (n == 7) * 1.0 for n in range(1000)})
    assert repr(many).startswith("Prediction(label='7', confidences={'7': 1, '0': 0, ")
    assert repr(many).endswith("'3': 0, …})")
    cluster = maquette.ClusterPrediction(1, [0.1234567, 0.5, 0.1, 0.1, 0.1, 0.1])
    assert repr(cluster) == "ClusterPrediction(cluster=1, confidences=[0.123, 0.5, 0.1, 0.1, 0.1, …])"


def test_a_schema_is_a_line_and_printed_a_table() -> None:
    schema = maquette.schema("knn-classifier")
    assert repr(schema) == '<Schema of knn-classifier: k=3 metric="cosine" weights="uniform" reject_distance=0>'
    lines = str(schema).splitlines()
    assert len(lines) == 1 + len(schema["parameters"])
    assert lines[0].startswith("knn-classifier: Gives a row the label")
    assert lines[2].split()[:5] == ["metric", '"cosine"', "cosine,", "euclidean,", "manhattan"]
    for kind in KINDS:
        assert str(maquette.schema(kind)).startswith(f"{kind}: ")


def test_a_scatter_tells_how_many_points_it_has() -> None:
    assert repr(maquette.Scatter(numpy.zeros((3, 2)))) == "<Scatter: 3 points>"
    assert repr(maquette.Scatter(numpy.zeros((3, 2)), [1, 1, 2], "Digits")) == "<Scatter Digits: 3 points, 2 labels>"
