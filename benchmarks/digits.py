"""The handwritten digits, split as `examples/data/README.md` says."""

from __future__ import annotations

from typing import NamedTuple

import numpy

from .sidebyside import ROOT


class Digits(NamedTuple):
    X: numpy.ndarray
    """[1438, 64] float32, pixels from 0 to 1."""
    y: numpy.ndarray
    """[1438] int32, 0 to 9."""
    test_X: numpy.ndarray
    test_y: numpy.ndarray


def load() -> Digits:
    table = numpy.loadtxt(ROOT / "examples" / "data" / "digits.csv", delimiter=",", dtype=numpy.float32)
    pixels = numpy.ascontiguousarray(table[:, :64] / 16, dtype=numpy.float32)
    digits = table[:, 64].astype(numpy.int32)
    is_test = numpy.arange(len(table)) % 5 == 4
    return Digits(pixels[~is_test], digits[~is_test], pixels[is_test], digits[is_test])
