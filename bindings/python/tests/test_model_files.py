"""Models in files and out of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from conftest import KINDS

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
