"""Writes umap-learn.json: what umap-learn makes of a few rows, for the tests to compare with.

    pip install umap-learn && python Tests/Fixtures/make_umap_fixtures.py

Run again only to add a case: the tests hold the committed file to be right.
"""

import json
import pathlib
import warnings

import numpy as np

warnings.filterwarnings("ignore")

import umap
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness
from sklearn.metrics import pairwise_distances
from umap.umap_ import (
    discrete_metric_simplicial_set_intersection,
    find_ab_params,
    fuzzy_simplicial_set,
)

random = np.random.default_rng(3)
rows = random.normal(size=(40, 3)).round(3)
rows[7] = rows[3]  # a row that is there twice
codes = random.integers(-1, 3, size=40)


def edges(graph):
    graph = graph.tocoo()
    return sorted([int(i), int(j), round(float(w), 6)] for i, j, w in zip(graph.row, graph.col, graph.data) if w > 0)


graphs = []
for metric in ("euclidean", "cosine", "manhattan"):
    for neighbours in (2, 5, 12):
        # Of equally near rows the earlier, but the row itself before all.
        distances = pairwise_distances(rows, metric=metric).round(12)
        np.fill_diagonal(distances, -1)
        found = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
        distances = np.maximum(np.take_along_axis(distances, found, axis=1), 0)
        graph, _, _ = fuzzy_simplicial_set(
            rows, neighbours, random, metric, knn_indices=found, knn_dists=distances.astype(np.float32)
        )
        case = {"metric": metric, "nNeighbors": neighbours, "edges": edges(graph)}
        if metric == "euclidean":
            weakened = discrete_metric_simplicial_set_intersection(graph, codes, far_dist=5.0)
            case["supervised"] = edges(weakened)
        graphs.append(case)

pixels = load_digits().data / 16
fixture = {
    "made with": f"umap-learn {umap.__version__}",
    "rows": rows.tolist(),
    "codes": codes.tolist(),
    "graphs": graphs,
    "curves": [
        {"minDist": m, "spread": s, "ab": [round(float(v), 6) for v in find_ab_params(s, m)]}
        for m, s in ((0.1, 1.0), (0.0, 1.0), (0.5, 1.0), (0.9, 1.0), (0.1, 3.0), (0.3, 0.5))
    ],
    "digits": sorted(
        round(float(trustworthiness(pixels, umap.UMAP(random_state=seed).fit_transform(pixels), n_neighbors=15)), 4)
        for seed in range(5)
    ),
}
target = pathlib.Path(__file__).with_name("umap-learn.json")
target.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
print(target, target.stat().st_size, "bytes", fixture["digits"], fixture["curves"])
