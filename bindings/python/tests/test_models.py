"""Models that are saved, loaded and closed."""

from __future__ import annotations

import threading

import numpy
import pytest
from conftest import KINDS, PATIENCE, Digits, answers, in_threads

import maquette


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_gives_the_same_bits(store: maquette.Store, kind: str, digits: Digits) -> None:
    with maquette.Model(kind) as model, maquette.Model(kind) as other:
        model.fit(digits.X, answers(kind, digits.y))
        id = model.save(store, "digits", metadata={"note": "ünïcode", "rows": 1438})
        stored = other.load(store, "digits")
        assert (stored["id"], stored["name"]) == (id, "digits")
        assert {"note": "ünïcode", "rows": 1438}.items() <= stored["metadata"].items()
        assert other.training.value.status == "loaded"
        assert other.parameters == model.parameters
        assert numpy.array_equal(other.predict_proba(digits.X_test), model.predict_proba(digits.X_test))
        assert numpy.array_equal(other.predict(digits.X_test), model.predict(digits.X_test))
        assert "loaded, " in repr(other)
        if model.task == "classification":
            assert other.labels == model.labels
            assert other.predict(digits.X_test[0]) == model.predict(digits.X_test[0])
            assert "loaded, 64 features, 10 labels" in repr(other)


def test_the_latest_of_a_name_is_loaded_and_any_by_its_id(store: maquette.Store, blobs) -> None:
    X, y = blobs
    with maquette.KNNClassifier() as model:
        first = model.fit(X, y).save(store, "model")
        second = model.fit(X, [label.upper() for label in y]).save(store, "model")
        assert first != second
        assert model.load(store, first)["id"] == first
        assert model.predict(X[0]).label == "red"
        assert model.load(store, "model")["id"] == second
        assert model.predict(X[0]).label == "RED"


def test_saving_with_an_id_replaces_that_model(store: maquette.Store, blobs) -> None:
    X, y = blobs
    with maquette.KNNClassifier() as model:
        id = model.fit(X, y).save(store, "model")
        assert model.fit(X, [label.upper() for label in y]).save(store, "model", id=id) == id
        model.load(store, id)
        assert model.labels == ["RED", "GREEN", "BLUE"]
        with pytest.raises(maquette.NotFoundError):
            model.save(store, "model", id="0" * 24)


def test_what_can_t_be_loaded_leaves_the_model_as_it_was(store: maquette.Store, trained: maquette.Model, blobs) -> None:
    before = trained.predict_proba(blobs[0])
    with maquette.KNNClassifier() as other:
        other.fit(*blobs).save(store, "nearest")
    with pytest.raises(maquette.NotFoundError) as caught:
        trained.load(store, "missing")
    assert caught.value.name == "missing"
    with pytest.raises(maquette.MaquetteError):
        trained.load(store, "nearest")
    with pytest.raises(maquette.BadTextError):
        trained.load(store, "a\0b")
    with pytest.raises(TypeError):
        trained.load(store, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        trained.save(store, "model", metadata={"odd": object()})
    with pytest.raises(maquette.NotFiniteError):
        trained.save(store, "model", metadata={"odd": numpy.nan})
    assert numpy.array_equal(trained.predict_proba(blobs[0]), before)


def test_a_closed_model_is_an_error_not_a_crash(trained: maquette.Model, blobs) -> None:
    X, y = blobs
    predictor = trained.predictor()
    stream, epochs = trained.training, trained.parameter("epochs")
    trained.predict(X[0])
    trained.close()
    trained.close()
    assert trained.closed
    assert repr(trained) == "<MLPClassifier (closed)>"
    uses = [
        lambda: trained.predict(X[0]),
        lambda: trained.predict(X),
        lambda: trained.predict_proba(X[0]),
        lambda: predictor(X[0]),
        lambda: trained.predictor(),
        lambda: trained.train(X, y),
        lambda: trained.wait(),
        lambda: trained.cancel(),
        lambda: trained.training,
        lambda: trained.labels,
        lambda: trained.epochs,
        lambda: trained.parameters,
        lambda: setattr(trained, "epochs", 3),
        lambda: trained.save(maquette.Store(), "model"),
        lambda: trained.load(maquette.Store(), "model"),
        lambda: stream.value,
        lambda: stream.subscribe(print),
        lambda: stream.queue(),
        lambda: epochs.set(3),
    ]
    for use in uses:
        with pytest.raises(maquette.BadHandleError, match="closed"):
            use()


def test_closing_during_calls_of_other_threads(digits: Digits) -> None:
    for _ in range(20):
        model = maquette.KNNClassifier().fit(digits.X, digits.y)
        begun = threading.Barrier(5)

        def use(number: int, model=model, begun=begun) -> None:
            begun.wait(PATIENCE)
            if number == 0:
                model.close()
            while not model.closed:
                try:
                    model.predict(digits.X_test[:50])
                    model.predict_proba(digits.X_test[0])
                except maquette.BadHandleError:
                    return

        in_threads(5, use)
