"""Batch prediction, from Python."""

from __future__ import annotations

import io
import threading

import conftest
import numpy
import pytest

import maquette


@pytest.fixture
def points(dataset, blobs) -> maquette.Dataset:
    dataset.append(*blobs)
    return dataset


@pytest.fixture
def batch(store):
    with store.batch_prediction("TestSet") as batch:
        yield batch


def ids(dataset: maquette.Dataset) -> list[str]:
    return [instance["id"] for instance in dataset]


def test_results_come_as_arrays(batch, points, trained, blobs) -> None:
    X, y = blobs
    assert batch.status.value.status == "idle"
    results = batch.predict(trained, points).wait().results()
    assert len(results) == len(batch) == 60
    assert results.classes == trained.labels
    assert results.confidences.dtype == numpy.float32
    assert (results.confidences == trained.predict_proba(X)).all()
    assert (results.labels == trained.predict(X)).all()
    assert results.y_true.tolist() == y
    assert results.ids.tolist() == ids(points)
    assert results.values is None and results.clusters is None
    assert repr(results) == "<Predictions: 60 of 3 labels>"
    assert batch.status.value == {"status": "success", "count": 60, "total": 60}


def test_every_event_has_the_record(batch, points, trained) -> None:
    queue = batch.status.queue()
    assert queue.get() == {"status": "idle"}
    batch.predict(trained, points).wait()
    events = [queue.get(1) for _ in range(62)]
    assert [event.status for event in events] == ["start"] + ["running"] * 60 + ["success"]
    assert [event.count for event in events[1:-1]] == list(range(1, 61))
    record = events[1].data
    assert set(record) == {"id", "label", "confidences", "instanceId", "yTrue", "createdAt", "updatedAt"}
    assert record["instanceId"] == ids(points)[0]
    assert record["yTrue"] == "red"


def test_iterating_over_the_status_ends_with_the_run(batch, points, trained) -> None:
    batch.predict(trained, points)
    seen = [status.status for status in batch.status]
    assert seen[-1] == "success"
    assert not batch.is_running


def test_numbers_come_as_values(store, blobs) -> None:
    X, _ = blobs
    targets = X[:, :2] * 2
    with store.dataset("numbers") as dataset, maquette.KNNRegressor(k=2) as model, maquette.PCA() as pca:
        dataset.append_targets(X, targets)
        model.fit(dataset)
        with store.batch_prediction("numbers") as batch:
            results = batch.predict(model, dataset).wait().results()
            assert (results.values == model.predict(X)).all()
            assert (results.y_true == targets).all()
            assert results.labels is None and results.confidences is None and results.classes == []
            assert repr(results) == "<Predictions: 60 × 2 numbers>"
            with pytest.raises(TypeError):
                results.confusion()
            pca.fit(dataset)
            assert (batch.predict(pca, dataset).wait().results().values == pca.predict(X)).all()
    with store.dataset("one") as dataset, maquette.KNNRegressor(k=2) as model:
        dataset.append_targets(X, targets[:, 0])
        model.fit(dataset)
        with store.batch_prediction("one") as batch:
            results = batch.predict(model, dataset).wait().results()
            assert results.values.shape == results.y_true.shape == (60,)
            assert repr(results) == "<Predictions: 60 × 1 number>"


def test_clusters_come_with_confidences(store, points, blobs) -> None:
    with maquette.KMeans(k=3, seed=1) as model, store.batch_prediction("clusters") as batch:
        model.fit(points)
        results = batch.predict(model, points).wait().results()
        assert (results.clusters == model.predict(blobs[0])).all()
        assert results.confidences.shape == (60, 3)
        assert results.classes == ["0", "1", "2"]
        assert results.labels is None and results.values is None


def test_instances_without_a_label_have_none(store, blobs, trained) -> None:
    X, y = blobs
    with store.dataset("some") as dataset, store.batch_prediction("some") as batch:
        dataset.append(X[:4], [y[0], None, y[2], None])
        results = batch.predict(trained, dataset).wait().results()
        assert results.y_true.tolist() == ["red", None, "red", None]
        assert results.confusion().total == 2


