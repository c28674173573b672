"""UMAP: the 1,797 digits, and 20,000 rows of 50 features, into the plane.

15 neighbours, a least distance of 0.1 and the same number of epochs for both: 500 for the digits, 200 for the others. The
time is that of the training, from rows of 32-bit floats in memory to their places. umap-learn may take its exact
neighbours, which it has for fewer than 4,096 rows, or its approximate ones, whichever is faster, and has no fixed seed, with which it would use one thread only.
It compiles itself when it is first called: a warm call is compared with a warm call; and the first call of a fresh
process, for which umap-learn may have kept some of its compiled code from earlier runs, with the first call.

Trustworthiness, of 12 neighbours: Venna & Kaski, "Neighborhood preservation in nonlinear projection methods", 2001; over
2,000 of the rows, means of all rounds.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy

from . import digits
from .sidebyside import Contender, Process, Report, Row, fastest, median, note, spread, take_turns, time_text

NEIGHBOURS, TRUSTED, SAMPLE = 15, 12, 2_000
EPOCHS = {"digits": 500, "clouds": 200}
TITLES = {"digits": "1,797 digits × 64", "clouds": "20,000 × 50"}
TARGET = 2.5
#: How much less trustworthy ours may be.
TRUST = 0.005
#: How often a first call is made, each in a process of its own.
FIRST = 2


def data(work: str) -> numpy.ndarray:
    if work == "digits":
        loaded = digits.load()
        return numpy.concatenate([loaded.X, loaded.test_X])
    # Twelve bent sheets of four dimensions each, with noise in all 50.
    random = numpy.random.default_rng(14)
    parts = []
    for _ in range(12):
        inner = random.standard_normal((20_000 // 12 + 1, 4))
        bent = numpy.tanh(inner @ random.standard_normal((4, 16))) @ random.standard_normal((16, 50)) / 4
        parts.append(bent + random.standard_normal(50) + 0.1 * random.standard_normal((len(inner), 50)))
    rows = numpy.concatenate(parts)
    return numpy.ascontiguousarray(rows[random.permutation(len(rows))[:20_000]], dtype=numpy.float32)


def trustworthiness(rows: numpy.ndarray, places: numpy.ndarray) -> float:
    count = len(rows)
    wide, flat = rows.astype(numpy.float64), places.astype(numpy.float64)
    squares, flat_squares = (wide**2).sum(axis=1), (flat**2).sum(axis=1)
    chosen = numpy.random.default_rng(0).permutation(count)[:SAMPLE]
    penalty = 0.0
    for row in chosen:
        near = flat_squares - 2 * (flat @ flat[row])
        near[row] = -numpy.inf
        neighbours = numpy.argpartition(near, TRUSTED)[: TRUSTED + 1]
        distances = squares - 2 * (wide @ wide[row])
        distances[row] = -numpy.inf
        ranks = numpy.searchsorted(numpy.sort(distances), distances[neighbours[neighbours != row]])
        penalty += numpy.maximum(0, ranks - TRUSTED).sum()
    return 1 - 2 * penalty / (len(chosen) * TRUSTED * (2 * count - 3 * TRUSTED - 1))


def contender(work: str, train):
    """`train(rows, round)` gives the places."""
    rows = data(work)

    def run(round: int) -> dict[str, Any]:
        start = time.perf_counter()
        places = train(rows, round)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "trust": trustworthiness(rows, numpy.asarray(places))}

    return run


def maquette(work: str, threads: int):
    import maquette

    maquette.set_threads(threads)

    def train(rows: numpy.ndarray, round: int) -> numpy.ndarray:
        return maquette.UMAP(n_neighbors=NEIGHBOURS, epochs=EPOCHS[work], seed=round).fit(rows).embedding

    return contender(work, train)


def umap_learn(work: str, threads: int, approximate: bool):
    warnings.simplefilter("ignore")
    from umap import UMAP

    def train(rows: numpy.ndarray, round: int) -> numpy.ndarray:
        model = UMAP(
            n_neighbors=NEIGHBOURS, n_epochs=EPOCHS[work], n_jobs=threads, force_approximation_algorithm=approximate
        )
        return model.fit_transform(rows)

    return contender(work, train)


def contenders(work: str) -> list[Contender]:
    made = []
    for threads in (1, 2):
        made.append(Contender("Maquette", "embedding:maquette", threads, {"work": work}))
    names = [("umap-learn", False), ("umap-learn, approximate", True)]
    # From 4,096 rows on umap-learn is approximate unless told otherwise, and both would be the same.
    for name, approximate in names[: 2 if work == "digits" else 1]:
        for threads in (1, 2):
            options = {"work": work, "approximate": approximate}
            environment = {"NUMBA_NUM_THREADS": str(threads)}
            made.append(Contender(name, "embedding:umap_learn", threads, options, environment))
    return made


def first_calls(work: str) -> dict[str, list[float]]:
    """Title → seconds of the first call in some fresh processes, in turn."""
    firsts: dict[str, list[float]] = {}
    for time_around in range(FIRST):
        for contender in contenders(work):
            if contender.threads == 1:
                continue
            note(f"  first call {time_around + 1} of {FIRST}: {contender.title}")
            process = Process(contender)
            try:
                firsts.setdefault(contender.title, []).append(process.run(0)["seconds"])
            finally:
                process.close()
    note("")
    return firsts


def embedding(work: str, rounds: int) -> Report:
    firsts = first_calls(work)
    figures = take_turns(contenders(work), rounds)

    our_title, ours = fastest(figures, "Maquette")
    title, theirs = fastest(figures, "umap-learn")
    our_first = median(firsts["Maquette, 2 threads"])
    first_title = min((name for name in firsts if name.startswith("umap")), key=lambda name: median(firsts[name]))
    their_first = median(firsts[first_title])
    mine, other = mean(figures[our_title]["trust"]), mean(figures[title]["trust"])
    rows = [
        Row(
            f"UMAP of {TITLES[work]}, against {title}", time_text(ours), time_text(theirs), theirs / ours,
            f"at least {TARGET} ×", theirs >= TARGET * ours,
        ),
        Row(
            f"the first call, against {first_title}", time_text(our_first), time_text(their_first),
            their_first / our_first, f"at least {TARGET} ×", their_first >= TARGET * our_first,
        ),
        Row(f"trustworthiness, against {title}", f"{mine:.4f}", f"{other:.4f}", None, f"at most {TRUST} less", mine >= other - TRUST),
    ]  # fmt: skip
    details = ["| contender | median (least … most) | first calls | trustworthiness, mean |", "|---|---|---|---|"]
    for name, values in figures.items():
        first = spread(firsts[name]) if name in firsts else ""
        details.append(f"| {name} | {spread(values['seconds'])} | {first} | {mean(values['trust']):.4f} |")
    conditions = (
        f"{TITLES[work]} into the plane, {NEIGHBOURS} neighbours, {EPOCHS[work]} epochs for both, umap-learn compiled and "
        f"warm; first calls in {FIRST} fresh processes each, with two threads. Medians and means of {rounds} rounds in "
        "turn; each at the better of one and two threads."
    )
    return Report(f"UMAP of {TITLES[work]}", conditions, rows, figures | {"first calls": firsts}, details)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def benchmark(rounds: int) -> list[Report]:
    return [embedding("digits", rounds), embedding("clouds", rounds)]
