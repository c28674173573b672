"""Datasets: labelled instances in a store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ctypes import byref, c_int64, c_void_p, sizeof
from typing import Any

import numpy
import numpy.typing

from ._arrays import Features, Floats, Labels, LabelStrings, matrix_of, readable, rows_of_numbers, targets_of_numbers
from ._errors import BadShapeError, MaquetteError
from ._handles import Owner
from ._library import Matrix, library
from ._store import Store
from ._streams import Stream
from ._text import owned_text, to_json, utf8
from ._views import dataset_html, page_html

Instance = dict[str, Any]

#: Instances a page holds at the most.
PAGE = 200

#: Features of a dataset whose labels are still counted to be shown: what is read in a few milliseconds.
MANY_VALUES = 2_000_000


class Page(list[Instance]):
    """A part of what `Dataset.find` found: a list of instances, with the `total` there are."""

    def __init__(self, page: dict[str, Any]) -> None:
        super().__init__(page["data"])
        self.total: int = page["total"]
        self.limit: int = page["limit"]
        self.skip: int = page["skip"]

    def __repr__(self) -> str:
        return f"<Page: {self._state()}>"

    def _repr_html_(self) -> str:
        return page_html(self)

    def _state(self) -> str:
        if not self:
            return f"none of {self.total} instances"
        return f"instances {self.skip + 1} to {self.skip + len(self)} of {self.total}"


class Dataset(Owner):
    """Labelled instances in a store: documents with the features `x`, the label `y`, and whatever else you add.

    >>> digits = Dataset(store, "digits")
    >>> digits.append(X, y)                            # many at once
    >>> digits.create({"x": [0.1, 0.2], "y": "left"})  # or one, with fields of your own
    >>> len(digits), digits.labels
    """

    def __init__(self, store: Store, name: str) -> None:
        handle = c_void_p()
        store._call(library.maquette_dataset_open, utf8(name, "name"), byref(handle))
        self.name = name
        self.store = store
        self._own(handle, library.maquette_dataset_destroy)

    # Adding and removing

    def append(self, X: Features, y: Labels | None = None) -> None:
        """Adds an instance for each row of `X`, all or none.

        `X` has the shape (rows, features), any numbers; it is kept as 32-bit floats. `y` has a label for each row,
        text or whole numbers (kept as text), None for a row without one.
        """
        array = readable(rows_of_numbers(X, "X"))
        labels = None if y is None else LabelStrings(y, len(array), optional=True)
        self._call(library.maquette_dataset_append, matrix_of(array), labels and labels.address)

    def append_targets(self, X: Features, targets: Features) -> None:
        """Adds an instance for each row of `X` with the numbers to be predicted from it, all or none.

        `targets` has the shape (rows,) or (rows, targets); it is kept as 32-bit floats.
        """
        array = readable(rows_of_numbers(X, "X"))
        numbers = targets_of_numbers(targets, len(array), "targets")
        self._call(library.maquette_dataset_append_targets, matrix_of(array), matrix_of(numbers))

    def create(self, instance: Mapping[str, Any]) -> Instance:
        """Adds one instance, e.g. `{"x": [0.1, 0.2], "y": "left"}`; returns it as it is kept, with its id and dates."""
        return self._document(library.maquette_dataset_create, to_json(_fields(instance), "instance"))

    def remove(self, id: str) -> Instance:
        """Removes one instance; returns it as it was."""
        return self._document(library.maquette_dataset_remove, utf8(id, "id"))

    def clear(self) -> None:
        """Removes all instances."""
        self._call(library.maquette_dataset_clear)

    # Looking

    def get(self, id: str) -> Instance:
        """One instance by its id."""
        return self._document(library.maquette_dataset_get, utf8(id, "id"))

    def find(
        self,
        query: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        skip: int | None = None,
        sort: Mapping[str, int] | str | None = None,
        select: list[str] | None = None,
        **fields: Any,
    ) -> Page:
        """A page of the instances whose fields have the given values.

        >>> digits.find(y="3", limit=10)
        >>> digits.find({"y": "3"}, sort="-createdAt", select=["y"]).total

        A page has 100 instances unless `limit` says otherwise, 200 at the most. `sort` is a field, with a minus for
        the greatest first, or `{"field": 1 or -1}`.
        """
        complete: dict[str, Any] = {**(query or {}), **fields}
        if isinstance(sort, str):
            sort = {sort.removeprefix("-"): -1 if sort.startswith("-") else 1}
        for name, value in (("$limit", limit), ("$skip", skip), ("$sort", sort), ("$select", select)):
            if value is not None:
                complete[name] = value
        return Page(self._json(library.maquette_dataset_find, to_json(complete, "query")))

    def instances(self, query: Mapping[str, Any] | None = None, **fields: Any) -> Iterator[Instance]:
        """All instances that match, however many, read page by page."""
        skip = 0
        while page := self.find(query, **fields, limit=PAGE, skip=skip):
            yield from page
            skip += len(page)
            if skip >= page.total:
                return

    def where(self, query: Mapping[str, Any] | None = None, **fields: Any) -> Selection:
        """The instances that match, to train on or to look at, read when they are needed.

        >>> model.train(digits.where({"y": {"$in": ["3", "8"]}}))
        """
        return Selection(self, {**(query or {}), **fields})

    def __iter__(self) -> Iterator[Instance]:
        return self.instances()

    def count(self) -> int:
        """How many instances there are."""
        count = c_int64()
        self._call(library.maquette_dataset_count, byref(count))
        return count.value

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True  # an empty dataset is a dataset

    def distinct(self, field: str) -> list[Any]:
        """The different values of a field, the first seen first."""
        values: list[Any] = self._json(library.maquette_dataset_distinct, utf8(field, "field"))
        return values

    @property
    def labels(self) -> list[str]:
        """The different labels, the first seen first."""
        return self.distinct("y")

    @property
    def shape(self) -> tuple[int, int]:
        """Instances and features of each."""
        rows, cols = c_int64(), c_int64()
        self._call(library.maquette_dataset_shape, byref(rows), byref(cols))
        return rows.value, cols.value

    def to_arrays(self) -> tuple[Floats, numpy.typing.NDArray[numpy.int32], list[str]]:
        """All features, the number of each row's label (-1 for none), and the labels these numbers stand for.

        >>> X, codes, labels = digits.to_arrays()
        """
        while True:
            shape = self.shape
            features = numpy.empty(shape, numpy.float32)
            codes = numpy.empty(shape[0], numpy.int32)
            labels = c_void_p()
            address = c_void_p(codes.__array_interface__["data"][0])
            try:
                self._call(library.maquette_dataset_read, matrix_of(features), address, byref(labels))
            except BadShapeError:
                if self.shape == shape:
                    raise
                continue  # it has changed between the two calls
            return features, codes, json.loads(owned_text(labels))

    def targets(self) -> Floats:
        """All `y` that are numbers or lists of them, as an array of the shape (instances, targets)."""
        while True:
            shape = Matrix(struct_size=sizeof(Matrix))
            self._call(library.maquette_dataset_targets, byref(shape))
            targets = numpy.empty((shape.rows, shape.cols), numpy.float32)
            if not targets.size:
                return targets
            try:
                self._call(library.maquette_dataset_targets, byref(matrix_of(targets)))
            except BadShapeError:
                if self.count() == len(targets):
                    raise
                continue  # it has changed between the two calls
            return targets

    # Watching

    @property
    def counts(self) -> Stream[int]:
        """The stream of the number of instances."""
        return Stream(self, self._stream_handle(library.maquette_dataset_counts), "counts", is_small=True)

    @property
    def changes(self) -> Stream[list[dict[str, Any]]]:
        """The stream of changes: lists of `{"level": "instance", "type": "created", "data": …}`; holds no value."""
        return Stream(self, self._stream_handle(library.maquette_dataset_changes), "changes")

    def __repr__(self) -> str:
        if self.closed:
            return f"<Dataset {self.name} (closed)>"
        try:
            return f"<Dataset {self.name}: {self._state(self.count(), self._label_counts())}>"
        except MaquetteError as error:
            return f"<Dataset {self.name}: {error}>"

    def _repr_html_(self) -> str:
        return dataset_html(self)

    def _title(self) -> str:
        return f"Dataset {self.name}"

    def _state(self, count: int, counted: dict[str, int] | None) -> str:
        different = 0 if counted is None else len(counted)
        labels = f", {different} label{'' if different == 1 else 's'}," if different else ""
        return f"{count} instance{'' if count == 1 else 's'}{labels} in {self.store.location}"

    def _label_counts(self) -> dict[str, int] | None:
        """How often there is each label; None where there are numbers, or too many rows to be read just to be shown."""
        first = self.find(limit=1, select=["x", "y"])
        features = first[0].get("x") if first else None
        if (
            not isinstance(features, list)
            or not isinstance(first[0].get("y", ""), str | None)
            or first.total * max(len(features), 1) > MANY_VALUES
        ):
            return None
        try:
            _, codes, labels = self.to_arrays()
        except MaquetteError:
            return None  # rows of different lengths, say: they can be shown nevertheless
        counts = numpy.bincount(codes[codes >= 0], minlength=len(labels)).tolist()
        return dict(zip(labels, counts, strict=True))

    def _document(self, function: Any, *arguments: Any) -> Instance:
        document: Instance = self._json(function, *arguments)
        return document

    def _json(self, function: Any, *arguments: Any) -> Any:
        pointer = c_void_p()
        self._call(function, *arguments, byref(pointer))
        return json.loads(owned_text(pointer))


class Selection:
    """The instances of a dataset that match a query: see `Dataset.where`."""

    def __init__(self, dataset: Dataset, query: Mapping[str, Any]) -> None:
        self.dataset = dataset
        self.query = dict(query)

    def __iter__(self) -> Iterator[Instance]:
        return self.dataset.instances(self.query)

    def __repr__(self) -> str:
        return f"<Selection of {self.dataset.name}: {json.dumps(self.query, ensure_ascii=False, default=repr)}>"


def _fields(instance: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(instance, Mapping):
        raise TypeError(f"an instance must be a dictionary, not {type(instance).__name__}")
    return dict(instance)
