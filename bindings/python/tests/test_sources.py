"""Where rows to learn come from, and how a training begins."""

from __future__ import annotations

import time

import numpy
import pytest
from conftest import Digits, answers, kinds_for, run

import maquette


def blocks_of(X, y, size: int):
    return ((X[start : start + size], y[start : start + size]) for start in range(0, len(X), size))


@pytest.mark.parametrize("kind", kinds_for("classification", "regression"))
def test_rows_arrays_datasets_and_blocks_teach_the_same(kind: str, store: maquette.Store, digits: Digits) -> None:
    X, y = digits.X[:300], answers(kind, digits.y[:300])
    with maquette.Model(kind) as model, store.dataset("digits") as dataset:
        if model.task == "regression":
            dataset.append_targets(X, y)
        else:
            dataset.append(X, y)
        expected = model.fit(X, y).predict_proba(digits.X_test)
        for data in (dataset, lambda: blocks_of(X, y, 70), blocks_of(X, y, 299)):
            model.reset()
            assert numpy.array_equal(model.fit(data).predict_proba(digits.X_test), expected)


def test_a_selection_teaches_what_its_instances_teach(store: maquette.Store, digits: Digits) -> None:
    X, y = digits.X[:300], digits.y[:300].astype(str)
    kept = numpy.isin(y, ["3", "8"])
    with maquette.MLPClassifier(epochs=3) as model, store.dataset("digits") as dataset:
        dataset.append(X, y)
        expected = model.fit(X[kept], y[kept]).predict_proba(digits.X_test)
        some = dataset.where({"y": {"$in": ["3", "8"]}})
        assert model.fit(some).labels == expected_labels(y[kept])
        assert numpy.array_equal(model.predict_proba(digits.X_test), expected)
        assert len(list(some)) == kept.sum()
        assert repr(some) == """<Selection of digits: {"y": {"$in": ["3", "8"]}}>"""
        model.fit(some, validation=dataset.where(y="3"))
        with pytest.raises(maquette.NoRowsError):
            model.fit(dataset.where(y="none of them"))
        with pytest.raises(maquette.InvalidArgumentError, match=r"\$where"):
            model.fit(dataset.where({"$where": 1}))
        with pytest.raises(TypeError):
            model.fit(some, y[kept])
        assert model.labels == expected_labels(y[kept])


def expected_labels(y) -> list[str]:
    return list(dict.fromkeys(y))


def test_numbers_are_learned_and_predicted_as_numbers(digits: Digits) -> None:
    X, y = digits.X, digits.y.astype("f8")
    with maquette.MLPRegressor(epochs=30, standardize=True) as model:
        assert model.fit(X, y).training.value.mean_absolute_error_val < 0.8
        predicted = model.predict(digits.X_test)
        assert predicted.shape == (len(digits.X_test),)
        assert abs(predicted - digits.y_test).mean() < 0.8
        assert model.predict(digits.X_test[0]) == predicted[0]
        assert "trained, 64 features, 1 target" in repr(model)
        both = numpy.stack([y, -y], axis=1)
        model.fit(X, both)
        assert model.predict(digits.X_test).shape == (len(digits.X_test), 2)
        assert model.predict(digits.X_test[0]).shape == (2,)
        with pytest.raises(maquette.UnsupportedError):
            _ = model.labels


def test_targets_come_back_from_a_dataset(store: maquette.Store) -> None:
    with store.dataset("numbers") as dataset:
        assert dataset.targets().shape[0] == 0
        dataset.append_targets([[1, 2], [3, 4]], [[0.5], [7]])
        assert dataset.targets().tolist() == [[0.5], [7.0]]
        assert dataset.get(dataset.find()[0]["id"])["y"] == 0.5
        with pytest.raises(maquette.BadShapeError):
            dataset.append_targets([[1, 2]], [1, 2, 3])
        with pytest.raises(maquette.NotFiniteError):
            dataset.append_targets([[1, 2]], [numpy.nan])


def test_a_function_that_raises_fails_the_training_with_its_error(digits: Digits, blobs) -> None:
    def broken():
        yield digits.X[:100], digits.y[:100]
        raise OSError("the disk is gone")

    with maquette.KNNClassifier() as model:
        model.fit(*blobs)
        with pytest.raises(maquette.MaquetteError, match="block 1") as raised:
            model.fit(broken)
        assert isinstance(raised.value.__cause__, OSError)
        assert model.predict(blobs[0][0]).label == "red"


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        (lambda: iter([([[1, 2]], ["a"]), ([[1, 2, 3]], ["b"])]), maquette.BadShapeError),
        (lambda: iter([([[1, 2]], ["a", "b"])]), maquette.MaquetteError),
        (lambda: iter([([[1, 2]], None)]), maquette.MaquetteError),
        (lambda: iter([]), maquette.NoRowsError),
        (lambda: iter([([[1, numpy.nan]], ["a"])]), maquette.NotFiniteError),
        (lambda: 3, maquette.MaquetteError),
    ],
)
def test_blocks_that_do_not_fit_are_an_error(blocks, error: type) -> None:
    with maquette.KNNClassifier() as model, pytest.raises(error):
        model.fit(blocks)


