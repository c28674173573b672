"""k-means: 100,000 rows of 64 features, 50 clusters, from the same centers for everybody.

The rows lie in 80 clouds that overlap, so that no assignment of 50 centers is settled within the 20 iterations, which all
do: Lloyd's, over all rows. An iteration's time is that of the whole training, from rows in memory to centers, over their
number; whatever a library does before and after, such as the assignment to the last centers, is in it. The inertia is
that of the centers that each gives, taken over all rows in 64-bit floats.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy

from .sidebyside import Report, Row, at_both, fastest, repeated, spread, take_turns, time_text

ROWS, FEATURES, CLUSTERS, CLOUDS, ITERATIONS = 100_000, 64, 50, 80, 20
TARGETS = {"faiss": 1.3, "scikit-learn": 1.3}
#: The part by which our inertia may be greater: rounding.
INERTIA = 1e-4


def data() -> tuple[numpy.ndarray, numpy.ndarray]:
    random = numpy.random.default_rng(12)
    middles = 0.7 * random.standard_normal((CLOUDS, FEATURES), dtype=numpy.float32)
    codes = random.integers(0, CLOUDS, ROWS)
    rows = middles[codes] + random.standard_normal((ROWS, FEATURES), dtype=numpy.float32)
    return rows, rows[random.choice(ROWS, CLUSTERS, replace=False)]


def inertia(rows: numpy.ndarray, centers: numpy.ndarray) -> float:
    wide, centers = rows.astype(numpy.float64), centers.astype(numpy.float64)
    products = wide @ centers.T
    nearest = ((centers**2).sum(axis=1) - 2 * products).min(axis=1)
    return float(((wide**2).sum(axis=1) + nearest).sum())


def contender(train):
    """`train(rows, start)` gives the centers after all iterations."""
    rows, start = data()

    def run(_: int) -> dict[str, Any]:
        centers = None

        def timed() -> float:
            nonlocal centers
            begin = time.perf_counter()
            centers = train(rows, start)
            return time.perf_counter() - begin

        return {"seconds": repeated(timed) / ITERATIONS, "inertia": inertia(rows, numpy.asarray(centers))}

    return run


def maquette(threads: int):
    import maquette

    maquette.set_threads(threads)
    centers = data()[1].tolist()

    def train(rows: numpy.ndarray, start: numpy.ndarray) -> numpy.ndarray:
        model = maquette.KMeans(k=CLUSTERS, init=centers, max_iterations=ITERATIONS, tolerance=0)
        return model.fit(rows).centers

    return contender(train)


def faiss(threads: int):
    import faiss

    faiss.omp_set_num_threads(threads)

    def train(rows: numpy.ndarray, start: numpy.ndarray) -> numpy.ndarray:
        model = faiss.Kmeans(FEATURES, CLUSTERS, niter=ITERATIONS, nredo=1, max_points_per_centroid=ROWS)
        model.train(rows, init_centroids=start)
        return model.centroids

    return contender(train)


def scikit_learn(threads: int):
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore", ConvergenceWarning)
    threadpool_limits(threads)

    def train(rows: numpy.ndarray, start: numpy.ndarray) -> numpy.ndarray:
        model = KMeans(CLUSTERS, init=start, n_init=1, max_iter=ITERATIONS, tol=0, algorithm="lloyd").fit(rows)
        assert model.n_iter_ == ITERATIONS
        return model.cluster_centers_

    return contender(train)


def benchmark(rounds: int) -> Report:
    peers = {"faiss": "faiss", "scikit-learn": "scikit_learn"}
    contenders = at_both("Maquette", "clusters:maquette")
    for name, function in peers.items():
        contenders += at_both(name, f"clusters:{function}")
    figures = take_turns(contenders, rounds)

    our_title, ours = fastest(figures, "Maquette")
    mine = figures[our_title]["inertia"][0]
    rows = []
    for peer, factor in TARGETS.items():
        title, theirs = fastest(figures, peer)
        rows.append(
            Row(
                f"an iteration of k-means, against {title}", time_text(ours), time_text(theirs), theirs / ours,
                f"at least {factor} ×", theirs >= factor * ours,
            )  # fmt: skip
        )
    for peer in TARGETS:
        theirs = figures[f"{peer}, 1 thread"]["inertia"][0]
        rows.append(
            Row(
                f"inertia, against {peer}", f"{mine:.6g}", f"{theirs:.6g}", None, f"at most {INERTIA:.0e} of it more",
                mine <= (1 + INERTIA) * theirs,
            )  # fmt: skip
        )
    details = ["| contender | an iteration, median (least … most) | inertia |", "|---|---|---|"]
    for title, values in figures.items():
        details.append(f"| {title} | {spread(values['seconds'])} | {values['inertia'][0]:.7g} |")
    conditions = (
        f"{ROWS:,} rows × {FEATURES} from {CLOUDS} clouds, {CLUSTERS} clusters, the same centers to begin with, "
        f"{ITERATIONS} iterations for all. Medians of {rounds} rounds in turn; each at the better of one and two threads."
    )
    return Report("k-means", conditions, rows, figures, details)
