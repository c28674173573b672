"""What a user of the package may write, with all its types: read by mypy, and run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy
import numpy.typing

import maquette
from maquette import metrics

Numbers = numpy.typing.NDArray[numpy.float32]


def blocks(X: Numbers, y: list[str]) -> Iterator[tuple[Numbers, list[str]]]:
    for start in range(0, len(X), 20):
        yield X[start : start + 20], y[start : start + 20]


def on_epoch(status: maquette.TrainingStatus) -> None:
    loss: float | None = status.loss
    if status.status == "epoch" and loss is not None:
        print(f"{status.epoch}/{status.epochs}: {loss:.3f}")


async def watch(model: maquette.MLPClassifier, dataset: maquette.Dataset) -> list[int]:
    seen: list[int] = []
    model.train(dataset)
    async for status in model.training:
        if status.epoch is not None:
            seen.append(status.epoch)
    finished: maquette.MLPClassifier = await model.wait_async(timeout=60)
    assert finished.is_trained
    with dataset.counts.queue() as queue:
        count: int = await queue.get_async(timeout=60)
        print(count)
    return seen


def main() -> None:
    generator = numpy.random.default_rng(1)
    X: Numbers = generator.normal(size=(60, 3)).astype(numpy.float32)
    y = ["left" if row[0] < 0 else "right" for row in X]
    with maquette.Store("memory:") as store, store.dataset("gestures") as dataset:
        dataset.append(X, y)
        one: maquette.Page = dataset.find(y="left", limit=1)
        instance = dataset.create({"x": [1.0, 2.0, 3.0], "y": "left", "note": "mine"})
        print(one.total, instance["id"], dataset.labels)
        many = dataset.create([{"x": [0.0, 0.0, 0.0], "y": "right"}])
        print(len(many))

        model = maquette.MLPClassifier(layers=[8], epochs=3, seed=1)
        model.epochs = 4
        layers: list[int] = model.layers
        subscription = model.training.subscribe(on_epoch)
        print(asyncio.run(watch(model, dataset)), layers)
        subscription.unsubscribe()

        confidences = model.predict_proba(X)
        print(confidences.shape, model.labels)
        copy: maquette.MLPClassifier = model.clone()
        copy.fit(lambda: blocks(X, y), validation=(X, y))
        any_kind: maquette.Model = maquette.from_bytes(copy.to_bytes())
        saved: str = any_kind.save(store, "gestures")
        print(saved)

        batch: maquette.BatchPrediction = store.batch_prediction("all")
        results: maquette.Predictions = batch.predict(model, dataset).wait().results()
        confusion: maquette.ConfusionMatrix = results.confusion()
        print(confusion.accuracy, metrics.accuracy(y, y))

        places, distances = maquette.KNNClassifier(k=3).fit(X, y).neighbours(X[:2])
        print(places.dtype, distances.dtype)
        clustering = maquette.KMeans(k=2).fit(X)
        print(clustering.centers.shape, clustering.inertia + 1.0)
        try:
            model.predict(X[:, :2])
        except maquette.BadShapeError as error:
            print(error.message, error.status_name)


if __name__ == "__main__":
    main()
