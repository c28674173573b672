"""The estimators of `maquette.sklearn`, by scikit-learn's own checks and as its users use them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import numpy
import pytest
from conftest import Digits, environment

import maquette

sklearn = pytest.importorskip("sklearn")

from sklearn import datasets, decomposition, neighbors  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.manifold import trustworthiness  # noqa: E402
from sklearn.metrics import adjusted_rand_score  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils import estimator_checks  # noqa: E402

from maquette.sklearn import (  # noqa: E402
    PCA,
    UMAP,
    KMeans,
    KNeighborsClassifier,
    KNeighborsRegressor,
    MLPClassifier,
    MLPRegressor,
)

ESTIMATORS = [PCA(), UMAP(), KMeans(), KNeighborsClassifier(), KNeighborsRegressor(), MLPClassifier(), MLPRegressor()]
TRANSFORMERS = [PCA(), UMAP(), KMeans()]


@estimator_checks.parametrize_with_checks(ESTIMATORS)
def test_an_estimator_is_one(estimator, check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


#: What scikit-learn checks its own transformers by besides.
TRANSFORMER_CHECKS = [
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_set_output_transform_polars,
    estimator_checks.check_global_output_transform_pandas,
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_an_estimator_remembers_names_of_features(estimator) -> None:
    estimator_checks.check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names:UserWarning")
@pytest.mark.parametrize("check", TRANSFORMER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", TRANSFORMERS, ids=lambda estimator: type(estimator).__name__)
def test_a_transformer_names_what_comes_out(estimator, check) -> None:
    check(type(estimator).__name__, estimator)


def test_scikit_learn_is_imported_only_when_it_is_asked_for() -> None:
    code = "import sys, maquette; assert 'sklearn' not in sys.modules; import maquette.sklearn"
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True, timeout=60)


# Networks


def test_a_network_in_a_pipeline_is_searched_for_in_other_processes(digits: Digits) -> None:
    pipeline = make_pipeline(
        StandardScaler(), PCA(20), MLPClassifier(hidden_layer_sizes=(32,), max_iter=80, random_state=1)
    )
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 100.0]}, cv=2, n_jobs=2)
    search.fit(digits.X, digits.y)
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}
    assert search.score(digits.X_test, digits.y_test) > 0.9
    best = search.best_estimator_.named_steps["mlpclassifier"]
    assert best.model_.labels and best.n_iter_ == len(best.loss_curve_) == 80
    assert best.loss_curve_[-1] == best.loss_ < best.loss_curve_[0]


def test_every_parameter_of_a_network_does_something(digits: Digits) -> None:
    X, y = digits.X[:200], digits.y[:200]
    usual = MLPClassifier(hidden_layer_sizes=8, max_iter=3, random_state=0)
    base = usual.fit(X, y).predict_proba(X)
    assert numpy.array_equal(clone(usual).fit(X, y).predict_proba(X), base)
    sgd = clone(usual).set_params(solver="sgd", learning_rate_init=0.05)
    for estimator, changes in (
        (usual, {"hidden_layer_sizes": (8, 8)}),
        (usual, {"hidden_layer_sizes": ()}),
        (usual, {"activation": "logistic"}),
        (usual, {"solver": "sgd"}),
        (usual, {"alpha": 5.0}),
        (usual, {"batch_size": 10}),
        (usual, {"learning_rate_init": 0.01}),
        (usual, {"max_iter": 4}),
        (usual, {"random_state": 1}),
        (usual, {"early_stopping": True}),
        (usual, {"dropout": 0.5}),
        (usual, {"class_weight": {3: 100.0}}),
        (sgd, {"momentum": 0.1}),
    ):
        changed = clone(estimator).set_params(**changes).fit(X, y).predict_proba(X)
        assert not numpy.allclose(changed, clone(estimator).fit(X, y).predict_proba(X)), changes
    for name in ("activation", "solver", "batch_size", "class_weight"):
        with pytest.raises(ValueError, match=f"{name} can't be 'odd': it must be one of"):
            clone(usual).set_params(**{name: "odd"}).fit(X, y)


def test_early_stopping_keeps_the_best_epoch(digits: Digits) -> None:
    estimator = MLPClassifier(
        (64,), early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, learning_rate_init=0.02, random_state=0
    )
    estimator.fit(digits.X, digits.y)
    assert estimator.n_iter_ < 200
    assert len(estimator.validation_scores_) == len(estimator.validation_loss_curve_) == estimator.n_iter_
    assert numpy.argmin(estimator.validation_loss_curve_) == estimator.n_iter_ - 4
    assert estimator.score(digits.X_test, digits.y_test) > 0.93
    regressor = MLPRegressor((8,), early_stopping=True, max_iter=5, random_state=0).fit(digits.X, digits.y)
    assert len(regressor.validation_loss_curve_) == 5 and not hasattr(regressor, "validation_scores_")


def test_warm_start_goes_on_and_partial_fit_learns_on_top(digits: Digits) -> None:
    estimator = MLPClassifier((16,), max_iter=2, warm_start=True, random_state=0)
    losses = [estimator.fit(digits.X, digits.y).loss_ for _ in range(3)]
    assert losses == sorted(losses, reverse=True)
    with pytest.raises(ValueError, match="warm_start"):
        estimator.fit(digits.X, digits.y % 3)
    parts = MLPClassifier((32,), random_state=0, batch_size=8)
    for _ in range(8):
        for part in numpy.array_split(numpy.arange(len(digits.X)), 4):
            parts.partial_fit(digits.X[part], digits.y[part], classes=range(11))
    assert parts.classes_.tolist() == list(range(11)) and parts.n_iter_ == 1
    proba = parts.predict_proba(digits.X_test)
    assert (proba[:, 10] == 0).all() and parts.score(digits.X_test, digits.y_test) > 0.85
    with pytest.raises(ValueError, match=r"\[99\], which are not among the classes"):
        parts.partial_fit(digits.X[:2], [1, 99])
    with pytest.raises(ValueError, match="on the first call"):
        MLPClassifier().partial_fit(digits.X, digits.y)


@pytest.mark.parametrize("make", [KNeighborsClassifier, MLPClassifier])
def test_while_there_is_one_class_that_is_the_answer(make) -> None:
    X = numpy.random.default_rng(0).normal(size=(40, 2))
    X[20:] += 8
    estimator = make().partial_fit(X[:20], ["left"] * 20, classes=["left", "right"])
    assert estimator.predict(X).tolist() == ["left"] * 40
    assert estimator.predict_proba(X[:1]).tolist() == [[1, 0]]
    if make is KNeighborsClassifier:
        assert (estimator.kneighbors(X[:20], 1)[1][:, 0] == numpy.arange(20)).all()
    estimator = pickle.loads(pickle.dumps(estimator))
    for _ in range(1 if make is KNeighborsClassifier else 200):
        estimator.partial_fit(X[20:], ["right"] * 20)
    if make is KNeighborsClassifier:
        assert estimator.score(X, ["left"] * 20 + ["right"] * 20) == 1
        assert estimator.n_samples_fit_ == 40
    else:
        assert estimator.predict(X[20:]).tolist() == ["right"] * 20


# Neighbours


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("metric", ["minkowski", "manhattan", "cosine"])
def test_neighbours_are_those_of_scikit_learn(metric: str, weights: str) -> None:
    X, y = datasets.make_blobs(200, 5, centers=4, cluster_std=4, random_state=0)
    X_test = X[150:]
    X, y = X[:150], y[:150]
    ours = KNeighborsClassifier(4, weights=weights, metric=metric).fit(X, y)
    theirs = neighbors.KNeighborsClassifier(4, weights=weights, metric=metric).fit(X, y)
    assert numpy.allclose(ours.predict_proba(X_test), theirs.predict_proba(X_test), atol=1e-4)
    for given in (None, X_test):
        for mine, other in zip(ours.kneighbors(given), theirs.kneighbors(given), strict=True):
            assert numpy.allclose(mine, other, atol=1e-4)
        assert numpy.allclose(
            ours.kneighbors_graph(given, mode="distance").toarray(),
            theirs.kneighbors_graph(given, mode="distance").toarray(),
            atol=1e-4,
        )
    # As there, a parameter that is set afterwards counts.
    few, theirs = ours.set_params(n_neighbors=2).predict(X_test), theirs.set_params(n_neighbors=2).predict(X_test)
    assert (few == theirs).mean() > 0.95  # of two that are equally likely either may be taken
    targets = numpy.column_stack([y, X[:, 0]])
    ours = KNeighborsRegressor(4, weights=weights, metric=metric).fit(X, targets)
    theirs = neighbors.KNeighborsRegressor(4, weights=weights, metric=metric).fit(X, targets)
    assert numpy.allclose(ours.predict(X_test), theirs.predict(X_test), atol=1e-3)


def test_more_neighbours_than_rows_are_refused_and_rows_may_be_alike() -> None:
    X = numpy.ones((4, 2))
    estimator = KNeighborsRegressor(3).fit(X, [1.0, 2.0, 3.0, 4.0])
    assert estimator.kneighbors()[1].shape == (4, 3)
    with pytest.raises(ValueError, match="Expected n_neighbors <= n_samples_fit, but n_neighbors = 5"):
        estimator.kneighbors(X, 5)
    with pytest.raises(ValueError, match="n_neighbors = 4, n_samples_fit = 3"):
        estimator.kneighbors(n_neighbors=4)
    with pytest.raises(ValueError, match="n_neighbors"):
        KNeighborsRegressor(5).fit(X, [1.0, 2.0, 3.0, 4.0]).predict(X)
    estimator.partial_fit(X + 10, [5.0, 6.0, 7.0, 8.0])
    assert estimator.kneighbors([[11.0, 11.0]], return_distance=False).min() >= 4
    with pytest.raises(ValueError, match="metric can't be 'odd'"):
        KNeighborsClassifier(metric="odd").fit(X, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="p can't be 3"):
        KNeighborsClassifier(p=3).fit(X, [0, 1, 0, 1])


def test_a_large_common_part_costs_no_digits() -> None:
    X, y = datasets.make_blobs(150, 3, centers=3, cluster_std=0.5, random_state=2)
    far = X + 1e9
    assert KNeighborsClassifier().fit(far, y).score(far, y) == 1
    clustering = KMeans(3, random_state=0).fit(far)
    assert adjusted_rand_score(clustering.labels_, y) == 1
    assert numpy.abs(clustering.cluster_centers_.mean(axis=0) - far.mean(axis=0)).max() < 1
    near, there = PCA(2).fit(X), PCA(2).fit(far)
    assert numpy.allclose(near.explained_variance_, there.explained_variance_, rtol=1e-4)
    assert numpy.abs(there.inverse_transform(there.transform(far)) - far).max() < 4
    assert numpy.allclose(KNeighborsRegressor(1).fit(X, y + 1e9).predict(X), y + 1e9, atol=1e-3)


# k-means, PCA, UMAP


def test_k_means_finds_groups(digits: Digits) -> None:
    X, y = datasets.make_blobs(300, 4, centers=5, random_state=3)
    estimator = KMeans(5, n_init=3, random_state=0).fit(X)
    assert adjusted_rand_score(estimator.labels_, y) > 0.95
    assert numpy.array_equal(estimator.predict(X), estimator.labels_)
    assert numpy.array_equal(estimator.transform(X).argmin(axis=1), estimator.labels_)
    assert estimator.score(X) == pytest.approx(-estimator.inertia_, rel=1e-4)
    assert 1 <= estimator.n_iter_ <= 300 and estimator.cluster_centers_.dtype == numpy.float64
    again = KMeans(5, init=estimator.cluster_centers_).fit(X)
    assert again.n_iter_ == 1 and again.inertia_ == pytest.approx(estimator.inertia_, rel=1e-4)
    parts = KMeans(5, random_state=0)
    for part in numpy.array_split(X, 3):
        parts.partial_fit(part)
    assert len(parts.labels_) == 100 and parts.score(X) > -3 * estimator.inertia_
    assert KMeans(5, batch_size=32, random_state=0).fit(X).score(X) > -3 * estimator.inertia_
    for changes, words in (
        ({"init": "odd"}, "init can't be"),
        ({"n_init": "odd"}, "n_init"),
        ({"n_clusters": 301}, "n_s"),
    ):
        with pytest.raises(ValueError, match=words):
            KMeans(random_state=0).set_params(**changes).fit(X)


@pytest.mark.parametrize("whiten", [False, True])
def test_components_are_those_of_scikit_learn(digits: Digits, whiten: bool) -> None:
    X = digits.X[:, 10:40].astype(numpy.float64)
    for count in (None, 5, 0.9):
        ours, theirs = PCA(count, whiten=whiten).fit(X), decomposition.PCA(count, whiten=whiten).fit(X)
        assert ours.n_components_ == theirs.n_components_
        few = 5  # those behind may change places
        for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_"):
            assert numpy.allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-3, atol=1e-4), name
        assert ours.noise_variance_ == pytest.approx(theirs.noise_variance_, rel=1e-3, abs=1e-6)
        assert numpy.allclose(numpy.abs(ours.components_[:few]), numpy.abs(theirs.components_[:few]), atol=1e-3)
        assert numpy.allclose(
            ours.inverse_transform(ours.transform(X)), theirs.inverse_transform(theirs.transform(X)), atol=1e-3
        )
    parts = PCA(5).partial_fit(X[:500]).partial_fit(X[500:])
    assert parts.n_samples_ == len(X)
    assert numpy.allclose(parts.explained_variance_, PCA(5).fit(X).explained_variance_, rtol=1e-3)
    for count in (0, 31, 1.5, "mle"):
        with pytest.raises(ValueError, match="n_components"):
            PCA(count).fit(X)


def test_an_embedding_keeps_near_what_is_near(digits: Digits) -> None:
    X, y = digits.X[:300], digits.y[:300]
    estimator = UMAP(10, n_epochs=100, random_state=0)
    embedding = estimator.fit_transform(X)
    assert trustworthiness(X, embedding) > 0.9
    assert numpy.array_equal(estimator.transform(X), embedding)
    assert numpy.isfinite(estimator.transform(digits.X_test[:5])).all()
    assert estimator.get_feature_names_out().tolist() == ["umap0", "umap1"]
    supervised = UMAP(10, n_epochs=100, supervised=True, random_state=0).fit(X, y)
    score = cross_val_score(KNeighborsClassifier(), supervised.embedding_, y, cv=2).mean()
    assert score > cross_val_score(KNeighborsClassifier(), embedding, y, cv=2).mean()
    with pytest.raises(ValueError, match="y"):
        UMAP(supervised=True).fit(X)


# Travelling


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_an_estimator_is_copied_pickled_and_goes_on_learning(estimator) -> None:
    X, y = datasets.make_blobs(60, 3, centers=3, random_state=0)
    fitted = clone(estimator).set_params(**({"random_state": 0} if "random_state" in estimator.get_params() else {}))
    fitted.fit(X, y)
    answer = (fitted.transform if hasattr(fitted, "transform") else fitted.predict)(X)
    copies = copy.copy(fitted), copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))
    for other in copies:
        assert numpy.array_equal((other.transform if hasattr(other, "transform") else other.predict)(X), answer)
    if hasattr(fitted, "partial_fit"):
        copies[2].partial_fit(X, y)
    with pytest.raises(NotFittedError):
        clone(fitted).transform(X) if hasattr(fitted, "transform") else clone(fitted).predict(X)
    assert isinstance(copies[2].model_, maquette.Model)
