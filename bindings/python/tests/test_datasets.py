from __future__ import annotations

import queue
import threading
from pathlib import Path

import numpy
import pytest
from conftest import PATIENCE

import maquette


def test_instances_come_back_as_they_were_appended(dataset: maquette.Dataset, blobs) -> None:
    X, y = blobs
    dataset.append(X, y)
    assert len(dataset) == dataset.count() == 60
    assert dataset.shape == (60, 3)
    assert dataset.labels == dataset.distinct("y") == ["red", "green", "blue"]
    features, codes, labels = dataset.to_arrays()
    assert features.dtype == numpy.float32
    assert codes.dtype == numpy.int32
    assert numpy.array_equal(features, X)
    assert [labels[code] for code in codes] == y


def test_an_empty_dataset_is_empty_but_true(dataset: maquette.Dataset) -> None:
    assert len(dataset) == 0
    assert bool(dataset)
    assert dataset.shape == (0, 0)
    features, codes, labels = dataset.to_arrays()
    assert features.shape == (0, 0)
    assert (codes.tolist(), labels, dataset.labels, list(dataset)) == ([], [], [], [])


def test_one_instance_is_created_read_and_removed(dataset: maquette.Dataset) -> None:
    made = dataset.create({"x": numpy.array([0.5, 2]), "y": "left", "note": "ünïcode", "tags": ("a", 1)})
    assert made["x"] == [0.5, 2]
    assert (made["y"], made["note"], made["tags"], made["datasetName"]) == ("left", "ünïcode", ["a", 1], "points")
    assert {"id", "createdAt", "updatedAt"} <= made.keys()
    assert dataset.get(made["id"]) == made
    assert dataset.remove(made["id"]) == made
    assert len(dataset) == 0
    for missing in (dataset.get, dataset.remove):
        with pytest.raises(maquette.NotFoundError) as caught:
            missing(made["id"])
        assert caught.value.name == made["id"]


def test_find_filters_sorts_selects_and_pages(dataset: maquette.Dataset, blobs) -> None:
    dataset.append(*blobs)
    page = dataset.find(y="green", limit=5, skip=2)
    assert [instance["y"] for instance in page] == ["green"] * 5
    assert (page.total, page.limit, page.skip) == (20, 5, 2)
    assert len(dataset.find()) == 60
    assert dataset.find({"y": "green"}, limit=0).total == 20
    assert dataset.find({"y": "pink"}) == []
    ordered = dataset.find(sort="-y", limit=30)
    assert [instance["y"] for instance in ordered] == ["red"] * 20 + ["green"] * 10
    assert [i["y"] for i in dataset.find(sort={"y": 1}, limit=1)] == ["blue"]
    assert dataset.find(select=["y"], limit=1)[0].keys() <= {"y", "id"}


def test_all_instances_are_iterated_however_many(dataset: maquette.Dataset) -> None:
    dataset.append(numpy.arange(1034, dtype=numpy.float32).reshape(517, 2), ["odd", *["even", "odd"] * 258])
    assert [instance["x"][0] for instance in dataset] == [2.0 * row for row in range(517)]
    assert sum(1 for _ in dataset.instances(y="odd")) == 259
    assert sum(1 for _ in dataset.instances({"y": "even"})) == 258


def test_clear_removes_all_of_this_dataset_and_no_other(store: maquette.Store, blobs) -> None:
    with store.dataset("one") as one, store.dataset("two") as two:
        one.append(*blobs)
        two.append(*blobs)
        one.clear()
        assert (len(one), len(two)) == (0, 60)


def test_another_width_is_refused_and_nothing_added(dataset: maquette.Dataset, blobs) -> None:
    dataset.append(*blobs)
    with pytest.raises(maquette.BadShapeError):
        dataset.append(numpy.zeros((2, 4)), ["a", "b"])
    with pytest.raises(maquette.BadShapeError):
        dataset.create({"x": [1, 2], "y": "red"})
    assert len(dataset) == 60


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf, -numpy.inf, 1e300])
def test_a_feature_that_is_not_finite_is_refused_and_nothing_added(dataset: maquette.Dataset, bad: float) -> None:
    rows = numpy.zeros((3, 2))
    rows[1, 1] = bad
    with pytest.raises(maquette.NotFiniteError):
        dataset.append(rows, ["a", "b", "c"])
    with pytest.raises(maquette.NotFiniteError):
        dataset.create({"x": [0, bad], "y": "a"})
    assert len(dataset) == 0


