"""Networks in TensorFlow.js' files, opened by Keras, and Keras' networks opened here."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras

import maquette

CLASSES = ["one", "two", "three"]


def opened_by_keras(topology: Path) -> keras.Sequential:
    """What TensorFlow.js makes of the files, with Keras' own layers: each made of its configuration, then its weights."""
    told = json.loads(topology.read_text())
    (group,) = told["weightsManifest"]
    data = b"".join((topology.parent / path).read_bytes() for path in group["paths"])
    tensors, offset = {}, 0
    for entry in group["weights"]:
        size = int(numpy.prod(entry["shape"]))
        tensors[entry["name"]] = numpy.frombuffer(data, "<f4", size, offset).reshape(entry["shape"])
        offset += 4 * size
    assert offset == len(data)
    network = keras.Sequential(name=told["modelTopology"]["config"]["name"])
    for layer in told["modelTopology"]["config"]["layers"]:
        config = dict(layer["config"])
        # Keras 2, whose form TensorFlow.js has, told the width in the first layer.
        shape = config.pop("batch_input_shape", None)
        if shape:
            network.add(keras.Input(shape[1:]))
        network.add(getattr(keras.layers, layer["class_name"]).from_config(config))
    for layer in network.layers:
        order = {
            "Dense": ["kernel", "bias"],
            "BatchNormalization": ["gamma", "beta", "moving_mean", "moving_variance"],
        }[type(layer).__name__]
        layer.set_weights([tensors.pop(f"{layer.name}/{name}") for name in order])
    assert not tensors
    return network


@pytest.mark.parametrize("format", ["tfjs", "marcelle"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_keras_computes_what_the_network_does(blobs, tmp_path, format, activation) -> None:
    X, y = blobs
    classifier = maquette.MLPClassifier(
        layers=[8, 4], epochs=3, activation=activation, standardize=activation == "tanh"
    ).fit(X, y)
    regressor = maquette.MLPRegressor(units=[8, 4], epochs=3, activation=activation).fit(X, X[:, :2] - 1)
    for model, ours in ((classifier, classifier.predict_proba(X)), (regressor, regressor.predict(X))):
        network = opened_by_keras(Path(model.download(tmp_path / f"{model.kind}.json", format=format)[0]))
        numpy.testing.assert_allclose(network.predict(X, verbose=0), ours, atol=1e-5)


def written_as_the_converter_does(network: keras.Sequential, folder: Path) -> Path:
    """`model.json` and shards of the weights, as `tensorflowjs_converter --weight_shard_size_bytes` leaves them."""
    weights, data = [], b""
    for layer in network.layers:
        for variable in layer.weights:
            value = numpy.asarray(variable, "<f4")
            weights.append({"name": f"{layer.name}/{variable.name}", "shape": list(value.shape), "dtype": "float32"})
            data += value.tobytes()
    cuts = [0, 100, 333, len(data)]
    paths = [f"group1-shard{i}of3.bin" for i in (1, 2, 3)]
    for path, start, end in zip(paths, cuts, cuts[1:]):
        (folder / path).write_bytes(data[start:end])
    topology = {
        "format": "layers-model",
        "generatedBy": f"keras v{keras.__version__}",
        "modelTopology": {"model_config": json.loads(network.to_json()), "keras_version": keras.__version__},
        "weightsManifest": [{"paths": paths, "weights": weights}],
    }
    (folder / "model.json").write_text(json.dumps(topology))
    return folder / "model.json"


def test_a_network_of_keras_predicts_the_same_here(tmp_path) -> None:
    keras.utils.set_random_seed(7)
    X = numpy.random.default_rng(7).normal(size=(50, 6)).astype("f4")
    network = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model = maquette.load_model(written_as_the_converter_does(network, tmp_path))
    assert model.kind == "mlp-classifier"
    numpy.testing.assert_allclose(model.predict_proba(X), network.predict(X, verbose=0), atol=1e-5)