def test_an_empty_dataset_and_a_batch_that_was_never_made(store, batch, trained) -> None:
    results = batch.results()
    assert len(results) == 0 and results.ids.tolist() == [] and results.y_true.tolist() == []
    with store.dataset("nobody") as dataset:
        results = batch.predict(trained, dataset).wait().results()
        assert len(results) == 0 and results.confidences.shape == (0, 3) and results.labels.tolist() == []
    assert bool(batch)


def test_resuming_predicts_what_is_missing(batch, points, trained, blobs) -> None:
    batch.predict(trained, points).wait()
    first = batch.results().ids.tolist()
    points.append(blobs[0][:5], blobs[1][:5])
    points.remove(first[3])
    queue = batch.status.queue()
    queue.get()
    batch.predict(trained, points, resume=True).wait()
    counts = [status.count for status in iter(queue.get, {"status": "success", "count": 64, "total": 64})]
    assert counts == [None, 60, 61, 62, 63, 64]
    assert sorted(batch.results().ids) == sorted(ids(points))
    # Another model begins anew.
    with maquette.KNNClassifier() as other:
        other.fit(*blobs)
        batch.predict(other, points, resume=True).wait()
    assert batch.results().ids.tolist() == ids(points)


def test_another_field_can_be_the_input(store, batch, trained, blobs) -> None:
    with store.dataset("documents") as dataset:
        for row in blobs[0][:3]:
            dataset.create({"features": row.tolist(), "y": "red"})
        with pytest.raises(maquette.BadShapeError, match="has no x"):
            batch.predict(trained, dataset).wait()
        assert batch.status.value.error
        results = batch.predict(trained, dataset, input_field="features").wait().results()
        assert (results.confidences == trained.predict_proba(blobs[0][:3])).all()


def test_clear_and_cancel(batch, points, trained) -> None:
    batch.cancel()
    batch.predict(trained, points).wait()
    batch.clear()
    assert len(batch) == 0
    assert batch.status.value == {"status": "idle"}


def test_a_long_run_is_cancelled_and_waited_for(store, blobs) -> None:
    X, y = blobs
    with store.dataset("long") as dataset, maquette.KNNClassifier() as model, store.batch_prediction("long") as batch:
        dataset.append(numpy.tile(X, (500, 1)), y * 500)
        model.fit(dataset)
        batch.predict(model, dataset)
        assert batch.is_running
        with pytest.raises(maquette.WaitTimeoutError):
            batch.wait(0.0)
        with pytest.raises(maquette.BusyError):
            batch.predict(model, dataset)
        with pytest.raises(maquette.BusyError):
            batch.clear()
        assert "running" in repr(batch) or "start" in repr(batch)
        batch.cancel()
        with pytest.raises(maquette.CancelledError):
            batch.wait()
        assert batch.status.value.status == "cancelled"
        assert len(batch.results()) == len(batch) < 30_000


def test_waiting_in_a_callback_is_refused(batch, points, trained) -> None:
    seen: list[object] = []
    over = threading.Event()

    def look(status: maquette.BatchStatus) -> None:
        if status.status == "success":
            try:
                batch.wait()
            except maquette.ReentrantError as error:
                seen.append(error)
            seen.append(batch.is_running)
            over.set()

    with batch.status.subscribe(look):
        batch.predict(trained, points).wait()
        assert over.wait(conftest.PATIENCE)
    assert isinstance(seen[0], maquette.ReentrantError)
    assert seen[1] is False


def test_progress_is_shown(batch, points, trained) -> None:
    lines = io.StringIO()
    batch.predict(trained, points, progress=lines).wait()
    text = lines.getvalue()
    assert "predicted 60/60\n" in text
    assert "predicted 60 instances in" in text


def test_a_failed_run_shows_it(store, batch, trained) -> None:
    lines = io.StringIO()
    with store.dataset("wide") as wide:
        wide.append(numpy.zeros((2, 5)), ["a", "b"])
        with pytest.raises(maquette.BadShapeError, match="5 features"):
            batch.predict(trained, wide, progress=lines).wait()
    assert "the batch prediction failed: the row has 5 features" in lines.getvalue()


def test_a_store_whose_file_disappears_is_an_error(tmp_path, blobs, trained) -> None:
    path = tmp_path / "gone.db"
    with maquette.Store(path) as store, store.dataset("points") as dataset, store.batch_prediction("points") as batch:
        dataset.append(*blobs)
        path.unlink()
        with pytest.raises(maquette.StoreIOError, match="gone"):
            batch.predict(trained, dataset).wait()


