"""Kinds and parameters of models."""

from __future__ import annotations

import numpy
import pytest
from conftest import KINDS, PATIENCE

import maquette


def test_kinds_and_their_schemas() -> None:
    assert {"mlp-classifier", "knn-classifier"} <= set(maquette.kinds())
    for kind in maquette.kinds():
        schema = maquette.schema(kind)
        assert schema["kind"] == kind
        assert schema["description"]
        assert schema["task"] in ("classification", "regression", "clustering", "projection", "inference")
        assert isinstance(schema["trainable"], bool)
        for parameter in schema["parameters"]:
            assert {"name", "type", "default", "description"} <= parameter.keys()
            assert parameter["type"] in (
                "boolean",
                "integer",
                "number",
                "integers",
                "choice",
                "text",
                "texts",
                "classWeights",
                "centers",
            )


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_of_every_kind_is_an_attribute(kind: str) -> None:
    with maquette.Model(kind) as model:
        assert model.kind == kind
        for parameter in maquette.schema(kind)["parameters"]:
            name = maquette._models.snake_case(parameter["name"])
            assert getattr(model, name) == parameter["default"]
            assert name in dir(model)
            assert getattr(type(model), name).__doc__ == parameter["description"]
            setattr(model, name, parameter["default"])
            assert model.parameters[name] == model.parameter(name).value == parameter["default"]
            assert model.parameter(parameter["name"]).value == parameter["default"]


def test_parameters_are_given_set_and_watched() -> None:
    with maquette.MLPClassifier(layers=(16,), batch_size=4, validationSplit=0.5, seed=numpy.int64(9)) as model:
        assert (model.layers, model.batch_size, model.validation_split, model.seed) == ([16], 4, 0.5, 9)
        with model.parameter("epochs").queue() as epochs:
            assert epochs.get(PATIENCE) == 20
            model.epochs = 30
            assert epochs.get(PATIENCE) == 30
            model.parameter("epochs").set(31)
            assert epochs.get(PATIENCE) == 31 == model.epochs


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"epochs": 0}, maquette.BadParameterError),
        ({"epochs": -1}, maquette.BadParameterError),
        ({"epochs": 1.5}, maquette.BadParameterError),
        ({"epochs": 10**30}, maquette.BadParameterError),
        ({"epochs": "many"}, maquette.BadParameterError),
        ({"epochs": None}, maquette.BadParameterError),
        ({"epochs": True}, maquette.BadParameterError),
        ({"epochs": [20]}, maquette.BadParameterError),
        ({"layers": [0]}, maquette.BadParameterError),
        ({"layers": [10**9]}, maquette.BadParameterError),
        ({"layers": 64}, maquette.BadParameterError),
        ({"layers": {"a": 1}}, maquette.BadParameterError),
        ({"learning_rate": float("nan")}, maquette.NotFiniteError),
        ({"epoch": 20}, maquette.UnknownParameterError),
        ({"": 20}, maquette.UnknownParameterError),
        ({"epochs": object()}, TypeError),
    ],
)
def test_bad_parameters_are_refused_when_a_model_is_made_and_when_they_are_set(parameters, error: type) -> None:
    with pytest.raises(error):
        maquette.MLPClassifier(**parameters)
    with maquette.MLPClassifier() as model:
        before = model.parameters
        for name, value in parameters.items():
            with pytest.raises(error):
                setattr(model, name, value)
            with pytest.raises(error):
                model.parameter(name).set(value)
        assert model.parameters == before


def test_a_validation_split_out_of_range_becomes_the_nearest() -> None:
    with maquette.MLPClassifier(validation_split=-0.1) as model:
        assert model.validation_split == 0
        model.validation_split = 2
        assert model.validation_split == 1


def test_too_many_layers_are_refused_before_a_training_begins(blobs) -> None:
    with pytest.raises(maquette.BadParameterError), maquette.MLPClassifier(layers=[8] * 1000) as model:
        model.train(*blobs)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(maquette.BadParameterError):
        maquette.KNNClassifier(metric="chebyshev")
    with maquette.KNNClassifier(metric="euclidean") as model:
        assert model.metric == "euclidean"


def test_an_unknown_attribute_is_no_parameter() -> None:
    with maquette.MLPClassifier() as model:
        assert not hasattr(model, "gamma")
        with pytest.raises(maquette.UnknownParameterError, match="its parameters are layers, epochs"):
            model.epoch = 3
        with pytest.raises(maquette.UnknownParameterError):
            model.k = 3
        with pytest.raises(AttributeError):
            model.labels = ["a"]


@pytest.mark.parametrize("kind", ["nonsense", "", "MLP-classifier", "mlp-classifier ", "🐱"])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(maquette.UnknownKindError):
        maquette.Model(kind)
    with pytest.raises(maquette.UnknownKindError):
        maquette.schema(kind)


def test_a_kind_must_be_text() -> None:
    with pytest.raises(TypeError):
        maquette.Model(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        maquette.Model()  # type: ignore[call-arg]
    with pytest.raises(maquette.BadTextError):
        maquette.Model("knn\0")


def test_a_class_of_one_s_own_can_have_a_kind() -> None:
    class Nearest(maquette.Model):
        kind = "knn-classifier"

        def __init__(self) -> None:
            super().__init__(self.kind, k=1)

    with Nearest() as model:
        assert model.k == 1
        assert repr(model).startswith("<Nearest k=1: ")
