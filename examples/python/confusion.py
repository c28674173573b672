"""Digits that are mistaken for others: a batch prediction in a store, and the confusion matrix that keeps up with it.

    PYTHONPATH=bindings/python python3 examples/python/confusion.py [PICTURE]

PICTURE is `build/digits-confusion.png`, drawn by matplotlib, where that is installed, and
`build/digits-confusion.html` elsewhere, which needs nothing but NumPy.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from digits import read_digits, split

import maquette


def draw(confusion: maquette.ConfusionMatrix, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".html":
        # What a notebook shows.
        file.write_text(f"<!doctype html><meta charset=utf-8>{confusion._repr_html_()}", encoding="utf-8")
        return
    import matplotlib

    matplotlib.use("Agg")  # into a file, not a window
    confusion.plot().figure.savefig(file, dpi=150)


def main(file: Path) -> int:
    X, y, X_test, y_test = split(*read_digits())
    # A small network that has seen few digits: so that there is something to be mistaken.
    model = maquette.MLPClassifier(layers=[16], epochs=20, seed=1).fit(X[:400], y[:400])

    with maquette.Store() as store, store.dataset("test set") as dataset, store.batch_prediction("test set") as batch:
        dataset.append(X_test[:200], y_test[:200])
        batch.predict(model, dataset, progress=True).wait()
        confusion = batch.confusion()
        print(f"of {confusion.total} digits, {confusion.accuracy:.1%} are right\n")

        # More of them: what has a prediction already keeps it, and the matrix keeps up.
        dataset.append(X_test[200:], y_test[200:])
        batch.predict(model, dataset, progress=True, resume=True).wait()
        print(f"of {confusion.total} digits, {confusion.accuracy:.1%} are right\n")
        print(confusion)

        counts, labels = confusion.matrix, confusion.labels
        mistakes = [
            (int(counts[i, j]), true, predicted)
            for i, true in enumerate(labels)
            for j, predicted in enumerate(labels)
            if i != j
        ]
        print("\nMost often:", ", ".join(f"{a} taken for {b} ({n} times)" for n, a, b in sorted(mistakes)[:-4:-1]))
        worst = min(confusion.scores, key=lambda label: confusion.scores[label].f1)
        precision, recall, f1, support = confusion.scores[worst]
        print(f"Worst: {worst}, precision {precision:.1%}, recall {recall:.1%}, F1 {f1:.1%}, {support} of them")

        results = batch.results()
        sure = results.confidences.max(axis=1) > 0.9
        right = results.labels[sure] == results.y_true[sure]
        print(f"Where the model is more than 90 % sure, {sure.sum()} times, {right.mean():.1%} are right")
        draw(confusion, file)
    print(f"the matrix is in {file}")
    return 0


if __name__ == "__main__":
    usual = "png" if importlib.util.find_spec("matplotlib") else "html"
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else f"build/digits-confusion.{usual}")))
