"""The kinds of models, each a class with its parameters as attributes."""

from __future__ import annotations

from typing import Any

from ._models import Model


class MLPClassifier(Model):
    """A neural network of fully connected layers that tells classes apart.

    >>> model = MLPClassifier(layers=[64, 32], epochs=20).fit(X, y)

    `maquette.schema("mlp-classifier")` describes its parameters.
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
    l2: float
    dropout: float
    patience: int
    standardize: bool
    class_weights: str | dict[str, float]

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)


class MLPRegressor(Model):
    """A neural network of fully connected layers that predicts numbers.

    >>> model = MLPRegressor(units=[64, 32], epochs=20).fit(X, y)    # y: (rows,) or (rows, targets)

    `maquette.schema("mlp-regressor")` describes its parameters.
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
    l2: float
    dropout: float
    patience: int
    standardize: bool

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)


class KNNClassifier(Model):
    """Asks the `k` nearest rows it has learned for their labels.

    >>> model = KNNClassifier(k=3).fit(X, y)

    `maquette.schema("knn-classifier")` describes its parameters.
    """

    kind = "knn-classifier"

    k: int

    def __init__(self, **parameters: Any) -> None:
        super().__init__(self.kind, **parameters)
