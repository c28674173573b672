from __future__ import annotations

import gc
import queue
import sys
import threading
import time
import weakref

import pytest
from conftest import ENDLESS, EVENTS_OF_A_TRAINING, PATIENCE, Digits, in_threads, run, small_model

import maquette


def test_a_subscriber_gets_the_held_value_and_every_event_of_a_training(blobs) -> None:
    with small_model() as model:
        seen: list[maquette.TrainingStatus] = []
        threads = set()

        def watch(status: maquette.TrainingStatus) -> None:
            seen.append(status)
            threads.add(threading.get_ident())

        subscription = model.training.subscribe(watch)
        model.fit(*blobs)
        # wait() returns after the callbacks have.
        assert [status.status for status in seen] == ["idle", *EVENTS_OF_A_TRAINING]
        assert [status.epoch for status in seen] == [None, None, 1, 2, 3, None]
        assert [status.epochs for status in seen[1:5]] == [3] * 4
        last_epoch, success = seen[-2:]
        for figure in ("loss", "accuracy", "loss_val", "accuracy_val"):
            assert isinstance(getattr(last_epoch, figure), float)
            assert getattr(success, figure) == getattr(last_epoch, figure)
        assert len(success["data"]["loss"]) == 3
        assert success.is_final and not last_epoch.is_final
        assert threading.get_ident() not in threads
        assert subscription.active
        assert subscription.dropped == 0


def test_after_unsubscribing_the_function_is_not_called_again(blobs) -> None:
    with small_model() as model:
        seen: queue.Queue = queue.Queue()
        subscription = model.training.subscribe(seen.put)
        assert seen.get(timeout=PATIENCE).status == "idle"
        subscription.unsubscribe()
        subscription.unsubscribe()
        assert not subscription.active
        model.fit(*blobs)
        assert seen.empty()
        with model.training.subscribe(seen.put):
            assert seen.get(timeout=PATIENCE).status == "success"
        model.fit(*blobs)
        assert seen.empty()


def test_unsubscribing_waits_for_the_call_that_runs() -> None:
    with small_model() as model:
        inside, leave, left = threading.Event(), threading.Event(), threading.Event()

        def slow(_: object) -> None:
            inside.set()
            leave.wait(PATIENCE)
            left.set()

        subscription = model.training.subscribe(slow)
        assert inside.wait(PATIENCE)
        unsubscribed = threading.Event()
        thread = threading.Thread(target=lambda: (subscription.unsubscribe(), unsubscribed.set()))
        thread.start()
        assert not unsubscribed.wait(0.05)
        leave.set()
        assert unsubscribed.wait(PATIENCE)
        assert left.is_set()
        thread.join()


def test_a_function_unsubscribes_itself(blobs) -> None:
    with small_model(epochs=50) as model:
        seen: list[maquette.TrainingStatus] = []
        known = threading.Event()

        def once(status: maquette.TrainingStatus) -> None:
            assert known.wait(PATIENCE)
            seen.append(status)
            if status.status == "epoch":
                subscription.unsubscribe()

        subscription = model.training.subscribe(once)
        known.set()
        model.fit(*blobs)
        assert [status.status for status in seen][-1:] == ["epoch"]
        assert sum(status.status == "epoch" for status in seen) == 1


def test_an_exception_in_a_function_is_reported_and_harms_nothing(blobs, unraisable: list[BaseException]) -> None:
    with small_model() as model:
        seen = []

        def broken(status: maquette.TrainingStatus) -> None:
            seen.append(status.status)
            raise KeyError(status.status)

        model.training.subscribe(broken)
        good: list[maquette.TrainingStatus] = []
        model.training.subscribe(good.append)
        model.fit(*blobs)
        assert seen == [status.status for status in good] == ["idle", *EVENTS_OF_A_TRAINING]
        assert [type(error) for error in unraisable] == [KeyError] * 6
        assert [error.args[0] for error in unraisable] == seen


