"""A Marcelle backend small enough for tests: Feathers over HTTP, documents in memory.

What the server of the Swift tests answers in every detail is here as far as the tests of Python need it.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Document = dict[str, Any]


class Backend(ThreadingHTTPServer):
    """A server on a free port of this machine."""

    daemon_threads = True

    def __init__(self, token: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.token = token
        self.services: dict[str, list[Document]] = {}
        self.ids = (f"65a1b2c3{number:016x}" for number in itertools.count(1))
        self.lock = threading.Lock()

    @property
    def location(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def backend(token: str | None = None) -> Iterator[Backend]:
    server = Backend(token)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Refusal(Exception):
    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.document = {"name": name, "message": message, "code": code, "className": name.lower(), "errors": {}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
                raise Refusal(401, "NotAuthenticated", "Not authenticated")
            with self.server.lock:
                answer: Any = self.answer(json.loads(body) if body else None)
            code = 201 if self.command == "POST" else 200
        except Refusal as refusal:
            answer, code = refusal.document, refusal.document["code"]
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

    def answer(self, body: Any) -> Any:
        url = urlsplit(self.path)
        name, *rest = [unquote(step) for step in url.path.strip("/").split("/")]
        if name == "info":
            return {"services": list(self.server.services)}
        if len(rest) > 1 or rest == ["upload"]:
            raise Refusal(404, "NotFound", "Page not found")
        documents = self.server.services.setdefault(name, [])
        query = parse_qsl(url.query, keep_blank_values=True)
        found = [document for document in documents if matches(document, query)]
        if rest:
            found = [document for document in found if document["_id"] == rest[0]]
            if not found:
                raise Refusal(404, "NotFound", f"No record found for id '{rest[0]}'")
        match self.command:
            case "GET":
                return found[0] if rest else page(found, query)
            case "POST":
                made = [self.create(document, documents) for document in (body if isinstance(body, list) else [body])]
                return made if isinstance(body, list) else made[0]
            case "PUT":
                place = documents.index(found[0])
                documents[place] = {**body, "_id": rest[0], "updatedAt": now()}
                return documents[place]
            case "PATCH":
                for document in found:
                    document.update(body, _id=document["_id"], updatedAt=now())
            case _:
                gone = [id(document) for document in found]
                documents[:] = [document for document in documents if id(document) not in gone]
        return found[0] if rest else found

    def create(self, given: Document, documents: list[Document]) -> Document:
        document = {**given, "_id": given.get("_id") or next(self.server.ids), "createdAt": now(), "updatedAt": now()}
        if any(other["_id"] == document["_id"] for other in documents):
            raise Refusal(409, "Conflict", "the id is taken")
        documents.append(document)
        return document


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def matches(document: Document, query: list[tuple[str, str]]) -> bool:
    """Whether a document has the texts asked for: one, one of a list (``field[$in][]``), a date (``field[$gte]``)."""
    lists: dict[str, list[str]] = {}
    for name, value in query:
        if name.endswith("[$in][]"):
            lists.setdefault(name.removesuffix("[$in][]"), []).append(value)
        elif name.endswith("[$gte]"):
            if document[name.removesuffix("[$gte]")] < value:
                return False
        elif not name.startswith("$") and document.get(name) != value:
            return False
    return all(document.get(name) in values for name, values in lists.items())


def page(found: list[Document], query: list[tuple[str, str]]) -> Document:
    settings = dict(query)
    keys = [(name[6:-1], value) for name, value in query if name.startswith("$sort[")]
    for field, direction in reversed(keys):
        found.sort(key=lambda document: document.get(field, ""), reverse=direction == "-1")
    limit, skip = min(int(settings.get("$limit", 10)), 50), int(settings.get("$skip", 0))
    return {"total": len(found), "limit": limit, "skip": skip, "data": found[skip : skip + limit]}
