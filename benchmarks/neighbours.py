"""The nearest of many rows, exactly: 50,000 rows of 128 features, for 5,000 queries in one call, and one by one.

Rows and queries come from the same 100 clouds. Everybody holds the rows already and gives the numbers and the distances of
the k nearest for each query, by the straight line: Maquette `neighbours` of a model, faiss `search` of an IndexFlatL2,
scikit-learn `kneighbors` by brute force; 32-bit floats in, NumPy arrays out. A query alone is the median of 200, each
another one, so that no answer is in a cache that the rows do not fit.

The part of the neighbours that is right stands beside the times, against the distances in 64-bit floats; where two rows
are equally far but for rounding, either is right.
"""

from __future__ import annotations

import time
from typing import Any

import numpy

from .sidebyside import Report, Row, at_both, fastest, repeated, spread, take_turns, time_text

ROWS, FEATURES, QUERIES, CLOUDS = 50_000, 128, 5_000, 100
COUNTS = (3, 10)
ALONE, CHECKED = 200, 250
#: A peer's time over ours, at least: of many queries, of one.
MANY_TARGETS = {"faiss": 1.3, "scikit-learn": 1.3}
ONE_TARGETS = {"faiss": 1.2, "scikit-learn": 1.2}


def data() -> tuple[numpy.ndarray, numpy.ndarray]:
    random = numpy.random.default_rng(11)
    middles = random.standard_normal((CLOUDS, FEATURES), dtype=numpy.float32)
    total = ROWS + QUERIES
    points = middles[random.integers(0, CLOUDS, total)] + random.standard_normal((total, FEATURES), dtype=numpy.float32)
    return points[:ROWS], points[ROWS:]


def limits(rows: numpy.ndarray, queries: numpy.ndarray) -> numpy.ndarray:
    """How far a neighbour may be at the most, for each checked query and count: squared, without the query's own square."""
    distances = measured(rows, queries)
    return numpy.stack([numpy.partition(distances, count - 1)[:, count - 1] for count in COUNTS])


def measured(rows: numpy.ndarray, queries: numpy.ndarray) -> numpy.ndarray:
    wide = rows.astype(numpy.float64)
    return (wide**2).sum(axis=1) - 2 * (queries[:CHECKED].astype(numpy.float64) @ wide.T)


def right(rows: numpy.ndarray, queries: numpy.ndarray, found: numpy.ndarray, limits: numpy.ndarray) -> float:
    """The part of the found neighbours that are no farther than the last of the nearest."""
    hits = 0
    for query, ids, limit in zip(queries[:CHECKED].astype(numpy.float64), found[:CHECKED], limits, strict=True):
        wide = rows[numpy.unique(ids)].astype(numpy.float64)
        distances = (wide**2).sum(axis=1) - 2 * (wide @ query)
        hits += int((distances <= limit + 1e-6 * abs(limit)).sum())
    return hits / found[:CHECKED].size


def contender(search):
    """`search(queries, count)` gives distances and ids, [queries, count]."""
    rows, queries = data()
    search = search(rows)
    farthest = dict(zip(COUNTS, limits(rows, queries), strict=True))
    following = 0

    def run(_: int) -> dict[str, Any]:
        nonlocal following
        figures: dict[str, Any] = {}
        for count in COUNTS:
            found = None

            def many() -> float:
                nonlocal found
                start = time.perf_counter()
                found = search(queries, count)
                return time.perf_counter() - start

            figures[f"many {count}"] = repeated(many)
            figures[f"right {count}"] = right(rows, queries, numpy.asarray(found), farthest[count])
            alone = []
            for _ in range(ALONE):
                query = queries[following % QUERIES : following % QUERIES + 1]
                following += 1
                start = time.perf_counter()
                search(query, count)
                alone.append(time.perf_counter() - start)
            figures[f"one {count}"] = float(numpy.median(alone))
        return figures

    return run


def maquette(threads: int):
    import maquette

    maquette.set_threads(threads)

    def prepare(rows: numpy.ndarray):
        model = maquette.KNNRegressor(k=max(COUNTS), metric="euclidean").fit(rows, numpy.zeros(len(rows)))
        return lambda queries, count: model.neighbours(queries, count)[0]

    return contender(prepare)


def faiss(threads: int):
    import faiss

    faiss.omp_set_num_threads(threads)

    def prepare(rows: numpy.ndarray):
        index = faiss.IndexFlatL2(FEATURES)
        index.add(rows)
        return lambda queries, count: index.search(queries, count)[1]

    return contender(prepare)


def scikit_learn(threads: int):
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)

    def prepare(rows: numpy.ndarray):
        model = NearestNeighbors(algorithm="brute", n_jobs=threads).fit(rows)
        return lambda queries, count: model.kneighbors(queries, count)[1]

    return contender(prepare)


def benchmark(rounds: int) -> Report:
    peers = {"faiss": "faiss", "scikit-learn": "scikit_learn"}
    contenders = at_both("Maquette", "neighbours:maquette")
    for name, function in peers.items():
        contenders += at_both(name, f"neighbours:{function}")
    figures = take_turns(contenders, rounds)

    rows = []
    for what, targets, words in (
        ("many", MANY_TARGETS, f"{QUERIES:,} queries"),
        ("one", ONE_TARGETS, "one query"),
    ):
        for count in COUNTS:
            _, ours = fastest(figures, "Maquette", f"{what} {count}")
            for peer, factor in targets.items():
                title, theirs = fastest(figures, peer, f"{what} {count}")
                rows.append(
                    Row(
                        f"{count} nearest, {words}, against {title}", time_text(ours), time_text(theirs),
                        theirs / ours, f"at least {factor} ×", theirs >= factor * ours,
                    )  # fmt: skip
                )
    for count in COUNTS:
        mine = min(min(figures[title][f"right {count}"]) for title in figures if title.startswith("Maquette"))
        theirs = max(max(values[f"right {count}"]) for values in figures.values())
        rows.append(
            Row(
                f"{count} nearest, the part that is right", f"{mine:.4%}", f"{theirs:.4%}", None, "no less", mine >= theirs
            )
        )
    shown = [f"{what} {count}" for what in ("many", "one") for count in COUNTS]
    heads = [f"{count} nearest, {words}" for words in ("all queries", "one query") for count in COUNTS]
    details = [f"| contender | {' | '.join(heads)} | right |", "|---" * (len(heads) + 2) + "|"]
    for title, values in figures.items():
        least = min(min(values[f"right {count}"]) for count in COUNTS)
        details.append(f"| {title} | {' | '.join(spread(values[name]) for name in shown)} | {least:.4%} |")
    conditions = (
        f"{ROWS:,} rows × {FEATURES} from {CLOUDS} clouds, {QUERIES:,} queries in one call, and {ALONE} one by one; exact, "
        f"by Euclidean distance. Medians of {rounds} rounds in turn; each at the better of one and two threads."
    )
    return Report("Nearest neighbours", conditions, rows, figures, details)
