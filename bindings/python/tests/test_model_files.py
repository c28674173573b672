"""Models in files and out of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from conftest import ENDLESS, KINDS

import maquette


@pytest.fixture(params=KINDS)
def model(request, blobs):
    """A small model of each kind that has learned something."""
    return trained(request.param, *blobs)


def trained(kind: str, X, y) -> maquette.Model:
    short = {"mlp-classifier": {"layers": [8, 4]}, "mlp-regressor": {"units": [8, 4]}, "umap": {"n_neighbors": 5}}
    parameters = dict(short.get(kind, {}))
    if kind.startswith("mlp"):
        parameters |= {"epochs": 3, "standardize": True, "activation": "tanh"}
    if kind == "umap":
        parameters |= {"epochs": 5}
    made = maquette.Model(kind, **parameters)
    return made.fit(X, X[:, :2] - 1 if made.task == "regression" else y)


def answers(model: maquette.Model, X) -> numpy.ndarray:
    return model.predict_proba(X) if model.task == "classification" else model.predict(X)


def test_a_file_holds_all_that_the_model_is(model, blobs, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    assert model.download(path, metadata={"note": "mine"}) == [str(path)]
    other = maquette.Model(model.kind)
    told = other.upload(path)
    assert told["kind"] == model.kind
    assert told["metadata"]["note"] == "mine"
    assert other.parameters == model.parameters
    numpy.testing.assert_array_equal(answers(other, blobs[0]), answers(model, blobs[0]))
    opened = maquette.load_model(path)
    assert opened.kind == model.kind
    assert type(opened).__name__ in (*maquette.__all__,)
    numpy.testing.assert_array_equal(answers(opened, blobs[0]), answers(model, blobs[0]))
    assert opened.training.value.status == "loaded"
    assert opened.training.value.data == {"source": "file"}


def test_bytes_hold_what_a_file_does(model, blobs, tmp_path) -> None:
    data = model.to_bytes()
    path = Path(model.download(tmp_path)[0])
    assert path.name == model.kind + ".safetensors"
    assert path.read_bytes() == data
    copy = maquette.from_bytes(data)
    numpy.testing.assert_array_equal(answers(copy, blobs[0]), answers(model, blobs[0]))
    other = maquette.Model(model.kind)
    assert other.upload_bytes(bytearray(data))["size"] == len(data)
    numpy.testing.assert_array_equal(answers(other, blobs[0]), answers(model, blobs[0]))


# What other programs read and write


def test_the_reader_from_pypi_reads_the_file(model, blobs, tmp_path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    import safetensors as container

    path = model.download(tmp_path / "model.safetensors", metadata={"note": "mine"})[0]
    tensors = safetensors.load_file(path)
    with container.safe_open(path, "numpy") as file:
        words = file.metadata()
    assert words["format"] == "maquette"
    assert words["version"] == "1"
    assert words["kind"] == model.kind
    assert json.loads(words["metadata"])["note"] == "mine"
    assert json.loads(words["parameters"])
    X = numpy.asarray(blobs[0], numpy.float64)
    match model.kind:
        case "mlp-classifier" | "mlp-regressor":
            x = (X - tensors["normalization.mean"]) * tensors["normalization.inverse"]
            for layer in json.loads(words["layers"]):
                x = x @ tensors[layer["name"] + ".kernel"] + tensors[layer["name"] + ".bias"]
                if layer["activation"] == "tanh":
                    x = numpy.tanh(x)
            if model.task == "classification":
                x = numpy.exp(x - x.max(axis=1, keepdims=True))
                x /= x.sum(axis=1, keepdims=True)
                assert json.loads(words["labels"]) == list(model.labels)
            numpy.testing.assert_allclose(x, answers(model, X).reshape(x.shape), atol=1e-5)
        case "knn-classifier" | "knn-regressor" | "umap":
            numpy.testing.assert_array_equal(tensors["rows"], X.astype("f4"))
        case "kmeans-clustering":
            numpy.testing.assert_array_equal(tensors["centers"], model.attribute("centers"))
        case "pca":
            scores = (X - tensors["mean"]) @ tensors["components"].T
            numpy.testing.assert_allclose(scores, model.predict(X), atol=1e-5)
        case kind:
            pytest.fail(f"nothing is known about {kind}")


def test_a_layers_model_says_what_the_network_does(blobs, tmp_path) -> None:
    """What tf.loadLayersModel would compute from the two files."""
    X, y = blobs
    model = trained("mlp-classifier", X, y)
    for name in ("marcelle", "tfjs"):
        paths = model.download(tmp_path / f"{name}.json", format=name)
        assert [Path(path).name for path in paths] == [f"{name}.json", f"{name}.weights.bin"]
        topology = json.loads(Path(paths[0]).read_text())
        assert topology["format"] == "layers-model"
        manifest = topology["weightsManifest"]
        assert manifest[0]["paths"] == [f"./{name}.weights.bin"]
        content, tensors, offset = Path(paths[1]).read_bytes(), {}, 0
        for entry in manifest[0]["weights"]:
            assert entry["dtype"] == "float32"
            size = int(numpy.prod(entry["shape"]))
            tensors[entry["name"]] = numpy.frombuffer(content, "<f4", size, offset).reshape(entry["shape"])
            offset += 4 * size
        assert offset == len(content)
        x = numpy.asarray(X, numpy.float64)
        for layer in topology["modelTopology"]["config"]["layers"]:
            config = layer["config"]
            if layer["class_name"] == "BatchNormalization":
                part = {
                    each: tensors.pop(f"{config['name']}/{each}")
                    for each in ("gamma", "beta", "moving_mean", "moving_variance")
                }
                deviation = numpy.sqrt(part["moving_variance"] + config["epsilon"])
                x = (x - part["moving_mean"]) / deviation * part["gamma"] + part["beta"]
                continue
            x = x @ tensors.pop(config["name"] + "/kernel") + tensors.pop(config["name"] + "/bias")
            x = numpy.tanh(x) if config["activation"] == "tanh" else x
        assert not tensors
        x = numpy.exp(x - x.max(axis=1, keepdims=True))
        numpy.testing.assert_allclose(x / x.sum(axis=1, keepdims=True), model.predict_proba(X), atol=1e-5)
        if name == "marcelle":
            assert topology["marcelle"]["type"] == "tfjs-model"
            assert topology["marcelle"]["tfjsModelFormat"] == "layers-model"
            assert topology["marcelle"]["labels"] == list(model.labels)
        else:
            assert "marcelle" not in topology
        # The topology's file alone leads to the weights beside it.
        opened = maquette.load_model(paths[0])
        numpy.testing.assert_array_equal(opened.predict_proba(X), model.predict_proba(X))
        assert opened.parameters == model.parameters


def test_marcelles_json_is_what_its_pages_expect(blobs, tmp_path) -> None:
    X, y = blobs
    knn = trained("knn-classifier", X, y)
    stored = json.loads(Path(knn.download(tmp_path / "knn.json")[0]).read_text())
    assert stored["format"] == "knn-classifier"
    assert stored["files"] == []
    data = stored["metadata"]["data"]
    assert stored["metadata"]["labels"] == list(data) == list(knn.labels)
    assert sum(len(rows) for rows in data.values()) == len(X)
    for rows in data.values():
        numpy.testing.assert_allclose(numpy.linalg.norm(rows, axis=1), 1, atol=1e-6)
    knn.metric = "euclidean"
    with pytest.raises(maquette.UnsupportedError, match="euclidean"):
        knn.download(tmp_path / "knn.json")
    clusters = trained("kmeans-clustering", X, y)
    stored = json.loads(Path(clusters.download(tmp_path / "kmeans.json")[0]).read_text())
    assert stored["format"] == "ml-kmeans"
    assert stored["metadata"]["clusters"] == clusters.attribute("clusters")[:, 0].tolist()
    numpy.testing.assert_allclose(stored["metadata"]["centers"], clusters.attribute("centers"), atol=1e-6)
    pca = trained("pca", X, y)
    stored = json.loads(Path(pca.download(tmp_path / "pca.json")[0]).read_text())
    assert stored["format"] == "ml-pca"
    model = stored["metadata"]["PCAModel"]
    scores = (numpy.asarray(X) - model["means"]) @ numpy.asarray(model["U"])
    numpy.testing.assert_allclose(scores, pca.predict(X), atol=1e-5)


# Golden files: Tests/Fixtures/make_model_files.py wrote them

FIXTURES = Path(__file__).resolve().parents[3] / "Tests" / "Fixtures" / "models"
GOLDEN = [
    (FIXTURES / folder, json.loads((FIXTURES / folder / "expected.json").read_text())) for folder in ("1", "others")
]


@pytest.mark.parametrize(
    ("folder", "queries", "golden"),
    [(folder, expected["queries"], golden) for folder, expected in GOLDEN for golden in expected["models"]],
    ids=lambda value: value["files"][0] if isinstance(value, dict) else "",
)
def test_a_golden_file_predicts_what_it_did(folder: Path, queries, golden) -> None:
    model = maquette.load_model(*(folder / name for name in golden["files"]))
    assert model.kind == golden["kind"]
    found = predicted(model, queries)
    numpy.testing.assert_allclose(found, golden["predictions"], atol=1e-5)
    if golden.get("labels"):
        assert list(model.labels) == golden["labels"]


def predicted(model: maquette.Model, queries) -> numpy.ndarray:
    if model.task == "clustering":
        return numpy.array([model.predict(row).confidences for row in queries])
    return answers(model, numpy.asarray(queries, "f4")).reshape(len(queries), -1)


def test_flucomas_points_go_into_a_dataset() -> None:
    with maquette.Store() as store, store.dataset("points") as points:
        assert points.upload(FIXTURES / "others" / "flucoma-dataset.json") == 5
        assert points.find()[0]["identifier"] == "point-0"
        assert points.shape == (5, 4)


# Between processes

READER = """
import json, sys
import numpy, maquette
model = maquette.load_model(*json.loads(sys.argv[1]))
X = numpy.load(sys.argv[2])
found = model.predict_proba(X) if model.task == "classification" else model.predict(X)
numpy.save(sys.argv[3], found)
model.download(sys.argv[4])
"""


def test_another_process_predicts_the_same_and_gives_it_back(model, blobs, tmp_path) -> None:
    paths = model.download(tmp_path / "there.safetensors")
    numpy.save(tmp_path / "X.npy", blobs[0])
    arguments = [json.dumps(paths), tmp_path / "X.npy", tmp_path / "found.npy", tmp_path / "back.safetensors"]
    subprocess.run([sys.executable, "-c", READER, *map(str, arguments)], check=True, timeout=100)
    numpy.testing.assert_allclose(numpy.load(tmp_path / "found.npy"), answers(model, blobs[0]), atol=1e-6)
    assert (tmp_path / "back.safetensors").read_bytes() == Path(paths[0]).read_bytes()


# What goes wrong


def test_what_goes_wrong_is_an_error_and_changes_nothing(blobs, tmp_path) -> None:
    model = trained("knn-classifier", *blobs)
    before = model.predict_proba(blobs[0])
    with pytest.raises(OSError, match="nothing"):
        model.upload(tmp_path / "nothing")
    with pytest.raises(maquette.BadFormatError, match="pca"):
        model.upload(*trained("pca", *blobs).download(tmp_path))
    with pytest.raises(maquette.BadFormatError, match="no format"):
        model.upload_bytes(b"hello")
    with pytest.raises(maquette.BadFormatError):
        maquette.from_bytes(b"")
    with pytest.raises(maquette.InvalidArgumentError, match="path"):
        model.upload()
    with pytest.raises(maquette.InvalidArgumentError, match="pickle"):
        model.download(tmp_path / "m", format="pickle")
    with pytest.raises(maquette.UnsupportedError, match="tfjs"):
        model.download(tmp_path / "m", format="tfjs")
    with pytest.raises(maquette.NotTrainedError):
        maquette.PCA().to_bytes()
    with pytest.raises(maquette.UnsupportedError, match="files"):
        trained("mlp-classifier", *blobs).to_bytes("tfjs")
    with pytest.raises(OSError, match="nowhere"):
        model.download("/nowhere/m")
    numpy.testing.assert_array_equal(model.predict_proba(blobs[0]), before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pca.safetensors"]


def test_a_training_keeps_others_out(blobs) -> None:
    X, y = blobs
    model = maquette.MLPClassifier(epochs=ENDLESS)
    data = trained("mlp-classifier", X, y).to_bytes()
    model.train(X, y)
    with pytest.raises(maquette.BusyError):
        model.upload_bytes(data)
    model.cancel()
    with pytest.raises(maquette.CancelledError):
        model.wait()
    model.upload_bytes(data)
    assert model.epochs == 3


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_are_cut_off_or_changed_do_no_harm(kind: str, blobs) -> None:
    X, y = blobs
    data = trained(kind, X[::5, :2], y[::5]).to_bytes()
    random = numpy.random.default_rng(1)
    step = max(1, len(data) // 1500)
    for length in range(0, len(data), step):
        with pytest.raises(maquette.BadFormatError):
            maquette.from_bytes(data[:length])
    for place in range(0, len(data), step):
        changed = bytearray(data)
        changed[place] ^= 1 << random.integers(8)
        try:
            with maquette.from_bytes(changed) as model:
                model.predict(numpy.ones((2, model._feature_count()), "f4"))
        except (maquette.BadFormatError, maquette.BadShapeError, maquette.NotFiniteError):
            pass
