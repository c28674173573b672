"""PCA and UMAP as estimators."""

from __future__ import annotations

import numbers
from typing import Any, TypeVar

import numpy
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_array, check_is_fitted

from .. import _kinds
from .._arrays import Array
from ._base import DTYPES, Estimator, choice

P = TypeVar("P", bound="PCA")
U = TypeVar("U", bound="UMAP")

METRICS = {"euclidean": "euclidean", "manhattan": "manhattan", "cosine": "cosine"}


class Projection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """What both share: rows go in, and rows of other numbers come out."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def transform(self, X: Any) -> Array:
        """The rows of `X` in the components: (rows, components). Raises `NotFittedError`, `ValueError`."""
        check_is_fitted(self)
        X = self._checked(X)
        return self.model_.predict_proba(self._moved(X)).astype(X.dtype)


class PCA(Projection):
    """Projects rows onto the few directions along which they vary most (Pearson, 1901).

    Parameters
    ----------
    n_components : how many directions are kept; None: all that there are; between 0 and 1: as many as explain more than
        this share of the variance.
    whiten : whether the projections are brought to deviation 1 along each direction.

    Attributes
    ----------
    components_ : the directions, (components, features), of unit length.
    explained_variance_, explained_variance_ratio_ : the variance along each direction, and its share of all.
    singular_values_ : the lengths of the projections of all training rows, (components,).
    mean_ : the mean of the training rows, (features,).
    noise_variance_ : the mean variance along the directions that are left out.
    n_components_ : how many directions were kept.
    n_samples_ : how many rows were learned.
    n_features_in_, feature_names_in_ : the number of features, and their names where `X` had some.
    model_ : the `maquette.PCA`.
    """

    model_: _kinds.PCA

    def __init__(self, n_components: float | None = None, *, whiten: bool = False) -> None:
        self.n_components = n_components
        self.whiten = whiten

    def _count(self, rows: int) -> int:
        """How many components are looked for at first."""
        most = min(rows, int(self.n_features_in_))
        if self.n_components is None:
            return most
        if isinstance(self.n_components, numbers.Integral):
            if not 1 <= self.n_components <= most:
                raise ValueError(
                    f"n_components={self.n_components} must be between 1 and min(n_samples, n_features)={most}"
                )
            return int(self.n_components)
        if isinstance(self.n_components, numbers.Real) and 0 < self.n_components < 1:
            return most
        raise ValueError(f"n_components can't be {self.n_components!r}: it must be None, a whole number, or in (0, 1)")

    def _make(self, rows: int) -> _kinds.PCA:
        return _kinds.PCA(n_components=self._count(rows), whiten=bool(self.whiten))

    def fit(self: P, X: Any, y: Any = None) -> P:
        """Finds the directions.

        Parameters
        ----------
        X : array of the shape (rows, features), finite numbers; two rows at least.
        y : not used.

        Returns the estimator. Raises `ValueError` for what can't be learned.
        """
        X = self._checked(X, reset=True, ensure_min_samples=2)
        self._settle(X)
        rows = self._moved(X)
        self._learn(rows, None, "fresh")
        if self.n_components is not None and not isinstance(self.n_components, numbers.Integral):
            shares = self.model_.explained_variance_ratio.cumsum()
            enough = int(numpy.searchsorted(shares, self.n_components, side="right")) + 1
            self.model_.n_components = min(enough, len(shares))
            self.model_.fit(rows)
        self.n_samples_ = len(X)
        self._take(X)
        return self

    def partial_fit(self: P, X: Any, y: Any = None) -> P:
        """Finds the directions of the rows of before and of these together.

        Parameters
        ----------
        X : array of the shape (rows, features); the first time two rows, and as many as components, at least.
        y : not used.

        Returns the estimator. Raises `ValueError` for rows of another width.
        """
        if not hasattr(self, "model_"):
            return self.fit(X)
        X = self._checked(X)
        self._learn(self._moved(X), None, "partial")
        self.n_samples_ += len(X)
        self._take(X)
        return self

    def _take(self, X: Array) -> None:
        model, dtype = self.model_, X.dtype
        self.components_ = model.components.astype(dtype)
        self.explained_variance_ = model.explained_variance.astype(dtype)
        self.explained_variance_ratio_ = model.explained_variance_ratio.astype(dtype)
        self.singular_values_ = numpy.sqrt(self.explained_variance_ * (self.n_samples_ - 1))
        self.mean_ = self._moved_back(model.attribute("mean")[0], dtype)
        self.n_components_ = self._n_features_out = len(self.components_)
        left = min(self.n_samples_, self.n_features_in_) - self.n_components_
        explained = float(self.explained_variance_ratio_.sum())
        variance = float(self.explained_variance_.sum())
        self.noise_variance_ = max(0.0, variance / explained - variance) / left if left and explained else 0.0

    def inverse_transform(self, X: Any) -> Array:
        """The rows that have these projections, as far as the components tell.

        Parameters
        ----------
        X : array of the shape (rows, components).

        Returns an array of the shape (rows, features). Raises `NotFittedError`, `ValueError`.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=DTYPES)
        return self._moved_back(self.model_.inverse(X), X.dtype)


