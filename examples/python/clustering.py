"""Digits without their labels: k-means groups images that look alike, and the labels tell how well that went.

    PYTHONPATH=bindings/python python3 examples/python/clustering.py

NumPy is all it needs.
"""

from __future__ import annotations

import sys

import numpy as np
from digits import picture, read_digits

import maquette

#: Groups to try: as many as there are digits, and more, because people write a digit in several ways.
COUNTS = (10, 15, 20)


def purity(clusters: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that have the most frequent digit of their group."""
    found = [np.bincount(labels[clusters == cluster]).max() for cluster in np.unique(clusters)]
    return float(np.sum(found) / len(labels))


def main() -> int:
    X, y = read_digits()
    model = maquette.KMeans(seed=1)

    # The centers and the cluster of each image are streams: who watches them is told whenever a training has moved
    # them, wherever it was started.
    centers = model.stream("centers").queue()
    centers.get()  # how they are before there are any

    print(f"{len(X)} images of 64 pixels, and nobody says which digits they are")
    for model.k in COUNTS:
        model.fit(X)
        places = centers.get(timeout=10)
        clusters = np.array(model.stream("clusters").value)
        sizes = np.bincount(clusters)
        print(
            f"{len(places)} groups of {sizes.min()} to {sizes.max()} images: "
            f"inertia {model.inertia:.0f}, purity {purity(clusters, y):.1%}"
        )

    print("\nThe first centers, which are images themselves, and the digits of their groups:")
    shown = model.centers[:5]
    for lines in zip(*(picture(center) for center in shown), strict=True):
        print("  " + "   ".join(lines))
    for cluster in range(len(shown)):
        digits, counts = np.unique(y[model.clusters == cluster], return_counts=True)
        most = [f"{digits[n]} ({counts[n]})" for n in counts.argsort()[::-1][:3]]
        print(f"  {cluster + 1}: {', '.join(most)}")

    answer = model.predict(X[0])
    print(f"\nThe first image, a {y[0]}, belongs to group {answer.cluster + 1}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