def test_the_source_is_let_go_after_the_training(digits: Digits) -> None:
    with maquette.KNNClassifier() as model:
        model.fit(lambda: blocks_of(digits.X, digits.y, 500))
    end = time.monotonic() + 10
    while maquette._sources._readers and time.monotonic() < end:
        time.sleep(0.001)
    assert not maquette._sources._readers


@pytest.mark.parametrize("kind", ["mlp-regressor", "kmeans-clustering", "pca"])
def test_more_rows_than_are_gathered_are_learned_in_bounded_memory(kind: str) -> None:
    learned = run(
        """
        import resource, sys
        import numpy, maquette

        kind, megabytes = sys.argv[1], 512
        block = numpy.random.default_rng(1).normal(size=(8192, 64)).astype("f4")
        rows = (block, block[:, 0].copy()) if kind == "mlp-regressor" else block
        few = {"units": [4], "batch_size": 1024, "epochs": 1, "k": 2, "max_iterations": 2}
        names = {"mlp-regressor": ["units", "batch_size", "epochs"], "kmeans-clustering": ["k", "max_iterations"]}
        model = maquette.Model(kind, **{name: few[name] for name in names.get(kind, [])})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        model.fit(lambda: (rows for _ in range(megabytes * 2**20 // block.nbytes)))
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """,
        kind,
    )
    # 256 MB are gathered before it is known that there are more.
    assert learned.returncode == 0 and int(learned.stdout) < 320, learned


def test_training_goes_on_where_it_was(digits: Digits) -> None:
    with maquette.MLPClassifier(epochs=6) as whole, maquette.MLPClassifier(epochs=3) as halves:
        with pytest.raises(maquette.NotTrainedError):
            halves.fit(digits.X, digits.y, mode="continuing")
        whole.fit(digits.X, digits.y)
        halves.fit(digits.X, digits.y).fit(digits.X, digits.y, mode="continuing")
        assert numpy.array_equal(whole.predict_proba(digits.X_test), halves.predict_proba(digits.X_test))
        with pytest.raises(maquette.InvalidArgumentError, match="fresh, continuing, partial"):
            halves.fit(digits.X, digits.y, mode="again")


def test_rows_and_labels_come_on_top(digits: Digits) -> None:
    few = digits.y < 5
    with maquette.MLPClassifier(epochs=5) as model:
        model.fit(digits.X[few], digits.y[few])
        assert len(model.labels) == 5
        model.partial_train(digits.X, digits.y)
        model.wait()
        assert len(model.labels) == 10
        assert (model.predict(digits.X_test) == digits.y_test.astype(str)).mean() > 0.9


def test_a_clone_goes_on_by_itself(blobs) -> None:
    with maquette.MLPClassifier(layers=[8], epochs=20, learning_rate=0.01).fit(*blobs) as model:
        expected = model.predict_proba(blobs[0])
        clone = model.clone()
        assert type(clone) is maquette.MLPClassifier
        assert clone.parameters == model.parameters
        model.reset()
        assert not model.is_trained
        assert model.training.value.status == "idle"
        assert numpy.array_equal(clone.predict_proba(blobs[0]), expected)
        clone.close()


def test_what_is_kept_of_a_cancelled_training_may_be_said(endless: maquette.Model) -> None:
    with pytest.raises(maquette.InvalidArgumentError, match="last, best"):
        endless.cancel("first")
    with pytest.raises(maquette.BusyError):
        endless.reset()
    endless.cancel(keep="best")
    with pytest.raises(maquette.CancelledError):
        endless.wait()
    assert endless.is_trained


def test_class_weights_are_words_or_numbers_by_label(blobs) -> None:
    with maquette.MLPClassifier(class_weights={"red": 3, "blue": 0.5}, epochs=1) as model:
        assert model.class_weights == {"red": 3, "blue": 0.5}
        model.fit(*blobs)
        model.class_weights = "balanced"
        model.fit(*blobs)
        model.class_weights = {"nobody": 2}
        with pytest.raises(maquette.BadParameterError, match="nobody"):
            model.fit(*blobs)


def test_an_attribute_that_is_not_there_is_named(blobs) -> None:
    with maquette.KNNClassifier().fit(*blobs) as model:
        assert model.attributes == []
        with pytest.raises(maquette.NotFoundError, match="centers"):
            model.attribute("centers")
