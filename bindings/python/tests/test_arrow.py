"""Datasets as Arrow record batches, and out of them."""

from __future__ import annotations

import ctypes
import gc

import numpy
import pytest

import maquette
from maquette import _arrow
from maquette._library import ArrowStream

pyarrow = pytest.importorskip("pyarrow")


@pytest.fixture
def filled(dataset: maquette.Dataset) -> maquette.Dataset:
    X = numpy.arange(10_000 * 3, dtype=numpy.float32).reshape(10_000, 3)
    dataset.append(X, [None if n % 10 == 0 else f"label {n % 3}" for n in range(10_000)])
    return dataset


def test_a_dataset_is_a_table(filled: maquette.Dataset) -> None:
    table = pyarrow.table(filled)
    table.validate(full=True)
    assert table.column_names == ["id", "x", "y"]
    assert table.num_rows == 10_000
    features, codes, labels = filled.to_arrays()
    x = table["x"].combine_chunks()
    assert x.type.list_size == 3
    assert numpy.array_equal(x.flatten().to_numpy().reshape(-1, 3), features)
    assert table["y"].to_pylist() == [None if code < 0 else labels[code] for code in codes]
    assert table["id"].to_pylist()[:200] == [instance["id"] for instance in filled.find(limit=200)]
    assert len(table["x"].chunks) > 1


def test_a_table_is_a_dataset_again(store: maquette.Store, filled: maquette.Dataset) -> None:
    with store.dataset("copy") as copy:
        assert copy.append_arrow(pyarrow.table(filled)) == 10_000
        assert numpy.array_equal(copy.to_arrays()[0], filled.to_arrays()[0])
        assert [i.get("y") for i in copy] == [i.get("y") for i in filled]
        copy.clear()
        # Straight from one to the other, without any table.
        assert copy.append_arrow(filled) == 10_000
        assert copy.count(y="label 1") == filled.count(y="label 1")


def test_the_features_are_not_copied(filled: maquette.Dataset) -> None:
    reader = pyarrow.RecordBatchReader.from_stream(filled)
    batch = reader.read_next_batch()
    values = batch["x"].flatten()
    array = values.to_numpy(zero_copy_only=True)
    filled.clear()
    del reader, batch
    gc.collect()
    assert array[:6].tolist() == [0, 1, 2, 3, 4, 5]


def test_columns_of_every_type_are_features(dataset: maquette.Dataset) -> None:
    columns = {
        name: pyarrow.array([0, 1, 100], getattr(pyarrow, name)())
        for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
    }
    columns["half"] = pyarrow.array(numpy.array([0.5, -2, 6e-8], numpy.float16))
    columns["boolean"] = pyarrow.array([True, False, True])
    columns["text"] = pyarrow.array(["is", "left", "out"])
    table = pyarrow.table(columns)
    assert dataset.append_arrow(table) == 3
    features, _, _ = dataset.to_arrays()
    assert features.shape == (3, 12)
    assert numpy.array_equal(features[:, :10], numpy.array([[0] * 10, [1] * 10, [100] * 10], "f4"))
    assert features[:, 10].tolist() == numpy.array([0.5, -2, 6e-8], numpy.float16).astype("f4").tolist()
    assert features[:, 11].tolist() == [1, 0, 1]
    # A slice begins inside of its buffers.
    dataset.clear()
    assert dataset.append_arrow(table.slice(1, 2)) == 2
    assert numpy.array_equal(dataset.to_arrays()[0], features[1:])


@pytest.mark.parametrize(
    "labels",
    [
        lambda: pyarrow.array(["a", None, "long enough to lie elsewhere", "a"]),
        lambda: pyarrow.array(["a", None, "long enough to lie elsewhere", "a"], pyarrow.large_string()),
        lambda: pyarrow.array(["a", None, "long enough to lie elsewhere", "a"], pyarrow.string_view()),
        lambda: pyarrow.array(["a", None, "long enough to lie elsewhere", "a"]).dictionary_encode(),
    ],
)
def test_labels_are_texts_of_every_kind(dataset: maquette.Dataset, labels) -> None:
    table = pyarrow.table({"a": [1.0, 2.0, 3.0, 4.0], "kind": labels()})
    dataset.append_arrow(table.slice(0, 3), label="kind")
    dataset.append_arrow(table.slice(3), label=-1)
    assert [i.get("y") for i in dataset] == ["a", None, "long enough to lie elsewhere", "a"]


