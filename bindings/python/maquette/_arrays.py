"""NumPy arrays as matrices, and labels as C strings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from ctypes import c_void_p, sizeof
from typing import Any

import numpy
import numpy.typing

from ._errors import BadShapeError, InvalidArgumentError
from ._library import Matrix
from ._text import utf8

Array = numpy.ndarray[Any, Any]
Floats = numpy.typing.NDArray[numpy.float32]
#: What is taken for features: arrays, lists of lists, anything NumPy makes an array of without parsing text.
Features = numpy.typing.ArrayLike
#: What is taken for labels: text or whole numbers, a list or an array of them.
Labels = Sequence[Any] | Array

FLOAT32, FLOAT64 = numpy.dtype("f4"), numpy.dtype("f8")
_order = "<" if sys.byteorder == "little" else ">"
DTYPES = {f"{_order}f4": 0, f"{_order}f8": 1, "|u1": 2, f"{_order}i4": 3, f"{_order}i8": 4}

#: What other numbers are copied to, without a loss where there is such a type.
_COPIES = {
    ("b", 1): "u1",
    ("f", 2): "f4",
    ("i", 1): "i4",
    ("i", 2): "i4",
    ("u", 2): "i4",
    ("u", 4): "i8",
    ("u", 8): "f8",
    ("f", 4): "f4",
    ("f", 8): "f8",
    ("i", 4): "i4",
    ("i", 8): "i8",
}


def array_of_numbers(values: Any, what: str) -> Array:
    """Any numbers as an array of a dtype the library reads; a copy only if theirs is another."""
    try:
        array = numpy.asarray(values)
    except ValueError as error:
        raise BadShapeError(f"{what} must be rows of equal length: {error}", what) from None
    if array.dtype.str in DTYPES:
        return array
    kind = array.dtype.kind
    if kind not in "biuf":
        if array.size == 0:
            return array.astype("f4")
        raise TypeError(f"{what} must be numbers, not an array of {array.dtype}")
    return array.astype(_COPIES.get((kind, array.dtype.itemsize), "f8"))


def rows_of_numbers(values: Any, what: str) -> Array:
    """A matrix of features, [rows, features]."""
    array = array_of_numbers(values, what)
    if array.ndim == 2:
        return array
    if array.ndim == 1 and array.size:
        hint = f"for one row of {array.size} features pass {what}[None, :]"
    elif array.ndim > 2:
        hint = f"flatten each with {what}.reshape(len({what}), -1)"
    else:
        hint = "pass an array with a row for each sample"
    raise BadShapeError(
        f"{what} must be a matrix of the shape (rows, features), but its shape is {array.shape}: {hint}", what
    )


def tensors_of_numbers(values: Any, what: str) -> tuple[Array, tuple[int, ...]]:
    """A matrix of features, [rows, elements], and the shape that each row has."""
    array = array_of_numbers(values, what)
    if array.ndim <= 2:
        array = rows_of_numbers(array, what)
        return array, array.shape[1:]
    shape = array.shape[1:]
    return array.reshape(len(array), int(numpy.prod(shape))), shape


def targets_of_numbers(values: Any, rows: int, what: str) -> Array:
    """The targets of a regression as a matrix: one number for each row, or a row of them."""
    array = array_of_numbers(values, what)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) != rows:
        raise BadShapeError(
            f"{what} must have a number, or a row of them, for each of {rows} rows, but its shape is "
            f"{numpy.shape(values)}",
            what,
        )
    return readable(array)


def matrix_of(array: Array) -> Matrix:
    """Describes a matrix in place, with its strides. The array must outlive the call that gets it."""
    rows, cols = array.shape
    row_stride, col_stride = array.strides
    return Matrix(
        sizeof(Matrix),
        array.__array_interface__["data"][0],
        rows,
        cols,
        row_stride,
        col_stride,
        DTYPES[array.dtype.str],
        0,
    )


def readable(array: Array) -> Array:
    """The same numbers with strides the library reads: 0, as in a broadcast array, means "dense" to it."""
    if 0 in array.strides and array.size > 1:
        return numpy.ascontiguousarray(array)
    return array


LABEL_TYPES = (str, int, float, numpy.integer, numpy.floating, numpy.bool_)


class LabelStrings:
    """Labels as the `const char *const *` that the library reads.

    Different labels are few and rows are many: each label is encoded once, and an array of addresses is filled by
    look-up, so that 100,000 labels take milliseconds.
    """

    def __init__(self, labels: Any, rows: int, what: str = "y", *, optional: bool = False) -> None:
        values = label_list(labels, what)
        if len(values) != rows:
            raise BadShapeError(f"{what} has {len(values)} labels for {rows} rows: there must be one for each", what)
        different = dict.fromkeys(values)
        encoded = [
            b"" if label is None and optional else utf8(label_text(label, what), f"a label in {what}") + b"\0"
            for label in different
        ]
        self._strings = numpy.frombuffer(b"".join(encoded) or b"\0", dtype=numpy.uint8)
        address = self._strings.__array_interface__["data"][0]
        for label, string in zip(different, encoded, strict=True):
            different[label] = address if string else 0
            address += len(string)
        self._pointers = numpy.fromiter(map(different.__getitem__, values), numpy.uintp, rows)
        self.address = c_void_p(self._pointers.__array_interface__["data"][0])


def label_list(labels: Any, what: str) -> list[Any]:
    """Labels as a list of Python values."""
    if isinstance(labels, str | bytes | dict):
        raise TypeError(f"{what} must be a list or an array of labels, one for each row, not {type(labels).__name__}")
    if hasattr(labels, "__array__") and not isinstance(labels, list | tuple):
        labels = numpy.asarray(labels)
        if labels.ndim != 1:
            raise BadShapeError(
                f"{what} must have one label for each row, the shape (rows,), but its shape is {labels.shape}",
                what,
            )
        values: list[Any] = labels.tolist()
    else:
        values = list(labels)
    types = {type(value) for value in values if value is not None}
    if not all(issubclass(kind, LABEL_TYPES) for kind in types):
        odd = next(value for value in values if value is not None and not isinstance(value, LABEL_TYPES))
        raise TypeError(f"{what} holds {odd!r}: a label is text or a whole number, not {type(odd).__name__}")
    if len(types) > 1:
        # 1, 1.0 and True are one key of a dictionary: tell their texts apart.
        values = [None if value is None else label_text(value, what) for value in values]
    return values


def label_text(label: Any, what: str) -> str:
    """The text of a label: text itself, a whole number in digits, `True` and `False`."""
    if isinstance(label, str):
        return str(label)
    if isinstance(label, bool | numpy.bool_):
        return str(bool(label))
    if isinstance(label, int | numpy.integer):
        return str(int(label))
    if isinstance(label, float | numpy.floating):
        if float(label).is_integer():
            return str(int(label))
        raise InvalidArgumentError(f"{what} holds {label!r}: a label is text or a whole number", what)
    raise TypeError(f"{what} holds {label!r}: a label is text or a whole number, not {type(label).__name__}")


def output_for(out: Any, shape: tuple[int, ...]) -> Array:
    """Checks an array that confidences are to be written into."""
    if not isinstance(out, numpy.ndarray) or (out.dtype is not FLOAT32 and out.dtype is not FLOAT64):
        raise TypeError("out must be an array of float32 or float64")
    if out.shape != shape:
        raise BadShapeError(f"out must have the shape {shape}, but its shape is {out.shape}", "out")
    if not out.flags.writeable:
        raise InvalidArgumentError("out can't be written to", "out")
    return out


def copied(confidences: Array, out: Any) -> Array:
    answer = output_for(out, confidences.shape)
    answer[...] = confidences
    return answer
