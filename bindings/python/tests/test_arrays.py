"""What is taken for features and labels, and what is refused."""

from __future__ import annotations

import array

import numpy
import pytest

import maquette
from maquette import _arrays


@pytest.fixture
def points():
    with maquette.Store() as store, store.dataset("points") as dataset:
        yield dataset


VALUES = numpy.array([[0, 1, 2], [3, 4, 5], [250, 7, 8], [9, 10, 11]])


@pytest.mark.parametrize(
    "dtype", ["f4", "f8", "u1", "i4", "i8", "f2", "i2", "u2", "u4", "u8", "g", ">f4", ">i4", ">f8", "q", "l"]
)
def test_features_of_any_number_type_arrive(points: maquette.Dataset, dtype: str) -> None:
    points.append(VALUES.astype(dtype))
    assert numpy.array_equal(points.to_arrays()[0], VALUES)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i4", "i8"])
def test_the_library_s_own_types_are_not_copied(dtype: str) -> None:
    values = VALUES.astype(dtype)
    assert _arrays.rows_of_numbers(values, "X") is values
    assert _arrays.matrix_of(values).data == values.ctypes.data


def test_booleans_and_signed_bytes_arrive(points: maquette.Dataset) -> None:
    points.append(VALUES > 4)
    points.append((VALUES - 100).clip(-128, 127).astype("i1"))
    X, _, _ = points.to_arrays()
    assert numpy.array_equal(X[:4], VALUES > 4)
    assert numpy.array_equal(X[4:], (VALUES - 100).clip(-128, 127))


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.T.copy().T,
        lambda a: numpy.repeat(a, 2, axis=1)[:, ::2],
        lambda a: numpy.repeat(a, 3, axis=0)[::3],
        lambda a: a[::-1].copy()[::-1],
        lambda a: a[:, ::-1].copy()[:, ::-1],
        lambda a: numpy.lib.stride_tricks.as_strided(a.copy(), a.shape, a.strides),
        lambda a: numpy.asfortranarray(a),
        lambda a: numpy.frombuffer(b"x" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
        lambda a: numpy.require(a, requirements=[]),
    ],
    ids=["transposed", "columns", "rows", "upside down", "mirrored", "strided", "fortran", "unaligned", "plain"],
)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i8"])
def test_strides_are_respected(points: maquette.Dataset, view, dtype: str) -> None:
    viewed = view(VALUES.astype(dtype))
    points.append(viewed)
    assert numpy.array_equal(points.to_arrays()[0], VALUES)


def test_broadcast_rows_whose_stride_is_0_arrive(points: maquette.Dataset) -> None:
    row = numpy.array([1, 2, 3], numpy.float32)
    points.append(numpy.broadcast_to(row, (5, 3)))
    points.append(numpy.broadcast_to(numpy.arange(4, dtype="f4")[:, None], (4, 3)))
    X, _, _ = points.to_arrays()
    assert numpy.array_equal(X[:5], numpy.broadcast_to(row, (5, 3)))
    assert numpy.array_equal(X[5:], numpy.broadcast_to(numpy.arange(4)[:, None], (4, 3)))


def test_lists_read_only_arrays_and_other_buffers_are_taken(points: maquette.Dataset) -> None:
    points.append([[1, 2], [3.5, 4]])
    frozen = numpy.array([[5, 6]], numpy.float32)
    frozen.flags.writeable = False
    points.append(frozen)
    points.append(memoryview(array.array("d", [7, 8])).cast("B").cast("d", [1, 2]))

    class Tensor:
        __array_interface__ = frozen.__array_interface__

    points.append(Tensor())
    assert points.to_arrays()[0].tolist() == [[1, 2], [3.5, 4], [5, 6], [7, 8], [5, 6]]


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (numpy.zeros(5), "for one row of 5 features pass X[None, :]"),
        (numpy.float32(1), "shape (rows, features)"),
        ([[1, 2], [3]], "rows of equal length"),
    ],
)
def test_another_number_of_dimensions_is_refused_with_a_hint(points: maquette.Dataset, values, hint: str) -> None:
    with pytest.raises(maquette.BadShapeError, match=r".") as caught:
        points.append(values)
    assert hint in str(caught.value)
    assert len(points) == 0


