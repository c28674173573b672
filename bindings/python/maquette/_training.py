"""What a training reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._arrays import Floats
from ._plots import plot_curves
from ._status import Status
from ._streams import Stream
from ._views import status_html, stream_html

if TYPE_CHECKING:
    from ._model_training import ModelTraining

#: What a training measures: the names in Python, with those in a status.
MEASURES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "mean_absolute_error": "meanAbsoluteError",
}
#: What is added to a name where it is measured on the validation rows.
VALIDATION = (("", ""), ("_val", "Val"))


class TrainingStatus(Status):
    """How far a training is: the dictionary that Maquette sends, with its entries as attributes.

    >>> {"status": "epoch", "epoch": 3, "epochs": 20, "data": {"loss": 0.41, "accuracy": 0.88, …}}

    `status` is one of idle, start, epoch, success, error, cancelled, loading, loaded.
    """

    RUNNING = ("start", "epoch", "loading")

    #: What came with the event: of UMAP the embedding of the epoch, float32, (rows, dimensions).
    matrix: Floats | None = None

    @property
    def epoch(self) -> int | None:
        """The epoch that has ended, from 1."""
        return self.get("epoch")

    @property
    def epochs(self) -> int | None:
        """How many there will be."""
        return self.get("epochs")

    def _figure(self, name: str) -> float | None:
        figure = self.data.get(name)
        if isinstance(figure, list):  # `success` has a list, a value for each epoch
            figure = figure[-1] if figure else None
        return figure

    @property
    def loss(self) -> float | None:
        """What is learned against, on the training rows: the cross-entropy in nats, or the mean squared error."""
        return self._figure("loss")

    @property
    def accuracy(self) -> float | None:
        """Which share of the training rows is told right, 0 to 1."""
        return self._figure("accuracy")

    @property
    def loss_val(self) -> float | None:
        """The loss on the validation rows."""
        return self._figure("lossVal")

    @property
    def accuracy_val(self) -> float | None:
        """The accuracy on the validation rows."""
        return self._figure("accuracyVal")

    @property
    def mean_absolute_error(self) -> float | None:
        """How far predictions are from the targets of the training rows, in their unit."""
        return self._figure("meanAbsoluteError")

    @property
    def mean_absolute_error_val(self) -> float | None:
        """The mean absolute error on the validation rows."""
        return self._figure("meanAbsoluteErrorVal")

    @property
    def curves(self) -> dict[str, list[float]]:
        """With "success": the figures of every epoch, `{"loss": […], "loss_val": […], …}`; else nothing."""
        named = {name + ending: key + suffix for name, key in MEASURES.items() for ending, suffix in VALIDATION}
        return {name: self.data[key] for name, key in named.items() if isinstance(self.data.get(key), list)}

    def figures(self, accuracy: str = "accuracy", validation: str = "validation ") -> list[str]:
        """The last figures for people: `["loss 0.4100", "accuracy 88.0%", …]`.

        `accuracy` is what the accuracy is called in them, `validation` what comes before those on the validation rows.
        """
        named = (
            ("loss", self.loss, ".4f"),
            (accuracy, self.accuracy, ".1%"),
            (f"{validation}loss", self.loss_val, ".4f"),
            (f"{validation}{accuracy}", self.accuracy_val, ".1%"),
            ("error", self.mean_absolute_error, ".4g"),
            (f"{validation}error", self.mean_absolute_error_val, ".4g"),
        )
        return [f"{name} {figure:{form}}" for name, figure, form in named if isinstance(figure, int | float)]

    @property
    def summary(self) -> str:
        """One line: `epoch 3/20: loss 0.4100, accuracy 88.0%`."""
        text = self.status
        if self.epoch is not None:
            place = f"{self.epoch}" if self.epochs is None else f"{self.epoch}/{self.epochs}"
            text = f"epoch {place}" if self.status == "epoch" else f"{self.status} after epoch {place}"
        elif self.curves:
            text += f" after {max(map(len, self.curves.values()))} epochs"
        said = self.figures() if self.error is None else [self.error]
        return f"{text}: {', '.join(said)}" if said else text

    def plot(self, measure: str = "loss", ax: Any = None) -> Any:
        """Draws a measure over the epochs of the training that has ended, with matplotlib; returns the axes.

        >>> model.training.value.plot("accuracy")

        `ax` is what to draw on; new axes unless given. Raises `ImportError` without matplotlib.
        """
        return plot_curves(self.curves, measure, ax, self.summary)

    def _repr_html_(self) -> str:
        return status_html(self)


class TrainingStream(Stream[TrainingStatus]):
    """The stream of a model's training status.

    Iterating over it ends with the training; iterating over its `queue()` goes on with the trainings to come.
    """

    def __init__(self, model: ModelTraining, handle: Any) -> None:
        super().__init__(model, handle, "training", TrainingStatus)
        self._model = model

    def plot(self, measure: str = "loss", ax: Any = None) -> Any:
        """Draws a measure over the epochs of the training that has ended, with matplotlib; returns the axes.

        >>> model.training.plot()                 # the loss, with that on the validation rows
        >>> model.training.plot("accuracy", ax=axes)
        """
        return self.value.plot(measure, ax)

    def _shown_value(self) -> str:
        return self.value.summary

    def _repr_html_(self) -> str:
        return stream_html(self)

    def _is_over(self, value: TrainingStatus) -> bool:
        return value.is_final and not self._model.is_training
