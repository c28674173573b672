"""One model in several processes; versions of saved models; copies of a store."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy
import pytest
from conftest import PATIENCE, start
from members import share, until

import maquette


@pytest.mark.parametrize("kind", ["knn-classifier", "mlp-classifier"])
def test_three_processes_share_a_model_and_write_it_once_for_each_training(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "shared.db"
    share(f"sqlite:{path}", kind, 6)
    with sqlite3.connect(path) as connection:
        (writes,) = connection.execute("SELECT count(*) FROM maquette_changes WHERE service LIKE '%models'").fetchone()
    with maquette.Store(path) as store:
        assert (writes, len(store.models())) == (6, 1)


def test_a_training_just_before_the_exit_is_saved(tmp_path: Path) -> None:
    location = f"sqlite:{tmp_path / 'exit.db'}"
    process = start(
        """
        digits = Digits()
        store = maquette.Store(sys.argv[1])
        maquette.KNNClassifier().sync(store, "last").fit(digits.X, digits.y)
        """,
        location,
    )
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    with maquette.Store(location) as store, maquette.KNNClassifier() as model:
        model.load(store, "last")


def test_labels_follow_the_model_of_another(store: maquette.Store, blobs: Any) -> None:
    X, y = blobs
    with maquette.KNNClassifier().sync(store, "m") as first, maquette.KNNClassifier().sync(store, "m") as second:
        first.fit(X, y)
        first.flush_sync(PATIENCE)
        assert until(lambda: second.sync_status.value["status"] == "loaded")
        assert second.predict(X[0]).label == "red"
        first.fit(X, ["other " + label for label in y])
        assert until(lambda: second.predict(X[0]).label == "other red")
        second.unsync(PATIENCE)
        first.fit(X, y)
        first.flush_sync(PATIENCE)
        assert second.predict(X[0]).label == "other red"
        assert second.sync_status.value == {"status": "idle"}


def test_a_model_is_synced_once(store: maquette.Store) -> None:
    with maquette.KNNClassifier() as model:
        assert model.sync(store, "m", history=3) is model
        with pytest.raises(maquette.ConflictError, match="unsync"):
            model.sync(store, "n")
        model.unsync()
        with pytest.raises(maquette.InvalidArgumentError, match="history"):
            model.sync(store, "n", history=0)


def test_versions_are_kept_listed_and_removed(store: maquette.Store, trained: maquette.Model) -> None:
    assert store.models() == []
    ids = [trained.save(store, "m", {"round": round}, history=2) for round in range(4)]
    models = store.models("mlp-classifier")
    assert [model["id"] for model in models] == ids[:1:-1]
    assert models[0]["metadata"]["round"] == 3 and models[0]["kind"] == "mlp-classifier" and models[0]["size"] > 100
    with maquette.MLPClassifier() as other:
        other.load(store, ids[2])
        with pytest.raises(maquette.NotFoundError):
            other.load(store, ids[1])
    with pytest.raises(maquette.InvalidArgumentError):
        trained.save(store, "m", id=ids[3], history=2)
    assert [model["id"] for model in store.remove_models(ids[2])] == [ids[2]]
    assert [model["name"] for model in store.remove_models("m", kind="mlp-classifier")] == ["m"]
    assert store.models(name="m") == []
    with pytest.raises(maquette.NotFoundError):
        store.remove_models("m")


def test_a_damaged_model_is_told_from_a_good_one(tmp_path: Path, trained: maquette.Model) -> None:
    path = tmp_path / "damaged.db"
    with maquette.Store(path) as store:
        trained.save(store, "m")
    with sqlite3.connect(path) as connection:
        name, content = connection.execute("SELECT name, bytes FROM maquette_files WHERE name LIKE '%.bin'").fetchone()
        flipped = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
        connection.execute("UPDATE maquette_files SET bytes = ? WHERE name = ?", (flipped, name))
    connection.close()
    store, other = maquette.Store(path), maquette.MLPClassifier()
    with store, other, pytest.raises(maquette.BadFormatError, match="damaged"):
        other.load(store, "m")


def test_a_copy_is_a_store_of_one_moment(tmp_path: Path) -> None:
    with maquette.Store(tmp_path / "store.db") as store, store.dataset("d") as dataset:
        dataset.append(numpy.ones((2000, 4), "f4"), ["a"] * 2000)
        store.backup(tmp_path / "copy.db")
        dataset.clear()
    with maquette.Store(f"sqlite:{tmp_path / 'copy.db'}?check=full") as copy:
        assert len(copy.dataset("d")) == 2000
    with maquette.Store("memory:") as memory, pytest.raises(maquette.UnsupportedError):
        memory.backup(tmp_path / "other.db")


def test_a_damaged_file_is_found_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with maquette.Store(path) as store, store.dataset("d") as dataset:
        dataset.append(numpy.random.default_rng(1).random((2000, 32), "f4"), ["a"] * 2000)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 16384):
        content[place] = 0xAA
    path.write_bytes(content)
    for check in ("quick", "full"):
        with pytest.raises(maquette.BadFormatError, match="damaged"):
            maquette.Store(f"sqlite:{path}?check={check}")
    with pytest.raises(maquette.InvalidArgumentError, match="check=quick"):
        maquette.Store(f"sqlite:{path}?check=a-bit")
    maquette.Store(path).close()


def test_changes_of_another_process_arrive(tmp_path: Path) -> None:
    location = f"sqlite:{tmp_path / 'store.db'}"
    with maquette.Store(location) as store, store.dataset("d") as dataset:
        queue = dataset.changes.queue()
        counts = dataset.counts.queue()
        process = start(
            """
            dataset = maquette.Store(sys.argv[1]).dataset("d")
            dataset.append(numpy.ones((3, 2), "f4"), ["a", "b", "c"])
            dataset.remove(dataset.find(y="b")[0]["id"])
            dataset.clear()
            """,
            location,
        )
        seen: list[tuple[str, str]] = []
        while ("dataset", "cleared") not in seen:
            for change in queue.get(PATIENCE):
                seen.append((change["level"], change["type"]))
        assert seen[0] == ("dataset", "created")
        assert seen[1:] == [("instance", "created")] * 3 + [("instance", "removed"), ("dataset", "cleared")]
        assert until(lambda: counts.get(PATIENCE) == 0 and len(dataset) == 0)
        process.communicate(timeout=PATIENCE)
