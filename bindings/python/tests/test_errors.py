from __future__ import annotations

import errno
import pickle

import pytest

import maquette
from maquette import _errors


@pytest.mark.parametrize(
    ("kind", "built_in"),
    [
        (maquette.BadHandleError, ValueError),
        (maquette.BadShapeError, ValueError),
        (maquette.NotFiniteError, ValueError),
        (maquette.BadTextError, UnicodeError),
        (maquette.BadJSONError, ValueError),
        (maquette.UnknownParameterError, AttributeError),
        (maquette.NotFoundError, LookupError),
        (maquette.BusyError, RuntimeError),
        (maquette.WaitTimeoutError, TimeoutError),
        (maquette.CancelledError, RuntimeError),
        (maquette.StoreIOError, OSError),
        (maquette.NotAStoreError, OSError),
        (maquette.FullError, OSError),
        (maquette.LockedError, OSError),
        (maquette.ClosedError, EOFError),
        (maquette.DivergedError, ArithmeticError),
        (maquette.OutOfMemoryError, MemoryError),
        (maquette.ReadOnlyError, TypeError),
        (maquette.UnsupportedError, NotImplementedError),
    ],
)
def test_an_error_is_also_the_built_in_it_resembles(kind: type[maquette.MaquetteError], built_in: type) -> None:
    assert issubclass(kind, maquette.MaquetteError)
    assert issubclass(kind, built_in)


@pytest.mark.parametrize("kind", _errors.CLASSES.values(), ids=lambda kind: kind.__name__)
def test_an_error_keeps_message_name_and_status_through_pickle(kind: type[maquette.MaquetteError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what was wrong", "epochs")))
    assert type(error) is kind
    assert (str(error), error.message, error.name, error.status) == (
        "what was wrong",
        "what was wrong",
        "epochs",
        kind._status,
    )
    assert error.status_name.startswith("MAQUETTE_E_")
    assert kind.__name__ in maquette.__all__


def test_a_full_disk_has_the_error_number_of_one() -> None:
    assert maquette.FullError("full").errno == errno.ENOSPC


def test_the_library_s_error_says_what_where_and_which() -> None:
    with pytest.raises(maquette.BadParameterError) as caught:
        maquette.MLPClassifier(epochs=0)
    error = caught.value
    assert error.status == 9
    assert error.status_name == "MAQUETTE_E_BAD_PARAMETER"
    assert error.name == "epochs"
    assert "epochs" in str(error)


def test_an_unknown_status_is_a_plain_maquette_error() -> None:
    from ctypes import c_void_p

    error = _errors.failure(4711, c_void_p())
    assert type(error) is maquette.MaquetteError
    assert error.status == 4711
    assert str(error) == "unknown status"
