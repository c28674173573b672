"""Tables into datasets, and datasets as tables: pandas, polars, pyarrow."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ._arrow import add, export
from ._errors import BadFormatError, BadShapeError, InvalidArgumentError
from ._handles import Owner

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

#: What the instances have anyway.
RESERVED = ("id", "x", "y", "datasetName", "createdAt", "updatedAt")
#: How many documents are added at once, each time in one transaction.
BLOCK = 10_000


class Tables(Owner):
    """What a dataset does with tables."""

    def append_arrow(
        self,
        data: Any,
        *,
        label: str | int | None = None,
        targets: Sequence[str | int] = (),
        features: Sequence[str | int] | None = None,
        fields: Sequence[str] = (),
    ) -> int:
        """Adds an instance for each row of a table that speaks Arrow: of pyarrow, polars, pandas; returns how many.

        >>> irises.append_arrow(polars.read_parquet("irises.parquet"), label="species")
        >>> irises.append_arrow(frame, label="species", fields=["collector", "found"])

        A column is named, or counted from 0; -1 is the last. Unless given, the `features` are the lists of the column
        "x", if there is one, else all columns of numbers that are left; "y" is the `label`, text, whole numbers,
        booleans or categories, or the `targets` where it holds floats. A null is a row without a label. The columns
        `fields` become fields of the instances: text, numbers, booleans, dates and times (as text, in ISO 8601), lists
        of these; a null is left out. The index of a pandas table is left out unless it has one of the names asked for.
        Each record batch is stored in one transaction; with `fields`, which takes longer, some thousand rows are.

        Raises `BadFormatError` or `NotFiniteError` with the row and the column for what is missing, `NotFoundError`,
        `BadShapeError`, `StoreIOError`.

        `data` is the table: whatever has the method `__arrow_c_stream__`.
        """
        named = [name for name in (label, *targets, *(features or ()), *fields) if isinstance(name, str)]
        data = prepared(data, named, label)
        options: dict[str, Any] = {}
        options |= {name: value for name, value in (("label", label), ("features", features)) if value is not None}
        if targets:
            options["targets"] = list(targets)
        return self._append_with_fields(data, options, list(fields)) if fields else add(self, data, options)

    def _append_with_fields(self, data: Any, options: dict[str, Any], fields: list[str]) -> int:
        """By way of a store in memory, which reads features and labels as for any table."""
        from ._store import Store

        table = arrow_table(data, "fields")
        for name in fields:
            if name in RESERVED:
                raise InvalidArgumentError(f"a field can't be named {name!r}: every instance has that anyway", name)
            if name not in table.column_names:
                known = ", ".join(map(repr, table.column_names))
                raise InvalidArgumentError(f"the table has no column {name!r}; it has {known}", name)
        options = by_name(options, table.column_names)
        rest = table.drop_columns(fields)
        with Store("memory:") as store, store.dataset("rows") as rows:
            count = add(rows, rest, options)
            values = field_values(table.select(fields))
            block: list[dict[str, Any]] = []
            for instance, extra in zip(rows, values, strict=True):
                document = {name: instance[name] for name in ("x", "y") if name in instance}
                block.append(document | extra)
                if len(block) == BLOCK:
                    self._create(block)
                    block = []
            if block:
                self._create(block)
        return count

    def _create(self, documents: list[dict[str, Any]]) -> None:
        self.create(documents)  # type: ignore[attr-defined]  # of the dataset that this is

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """All instances as Arrow record batches: `pyarrow.table(digits)`, `polars.DataFrame(digits)`.

        The columns are `id`, `x`, a list of floats, and `y`. `requested_schema` is not looked at, as the protocol
        allows.
        """
        return export(self)

    def to_arrow(self, names: Sequence[str] | str | None = None, fields: Sequence[str] = ()) -> pyarrow.Table:
        """All instances as a table of pyarrow.

        Its columns are `id`, text; `x`, lists of 32-bit floats; `y`, text, or floats or lists of them, null for an
        instance without. With `names`, there is a column of floats for each feature instead of `x`; one name is
        numbered: "x" stands for "x0", "x1" and so on. `fields` are other fields of the instances, as they are in the
        documents, null where there is none. Raises `ImportError` without pyarrow, `BadShapeError` for names that are
        too few or too many.
        """
        table = arrow_table(self, "to_arrow")
        if names is not None:
            table = wide(table, names)
        return self._with_fields(table, fields) if fields else table

    def _with_fields(self, table: pyarrow.Table, fields: Sequence[str]) -> pyarrow.Table:
        import pyarrow

        documents = self.items(select=["id", *fields])  # type: ignore[attr-defined]  # of the dataset that this is
        found = {document["id"]: document for document in documents}
        empty: dict[str, Any] = {}
        rows = [found.get(id, empty) for id in table["id"].to_pylist()]
        for name in fields:
            try:
                column = pyarrow.array([row.get(name) for row in rows])
            except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
                raise BadFormatError(f"the field {name!r} has values of different types: {error}", name) from None
            table = table.append_column(name, column)
        return table

    def to_pandas(self, names: Sequence[str] | str | None = None, fields: Sequence[str] = ()) -> pandas.DataFrame:
        """All instances as a table of pandas, with the ids as index; `names` and `fields` are as for `to_arrow`.

        The column `x` holds an array for each instance. Raises `ImportError` without pandas and pyarrow.
        """
        return self.to_arrow(names, fields).to_pandas().set_index("id")

    def to_polars(self, names: Sequence[str] | str | None = None, fields: Sequence[str] = ()) -> polars.DataFrame:
        """All instances as a table of polars; `names` and `fields` are as for `to_arrow`.

        Raises `ImportError` without polars, and without pyarrow where there are names or fields.
        """
        try:
            import polars
        except ImportError as error:
            raise ImportError("to_polars needs polars: pip install polars") from error

        return polars.DataFrame(self if names is None and not fields else self.to_arrow(names, fields))


def is_table(data: Any) -> bool:
    """Whether these are rows with named columns."""
    return hasattr(data, "__arrow_c_stream__") and not hasattr(data, "dtype")  # a single column has one


def prepared(data: Any, named: Sequence[str], label: str | int | None) -> Any:
    """A table of pandas as it is meant: its index is no column unless it is named, categories are their values."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(data, pandas.DataFrame):
        return data
    levels = [name for name in data.index.names if name is not None and name in named and name not in data.columns]
    data = data.reset_index(levels).reset_index(drop=True) if levels else data.reset_index(drop=True)
    for name in (label, "y"):
        column = data.columns[name] if isinstance(name, int) and -data.shape[1] <= name < data.shape[1] else name
        if column in data.columns and isinstance(data[column].dtype, pandas.CategoricalDtype):
            kind = data[column].cat.categories.dtype
            if kind.kind in "iu":
                data = data.astype({column: "Int64"})
            elif kind.kind == "b":
                data = data.astype({column: "boolean"})
    return data


