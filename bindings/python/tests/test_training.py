"""Models that train."""

from __future__ import annotations

import threading

import numpy
import pytest
from conftest import ENDLESS, PATIENCE, Digits, in_threads, kinds_for

import maquette


@pytest.mark.parametrize("kind", kinds_for("classification"))
def test_a_model_learns_digits(kind: str, digits: Digits) -> None:
    with maquette.Model(kind) as model:
        assert not model.is_trained
        assert model.fit(digits.X, digits.y) is model
        assert model.is_trained
        assert not model.is_training
        assert (model.predict(digits.X_test) == digits.y_test.astype(str)).mean() > 0.94


def test_a_dataset_and_its_rows_give_the_same_model(store: maquette.Store, digits: Digits) -> None:
    with store.dataset("digits") as dataset, maquette.MLPClassifier(seed=5, epochs=3) as model:
        dataset.append(digits.X, digits.y)
        model.fit(dataset)
        from_dataset = model.predict_proba(digits.X_test)
        labels = model.labels
        model.fit(digits.X, digits.y)
        assert model.labels == labels
        assert numpy.array_equal(model.predict_proba(digits.X_test), from_dataset)


def test_validation_data_is_used(store: maquette.Store, digits: Digits) -> None:
    with store.dataset("learn") as learn, store.dataset("check") as check, maquette.MLPClassifier(epochs=3) as model:
        learn.append(digits.X, digits.y)
        check.append(digits.X_test, digits.y_test)
        model.fit(learn, validation=check)
        with_dataset = model.training.value
        model.fit(digits.X, digits.y, validation=(digits.X_test, digits.y_test))
        assert model.training.value == with_dataset
        accuracy = (model.predict(digits.X_test) == digits.y_test.astype(str)).mean()
        assert with_dataset.accuracy_val == pytest.approx(accuracy)
        model.fit(digits.X, digits.y)
        assert model.training.value != with_dataset


@pytest.mark.parametrize("count", [1, 2])
def test_results_do_not_depend_on_the_number_of_threads(digits: Digits, count: int) -> None:
    before = maquette.threads()
    try:
        maquette.set_threads(count)
        assert maquette.threads() == count
        with maquette.MLPClassifier(seed=5, epochs=3) as model:
            answers = model.fit(digits.X, digits.y).predict_proba(digits.X_test)
        maquette.set_threads(3 - count)
        with maquette.MLPClassifier(seed=5, epochs=3) as model:
            assert numpy.array_equal(model.fit(digits.X, digits.y).predict_proba(digits.X_test), answers)
    finally:
        maquette.set_threads(before)


@pytest.mark.parametrize("count", [0, -1, 257, 2**31, 2**70])
def test_an_impossible_number_of_threads_is_refused(count: int) -> None:
    with pytest.raises(maquette.InvalidArgumentError):
        maquette.set_threads(count)


def test_train_returns_at_once_and_predict_answers_meanwhile(endless: maquette.Model, digits: Digits) -> None:
    assert endless.is_training
    assert endless.predict(digits.X_test[0]).label in endless.labels
    assert len(endless.predict(digits.X_test)) == 359
    with pytest.raises(maquette.WaitTimeoutError):
        endless.wait(0)
    with pytest.raises(maquette.WaitTimeoutError):
        endless.wait(0.25)


def test_a_second_training_meanwhile_is_refused(endless: maquette.Model, digits: Digits) -> None:
    with pytest.raises(maquette.BusyError):
        endless.train(digits.X, digits.y)
    with (
        maquette.Store() as store,
        store.dataset("digits") as dataset,
        pytest.raises(maquette.BusyError),
    ):
        endless.train(dataset)
    assert endless.is_training


def test_loading_meanwhile_is_refused(endless: maquette.Model, digits: Digits) -> None:
    with maquette.Store() as store:
        endless.save(store, "digits")
        with pytest.raises(maquette.BusyError):
            endless.load(store, "digits")


def test_a_cancelled_training_leaves_its_last_epoch(endless: maquette.Model, digits: Digits) -> None:
    endless.cancel()
    with pytest.raises(maquette.CancelledError):
        endless.wait(PATIENCE)
    assert not endless.is_training
    status = endless.training.value
    assert (status.status, status.epochs) == ("cancelled", ENDLESS)
    assert "cancelled" in repr(endless)
    assert (endless.predict(digits.X_test) == digits.y_test.astype(str)).mean() > 0.3
    endless.epochs = 1
    endless.fit(digits.X, digits.y)


