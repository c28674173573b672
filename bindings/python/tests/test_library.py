"""The table of functions and the structs, against the header itself."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import header
import pytest

from maquette import _errors, _library, _training
from maquette._library import FUNCTIONS

needs_compiler = pytest.mark.skipif(header.COMPILER is None, reason="no C compiler")

HANDLES = [
    "store",
    "dataset",
    "model",
    "stream",
    "subscription",
    "error",
    "batch_prediction",
    "predictions",
    "confusion",
    "history",
    "tracking",
    "service",
    "cursor",
    "view",
]

#: C's types, without const, and the table's.
TYPES = {
    "void": None,
    "maquette_status": _library.status,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "size_t": ctypes.c_size_t,
    "structArrowArrayStream*": _library.arrow_stream,
    "char*": (_library.text, _library.characters_out),
    "double*": _library.double_out,
    "maquette_batch_options*": _library.batch_options,
    "maquette_batch_status*": _library.batch_status,
    "maquette_regression_scores*": _library.regression_scores,
    "char**": (_library.text_out, _library.texts),
    "void*": (_library.user_data, _library.content),
    "void**": _library.bytes_out,
    "size_t*": _library.size_out,
    "int32_t*": (_library.int32_out, _library.codes_out),
    "int64_t*": (_library.int64_out, _library.ids),
    "maquette_matrix*": _library.matrix,
    "maquette_source*": _library.source,
    "maquette_event*": _library.event,
    "maquette_training_status*": _library.training_status,
    "maquette_event_fn": _library.EventFunction,
    "maquette_log_fn": _library.LogFunction,
    "destroy": _library.DestroyFunction,
    **{f"maquette_{noun}*": _library.handle for noun in HANDLES},
    **{f"maquette_{noun}**": _library.handle_out for noun in HANDLES},
}


def test_the_table_has_every_function_of_the_header_and_no_other() -> None:
    assert len(header.functions()) > 50
    assert list(FUNCTIONS) == list(header.functions())


@pytest.mark.parametrize("function", header.functions().values(), ids=lambda function: function.name)
def test_a_function_is_declared_as_in_the_header(function: header.Function) -> None:
    result, arguments = FUNCTIONS[function.name]
    assert len(arguments) == len(function.parameters)
    for declared, c_type in zip([result, *arguments], [function.result, *function.parameters], strict=True):
        expected = TYPES[c_type]
        if function.name == "maquette_string_free" and c_type == "char*":
            expected = ctypes.c_void_p  # text that is ours: its address must not be turned into bytes
        options = expected if isinstance(expected, tuple) else (expected,)
        assert declared in options, f"{c_type} is declared as {declared}"


def test_every_declared_function_is_set_on_the_library() -> None:
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(_library.library, name)
        assert function.restype is result
        assert list(function.argtypes) == arguments


@needs_compiler
@pytest.mark.parametrize(
    ("struct", "declared"),
    [
        ("maquette_matrix", _library.Matrix),
        ("maquette_event", _library.Event),
        ("maquette_training_status", _library.RawTrainingStatus),
        ("maquette_rows", _library.Rows),
        ("maquette_source", _library.Source),
        ("maquette_batch_options", _library.BatchOptions),
        ("maquette_batch_status", _library.RawBatchStatus),
        ("maquette_regression_scores", _library.RegressionScores),
    ],
)
def test_a_struct_lies_in_memory_as_the_compiler_lays_it(struct: str, declared: type[ctypes.Structure]) -> None:
    names = [entry[0] for entry in declared._fields_]
    assert names == header.fields(struct)
    ours = [ctypes.sizeof(declared)]
    for name in names:
        field = getattr(declared, name)
        ours += [field.offset, field.size]
    assert ours == header.layout(struct, names)


@needs_compiler
def test_every_status_has_an_error_of_its_own() -> None:
    statuses = {name: number for name, number in header.constants().items() if name.startswith("MAQUETTE_E_")}
    assert sorted(statuses.values()) == sorted(_errors.CLASSES)
    for name, number in statuses.items():
        assert _library.library.maquette_status_name(number) == name.encode()


@needs_compiler
def test_dtypes_and_log_levels_have_the_numbers_of_the_header() -> None:
    from maquette import _arrays, _log

    constants = header.constants()
    names = {"f4": "F32", "f8": "F64", "u1": "U8", "i4": "I32", "i8": "I64"}
    for dtype, number in _arrays.DTYPES.items():
        assert constants[f"MAQUETTE_{names[dtype[1:]]}"] == number
    for level, number in _log.LEVELS.items():
        assert constants[f"MAQUETTE_LOG_{level.upper()}"] == number


@needs_compiler
def test_every_status_of_a_training_is_known() -> None:
    names = {
        name.removeprefix("MAQUETTE_TRAINING_").lower()
        for name in header.constants()
        if name.startswith("MAQUETTE_TRAINING_")
    }
    assert names == {*_training.TrainingStatus.RUNNING, "idle", "success", "error", "cancelled", "loaded"}


# Finding the library


def import_with(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import maquette; print(maquette.version())"],
        env={**os.environ, "PYTHONPATH": str(Path(_library.__file__).parents[1]), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_library_that_is_not_there_is_an_import_error_that_says_what_to_do() -> None:
    result = import_with(MAQUETTE_LIBRARY="/nowhere/libmaquette.so.0")
    assert result.returncode == 1
    assert "LibraryNotFoundError" in result.stderr
    assert "make lib" in result.stderr
    assert "/nowhere/libmaquette.so.0" in result.stderr


@needs_compiler
def test_another_library_is_refused_by_name(tmp_path: Path) -> None:
    source = tmp_path / "other.c"
    source.write_text("int other(void) { return 0; }\n")
    other = tmp_path / "other.so"
    assert header.COMPILER
    subprocess.run([header.COMPILER, "-shared", "-fPIC", "-o", other, source], check=True)
    result = import_with(MAQUETTE_LIBRARY=str(other))
    assert result.returncode == 1
    assert "no function maquette_status_name" in result.stderr


def test_the_library_beside_the_package_wins_over_that_of_the_checkout(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("MAQUETTE_LIBRARY", raising=False)
    package = tmp_path / "bindings" / "python" / "maquette"
    package.mkdir(parents=True)
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "maquette.h").touch()
    (tmp_path / "build").mkdir()
    monkeypatch.setattr(_library, "__file__", str(package / "_library.py"))
    assert _library.candidates() == [_library.SONAME]
    (tmp_path / "build" / _library.SONAME).touch()
    assert _library.candidates() == [str(tmp_path / "build" / _library.SONAME), _library.SONAME]
    (package / _library.SONAME).touch()
    assert _library.candidates()[0] == str(package / _library.SONAME)
    monkeypatch.setenv("MAQUETTE_LIBRARY", "/elsewhere.so")
    assert _library.candidates() == ["/elsewhere.so"]
