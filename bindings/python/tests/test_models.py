from __future__ import annotations

import threading

import numpy
import pytest
from conftest import ENDLESS, KINDS, PATIENCE, Digits, answers, in_threads, kinds_for

import maquette

# Parameters


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


# Training


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


# Predicting


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


# Saving and loading


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


# Handles


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
