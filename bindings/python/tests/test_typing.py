"""What mypy says of the package and of a user's program, and what the docstrings tell."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import PACKAGE, environment

import maquette
from maquette import metrics

PROGRAM = PACKAGE / "tests" / "typed" / "program.py"


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "maquette" / "py.typed").exists()


def test_mypy_finds_nothing_in_the_package_nor_in_a_users_program(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    # It must see types that are wrong, or finding nothing says nothing. All in one run, which takes a while.
    wrong = tmp_path / "wrong.py"
    wrong.write_text(PROGRAM.read_text().replace("model.epochs = 4", 'model.epochs = "four"'))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "maquette", str(PROGRAM), str(wrong)],
        cwd=PACKAGE,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = (done.stdout + done.stderr).splitlines()
    assert len(found) == 1, found
    assert re.search(r"wrong\.py:\d+: error: Incompatible types in assignment", found[0])


def test_the_typed_program_runs() -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "MAQUETTE_E_BAD_SHAPE" in done.stdout


# Docstrings


def modules() -> list[ModuleType]:
    found: list[ModuleType] = [maquette, metrics]
    with contextlib.suppress(ImportError):
        found.append(importlib.import_module("maquette.sklearn"))
    return found


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Each public function, class, and what a class has of its own or from a class of the package."""
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    for name in names:
        value = getattr(module, name)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        yield f"{module.__name__}.{name}", value
        if not inspect.isclass(value):
            continue
        for member in dir(value):
            owner = next((cls for cls in value.__mro__ if member in vars(cls)), None)
            if owner is not None and not member.startswith("_") and owner.__module__.startswith("maquette"):
                kept = vars(owner)[member]
                if isinstance(kept, property) or callable(kept) or isinstance(kept, classmethod | staticmethod):
                    yield f"{module.__name__}.{name}.{member}", kept


EVERYTHING = {name: value for module in modules() for name, value in public(module)}

#: What a store, a model or a dataset gives, and nobody makes: its constructor is no business of users.
GIVEN = {
    "BatchStream",
    "Checkpoint",
    "Comparison",
    "Documents",
    "Items",
    "Page",
    "Predictions",
    "Queue",
    "Run",
    "Stream",
    "Subscription",
    "Tracking",
    "TrainingStream",
}


def parameters_of(value: Any) -> list[str]:
    if isinstance(value, property):
        return []
    if inspect.isclass(value) and value.__name__ in GIVEN:
        return []
    function = value.__init__ if inspect.isclass(value) else getattr(value, "__func__", value)
    if inspect.isclass(value) and (issubclass(value, BaseException) or "__init__" not in vars(value)):
        return []
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", "cls") and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def docstring_of(value: Any) -> str:
    return inspect.getdoc(value) or ""


def test_every_public_name_has_a_docstring() -> None:
    assert len(EVERYTHING) > 300
    assert [name for name, value in EVERYTHING.items() if not docstring_of(value)] == []


def test_every_docstring_tells_of_every_parameter() -> None:
    missing = {}
    for name, value in EVERYTHING.items():
        words = set(re.findall(r"\w+", docstring_of(value)))
        untold = [parameter for parameter in parameters_of(value) if parameter not in words]
        if untold:
            missing[name] = untold
    assert missing == {}
