"""Documents: pages of them, and all of them, read when they are asked for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from ctypes import byref, c_void_p
from typing import Any, Generic, TypeVar

from ._handles import Owner
from ._library import library
from ._text import owned_text, to_json
from ._views import page_html

#: A JSON object as the store keeps it, with its `id`, `createdAt` and `updatedAt`.
Document = dict[str, Any]
#: What documents must meet, e.g. `{"y": "left", "score": {"$gt": 0.5}}`.
Query = Mapping[str, Any]

Item = TypeVar("Item")
Other = TypeVar("Other")

#: What of a query says which of the documents that match, and how they are given.
SETTINGS = ("$limit", "$skip", "$sort", "$select")


class Page(list[Document]):
    """A part of what `find` found: a list of documents, with the `total` there are."""

    def __init__(self, page: dict[str, Any], noun: str = "instances") -> None:
        super().__init__(page["data"])
        self.total: int = page["total"]
        self.limit: int = page["limit"]
        self.skip: int = page["skip"]
        self._noun = noun

    def __repr__(self) -> str:
        return f"<Page: {self._state()}>"

    def _repr_html_(self) -> str:
        return page_html(self)

    def _state(self) -> str:
        if not self:
            return f"none of {self.total} {self._noun}"
        return f"{self._noun} {self.skip + 1} to {self.skip + len(self)} of {self.total}"


def query_of(
    query: Query | None,
    fields: Mapping[str, Any],
    *,
    limit: int | None = None,
    skip: int | None = None,
    sort: Mapping[str, int] | str | None = None,
    select: list[str] | None = None,
) -> dict[str, Any]:
    """One query of all that a method is given."""
    if query is not None and not isinstance(query, Mapping):
        raise TypeError(f"a query must be a dictionary, not {type(query).__name__}")
    complete: dict[str, Any] = {**(query or {}), **fields}
    if isinstance(sort, str):
        sort = {sort.removeprefix("-"): -1 if sort.startswith("-") else 1}
    for name, value in (("$limit", limit), ("$skip", skip), ("$sort", sort), ("$select", select)):
        if value is not None:
            complete[name] = value
    return complete


def both(first: Query, second: Query) -> dict[str, Any]:
    """What meets two queries; how they are given, the second says."""
    if not first.keys() & second.keys():
        return {**first, **second}
    settings = {name: value for name, value in (*first.items(), *second.items()) if name in SETTINGS}
    conditions = [{name: value for name, value in query.items() if name not in SETTINGS} for query in (first, second)]
    return {"$and": conditions, **settings}


def target(query: Query | None, fields: Mapping[str, Any], id: str | None) -> bytes | None:
    """The query of a method that changes things; None where there is none.

    Nobody should change everything by leaving something out.
    """
    if query is None and not fields:
        if id is None:
            raise TypeError("without an id, say which are meant: a query, or {} for all of them")
        return None
    return to_json(query_of(query, fields), "query")


def object_of(document: Mapping[str, Any], what: str = "a document") -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise TypeError(f"{what} must be a dictionary, not {type(document).__name__}")
    return dict(document)


def one_or_many(documents: Mapping[str, Any] | Iterable[Mapping[str, Any]], what: str) -> bytes:
    """A document, or a list of them, as JSON."""
    if isinstance(documents, Mapping):
        return to_json(dict(documents), what)
    if isinstance(documents, str | bytes) or not isinstance(documents, Iterable):
        raise TypeError(f"{what} must be a dictionary, or a list of them, not {type(documents).__name__}")
    return to_json([object_of(document, f"each {what}") for document in documents], what)


def fetch(owner: Owner, function: Any, *arguments: Any) -> Any:
    """Calls a function whose last but one parameter is a `char **`, and whose first is the owner's handle."""
    pointer = c_void_p()
    owner._call(function, *arguments, byref(pointer))
    return json.loads(owned_text(pointer))


class Cursor(Owner):
    """A pass over documents, a block in memory at a time."""

    def __init__(self, owner: Owner, function: Any, query: Query) -> None:
        handle = c_void_p()
        owner._call(function, to_json(dict(query), "query"), byref(handle))
        self._own(handle, library.maquette_cursor_destroy)

    def blocks(self) -> Iterator[list[Document]]:
        while True:
            pointer = c_void_p()
            self._call(library.maquette_cursor_next, byref(pointer))
            if pointer.value is None:
                return
            yield json.loads(owned_text(pointer))


class Items(Generic[Item]):
    """Things that are made when they are asked for, as often as somebody asks.

    >>> texts = dataset.items(y="left").map(lambda instance: instance["note"])
    >>> list(texts.filter(None).skip(10).take(5))

    Nothing is read before the first is asked for, and then a block at a time; every pass reads anew.
    """

    def __init__(self, begin: Callable[[], Iterator[Item]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Item]:
        return self._begin()

    def map(self, function: Callable[[Item], Other]) -> Items[Other]:
        """Something else for each item.

        `function` is called with each item, and what it returns takes its place.
        """
        return Items(lambda: map(function, self._begin()))

    def filter(self, function: Callable[[Item], object] | None) -> Items[Item]:
        """The items for which the function says so; with None, those that are true themselves."""
        return Items(lambda: filter(function, self._begin()))

    def skip(self, count: int) -> Items[Item]:
        """The items behind the first `count`; a second skip passes over more."""
        return Items(lambda: itertools.islice(self._begin(), _whole(count), None))

    def take(self, count: int) -> Items[Item]:
        """The first `count` items; none for 0. Behind them nothing is read."""
        return Items(lambda: itertools.islice(self._begin(), _whole(count)))

    def concat(self, other: Iterable[Other]) -> Items[Item | Other]:
        """These items, and then those of another.

        `other` is what gives them.
        """
        return Items(lambda: itertools.chain(self._begin(), other))

    def zip(self, other: Iterable[Other]) -> Items[tuple[Item, Other]]:
        """Pairs of an item and one of another, for as long as both have some.

        `other` is what gives the second of each pair.
        """
        return Items(lambda: zip(self._begin(), other, strict=False))

    def first(self, default: Item | None = None) -> Item | None:
        """The first item; `default` where there is none."""
        return next(self._begin(), default)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: read when they are asked for>"


class Documents(Items[Document]):
    """The documents of a service or a dataset that match a query, read when they are asked for."""

    def __init__(self, owner: Owner, function: Any, query: Query) -> None:
        super().__init__(self._read)
        self._owner = owner
        self._function = function
        #: What they match.
        self.query = dict(query)

    def _read(self) -> Iterator[Document]:
        with Cursor(self._owner, self._function, self.query) as cursor:
            for block in cursor.blocks():
                yield from block

    def where(self, query: Query | None = None, **fields: Any) -> Documents:
        """Those of them that match this, too.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        return self._narrowed(both(self.query, query_of(query, fields)))

    def select(self, *fields: str) -> Documents:
        """Only these fields of each, and its id."""
        return self._narrowed({**self.query, "$select": [*fields]})

    def sort(self, by: Mapping[str, int] | str) -> Documents:
        """In that order: a field, with a minus for the greatest first, or `{"field": 1 or -1}`.

        `by` is the order.
        """
        return self._narrowed(query_of(self.query, {}, sort=by))

    def _narrowed(self, query: Query) -> Documents:
        return Documents(self._owner, self._function, query)

    def __repr__(self) -> str:
        query = json.dumps(self.query, ensure_ascii=False, default=repr)
        return f"<{type(self).__name__} of {self._owner._title()}: {query}>"


def _whole(count: int) -> int:
    if count < 0:
        raise ValueError(f"a number of items can't be {count}: it must be 0 or more")
    return count
