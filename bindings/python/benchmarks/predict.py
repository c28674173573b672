"""What the binding adds to one prediction.

Compiles a library of the same functions that does nothing, and compares a prediction through the binding with a bare
call of ctypes into it. Then, if the real library is there, the same with a trained model.

    python benchmarks/predict.py
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

import numpy

PACKAGE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PACKAGE), str(PACKAGE / "tests")]

import header  # noqa: E402

FEATURES, LABELS = 64, 10

#: What the model's constructor needs to hear; everything else returns 0.
BODIES = {
    "maquette_model_schema": '*schema = "{\\"parameters\\": []}"; return 0;',
    "maquette_model_labels": '*labels = "[0,1,2,3,4,5,6,7,8,9]"; return 0;',
    "maquette_model_label_count": f"*count = {LABELS}; return 0;",
    "maquette_model_create": "*model = (maquette_model *)1; return 0;",
    "maquette_status_name": 'return "";',
}


def compile_nothing(folder: Path) -> Path:
    source = '#include "maquette.h"\n'
    for name, function in header.functions().items():
        body = BODIES.get(name, "" if function.result == "void" else "return 0;")
        source += f"{function.declaration} {{ {body} }}\n"
    path = folder / "nothing.c"
    path.write_text(source)
    library = folder / "libnothing.so"
    compiler = header.COMPILER or "cc"
    flags = ["-O2", "-w", "-shared", "-fPIC", "-I", str(header.HEADER.parent)]
    subprocess.run([compiler, *flags, "-o", library, path], check=True)
    return library


def nanoseconds(call, repeat: int = 15, number: int = 50_000) -> float:
    return min(timeit.repeat(call, number=number, repeat=repeat)) / number * 1e9


def bare_calls(path: Path) -> dict[str, float]:
    """The same call without the binding, as one would write it and as fast as it gets."""
    import maquette._library as library

    features, answers = library.Matrix(), library.Matrix()
    token = ctypes.c_void_p(1)
    times = {}
    typed = ctypes.CDLL(str(path)).maquette_model_predict
    typed.restype, typed.argtypes = library.FUNCTIONS["maquette_model_predict"]
    times["bare ctypes call, the header's types"] = nanoseconds(lambda: typed(token, features, answers, None))
    plain = ctypes.CDLL(str(path)).maquette_model_predict
    plain.restype, plain.argtypes = ctypes.c_int32, [ctypes.c_void_p] * 4
    one, two = ctypes.addressof(features), ctypes.addressof(answers)
    times["bare ctypes call, four addresses"] = nanoseconds(lambda: plain(1, one, two, None))
    return times


def binding_calls(model, row) -> dict[str, float]:
    out = numpy.empty(LABELS, numpy.float32)
    predictor = model.predictor()
    predictor(row), model.predict_proba(row)
    return {
        "predictor(row)": nanoseconds(lambda: predictor(row)),
        "model.predict_proba(row)": nanoseconds(lambda: model.predict_proba(row)),
        "model.predict_proba(row, out=out)": nanoseconds(lambda: model.predict_proba(row, out=out), number=10_000),
        "model.predict(row)": nanoseconds(lambda: model.predict(row), number=10_000),
    }


def main() -> None:
    if len(sys.argv) > 1:  # the second process, with the library that does nothing
        import maquette

        row = numpy.random.default_rng(1).random(FEATURES).astype(numpy.float32)
        bare = bare_calls(Path(os.environ["MAQUETTE_LIBRARY"]))
        print("ns   × typed  × addresses   into a library that does nothing")
        typed, addresses = bare.values()
        for name, time in {**bare, **binding_calls(maquette.Model("nothing"), row)}.items():
            print(f"{time:5.0f}  {time / typed:5.2f}  {time / addresses:5.2f}        {name}")
        sys.stdout.flush()
        os._exit(0)  # the library that does nothing can't end anything either
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MAQUETTE_LIBRARY": str(compile_nothing(Path(folder)))}
        subprocess.run([sys.executable, __file__, "nothing"], env=environment, check=True)
    try:
        import maquette
    except ImportError as error:
        print(error)
        return
    generator = numpy.random.default_rng(1)
    X = generator.random((1000, FEATURES)).astype(numpy.float32)
    y = generator.integers(0, LABELS, 1000)
    y[:LABELS] = range(LABELS)
    for model in (maquette.MLPClassifier(layers=[64, 32], epochs=1), maquette.KNNClassifier()):
        model.fit(X, y)
        print(f"ns   {model!r}")
        for name, time in binding_calls(model, X[0]).items():
            print(f"{time:6.0f}  {name}")


if __name__ == "__main__":
    main()
