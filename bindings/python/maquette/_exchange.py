"""Datasets in files and out of them, and split into two."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ctypes import byref, c_int64, c_void_p
from typing import TYPE_CHECKING, Any

from ._arrow import add, export
from ._documents import Query, query_of
from ._handles import Owner
from ._library import library
from ._text import owned_text, to_json, utf8

if TYPE_CHECKING:
    from ._dataset import Dataset


class Exchange(Owner):
    """What a dataset does with files."""

    def download(self, path: str | os.PathLike[str], query: Query | None = None, **fields: Any) -> int:
        """Writes all instances, or those that match, into a file in Marcelle's JSON; returns how many.

        What was there is replaced when the new file is complete. Raises `StoreIOError`, an `OSError`, or `FullError`.
        """
        count = c_int64()
        text = to_json(query_of(query, fields), "query")
        self._call(library.maquette_dataset_download, utf8(os.fspath(path), "path"), text, byref(count))
        return count.value

    def to_json(self, query: Query | None = None, **fields: Any) -> str:
        """All instances, or those that match, as a text in Marcelle's JSON."""
        pointer = c_void_p()
        self._call(library.maquette_dataset_download_text, to_json(query_of(query, fields), "query"), byref(pointer))
        return owned_text(pointer)

    def upload(self, path: str | os.PathLike[str]) -> int:
        """Adds the instances of a file in Marcelle's JSON, with ids of their own; returns how many.

        Or the points of a DataSet that FluCoMa dumped, each with its name as `identifier`. The file is checked to its
        end before the first is stored. Raises `BadFormatError`, `BadJSONError`, `BadShapeError` or `NotFiniteError`
        naming the instance, `StoreIOError`.
        """
        count = c_int64()
        self._call(library.maquette_dataset_upload, utf8(os.fspath(path), "path"), byref(count))
        return count.value

    def from_json(self, text: str | bytes) -> int:
        """Adds the instances of a text in Marcelle's JSON; see `upload`."""
        encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        count = c_int64()
        self._call(library.maquette_dataset_upload_text, encoded, len(encoded), byref(count))
        return count.value

    def import_csv(
        self,
        path: str | os.PathLike[str],
        *,
        label: str | int | None = None,
        targets: Sequence[str | int] = (),
        features: Sequence[str | int] | None = None,
        header: bool = True,
        separator: str = ",",
    ) -> int:
        """Adds an instance for each record of a CSV file; returns how many.

        >>> irises.import_csv("iris.csv", label="species")

        A column is named, or counted from 0; -1 is the last. `label` is that of the labels ("y", where there is one),
        `targets` those of numbers to be learnt instead, `features` those of the features (all others). The file is
        checked to its end before the first row is stored. Raises `BadFormatError` or `NotFiniteError` with the line and
        the column, `NotFoundError` for a column that is not there, `BadShapeError`, `StoreIOError`.
        """
        options: dict[str, Any] = {"header": header, "separator": separator}
        options |= {name: value for name, value in (("label", label), ("features", features)) if value is not None}
        if targets:
            options["targets"] = list(targets)
        count = c_int64()
        text = to_json(options, "options")
        self._call(library.maquette_dataset_import_csv, utf8(os.fspath(path), "path"), text, byref(count))
        return count.value

    def export_csv(
        self,
        path: str | os.PathLike[str],
        *,
        names: Sequence[str] | None = None,
        header: bool = True,
        separator: str = ",",
    ) -> int:
        """Writes all instances into a CSV file: a column for each feature, and `y`; returns how many.

        `names` are those of the features, "x0" and so on unless given. Where the first instance has a list of numbers
        as `y`, there are columns "y0" and so on.
        """
        options: dict[str, Any] = {"header": header, "separator": separator}
        if names is not None:
            options["names"] = list(names)
        count = c_int64()
        text = to_json(options, "options")
        self._call(library.maquette_dataset_export_csv, utf8(os.fspath(path), "path"), text, byref(count))
        return count.value

    def append_arrow(
        self,
        data: Any,
        *,
        label: str | int | None = None,
        targets: Sequence[str | int] = (),
        features: Sequence[str | int] | None = None,
    ) -> int:
        """Adds an instance for each row of a table that speaks Arrow: of pyarrow, polars, pandas; returns how many.

        >>> irises.append_arrow(polars.read_parquet("irises.parquet"), label="species")

        A column is named, or counted from 0; -1 is the last. Unless given, the features are the lists of the column
        "x", if there is one, else all columns of numbers that are left; "y" is the label, or the targets where it holds
        floats. A null is a row without a label. Each record batch is stored in one transaction. Raises `BadFormatError`
        or `NotFiniteError` with the row and the column, `NotFoundError`, `BadShapeError`, `StoreIOError`.
        """
        options: dict[str, Any] = {}
        options |= {name: value for name, value in (("label", label), ("features", features)) if value is not None}
        if targets:
            options["targets"] = list(targets)
        return add(self, data, options)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """All instances as Arrow record batches: `pyarrow.table(digits)`, `polars.DataFrame(digits)`.

        The columns are `id`, `x`, a list of floats, and `y`.
        """
        return export(self)

    def split(
        self,
        first: Dataset,
        second: Dataset,
        *,
        share: float = 0.8,
        seed: int = 0,
        stratify: str | None = "y",
        group: str | None = None,
    ) -> tuple[Dataset, Dataset]:
        """Copies all instances into two empty datasets, each into one of them, at random; returns these two.

        >>> train, test = digits.split(store.dataset("train"), store.dataset("test"), share=0.9, group="writer")

        `share` goes into the first. Both get the same share of every value of the field `stratify`; with `group`, equal
        values of that field stay together instead. The same seed draws the same.
        """
        for part in (first, second):
            if not isinstance(part, Exchange):
                raise TypeError(f"a part must be a dataset, not {type(part).__name__}")
        options = {"share": share, "seed": seed, "stratify": stratify, "group": group}
        self._call(library.maquette_dataset_split, to_json(options, "options"), first._handle, second._handle)
        return first, second