def test_whole_numbers_and_booleans_are_labels_and_floats_targets(store: maquette.Store) -> None:
    for y, expected in (([3, None], ["3", None]), ([True, False], ["true", "false"])):
        with store.dataset(f"labels {y}") as dataset:
            dataset.append_arrow(pyarrow.table({"a": [1.0, 2.0], "y": y}))
            assert [i.get("y") for i in dataset] == expected
    with store.dataset("numbers") as numbers, store.dataset("more") as more:
        numbers.append_arrow(pyarrow.table({"a": [1.0, 2.0], "y": [0.5, 1.5]}))
        assert numbers.targets().tolist() == [[0.5], [1.5]]
        assert pyarrow.table(numbers)["y"].to_pylist() == [0.5, 1.5]
        more.append_arrow(pyarrow.table({"x": [[1.0, 2.0], [3.0, 4.0]], "y": [[5, 6], [7, 8]]}))
        assert more.targets().tolist() == [[5, 6], [7, 8]]
        assert pyarrow.table(more)["y"].to_pylist() == [[5, 6], [7, 8]]
        assert pyarrow.table(more)["x"].to_pylist() == [[1, 2], [3, 4]]


def test_what_can_not_be_is_refused(dataset: maquette.Dataset) -> None:
    cases = [
        ({"a": [1.0, None]}, {}, maquette.BadFormatError, "row 1"),
        ({"x": [[1.0], None]}, {}, maquette.BadFormatError, "row 1"),
        ({"x": [[1.0, 2.0], [1.0, None]]}, {}, maquette.BadFormatError, "row 1"),
        ({"x": [[1.0, 2.0], [1.0]]}, {}, maquette.BadShapeError, "row 1"),
        ({"a": [1.0, float("nan")]}, {}, maquette.NotFiniteError, "row 1"),
        ({"a": ["x"]}, {}, maquette.BadShapeError, "no column of numbers"),
        ({"a": ["x"]}, {"features": ["a"]}, maquette.BadFormatError, "texts"),
        ({"a": [1.0]}, {"label": "z"}, maquette.NotFoundError, "z"),
        ({"a": [1.0]}, {"features": ["a", 0]}, maquette.InvalidArgumentError, "twice"),
        ({"a": [1.0], "b": [1.5]}, {"label": "b"}, maquette.BadFormatError, "label"),
        ({"a": [1.0], "b": [1.5]}, {"label": "b", "targets": ["a"]}, maquette.InvalidArgumentError, "both"),
        ({"a": [[1.0]], "b": [1.5]}, {"features": ["a", "b"]}, maquette.BadFormatError, "single"),
    ]
    for columns, options, kind, words in cases:
        with pytest.raises(kind, match=words):
            dataset.append_arrow(pyarrow.table(columns), **options)
    with pytest.raises(TypeError, match="arrow_c_stream"):
        dataset.append_arrow([[1, 2]])
    assert len(dataset) == 0


def test_a_producer_that_fails_fails_the_import(dataset: maquette.Dataset) -> None:
    schema = pyarrow.schema([("a", pyarrow.float32())])

    def batches():
        yield pyarrow.record_batch({"a": pyarrow.array([1, 2], pyarrow.float32())})
        raise RuntimeError("the source is gone")

    with pytest.raises(OSError, match=r"behind 2 rows.*source is gone"):
        dataset.append_arrow(pyarrow.RecordBatchReader.from_batches(schema, batches()))
    assert len(dataset) == 2


def test_an_empty_dataset_is_an_empty_table(dataset: maquette.Dataset) -> None:
    assert pyarrow.table(dataset).num_rows == 0
    assert dataset.append_arrow(pyarrow.table(dataset)) == 0
    assert dataset.append_arrow(pyarrow.table({"a": pyarrow.array([], pyarrow.float32())})) == 0


def test_a_stream_that_nobody_takes_is_freed(filled: maquette.Dataset) -> None:
    before = len(_arrow._streams)
    capsule = filled.__arrow_c_stream__()
    assert len(_arrow._streams) == before + 1
    del capsule
    gc.collect()
    assert len(_arrow._streams) == before
    released = ArrowStream()
    with pytest.raises(maquette.InvalidArgumentError, match="released"):
        filled._call(maquette._library.library.maquette_dataset_import_arrow, ctypes.byref(released), None, None)


def test_polars_and_pandas_take_it_and_give_it(store: maquette.Store, filled: maquette.Dataset) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(filled)
    assert frame.shape == (10_000, 3)
    with store.dataset("polars") as copy:
        assert copy.append_arrow(frame) == 10_000
        assert copy.count(y="label 2") == filled.count(y="label 2")
        copy.clear()
        made = polars.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "kind": ["one", "a longer text than twelve"]})
        assert copy.append_arrow(made, label="kind") == 2
        assert [i["y"] for i in copy] == ["one", "a longer text than twelve"]
    pandas = pytest.importorskip("pandas")
    with store.dataset("pandas") as copy:
        made = pandas.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "kind": ["one", None]})
        assert copy.append_arrow(made, label="kind") == 2
        assert copy.shape == (2, 2)
    assert pyarrow.table(filled).to_pandas().shape == (10_000, 3)
