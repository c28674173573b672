"""The digits example, as a newcomer runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import PACKAGE, PATIENCE, REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "python" / "digits.py"


def run_example(location: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLE, *([location] if location else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **more},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_it_runs_twice_on_one_store(tmp_path: Path) -> None:
    for location in ("", "", f"sqlite:{tmp_path / 'other' / 'store.db'}"):
        result = run_example(location, tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        accuracy = re.search(r"^test accuracy: (\d\d\.\d\d) %$", result.stdout, re.MULTILINE)
        assert accuracy and float(accuracy[1]) > 94
        assert "all 3590 confidences are the same to the last bit" in result.stdout
        assert "1438 instances, labels 0 1 2 3 4 5 6 7 8 9" in result.stdout
    assert (tmp_path / "build" / "digits.db").exists()


def test_the_confusion_matrix_counts_every_test_row(tmp_path: Path) -> None:
    output = run_example("", tmp_path).stdout
    rows = re.findall(r"^ {6}(\d) ((?: +[\d·]+){10})$", output, re.MULTILINE)
    counts = [[0 if cell == "·" else int(cell) for cell in cells.split()] for _, cells in rows]
    assert [int(digit) for digit, _ in rows] == list(range(10))
    assert sum(map(sum, counts)) == 359
    accuracy = re.search(r"test accuracy: (\S+) %", output)
    assert accuracy and f"{sum(counts[n][n] for n in range(10)) / 3.59:.2f}" == accuracy[1]


def test_a_process_that_predicts_otherwise_is_an_error(tmp_path: Path) -> None:
    # A memory store is empty in the other process.
    result = run_example("memory:", tmp_path)
    assert result.returncode == 1
    assert "the other process failed" in result.stderr


def test_a_terminal_without_unicode_is_fine(tmp_path: Path) -> None:
    result = run_example("", tmp_path, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
