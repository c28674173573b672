"""Events that are taken out one by one."""

from __future__ import annotations

import itertools
import queue
import select
import threading

import pytest
from conftest import EVENTS_OF_A_TRAINING, PATIENCE, Digits, in_threads, small_model

import maquette


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
