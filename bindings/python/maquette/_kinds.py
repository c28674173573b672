"""The kinds of models, each a class with its parameters as attributes."""

from __future__ import annotations

import math
from ctypes import byref, c_void_p
from typing import Any

import numpy
import numpy.typing

from ._arrays import Array, Features, Floats, Labels, array_of_numbers, matrix_of, readable, rows_of_numbers
from ._errors import BadShapeError
from ._library import library
from ._model_files import PathLike, opened, opened_bytes
from ._models import Model, class_of_kind
from ._scatter import Scatter
from ._text import fetch_text

Ids = numpy.typing.NDArray[numpy.int64]


class NetworkModel(Model):
    """What the neural networks share: a training that goes on for epochs."""

    def plot(self, measure: str = "loss", ax: Any = None) -> Any:
        """Draws a measure over the epochs of the last training, with matplotlib; returns the axes.

        >>> model.plot()                          # the loss, with that on the validation rows
        >>> model.plot("accuracy", ax=axes)
        """
        return self.training.plot(measure, ax)


class MLPClassifier(NetworkModel):
    """A neural network of fully connected layers that tells classes apart.

    >>> model = MLPClassifier(layers=[64, 32], epochs=20).fit(X, y)

    `maquette.schema("mlp-classifier")` describes its parameters. It is trained by mini-batches with Adam (Kingma & Ba,
    "Adam: a method for stochastic optimization", 2014) or with stochastic gradient descent.
    """

    kind = "mlp-classifier"

    layers: list[int]
    epochs: int
    batch_size: int
    validation_split: float
    learning_rate: float
    seed: int
    optimizer: str
    momentum: float
    activation: str
    initializer: str
    l2: float
    dropout: float
    patience: int
    standardize: bool
    class_weights: str | dict[str, float]

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)


class MLPRegressor(NetworkModel):
    """A neural network of fully connected layers that predicts numbers.

    >>> model = MLPRegressor(units=[64, 32], epochs=20).fit(X, y)    # y: (rows,) or (rows, targets)

    `maquette.schema("mlp-regressor")` describes its parameters. It is trained as an `MLPClassifier` is, against the
    mean squared error.
    """

    kind = "mlp-regressor"

    units: list[int]
    epochs: int
    batch_size: int
    validation_split: float
    learning_rate: float
    seed: int
    optimizer: str
    momentum: float
    activation: str
    initializer: str
    l2: float
    dropout: float
    patience: int
    standardize: bool

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)


class NeighbourModel(Model):
    """What the nearest-neighbour kinds share: the rows that they remember."""

    k: int
    metric: str
    weights: str

    def neighbours(self, X: Features, count: int | None = None) -> tuple[Ids, Floats]:
        """The ids of the nearest remembered rows and their distances, the nearest first: (rows, count) each.

        A row's id is the number it got when it was learned, counted from 0; it stays when others are removed.
        `count` is `k` unless given, at most as many as there are rows.

        `X` is a row, (features,), or rows, (rows, features). Raises `NotTrainedError`, `BadShapeError`,
        `NotFiniteError`.
        """
        array = array_of_numbers(X, "X")
        rows = readable(rows_of_numbers(array[None, :] if array.ndim == 1 else array, "X"))
        wanted = self.k if count is None else count
        ids = numpy.empty((len(rows), wanted), numpy.int64)
        distances = numpy.empty((len(rows), wanted), numpy.float32)
        address = c_void_p(ids.__array_interface__["data"][0])
        self._call(library.maquette_model_neighbours, matrix_of(rows), wanted, address, matrix_of(distances))
        return (ids[0], distances[0]) if array.ndim == 1 else (ids, distances)

    def remove(self, ids: Any) -> None:
        """Forgets the rows of these ids, all or none; takes effect at once."""
        array = numpy.ascontiguousarray(numpy.atleast_1d(ids), numpy.int64)
        address = c_void_p(array.__array_interface__["data"][0])
        with self._labels.changing():
            self._call(library.maquette_model_remove, address, array.size)


