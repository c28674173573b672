"""What the estimators share: rows that are checked as scikit-learn does, seeds, classes, targets."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .._arrays import Array, label_text
from .._models import Model

Self = TypeVar("Self", bound="Estimator")
C = TypeVar("C", bound="Classifier")
R = TypeVar("R", bound="Regressor")

#: What rows are read in; other numbers become the first.
DTYPES = (numpy.float64, numpy.float32)


def choice(name: str, value: Any, choices: dict[Any, Any]) -> Any:
    """What a value of a parameter is called in Maquette; raises `ValueError` where it has no such value."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} can't be {value!r}: it must be one of {known}") from None


class Estimator(BaseEstimator):
    """An estimator with a model of Maquette's inside."""

    #: The model: there once it is fitted.
    model_: Model
    #: Where the rows were moved from, float64, (features,); None where they stay.
    _offset: Array | None = None

    def _checked(self, X: Any, *y: Any, reset: bool = False, **options: Any) -> Any:
        """Rows, or rows and what belongs to them, as scikit-learn checks them."""
        return validate_data(self, X, *y, reset=reset, dtype=DTYPES, **options)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    @property
    def _is_movable(self) -> bool:
        """Whether moving all rows together changes nothing, as where only their distances matter."""
        return True

    def _settle(self, X: Array) -> None:
        """Chooses where rows are moved from: from their mean, where 64-bit floats have digits that would be lost."""
        self._offset = X.mean(axis=0) if self._is_movable and X.dtype == numpy.float64 else None

    def _moved(self, X: Array) -> Array:
        return X if self._offset is None else X - self._offset

    def _moved_back(self, X: Array, dtype: Any) -> Array:
        return (X if self._offset is None else X + self._offset).astype(dtype)

    def _queries(self, X: Any) -> Array:
        """Rows to be answered for, where the model has them."""
        check_is_fitted(self)
        return self._moved(self._checked(X))

    def _make(self, rows: int) -> Model:
        """The model with the present parameters, for so many rows."""
        raise NotImplementedError

    def _learn(self, X: Array, y: Any, mode: str) -> None:
        """Trains on moved rows."""
        if mode == "fresh":
            self.model_ = self._make(len(X))
        self.model_.fit(X, y, mode=mode, progress=bool(getattr(self, "verbose", False)))
        self._learned(X)

    def _learned(self, X: Array) -> None:
        """After a training: takes from the model what has an attribute here."""


