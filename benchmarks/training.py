"""Training a small network: the same network, rows, mini-batches and steps for everybody.

64 inputs, hidden layers of 64 and 32 with ReLU, 10 outputs, softmax and cross entropy; Adam with a learning rate of
0.001, 20 epochs in mini-batches of 8, the rows in a new order every epoch. All 1,438 training rows are learned by all,
which is 180 steps an epoch, the last with 6 rows; nobody validates, stops early or regularises. All rows are 32-bit
floats in memory already. The time is that of the whole training: for Maquette the call that copies the rows, trains
and waits, with a fitted model after every epoch and the events that report it; for scikit-learn `fit`; for PyTorch the
loop; for JAX the call of one compiled and warm function that runs all epochs. The seed is the number of the round; a
training shorter than half a second is repeated for so long, with the same seed, and the median is its figure.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy

from . import digits
from .sidebyside import Report, Row, at_both, fastest, repeated, spread, take_turns, time_text

LAYERS, BATCH, EPOCHS, RATE = [64, 32], 8, 20, 0.001
WIDTHS = [64, *LAYERS, 10]

#: Peer → our time at most this part of theirs.
TARGETS = {"scikit-learn": 50, "PyTorch": 80, "JAX": 3}
#: Percentage points by which our mean accuracy may be below a peer's.
ACCURACY = 0.5


def maquette(threads: int):
    import maquette

    data = digits.load()
    labels = [str(digit) for digit in data.y]
    truth = data.test_y.astype(str)
    maquette.set_threads(threads)

    def run(round: int) -> dict[str, Any]:
        model = None

        def train() -> float:
            nonlocal model
            model = maquette.MLPClassifier(
                layers=LAYERS, epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE, validation_split=0, seed=round
            )
            start = time.perf_counter()
            model.fit(data.X, labels)
            return time.perf_counter() - start

        seconds = repeated(train)
        return {"seconds": seconds, "accuracy": float((model.predict(data.test_X) == truth).mean())}

    return run


def scikit_learn(threads: int):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore", ConvergenceWarning)
    data = digits.load()

    def run(round: int) -> dict[str, Any]:
        model = MLPClassifier(
            LAYERS, solver="adam", alpha=0, batch_size=BATCH, learning_rate_init=RATE, max_iter=EPOCHS,
            tol=0, n_iter_no_change=EPOCHS + 1, random_state=round,
        )  # fmt: skip

        def train() -> float:
            start = time.perf_counter()
            model.fit(data.X, data.y)
            return time.perf_counter() - start

        with threadpool_limits(threads):
            seconds = repeated(train)
        assert model.n_iter_ == EPOCHS
        return {"seconds": seconds, "accuracy": float(model.score(data.test_X, data.test_y))}

    return run


def pytorch(threads: int):
    import torch

    torch.set_num_threads(threads)
    data = digits.load()
    X, y = torch.from_numpy(data.X), torch.from_numpy(data.y).long()

    def run(round: int) -> dict[str, Any]:
        torch.manual_seed(round)
        model = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)
        )
        loss = torch.nn.CrossEntropyLoss()
        adam = torch.optim.Adam(model.parameters(), lr=RATE)
        start = time.perf_counter()
        for _ in range(EPOCHS):
            order = torch.randperm(len(X))
            for first in range(0, len(X), BATCH):
                rows = order[first : first + BATCH]
                adam.zero_grad()
                loss(model(X[rows]), y[rows]).backward()
                adam.step()
        seconds = time.perf_counter() - start
        with torch.no_grad():
            right = model(torch.from_numpy(data.test_X)).argmax(1).numpy() == data.test_y
        return {"seconds": seconds, "accuracy": float(right.mean())}

    return run


def jax(threads: int):
    """The fastest of what was tried, each compiled to one function: parameters as one flat array, so that Adam is one
    loop; labels as one-hot rows; the rows of an epoch gathered before its scan. Slower: a tree of parameters,
    gathering inside the scan, look-up in place of one-hot rows, unrolling, a call for each epoch."""
    import jax
    from jax import lax
    from jax import numpy as jnp
    from jax.flatten_util import ravel_pytree

    data = digits.load()
    X, y = jnp.asarray(data.X), jnp.asarray(data.y)
    rows = len(data.X)
    steps, rest = divmod(rows, BATCH)

    def initial(generator: numpy.random.Generator):
        """Glorot & Bengio's uniform distribution, as scikit-learn has it."""
        layers = []
        for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
            limit = (6 / (inputs + outputs)) ** 0.5
            weights = generator.uniform(-limit, limit, (inputs, outputs)).astype(numpy.float32)
            layers.append((weights, numpy.zeros(outputs, numpy.float32)))
        return ravel_pytree(layers)

    _, unflatten = initial(numpy.random.default_rng(0))

    def logits(parameters, x):
        *hidden, (weights, bias) = unflatten(parameters)
        for inner, inner_bias in hidden:
            x = jax.nn.relu(x @ inner + inner_bias)
        return x @ weights + bias

    def loss(parameters, x, hot):
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits(parameters, x)) * hot, axis=1))

    def step(state, batch):
        parameters, first, second, count = state
        x, labels = batch
        gradient = jax.grad(loss)(parameters, x, jax.nn.one_hot(labels, WIDTHS[-1]))
        count += 1
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient * gradient
        rate = RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        return (parameters - rate * first / (jnp.sqrt(second) + 1e-8), first, second, count), None

    def epoch(state, order, X, y):
        x, labels = X[order], y[order]
        whole = steps * BATCH
        batches = x[:whole].reshape(steps, BATCH, -1), labels[:whole].reshape(steps, BATCH)
        state, _ = lax.scan(step, state, batches)
        if rest:
            state, _ = step(state, (x[whole:], labels[whole:]))
        return state

    @jax.jit
    def train(parameters, orders, X, y):
        zeros = jnp.zeros_like(parameters)
        state = parameters, zeros, zeros, jnp.float32(0)
        (parameters, *_), _ = lax.scan(lambda state, order: (epoch(state, order, X, y), None), state, orders)
        return parameters

    def run(round: int) -> dict[str, Any]:
        parameters = None

        def learn() -> float:
            nonlocal parameters
            generator = numpy.random.default_rng(round)
            parameters, _ = initial(generator)
            jax.block_until_ready(parameters)
            start = time.perf_counter()
            orders = numpy.stack([generator.permutation(rows) for _ in range(EPOCHS)]).astype(numpy.int32)
            parameters = jax.block_until_ready(train(parameters, orders, X, y))
            return time.perf_counter() - start

        seconds = repeated(learn)
        right = numpy.asarray(logits(parameters, data.test_X)).argmax(1) == data.test_y
        return {"seconds": seconds, "accuracy": float(right.mean())}

    return run