class KNNClassifier(NeighbourModel):
    """Asks the `k` nearest rows it has learned for their labels.

    >>> model = KNNClassifier(k=3).fit(X, y)
    >>> model.partial_train(X_more, y_more)          # rows on top, without training again

    `maquette.schema("knn-classifier")` describes its parameters. Source: Cover & Hart, "Nearest neighbor pattern
    classification", 1967.
    """

    kind = "knn-classifier"

    reject_distance: float

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)


class KNNRegressor(NeighbourModel):
    """Predicts the mean of the numbers that the `k` nearest rows have.

    >>> model = KNNRegressor(k=3).fit(X, y)

    `maquette.schema("knn-regressor")` describes its parameters.
    """

    kind = "knn-regressor"

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)


class KMeans(Model):
    """Groups rows around centers.

    >>> model = KMeans(k=3).fit(X)
    >>> model.centers, model.clusters, model.inertia

    `maquette.schema("kmeans-clustering")` describes its parameters. Sources: Lloyd, "Least squares quantization in
    PCM", 1982; Arthur & Vassilvitskii, "k-means++", 2007; Sculley, "Web-scale k-means clustering", 2010, for
    mini-batches.
    """

    kind = "kmeans-clustering"

    k: int
    init: str | list[list[float]]
    n_init: int
    max_iterations: int
    tolerance: float
    batch_size: int
    seed: int

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)

    @property
    def centers(self) -> Floats:
        """The centers, (clusters, features)."""
        return self.attribute("centers")

    @property
    def clusters(self) -> numpy.typing.NDArray[numpy.int64]:
        """The cluster of each training row; empty where they came in blocks."""
        return self.attribute("clusters")[:, :1].ravel().astype(numpy.int64)

    @property
    def inertia(self) -> float:
        """The sum of the squared distances of the training rows to their centers; NaN where a file didn't tell."""
        return float(self.attribute("inertia")[0, 0]) if "inertia" in self.attributes else math.nan

    def plot(self, X: Features, ax: Any = None) -> Any:
        """Draws rows in the colours of their clusters, with matplotlib, and the centers as crosses; returns the axes.

        Rows of more than two features are drawn along the two directions in which they vary most.

        `X` has the shape (rows, features). `ax` is what to draw on; new axes unless given.
        """
        rows = rows_of_numbers(X, "X")
        if rows.shape[1] < 2:
            raise BadShapeError("a picture needs rows of two features at least", "X")
        clusters, places, centers = self.predict(rows), rows, self.centers
        if rows.shape[1] != 2:
            with PCA(n_components=2).fit(rows) as directions:
                places, centers = directions.predict(rows), directions.predict(centers)
        ax = Scatter(places, clusters).plot(ax)
        ax.scatter(centers[:, 0], centers[:, 1], marker="X", s=90, color="black", edgecolors="white", linewidths=1.2)
        return ax


class PCA(Model):
    """Projects rows onto the few directions along which they vary most.

    >>> model = PCA(n_components=2).fit(X)
    >>> scores = model.predict(X)
    >>> model.inverse(scores)

    `maquette.schema("pca")` describes its parameters. Source: Pearson, "On lines and planes of closest fit to
    systems of points in space", 1901.
    """

    kind = "pca"

    n_components: int
    whiten: bool

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)

    def inverse(self, scores: Features) -> Floats:
        """The rows that have these scores, as far as the components tell: (rows, features)."""
        array = array_of_numbers(scores, "scores")
        matrix: Array = readable(rows_of_numbers(array[None, :] if array.ndim == 1 else array, "scores"))
        rows = numpy.empty((len(matrix), self._feature_count()), numpy.float32)
        self._call(library.maquette_model_inverse, matrix_of(matrix), byref(matrix_of(rows)))
        return rows[0] if array.ndim == 1 else rows

    @property
    def components(self) -> Floats:
        """The directions, (components, features), of unit length."""
        return self.attribute("components")

    @property
    def explained_variance(self) -> Floats:
        """The variance along each direction."""
        variances: Floats = self.attribute("explainedVariance")[0]
        return variances

    @property
    def explained_variance_ratio(self) -> Floats:
        """The share of all variance along each direction."""
        ratios: Floats = self.attribute("explainedVarianceRatio")[0]
        return ratios

    def plot(self, X: Features, labels: Labels | None = None, ax: Any = None) -> Any:
        """Draws rows along the first two directions, in the colours of their labels, with matplotlib; returns the axes.

        >>> model.plot(X, y)

        `X` has the shape (rows, features). `ax` is what to draw on; new axes unless given.
        """
        scores = self.predict(rows_of_numbers(X, "X"))
        if scores.shape[1] < 2:
            raise BadShapeError("a picture needs two components, but this model has one", "n_components")
        ax = Scatter(scores[:, :2], labels).plot(ax)
        for number, (axis, share) in enumerate(
            zip((ax.xaxis, ax.yaxis), self.explained_variance_ratio, strict=False), 1
        ):
            axis.set_label_text(f"component {number} ({share:.1%} of the variance)")
        return ax


