"""Models that predict."""

from __future__ import annotations

import threading

import numpy
import pytest
from conftest import KINDS, Digits, answers, in_threads

import maquette


def test_one_row_gives_label_and_confidences(trained: maquette.Model, blobs) -> None:
    X, _ = blobs
    prediction = trained.predict(X[0])
    label, confidences = prediction
    assert label == prediction.label == "red"
    assert list(confidences) == trained.labels == ["red", "green", "blue"]
    assert sum(confidences.values()) == pytest.approx(1)
    assert prediction.confidence == max(confidences.values()) == confidences["red"]


def test_many_rows_give_an_array_of_labels(trained: maquette.Model, blobs) -> None:
    X, y = blobs
    assert trained.predict(X).tolist() == y
    assert trained.predict(X.tolist()).tolist() == y
    assert trained.predict(X[:0]).shape == (0,)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i8", "i4", "u1", ">f4", "?"])
def test_every_way_to_predict_gives_the_same_numbers(trained: maquette.Model, blobs, dtype: str) -> None:
    X = numpy.abs(blobs[0]).round().astype(dtype)
    expected = trained.predict_proba(X.astype("f4"))
    assert expected.dtype == numpy.float32
    assert expected.shape == (60, 3)
    assert numpy.allclose(expected.sum(axis=1), 1)
    assert numpy.array_equal(trained.predict_proba(X), expected)
    assert numpy.array_equal(trained.predict_proba(X.T.copy().T), expected)
    assert numpy.array_equal(trained.predict_proba(X[::-1])[::-1], expected)
    predictor = trained.predictor()
    single = numpy.empty(3, numpy.float32)
    double = numpy.empty(3)
    for row, answer in zip(X, expected, strict=True):
        for one in (row, row.tolist(), numpy.repeat(row, 2)[::2], row[::-1].copy()[::-1]):
            assert numpy.allclose(trained.predict_proba(one), answer, atol=1e-6)
            assert numpy.allclose(predictor(one), answer, atol=1e-6)
        assert trained.predict_proba(row, out=single) is single
        assert numpy.array_equal(single, trained.predict_proba(row))
        assert trained.predict_proba(row, out=double) is double
        assert numpy.array_equal(double, single)
        assert list(trained.predict(row).confidences.values()) == single.tolist()


def test_out_is_written_to(trained: maquette.Model, blobs) -> None:
    X, _ = blobs
    expected = trained.predict_proba(X)
    for dtype in ("f4", "f8"):
        whole = numpy.full((60, 6), -1, dtype)
        out = whole[:, ::2]
        assert trained.predict_proba(X, out=out) is out
        assert numpy.array_equal(out, expected)
        assert (whole[:, 1::2] == -1).all()


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (numpy.zeros((60, 4), "f4"), maquette.BadShapeError),
        (numpy.zeros((59, 3), "f4"), maquette.BadShapeError),
        (numpy.zeros(3, "f4"), maquette.BadShapeError),
        (numpy.zeros((60, 3), "i4"), TypeError),
        (numpy.zeros((60, 3), ">f4"), TypeError),
        ([[0.0] * 3] * 60, TypeError),
        (numpy.broadcast_to(numpy.zeros(3, "f4"), (60, 3)), maquette.InvalidArgumentError),
    ],
)
def test_an_out_that_does_not_fit_is_refused(trained: maquette.Model, blobs, out, error: type) -> None:
    with pytest.raises(error):
        trained.predict_proba(blobs[0], out=out)
    trained.predict_proba(blobs[0][0])
    for bad in (numpy.zeros(4, "f4"), numpy.zeros((1, 3), "f4"), numpy.zeros(3, "i4")):
        with pytest.raises((TypeError, maquette.BadShapeError)):
            trained.predict_proba(blobs[0][0], out=bad)


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ([1.0, 2], maquette.BadShapeError),
        ([1.0, 2, 3, 4], maquette.BadShapeError),
        ([], maquette.BadShapeError),
        (numpy.zeros((2, 4)), maquette.BadShapeError),
        (numpy.zeros((2, 0)), maquette.BadShapeError),
        (numpy.zeros((1, 1, 3)), maquette.BadShapeError),
        (1.0, maquette.BadShapeError),
        ([numpy.nan, 0, 0], maquette.NotFiniteError),
        ([numpy.inf, 0, 0], maquette.NotFiniteError),
        ([0, 0, 1e300], maquette.NotFiniteError),
        (numpy.full((4, 3), numpy.nan, "f4"), maquette.NotFiniteError),
        (["a", "b", "c"], TypeError),
        ([1j, 0, 0], TypeError),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_can_t_be_predicted_is_refused(kind: str, blobs, row, error: type) -> None:
    with maquette.Model(kind).fit(blobs[0], answers(kind, blobs[1])) as model:
        expected = model.predict_proba(blobs[0][0])
        predictor = model.predictor()
        for predict in (model.predict, model.predict_proba, predictor):
            with pytest.raises(error if predict is not predictor or numpy.ndim(row) == 1 else ValueError):
                predict(row)
            if isinstance(row, list) and error is not TypeError:
                with pytest.raises(error):
                    predict(numpy.array(row, "f8"))
            assert numpy.array_equal(model.predict_proba(blobs[0][0]), expected)
            assert numpy.array_equal(predictor(blobs[0][0]), expected)


