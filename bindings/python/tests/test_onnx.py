"""Models as ONNX: what is written here opens in ONNX's checker and ONNX Runtime, what others export predicts here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
import pytest
from conftest import KINDS, PATIENCE, UNTRAINABLE, in_threads, run
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import maquette

FIXTURES = Path(__file__).parents[3] / "Tests" / "Fixtures" / "onnx"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text())

#: Kinds with the parameters that make another graph of them, and whether the rows are scaled and shifted first.
WRITTEN: list[tuple[str, dict[str, Any]]] = [
    ("mlp-classifier", {"epochs": 5}),
    ("mlp-classifier", {"epochs": 5, "layers": [16, 8], "activation": "tanh", "standardize": True}),
    ("mlp-regressor", {"epochs": 5, "activation": "sigmoid"}),
    ("mlp-regressor", {"epochs": 5, "standardize": True}),
    *(
        (kind, {"metric": metric, "weights": weights, "k": k})
        for kind in ("knn-classifier", "knn-regressor")
        for metric in ("cosine", "euclidean", "manhattan")
        for weights in ("uniform", "distance")
        for k in (3, 1000)
    ),
    ("knn-classifier", {"metric": "euclidean", "reject_distance": 2.0}),
    ("knn-classifier", {"metric": "cosine", "weights": "distance", "reject_distance": 0.05}),
    ("kmeans-clustering", {"k": 4}),
    ("pca", {"n_components": 2}),
    ("pca", {"n_components": 3, "whiten": True}),
]


@pytest.fixture(scope="module")
def rows() -> tuple[numpy.ndarray, list[str], numpy.ndarray]:
    """Rows of real numbers, some of them twice and one of them 0; their labels; and rows to ask."""
    generator = numpy.random.default_rng(5)
    X = (generator.normal(size=(120, 4)) * [1, 2, 3, 0.5] + [0, 1, 40, 0]).astype("f4")
    X[100:] = X[:20]
    X[7] = 0
    y = [["red", "green", "blue"][int(value) % 3] for value in numpy.abs(X[:, 1] * 2)]
    return X, y, numpy.concatenate([X[::3], generator.normal(size=(200, 4)).astype("f4") + X[40]])


def trained(kind: str, parameters: dict[str, Any], X: numpy.ndarray, y: list[str]) -> maquette.Model:
    model = maquette.Model(kind, **parameters)
    return model.fit(X, X[:, :2] * 3 - 1 if model.task == "regression" else y)


def session(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("kind", "parameters"), WRITTEN)
def test_onnx_runtime_predicts_what_the_model_does(kind: str, parameters: dict[str, Any], rows) -> None:
    X, y, queries = rows
    tolerance = {"rtol": 1e-5, "atol": 1e-5}
    if (parameters.get("metric"), parameters.get("weights")) == ("cosine", "distance"):
        # Here cosines are 32-bit floats: a distance of 0.001, which is 1 less a cosine, has four digits.
        X = X - X.mean(axis=0)
        queries = numpy.random.default_rng(6).normal(size=(200, 4)).astype("f4")
        tolerance = {"rtol": 1e-3, "atol": 1e-3}
    with trained(kind, parameters, X, y) as model:
        data = model.to_bytes("onnx")
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
        expected = model.predict_proba(queries)
        outputs = session(data).run(None, {"x": queries})
        if kind.endswith("classifier"):
            label, probabilities = outputs
            numpy.testing.assert_allclose(probabilities, expected, **tolerance)
            assert label.dtype == numpy.int64
            names = numpy.array([*model.labels, "none"])
            assert (names[label] == model.predict(queries)).all()
            if "reject_distance" in parameters:
                assert 0 < (label == -1).sum() < len(label)
        elif kind == "kmeans-clustering":
            numpy.testing.assert_allclose(outputs[1], expected, **tolerance)
            assert (outputs[0] == model.predict(queries)).all()
        else:
            numpy.testing.assert_allclose(outputs[0], expected, **tolerance)
        # One row, and none.
        assert [output.shape[0] for output in session(data).run(None, {"x": queries[:1]})] == [1] * len(outputs)


def test_labels_and_parameters_are_in_the_file(rows, tmp_path) -> None:
    X, y, _ = rows
    with trained("knn-classifier", {"k": 5}, X, y) as model:
        path = tmp_path / "neighbours.onnx"
        model.download(path, metadata={"note": "mine"})
        file = onnx.load(path)
        assert (file.ir_version, [(s.domain, s.version) for s in file.opset_import]) == (8, [("", 13)])
        (batch, width) = file.graph.input[0].type.tensor_type.shape.dim
        assert (batch.dim_param, width.dim_value) == ("batch", 4)
        assert [output.name for output in file.graph.output] == ["label", "probabilities"]
        properties = {entry.key: entry.value for entry in file.metadata_props}
        assert json.loads(properties["labels"]) == model.labels
        assert json.loads(properties["maquette.metadata"])["note"] == "mine"
        copy = maquette.load_model(path)
        assert (copy.kind, copy.labels, copy.parameters) == (model.kind, model.labels, model.parameters)


@pytest.mark.parametrize(("kind", "parameters"), WRITTEN)
def test_a_model_comes_back_as_what_it_was(kind: str, parameters: dict[str, Any], rows) -> None:
    X, y, queries = rows
    with trained(kind, parameters, X, y) as model, maquette.from_bytes(model.to_bytes("onnx")) as copy:
        assert (copy.kind, copy.parameters) == (kind, model.parameters)
        assert numpy.array_equal(copy.predict_proba(queries), model.predict_proba(queries))


def test_an_embedding_has_no_onnx(rows) -> None:
    X, y, _ = rows
    with trained("umap", {"epochs": 2}, X, y) as model, pytest.raises(maquette.UnsupportedError, match="umap"):
        model.to_bytes("onnx")


# Files of others


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (MLPClassifier((6,), max_iter=30, random_state=1), None),
        (MLPClassifier((6, 5), activation="tanh", max_iter=30, random_state=1), {"zipmap": False}),
        (make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=30, random_state=1)), None),
        (make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(6,), max_iter=30, random_state=1)), None),
        (MLPRegressor(hidden_layer_sizes=(6,), activation="logistic", max_iter=30, random_state=1), None),
    ],
)
@pytest.mark.parametrize("sort", ["strings", "integers", "two"])
@pytest.mark.filterwarnings("ignore")
def test_networks_of_scikit_learn_predict_here_what_they_do_there(estimator, options, sort: str, rows) -> None:
    X, y, queries = rows
    classifies = "MLPClassifier" in repr(estimator)
    labels: Any = numpy.array(y)
    if sort == "integers":
        labels = numpy.unique(labels, return_inverse=True)[1] * 10
    if sort == "two":
        labels = numpy.where(labels == "red", "red", "other")
    fitted = estimator.fit(X, labels if classifies else X[:, :2] if sort == "strings" else X[:, 0])
    data = to_onnx(fitted, X[:1], options=options).SerializeToString()
    with maquette.from_bytes(data) as model:
        if classifies:
            assert model.kind == "mlp-classifier"
            assert model.labels == [str(label) for label in fitted.classes_]
            numpy.testing.assert_allclose(model.predict_proba(queries), fitted.predict_proba(queries), atol=1e-5)
            assert (model.predict(queries) == fitted.predict(queries).astype(str)).all()
        else:
            assert model.kind == "mlp-regressor"
            numpy.testing.assert_allclose(model.predict(queries), fitted.predict(queries), rtol=1e-4, atol=1e-4)
            assert model.predict(queries).shape == fitted.predict(queries).shape


@pytest.mark.parametrize("name", [name for name, entry in EXPECTED.items() if entry["kind"] != "onnx-model"])
def test_exported_networks_predict_what_they_did_when_they_were_exported(name: str) -> None:
    entry = EXPECTED[name]
    with maquette.Model(entry["kind"]) as model:
        model.upload(FIXTURES / f"{name}.onnx")
        expected = numpy.array(entry["predictions"])
        if "logits" in name:
            expected = numpy.exp(expected) / numpy.exp(expected).sum(axis=1, keepdims=True)
        found = model.predict_proba(numpy.array(entry["rows"]))
        numpy.testing.assert_allclose(found, expected, atol=1e-5)
        if entry["kind"] == "mlp-classifier":
            assert model.labels == (entry["labels"] or [str(place) for place in range(found.shape[1])])


def test_what_is_no_dense_network_is_refused_with_its_operator_or_run_as_it_is() -> None:
    path = FIXTURES / "torch-convolution.onnx"
    with maquette.MLPClassifier() as model, pytest.raises(maquette.UnsupportedError, match=r"node 0.*Conv") as error:
        model.upload(path)
    assert error.value.name == "Conv"
    with maquette.load_model(path) as model:
        assert isinstance(model, maquette.ONNXModel)
        entry = EXPECTED["torch-convolution"]
        numpy.testing.assert_allclose(model.predict(entry["rows"]), entry["predictions"], atol=1e-5)


# The kind that runs any file


def test_there_is_one_kind_that_can_not_be_trained(rows) -> None:
    X, y, _ = rows
    assert UNTRAINABLE == ["onnx-model"]
    assert "onnx-model" not in KINDS
    with maquette.ONNXModel() as model:
        for mode in ("fresh", "continuing", "partial"):
            with pytest.raises(maquette.UnsupportedError, match=r"can't be trained.*upload"):
                model.train(X, y, mode=mode)
        with pytest.raises(maquette.UnsupportedError, match="can't be trained"):
            model.fit(lambda: iter([(X, y)]))
        with pytest.raises(maquette.NotTrainedError):
            model.predict(X)
        with pytest.raises(maquette.NotTrainedError):
            model.to_bytes("onnx")
        assert "not trained" in repr(model)
        assert model.training.value.status == "idle"


@pytest.mark.parametrize(("kind", "parameters"), [WRITTEN[1], WRITTEN[3], WRITTEN[9], *WRITTEN[-3:]])
def test_a_file_of_any_kind_is_run_as_it_is(kind: str, parameters: dict[str, Any], rows, tmp_path) -> None:
    X, y, queries = rows
    with trained(kind, parameters, X, y) as model:
        path = tmp_path / "model.onnx"
        model.download(path)
        with maquette.ONNXModel(path) as other:
            numpy.testing.assert_allclose(
                other.predict_proba(queries), model.predict_proba(queries), rtol=1e-5, atol=1e-5
            )
            if model.task == "classification":
                assert other.labels == model.labels
                assert (other.predict(queries) == model.predict(queries)).all()
                assert other.predict(queries[0]).label == model.predict(queries[0]).label
            else:
                assert other.labels == []
            assert "4 features" in repr(other)


def test_outputs_have_the_labels_that_they_are_given() -> None:
    entry = EXPECTED["torch-logits-script"]
    rows, logits = numpy.array(entry["rows"]), numpy.array(entry["predictions"])
    with maquette.ONNXModel(FIXTURES / "torch-logits-script.onnx") as model:
        numpy.testing.assert_allclose(model.predict(rows), logits, atol=1e-6)
        model.class_labels = ["ant", "bee", "cat"]
        model.softmax = True
        assert list(model.predict(rows)) == [["ant", "bee", "cat"][place] for place in logits.argmax(axis=1)]
        one = model.predict(rows[0])
        assert one.confidences == pytest.approx(
            dict(zip(model.labels, numpy.exp(logits[0]) / numpy.exp(logits[0]).sum(), strict=True)), abs=1e-6
        )
        with model.clone() as copy:
            assert copy.labels == model.labels
        model.class_labels = []
        assert model.predict(rows[0]).shape == (3,)
    with pytest.raises(maquette.BadParameterError, match="3 outputs") as error:
        maquette.ONNXModel(FIXTURES / "torch-logits-script.onnx", class_labels=["a", "b"])
    assert error.value.name == "classLabels"
    with pytest.raises(maquette.BadParameterError, match="out"):
        maquette.ONNXModel(FIXTURES / "torch-logits-script.onnx", output="other")


def test_an_onnx_model_is_saved_loaded_and_predicts_datasets(tmp_path) -> None:
    entry = EXPECTED["torch-softmax-script"]
    rows = numpy.array(entry["rows"], "f4")
    with maquette.Store(tmp_path / "store.db") as store:
        with maquette.ONNXModel(FIXTURES / "torch-softmax-script.onnx", class_labels=["a", "b", "c"]) as model:
            model.save(store, "network")
            dataset = store.dataset("rows")
            dataset.append(rows, ["a"] * len(rows))
            with maquette.BatchPrediction(store, "answers") as batch:
                batch.predict(model, dataset)
                batch.wait(PATIENCE)
                assert len(batch) == len(rows)
                results = batch.results()
                assert results.classes == ["a", "b", "c"]
                assert list(results.labels) == list(model.predict(rows))
        with maquette.ONNXModel() as loaded:
            loaded.load(store, "network")
            assert loaded.class_labels == ["a", "b", "c"]
            numpy.testing.assert_allclose(loaded.predict_proba(rows), entry["predictions"], atol=1e-5)
            assert loaded.to_bytes("onnx") == (FIXTURES / "torch-softmax-script.onnx").read_bytes()


def test_it_predicts_in_many_threads_at_once(rows) -> None:
    X, y, queries = rows
    with trained(*WRITTEN[0], X, y) as model, maquette.ONNXModel() as other:
        other.upload_bytes(model.to_bytes("onnx"))
        expected = model.predict_proba(queries)
        for found in in_threads(8, lambda _: [other.predict_proba(queries) for _ in range(20)]):
            for one in found:
                numpy.testing.assert_allclose(one, expected, atol=1e-5)


def test_without_onnx_runtime_it_says_what_to_install() -> None:
    program = """
    import os
    os.environ["MAQUETTE_ONNXRUNTIME"] = "/nowhere/libonnxruntime.so"
    model = maquette.ONNXModel()
    try:
        model.upload(sys.argv[1])
    except maquette.UnsupportedError as error:
        print("pip install onnxruntime" in str(error))
    """
    result = run(program, FIXTURES / "torch-convolution.onnx")
    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr


def test_it_lives_beside_the_package_itself() -> None:
    program = """
    import onnxruntime
    there = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    here = maquette.ONNXModel(sys.argv[1])
    rows = numpy.ones((3, 1, 4, 4), "f4")
    print(abs(there.run(None, {"rows": rows})[0] - here.predict(rows.reshape(3, 16))).max() < 1e-6)
    """
    result = run(program, FIXTURES / "torch-convolution.onnx")
    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr
