"""Larger work for networks: a wide classifier, a regression, and the prediction of many rows.

Training: the same network, rows, mini-batches and steps for everybody, as in `training.py`: Adam with a learning rate of
0.001, the rows in a new order every epoch, nobody validates or regularises; the time is that of the whole training, with
rows of 32-bit floats in memory. PyTorch's Adam is the fused one. JAX's is one compiled and warm function over all
epochs; its parameters are one flat array where they are few, a tree where they are many: each is the faster there.

- wide: 784 → 512 → 256 → 10, mini-batches of 128, 20,000 rows, which are noise around three middles for each class.
  Maquette starts its weights as PyTorch does (`initializer="fan-in-uniform"`): with the start of TensorFlow.js, its
  default, and of scikit-learn both it and PyTorch get 1.5 points less of these rows after three epochs.
  Beside the times stands the rate of their matrix products, and that of the machine's sgemm on the very same shapes:
  OpenBLAS, as NumPy brings it, with nothing else between the products.
- regression: 8 → 64 → 32 → 1, mini-batches of 8, 10,000 rows of Friedman's first function, 1991, with noise.

Predicting: 100,000 rows of 64 features in one call, by a network of 64 and 32 units that Maquette has trained on the
digits; ONNX Runtime and PyTorch get its weights. How far the answers are apart is stated.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy

from . import digits, prediction
from .sidebyside import WORK, Report, Row, at_both, fastest, once, repeated, spread, take_turns, time_text

RATE = 0.001


@dataclass(frozen=True)
class Work:
    """What is learned, and at what speed: our time at most this part of a peer's."""

    title: str
    rows: int
    widths: tuple[int, ...]
    batch: int
    epochs: int
    targets: dict[str, float]

    @property
    def is_classification(self) -> bool:
        return self.widths[-1] > 1

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch)

    @property
    def operations(self) -> float:
        """Of the matrix products of one epoch: forward, the gradient of the weights, that of the inputs."""
        layers = list(zip(self.widths, self.widths[1:]))
        return 2.0 * self.rows * (3 * sum(i * o for i, o in layers) - layers[0][0] * layers[0][1])


WORKS = {
    "wide": Work(
        "a wide classifier", 20_000, (784, 512, 256, 10), 128, 3, {"scikit-learn": 1.3, "PyTorch": 1.3, "JAX": 1.15}
    ),
    "regression": Work(
        "a regression", 10_000, (8, 64, 32, 1), 8, 5, {"scikit-learn": 50, "PyTorch": 80, "JAX": 2.5}
    ),
}
#: The part of sgemm's rate that a training must reach.
SGEMM = 0.8
#: How much worse our mean figure may be than a peer's: points of accuracy, or a part of the mean absolute error.
ACCURACY, ERROR = 0.5, 0.05


@dataclass
class Data:
    X: numpy.ndarray
    y: numpy.ndarray
    test_X: numpy.ndarray
    test_y: numpy.ndarray


def data(work: str) -> Data:
    size = WORKS[work].rows
    random = numpy.random.default_rng(5)
    total = size + size // 5
    if work == "wide":
        middles = 0.16 * random.standard_normal((30, 784), dtype=numpy.float32)
        codes = random.integers(0, 30, total)
        X, y = middles[codes] + random.standard_normal((total, 784), dtype=numpy.float32), codes % 10
    else:
        X = random.random((total, 8), dtype=numpy.float32)
        y = 10 * numpy.sin(numpy.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
        y = ((y + random.standard_normal(total)) / 5).astype(numpy.float32)
    return Data(X[:size], y[:size], X[size:], y[size:])


def quality(work: str, answers: numpy.ndarray, truth: numpy.ndarray) -> float:
    """The share of right answers, or the mean absolute error."""
    if WORKS[work].is_classification:
        return float((answers == truth).mean())
    return float(numpy.abs(numpy.ravel(answers) - truth).mean())


# ---------------------------------------------------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------------------------------------------------


def maquette(work: str, threads: int):
    import maquette

    what, rows = WORKS[work], data(work)
    maquette.set_threads(threads)
    hidden = list(what.widths[1:-1])
    shared = {"epochs": what.epochs, "batch_size": what.batch, "learning_rate": RATE, "validation_split": 0}
    y = [str(label) for label in rows.y] if what.is_classification else rows.y

    def run(round: int) -> dict[str, Any]:
        model = None

        def train() -> float:
            nonlocal model
            if what.is_classification:
                model = maquette.MLPClassifier(layers=hidden, seed=round, initializer="fan-in-uniform", **shared)
            else:
                model = maquette.MLPRegressor(units=hidden, seed=round, **shared)
            start = time.perf_counter()
            model.fit(rows.X, y)
            return time.perf_counter() - start

        seconds = repeated(train)
        answers = model.predict(rows.test_X)
        answers = answers.astype(int) if what.is_classification else answers
        return {"seconds": seconds, "quality": quality(work, answers, rows.test_y)}

    return run


def scikit_learn(work: str, threads: int):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore", ConvergenceWarning)
    what, rows = WORKS[work], data(work)
    kind = MLPClassifier if what.is_classification else MLPRegressor

    def run(round: int) -> dict[str, Any]:
        model = kind(
            hidden_layer_sizes=what.widths[1:-1], solver="adam", alpha=0, batch_size=what.batch,
            learning_rate_init=RATE, max_iter=what.epochs, tol=0, n_iter_no_change=what.epochs + 1, random_state=round,
        )  # fmt: skip

        def train() -> float:
            start = time.perf_counter()
            model.fit(rows.X, rows.y)
            return time.perf_counter() - start

        with threadpool_limits(threads):
            seconds = repeated(train)
        assert model.n_iter_ == what.epochs
        return {"seconds": seconds, "quality": quality(work, model.predict(rows.test_X), rows.test_y)}

    return run


def pytorch(work: str, threads: int):
    import torch

    torch.set_num_threads(threads)
    what, rows = WORKS[work], data(work)
    X, y = torch.from_numpy(rows.X), torch.from_numpy(rows.y)
    y = y.long() if what.is_classification else y[:, None]

    def run(round: int) -> dict[str, Any]:
        torch.manual_seed(round)
        model = torch_network(what.widths)
        loss = torch.nn.CrossEntropyLoss() if what.is_classification else torch.nn.MSELoss()
        adam = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
        start = time.perf_counter()
        for _ in range(what.epochs):
            order = torch.randperm(len(X))
            for first in range(0, len(X), what.batch):
                batch = order[first : first + what.batch]
                adam.zero_grad()
                loss(model(X[batch]), y[batch]).backward()
                adam.step()
        seconds = time.perf_counter() - start
        with torch.no_grad():
            answers = model(torch.from_numpy(rows.test_X))
        answers = answers.argmax(1) if what.is_classification else answers
        return {"seconds": seconds, "quality": quality(work, answers.numpy(), rows.test_y)}

    return run


def torch_network(widths: tuple[int, ...]):
    import torch

    layers: list[Any] = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def jax(work: str, threads: int):
    import jax
    from jax import lax
    from jax import numpy as jnp
    from jax.flatten_util import ravel_pytree

    what, rows = WORKS[work], data(work)
    X = jnp.asarray(rows.X)
    y = jnp.asarray(rows.y)
    y = jax.nn.one_hot(y, what.widths[-1]) if what.is_classification else y[:, None]
    steps, rest = divmod(len(rows.X), what.batch)
    whole = steps * what.batch

    def tree(generator: numpy.random.Generator):
        """Glorot & Bengio's uniform distribution, as scikit-learn has it."""
        layers = []
        for inputs, outputs in zip(what.widths, what.widths[1:]):
            limit = (6 / (inputs + outputs)) ** 0.5
            weights = generator.uniform(-limit, limit, (inputs, outputs)).astype(numpy.float32)
            layers.append((jnp.asarray(weights), jnp.zeros(outputs, numpy.float32)))
        return layers

    is_flat = sum(i * o for i, o in zip(what.widths, what.widths[1:])) < 100_000
    flat, unflatten = ravel_pytree(tree(numpy.random.default_rng(0)))
    if not is_flat:
        unflatten = lambda parameters: parameters  # noqa: E731

    def outputs(parameters, x):
        *hidden, (weights, bias) = unflatten(parameters)
        for inner, inner_bias in hidden:
            x = jax.nn.relu(x @ inner + inner_bias)
        return x @ weights + bias

    def loss(parameters, x, target):
        answers = outputs(parameters, x)
        if what.is_classification:
            return -jnp.mean(jnp.sum(jax.nn.log_softmax(answers) * target, axis=1))
        return jnp.mean((answers - target) ** 2)

    def step(state, batch):
        parameters, first, second, count = state
        gradient = jax.grad(loss)(parameters, *batch)
        count += 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
        rate = RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        move = lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8)  # noqa: E731
        return (jax.tree.map(move, parameters, first, second), first, second, count), None

    def epoch(state, order, X, y):
        x, target = X[order], y[order]
        batches = [a[:whole].reshape(steps, what.batch, a.shape[1]) for a in (x, target)]
        state, _ = lax.scan(step, state, tuple(batches))
        if rest:
            state, _ = step(state, (x[whole:], target[whole:]))
        return state

    @jax.jit
    def train(parameters, orders, X, y):
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        state = parameters, zeros, zeros, jnp.float32(0)
        (parameters, *_), _ = lax.scan(lambda state, order: (epoch(state, order, X, y), None), state, orders)
        return parameters

    def run(round: int) -> dict[str, Any]:
        parameters = None

        def learn() -> float:
            nonlocal parameters
            generator = numpy.random.default_rng(round)
            parameters = tree(generator)
            if is_flat:
                parameters, _ = ravel_pytree(parameters)
            jax.block_until_ready(parameters)
            start = time.perf_counter()
            orders = numpy.stack([generator.permutation(len(rows.X)) for _ in range(what.epochs)]).astype(numpy.int32)
            parameters = jax.block_until_ready(train(parameters, orders, X, y))
            return time.perf_counter() - start

        seconds = repeated(learn)
        answers = numpy.asarray(outputs(parameters, rows.test_X))
        answers = answers.argmax(1) if what.is_classification else answers
        return {"seconds": seconds, "quality": quality(work, answers, rows.test_y)}

    return run


