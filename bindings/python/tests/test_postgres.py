"""A store on a PostgreSQL server; `make test` starts one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import numpy
import pytest
from members import share, until

import maquette

SERVER = os.environ.get("MAQUETTE_TEST_POSTGRES", "")


@pytest.fixture
def location() -> Iterator[str]:
    if not SERVER:
        pytest.skip("there is no server: run `make test`, or `tools/with-postgres.sh pytest`")
    separator = "&" if "?" in SERVER else "?"
    yield f"{SERVER}{separator}schema=python_{secrets.token_hex(8)}"


def test_a_model_learns_from_a_dataset_there_and_is_kept_there(location: str) -> None:
    rows = numpy.random.default_rng(1).normal(size=(60, 4)).astype("f4")
    rows[::2] += 5
    labels = numpy.where(numpy.arange(60) % 2 == 0, "far", "near")
    with maquette.Store(location) as store:
        dataset = store.dataset("training")
        dataset.append(rows, labels)
        model = maquette.KNNClassifier()
        model.train(dataset)
        model.wait()
        model.save(store, "mine")
    with maquette.Store(location) as store:
        assert store.dataset("training").count() == 60
        model = maquette.KNNClassifier()
        model.load(store, "mine")
        assert model.predict(rows[0]).label == "far"


def test_three_processes_share_a_model_and_write_it_once_for_each_training(location: str) -> None:
    writes: list[str] = []
    with maquette.Store(location) as store, store.service("knn-classifier-models") as models:
        models.events.subscribe(lambda events: writes.extend(event["type"] for event in events))
        share(location, "knn-classifier", 6)
        # What they have written is told in its order: this comes behind it.
        models.create({"name": "the end"})
        assert until(lambda: len(writes) > 6)
        assert writes == ["created"] + 5 * ["updated"] + ["created"]


def test_nobody_there_is_an_error_that_keeps_the_password(location: str) -> None:
    with pytest.raises(OSError, match="could not open") as caught:
        maquette.Store("postgresql://me:hidden@127.0.0.1:1/database")
    assert "hidden" not in str(caught.value)
