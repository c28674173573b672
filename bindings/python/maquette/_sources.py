"""Where a training takes its rows from: arrays, datasets, and functions of yours that give blocks of rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from ctypes import POINTER, byref, pointer, sizeof
from typing import Any

from ._arrays import Features, Labels, LabelStrings, matrix_of, readable, rows_of_numbers, targets_of_numbers
from ._dataset import Dataset, Selection
from ._errors import INVALID_ARGUMENT
from ._library import DestroyFunction, Matrix, Rows, RowsFunction, Source
from ._text import to_json

#: One block of rows: alone, or with a label or the targets of each.
Block = Features | tuple[Features, Labels]
#: Rows that are read when they are needed: a function that gives an iterator of blocks, called for every pass; or an
#: iterator, which can be read only once.
Blocks = Callable[[], Iterable[Block]] | Iterator[Block]

_keys = itertools.count(1)
_readers: dict[int, BlockReader] = {}


class SourceStruct:
    """A `maquette_source`, with all that it points to."""

    def __init__(self, task: str, data: Any, y: Any, what: tuple[str, str] = ("X", "y")) -> None:
        self.struct = Source(struct_size=sizeof(Source))
        self.reader: BlockReader | None = None
        self._kept: list[Any] = []
        if isinstance(data, Dataset | Selection):
            if y is not None:
                raise TypeError("a dataset brings its own labels: y must be left out")
            if isinstance(data, Selection):
                self.struct.query = to_json(data.query, "query")
                data = data.dataset
            self.struct.dataset = data._handle
        elif callable(data) or isinstance(data, Iterator):
            if y is not None:
                raise TypeError("blocks of rows bring their own labels: y must be left out")
            self.reader = BlockReader(task, data)
        else:
            self.struct.rows = pointer(self._rows(task, data, y, what))

    def _rows(self, task: str, data: Any, y: Any, what: tuple[str, str]) -> Rows:
        rows = Rows(struct_size=sizeof(Rows))
        self._kept.append(fill(rows, task, data, y, what))
        return rows

    def begin(self) -> Source:
        """The struct, for one call: the library then gives back what it holds of a reader."""
        if self.reader is not None:
            self.struct.read = _on_read
            self.struct.user_data = self.reader.begin()
            self.struct.destroy = _on_read_destroy
        return self.struct


def fill(rows: Rows, task: str, data: Any, y: Any, what: tuple[str, str]) -> list[Any]:
    """Describes rows; returns what must be kept as long as they are read."""
    features = readable(rows_of_numbers(data, what[0]))
    matrix = matrix_of(features)
    kept: list[Any] = [features, matrix]
    rows.features = pointer(matrix)
    if task == "classification" and y is None:
        raise TypeError(f"{what[1]} is missing: a training on rows needs a label for each")
    if task == "regression" and y is None:
        raise TypeError(f"{what[1]} is missing: a training on rows needs the numbers to predict from each")
    if y is None:
        return kept
    if task == "regression":
        targets = targets_of_numbers(y, len(features), what[1])
        target_matrix = matrix_of(targets)
        kept += [targets, target_matrix]
        rows.targets = pointer(target_matrix)
    else:
        labels = LabelStrings(y, len(features), what[1])
        kept.append(labels)
        rows.labels = labels.address
    return kept


class BlockReader:
    """Gives the library the blocks that a function or an iterator gives."""

    def __init__(self, task: str, blocks: Blocks) -> None:
        self._task = task
        self._blocks = blocks
        self._pass = -1
        self._iterator: Iterator[Block] = iter(())
        self._kept: list[Any] = []
        #: What the function raised; the training fails then.
        self.error: BaseException | None = None

    def begin(self) -> int:
        key = next(_keys)
        _readers[key] = self
        return key

    def read(self, number: int, rows: Rows) -> None:
        if number != self._pass:
            self._pass = number
            if callable(self._blocks):
                self._iterator = iter(self._blocks())
            elif number == 0:
                self._iterator = self._blocks
            else:
                raise TypeError(
                    "these rows are needed more than once, which an iterator can't give: pass a function that makes "
                    "a new one"
                )
        for block in self._iterator:
            X, y = block if isinstance(block, tuple) else (block, None)
            self._kept = fill(rows, self._task, X, y, ("X", "y"))
            if len(self._kept[0]):
                return
        rows.features = POINTER(Matrix)()


@RowsFunction  # type: ignore[untyped-decorator]
def _on_read(key: int, number: int, _block: int, rows: Any) -> int:
    reader = _readers.get(key)
    if reader is None:
        return INVALID_ARGUMENT
    try:
        reader.read(number, rows.contents)
    except BaseException as error:  # it is raised again where the training is waited for
        reader.error = error
        return INVALID_ARGUMENT
    return 0


@DestroyFunction  # type: ignore[untyped-decorator]
def _on_read_destroy(key: int) -> None:
    _readers.pop(key, None)


def address(source: SourceStruct | None) -> Any:
    """What the library is given of a source."""
    return None if source is None else byref(source.begin())
