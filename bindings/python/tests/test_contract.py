"""What every kind that learns keeps to, in whatever form its numbers come. A new kind is here by being in `kinds()`."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from conftest import KINDS, PATIENCE, answers, in_threads, run

import maquette

#: Parameters with which trainings of a few rows take milliseconds.
SHORT: dict[str, dict[str, Any]] = {
    "mlp-classifier": {"layers": [8], "epochs": 5, "learning_rate": 0.01},
    "mlp-regressor": {"units": [8], "epochs": 5, "learning_rate": 0.01},
    "knn-classifier": {},
    "knn-regressor": {},
    "kmeans-clustering": {"n_init": 2},
    "pca": {},
    "umap": {"epochs": 5, "n_neighbors": 5},
}


def make(kind: str) -> maquette.Model:
    return maquette.Model(kind, **SHORT[kind])


def trained(kind: str, X: Any, y: Any) -> maquette.Model:
    return make(kind).fit(X, answers(kind, y))


@pytest.fixture(scope="module")
def rows() -> tuple[numpy.ndarray, list[str]]:
    """60 rows of 3 whole numbers from 0 to 9, which every type of number holds exactly, and their labels."""
    generator = numpy.random.default_rng(3)
    corners = numpy.array([[1, 1, 8], [8, 1, 1], [1, 8, 1]])
    X = numpy.concatenate([corner + generator.integers(-1, 2, (20, 3)) for corner in corners])
    return X, [name for name in ("red", "green", "blue") for _ in range(20)]


def test_every_kind_is_tried() -> None:
    assert SHORT.keys() == set(KINDS)


def negative(X: numpy.ndarray) -> numpy.ndarray:
    """The same numbers, which lie backwards in memory."""
    return X[::-1, ::-1].copy()[::-1, ::-1]


def strided(X: numpy.ndarray) -> numpy.ndarray:
    """The same numbers with others between them."""
    room = numpy.full((2 * len(X), 3 * X.shape[1]), 77, X.dtype)
    room[::2, ::3] = X
    return room[::2, ::3]


def read_only(X: numpy.ndarray) -> numpy.ndarray:
    X = X.copy()
    X.flags.writeable = False
    return X


def offset(X: numpy.ndarray) -> numpy.ndarray:
    """The same numbers at an address that is no multiple of their size."""
    memory = numpy.empty(X.nbytes + 1, "u1")
    view = memory[1:].view(X.dtype).reshape(X.shape)
    view[...] = X
    return view


LAYOUTS = {
    "C order": numpy.ascontiguousarray,
    "Fortran order": numpy.asfortranarray,
    "negative strides": negative,
    "strided": strided,
    "read-only": read_only,
    "a list": lambda X: X.tolist(),
    "unaligned": offset,
}


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "u1", "i1", "i4", "i8", "u8", ">f4", ">f8", ">i4", ">i8"])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_any_type_teach_and_are_predicted_alike(kind: str, dtype: str, rows) -> None:
    X, y = rows
    model = trained(kind, X.astype("f4"), y)
    expected = model.predict_proba(X.astype("f4"))
    assert numpy.array_equal(model.predict_proba(X.astype(dtype)), expected)
    assert numpy.array_equal(model.predict_proba(X.astype(dtype)[7]), expected[7])
    other = trained(kind, X.astype(dtype), y)
    assert numpy.array_equal(other.predict_proba(X.astype("f4")), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i8"])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_in_any_layout_teach_and_are_predicted_alike(kind: str, dtype: str, layout: str, rows) -> None:
    X, y = rows
    model = trained(kind, X.astype("f4"), y)
    expected = model.predict_proba(X.astype("f4"))
    laid_out = LAYOUTS[layout](X.astype(dtype))
    before = numpy.array(laid_out)
    assert numpy.array_equal(model.predict_proba(laid_out), expected)
    assert numpy.array_equal(model.predict_proba(laid_out[7]), expected[7])
    assert numpy.array_equal(trained(kind, laid_out, y).predict_proba(X.astype("f4")), expected)
    assert numpy.array_equal(numpy.array(laid_out), before)


@pytest.mark.parametrize("kind", KINDS)
def test_booleans_are_the_numbers_0_and_1(kind: str, rows) -> None:
    X, y = rows
    expected = trained(kind, (X > 4).astype("f4"), y).predict_proba((X > 4).astype("f4"))
    assert numpy.array_equal(trained(kind, X > 4, y).predict_proba(X > 4), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_go_to_arrays_of_any_layout(kind: str, rows) -> None:
    X, y = rows
    model = trained(kind, X, y)
    expected = model.predict_proba(X)
    for dtype in ("f4", "f8"):
        for layout in (numpy.ascontiguousarray, numpy.asfortranarray, negative, strided):
            out = layout(numpy.zeros(expected.shape, dtype))
            assert model.predict_proba(X, out=out) is out
            assert numpy.array_equal(out, expected)
    with pytest.raises((ValueError, TypeError)):
        model.predict_proba(X, out=read_only(expected))
    with pytest.raises((ValueError, TypeError)):
        model.predict_proba(X, out=expected.astype("i4"))


@pytest.mark.parametrize(
    "X, error",
    [
        ([["a", "b", "c"]], TypeError),
        ([[1 + 2j, 0, 0]], TypeError),
        ([[None, 1, 2]], TypeError),
        (numpy.array([["2020-01-01"] * 3], "M8[D]"), TypeError),
        ("text", (TypeError, ValueError)),
        (None, TypeError),
        ({}, TypeError),
        ([[1, 2], [3]], maquette.BadShapeError),
        (numpy.zeros((2, 2, 2)), maquette.BadShapeError),
        (numpy.zeros((2, 0)), maquette.BadShapeError),
        ([[1, 2, float("nan")]], maquette.NotFiniteError),
        ([[1, 2, float("inf")]], maquette.NotFiniteError),
        ([[1, 2, 1e39]], maquette.NotFiniteError),
        ([[10**400, 1, 2]], (TypeError, ValueError)),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_can_t_be_learned_is_refused_and_the_model_stays(kind: str, X: Any, error: Any, rows) -> None:
    good, y = rows
    with trained(kind, good, y) as model:
        before = model.predict_proba(good)
        labels = answers(kind, ["a"]) if isinstance(X, list) else answers(kind, ["a", "b"])
        with pytest.raises(error):
            model.fit(X, labels)
        with pytest.raises(error):
            model.predict(X)
        assert numpy.array_equal(model.predict_proba(good), before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_the_rows_has_that_part_of_the_predictions(kind: str, rows) -> None:
    X, y = rows
    with trained(kind, X, y) as model:
        expected = model.predict_proba(X)
        order = numpy.random.default_rng(1).permutation(len(X))
        assert numpy.array_equal(model.predict_proba(X[order]), expected[order])
        assert numpy.array_equal(model.predict_proba(X[10:17]), expected[10:17])
        assert model.predict_proba(X[:0]).shape == (0, expected.shape[1])
        predict = model.predictor()
        for row in (0, 31, 59):
            assert numpy.array_equal(predict(X[row].astype("f4")), expected[row])


@pytest.mark.parametrize("kind", KINDS)
def test_training_twice_gives_the_same(kind: str, rows) -> None:
    X, y = rows
    with trained(kind, X, y) as model:
        first = model.predict_proba(X)
        assert numpy.array_equal(model.fit(X, answers(kind, y)).predict_proba(X), first)
        with trained(kind, X, y) as other:
            assert numpy.array_equal(other.predict_proba(X), first)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_trained_says_so(kind: str, rows, store: maquette.Store) -> None:
    X, _ = rows
    with make(kind) as model:
        for call in (
            lambda: model.predict(X),
            lambda: model.predict(X[0]),
            lambda: model.predict_proba(X),
            lambda: model.predictor(),
            lambda: model.save(store, "x"),
            lambda: model.attributes,
            lambda: model.attribute("x"),
        ):
            with pytest.raises(maquette.NotTrainedError):
                call()
        assert not model.is_trained
        assert model.training.value.status == "idle"
        assert model.wait() is model
        model.cancel()


@pytest.mark.parametrize("kind", KINDS)
def test_eight_threads_predict_during_trainings(kind: str, rows) -> None:
    X, y = rows
    with trained(kind, X, y) as model:
        width = model.predict_proba(X).shape[1]

        def work(number: int) -> None:
            if number == 8:
                for _ in range(20):
                    model.fit(X, answers(kind, y))
                return
            for turn in range(150):
                one = model.predict_proba(X[turn % 60])
                assert one.shape == (width,)
                assert numpy.isfinite(one).all()

        in_threads(9, work)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_that_raises_half_way_leaves_the_model(kind: str, rows) -> None:
    X, y = rows
    learned = answers(kind, y)

    def blocks():
        yield (X[:30], None if learned is None else learned[:30])
        raise RuntimeError("the camera is gone")

    with trained(kind, X, y) as model:
        before = model.predict_proba(X)
        with pytest.raises(maquette.MaquetteError) as caught:
            model.fit(lambda: blocks())
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert model.training.value.status == "error"
        assert numpy.array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_events_of_a_training_arrive_in_order(kind: str, rows) -> None:
    X, y = rows
    with make(kind) as model, model.training.queue() as queue:
        model.fit(X, answers(kind, y))
        statuses = [queue.get(PATIENCE)]
        while statuses[-1].status != "success":
            statuses.append(queue.get(PATIENCE))
        epochs = SHORT[kind].get("epochs", 0)
        assert [status.status for status in statuses] == ["idle", "start", *["epoch"] * epochs, "success"]
        assert [status.epoch for status in statuses if status.status == "epoch"] == list(range(1, epochs + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_trainings_take_no_memory(kind: str) -> None:
    # In a process of its own. The rows are 15 KB: trainings that kept them would keep 15 MB.
    result = run(
        """
        import gc
        from conftest import answers
        from test_contract import make
        kind = sys.argv[1]
        generator = numpy.random.default_rng(2)
        X, y = generator.normal(size=(120, 32)).astype("f4"), answers(kind, ["red", "green", "blue"] * 40)
        def resident():
            gc.collect()
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
        with make(kind) as model:
            for turn in range(1200):
                if turn == 200:
                    before = resident()
                model.fit(X, y).predict(X)
            print(resident() - before)
        """,
        kind,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 6_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_label_or_constant_features_are_no_crash(kind: str, rows) -> None:
    X, y = rows
    with make(kind) as model:
        model.fit(numpy.full_like(X, 4), answers(kind, y))
        assert numpy.isfinite(model.predict_proba(X)).all()
        if model.task == "classification":
            with pytest.raises(maquette.OneLabelError):
                model.fit(X, ["a"] * len(X))
        else:
            model.fit(X, answers(kind, ["a"] * len(X)))
            assert numpy.isfinite(model.predict_proba(X)).all()
