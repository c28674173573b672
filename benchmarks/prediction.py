"""Predicting one row: from C, and from Python with a NumPy row in and the confidences out.

One network, trained once by Maquette and saved, is used by all: ONNX Runtime gets its weights as an ONNX model (Gemm,
Relu, …, Softmax), scikit-learn as the `coefs_` of its classifier. How far the answers are apart is stated.

From Python there are two ways to ask Maquette: `model.predict_proba(row)` gives a new array, as the peers do;
`model.predictor()` gives a function whose answer is overwritten by the next call. Both are compared with the same
binding over a library whose prediction does nothing, see `nothing.c`: the same preparation of row and answer, the same
call of ctypes, only the function at the end returns at once.

A round of a contender is many batches of calls over different rows; its figure is the median of the batches.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import numpy

from . import digits
from .sidebyside import (
    ROOT,
    WORK,
    Contender,
    Report,
    Row,
    at_both,
    fastest,
    median,
    note,
    once,
    spread,
    take_turns,
    time_text,
)

NAME = "network"
STORE = WORK / "network.db"
ONNX = WORK / "network.onnx"
BATCHES, CALLS = 60, 500
C_CALLS = 200_000
C_LIMIT = 2e-6


# ---------------------------------------------------------------------------------------------------------------------
# The network
# ---------------------------------------------------------------------------------------------------------------------


def prepare():
    """Trains the network, saves it in a store, and writes it as ONNX."""
    import maquette

    def run(_: int) -> dict[str, Any]:
        data = digits.load()
        for path in WORK.glob(STORE.name + "*"):
            path.unlink()
        store = maquette.Store(f"sqlite:{STORE}")
        model = maquette.MLPClassifier(layers=[64, 32], epochs=20, seed=1)
        # In the order of the digits, so that the columns of all contenders are those of 0 to 9.
        order = numpy.argsort(data.y, kind="stable")
        model.fit(data.X[order], [str(digit) for digit in data.y[order]]).save(store, NAME)

        write_onnx(ONNX, 1)
        return {}

    return run


def write_onnx(path: Path, rows: int | str) -> None:
    """The saved network as an ONNX model, for that many rows; a name instead of a number: for any."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    layers = weights()
    nodes, initializers, last = [], [], "features"
    for index, (kernel, bias) in enumerate(layers):
        initializers += [
            numpy_helper.from_array(kernel, f"kernel{index}"),
            numpy_helper.from_array(bias, f"bias{index}"),
        ]
        nodes.append(helper.make_node("Gemm", [last, f"kernel{index}", f"bias{index}"], [f"sum{index}"]))
        last = f"sum{index}"
        if index + 1 < len(layers):
            nodes.append(helper.make_node("Relu", [last], [f"hidden{index}"]))
            last = f"hidden{index}"
    nodes.append(helper.make_node("Softmax", [last], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        NAME,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [rows, 64])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [rows, 10])],
        initializers,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)


def weights() -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    """Kernel and bias of each layer of the saved network, straight from the store's file."""
    connection = sqlite3.connect(STORE)
    files = dict(connection.execute("SELECT name, bytes FROM maquette_files"))
    connection.close()
    numbers = numpy.frombuffer(files["model.weights.bin"], "<f4")
    arrays = []
    for group in json.loads(files["model.json"])["weightsManifest"]:
        for entry in group["weights"]:
            count = int(numpy.prod(entry["shape"]))
            arrays.append(numbers[:count].reshape(entry["shape"]).copy())
            numbers = numbers[count:]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


# ---------------------------------------------------------------------------------------------------------------------
# The contenders in Python
# ---------------------------------------------------------------------------------------------------------------------


def timed(predict, answer, rows):
    """A round: the median of many batches, and the answers themselves."""

    def run(_: int) -> dict[str, Any]:
        times = []
        for batch in range(BATCHES):
            row = rows[batch % len(rows)]
            start = time.perf_counter()
            for _ in range(CALLS):
                predict(row)
            times.append((time.perf_counter() - start) / CALLS)
        answers = [[float(value) for value in numpy.ravel(answer(predict(row)))] for row in rows]
        return {"seconds": median(times), "answers": answers}

    return run


def maquette(way: str, threads: int = 1):
    import maquette

    maquette.set_threads(threads)
    model = maquette.MLPClassifier()
    model.load(maquette.Store(f"sqlite:{STORE}"), NAME)
    predict = model.predictor() if way == "predictor" else model.predict_proba
    return timed(predict, lambda confidences: confidences, list(digits.load().test_X))