def test_what_is_wrong_at_once_is_raised_at_once(store, batch, points) -> None:
    with pytest.raises(maquette.NotTrainedError), maquette.KNNClassifier() as model:
        batch.predict(model, points, progress=io.StringIO())
    with pytest.raises(maquette.InvalidArgumentError):
        store.batch_prediction("")
    with pytest.raises(TypeError):
        store.batch_prediction(5)


def test_a_closed_one_says_so(store, trained, points) -> None:
    batch = store.batch_prediction("closed")
    batch.close()
    for use in (batch.wait, batch.results, batch.clear, batch.count, batch.cancel, lambda: batch.status):
        with pytest.raises(maquette.BadHandleError, match="this BatchPrediction is closed"):
            use()
    with pytest.raises(maquette.BadHandleError):
        batch.predict(trained, points)
    assert repr(batch) == "<BatchPrediction closed (closed)>"


def test_its_repr_says_how_it_stands(batch, points, trained, store) -> None:
    assert repr(batch) == f"<BatchPrediction TestSet: idle, 0 predictions in {store.location}>"
    batch.predict(trained, points).wait()
    assert repr(batch) == f"<BatchPrediction TestSet: success, 60 predictions in {store.location}>"
    assert maquette.BatchPrediction(store, "TestSet").status.value.status == "loaded"


def test_a_run_that_was_killed_is_resumed_by_another_process(tmp_path) -> None:
    path = tmp_path / "killed.db"
    process = conftest.start(
        """
        digits = Digits()
        store = maquette.Store("sqlite:" + sys.argv[1])
        dataset = store.dataset("digits")
        dataset.append(numpy.tile(digits.X, (20, 1)), numpy.tile(digits.y, 20))
        model = maquette.KNNClassifier()
        model.fit(digits.X, digits.y)
        model.save(store, "digits")
        batch = store.batch_prediction("digits")
        batch.predict(model, dataset)
        next(status for status in batch.status.queue() if status.status == "running")
        print("running", flush=True)
        batch.wait()
        """,
        path,
    )
    assert process.stdout and process.stdout.readline() == "running\n"
    process.kill()
    process.communicate()
    with maquette.Store(path) as store, store.dataset("digits") as dataset, maquette.KNNClassifier() as model:
        model.load(store, "digits")
        with store.batch_prediction("digits") as batch:
            assert batch.status.value == {"status": "loaded"}
            kept = batch.results().ids.tolist()
            assert 0 < len(kept) <= len(dataset) == 28_760
            results = batch.predict(model, dataset, resume=True).wait().results()
            assert results.ids[: len(kept)].tolist() == kept
            assert len(set(results.ids)) == 28_760
            assert (results.confidences == model.predict_proba(dataset.to_arrays()[0])).all()


def test_ctrl_c_cancels_the_run() -> None:
    result = conftest.run(
        """
        digits = Digits()
        store = maquette.Store()
        dataset = store.dataset("digits")
        dataset.append(numpy.tile(digits.X, (100, 1)), numpy.tile(digits.y, 100))
        model = maquette.KNNClassifier()
        model.fit(digits.X, digits.y)
        batch = store.batch_prediction("digits")
        batch.predict(model, dataset)
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            batch.wait()
        except KeyboardInterrupt:
            print("interrupted", batch.status.value.status)
        """
    )
    assert result.stdout == "interrupted cancelled\n", result.stderr


def test_the_interpreter_ends_well_during_a_run() -> None:
    for _ in range(5):
        result = conftest.run(
            """
            digits = Digits()
            store = maquette.Store()
            dataset = store.dataset("digits")
            dataset.append(numpy.tile(digits.X, (100, 1)), numpy.tile(digits.y, 100))
            model = maquette.KNNClassifier()
            model.fit(digits.X, digits.y)
            batch = store.batch_prediction("digits")
            batch.status.subscribe(lambda status: None)
            matrix = batch.confusion()
            matrix.accuracies.subscribe(lambda accuracy: None)
            batch.predict(model, dataset)
            """
        )
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
