"""Neural networks as estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy

from .. import _kinds
from .._arrays import Array, label_text
from .._models import Model
from ._base import Classifier, Estimator, Regressor, choice

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid"}
SOLVERS = {"adam": "adam", "sgd": "sgd"}


class Network(Estimator):
    """What the networks share."""

    _layers: ClassVar[str]

    @property
    def _is_movable(self) -> bool:
        return False  # weights act on the numbers themselves

    def _mode_of_fit(self) -> str:
        return "continuing" if self.warm_start and hasattr(self, "model_") else "fresh"

    def _settings(self, rows: int) -> dict[str, Any]:
        """The parameters of the model, for so many rows."""
        sizes = numpy.atleast_1d(numpy.asarray(self.hidden_layer_sizes)).tolist()
        batch_size = min(200, rows) if isinstance(self.batch_size, str) else min(self.batch_size, rows)
        if isinstance(self.batch_size, str):
            choice("batch_size", self.batch_size, {"auto": 0})
        return {
            self._layers: sizes,
            "activation": choice("activation", self.activation, ACTIVATIONS),
            "optimizer": choice("solver", self.solver, SOLVERS),
            # There it costs alpha / 2 for a row, and here for a mini-batch.
            "l2": self.alpha / 2 / max(1, batch_size),
            "batch_size": batch_size,
            "learning_rate": self.learning_rate_init,
            "epochs": self.max_iter,
            "momentum": self.momentum,
            "dropout": self.dropout,
            "validation_split": self.validation_fraction if self.early_stopping else 0,
            "patience": self.n_iter_no_change if self.early_stopping else 0,
        }

    def _learn(self, X: Array, y: Any, mode: str) -> None:
        if mode != "fresh":
            settings = self._settings(len(X))
            if mode == "partial":
                settings |= {"epochs": 1, "validation_split": 0, "patience": 0}
            for name, value in settings.items():
                if name != self._layers:
                    setattr(self.model_, name, value)
        super()._learn(X, y, mode)

    def _learned(self, X: Array) -> None:
        sizes = numpy.atleast_1d(numpy.asarray(self.hidden_layer_sizes)).tolist()
        self.n_layers_ = len(sizes) + 2
        curves = self.model_.training.value.curves if hasattr(self, "model_") else {}
        self.loss_curve_: list[float] = curves.get("loss", [0.0])
        self.loss_ = self.loss_curve_[-1]
        self.n_iter_ = len(self.loss_curve_)
        for name, measure in (("validation_loss_curve_", "loss_val"), ("validation_scores_", "accuracy_val")):
            self.__dict__.pop(name, None)
            if curves.get(measure):
                setattr(self, name, curves[measure])


class MLPClassifier(Network, Classifier):
    """A neural network of fully connected layers that tells classes apart, trained with Adam (Kingma & Ba, 2014).

    Parameters
    ----------
    hidden_layer_sizes : the number of units of each hidden layer, or of the only one.
    activation : what the hidden units do to their sums: "relu", "tanh" or "logistic".
    solver : how weights move: "adam" or "sgd".
    alpha : how much large weights cost, as in scikit-learn: alpha / 2 / rows of a mini-batch times the sum of squares.
    batch_size : after how many rows the weights change; "auto": 200, or all rows where they are fewer.
    learning_rate_init : how far the weights move in a step.
    max_iter : how many times the training goes through all rows, if nothing stops it earlier.
    random_state : start of all random numbers: an int, a `RandomState`, or None for others each time.
    verbose : whether a line shows how the training goes.
    warm_start : whether `fit` goes on from the weights that are there.
    momentum : of "sgd": which share of a step goes on in the next.
    early_stopping : whether rows are kept back, and the best epoch is kept when the loss on them gets no better.
    validation_fraction : which share of the rows of every class is kept back, with `early_stopping`.
    n_iter_no_change : after how many epochs without a better loss it stops, with `early_stopping`.
    dropout : which share of the hidden units is left out of each step. Not in scikit-learn.
    class_weight : how much the rows of a class count: None, "balanced", or a dictionary by class.

    Attributes
    ----------
    classes_ : the classes, sorted.
    n_features_in_, feature_names_in_ : the number of features, and their names where `X` had some.
    loss_, loss_curve_ : the loss on the training rows after the last epoch, and after each.
    validation_loss_curve_, validation_scores_ : loss and accuracy on the rows kept back, with `early_stopping`.
    n_iter_ : how many epochs there were; of `partial_fit` 1.
    n_layers_, n_outputs_, out_activation_ : the shape of the network, and "softmax".
    model_ : the `maquette.MLPClassifier`; not there while all rows are of one class, which then is the answer.
    """

    _layers = "layers"

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        random_state: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        dropout: float = 0.0,
        class_weight: str | Mapping[Any, float] | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout
        self.class_weight = class_weight

    def _make(self, rows: int) -> Model:
        return _kinds.MLPClassifier(seed=self._seed(), **self._settings(rows))

    def _settings(self, rows: int) -> dict[str, Any]:
        weights: Any = self.class_weight or "none"
        if isinstance(weights, Mapping):
            known = self._texts()
            weights = {label_text(label, "class_weight"): weight for label, weight in weights.items()}
            weights = {label: weight for label, weight in weights.items() if label in known}
        else:
            choice("class_weight", self.class_weight, {None: 0, "balanced": 0})
        return super()._settings(rows) | {"class_weights": weights}

    def _learned(self, X: Array) -> None:
        super()._learned(X)
        self.n_outputs_ = len(self.classes_)
        self.out_activation_ = "softmax"

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba(X)`: float64, (rows, classes)."""
        likely: Array = numpy.log(self.predict_proba(X))
        return likely