def sgemm(work: str, threads: int):
    """The products of all epochs, and nothing else."""
    from threadpoolctl import threadpool_limits

    what = WORKS[work]
    random = numpy.random.default_rng(0)
    layers = list(zip(what.widths, what.widths[1:]))
    kernels = [random.random((i, o), dtype=numpy.float32) for i, o in layers]
    gradients = [numpy.empty_like(kernel) for kernel in kernels]
    inputs = [random.random((what.batch, i), dtype=numpy.float32) for i, _ in layers]
    above = [random.random((what.batch, o), dtype=numpy.float32) for _, o in layers]
    products = [numpy.empty_like(a) for a in above]
    below = [numpy.empty_like(x) for x in inputs]

    def multiply() -> float:
        start = time.perf_counter()
        for _ in range(what.epochs * what.steps):
            for x, kernel, product in zip(inputs, kernels, products):
                numpy.dot(x, kernel, out=product)
            for at in reversed(range(len(layers))):
                numpy.dot(inputs[at].T, above[at], out=gradients[at])
                if at > 0:
                    numpy.dot(above[at], kernels[at].T, out=below[at])
        return time.perf_counter() - start

    def run(_: int) -> dict[str, Any]:
        with threadpool_limits(threads):
            return {"seconds": repeated(multiply)}

    return run


def training(work: str, rounds: int) -> Report:
    what = WORKS[work]
    peers = {"scikit-learn": "scikit_learn", "PyTorch": "pytorch", "JAX": "jax"}
    contenders = at_both("Maquette", "networks:maquette", work=work)
    for name, function in peers.items():
        contenders += at_both(name, f"networks:{function}", work=work)
    if work == "wide":
        contenders += at_both("sgemm", "networks:sgemm", work=work)
    figures = take_turns(contenders, rounds)

    our_title, ours = fastest(figures, "Maquette")
    rows = []
    for peer, factor in what.targets.items():
        title, theirs = fastest(figures, peer)
        rows.append(
            Row(
                f"train {what.title}, against {title}", time_text(ours), time_text(theirs), theirs / ours,
                f"at least {factor} ×", theirs >= factor * ours,
            )  # fmt: skip
        )
    if work == "wide":
        title, theirs = fastest(figures, "sgemm")
        rate, best = (what.epochs * what.operations / seconds / 1e9 for seconds in (ours, theirs))
        rows.append(
            Row(
                f"rate of its products, against {title}", f"{rate:.0f} GFLOP/s", f"{best:.0f} GFLOP/s", rate / best,
                f"at least {SGEMM} ×", rate >= SGEMM * best,
            )  # fmt: skip
        )
    mine = mean(figures[our_title]["quality"])
    for peer in what.targets:
        theirs = mean(figures[f"{peer}, 1 thread"]["quality"])
        rows.append(quality_row(what, peer, mine, theirs))
    details = [f"| contender | median (least … most) | {quality_name(what)}, mean |", "|---|---|---|"]
    for title, values in figures.items():
        shown = quality_text(what, mean(values["quality"])) if "quality" in values else ""
        details.append(f"| {title} | {spread(values['seconds'])} | {shown} |")
    conditions = (
        f"{what.rows:,} rows, {' → '.join(map(str, what.widths))}, mini-batches of {what.batch}, {what.epochs} epochs, "
        f"Adam {RATE}; the same {what.epochs * what.steps:,} steps for all. Medians and mean figures of {rounds} rounds, "
        f"seeds 0 to {rounds - 1}, in turn; each at the better of one and two threads."
    )
    return Report(f"Training {what.title}", conditions, rows, figures, details)


def quality_name(what: Work) -> str:
    return "accuracy" if what.is_classification else "mean absolute error"


def quality_text(what: Work, value: float) -> str:
    return f"{100 * value:.2f} %" if what.is_classification else f"{value:.4f}"