def benchmark(rounds: int) -> Report:
    peers = {"scikit-learn": "scikit_learn", "PyTorch": "pytorch", "JAX": "jax"}
    contenders = at_both("Maquette", "training:maquette")
    for name, function in peers.items():
        contenders += at_both(name, f"training:{function}")
    figures = take_turns(contenders, rounds)

    _, ours = fastest(figures, "Maquette")
    accuracy = 100 * mean(figures["Maquette, 1 thread"]["accuracy"])
    rows = []
    for peer, factor in TARGETS.items():
        title, theirs = fastest(figures, peer)
        rows.append(
            Row(
                f"train, against {title}", time_text(ours), time_text(theirs), theirs / ours,
                f"at least {factor} ×", theirs >= factor * ours,
            )  # fmt: skip
        )
    for peer in TARGETS:
        theirs = 100 * mean(figures[f"{peer}, 1 thread"]["accuracy"])
        rows.append(
            Row(
                f"accuracy, against {peer}", f"{accuracy:.2f} %", f"{theirs:.2f} %", None,
                f"at most {ACCURACY} points less", accuracy >= theirs - ACCURACY,
            )  # fmt: skip
        )
    details = ["| contender | median (least … most) | test accuracy, mean |", "|---|---|---|"]
    for title, values in figures.items():
        details.append(f"| {title} | {spread(values['seconds'])} | {100 * mean(values['accuracy']):.2f} % |")
    conditions = (
        f"Digits, 1,438 rows × 64; layers 64 and 32, mini-batches of {BATCH}, {EPOCHS} epochs, Adam {RATE}; no "
        f"validation, the same {EPOCHS * 180} steps for all. Medians and mean accuracies of {rounds} rounds, seeds 0 "
        f"to {rounds - 1}, in turn; each at the better of one and two threads."
    )
    return Report("Training", conditions, rows, figures, details)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)