def test_a_model_learns_rows_and_says_how_to_make_them() -> None:
    with pytest.raises(maquette.BadShapeError, match=r"X\.reshape\(len\(X\), -1\)"):
        maquette.KNNClassifier().fit(numpy.zeros((2, 3, 3)), ["a", "b"])


@pytest.mark.parametrize(
    "values", [[["1", "2"]], [[1j, 2]], [[None, 1]], numpy.array([["2020-01-01"]], "M8[D]"), numpy.array([[b"x"]])]
)
def test_what_is_no_number_is_refused(points: maquette.Dataset, values) -> None:
    with pytest.raises(TypeError, match="X must be numbers"):
        points.append(values)


# Labels


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (["b", "a", "b"], ["b", "a", "b"]),
        (("b", "a", "b"), ["b", "a", "b"]),
        ([2, 1, 2], ["2", "1", "2"]),
        (numpy.array([2, 1, 2]), ["2", "1", "2"]),
        (numpy.array([2, 1, 2], "u1"), ["2", "1", "2"]),
        (numpy.array([2.0, 1, 2]), ["2", "1", "2"]),
        (numpy.array(["é", "a", "é"]), ["é", "a", "é"]),
        (numpy.array(["é", "a", "é"], object), ["é", "a", "é"]),
        (numpy.array([True, False, True]), ["True", "False", "True"]),
        ([1, True, "1"], ["1", "True", "1"]),
        ([0, False, 0.0], ["0", "False", "0"]),
        ([numpy.int64(5), numpy.str_("x"), 5], ["5", "x", "5"]),
        (["", "🐱", "a b"], ["", "🐱", "a b"]),
        (iter(["b", "a", "b"]), ["b", "a", "b"]),
    ],
)
def test_labels_are_text_or_whole_numbers(points: maquette.Dataset, labels, texts: list[str]) -> None:
    points.append(VALUES[:3], labels)
    assert [instance["y"] for instance in points] == texts
    _, codes, names = points.to_arrays()
    assert [names[code] for code in codes] == texts
    assert names == list(dict.fromkeys(texts)) == points.labels


def test_rows_may_have_no_label_in_a_dataset(points: maquette.Dataset) -> None:
    points.append(VALUES[:3], ["a", None, "b"])
    points.append(VALUES[:1])
    _, codes, labels = points.to_arrays()
    assert codes.tolist() == [0, -1, 1, -1]
    assert labels == ["a", "b"]


def test_rows_without_a_label_are_refused_by_a_training() -> None:
    with maquette.KNNClassifier() as model, pytest.raises(TypeError, match="None"):
        model.train(VALUES[:3], ["a", None, "b"])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ("abc", TypeError, "one for each row"),
        (["a", "b"], maquette.BadShapeError, "2 labels for 3 rows"),
        ([], maquette.BadShapeError, "0 labels for 3 rows"),
        (numpy.zeros((3, 1)), maquette.BadShapeError, r"\(3, 1\)"),
        ([1.5, 2, 3], maquette.InvalidArgumentError, "1.5"),
        ([float("nan"), 2.0, 3.0], maquette.InvalidArgumentError, "nan"),
        ([[1], [2], [3]], TypeError, "text or"),
        ([b"a", b"b", b"c"], TypeError, "bytes"),
        (["a\0b", "c", "d"], maquette.BadTextError, "NUL"),
        (["\ud800", "c", "d"], maquette.BadTextError, "valid text"),
    ],
)
def test_other_labels_are_refused(points: maquette.Dataset, labels, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        points.append(VALUES[:3], labels)
    assert len(points) == 0


@pytest.mark.parametrize("kind", [str, int])
def test_of_many_labels_each_is_encoded_once(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    utf8 = _arrays.utf8
    monkeypatch.setattr(_arrays, "utf8", lambda text, what: encoded.append(text) or utf8(text, what))
    labels = _arrays.LabelStrings((numpy.arange(100_000) % 10).astype(kind), 100_000)
    assert encoded == [str(number) for number in range(10)]
    assert len(labels._pointers) == 100_000
