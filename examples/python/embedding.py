"""Digits on a map: UMAP lays 1,797 images out on a plane, like ones near each other, and every epoch can be watched.

    PYTHONPATH=bindings/python python3 examples/python/embedding.py [PICTURE]

PICTURE is `build/digits-map.png`, drawn by matplotlib, where that is installed, and `build/digits-map.svg` elsewhere,
which needs nothing but NumPy.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
from digits import read_digits

import maquette


def agreement(points: np.ndarray, y: np.ndarray) -> float:
    """The share of images whose nearest one on the map is the same digit."""
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    return float(np.mean(y[distances.argmin(axis=1)] == y))


def draw(points: np.ndarray, y: np.ndarray, file: Path) -> None:
    picture = maquette.Scatter(points, y, title=f"{len(y)} handwritten digits, UMAP")
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".svg":
        file.write_text(picture.svg(size=700), encoding="utf-8")
        return
    import matplotlib

    matplotlib.use("Agg")  # into a file, not a window
    picture.plot().figure.savefig(file, dpi=150)


def main(file: Path) -> int:
    X, y = read_digits()
    with maquette.UMAP(seed=1) as model:
        model.train(X)
        # Each epoch's map comes with its event, while the training goes on. Who looks too long misses some epochs, and
        # holds nothing up.
        seen, due = 0, 1
        for status in model.training:
            if status.status != "epoch" or status.matrix is None:
                continue
            seen += 1
            if status.epoch >= due:
                share = agreement(status.matrix, y)
                print(f"epoch {status.epoch:3}/{status.epochs}: {share:.1%} lie beside their like")
                due = 4 * status.epoch
        model.wait()  # raises what went wrong, if something did
        print(f"in the end, {agreement(model.embedding, y):.1%} lie beside their like; {seen} epochs were seen")
        draw(model.embedding, y, file)

        # The map takes new images, too: the same ones, moved by one pixel.
        moved = np.roll(X.reshape(-1, 8, 8), 1, axis=1).reshape(-1, 64)[:100]
        distances = np.linalg.norm(model.predict(moved) - model.embedding[:100], axis=1)
        width = np.ptp(model.embedding, axis=0).max()
        print(f"100 images moved by a pixel land {np.median(distances) / width:.1%} of the map's width away (median)")
    print(f"the map is in {file}")
    return 0


if __name__ == "__main__":
    usual = "png" if importlib.util.find_spec("matplotlib") else "svg"
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else f"build/digits-map.{usual}")))
