"""The examples, as a newcomer runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from conftest import PACKAGE, PATIENCE, REPOSITORY

EXAMPLES = REPOSITORY / "examples" / "python"


def run_example(argument: str, folder: Path, name: str = "digits.py", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *([argument] if argument else [])],
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
    rows = re.findall(r"^ {3}(\d) ((?: +[\d.]+){10})$", output, re.MULTILINE)
    counts = [[0 if cell == "." else int(cell) for cell in cells.split()] for _, cells in rows]
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


def test_the_digits_name_the_other_examples(tmp_path: Path) -> None:
    told = run_example("", tmp_path).stdout.partition("What else there is")[2]
    names = re.findall(r"^(\w+\.py) ", told, re.MULTILINE)
    assert sorted([*names, "digits.py"]) == sorted(file.name for file in EXAMPLES.glob("*.py"))


def test_mistakes_are_counted_while_predictions_come(tmp_path: Path) -> None:
    result = run_example("", tmp_path, "confusion.py")
    assert (result.returncode, result.stderr) == (0, "")
    first, last = re.findall(r"^of (\d+) digits, (\d\d\.\d)% are right$", result.stdout, re.MULTILINE)
    assert (first[0], last[0]) == ("200", "359")
    assert 75 < float(last[1]) < 97
    rows = re.findall(r"^ {3}(\d) ((?: +[\d.]+){10})$", result.stdout, re.MULTILINE)
    counts = [[0 if cell == "." else int(cell) for cell in cells.split()] for _, cells in rows]
    assert sum(map(sum, counts)) == 359
    assert f"{sum(counts[n][n] for n in range(10)) / 3.59:.1f}" == last[1]
    assert (tmp_path / "build" / "digits-confusion.png").read_bytes().startswith(b"\x89PNG")


def test_penguins_are_weighed(tmp_path: Path) -> None:
    result = run_example("", tmp_path, "regression.py")
    assert (result.returncode, result.stderr) == (0, "")
    assert "267 penguins to learn, 66 to test with" in result.stdout
    errors = re.findall(r" +(\d+) g, .*% of the variance explained$", result.stdout, re.MULTILINE)
    mean, network = int(errors[0]), int(errors[-1])
    assert 650 < mean < 800 and 150 < network < 260
    assert f"test error: {network} g" in result.stdout
    assert len(re.findall(r"weighs \d{4} g, predicted \d{4} g$", result.stdout, re.MULTILINE)) == 6


def test_groups_of_digits_are_found(tmp_path: Path) -> None:
    result = run_example("", tmp_path, "clustering.py")
    assert (result.returncode, result.stderr) == (0, "")
    found = re.findall(r"^(\d+) groups of \d+ to \d+ images: inertia (\d+), purity (\d\d\.\d)%$", result.stdout, re.M)
    assert [int(count) for count, _, _ in found] == [10, 15, 20]
    inertias, purities = [int(inertia) for _, inertia, _ in found], [float(purity) for _, _, purity in found]
    assert inertias == sorted(inertias, reverse=True)
    assert purities[0] > 74 and purities[-1] > 87


def test_digits_are_laid_out_on_a_map(tmp_path: Path) -> None:
    result = run_example("", tmp_path, "embedding.py")
    assert (result.returncode, result.stderr) == (0, "")
    first, *_, last = (float(share) for share in re.findall(r"(\d+\.\d)% lie beside their like", result.stdout))
    assert first < 70 and last > 96
    near = re.search(r"land (\S+)% of the map's width away", result.stdout)
    assert near and float(near[1]) < 10
    picture = (tmp_path / "build" / "digits-map.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 20_000


def test_the_pictures_need_no_matplotlib(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n")
    for name in ("embedding.py", "confusion.py"):
        result = run_example("", tmp_path, name, PYTHONPATH=f"{tmp_path / 'hidden'}{os.pathsep}{PACKAGE}")
        assert (result.returncode, result.stderr) == (0, "")
    assert "Confusion matrix" in (tmp_path / "build" / "digits-confusion.html").read_text()
    root = ElementTree.parse(tmp_path / "build" / "digits-map.svg").getroot()
    dots = "".join(path.get("d") or "" for path in root.findall("{http://www.w3.org/2000/svg}path"))
    assert dots.count("h0") == 1797