class UMAP(Projection):
    """Lays rows out in a few dimensions so that those which are near each other stay near (McInnes & others, 2018).

    Parameters
    ----------
    n_neighbors : how many nearest rows, itself included, a row is kept near to.
    n_components : how many dimensions the embedding has.
    metric : which rows are near: "euclidean", "manhattan" or "cosine".
    n_epochs : passes over all rows; None: 200 to 500, the more the fewer rows.
    min_dist : how near rows may come to each other in the embedding; at most the spread.
    spread : the scale of the embedding.
    supervised : whether rows of different labels are drawn apart: `fit` then needs `y`.
    random_state : start of all random numbers: an int, a `RandomState`, or None for others each time.

    Attributes
    ----------
    embedding_ : where the training rows are, (rows, components).
    n_features_in_, feature_names_in_ : the number of features, and their names where `X` had some.
    model_ : the `maquette.UMAP`.
    """

    model_: _kinds.UMAP

    def __init__(
        self,
        n_neighbors: int = 15,
        n_components: int = 2,
        *,
        metric: str = "euclidean",
        n_epochs: int | None = None,
        min_dist: float = 0.1,
        spread: float = 1.0,
        supervised: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.metric = metric
        self.n_epochs = n_epochs
        self.min_dist = min_dist
        self.spread = spread
        self.supervised = supervised
        self.random_state = random_state

    @property
    def _is_movable(self) -> bool:
        return self.metric != "cosine"

    def _make(self, rows: int) -> _kinds.UMAP:
        return _kinds.UMAP(
            n_neighbors=self.n_neighbors,
            n_components=self.n_components,
            metric=choice("metric", self.metric, METRICS),
            epochs=0 if self.n_epochs is None else self.n_epochs,
            min_dist=self.min_dist,
            spread=self.spread,
            supervised=bool(self.supervised),
            seed=self._seed(),
        )

    def fit(self: U, X: Any, y: Any = None) -> U:
        """Lays out rows.

        Parameters
        ----------
        X : array of the shape (rows, features), finite numbers.
        y : a label for each row, where `supervised` is true; else not used.

        Returns the estimator. Raises `ValueError` for what can't be laid out.
        """
        labels = None
        if self.supervised:
            if y is None:
                raise ValueError("requires y to be passed, but the target y is None: supervised is true")
            X, y = self._checked(X, y, reset=True)
            labels = numpy.unique(column_or_1d(y), return_inverse=True)[1]
        else:
            X = self._checked(X, reset=True)
        self._settle(X)
        self._learn(self._moved(X), labels, "fresh")
        self.embedding_ = self.model_.embedding.astype(X.dtype)
        self._n_features_out = self.embedding_.shape[1]
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """Lays out rows, and returns where they are: `X` and `y` are as for `fit`."""
        return self.fit(X, y).embedding_