@pytest.mark.parametrize("leaving", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_no_exception_of_a_function_ends_the_program(blobs, unraisable: list[BaseException], leaving) -> None:
    with small_model() as model:

        def broken(status: maquette.TrainingStatus) -> None:
            raise leaving

        model.training.subscribe(broken)
        model.fit(*blobs)
        assert unraisable == [leaving] * 6


def test_every_function_may_be_called_in_a_callback(store: maquette.Store, digits: Digits) -> None:
    with (
        store.dataset("digits") as dataset,
        maquette.MLPClassifier(epochs=ENDLESS) as model,
        maquette.KNNClassifier() as other,
    ):
        dataset.append(digits.X, digits.y)
        failures: queue.Queue[BaseException | None] = queue.Queue()

        def everything(status: maquette.TrainingStatus) -> None:
            if status.status != "epoch":
                return
            try:
                assert model.is_training
                assert "training" in repr(model)
                assert model.predict(digits.X_test[0]).label in model.labels
                assert len(model.predict(digits.X_test)) == 359
                model.epochs = 3
                assert model.training.value.status == "epoch"
                with model.training.queue() as events:
                    events.get(PATIENCE)  # the training's thread brings it, when it has told all others of this epoch
                model.training.subscribe(lambda _: None).unsubscribe()
                with pytest.raises(maquette.ReentrantError):
                    model.wait()
                with pytest.raises(maquette.BusyError):
                    model.train(dataset)
                other.fit(dataset)
                other.save(store, "other")
                other.load(store, "other")
                made = dataset.create({"x": [0.0] * 64, "y": "0"})
                dataset.remove(made["id"])
                with maquette.Store() as second, second.dataset("points") as points:
                    points.append([[1.0, 2.0]], ["a"])
                    assert len(points) == 1
                maquette.set_log("error", lambda level, text: None)
                maquette.set_log(None)
                maquette.set_threads(maquette.threads())
                gc.collect()
                failures.put(None)
            except BaseException as error:
                failures.put(error)

        model.training.subscribe(everything)
        model.train(dataset)
        for _ in range(3):
            failure = failures.get(timeout=PATIENCE)
            if failure is not None:
                raise failure


def test_iterating_over_a_training_ends_while_somebody_slow_still_looks_at_its_last_event(blobs) -> None:
    with small_model() as model:
        go_on = threading.Event()
        model.training.subscribe(lambda status: go_on.wait(PATIENCE))
        try:
            model.train(*blobs)
            assert [status.status for status in model.training][-1] == "success"
            assert not model.is_training
            assert [status.status for status in model.training] == ["success"]
        finally:
            go_on.set()


def test_a_training_is_cancelled_from_its_callback(digits: Digits) -> None:
    with maquette.MLPClassifier(epochs=ENDLESS) as model:
        model.training.subscribe(lambda status: status.epoch and model.cancel())
        with pytest.raises(maquette.CancelledError):
            model.fit(digits.X, digits.y)


def test_a_training_is_begun_from_the_callback_of_the_one_before(blobs) -> None:
    with small_model() as model, small_model() as second:
        ended = threading.Event()
        model.training.subscribe(lambda status: status.status == "success" and second.train(*blobs))
        second.training.subscribe(lambda status: status.status == "success" and ended.set())
        model.train(*blobs)
        assert ended.wait(PATIENCE)


def test_a_slow_function_slows_no_training_and_gets_the_last_event(digits: Digits) -> None:
    with small_model(epochs=2000, layers=[2], batch_size=256) as model:
        may_go_on = threading.Event()
        seen: list[maquette.TrainingStatus] = []

        def slow(status: maquette.TrainingStatus) -> None:
            seen.append(status)
            may_go_on.wait(PATIENCE)

        subscription = model.training.subscribe(slow)
        quick = model.training.queue()
        model.train(digits.X, digits.y)
        for status in iter(quick.get, None):
            if status.status == "success":
                break
        assert len(seen) == 1
        may_go_on.set()
        model.wait(PATIENCE)
        assert seen[-1].status == "success"
        assert len(seen) < 2000
        assert subscription.dropped + len(seen) == 2000 + 3
        assert len(seen[-1]["data"]["loss"]) == 2000


def test_many_callbacks_of_many_threads(blobs) -> None:
    """Threads that subscribe, unsubscribe, set parameters and train, all at once."""

    def work(number: int) -> tuple[int, int]:
        count = begun = 0

        def receive(_: object) -> None:
            nonlocal count
            count += 1

        with small_model(seed=number) as model:
            for _ in range(10):
                with model.training.subscribe(receive), model.parameter("epochs").subscribe(receive):
                    model.epochs = 2
                    model.fit(*blobs)
                    begun += 1
        return count, begun

    for count, begun in in_threads(8, work):
        assert begun == 10
        # Of a training: how it was, start, two epochs, success.
        assert count >= 10 * 5


def test_one_stream_with_many_subscribers(blobs) -> None:
    with small_model() as model:
        seen: list[list[str]] = [[] for _ in range(50)]
        for statuses in seen:
            model.training.subscribe(lambda status, statuses=statuses: statuses.append(status.status))
        model.fit(*blobs)
        assert seen == [["idle", *EVENTS_OF_A_TRAINING]] * 50


def test_a_subscriber_that_refers_to_its_model_does_not_keep_it_alive(blobs) -> None:
    model = small_model()

    def receive(_: object, model: maquette.Model = model) -> None:
        model.epochs  # noqa: B018

    key = model.training.subscribe(receive)._receiver.key
    gone = weakref.ref(model)
    del model, receive
    gc.collect()
    assert gone() is None
    deadline = time.monotonic() + PATIENCE
    while key in maquette._callbacks._receivers:
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def test_closing_a_model_ends_its_subscriptions_and_queues(blobs) -> None:
    model = small_model()
    subscription = model.training.subscribe(lambda status: None)
    events = model.training.queue()
    model.close()
    assert [status.status for status in events] == ["idle"]
    deadline = time.monotonic() + PATIENCE
    while subscription.active:
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)
    subscription.unsubscribe()


