"""k-means as an estimator."""

from __future__ import annotations

import numbers
from typing import Any, TypeVar

import numpy
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.metrics.pairwise import euclidean_distances

from .. import _kinds
from .._arrays import Array, Features
from ._base import Estimator, choice

Self = TypeVar("Self", bound="KMeans")


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Estimator):
    """Groups rows around centers (Lloyd, 1982; seeded as by Arthur & Vassilvitskii, 2007).

    Parameters
    ----------
    n_clusters : how many clusters there are.
    init : where the centers begin: "k-means++", or an array of the shape (clusters, features).
    n_init : how many beginnings are tried; "auto": one.
    max_iter : how often the centers move at the most.
    tol : when the centers stop: when they move less than this share of the rows' variance.
    batch_size : after how many rows the centers move (Sculley, 2010); None: after all.
    random_state : start of all random numbers: an int, a `RandomState`, or None for others each time.

    Attributes
    ----------
    cluster_centers_ : the centers, (clusters, features).
    labels_ : the cluster of each training row, int32, (rows,); of `partial_fit`, of the last ones.
    inertia_ : the sum of the squared distances of these rows to their centers.
    n_iter_ : how often the centers moved.
    n_features_in_, feature_names_in_ : the number of features, and their names where `X` had some.
    model_ : the `maquette.KMeans`.
    """

    model_: _kinds.KMeans

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | Features = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        batch_size: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _make(self, rows: int) -> _kinds.KMeans:
        if isinstance(self.n_clusters, numbers.Integral) and self.n_clusters > rows:
            raise ValueError(f"n_samples={rows} should be >= n_clusters={self.n_clusters}")
        if isinstance(self.init, str):
            start = choice("init", self.init, {"k-means++": "k-means++"})
        else:
            centers = self._checked(self.init)
            start = self._moved(centers).tolist()
        n_init = choice("n_init", self.n_init, {"auto": 1}) if isinstance(self.n_init, str) else self.n_init
        return _kinds.KMeans(
            k=self.n_clusters,
            init=start,
            n_init=n_init,
            max_iterations=self.max_iter,
            tolerance=self.tol,
            batch_size=0 if self.batch_size is None else self.batch_size,
            seed=self._seed(),
        )

    def fit(self: Self, X: Any, y: Any = None) -> Self:
        """Finds the clusters of rows.

        Parameters
        ----------
        X : array of the shape (rows, features), finite numbers.
        y : not used.

        Returns the estimator. Raises `ValueError` for fewer rows than clusters.
        """
        X = self._checked(X, reset=True)
        self._settle(X)
        self._learn(self._moved(X), None, "fresh")
        self._take(X)
        self.labels_ = self.model_.clusters.astype(numpy.int32)
        self.inertia_ = self.model_.inertia
        self.n_iter_ = int(self.model_.attribute("iterations")[0, 0])
        return self

    def partial_fit(self: Self, X: Any, y: Any = None) -> Self:
        """Moves the centers by more rows, which count as much as those before.

        Parameters
        ----------
        X : array of the shape (rows, features); the first time as many rows as clusters at least.
        y : not used.

        Returns the estimator. Raises `ValueError` for rows of another width.
        """
        if not hasattr(self, "model_"):
            return self.fit(X)
        X = self._checked(X)
        self._learn(self._moved(X), None, "partial")
        self._take(X)
        distances = self.transform(X)
        self.labels_ = distances.argmin(axis=1).astype(numpy.int32)
        self.inertia_ = float((distances.min(axis=1) ** 2).sum())
        self.n_iter_ = 1
        return self

    def _take(self, X: Array) -> None:
        self.cluster_centers_ = self._moved_back(self.model_.centers, X.dtype)
        self._n_features_out = len(self.cluster_centers_)

    def predict(self, X: Any) -> Array:
        """The nearest cluster of each row of `X`: int32, (rows,). Raises `NotFittedError`, `ValueError`."""
        rows = self._queries(X)
        clusters: Array = self.model_.predict(rows).astype(numpy.int32)
        return clusters

    def transform(self, X: Any) -> Array:
        """The distance of each row of `X` to each center: (rows, clusters). Raises `NotFittedError`, `ValueError`."""
        rows = self._queries(X)
        distances: Array = euclidean_distances(rows, self.model_.centers.astype(rows.dtype))
        return distances

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the sum of the squared distances of the rows of `X` to their centers; `y` is not used."""
        return -float((self.transform(X).min(axis=1).astype(numpy.float64) ** 2).sum())