def test_cancelling_without_a_training_does_nothing() -> None:
    with maquette.KNNClassifier() as model:
        model.cancel()
        model.wait()
        assert model.training.value == {"status": "idle"}


def test_a_training_is_waited_for_in_several_threads(digits: Digits) -> None:
    with maquette.MLPClassifier(epochs=ENDLESS) as model:
        model.train(digits.X, digits.y)
        begun = threading.Barrier(5)

        def wait(number: int) -> str:
            begun.wait(PATIENCE)
            if number == 0:
                model.cancel()
            try:
                model.wait(PATIENCE)
            except maquette.CancelledError:
                return "cancelled"
            return "over"

        assert in_threads(5, wait) == ["cancelled"] * 5


@pytest.mark.parametrize(
    ("X", "y", "error"),
    [
        (numpy.zeros((0, 3)), [], maquette.NoRowsError),
        (numpy.zeros((4, 3)), ["a"] * 4, maquette.OneLabelError),
        (numpy.zeros((1, 3)), ["a"], maquette.OneLabelError),
        (numpy.full((2, 3), numpy.nan), ["a", "b"], maquette.NotFiniteError),
        (numpy.full((2, 3), numpy.inf), ["a", "b"], maquette.NotFiniteError),
        (numpy.full((2, 3), 1e300), ["a", "b"], maquette.NotFiniteError),
        (numpy.zeros((2, 0)), ["a", "b"], maquette.BadShapeError),
        (numpy.zeros((2, 3)), ["a"], maquette.BadShapeError),
        (numpy.zeros(3), ["a"], maquette.BadShapeError),
        (numpy.zeros((2, 3)), None, TypeError),
        ([["a", "b"]], ["a"], TypeError),
    ],
)
@pytest.mark.parametrize("kind", kinds_for("classification"))
def test_data_that_can_t_be_learned_is_refused_at_once(kind: str, X, y, error: type, blobs) -> None:
    with maquette.Model(kind) as model:
        with pytest.raises(error):
            model.train(X, y)
        assert not model.is_training
        assert not model.is_trained
        model.fit(*blobs)
        before = model.predict_proba(blobs[0])
        with pytest.raises(error):
            model.train(X, y)
        assert numpy.array_equal(model.predict_proba(blobs[0]), before)


def test_a_dataset_that_can_t_be_learned_fails_the_training(store: maquette.Store, blobs) -> None:
    with store.dataset("data") as dataset, maquette.MLPClassifier(layers=[4], epochs=2) as model:
        with pytest.raises(maquette.NoRowsError):
            model.fit(dataset)
        assert model.training.value.status == "error"
        assert model.training.value.error
        assert "failed" in repr(model)
        dataset.append([[1, 2, 3], [4, 5, 6]], ["same", "same"])
        with pytest.raises(maquette.OneLabelError):
            model.fit(dataset)
        dataset.append([[1, 2, 4]])
        with pytest.raises(maquette.NotFoundError):
            model.fit(dataset)
        dataset.clear()
        dataset.append(*blobs)
        model.fit(dataset)
        assert model.training.value.status == "success"


def test_a_failed_training_leaves_the_model_before(trained: maquette.Model, blobs) -> None:
    before = trained.predict_proba(blobs[0])
    with maquette.Store() as store, store.dataset("empty") as empty, pytest.raises(maquette.NoRowsError):
        trained.fit(empty)
    assert numpy.array_equal(trained.predict_proba(blobs[0]), before)


def test_a_training_that_diverges_is_an_error(blobs) -> None:
    X, y = blobs
    with maquette.MLPClassifier(learning_rate=10, epochs=500, layers=[64, 64]) as model:
        try:
            model.fit(X * 1e30, y)
        except (maquette.DivergedError, maquette.NotFiniteError):
            assert model.training.value.status == "error"


def test_odd_arguments_of_train_are_type_errors(store: maquette.Store, blobs) -> None:
    with store.dataset("data") as dataset, maquette.KNNClassifier() as model:
        dataset.append(*blobs)
        for arguments in (
            (dataset, blobs[1]),
            (*blobs, (blobs[0],)),
            (*blobs, (blobs[0], None)),
            (lambda: iter([blobs]), blobs[1]),
            (store,),
        ):
            with pytest.raises(TypeError):
                model.train(*arguments)
        assert not model.is_training


def test_a_model_that_is_dropped_cancels_its_training(digits: Digits) -> None:
    model = maquette.MLPClassifier(epochs=ENDLESS)
    model.train(digits.X, digits.y)
    token = model._handle
    del model
    assert maquette._library.library.maquette_model_wait(token, 0, None) == 1