class ONNXModel(Model):
    """Predicts with a model that was trained elsewhere and comes in an ONNX file, by ONNX Runtime.

    >>> model = ONNXModel("network.onnx", class_labels=["cat", "dog"], softmax=True)
    >>> model.predict(row).label

    Needs the package `onnxruntime`; where it is elsewhere can be told in MAQUETTE_ONNXRUNTIME. The file at `path` is
    loaded at once; without it, `upload` or `load` bring one. It takes rows of numbers, (rows, features), in any further
    shape: (rows, 1, 28, 28) are 784 features. `model.predict` gives labels where the file names some or `class_labels`
    does, else the numbers of `output`, by default the first of floats. It can't be trained.
    `maquette.schema("onnx-model")` describes its parameters.
    """

    kind = "onnx-model"

    input: str
    output: str
    class_labels: list[str]
    softmax: bool

    def __init__(self, path: PathLike | None = None, /, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)
        if path is not None:
            self.upload(path)


class UMAP(Model):
    """Lays rows out in a few dimensions so that those which are near each other stay near.

    >>> model = UMAP(seed=1).fit(X)
    >>> model.embedding                              # (rows, 2)
    >>> model.predict(X_new)
    >>> for status in model.training: draw(status.matrix)    # every epoch's

    `maquette.schema("umap")` describes its parameters. Source: McInnes, Healy & Melville, "UMAP: uniform manifold
    approximation and projection for dimension reduction", 2018.
    """

    kind = "umap"

    n_components: int
    n_neighbors: int
    min_dist: float
    spread: float
    metric: str
    supervised: bool
    epochs: int
    seed: int

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)

    @property
    def embedding(self) -> Floats:
        """Where the training rows are, (rows, components)."""
        return self.attribute("embedding")

    def plot(self, labels: Labels | None = None, ax: Any = None) -> Any:
        """Draws the training rows where they are, in the colours of their labels, with matplotlib; returns the axes.

        >>> model.plot(y)

        `ax` is what to draw on; new axes unless given.
        """
        return Scatter(self.embedding, labels).plot(ax)


def load_model(*paths: PathLike) -> Model:
    """The model that is in a file, or in as many as its format needs, whatever kind it is.

    >>> model = maquette.load_model("digits.safetensors")

    Raises `BadFormatError` for a file of no format that is known, or a damaged one, and `StoreIOError`, an `OSError`.
    """
    return _model_of(opened(*paths))


def from_bytes(data: bytes) -> Model:
    """The model that is in the bytes of a file, whatever kind it is; see `load_model` and `Model.to_bytes`.

    `data` is what a file of one of the formats holds. Raises `BadFormatError`.
    """
    return _model_of(opened_bytes(data))


def _model_of(handle: c_void_p) -> Model:
    kind = fetch_text(library.maquette_model_kind, handle)
    found = (MLPClassifier, MLPRegressor, KNNClassifier, KNNRegressor, KMeans, PCA, UMAP, ONNXModel)
    made: type[Model] = next((each for each in found if each.kind == kind), None) or class_of_kind(Model, kind)
    return made._made_of(handle)
