from __future__ import annotations

import asyncio
import gc
import itertools
import queue
import select
import sys
import threading
import time
import weakref

import pytest
from conftest import ENDLESS, PATIENCE, Digits, in_threads, run

import maquette


def small_model(**parameters) -> maquette.Model:
    return maquette.MLPClassifier(**{"layers": [8], "epochs": 3, **parameters})


EVENTS_OF_A_TRAINING = ["start", "epoch", "epoch", "epoch", "success"]


# Callbacks


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
                    events.get(0)
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


# Pull


def test_iterating_ends_with_the_training(blobs) -> None:
    with small_model() as model:
        model.train(*blobs)
        statuses = [status.status for status in model.training]
        # All that came after the first look, which may have been late.
        assert statuses == ["idle", *EVENTS_OF_A_TRAINING][-len(statuses) :]
        assert [status.status for status in model.training] == ["success"]


def test_iterating_without_a_training_ends_at_once() -> None:
    with small_model() as model:
        assert list(model.training) == [{"status": "idle"}]


@pytest.mark.parametrize("attempt", range(20))
def test_iterating_never_misses_the_end(blobs, attempt: int) -> None:
    with small_model(epochs=1 + attempt % 3) as model:
        for _ in range(20):
            model.train(*blobs)
            assert [status.status for status in model.training][-1] == "success"
            model.wait()


def test_a_queue_goes_on_with_the_next_training(blobs) -> None:
    with small_model() as model, model.training.queue() as events:
        model.fit(*blobs).fit(*blobs)
        statuses = [events.get(PATIENCE).status for _ in range(11)]
        assert statuses == ["idle", *EVENTS_OF_A_TRAINING, *EVENTS_OF_A_TRAINING]
        assert events.sequence == 10
        assert events.dropped == 0
        with pytest.raises(maquette.WaitTimeoutError):
            events.get(0)
        with pytest.raises(maquette.WaitTimeoutError, match=r"within 0\.15 s"):
            events.get(0.15)


def test_a_closed_queue_says_so() -> None:
    with small_model() as model:
        events = model.training.queue()
        events.close()
        events.close()
        for use in (events.get, lambda: events.get(0), events.fileno):
            with pytest.raises(maquette.ClosedError):
                use()
        assert list(events) == []


def test_a_queue_closed_by_another_thread_ends() -> None:
    with small_model() as model:
        events = model.training.queue()
        events.get(PATIENCE)
        begun = threading.Event()
        result: queue.Queue = queue.Queue()

        def take() -> None:
            begun.set()
            result.put(list(events))

        thread = threading.Thread(target=take)
        thread.start()
        assert begun.wait(PATIENCE)
        events.close()
        assert result.get(timeout=PATIENCE) == []
        thread.join()


def test_several_threads_take_from_one_queue_each_event_once(digits: Digits) -> None:
    with small_model(epochs=40, layers=[2]) as model, model.training.queue() as events:
        model.train(digits.X, digits.y)

        def take(_: int) -> list[int]:
            epochs = []
            while True:
                try:
                    status = events.get(1)
                except maquette.WaitTimeoutError:
                    return epochs
                if status.epoch:
                    epochs.append(status.epoch)

        assert sorted(itertools.chain(*in_threads(4, take))) == list(range(1, 41))


def test_the_descriptor_is_readable_while_an_event_waits(blobs) -> None:
    with small_model() as model, model.training.queue() as events:
        assert select.select([events], [], [], PATIENCE)[0] == [events]
        events.get(0)
        assert select.select([events], [], [], 0)[0] == []
        model.train(*blobs)
        statuses = []
        while "success" not in statuses:
            assert select.select([events], [], [], PATIENCE)[0] == [events]
            statuses.append(events.get(0).status)
        assert statuses == EVENTS_OF_A_TRAINING
        assert select.select([events], [], [], 0)[0] == []
        poll = select.poll()
        poll.register(events, select.POLLIN)
        model.close()
        assert poll.poll(PATIENCE * 1000)
        with pytest.raises(maquette.ClosedError):
            events.get(0)


# asyncio


def test_async_for_ends_with_the_training_and_leaves_the_loop_free(digits: Digits) -> None:
    async def main() -> tuple[list[maquette.TrainingStatus], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        with small_model(epochs=300) as model:
            ticking = asyncio.create_task(tick())
            model.train(digits.X, digits.y)
            statuses = [status async for status in model.training]
            ticking.cancel()
            return statuses, ticks

    statuses, ticks = asyncio.run(main())
    assert statuses[-1].status == "success"
    # Epochs are merged where this was slow.
    epochs = [status.epoch for status in statuses if status.epoch]
    assert epochs == sorted(set(epochs))
    assert epochs[-1:] in ([], [300])
    assert ticks > 5


def test_several_async_loops_over_one_stream(blobs) -> None:
    async def main() -> list[list[str]]:
        with small_model() as model:

            async def watch() -> list[str]:
                queue = model.training.queue()
                statuses = []
                async for status in queue:
                    statuses.append(status.status)
                    if status.status == "success":
                        return statuses
                return statuses

            tasks = [asyncio.create_task(watch()) for _ in range(5)]
            await asyncio.sleep(0)
            model.train(*blobs)
            return await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)

    assert asyncio.run(main()) == [["idle", *EVENTS_OF_A_TRAINING]] * 5


def test_an_async_loop_that_is_cancelled_leaves_no_reader(blobs) -> None:
    async def main() -> None:
        with small_model() as model:

            async def watch() -> None:
                async for _ in model.training.queue():
                    waiting.set()

            waiting = asyncio.Event()
            task = asyncio.create_task(watch())
            await asyncio.wait_for(waiting.wait(), PATIENCE)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            selector = getattr(asyncio.get_running_loop(), "_selector", None)
            if selector is not None:
                # The loop's own descriptor is all that is left.
                assert len(selector.get_map()) == 1

    asyncio.run(main())


def test_an_async_loop_ends_when_the_model_is_closed() -> None:
    async def main() -> list[str]:
        model = small_model()

        async def watch() -> list[str]:
            return [status.status async for status in model.training.queue()]

        task = asyncio.create_task(watch())
        await asyncio.sleep(0)
        model.close()
        return await asyncio.wait_for(task, PATIENCE)

    assert asyncio.run(main()) == ["idle"]


# Raw


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
