"""Awaiting trainings, batch predictions and events in event loops."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import numpy
import pytest
from conftest import ENDLESS, EVENTS_OF_A_TRAINING, PATIENCE, Digits, small_model

import maquette


def run(task) -> object:
    """Runs a coroutine; nothing here takes long."""

    async def within():
        return await asyncio.wait_for(task, PATIENCE)

    return asyncio.run(within())


def test_a_training_is_awaited_while_the_loop_goes_on(digits: Digits) -> None:
    async def learn() -> int:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(turn())
        with maquette.MLPClassifier(epochs=3, seed=1) as model:
            model.train(digits.X, digits.y)
            assert await model.wait_async() is model
            assert not model.is_training and model.is_trained
            assert await model.wait_async() is model  # of one that is over
            # Again: the first event is the last one of the training before.
            model.train(digits.X, digits.y)
            await model.wait_async()
            assert len(model.training.value.curves["loss"]) == 3
        other.cancel()
        return turns

    assert run(learn()) > 10


def test_what_ends_a_training_is_raised_where_it_is_awaited(digits: Digits, endless: maquette.Model) -> None:
    async def learn() -> None:
        with pytest.raises(maquette.WaitTimeoutError, match=r"the training was not over within 0.05 s"):
            await endless.wait_async(timeout=0.05)
        assert endless.is_training
        waiting = [asyncio.create_task(endless.wait_async()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # which leaves the training and the others alone
        await asyncio.sleep(0)
        assert waiting[0].cancelled() and endless.is_training and not waiting[1].done()
        endless.cancel()
        for task in waiting[1:]:
            with pytest.raises(maquette.CancelledError):
                await task
        with maquette.MLPClassifier(learning_rate=10, epochs=50, optimizer="sgd", momentum=1) as model:
            model.train(digits.X * 1e6, digits.y)
            with pytest.raises(maquette.DivergedError):
                await model.wait_async()

    run(learn())


def test_a_slow_subscriber_keeps_a_training_from_being_over_but_not_the_loop(digits: Digits) -> None:
    ready = threading.Event()

    async def learn() -> None:
        with maquette.MLPClassifier(epochs=1) as model:

            def hold(status) -> None:
                if status.status == "success":
                    ready.wait(PATIENCE)

            model.training.subscribe(hold)
            model.train(digits.X, digits.y)
            with pytest.raises(maquette.WaitTimeoutError):
                await model.wait_async(timeout=0.4)
            ready.set()
            await model.wait_async()

    run(learn())


def test_a_closed_model_is_not_awaited_for_ever(endless: maquette.Model) -> None:
    async def learn() -> None:
        waiting = asyncio.create_task(endless.wait_async())
        await asyncio.sleep(0)
        endless.cancel()
        endless.close()
        with pytest.raises((maquette.BadHandleError, maquette.CancelledError)):
            await waiting

    run(learn())


def test_a_batch_prediction_is_awaited(store: maquette.Store, dataset: maquette.Dataset, trained) -> None:
    dataset.append(numpy.random.default_rng(1).normal(size=(500, 3)))

    async def predict() -> None:
        batch = store.batch_prediction("all")
        assert await batch.predict(trained, dataset).wait_async() is batch
        assert len(batch) == 500
        statuses = [status.status async for status in batch.predict(trained, dataset).status]
        assert statuses[-1] == "success"
        await batch.wait_async(timeout=PATIENCE)

    run(predict())


def test_events_are_awaited_with_a_timeout_and_none_is_lost(trained: maquette.Model) -> None:
    async def take() -> None:
        epochs = trained.parameter("epochs")
        with epochs.queue() as queue:
            assert await queue.get_async() == 20
            with pytest.raises(maquette.WaitTimeoutError, match=r"no event of epochs within 0.02 s"):
                await queue.get_async(timeout=0.02)
            waiting = asyncio.create_task(queue.get_async())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            for number in range(1, 6):
                trained.epochs = number
            assert [await queue.get_async(timeout=PATIENCE) for _ in range(5)] == [1, 2, 3, 4, 5]

    run(take())


def test_tasks_share_a_queue_and_each_event_comes_to_one(dataset: maquette.Dataset) -> None:
    async def take() -> None:
        queue = dataset.counts.queue()
        assert await queue.get_async() == 0
        seen: list[int] = []

        async def consume() -> None:
            async for count in queue:
                seen.append(count)

        consumers = [asyncio.create_task(consume()) for _ in range(3)]
        for number in range(1, 10):
            dataset.append([[float(number)]])
            while len(seen) < number:
                await asyncio.sleep(0)
        assert seen == list(range(1, 10))
        queue.close()  # wakes them all
        await asyncio.gather(*consumers)
        with pytest.raises(maquette.ClosedError):
            await queue.get_async()

    run(take())


def test_a_queue_closed_by_another_thread_wakes_who_waits(dataset: maquette.Dataset) -> None:
    async def take() -> None:
        queue = dataset.counts.queue()
        await queue.get_async()
        waiting = asyncio.create_task(queue.get_async())
        await asyncio.sleep(0)
        await asyncio.to_thread(queue.close)
        with pytest.raises(maquette.ClosedError):
            await waiting

    run(take())


def test_several_loops_in_several_threads_watch_one_training(digits: Digits) -> None:
    with maquette.MLPClassifier(epochs=5, seed=2) as model:
        started = threading.Barrier(4)
        found: list[list[str]] = []

        async def watch() -> None:
            stream = model.training.queue()
            await stream.get_async()
            started.wait(PATIENCE)
            seen = []
            while not seen or seen[-1] != "success":
                seen.append((await stream.get_async(timeout=PATIENCE)).status)
            await model.wait_async()
            found.append(seen)

        threads = [threading.Thread(target=lambda: asyncio.run(watch())) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait(PATIENCE)
        model.train(digits.X, digits.y)
        for thread in threads:
            thread.join(PATIENCE)
        assert len(found) == 3
        assert all(seen[0] == "start" and seen[-1] == "success" for seen in found)


def test_waiting_polls_nothing_and_leaves_no_descriptor(endless: maquette.Model) -> None:
    async def idle() -> float:
        with endless.parameter("epochs").queue() as queue:
            assert await queue.get_async() == ENDLESS
            waiting = asyncio.create_task(queue.get_async())
            await asyncio.sleep(0.05)
            turns, began = 0, time.thread_time()
            loop = asyncio.get_running_loop()
            selected = loop._selector.select  # type: ignore[attr-defined]

            def counted(timeout):
                nonlocal turns
                turns += 1
                return selected(timeout)

            loop._selector.select = counted  # type: ignore[attr-defined]
            await asyncio.sleep(0.3)
            assert turns <= 3
            waiting.cancel()
            return time.thread_time() - began

    before = len(os.listdir("/proc/self/fd"))
    assert run(idle()) < 0.2
    assert len(os.listdir("/proc/self/fd")) <= before


def test_iterating_ends_though_another_subscriber_takes_its_time_with_the_last_event(blobs) -> None:
    release = threading.Event()

    async def watch() -> list[str]:
        return [status.status async for status in model.training]

    with maquette.MLPClassifier(layers=[4], epochs=5) as model:
        model.training.subscribe(lambda _: release.wait(PATIENCE))
        try:
            model.train(*blobs)
            assert run(watch())[-1] == "success"
        finally:
            release.set()


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