class MLPRegressor(Network, Regressor):
    """A neural network of fully connected layers that predicts numbers, trained with Adam (Kingma & Ba, 2014).

    Parameters
    ----------
    hidden_layer_sizes : the number of units of each hidden layer, or of the only one.
    activation : what the hidden units do to their sums: "relu", "tanh" or "logistic".
    solver : how weights move: "adam" or "sgd".
    alpha : how much large weights cost, as in scikit-learn: alpha / 2 / rows of a mini-batch times the sum of squares.
    batch_size : after how many rows the weights change; "auto": 200, or all rows where they are fewer.
    learning_rate_init : how far the weights move in a step.
    max_iter : how many times the training goes through all rows, if nothing stops it earlier.
    random_state : start of all random numbers: an int, a `RandomState`, or None for others each time.
    verbose : whether a line shows how the training goes.
    warm_start : whether `fit` goes on from the weights that are there.
    momentum : of "sgd": which share of a step goes on in the next.
    early_stopping : whether rows are kept back, and the best epoch is kept when the loss on them gets no better.
    validation_fraction : which share of the rows is kept back, with `early_stopping`.
    n_iter_no_change : after how many epochs without a better loss it stops, with `early_stopping`.
    dropout : which share of the hidden units is left out of each step. Not in scikit-learn.

    Attributes
    ----------
    n_features_in_, feature_names_in_ : the number of features, and their names where `X` had some.
    loss_, loss_curve_ : the mean squared error on the training rows after the last epoch, and after each.
    validation_loss_curve_ : that on the rows kept back, with `early_stopping`.
    n_iter_ : how many epochs there were; of `partial_fit` 1.
    n_layers_, n_outputs_, out_activation_ : the shape of the network, and "identity".
    model_ : the `maquette.MLPRegressor`.
    """

    _layers = "units"

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        random_state: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        dropout: float = 0.0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout

    def _make(self, rows: int) -> Model:
        return _kinds.MLPRegressor(seed=self._seed(), **self._settings(rows))

    def _learned(self, X: Array) -> None:
        super()._learned(X)
        self.n_outputs_ = self.model_._output_count()
        self.out_activation_ = "identity"
