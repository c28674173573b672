"""Datasets: labelled instances in a store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from ctypes import byref, c_int64, c_void_p, sizeof
from typing import Any, overload

import numpy
import numpy.typing

from ._arrays import (
    Array,
    Features,
    Floats,
    Labels,
    LabelStrings,
    matrix_of,
    readable,
    targets_of_numbers,
    tensors_of_numbers,
)
from ._documents import (
    Document,
    Documents,
    Page,
    Query,
    both,
    fetch,
    object_of,
    one_or_many,
    query_of,
    target,
)
from ._errors import BadShapeError, MaquetteError
from ._exchange import Exchange
from ._handles import Owner
from ._library import Matrix, library
from ._store import Store
from ._streams import Stream
from ._tables import Tables, is_table
from ._text import owned_text, to_json, utf8
from ._views import dataset_html

Instance = Document

#: Features of a dataset whose labels are still counted to be shown: what is read in a few milliseconds.
MANY_VALUES = 2_000_000


class Dataset(Exchange, Tables):
    """Labelled instances in a store: documents with the features `x`, the label `y`, and whatever else you add.

    >>> digits = Dataset(store, "digits")
    >>> digits.append(X, y)                            # many at once
    >>> digits.create({"x": [0.1, 0.2], "y": "left"})  # or one, with fields of your own
    >>> len(digits), digits.labels

    `store` is where they are, and `name` that of the dataset, new or not.
    """

    def __init__(self, store: Store, name: str) -> None:
        handle = c_void_p()
        store._call(library.maquette_dataset_open, utf8(name, "name"), byref(handle))
        self.name = name
        self.store = store
        self._own(handle, library.maquette_dataset_destroy)

    # Adding and removing

    def append(self, X: Features, y: Labels | str | None = None) -> None:
        """Adds an instance for each row of `X`, all or none.

        `X` has the shape (rows, features), or (rows, …) for images and the like, any numbers. It is kept as 32-bit
        floats; in files, 8-bit numbers are kept as they are. `y` has a label for each row, text or whole numbers (kept
        as text), None for a row without one. Raises `BadShapeError`, `NotFiniteError`, `StoreIOError`, `FullError`.

        >>> irises.append(frame, "species")

        A table of pandas, polars or pyarrow may be `X`, alone or with the name of the column of labels as `y`: see
        `append_arrow`, which can do more.
        """
        if is_table(X) and (y is None or isinstance(y, str)):
            self.append_arrow(X, label=y)
            return
        array, shape = tensors_of_numbers(X, "X")
        labels = None if y is None else LabelStrings(y, len(array), optional=True)
        self._append(readable(array), shape, labels, None)

    def append_targets(self, X: Features, targets: Features) -> None:
        """Adds an instance for each row of `X` with the numbers to be predicted from it, all or none.

        `X` is as for `append`; `targets` has the shape (rows,) or (rows, targets), and is kept as 32-bit floats.
        """
        array, shape = tensors_of_numbers(X, "X")
        self._append(readable(array), shape, None, targets_of_numbers(targets, len(array), "targets"))

    def _append(self, array: Array, shape: tuple[int, ...], labels: LabelStrings | None, targets: Array | None) -> None:
        features = matrix_of(array)
        address = labels and labels.address
        if len(shape) == 1 and targets is None:
            self._call(library.maquette_dataset_append, features, address)
        elif len(shape) == 1 and targets is not None:
            self._call(library.maquette_dataset_append_targets, features, matrix_of(targets))
        else:
            lengths = (c_int64 * len(shape))(*shape)
            numbers = None if targets is None else byref(matrix_of(targets))
            self._call(library.maquette_dataset_append_shaped, features, lengths, len(shape), address, numbers)

    @overload
    def create(self, instances: Mapping[str, Any]) -> Instance: ...
    @overload
    def create(self, instances: Iterable[Mapping[str, Any]]) -> list[Instance]: ...

    def create(self, instances: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Instance | list[Instance]:
        """Adds an instance, e.g. `{"x": [0.1, 0.2], "y": "left"}`, or a list of them: all, or none.

        Returns them as they are kept, with ids and dates. To add many rows of numbers, `append` is faster.

        `instances` is one dictionary, or several. Raises `BadShapeError` for an `x` of another width than there are,
        `NotFiniteError`, `ConflictError` for an id that is there.
        """
        stored: Instance | list[Instance] = fetch(
            self, library.maquette_dataset_create, one_or_many(instances, "instance")
        )
        return stored

    def update(self, id: str, instance: Mapping[str, Any]) -> Instance:
        """Puts an instance in the place of the one of that id; the id and `createdAt` stay. Returns what is kept."""
        text = to_json(object_of(instance, "an instance"), "instance")
        return self._document(library.maquette_dataset_update, utf8(id, "id"), text)

    @overload
    def patch(self, id: str, changes: Mapping[str, Any]) -> Instance: ...
    @overload
    def patch(
        self, id: None, changes: Mapping[str, Any], query: Query | None = None, **fields: Any
    ) -> list[Instance]: ...

    def patch(
        self, id: str | None, changes: Mapping[str, Any], query: Query | None = None, **fields: Any
    ) -> Instance | list[Instance]:
        """Changes fields of an instance; with the id None, of all that match. All of them, or none.

        >>> digits.patch(instance["id"], {"y": "7"})
        >>> digits.patch(None, {"y": "other"}, {"y": {"$in": ["1", "7"]}})

        The fields given take the place of those of their names, whole; the others stay. Returns what is kept: an
        instance, or a list for the id None. Raises `NotFoundError`, `BadShapeError`, `NotFiniteError`.

        `changes` is a dictionary of the fields. `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and
        `fields` are values they must have; without, all match.
        """
        text = to_json(object_of(changes, "the changes"), "changes")
        which = target(query, fields, id)
        if id is None:
            patched: list[Instance] = fetch(self, library.maquette_dataset_patch_matching, which, text)
            return patched
        if which is not None:
            raise TypeError("an instance is named by its id, or by a query with the id None, not by both")
        return self._document(library.maquette_dataset_patch, utf8(id, "id"), text)

    @overload
    def remove(self, id: str) -> Instance: ...
    @overload
    def remove(self, id: None, query: Query | None = None, **fields: Any) -> list[Instance]: ...

    def remove(self, id: str | None, query: Query | None = None, **fields: Any) -> Instance | list[Instance]:
        """Removes an instance; with the id None, all that match. Returns what was there: an instance, or a list.

        Raises `NotFoundError`, a `LookupError`, where there is none of that id.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        which = target(query, fields, id)
        if id is None:
            removed: list[Instance] = fetch(self, library.maquette_dataset_remove_matching, which)
            return removed
        if which is not None:
            raise TypeError("an instance is named by its id, or by a query with the id None, not by both")
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

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match. `skip` are passed over; `select` names the fields to return.
        """
        complete = query_of(query, fields, limit=limit, skip=skip, sort=sort, select=select)
        return Page(fetch(self, library.maquette_dataset_find, to_json(complete, "query")))

    def instances(self, query: Query | None = None, **fields: Any) -> Iterator[Instance]:
        """All instances that match, however many, read a block at a time.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        return iter(self.where(query, **fields))

    def where(self, query: Query | None = None, **fields: Any) -> Selection:
        """The instances that match, to train on or to look at, read when they are needed.

        >>> model.train(digits.where({"y": {"$in": ["3", "8"]}}))
        >>> list(digits.where(y="3").select("y").take(5))

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        return Selection(self, query_of(query, fields))

    def items(
        self,
        query: Query | None = None,
        *,
        sort: Mapping[str, int] | str | None = None,
        select: list[str] | None = None,
        **fields: Any,
    ) -> Selection:
        """All instances that match, however many: read when they are asked for, in bounded memory.

        >>> for instance in digits.items(y="3").take(5): ...

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match. `sort` and `select` are as for `find`.
        """
        return Selection(self, query_of(query, fields, sort=sort, select=select))

    def __iter__(self) -> Iterator[Instance]:
        return self.instances()

    def count(self, query: Query | None = None, **fields: Any) -> int:
        """How many instances there are; with a query, how many match it."""
        count = c_int64()
        if query is None and not fields:
            self._call(library.maquette_dataset_count, byref(count))
        else:
            text = to_json(query_of(query, fields), "query")
            self._call(library.maquette_dataset_count_matching, text, byref(count))
        return count.value

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True  # an empty dataset is a dataset

    def distinct(self, field: str, query: Query | None = None, **fields: Any) -> list[Any]:
        """The different values of a field in the instances that match, the first seen first.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        text = to_json(query_of(query, fields), "query")
        values: list[Any] = fetch(self, library.maquette_dataset_distinct_matching, utf8(field, "field"), text)
        return values

    @property
    def labels(self) -> list[str]:
        """The different labels, the first seen first."""
        return self.distinct("y")

    @property
    def shape(self) -> tuple[int, int]:
        """Instances, and features of the first that has any; :meth:`to_arrays` finds out whether all have as many."""
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

    def sift(self, query: Query | None = None, **fields: Any) -> View:
        """A live view of the instances that match, with a count and changes of its own.

        >>> left = gestures.sift(y="left")
        >>> left.counts.subscribe(print)
        >>> model.train(left)

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        return View(self, query_of(query, fields))

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
        document: Instance = fetch(self, function, *arguments)
        return document


class Selection(Documents):
    """The instances of a dataset that match a query: see `Dataset.where`."""

    def __init__(self, dataset: Dataset, query: Query) -> None:
        super().__init__(dataset, library.maquette_dataset_items, query)
        self.dataset = dataset

    def _narrowed(self, query: Query) -> Selection:
        return Selection(self.dataset, query)

    def where(self, query: Query | None = None, **fields: Any) -> Selection:
        """Those of them that match this, too.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        return self._narrowed(both(self.query, query_of(query, fields)))

    def __repr__(self) -> str:
        return f"<Selection of {self.dataset.name}: {json.dumps(self.query, ensure_ascii=False, default=repr)}>"


class View(Owner, Selection):
    """A live view of the instances of a dataset that match a query: see `Dataset.sift`.

    It can be read and trained on as any selection, and watched as a dataset is: an instance that is changed so that it
    matches is `created`, one that does not any more is `removed`.
    """

    def __init__(self, dataset: Dataset, query: Query) -> None:
        Selection.__init__(self, dataset, query)
        handle = c_void_p()
        dataset._call(library.maquette_dataset_sift, to_json(self.query, "query"), byref(handle))
        self._own(handle, library.maquette_view_destroy)

    def count(self) -> int:
        """How many instances match."""
        count = c_int64()
        self._call(library.maquette_view_count, byref(count))
        return count.value

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True

    @property
    def counts(self) -> Stream[int]:
        """The stream of the number of instances."""
        return Stream(self, self._stream_handle(library.maquette_view_counts), "counts", is_small=True)

    @property
    def changes(self) -> Stream[list[dict[str, Any]]]:
        """The stream of changes: lists of `{"level": "instance", "type": "created", "data": …}`; holds no value."""
        return Stream(self, self._stream_handle(library.maquette_view_changes), "changes")

    def __repr__(self) -> str:
        query = json.dumps(self.query, ensure_ascii=False, default=repr)
        if self.closed:
            return f"<View of {self.dataset.name} (closed): {query}>"
        count = self.count()
        return f"<View of {self.dataset.name}: {count} instance{'' if count == 1 else 's'} with {query}>"

    def _title(self) -> str:
        return f"View of {self.dataset.name}"