def quality_row(what: Work, peer: str, ours: float, theirs: float) -> Row:
    name = f"{quality_name(what)}, against {peer}"
    shown = quality_text(what, ours), quality_text(what, theirs)
    if what.is_classification:
        return Row(name, *shown, None, f"at most {ACCURACY} points less", 100 * (theirs - ours) <= ACCURACY)
    return Row(name, *shown, None, f"at most {100 * ERROR:.0f} % more", ours <= (1 + ERROR) * theirs)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


# ---------------------------------------------------------------------------------------------------------------------
# Predicting many rows
# ---------------------------------------------------------------------------------------------------------------------

MANY = 100_000
MANY_ONNX = WORK / "many.onnx"
FASTER = 1.2


def prepare():
    """A trained network in a store, and as an ONNX model for any number of rows."""

    def run(round: int) -> dict[str, Any]:
        prediction.prepare()(round)
        prediction.write_onnx(MANY_ONNX, "rows")
        return {}

    return run


def many() -> numpy.ndarray:
    rows = digits.load().X
    random = numpy.random.default_rng(3)
    noise = 0.1 * random.standard_normal((MANY, 64), dtype=numpy.float32)
    return rows[random.integers(0, len(rows), MANY)] + noise


def predicting(predict):
    rows = many()

    def run(_: int) -> dict[str, Any]:
        answers = None

        def timed() -> float:
            nonlocal answers
            start = time.perf_counter()
            answers = predict(rows)
            return time.perf_counter() - start

        seconds = repeated(timed)
        return {"seconds": seconds, "answers": numpy.asarray(answers)[::1000].tolist()}

    return run


def maquette_many(threads: int):
    import maquette

    maquette.set_threads(threads)
    model = maquette.MLPClassifier()
    model.load(maquette.Store(f"sqlite:{prediction.STORE}"), prediction.NAME)
    return predicting(model.predict_proba)


def onnx_runtime_many(threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(MANY_ONNX, options, providers=["CPUExecutionProvider"])
    return predicting(lambda rows: session.run(["probabilities"], {"features": rows})[0])


def pytorch_many(threads: int, block: int):
    """`block`: rows that go through all layers at once, so that what lies between stays in the cache."""
    import torch

    torch.set_num_threads(threads)
    model = torch_network((64, 64, 32, 10))
    with torch.no_grad():
        linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
        for layer, (kernel, bias) in zip(linear, prediction.weights(), strict=True):
            layer.weight.copy_(torch.from_numpy(kernel.T))
            layer.bias.copy_(torch.from_numpy(bias))

    def predict(rows: numpy.ndarray) -> numpy.ndarray:
        with torch.inference_mode():
            parts = torch.from_numpy(rows).split(block)
            return torch.cat([torch.softmax(model(part), 1) for part in parts]).numpy()

    return predicting(predict)


def predicting_many(rounds: int) -> Report:
    once("networks:prepare")
    contenders = at_both("Maquette", "networks:maquette_many")
    contenders += at_both("ONNX Runtime", "networks:onnx_runtime_many")
    contenders += at_both("PyTorch", "networks:pytorch_many", block=MANY)
    blocks = at_both("PyTorch", "networks:pytorch_many", block=4096)
    for contender in blocks:
        contender.name = "PyTorch, in blocks"
    figures = take_turns(contenders + blocks, rounds)
    answers = {title: numpy.array(values.pop("answers")[0]) for title, values in figures.items()}

    our_title, ours = fastest(figures, "Maquette")
    rows = []
    for peer in ("ONNX Runtime", "PyTorch"):
        title, theirs = fastest(figures, peer)
        rows.append(
            Row(
                f"predict {MANY:,} rows, against {title}", time_text(ours), time_text(theirs), theirs / ours,
                f"at least {FASTER} ×", theirs >= FASTER * ours,
            )  # fmt: skip
        )
    details = ["| contender | median (least … most) | rows a second | answers differ by at most |", "|---|---|---|---|"]
    for title, values in figures.items():
        rate = MANY / numpy.median(values["seconds"])
        apart = numpy.abs(answers[title] - answers[our_title]).max()
        details.append(f"| {title} | {spread(values['seconds'])} | {rate / 1e6:.2f} million | {apart:.1g} |")
    conditions = (
        f"{MANY:,} rows of 64 32-bit floats in one call, 64 → 64 → 32 → 10 with softmax, the same weights for all; "
        f"{rounds} rounds in turn, each at the better of one and two threads, PyTorch also in blocks of 4,096 rows."
    )
    return Report("Predicting many rows", conditions, rows, figures, details)


def benchmark(rounds: int) -> list[Report]:
    return [training("wide", rounds), training("regression", rounds), predicting_many(rounds)]
