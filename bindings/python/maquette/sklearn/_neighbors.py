"""Nearest neighbours as estimators."""

from __future__ import annotations

from typing import Any

import numpy
from scipy.sparse import csr_matrix
from sklearn.utils.validation import check_is_fitted

from .. import _kinds
from .._arrays import Array
from ._base import Classifier, Estimator, Regressor, choice

METRICS = {
    "euclidean": "euclidean",
    "l2": "euclidean",
    "manhattan": "manhattan",
    "cityblock": "manhattan",
    "l1": "manhattan",
    "cosine": "cosine",
}
WEIGHTS = {"uniform": "uniform", "distance": "distance"}


class Neighbors(Estimator):
    """What the neighbours share: the rows they remember."""

    #: How many rows are remembered.
    n_samples_fit_: int
    #: Those rows, moved, in the order they were learned: one array for each time.
    _remembered: list[Array]

    @property
    def _is_movable(self) -> bool:
        return self._metric() != "cosine"

    def _metric(self) -> str:
        if self.metric == "minkowski":
            return str(choice("p", self.p, {1: "manhattan", 2: "euclidean"}))
        return str(choice("metric", self.metric, {"minkowski": "", **METRICS}))

    def _settings(self) -> dict[str, Any]:
        weights = choice("weights", self.weights, WEIGHTS)
        return {"k": self.n_neighbors, "metric": self._metric(), "weights": weights}

    def _learn(self, X: Array, y: Any, mode: str) -> None:
        if mode == "fresh":
            self._remembered = []
        super()._learn(X, y, mode)

    def _learned(self, X: Array) -> None:
        self.effective_metric_ = self._metric()
        if not hasattr(self, "model_"):  # rows of one class only
            self._remembered = []
        self._remembered.append(X.astype(numpy.float32))
        self.n_samples_fit_ = sum(map(len, self._remembered))

    def _search_model(self) -> _kinds.NeighbourModel:
        """A model that remembers the rows."""
        model = getattr(self, "model_", None)
        if isinstance(model, _kinds.NeighbourModel):
            return model
        rows = self._rows()
        return _kinds.KNNRegressor(**self._settings()).fit(rows, numpy.zeros(len(rows)))

    def _rows(self) -> Array:
        self._remembered = [numpy.concatenate(self._remembered)]
        return self._remembered[0]

    def _prepare(self) -> None:
        """Before a prediction: as in scikit-learn, what was set after the fitting counts."""
        check_is_fitted(self)
        self._require(self.n_neighbors, self.n_samples_fit_)
        if hasattr(self, "model_"):
            for name, value in self._settings().items():
                if name != "metric" and getattr(self.model_, name) != value:
                    setattr(self.model_, name, value)

    def _require(self, count: int, rows: int) -> None:
        if not 1 <= count <= rows:
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {count}, n_samples_fit = {rows}"
            )

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        """The nearest remembered rows.

        Parameters
        ----------
        X : array of the shape (rows, features); None: the remembered rows, of which none is its own neighbour.
        n_neighbors : how many are looked for; None: as many as the parameter says.
        return_distance : whether the distances are wanted too.

        Returns distances, float64, and the places of the neighbours among the rows that were learned, int64, the
        nearest first, both (rows, n_neighbors); or the places alone. Raises `NotFittedError`, `ValueError`.
        """
        check_is_fitted(self)
        count = self.n_neighbors if n_neighbors is None else int(n_neighbors)
        if X is not None:
            self._require(count, self.n_samples_fit_)
            places, distances = self._search_model().neighbours(self._queries(X), count)
        else:
            self._require(count, self.n_samples_fit_ - 1)
            places, distances = self._search_model().neighbours(self._rows(), count + 1)
            # Each row itself goes; where many rows are the same and it is not among the nearest, the first.
            own = places == numpy.arange(len(places))[:, None]
            own[~own.any(axis=1), 0] = True
            places, distances = (found[~own].reshape(len(found), count) for found in (places, distances))
        return (distances.astype(numpy.float64), places) if return_distance else places

    def kneighbors_graph(self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity") -> Any:
        """The nearest remembered rows as a sparse matrix, (rows, remembered rows), float64.

        Parameters
        ----------
        X, n_neighbors : as for `kneighbors`.
        mode : what the entries are: "connectivity": 1; "distance": the distances.
        """
        is_distance = choice("mode", mode, {"connectivity": False, "distance": True})
        distances, places = self.kneighbors(X, n_neighbors)
        rows, count = places.shape
        values = distances if is_distance else numpy.ones_like(distances)
        starts = numpy.arange(0, rows * count + 1, count)
        return csr_matrix((values.ravel(), places.ravel(), starts), shape=(rows, self.n_samples_fit_))


class KNeighborsClassifier(Neighbors, Classifier):
    """Asks the nearest rows it has learned for their classes (Cover & Hart, 1967).

    Parameters
    ----------
    n_neighbors : how many are asked.
    weights : how much a neighbour counts: each the same ("uniform") or the more the nearer ("distance").
    p : 2 for Euclidean, 1 for Manhattan distances, where the metric is "minkowski".
    metric : which rows are near: "minkowski", "euclidean", "manhattan" or "cosine".

    Attributes
    ----------
    classes_ : the classes, sorted.
    n_features_in_, feature_names_in_ : the number of features, and their names where `X` had some.
    effective_metric_ : the metric by its own name.
    n_samples_fit_ : how many rows are remembered.
    model_ : the `maquette.KNNClassifier`; not there while all rows are of one class, which then is the answer.
    """

    def __init__(
        self, n_neighbors: int = 5, *, weights: str = "uniform", p: float = 2, metric: str = "minkowski"
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.p = p
        self.metric = metric

    def _make(self, rows: int) -> _kinds.KNNClassifier:
        return _kinds.KNNClassifier(**self._settings())

    def predict_proba(self, X: Any) -> Array:
        self._prepare()
        return super().predict_proba(X)


class KNeighborsRegressor(Neighbors, Regressor):
    """Predicts the mean of the numbers that the nearest rows have.

    Parameters
    ----------
    n_neighbors : how many are asked.
    weights : how much a neighbour counts: each the same ("uniform") or the more the nearer ("distance").
    p : 2 for Euclidean, 1 for Manhattan distances, where the metric is "minkowski".
    metric : which rows are near: "minkowski", "euclidean", "manhattan" or "cosine".

    Attributes
    ----------
    n_features_in_, feature_names_in_ : the number of features, and their names where `X` had some.
    effective_metric_ : the metric by its own name.
    n_samples_fit_ : how many rows are remembered.
    model_ : the `maquette.KNNRegressor`.
    """

    #: What is subtracted from the targets: their means, (targets,).
    _target_offset: Array

    def __init__(
        self, n_neighbors: int = 5, *, weights: str = "uniform", p: float = 2, metric: str = "minkowski"
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.p = p
        self.metric = metric

    def _make(self, rows: int) -> _kinds.KNNRegressor:
        return _kinds.KNNRegressor(**self._settings())

    def _settle_targets(self, y: Array) -> None:
        self._target_offset = y.mean(axis=0, dtype=numpy.float64)

    def _moved_targets(self, y: Array) -> Array:
        return y - self._target_offset

    def _targets(self, predicted: Array) -> Array:
        return super()._targets(predicted) + self._target_offset

    def predict(self, X: Any) -> Array:
        self._prepare()
        return super().predict(X)
