"""Stores on a server: nothing but the location is another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy
import pytest
from conftest import PATIENCE, Digits
from feathers import Backend, backend

import maquette


@pytest.fixture
def server() -> Iterator[Backend]:
    with backend() as server:
        yield server


def test_a_model_is_trained_saved_and_loaded_through_a_server(server: Backend, digits: Digits) -> None:
    X, y = digits.X[:300], digits.y[:300]
    with maquette.Store(server.location) as store, store.dataset("digits") as dataset:
        dataset.append(X, y)
        assert len(dataset) == 300
        model = maquette.KNNClassifier()
        model.fit(dataset)
        model.save(store, "digits")
        expected = model.predict(digits.X_test[0]).label
    with maquette.Store(server.location) as store:
        loaded = maquette.KNNClassifier()
        loaded.load(store, "digits")
        assert loaded.predict(digits.X_test[0]).label == expected
        with store.dataset("digits") as dataset:
            numpy.testing.assert_array_equal(numpy.array(next(iter(dataset))["x"], "f4"), X[0])


def test_documents_on_a_server_are_documents_like_others(server: Backend) -> None:
    with maquette.Store(server.location) as store, store.service("notes") as service:
        made = service.create([{"n": n, "kind": "even" if n % 2 == 0 else "odd"} for n in range(120)])
        assert [document["n"] for document in service.find({"kind": "odd", "n": {"$gte": 100}})] == [
            *range(101, 120, 2)
        ]
        assert service.count(kind="even") == 60
        assert len(list(service)) == 120
        assert service.patch(made[5]["id"], {"kind": "prime"})["kind"] == "prime"
        assert service.remove(made[5]["id"])["n"] == 5
        with pytest.raises(maquette.NotFoundError):
            service.get(made[5]["id"])


def test_what_others_do_on_a_server_arrives(server: Backend) -> None:
    with (
        maquette.Store(server.location + "?poll=10") as ours,
        maquette.Store(server.location) as theirs,
        ours.dataset("d") as watched,
        theirs.dataset("d") as written,
        watched.counts.queue() as counts,
    ):
        written.append(numpy.zeros((3, 2), "f4"), ["a", "b", "a"])
        while (count := counts.get(timeout=PATIENCE)) != 3:
            assert count == 0


def test_a_token_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with backend(token="s3cret") as server:
        with pytest.raises(maquette.StoreIOError, match="token-from"):
            maquette.Store(server.location)
        monkeypatch.setenv("MAQUETTE_TEST_TOKEN", "s3cret")
        with maquette.Store(server.location + "?token-from=MAQUETTE_TEST_TOKEN") as store:
            assert store.service("notes").create({"n": 1})["n"] == 1


def test_a_server_that_is_not_there_is_an_error() -> None:
    with backend() as server:
        location = server.location
    with pytest.raises(maquette.StoreIOError, match="can't be reached"):
        maquette.Store(location + "?timeout=2000")


def test_without_libcurl_the_error_says_what_to_install() -> None:
    script = "import maquette; maquette.Store('http://127.0.0.1:9')"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "MAQUETTE_LIBCURL": "libno-such-curl.so.4"},
        text=True,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "UnsupportedError" in result.stderr
    assert "libcurl4" in result.stderr
