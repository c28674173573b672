"""What the kinds of models have of their own."""

from __future__ import annotations

import numpy
import pytest
from conftest import PATIENCE, Digits

import maquette


def test_every_kind_has_a_class() -> None:
    classes = [
        maquette.MLPClassifier,
        maquette.MLPRegressor,
        maquette.KNNClassifier,
        maquette.KNNRegressor,
        maquette.KMeans,
        maquette.PCA,
        maquette.UMAP,
        maquette.ONNXModel,
    ]
    assert [kind.kind for kind in classes] == maquette.kinds()
    for kind in classes:
        with kind() as model:
            known = set(model.parameters)
            annotated = {name for base in kind.__mro__ for name in vars(base).get("__annotations__", {})}
            assert known <= annotated | {"_"}, known - annotated


def test_clusters_are_found_watched_and_predicted(blobs) -> None:
    X, y = blobs
    with maquette.KMeans(k=3) as model:
        with model.stream("centers").queue() as centers:
            assert centers.get(PATIENCE) is None
            model.fit(X)
            assert numpy.allclose(centers.get(PATIENCE), model.centers)
        assert model.centers.shape == (3, 3)
        assert model.clusters.shape == (60,)
        assert model.inertia > 0
        predicted = model.predict(X)
        assert numpy.array_equal(predicted, model.clusters)
        for name in ("red", "green", "blue"):
            assert len(set(predicted[[label == name for label in y]])) == 1
        one = model.predict(X[0])
        assert one.cluster == predicted[0]
        assert sum(one.confidences) == pytest.approx(1)
        assert "3 clusters" in repr(model)
        assert model.fit(lambda: iter([X[:30], X[30:]])).centers.shape == (3, 3)
    with maquette.KMeans(k=2, init=X[:2].tolist()) as model:
        assert numpy.allclose(model.init, X[:2])
        with pytest.raises(maquette.BadParameterError):
            model.init = "random"


def test_components_lead_there_and_back(digits: Digits) -> None:
    with maquette.PCA(n_components=64) as model:
        scores = model.fit(digits.X).predict(digits.X_test)
        assert scores.shape == (len(digits.X_test), 64)
        assert numpy.allclose(model.inverse(scores), digits.X_test, atol=1e-4)
        assert numpy.allclose(model.inverse(scores[0]), digits.X_test[0], atol=1e-4)
        assert model.explained_variance_ratio.sum() == pytest.approx(1, abs=1e-4)
        assert model.components.shape == (64, 64)
        assert numpy.allclose(model.components @ model.components.T, numpy.eye(64), atol=1e-4)
        half = model.explained_variance.copy()
        model.n_components = 3
        model.fit(digits.X[:700])
        model.fit(digits.X[700:], mode="partial")
        assert numpy.allclose(model.explained_variance, half[:3], rtol=1e-3)


def test_neighbours_have_ids_and_go(blobs) -> None:
    X, y = blobs
    with maquette.KNNClassifier(k=2, metric="euclidean", reject_distance=3) as model:
        ids, distances = model.fit(X, y).neighbours(X[:5])
        assert ids.shape == distances.shape == (5, 2)
        assert ids[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert (distances[:, 0] == 0).all()
        assert model.predict([100.0, 100, 100]).label == "none"
        assert model.predict([[100.0, 100, 100], X[0]]).tolist() == ["none", "red"]
        model.remove(range(20))
        assert model.neighbours(X[0], 40)[0].min() == 20
        assert model.predict(X[0]).label != "red"
        model.partial_train(X[:1], ["back"])
        model.wait()
        assert model.neighbours(X[0], 1)[0].tolist() == [60]
        assert model.predict(X[0]).confidences["back"] == 0.5
        with pytest.raises(maquette.NotFoundError):
            model.remove(3)


def test_numbers_of_neighbours_are_averaged() -> None:
    with maquette.KNNRegressor(k=2, metric="manhattan") as model:
        model.fit([[0], [1], [10]], [5, 7, 100])
        assert model.predict([0.2]) == 6
        assert model.predict([[0.2], [9]]).tolist() == [6, 53.5]


def test_every_epoch_of_umap_brings_its_embedding(digits: Digits) -> None:
    with maquette.UMAP(epochs=10, seed=1) as model, model.training.queue() as queue:
        seen = []
        model.training.subscribe(lambda status: seen.append(status.matrix))
        model.fit(digits.X[:200])
        statuses = []
        while not statuses or statuses[-1].status != "success":
            statuses.append(queue.get(PATIENCE))
        matrices = [status.matrix for status in statuses if status.status == "epoch"]
        assert len(matrices) == 10
        assert all(matrix.shape == (200, 2) for matrix in matrices)
        assert not numpy.array_equal(matrices[0], matrices[-1])
        assert numpy.array_equal(statuses[-1].matrix, model.embedding)
        assert numpy.array_equal(model.predict(digits.X[:200]), model.embedding)
        assert model.predict(digits.X_test[:7]).shape == (7, 2)
        model.wait()
        assert sum(matrix is not None for matrix in seen) == 11
