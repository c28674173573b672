"""What Maquette raises."""

from __future__ import annotations

import errno
from ctypes import byref, c_void_p
from typing import Any, ClassVar

from ._library import library


class MaquetteError(Exception):
    """Something went wrong; the base of all errors of this package.

    Each of its subclasses is also the built-in exception it resembles: a matrix of the wrong width is a
    `ValueError`, a model that is not there a `LookupError`, a full disk an `OSError`, and so on.
    """

    #: The number of `maquette.h`, e.g. 12; `status_name` is its name, e.g. "MAQUETTE_E_BUSY".
    status: int = 30
    #: The offending name: a parameter, kind, path, id or field; "" where there is none.
    name: Any = ""
    _status: ClassVar[int] = 30

    def __init__(self, message: str = "", name: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.status = self._status if status is None else status
        self.name = name

    @property
    def message(self) -> str:
        """One sentence: what was wrong, where, and what was expected."""
        return str(self.args[0]) if self.args else ""

    @property
    def status_name(self) -> str:
        """The name of the status in `maquette.h`, e.g. "MAQUETTE_E_BUSY"."""
        return bytes(library.maquette_status_name(self.status)).decode()

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.name, self.status)


class BadHandleError(MaquetteError, ValueError):
    """An object that is closed already."""

    _status = 1


class InvalidArgumentError(MaquetteError, ValueError):
    """An argument that can't be."""

    _status = 2


class BadShapeError(MaquetteError, ValueError):
    """An array of another width or height than needed."""

    _status = 3


class NotFiniteError(MaquetteError, ValueError):
    """NaN or infinity among the features."""

    _status = 4


class BadTextError(MaquetteError, UnicodeError):
    """Text that can't be UTF-8."""

    _status = 5


class BadJSONError(MaquetteError, ValueError):
    """Not JSON, or JSON of another form than needed."""

    _status = 6


class UnknownKindError(MaquetteError, ValueError):
    """No model of that kind; `maquette.kinds()` lists them."""

    _status = 7


class UnknownParameterError(MaquetteError, AttributeError):
    """The model has no such parameter; `maquette.schema(kind)` lists them."""

    _status = 8


class BadParameterError(MaquetteError, ValueError):
    """A parameter of another type, or out of its range."""

    _status = 9


class NotFoundError(MaquetteError, LookupError):
    """No document, model or label of that id, name or index."""

    _status = 10


class NotTrainedError(MaquetteError, RuntimeError):
    """The model was neither trained nor loaded yet."""

    _status = 11


class BusyError(MaquetteError, RuntimeError):
    """A training of this model is running."""

    _status = 12


class WaitTimeoutError(MaquetteError, TimeoutError):
    """The time given passed first."""

    _status = 13


class CancelledError(MaquetteError, RuntimeError):
    """The training was cancelled."""

    _status = 14


class ReentrantError(MaquetteError, RuntimeError):
    """Waiting, in a callback, for what that callback reports."""

    _status = 15


class ForkedError(MaquetteError, RuntimeError):
    """A call in a forked child process; with `multiprocessing`, use the start method "spawn"."""

    _status = 16


class NoRowsError(MaquetteError, ValueError):
    """Nothing to learn from."""

    _status = 17


class OneLabelError(MaquetteError, ValueError):
    """All rows have the same label: nothing to tell apart."""

    _status = 18


class StoreIOError(MaquetteError, OSError):
    """A file could not be opened, read or written."""

    _status = 19


class NotAStoreError(MaquetteError, OSError):
    """A file that is no Maquette store."""

    _status = 20


class FullError(MaquetteError, OSError):
    """The disk is full; nothing of the operation was written."""

    _status = 21

    def __init__(self, message: str = "", name: str = "", status: int | None = None) -> None:
        super().__init__(message, name, status)
        self.errno = errno.ENOSPC


class LockedError(MaquetteError, OSError):
    """Another process kept the store locked for too long."""

    _status = 22


class ClosedError(MaquetteError, EOFError):
    """The stream has ended and all its events were taken."""

    _status = 23


class DivergedError(MaquetteError, ArithmeticError):
    """The loss of a training became NaN or infinite."""

    _status = 24


class OutOfMemoryError(MaquetteError, MemoryError):
    """Not enough memory, or no thread could be started."""

    _status = 25


class ReadOnlyError(MaquetteError, TypeError):
    """A stream that only Maquette sets."""

    _status = 26


class UnsupportedError(MaquetteError, NotImplementedError):
    """Something this version does not do."""

    _status = 27


class BadFormatError(MaquetteError, ValueError):
    """A stored model or document that is damaged, or of an unknown format."""

    _status = 28


class ConflictError(MaquetteError, ValueError):
    """A document of that id exists already."""

    _status = 29


class InternalError(MaquetteError, RuntimeError):
    """A fault of Maquette's own: please report it."""

    _status = 30


class NotHeldError(MaquetteError, LookupError):
    """A stream that keeps no value."""

    _status = 31


BAD_HANDLE, INVALID_ARGUMENT, BAD_SHAPE, TIMEOUT, REENTRANT = 1, 2, 3, 13, 15

CLASSES: dict[int, type[MaquetteError]] = {kind._status: kind for kind in MaquetteError.__subclasses__()}


def failure(status: int, error: c_void_p) -> MaquetteError:
    """The exception for a status, with what the error object says, which is given back."""
    if error:
        message = bytes(library.maquette_error_message(error)).decode("utf-8", "replace")
        name = bytes(library.maquette_error_name(error)).decode("utf-8", "replace")
        library.maquette_error_destroy(error)
    else:
        message, name = bytes(library.maquette_status_name(status)).decode(), ""
    return CLASSES.get(status, MaquetteError)(message, name, status)


def call(function: Any, *arguments: Any) -> None:
    """Calls a function that takes a `maquette_error **` last; raises what it reports."""
    error = c_void_p()
    status = function(*arguments, byref(error))
    if status:
        raise failure(status, error)
