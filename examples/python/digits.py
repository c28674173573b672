"""Handwritten digits: fill a dataset, train, look at the result, save the model, load it in another process.

    make demo
    PYTHONPATH=bindings/python python3 examples/python/digits.py [STORE]

STORE is where dataset and model live, `sqlite:build/digits.db` unless given. NumPy is all it needs.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import maquette

HERE = Path(__file__).resolve()
DATA = HERE.parents[1] / "data" / "digits.csv"
STORE = "sqlite:build/digits.db"
OTHERS = (
    ("confusion.py", "digits that are mistaken for others, by batch prediction"),
    ("regression.py", "what does a penguin weigh?"),
    ("clustering.py", "digits without their labels, in groups that look alike"),
    ("embedding.py", "digits on a map, drawn into a picture"),
)


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels from 0 to 1, a row of 64 for each 8 × 8 image, and the digits."""
    table = np.loadtxt(DATA, delimiter=",", dtype=np.int32)
    return table[:, :64].astype(np.float32) / 16, table[:, 64]


def split(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every fifth row is for testing, as `examples/data/README.md` says."""
    is_test = np.arange(len(X)) % 5 == 4
    return X[~is_test], y[~is_test], X[is_test], y[is_test]


def fingerprint(confidences: np.ndarray) -> str:
    """A hash of every bit of them."""
    return hashlib.sha256(np.ascontiguousarray(confidences).tobytes()).hexdigest()


# What is shown


def headline(text: str) -> None:
    bold = "\033[1m{}\033[0m" if sys.stdout.isatty() else "{}"
    print(f"\n{bold.format(text)}", flush=True)


def picture(row: np.ndarray) -> list[str]:
    """An image as text, two characters a pixel."""
    shades = " .:-=+*#%@"
    return ["".join(2 * shades[round(float(pixel) * 9)] for pixel in line) for line in row.reshape(8, 8)]


def show_predictions(model: maquette.Model, rows: np.ndarray, true: np.ndarray) -> None:
    """Images side by side, each with the answer and how sure the model is of it."""
    predictions = [model.predict(row) for row in rows]
    for lines in zip(*(picture(row) for row in rows), strict=True):
        print("  " + "   ".join(lines))
    print("  " + "   ".join(f"{f'a {p.label}, {p.confidence:.1%} sure':^16}" for p in predictions))
    marks = ("" if p.label == str(digit) else f"really a {digit}" for p, digit in zip(predictions, true, strict=True))
    print(("  " + "   ".join(f"{mark:^16}" for mark in marks)).rstrip())


# The two processes


def main(location: str) -> int:
    X, y, X_test, y_test = split(*read_digits())
    print(f"Maquette {maquette.version()}: {len(X)} handwritten digits to learn, {len(X_test)} to test with")
    if location.startswith("sqlite:"):
        Path(location.removeprefix("sqlite:").partition("?")[0]).parent.mkdir(parents=True, exist_ok=True)

    with maquette.Store(location) as store, store.dataset("digits") as digits:
        headline(f"Filling the dataset in {location}")
        if len(digits):
            print(f"{len(digits)} instances of an earlier run are removed")
            digits.clear()
        start = time.perf_counter()
        digits.append(X, y)
        print(f"{len(digits)} instances, labels {' '.join(sorted(digits.labels))}, {seconds_since(start)}")

        model = maquette.MLPClassifier(layers=[64, 32], epochs=20, seed=1)
        headline("Training a neural network of 64 and 32 units")
        model.fit(digits, progress=True)

        headline("Testing with digits it has never seen")
        start = time.perf_counter()
        confidences = model.predict_proba(X_test)
        took = seconds_since(start)
        predicted = np.array(model.labels, int)[confidences.argmax(axis=1)]
        print(f"{len(X_test)} predictions, {took}")
        print(f"test accuracy: {100 * np.mean(predicted == y_test):.2f} %\n")
        # How often each digit was taken for which: rows are the digits, columns the answers.
        print(maquette.ConfusionMatrix(y_test, predicted))
        headline("A few of them")
        wrong = np.flatnonzero(predicted != y_test)[:2]
        right = np.flatnonzero(predicted == y_test)[: 4 - len(wrong)]
        chosen = [*right, *wrong]
        show_predictions(model, X_test[chosen], y_test[chosen])

        headline("Saving the model, and loading it in another process")
        id = model.save(store, "digits", metadata={"rows": len(X), "source": "examples/data/digits.csv"})
        print(f"saved as “digits”, id {id}")
        child = subprocess.run(
            [sys.executable, HERE, "--predict-again", location], capture_output=True, text=True, check=False
        )
        if child.returncode:
            print(f"the other process failed:\n{child.stderr}", file=sys.stderr)
            return 1
        process, answer = child.stdout.split()
        if answer != fingerprint(confidences):
            print(f"process {process} predicted otherwise: {answer} is not {fingerprint(confidences)}", file=sys.stderr)
            return 1
        print(f"process {process} (this is {os.getpid()}) loaded it and predicted the test digits again:")
        print(f"all {confidences.size} confidences are the same to the last bit")
    return 0


def predict_again(location: str) -> int:
    """The second process: loads the model and prints the fingerprint of its predictions."""
    _, _, X_test, _ = split(*read_digits())
    with maquette.Store(location) as store, maquette.MLPClassifier() as model:
        model.load(store, "digits")
        print(os.getpid(), fingerprint(model.predict_proba(X_test)))
    return 0


def seconds_since(start: float) -> str:
    return f"{(time.perf_counter() - start) * 1000:.1f} ms"


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # a terminal without “ shows a question mark
    arguments = sys.argv[1:]
    if arguments[:1] == ["--predict-again"]:
        sys.exit(predict_again(arguments[1]))
    status = main(arguments[0] if arguments else STORE)
    if not status:
        headline("What else there is, in examples/python")
        print("\n".join(f"{name:<14} {what}" for name, what in OTHERS))
    sys.exit(status)
