"""Services: collections of JSON documents in a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ctypes import byref, c_int64, c_void_p
from typing import TYPE_CHECKING, Any, overload

from ._documents import Document, Documents, Page, Query, fetch, object_of, one_or_many, query_of, target
from ._errors import MaquetteError
from ._handles import Owner
from ._library import library
from ._streams import Stream
from ._text import to_json, utf8
from ._views import service_html

if TYPE_CHECKING:
    from ._store import Store


class Service(Owner):
    """A collection of JSON documents in a store: of a dataset, of models, of whatever you keep.

    >>> notes = store.service("notes")
    >>> note = notes.create({"text": "more light", "tags": ["a"]})
    >>> notes.patch(note["id"], {"done": True})
    >>> notes.find(tags="a", sort="-createdAt", limit=10).total
    >>> notes.remove(None, done=True)                     # all that match

    Every document is a dictionary with an `id` and the dates `createdAt` and `updatedAt`. A query is a dictionary of
    fields: `{"y": "left", "score": {"$gt": 0.5}}`. There are `$in`, `$nin`, `$lt`, `$lte`, `$gt`, `$gte`, `$ne` and
    `$not`, and `$or`, `$and` and `$not` for whole queries.

    `store` is where it is, and `name` that of the service, new or not.
    """

    def __init__(self, store: Store, name: str) -> None:
        handle = c_void_p()
        store._call(library.maquette_service_open, utf8(name, "name"), byref(handle))
        self.name = name
        self.store = store
        self._own(handle, library.maquette_service_destroy)

    # Looking

    def find(
        self,
        query: Query | None = None,
        *,
        limit: int | None = None,
        skip: int | None = None,
        sort: Mapping[str, int] | str | None = None,
        select: list[str] | None = None,
        **fields: Any,
    ) -> Page:
        """A page of the documents that match.

        A page has 100 documents unless `limit` says otherwise, 200 at the most. `sort` is a field, with a minus for the
        greatest first, or `{"field": 1 or -1}`; `select` names the fields to return, beside the id.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match. `skip` are passed over.
        """
        complete = query_of(query, fields, limit=limit, skip=skip, sort=sort, select=select)
        return Page(fetch(self, library.maquette_service_find, to_json(complete, "query")), "documents")

    def get(self, id: str) -> Document:
        """One document by its id; `NotFoundError`, a `LookupError`, where there is none."""
        document: Document = fetch(self, library.maquette_service_get, utf8(id, "id"))
        return document

    def count(self, query: Query | None = None, **fields: Any) -> int:
        """How many documents match.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        count = c_int64()
        self._call(library.maquette_service_count, to_json(query_of(query, fields), "query"), byref(count))
        return count.value

    def distinct(self, field: str, query: Query | None = None, **fields: Any) -> list[Any]:
        """The different values of a field in the documents that match, the first seen first.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        complete = to_json(query_of(query, fields), "query")
        values: list[Any] = fetch(self, library.maquette_service_distinct, utf8(field, "field"), complete)
        return values

    def items(
        self,
        query: Query | None = None,
        *,
        sort: Mapping[str, int] | str | None = None,
        select: list[str] | None = None,
        **fields: Any,
    ) -> Documents:
        """All documents that match, however many: read when they are asked for, in bounded memory.

        >>> for note in notes.items(done=False).take(5): ...

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match. `sort` and `select` are as for `find`.
        """
        complete = query_of(query, fields, sort=sort, select=select)
        return Documents(self, library.maquette_service_items, complete)

    def __iter__(self) -> Iterator[Document]:
        return iter(self.items())

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True  # an empty service is a service

    # Writing

    @overload
    def create(self, documents: Mapping[str, Any]) -> Document: ...
    @overload
    def create(self, documents: Iterable[Mapping[str, Any]]) -> list[Document]: ...

    def create(self, documents: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Document | list[Document]:
        """Stores a document, or many: all of them, or none. Returns them as they are kept, with ids and dates.

        Raises `ConflictError` where there is a document of an id they bring, `BadShapeError` for an instance of another
        width than its dataset has, `NotFiniteError`.

        `documents` is one dictionary, or several.
        """
        stored: Document | list[Document] = fetch(
            self, library.maquette_service_create, one_or_many(documents, "document")
        )
        return stored

    def update(self, id: str, document: Mapping[str, Any]) -> Document:
        """Puts a document in the place of the one of that id; the id and `createdAt` stay. Returns it as it is kept."""
        text = to_json(object_of(document), "document")
        stored: Document = fetch(self, library.maquette_service_update, utf8(id, "id"), None, text)
        return stored

    @overload
    def patch(self, id: str, changes: Mapping[str, Any], query: Query | None = None, **fields: Any) -> Document: ...
    @overload
    def patch(
        self, id: None, changes: Mapping[str, Any], query: Query | None = None, **fields: Any
    ) -> list[Document]: ...

    def patch(
        self, id: str | None, changes: Mapping[str, Any], query: Query | None = None, **fields: Any
    ) -> Document | list[Document]:
        """Changes fields of a document; with the id None, of all that match. All of them, or none.

        >>> notes.patch(note["id"], {"done": True})
        >>> notes.patch(None, {"done": True}, tags="a")

        The fields given take the place of those of their names, whole; the others stay, and so do the id and
        `createdAt`. Returns what is kept: a document, or a list for the id None. Raises `NotFoundError`, and what
        `create` raises.

        `changes` is a dictionary of the fields. `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and
        `fields` are values they must have; without, all match.
        """
        text = to_json(object_of(changes, "the changes"), "changes")
        which = target(query, fields, id)
        patched: Document | list[Document] = fetch(
            self, library.maquette_service_patch, None if id is None else utf8(id, "id"), which, text
        )
        return patched

    @overload
    def remove(self, id: str, query: Query | None = None, **fields: Any) -> Document: ...
    @overload
    def remove(self, id: None, query: Query | None = None, **fields: Any) -> list[Document]: ...

    def remove(self, id: str | None, query: Query | None = None, **fields: Any) -> Document | list[Document]:
        """Removes a document; with the id None, all that match: `remove(None, {})` is everything.

        Returns what was there: a document, or a list for the id None. Raises `NotFoundError`.

        `query` is a condition on fields, `{"y": {"$in": ["1", "7"]}}`, and `fields` are values they must have; without,
        all match.
        """
        which = target(query, fields, id)
        removed: Document | list[Document] = fetch(
            self, library.maquette_service_remove, None if id is None else utf8(id, "id"), which
        )
        return removed

    # Watching

    @property
    def events(self) -> Stream[list[dict[str, Any]]]:
        """What happens to the documents: lists of `{"type": "created", "document": …}`, one for each call.

        The types are created, updated, patched, removed, and cleared: all documents, or those of a dataset, are gone.
        The stream holds no value.
        """
        return Stream(self, self._stream_handle(library.maquette_service_events), "events")

    def __repr__(self) -> str:
        if self.closed:
            return f"<Service {self.name} (closed)>"
        try:
            return f"<Service {self.name}: {self._state(self.count())}>"
        except MaquetteError as error:
            return f"<Service {self.name}: {error}>"

    def _repr_html_(self) -> str:
        return service_html(self)

    def _title(self) -> str:
        return f"Service {self.name}"

    def _state(self, count: int) -> str:
        return f"{count} document{'' if count == 1 else 's'} in {self.store.location}"
