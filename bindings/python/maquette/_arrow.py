"""Arrow's C data interface: record batches without a copy in between, to and from pyarrow, polars, pandas and the like.

A stream travels in a capsule, as the PyCapsule interface says: the one that makes it frees it, and whoever takes the
stream out marks it as released.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, PYFUNCTYPE, addressof, byref, c_char_p, c_int64, c_void_p, py_object, pythonapi
from typing import Any

from ._handles import Owner
from ._library import ArrowStream, library
from ._text import to_json

NAME = b"arrow_array_stream"

_new_capsule = PYFUNCTYPE(py_object, c_void_p, c_char_p, c_void_p)(("PyCapsule_New", pythonapi))
_pointer_of = PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", pythonapi))
# While a capsule is destroyed it must not become a Python object again: by its address.
_pointer_at = PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", pythonapi))
_Release = CFUNCTYPE(None, c_void_p)

#: The streams that are in capsules, by their address.
_streams: dict[int, ArrowStream] = {}


@PYFUNCTYPE(None, c_void_p)  # type: ignore[untyped-decorator]
def _destroy(capsule: int) -> None:
    stream = _streams.pop(_pointer_at(capsule, NAME), None)
    if stream is not None and stream.release:
        _Release(stream.release)(addressof(stream))


def export(owner: Owner) -> Any:
    """A capsule with all instances of a dataset, read when they are asked for."""
    stream = ArrowStream()
    owner._call(library.maquette_dataset_export_arrow, byref(stream))
    _streams[addressof(stream)] = stream
    return _new_capsule(addressof(stream), NAME, ctypes.cast(_destroy, c_void_p))


def add(owner: Owner, data: Any, options: dict[str, Any]) -> int:
    """Adds the rows of anything that has a stream of record batches; returns how many."""
    if not hasattr(data, "__arrow_c_stream__"):
        raise TypeError(
            f"{type(data).__name__} gives no Arrow record batches (it has no __arrow_c_stream__): pass a table of "
            "pyarrow, polars or pandas, or append arrays"
        )
    capsule = data.__arrow_c_stream__()
    count = c_int64()
    stream = ctypes.cast(_pointer_of(capsule, NAME), ctypes.POINTER(ArrowStream))
    owner._call(library.maquette_dataset_import_arrow, stream, to_json(options, "options"), byref(count))
    del capsule  # kept until here: it owns the stream's memory
    return count.value