def test_no_receiver_is_left_behind(blobs) -> None:
    gc.collect()
    with small_model() as model:
        before = len(maquette._callbacks._receivers)
        for _ in range(100):
            model.training.subscribe(lambda status: None).unsubscribe()
        assert len(maquette._callbacks._receivers) == before
        assert not model._receivers


def test_a_subscriber_must_be_callable() -> None:
    with small_model() as model, pytest.raises(TypeError, match="callable"):
        model.training.subscribe(5)  # type: ignore[arg-type]


def test_deep_recursion_in_a_callback_is_an_error_not_a_crash() -> None:
    result = run(
        """
        def deep(_):
            return sorted([0], key=deep)  # through C frames, which take from the stack of the thread

        errors = []
        sys.unraisablehook = lambda args: errors.append(args.exc_type)
        X, y = numpy.eye(4), list("abab")
        with maquette.KNNClassifier() as model:
            model.training.subscribe(deep)
            model.fit(X, y)
        assert errors == [RecursionError] * 3, errors
        print("survived")
        """
    )
    assert (result.returncode, result.stdout) == (0, "survived\n"), result.stderr[-2000:]


def test_a_status_is_read_without_json(blobs) -> None:
    import ctypes

    from maquette import _library

    seen = []

    @_library.EventFunction
    def receive(_, event) -> None:
        status = _library.RawTrainingStatus(ctypes.sizeof(_library.RawTrainingStatus))
        assert _library.library.maquette_event_training_status(event, status, None) == 0
        seen.append((status.status, status.epoch, status.epochs, status.loss))

    with small_model() as model:
        subscription = ctypes.c_void_p()
        arguments = (model.training._handle, receive, None, _library.NO_DESTROY_FUNCTION)
        assert _library.library.maquette_stream_subscribe(*arguments, ctypes.byref(subscription), None) == 0
        model.fit(*blobs)
        _library.library.maquette_subscription_destroy(subscription)
        assert [entry[:3] for entry in seen] == [(0, 0, 0), (1, 0, 3), (2, 1, 3), (2, 2, 3), (2, 3, 3), (3, 0, 0)]
        assert seen[-1][3] == seen[-2][3] == model.training.value.loss
        assert sys.float_info.epsilon < seen[-1][3]