def onnx_runtime(threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(ONNX, options, providers=["CPUExecutionProvider"])
    names = ["probabilities"]
    rows = [row[None, :] for row in digits.load().test_X]
    return timed(lambda row: session.run(names, {"features": row}), lambda outputs: outputs[0], rows)


def scikit_learn(threads: int):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore", ConvergenceWarning)
    threadpool_limits(threads)
    data = digits.load()
    model = MLPClassifier([64, 32], max_iter=1).fit(data.X, data.y)
    layers = weights()
    model.coefs_ = [kernel for kernel, _ in layers]
    model.intercepts_ = [bias for _, bias in layers]
    return timed(model.predict_proba, lambda confidences: confidences, [row[None, :] for row in data.test_X])


# ---------------------------------------------------------------------------------------------------------------------
# C
# ---------------------------------------------------------------------------------------------------------------------


def library() -> Path:
    return Path(os.environ.get("MAQUETTE_LIBRARY") or ROOT / "build" / "libmaquette.so.0").resolve()


def compile(source: str, target: Path, *flags: str) -> None:
    command = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-I", str(ROOT / "include"), *flags]
    path = library()
    command += [str(Path(__file__).parent / source), "-o", str(target)]
    command += ["-Wl,--no-as-needed", str(path), f"-Wl,-rpath,{path.parent}"]
    subprocess.run(command, check=True)


def from_c(rounds: int) -> dict[str, list[float]]:
    program = WORK / "predict"
    compile("predict.c", program, "-rdynamic")
    figures: dict[str, list[float]] = {}
    for round in range(rounds):
        note(f"  round {round + 1} of {rounds}: C")
        run = subprocess.run(
            [program, f"sqlite:{STORE}", NAME, str(C_CALLS)], check=True, stdout=subprocess.PIPE, text=True
        )
        for name, value in json.loads(run.stdout).items():
            figures.setdefault(name, []).append(value)
    return figures


# ---------------------------------------------------------------------------------------------------------------------


def benchmark(rounds: int) -> Report:
    once("prediction:prepare")
    in_c = from_c(rounds)

    nothing = WORK / "libnothing.so"
    compile("nothing.c", nothing, "-shared", "-fPIC")
    over_nothing = {"MAQUETTE_LIBRARY": str(nothing)}
    ways = {"predict_proba": "model.predict_proba(row)", "predictor": "predictor(row)"}
    contenders = []
    for way, title in ways.items():
        contenders.append(Contender(title, "prediction:maquette", options={"way": way}))
        contenders.append(Contender(f"nothing: {title}", "prediction:maquette", None, {"way": way}, over_nothing))
    contenders += at_both("ONNX Runtime", "prediction:onnx_runtime")
    contenders += at_both("scikit-learn", "prediction:scikit_learn")
    figures = take_turns(contenders, rounds)
    answers = {title: numpy.array(values.pop("answers")[0]) for title, values in figures.items()}
    truth = digits.load().test_y

    calls = f"{C_CALLS:,} calls"
    c_median, c_p99 = median(in_c["median"]) / 1e9, median(in_c["p99"]) / 1e9
    counted = int(max(in_c["allocations"])) + int(max(in_c["releases"]))
    assert min(in_c["counted_before"]) > 0, "the allocations of the library are not counted"
    limit = f"under {time_text(C_LIMIT)}"
    rows = [
        Row(f"one prediction from C, median of {calls}", time_text(c_median), "", None, limit, c_median < C_LIMIT),
        Row(f"one prediction from C, 99 % of {calls}", time_text(c_p99), "", None, limit, c_p99 < C_LIMIT),
        Row("allocations and releases after the first call", str(counted), "", None, "0", counted == 0),
    ]
    onnx_title, onnx = fastest(figures, "ONNX Runtime")
    sklearn_title, sklearn = fastest(figures, "scikit-learn")
    for title in ways.values():
        ours, empty = median(figures[title]["seconds"]), median(figures[f"nothing: {title}"]["seconds"])
        shown = time_text(ours)
        rows += [
            Row(f"`{title}`, against {onnx_title}", shown, time_text(onnx), onnx / ours, "at least 2 ×", onnx >= 2 * ours),
            Row(
                f"`{title}`, against the same call of nothing", shown, time_text(empty), ours / empty,
                "at most 1.6 ×", ours <= 1.6 * empty,
            ),  # fmt: skip
            Row(f"`{title}`, against {sklearn_title}", shown, time_text(sklearn), sklearn / ours, "", None),
        ]

    details = ["| contender | median (least … most) | test accuracy | answers differ by at most |", "|---|---|---|---|"]
    reference = answers[ways["predict_proba"]]
    for title, values in figures.items():
        quality = " | "
        if not title.startswith("nothing"):
            accuracy = (answers[title].argmax(1) == truth).mean()
            quality = f"{100 * accuracy:.2f} % | {numpy.abs(answers[title] - reference).max():.1g}"
        details.append(f"| {title} | {spread(values['seconds'])} | {quality} |")
    details += ["", f"The clock itself costs {median(in_c['clock']):.0f} ns, which the figures from C include."]
    conditions = (
        "The network above, one row of 64 32-bit floats; the same weights for all. From C every call is timed by "
        f"itself; from Python a figure is the median of {BATCHES} batches of {CALLS} calls; {rounds} rounds in turn."
    )
    return Report("Predicting one row", conditions, rows, {"C": in_c, **figures}, details)