class Classifier(ClassifierMixin, Estimator):
    """What classifiers share. While all rows are of one class, the rows are kept, and the answer is that class."""

    #: The classes, sorted.
    classes_: Array
    #: Rows of one class only, and their codes, that nothing can be learned from yet.
    _held: tuple[Array, Array] | None = None

    def fit(self: C, X: Any, y: Any) -> C:
        """Learns rows with a class each, from nothing.

        Parameters
        ----------
        X : array of the shape (rows, features), finite numbers.
        y : array of the shape (rows,): text or whole numbers.

        Returns the estimator. Raises `ValueError` for what can't be learned.
        """
        X, y = self._checked(X, y, reset=True)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        mode = self._mode_of_fit()
        classes, codes = numpy.unique(y, return_inverse=True)
        if mode == "fresh":
            self.classes_ = classes
            self._settle(X)
        elif not numpy.array_equal(classes, self.classes_):
            raise ValueError(f"with warm_start, y must have the classes of before, {self.classes_.tolist()}")
        self._held = None
        self._learn_codes(self._moved(X), codes, mode)
        return self

    def partial_fit(self: C, X: Any, y: Any, classes: Any = None) -> C:
        """Learns rows on top of those before.

        Parameters
        ----------
        X : array of the shape (rows, features), finite numbers.
        y : array of the shape (rows,): the class of each.
        classes : array of all classes there will be; needed in the first call only.

        Returns the estimator. Raises `ValueError` for a class that is not among them.
        """
        is_first = not hasattr(self, "classes_")
        if is_first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        X, y = self._checked(X, y, reset=is_first)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if is_first:
            self.classes_ = numpy.unique(classes)
            self._settle(X)
        elif classes is not None and not numpy.array_equal(self.classes_, numpy.unique(classes)):
            raise ValueError(f"classes can't change: on the first call they were {self.classes_.tolist()}")
        unknown = numpy.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"y has {unknown.tolist()}, which are not among the classes {self.classes_.tolist()}")
        X, codes = self._moved(X), numpy.searchsorted(self.classes_, y)
        if self._held is not None:
            X, codes = numpy.concatenate([self._held[0], X]), numpy.concatenate([self._held[1], codes])
        self._learn_codes(X, codes, "partial" if hasattr(self, "model_") else "fresh")
        return self

    def _mode_of_fit(self) -> str:
        return "fresh"

    def _learn_codes(self, X: Array, codes: Array, mode: str) -> None:
        if mode == "fresh" and (codes == codes[0]).all():
            # Nothing to tell apart yet: the rows wait for those of another class.
            self.__dict__.pop("model_", None)
            self._held = X, codes
            self._learned(X)
            return
        self._held = None
        texts = numpy.array(self._texts(), object)
        self._learn(X, texts[codes], mode)

    def _texts(self) -> list[str]:
        """The classes as labels of the model."""
        return [label_text(value, "y") for value in self.classes_.tolist()]

    def predict_proba(self, X: Any) -> Array:
        """How likely each class is for each row of `X`: float64, (rows, classes), as in `classes_`; a row sums up to 1.

        Raises `NotFittedError`, `ValueError` for rows of another width.
        """
        rows = self._queries(X)
        likely = numpy.zeros((len(rows), len(self.classes_)))
        if self._held is not None:
            likely[:, self._held[1][0]] = 1
            return likely
        confidences = self.model_.predict_proba(rows)
        places = {text: place for place, text in enumerate(self._texts())}
        likely[:, [places[label] for label in self.model_.labels]] = confidences
        likely /= likely.sum(axis=1, keepdims=True)
        return likely

    def predict(self, X: Any) -> Array:
        """The likeliest class of each row of `X`: (rows,), of the type of `y`. Raises as `predict_proba`."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]  # type: ignore[no-any-return]


class Regressor(RegressorMixin, Estimator):
    """What regressors share."""

    #: Whether `y` had one dimension.
    _is_flat: bool

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self: R, X: Any, y: Any) -> R:
        """Learns rows with a number each, or several, from nothing.

        Parameters
        ----------
        X : array of the shape (rows, features), finite numbers.
        y : array of the shape (rows,) or (rows, targets), finite numbers.

        Returns the estimator. Raises `ValueError` for what can't be learned.
        """
        X, y = self._checked(X, y, reset=True, multi_output=True, y_numeric=True)
        mode = self._mode_of_fit()
        if mode == "fresh":
            self._is_flat = y.ndim == 1
            self._settle(X)
            self._settle_targets(y)
        self._learn(self._moved(X), self._moved_targets(y), mode)
        return self

    def partial_fit(self: R, X: Any, y: Any) -> R:
        """Learns rows on top of those before: `X` and `y` are as for `fit`. Returns the estimator."""
        is_first = not hasattr(self, "model_")
        if is_first:
            return self.fit(X, y)
        X, y = self._checked(X, y, multi_output=True, y_numeric=True)
        self._learn(self._moved(X), self._moved_targets(y), "partial")
        return self

    def _mode_of_fit(self) -> str:
        return "fresh"

    def _settle_targets(self, y: Array) -> None:
        """Chooses where the targets are moved from."""

    def _moved_targets(self, y: Array) -> Array:
        return y

    def _targets(self, predicted: Array) -> Array:
        return predicted.astype(numpy.float64)

    def predict(self, X: Any) -> Array:
        """The numbers predicted for each row of `X`: float64, of the shape that `y` had.

        Raises `NotFittedError`, `ValueError` for rows of another width.
        """
        rows = self._queries(X)
        predicted = self._targets(self.model_.predict_proba(rows))
        return predicted[:, 0] if self._is_flat else predicted