@pytest.mark.parametrize("type", [numpy.float32, numpy.float64, numpy.int32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_many_megabytes_come_back_as_they_were_appended(dataset: maquette.Dataset, type: type, order: str) -> None:
    # More than one thread takes part in copying them.
    rows = numpy.arange(40_001 * 65).reshape(40_001, 65).astype(type, order=order)
    dataset.append(rows, [f"label {row % 3}" for row in range(len(rows))])
    features, codes, labels = dataset.to_arrays()
    assert numpy.array_equal(features, rows.astype(numpy.float32))
    assert (codes == numpy.arange(len(rows)) % 3).all()


def test_of_many_megabytes_the_first_feature_that_is_not_finite_is_told(dataset: maquette.Dataset) -> None:
    rows = numpy.zeros((40_001, 65), numpy.float32)
    for row, column in ((40_000, 64), (20_000, 1), (20_000, 3)):
        rows[row, column] = numpy.nan
    with pytest.raises(maquette.NotFiniteError, match="row 20000, column 1 "):
        dataset.append(rows)
    assert len(dataset) == 0


def test_no_rows_are_refused(dataset: maquette.Dataset) -> None:
    with pytest.raises(maquette.NoRowsError):
        dataset.append(numpy.zeros((0, 3)), [])


def test_what_is_no_instance_is_refused(dataset: maquette.Dataset) -> None:
    with pytest.raises(TypeError, match="dictionary"):
        dataset.create([1, 2])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="JSON"):
        dataset.create({"x": [1.0], "y": object()})
    with pytest.raises(maquette.InvalidArgumentError):
        dataset.find({"$nonsense": 1})
    with pytest.raises(TypeError, match="id must be text"):
        dataset.get(5)  # type: ignore[arg-type]
    assert len(dataset) == 0


def test_an_instance_without_features_is_kept_but_not_learned(dataset: maquette.Dataset) -> None:
    dataset.append([[1.0, 2.0], [2.0, 1.0]], ["a", "b"])
    odd = dataset.create({"y": "a", "note": "no features yet"})
    assert len(dataset) == 3
    assert dataset.shape == (3, 2)
    for use in (dataset.to_arrays, lambda: maquette.KNNClassifier().fit(dataset)):
        with pytest.raises(maquette.BadShapeError) as caught:
            use()
        assert odd["id"] in str(caught.value)


def test_an_id_can_be_given_once(dataset: maquette.Dataset) -> None:
    made = dataset.create({"x": [1.0], "y": "a"})
    with pytest.raises(maquette.ConflictError):
        dataset.create({"x": [1.0], "y": "a", "id": made["id"]})
    assert len(dataset) == 1


def test_counts_and_changes_are_streams(dataset: maquette.Dataset) -> None:
    counts: queue.Queue[int] = queue.Queue()
    dataset.counts.subscribe(counts.put)
    changes: queue.Queue[list] = queue.Queue()
    dataset.changes.subscribe(changes.put)
    assert counts.get(timeout=PATIENCE) == 0
    assert changes.get(timeout=PATIENCE) == [{"level": "dataset", "type": "created"}]
    made = dataset.create({"x": [1.0], "y": "a"})
    assert counts.get(timeout=PATIENCE) == 1 == dataset.counts.value
    change = changes.get(timeout=PATIENCE)[0]
    assert (change["level"], change["type"], change["data"]["id"]) == ("instance", "created", made["id"])
    dataset.remove(made["id"])
    assert counts.get(timeout=PATIENCE) == 0
    assert changes.get(timeout=PATIENCE)[0]["type"] == "removed"
    with pytest.raises(maquette.NotHeldError):
        dataset.changes.value  # noqa: B018
    with pytest.raises(maquette.ReadOnlyError):
        dataset.counts.set(5)


def test_reading_while_another_thread_appends(store: maquette.Store) -> None:
    with store.dataset("busy") as dataset:
        stop = threading.Event()

        def append() -> None:
            for _ in range(100):
                if stop.is_set():
                    return
                dataset.append(numpy.ones((5, 2)), ["a", "b", "a", "b", "a"])

        thread = threading.Thread(target=append)
        thread.start()
        try:
            for _ in range(50):
                X, codes, labels = dataset.to_arrays()
                assert len(X) == len(codes)
                assert len(X) % 5 == 0
                assert labels in ([], ["a", "b"])
        finally:
            stop.set()
            thread.join()


def test_two_handles_of_one_dataset_see_the_same(store: maquette.Store, blobs) -> None:
    with store.dataset("points") as one, maquette.Dataset(store, "points") as two:
        seen: queue.Queue[int] = queue.Queue()
        two.counts.subscribe(seen.put)
        assert seen.get(timeout=PATIENCE) == 0
        one.append(*blobs)
        assert seen.get(timeout=PATIENCE) == 60 == len(two)


def test_a_file_keeps_its_instances(tmp_path: Path, blobs) -> None:
    with maquette.Store(tmp_path / "kept.db") as store, store.dataset("points") as dataset:
        dataset.append(*blobs)
        before = dataset.to_arrays()
    with maquette.Store(f"sqlite:{tmp_path / 'kept.db'}") as store, store.dataset("points") as dataset:
        after = dataset.to_arrays()
    assert numpy.array_equal(before[0], after[0])
    assert numpy.array_equal(before[1], after[1])
    assert before[2] == after[2]


def test_a_dataset_outlives_its_store_s_handle(blobs) -> None:
    store = maquette.Store()
    dataset = store.dataset("points")
    store.close()
    dataset.append(*blobs)
    assert len(dataset) == 60
    with pytest.raises(maquette.BadHandleError, match="this Store is closed"):
        store.dataset("more")


def test_closing_twice_is_fine_and_using_it_afterwards_is_an_error(dataset: maquette.Dataset) -> None:
    dataset.close()
    dataset.close()
    assert dataset.closed
    uses = [
        lambda: len(dataset),
        lambda: dataset.append([[1.0]], ["a"]),
        lambda: dataset.counts,
        lambda: dataset.find(),
        lambda: dataset.to_arrays(),
        lambda: dataset.labels,
        lambda: maquette.KNNClassifier().train(dataset),
    ]
    for use in uses:
        with pytest.raises(maquette.BadHandleError):
            use()


def test_a_store_or_dataset_says_what_it_is(tmp_path: Path, blobs) -> None:
    with maquette.Store() as store, store.dataset("points") as dataset:
        dataset.append(*blobs)
        assert repr(store) == "<Store memory:>"
        assert repr(dataset) == "<Dataset points: 60 instances, 3 labels, in memory:>"
        dataset.close()
        assert repr(dataset) == "<Dataset points (closed)>"
    assert repr(store) == "<Store memory: (closed)>"


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("", maquette.MaquetteError),
        ("nonsense", maquette.MaquetteError),
        ("postgres:localhost", maquette.UnsupportedError),
        ("sqlite:/nowhere/at/all/store.db", maquette.StoreIOError),
        ("sqlite:/proc/store.db", maquette.StoreIOError),
        ("sqlite:/", maquette.MaquetteError),
        ("sqlite:", maquette.MaquetteError),
        ("memory:\0", maquette.BadTextError),
    ],
)
def test_a_store_that_can_t_be_opened_is_an_error(location: str, error: type) -> None:
    with pytest.raises(error):
        maquette.Store(location)


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("just text, and more of it than a header has\n" * 100)
    with pytest.raises(maquette.NotAStoreError):
        maquette.Store(file)
    assert file.read_text().startswith("just text")


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table guests (name text)")
    connection.close()
    with pytest.raises(maquette.NotAStoreError):
        maquette.Store(path)


