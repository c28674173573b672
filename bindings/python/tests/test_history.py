"""The history of trainings: runs that are whole, whatever happens to the process."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy
import pytest
from conftest import ENDLESS, KINDS, PATIENCE, answers, in_threads, run, start

import maquette

NAMES = ["loss", "accuracy", "lossVal", "accuracyVal"]


@pytest.fixture
def history(store: maquette.Store) -> Iterator[maquette.TrainingHistory]:
    with maquette.TrainingHistory(store) as history:
        yield history


# Recording


def test_a_training_in_a_with_statement_is_a_run_behind_it(history, blobs) -> None:
    with maquette.MLPClassifier(layers=[6], epochs=9, learning_rate=0.01) as model:
        with history.track(model, "points"):
            model.fit(*blobs)
        [run] = history.runs()
        assert (run.name, run.basename, run.source, run.status) == ("points-1", "points", "mlp-classifier", "success")
        assert (run.epoch, run.epochs, run.error, run.is_running) == (9, 9, None, False)
        assert run.parameters == model.parameters
        assert run.start is not None
        assert abs((datetime.now(timezone.utc) - run.start).total_seconds()) < 60
        assert list(run.logs) == NAMES
        assert {name: list(values) for name, values in run.logs.items()} == model.training.value.data
        assert all(values.dtype == numpy.float64 for values in run.logs.values())
        assert [checkpoint.name for checkpoint in run.checkpoints] == ["points-1@final"]
        assert repr(run).startswith("<Run points-1: success, epoch 9/9, loss ")
        # A later training is nobody's business any more.
        model.fit(*blobs)
        history.flush()
        assert history.runs() == [run] == list(history)


def test_a_tracking_lasts_as_long_as_its_model(store, blobs) -> None:
    with maquette.MLPClassifier(epochs=1) as model:
        maquette.TrainingHistory(store).track(model, "points")
        gc.collect()
        model.fit(*blobs).fit(*blobs)
    with maquette.TrainingHistory(store) as history:
        found: list[str] = []
        while len(found) < 2:
            found = [run.name for run in history.runs(status="success")]
        assert found == ["points-1", "points-2"]


def test_a_history_does_not_keep_a_model_alive(history, blobs) -> None:
    import weakref

    model = maquette.KNNClassifier()
    history.track(model)
    model.fit(*blobs)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert [run.name for run in history.runs("anonymous")] in ([], ["anonymous-1"])
    history.flush()
    assert [run.name for run in history.runs("anonymous")] == ["anonymous-1"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_recorded_and_restored(kind: str, history, blobs) -> None:
    X, y = blobs
    with maquette.Model(kind) as model, maquette.Model(kind) as other:
        with history.track(model, kind):
            model.fit(X, answers(kind, y))
        recorded = history.run(f"{kind}-1")
        assert (recorded.status, recorded.source) == ("success", kind)
        assert all(len(values) for values in recorded.logs.values())
        assert recorded.restore(other) is other
        assert numpy.array_equal(other.predict_proba(X), model.predict_proba(X))
        assert other.parameters == model.parameters


def test_checkpoints_on_the_way(history, blobs) -> None:
    with maquette.MLPClassifier(epochs=5) as model, maquette.MLPClassifier() as other:
        with history.track(model, "points", checkpoint=False, checkpoint_every=2):
            model.fit(*blobs)
        recorded = history.run("points-1")
        assert [checkpoint.name for checkpoint in recorded.checkpoints] == ["points-1@epoch-2", "points-1@epoch-4"]
        assert repr(recorded.checkpoints[0]) == "<Checkpoint points-1@epoch-2>"
        seen = []
        for checkpoint in recorded.checkpoints:
            seen.append(checkpoint.restore(other).predict_proba(blobs[0]))
        assert not numpy.array_equal(*seen)
        assert numpy.array_equal(recorded.restore(other).predict_proba(blobs[0]), seen[1])
        assert numpy.array_equal(recorded.restore(other, "points-1@epoch-2").predict_proba(blobs[0]), seen[0])
        with pytest.raises(maquette.NotFoundError, match="@final"):
            recorded.restore(other, "points-1@final")


def test_how_a_training_ends_is_recorded(history, endless, blobs) -> None:
    history.track(endless, "endless")
    # It was past its beginning already.
    endless.cancel()
    with pytest.raises(maquette.CancelledError):
        endless.wait()
    endless.train(*blobs)
    next(status for status in endless.training.queue() if status.status == "epoch")
    endless.cancel()
    with pytest.raises(maquette.CancelledError):
        endless.wait()
    with pytest.raises(maquette.OneLabelError), history.store.dataset("one") as one:
        one.append([[1, 2, 3]] * 4, ["a"] * 4)
        endless.fit(one)
    history.flush()
    cancelled, failed = history.runs("endless")
    assert (cancelled.status, cancelled.epochs, len(cancelled.checkpoints)) == ("cancelled", ENDLESS, 1)
    assert all(len(values) == cancelled.epoch for values in cancelled.logs.values())
    assert failed.status == "error"
    assert "label" in (failed.error or "")
    assert (failed.epoch, failed.logs, failed.checkpoints) == (None, {}, [])


def test_a_run_is_there_with_all_its_epochs_while_the_training_goes_on(history, digits) -> None:
    with maquette.MLPClassifier(epochs=ENDLESS) as model, history.track(model, "digits"):
        model.train(digits.X, digits.y)
        reported = 0
        while reported < 20:
            reported = model.training.value.epoch or 0
        history.flush()
        recorded = history.run("digits-1")
        assert recorded.is_running
        assert recorded.epoch is not None and recorded.epoch >= reported
        for name in NAMES:
            assert len(recorded.logs[name]) == recorded.epoch
            assert numpy.isfinite(recorded.logs[name]).all()
        while True:
            later = recorded.refresh()
            if later.epoch > recorded.epoch:
                break
        assert list(later.logs["loss"][: recorded.epoch]) == list(recorded.logs["loss"])
        assert later != recorded
        model.cancel()


# Looking


def test_runs_are_found_by_query_and_sorted(history, blobs) -> None:
    with maquette.KNNClassifier() as model:
        for name, k in (("a", 1), ("b", 2), ("a", 3), ("a", 5)):
            model.k = k
            with history.track(model, name, checkpoint=False):
                model.fit(*blobs)
    assert [run.name for run in history.runs()] == ["a-1", "b-1", "a-2", "a-3"]
    assert [run.name for run in history.runs("a")] == ["a-1", "a-2", "a-3"]
    assert [run.name for run in history.runs("a", sort="-start", limit=2)] == ["a-3", "a-2"]
    assert [run.name for run in history.runs(query={"params.k": {"$gt": 2}})] == ["a-2", "a-3"]
    assert history.runs("a", status="error") == []
    assert history.runs(limit=0) == []
    with pytest.raises(maquette.InvalidArgumentError):
        history.runs(limit=-1)
    with pytest.raises(maquette.InvalidArgumentError, match=r"\$where"):
        history.runs(query={"$where": 1})
    with pytest.raises(maquette.NotFoundError, match="a-9"):
        history.run("a-9")
    history.run("a-2").remove()
    assert [run.name for run in history.runs("a")] == ["a-1", "a-3"]


def test_more_runs_than_a_page_holds(history, blobs) -> None:
    with maquette.KNNClassifier() as model, history.track(model, "many", checkpoint=False):
        for _ in range(210):
            model.fit(*blobs)
    names = [run.name for run in history.runs("many")]
    assert names == [f"many-{number}" for number in range(1, 211)]
    assert [run.name for run in history.runs(limit=205)] == names[:205]


def test_runs_are_compared(history, blobs) -> None:
    with maquette.MLPClassifier(epochs=3, learning_rate=0.01) as model:
        history.track(model, "points")
        model.fit(*blobs)
        model.epochs = 5
        model.batch_size = 4
        model.fit(*blobs)
    history.flush()
    comparison = history.compare("points-1", history.run("points-2"))
    assert [run.name for run in comparison.runs] == ["points-1", "points-2"]
    assert comparison.parameters == {"epochs": [3, 5], "batch_size": [8, 4]}
    assert list(comparison.logs) == NAMES
    loss = comparison.logs["loss"]
    assert loss.shape == (2, 5)
    assert numpy.isnan(loss[0, 3:]).all() and numpy.isfinite(loss[1]).all()
    for name, choose in (("loss", numpy.nanmin), ("accuracy", numpy.nanmax)):
        for number, (value, epoch) in enumerate(comparison.best[name]):
            assert value == choose(comparison.logs[name][number]) == comparison.logs[name][number, epoch - 1]
    winner = comparison.best_run["loss"]
    assert winner is comparison.runs[int(numpy.nanmin(loss, axis=1).argmin())]
    assert repr(comparison).splitlines()[0] == "<Comparison of points-1, points-2"
    assert "epochs: 3, 5" in repr(comparison)
    empty = history.compare()
    assert (empty.runs, empty.parameters, empty.logs) == ([], {}, {})


def test_a_run_is_removed_with_its_models_or_without(store, history, blobs) -> None:
    with maquette.MLPClassifier(epochs=1) as model:
        with history.track(model, "points"):
            model.fit(*blobs).fit(*blobs)
        history.remove("points-1")
        history.run("points-2").remove(checkpoints=True)
        assert history.runs() == []
        model.load(store, "points-1@final")
        with pytest.raises(maquette.NotFoundError):
            model.load(store, "points-2@final")
        with pytest.raises(maquette.NotFoundError):
            history.remove("points-1")


def test_a_checkpoint_is_restored_into_its_kind_only(history, blobs) -> None:
    with maquette.MLPClassifier(epochs=1) as model, maquette.KNNClassifier(k=1) as other:
        with history.track(model, "points"):
            model.fit(*blobs)
        other.fit(*blobs)
        before = other.predict_proba(blobs[0])
        with pytest.raises(maquette.InvalidArgumentError, match=r"mlp-classifier.*knn-classifier"):
            history.restore("points-1", other)
        assert numpy.array_equal(other.predict_proba(blobs[0]), before)
        with pytest.raises(TypeError):
            history.restore("points-1", "points")  # type: ignore[arg-type]


def test_the_labels_after_a_restore_are_those_of_the_checkpoint(history, blobs) -> None:
    X, y = blobs
    with maquette.KNNClassifier(k=1) as model:
        with history.track(model, "points"):
            model.fit(X, y)
            model.fit(X, [label.upper() for label in y])
        assert model.predict(X[0]).label == "RED"
        history.run("points-1").restore(model)
        assert model.predict(X[0]).label == "red"


# Watching


def test_the_changes_are_a_stream(history, blobs) -> None:
    assert history.changes.value == {"type": "ready"}
    with history.changes.queue() as changes, maquette.MLPClassifier(epochs=3) as model:
        with history.track(model, "points"):
            model.fit(*blobs)
        history.remove("points-1")
        seen = [changes.get(PATIENCE)]
        while seen[-1]["type"] != "removed":
            seen.append(changes.get(PATIENCE))
    assert [change["type"] for change in seen[:2]] == ["ready", "created"]
    done = seen[-2]["run"]
    assert (done["name"], done["status"], done["epoch"]) == ("points-1", "success", 3)
    assert set(done["data"]) == set(NAMES)
    assert "logs" not in done


# Failing


def test_a_full_disk_is_told_and_slows_no_training(tmp_path: Path) -> None:
    result = run(
        """
        import resource
        digits = Digits()
        store = maquette.Store(f"sqlite:{sys.argv[1]}/full.db")
        history = maquette.TrainingHistory(store)
        said = []
        maquette.set_log("warning", lambda level, text: said.append(text))
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(f"{sys.argv[1]}/full.db"), limit[1]))
        model = maquette.MLPClassifier(epochs=20)
        history.track(model, "digits")
        model.fit(digits.X, digits.y)
        try:
            history.flush()
        except maquette.FullError as error:
            print("full", bool(said), history.changes.value["type"])
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        history.flush()
        run = history.run("digits-1")
        print(run.status, len(run.logs["loss"]), len(run.checkpoints))
        """,
        tmp_path,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "full True failed\nsuccess 20 1\n", "")


def test_waiting_in_the_log_is_refused_not_endless(tmp_path: Path) -> None:
    result = run(
        """
        import resource
        digits = Digits()
        store = maquette.Store(f"sqlite:{sys.argv[1]}/full.db")
        history = maquette.TrainingHistory(store)
        said = []
        def log(level, text):
            try:
                history.flush(1)
            except Exception as error:
                said.append(type(error).__name__)
        maquette.set_log("warning", log)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
        model = maquette.KNNClassifier()
        history.track(model, "digits")
        model.fit(digits.X, digits.y)
        try:
            history.flush()
        except maquette.FullError as error:
            print("full", said[0])
        maquette.set_log("error")
        """,
        tmp_path,
    )
    assert (result.returncode, result.stdout) == (0, "full ReentrantError\n"), result.stderr


def test_what_can_t_be_is_refused(history) -> None:
    with maquette.KNNClassifier() as model:
        for name in ("", "a\0b"):
            with pytest.raises(ValueError):
                history.track(model, name)
        for period in (0, -1, 1.5):
            with pytest.raises(maquette.InvalidArgumentError, match="checkpointEvery"):
                history.track(model, "a", checkpoint_every=period)
        with pytest.raises(TypeError):
            history.track("model", "a")
        tracking = history.track(model, "a")
        assert repr(tracking) == "<Tracking of a knn-classifier as a>"
        tracking.close()
        tracking.close()
        assert repr(tracking) == "<Tracking of a knn-classifier as a (ended)>"
    with pytest.raises(maquette.BadHandleError, match="KNNClassifier is closed"):
        history.track(model, "a")
    with pytest.raises(maquette.BadHandleError, match="KNNClassifier is closed"):
        history.restore("a-1", model)
    history.flush(0)
    history.close()
    assert repr(history).endswith("(closed)>")
    for use in (history.flush, history.runs, history.compare, lambda: history.changes, lambda: history.run("a-1")):
        with pytest.raises(maquette.BadHandleError, match="TrainingHistory is closed"):
            use()


# Threads and processes


def test_many_threads_record_at_once(history, blobs) -> None:
    def work(number: int) -> None:
        with maquette.KNNClassifier(k=1 + number) as model, history.track(model, "points"):
            for _ in range(5):
                model.fit(*blobs)

    in_threads(6, work)
    assert {run.name for run in history.runs(status="success")} == {f"points-{n}" for n in range(1, 31)}


TRAINING = """
    digits = Digits()
    store = maquette.Store(f"sqlite:{sys.argv[1]}/history.db")
    history = maquette.TrainingHistory(store)
    model = maquette.MLPClassifier(epochs=ENDLESS)
    history.track(model, "digits", checkpoint_every=10)
    model.train(digits.X, digits.y)
    """


def test_a_killed_process_leaves_a_run_that_is_complete_up_to_its_last_epoch(tmp_path: Path) -> None:
    process = start(
        TRAINING
        + """
    for status in model.training:
        if (status.epoch or 0) >= 25:
            history.flush()
            print(status.epoch, flush=True)
            """,
        tmp_path,
    )
    assert process.stdout
    epoch = int(process.stdout.readline())
    with maquette.Store(tmp_path / "history.db") as store, maquette.TrainingHistory(store) as history:
        # While it lives, its run goes on.
        assert history.run("digits-1").status == "epoch"
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        recorded = history.run("digits-1")
        assert recorded.status == "interrupted"
        assert recorded.epoch is not None and recorded.epoch >= epoch
        assert list(recorded.logs) == NAMES
        for values in recorded.logs.values():
            assert len(values) == recorded.epoch
            assert numpy.isfinite(values).all()
        assert len(recorded.checkpoints) >= 2
        with maquette.MLPClassifier() as model:
            recorded.restore(model)
            assert model.is_trained
    with maquette.Store(tmp_path / "history.db") as store, maquette.TrainingHistory(store) as history:
        assert [run.name for run in history.runs(status="interrupted")] == ["digits-1"]
        assert history.run("digits-1") == recorded


@pytest.mark.parametrize("leaving", ["", "sys.exit(0)", "model.close()", "history.close()", "store.close()"])
def test_a_program_that_ends_during_a_training_leaves_a_run_that_has_ended(leaving: str, tmp_path: Path) -> None:
    result = run(
        TRAINING
        + f"""
    next(status for status in model.training if status.status == "epoch")
    {leaving}
    """,
        tmp_path,
    )
    assert (result.returncode, result.stderr) == (0, "")
    with maquette.Store(tmp_path / "history.db") as store, maquette.TrainingHistory(store) as history:
        [recorded] = history.runs()
        # Closed in the middle, it is recorded to the end for as long as the process is there.
        assert recorded.status in ("cancelled", *(["interrupted"] if leaving == "history.close()" else []))
        assert all(len(values) == recorded.epoch for values in recorded.logs.values())


def test_an_interrupted_wait_leaves_the_history_usable(history, blobs) -> None:
    with maquette.MLPClassifier(epochs=ENDLESS) as model, history.track(model, "points"):
        model.train(*blobs)
        with pytest.raises(maquette.WaitTimeoutError):
            model.wait(0.05)
        threading.Thread(target=model.cancel).start()
        with pytest.raises(maquette.CancelledError):
            model.wait()
    assert [run.status for run in history.runs()] == ["cancelled"]
