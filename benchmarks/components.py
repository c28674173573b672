"""Principal components: 50,000 rows of 256 features to 16 components.

The rows vary along 40 hidden directions, the first much more than the last, and there is noise in every feature. The time
is that of the training, from rows of 32-bit floats in memory to components. scikit-learn has several solvers: that by
the eigenvectors of the covariance is its fastest here and stands for it; its randomised one is shown beside it. faiss
trains a PCAMatrix. The explained variance is that of the rows along the components that each gives, in 64-bit floats.
"""

from __future__ import annotations

import time
from typing import Any

import numpy

from .sidebyside import Contender, Report, Row, at_both, fastest, repeated, spread, take_turns, time_text

ROWS, FEATURES, COMPONENTS, HIDDEN = 50_000, 256, 16, 40
TARGETS = {"faiss": 1.5, "scikit-learn": 1.5}
#: The part of all variance by which ours may explain less: rounding.
VARIANCE = 1e-5


def data() -> numpy.ndarray:
    random = numpy.random.default_rng(13)
    hidden = random.standard_normal((ROWS, HIDDEN), dtype=numpy.float32) * (3 / (1 + numpy.arange(HIDDEN)) ** 0.5)
    directions = random.standard_normal((HIDDEN, FEATURES), dtype=numpy.float32) / FEATURES**0.5
    noise = 0.2 * random.standard_normal((ROWS, FEATURES), dtype=numpy.float32)
    means = random.standard_normal(FEATURES, dtype=numpy.float32)
    return (hidden.astype(numpy.float32) @ directions + noise + means).astype(numpy.float32)


def explained(rows: numpy.ndarray, components: numpy.ndarray) -> float:
    """The share of all variance; components that are not at right angles do not count twice."""
    basis, _ = numpy.linalg.qr(components.astype(numpy.float64).T)
    wide = rows - rows.mean(axis=0, dtype=numpy.float64)
    return float(((wide @ basis) ** 2).sum() / (wide**2).sum())


def contender(train):
    """`train(rows)` gives the components, [components, features]."""
    rows = data()

    def run(_: int) -> dict[str, Any]:
        components = None

        def timed() -> float:
            nonlocal components
            begin = time.perf_counter()
            components = train(rows)
            return time.perf_counter() - begin

        return {"seconds": repeated(timed), "explained": explained(rows, numpy.asarray(components))}

    return run


def maquette(threads: int):
    import maquette

    maquette.set_threads(threads)
    return contender(lambda rows: maquette.PCA(n_components=COMPONENTS).fit(rows).components)


def faiss(threads: int):
    import faiss

    faiss.omp_set_num_threads(threads)

    def train(rows: numpy.ndarray) -> numpy.ndarray:
        matrix = faiss.PCAMatrix(FEATURES, COMPONENTS)
        matrix.train(rows)
        return faiss.vector_to_array(matrix.A).reshape(COMPONENTS, FEATURES)

    return contender(train)


def scikit_learn(threads: int, solver: str):
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    return contender(lambda rows: PCA(COMPONENTS, svd_solver=solver, random_state=0).fit(rows).components_)


def benchmark(rounds: int) -> Report:
    contenders = at_both("Maquette", "components:maquette")
    contenders += at_both("faiss", "components:faiss")
    contenders += at_both("scikit-learn", "components:scikit_learn", solver="covariance_eigh")
    contenders += [
        Contender("scikit-learn's randomised solver", "components:scikit_learn", threads, {"solver": "randomized"})
        for threads in (1, 2)
    ]
    figures = take_turns(contenders, rounds)

    our_title, ours = fastest(figures, "Maquette")
    mine = figures[our_title]["explained"][0]
    rows = []
    for peer, factor in TARGETS.items():
        title, theirs = fastest(figures, peer)
        rows.append(
            Row(
                f"principal components, against {title}", time_text(ours), time_text(theirs), theirs / ours,
                f"at least {factor} ×", theirs >= factor * ours,
            )  # fmt: skip
        )
    for peer in TARGETS:
        theirs = figures[f"{peer}, 1 thread"]["explained"][0]
        rows.append(
            Row(
                f"variance explained, against {peer}", f"{mine:.6%}", f"{theirs:.6%}", None,
                f"at most {VARIANCE:.0e} less", mine >= theirs - VARIANCE,
            )  # fmt: skip
        )
    details = ["| contender | median (least … most) | variance explained |", "|---|---|---|"]
    for title, values in figures.items():
        details.append(f"| {title} | {spread(values['seconds'])} | {values['explained'][0]:.6%} |")
    conditions = (
        f"{ROWS:,} rows × {FEATURES} of 32-bit floats to {COMPONENTS} components, the training alone. Medians of {rounds} "
        "rounds in turn; each at the better of one and two threads."
    )
    return Report("Principal components", conditions, rows, figures, details)