def test_an_empty_name_is_refused(store: maquette.Store) -> None:
    with pytest.raises(maquette.InvalidArgumentError):
        store.dataset("")


def test_images_are_appended_with_their_shape_and_take_a_byte_for_each_number(tmp_path: Path) -> None:
    generator = numpy.random.default_rng(1)
    images = generator.integers(0, 256, (400, 8, 8, 3), numpy.uint8)
    sizes = {}
    for name, given in (("bytes", images), ("floats", images.astype(numpy.float32))):
        path = tmp_path / f"{name}.db"
        with maquette.Store(path) as store, store.dataset("images") as dataset:
            dataset.append(given, [n % 2 for n in range(400)])
            dataset.append_targets(given[:10], numpy.ones((10, 2)))
            assert dataset.shape == (410, 192)
            assert numpy.array_equal(dataset.to_arrays()[0][:400], images.reshape(400, -1))
            assert dataset.find(limit=1)[0]["x"] == images[0].tolist()
            assert dataset.find(limit=1, skip=405)[0]["y"] == [1, 1]
            # Seen from the end, or turned around: the strides are as good as any.
            dataset.append(given[::-1, :, ::-1])
            assert dataset.find(limit=1, skip=410)[0]["x"] == images[-1][:, ::-1].tolist()
            with pytest.raises(maquette.BadShapeError):
                dataset.append(given[:, :4])
        sizes[name] = path.stat().st_size
    assert sizes["bytes"] < 0.6 * sizes["floats"]