def test_a_row_of_another_length_never_passes_for_one_that_fits(trained: maquette.Model) -> None:
    # A row of one feature would be spread over all of them, if NumPy were asked to.
    trained.predict_proba(numpy.zeros(3, "f4"))
    predictor = trained.predictor()
    predictor(numpy.zeros(3, "f4"))
    for predict in (trained.predict_proba, predictor):
        with pytest.raises(maquette.BadShapeError):
            predict(numpy.zeros(1, "f4"))
        with pytest.raises(maquette.BadShapeError):
            predict(numpy.float32(0))


def test_a_model_that_was_not_trained_says_so(blobs) -> None:
    with maquette.MLPClassifier() as model:
        uses = [
            lambda: model.predict(blobs[0]),
            lambda: model.predict(blobs[0][0]),
            lambda: model.predict_proba(blobs[0][0]),
            lambda: model.predictor(),
            lambda: model.labels,
            lambda: model.save(maquette.Store(), "model"),
        ]
        for use in uses:
            with pytest.raises(maquette.NotTrainedError):
                use()


def test_other_labels_and_features_renew_what_was_prepared(blobs) -> None:
    X, y = blobs
    with maquette.KNNClassifier(k=1) as model:
        model.fit(X, y)
        predictor = model.predictor()
        assert predictor(X[0]).shape == model.predict_proba(X[0]).shape == (3,)
        assert model.predict(X[0]).label == "red"

        model.fit(X, [f"{label} {'left' if row < 30 else 'right'}" for row, label in enumerate(y)])
        assert predictor(X[0]).shape == model.predict_proba(X[0]).shape == (4,)
        assert model.predict(X[0]).label == "red left"

        wide = numpy.concatenate([X, X], axis=1)
        model.fit(wide, [str(label != "red") for label in y])
        assert predictor(wide[0]).shape == model.predict_proba(wide[0]).shape == (2,)
        assert model.predict(wide[0]).label == "False"
        with pytest.raises(maquette.BadShapeError):
            predictor(X[0])
        with pytest.raises(maquette.BadShapeError):
            model.predict(X[0])

        # As many labels as before, but others.
        model.fit(wide, ["no" if label == "red" else "yes" for label in y])
        assert model.predict(wide[0]) == ("no", {"no": 1.0, "yes": 0.0})


def test_a_predictor_s_answer_is_overwritten_and_that_of_a_model_is_not(trained: maquette.Model, blobs) -> None:
    X, _ = blobs
    predictor = trained.predictor()
    first = predictor(X[0])
    kept = first.copy()
    assert predictor(X[30]) is first
    assert not numpy.array_equal(first, kept)
    one, two = trained.predict_proba(X[0]), trained.predict_proba(X[30])
    assert numpy.array_equal(one, kept)
    assert numpy.array_equal(two, first)


def test_eight_threads_predict_during_trainings_that_change_the_labels(blobs) -> None:
    X, y = blobs
    names = [[f"{label} {number}" for label in y] for number in range(2)]
    stop = threading.Event()
    with maquette.KNNClassifier(k=1) as model:
        model.fit(X, names[0])

        def predict(number: int) -> int:
            count = 0
            predictor = model.predictor()
            while not stop.is_set():
                row = (7 * count + number) % 60
                label, confidences = model.predict(X[row])
                # The colour is right, and all labels are of one training.
                assert label.startswith(y[row])
                assert len({name[-1] for name in confidences}) == 1
                assert len({name[-1] for name in model.predict(X).tolist()}) == 1
                assert model.predict_proba(X[row]).sum() == pytest.approx(1)
                assert predictor(X[row]).sum() == pytest.approx(1)
                count += 1
            return count

        def train(_: int) -> None:
            try:
                for number in range(100):
                    model.fit(X, names[number % 2])
            finally:
                stop.set()

        counts = in_threads(9, lambda number: predict(number) if number else train(number))
        assert all(count for count in counts[1:])


def test_eight_threads_predict_during_a_training(endless: maquette.Model, digits: Digits) -> None:
    def predict(number: int) -> None:
        for _ in range(500):
            assert endless.predict_proba(digits.X_test[number]).sum() == pytest.approx(1, abs=1e-4)

    in_threads(8, predict)
    assert endless.is_training