def arrow_table(data: Any, what: str) -> pyarrow.Table:
    """A table of pyarrow, sharing the memory where that can be."""
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(f"{what} needs pyarrow: pip install pyarrow") from error

    if isinstance(data, pyarrow.Table):
        return data
    if not hasattr(data, "__arrow_c_stream__"):
        raise TypeError(f"{type(data).__name__} gives no Arrow record batches (it has no __arrow_c_stream__)")
    return pyarrow.table(data)


def by_name(options: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Options whose columns are all named: their numbers change when others go."""

    def name_of(column: Any) -> Any:
        return names[column] if isinstance(column, int) and -len(names) <= column < len(names) else column

    return {
        option: [name_of(column) for column in value] if isinstance(value, list | tuple) else name_of(value)
        for option, value in options.items()
    }


def field_values(table: pyarrow.Table) -> Iterator[dict[str, Any]]:
    """The fields of each row, without those that are null."""
    names = table.column_names
    for batch in table.to_batches(max_chunksize=BLOCK):
        columns: list[Iterable[Any]] = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield {
                name: json_value(value, name) for name, value in zip(names, values, strict=True) if value is not None
            }


def json_value(value: Any, name: str) -> Any:
    """A value as a document can hold it."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list):
        return [json_value(part, name) for part in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise BadFormatError(
        f"the column {name!r} holds a {type(value).__name__}, and a field is text, a number, a boolean, a date, or a "
        "list of these",
        name,
    )


def wide(table: pyarrow.Table, names: Sequence[str] | str) -> pyarrow.Table:
    """The table with a column for each feature."""
    import pyarrow

    lists = table["x"].combine_chunks()
    width = lists.type.list_size if pyarrow.types.is_fixed_size_list(lists.type) else None
    if width is None:
        raise BadShapeError("the instances have different numbers of features: they can't be columns", "names")
    names = [f"{names}{number}" for number in range(width)] if isinstance(names, str) else list(names)
    if len(names) != width:
        raise BadShapeError(f"there are {len(names)} names for {width} features", "names")
    rows = lists.flatten().to_numpy().reshape(len(table), width)
    columns = [pyarrow.array(numpy.ascontiguousarray(rows[:, place])) for place in range(width)]
    kept = [name for name in table.column_names if name != "x"]
    made = {"id": table["id"]} | dict(zip(names, columns, strict=True))
    if len(made) != width + 1 or set(names) & set(kept):
        raise InvalidArgumentError(f"names must differ from each other and from {', '.join(kept)}", "names")
    return pyarrow.table(made | {name: table[name] for name in kept})
