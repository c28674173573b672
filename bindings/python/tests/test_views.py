"""Live views of datasets, and datasets in files and out of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy
import pytest
from conftest import PATIENCE

import maquette


def test_a_view_tells_who_comes_and_goes(dataset: maquette.Dataset) -> None:
    made = dataset.create([{"x": [1], "y": "a"}, {"x": [2], "y": "b"}])
    with dataset.sift(y="a") as view, view.counts.queue() as counts, view.changes.queue() as changes:
        assert len(view) == view.counts.value == 1
        assert counts.get(timeout=PATIENCE) == 1
        assert changes.get(timeout=PATIENCE) == [{"level": "dataset", "type": "created"}]
        dataset.patch(made[1]["id"], {"y": "a"})
        assert counts.get(timeout=PATIENCE) == 2
        (change,) = changes.get(timeout=PATIENCE)
        assert (change["type"], change["data"]["id"]) == ("created", made[1]["id"])
        dataset.patch(made[0]["id"], {"note": "unrelated"})
        assert changes.get(timeout=PATIENCE)[0]["type"] == "updated"
        dataset.remove(made[0]["id"])
        assert changes.get(timeout=PATIENCE)[0]["type"] == "removed"
        assert [instance["y"] for instance in view] == ["a"]
        assert repr(view) == '<View of points: 1 instance with {"y": "a"}>'
    assert "closed" in repr(view)
    with pytest.raises(maquette.BadHandleError):
        view.count()
    with pytest.raises(maquette.InvalidArgumentError, match=r"\$limit"):
        dataset.sift({"$limit": 1})


def test_a_view_is_trained_on_and_narrowed(dataset: maquette.Dataset, blobs) -> None:
    dataset.append(*blobs)
    view = dataset.sift(y={"$ne": "red"})
    assert [len(view), len(list(view.where(y="blue")))] == [40, 20]
    model = maquette.KNNClassifier()
    model.fit(view)
    assert sorted(model.labels) == ["blue", "green"]


def test_a_dataset_goes_through_marcelles_json(
    store: maquette.Store, dataset: maquette.Dataset, tmp_path: Path
) -> None:
    X = numpy.arange(700 * 3, dtype=numpy.float32).reshape(700, 3)
    dataset.append(X, [f"label {n % 3}" for n in range(700)])
    dataset.create({"x": "data:image/jpeg;base64,AA==", "note": "ünïcode"})
    path = tmp_path / "points.json"
    assert dataset.download(path) == 701
    read = json.loads(path.read_text())
    assert read["marcelleMeta"] == {"type": "dataset"}
    assert len(read["instances"]) == 701
    with store.dataset("copy") as copy:
        assert copy.upload(path) == 701
        assert [i["x"] for i in copy] == [i["x"] for i in dataset]
        assert {i["datasetName"] for i in copy} == {"copy"}
        assert copy.from_json(dataset.to_json(y="label 1")) == 233
        assert copy.from_json(b'{"instances": [{"x": [1, 2, 3]}]}') == 1
        assert copy.count() == 935
        for text, kind, words in (
            ('{"instances": [{"x": [1, 2, 3]}, {"id": "q", "x": [1]}]}', maquette.BadShapeError, "instance 1"),
            ('{"instances": [{"x": ', maquette.BadJSONError, "instance 0"),
            ('{"marcelleMeta": {"type": "model"}}', maquette.BadFormatError, "something else"),
            ("\ud800", maquette.MaquetteError, "object"),
        ):
            with pytest.raises(kind, match=words):
                copy.from_json(text)
        assert copy.count() == 935
    with pytest.raises(OSError):
        dataset.upload(tmp_path / "nowhere.json")
    with pytest.raises(OSError):
        dataset.download(tmp_path / "nowhere" / "x.json")
    assert [entry.name for entry in tmp_path.iterdir() if "json" in entry.name] == ["points.json"]


def test_csv_is_read_and_written(store: maquette.Store, dataset: maquette.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "irises.csv"
    path.write_text('length;width;species;id\n5.1;3.5;"setosa; really";1\n6.2;2.9;;2\n')
    assert dataset.import_csv(path, label="species", features=["length", 1], separator=";") == 2
    features, codes, labels = dataset.to_arrays()
    assert numpy.array_equal(features, numpy.array([[5.1, 3.5], [6.2, 2.9]], numpy.float32))
    assert (codes.tolist(), labels) == ([0, -1], ["setosa; really"])
    assert dataset.export_csv(path, names=["length", "width"]) == 2
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["length", "width", "y"],
            ["5.1", "3.5", "setosa; really"],
            ["6.2", "2.9", ""],
        ]
    with store.dataset("numbers") as numbers:
        assert numbers.import_csv(path, targets=["width"], features=["length"]) == 2
        assert numpy.array_equal(numbers.targets(), numpy.array([[3.5], [2.9]], numpy.float32))
        path.write_text("1,2\n3,x\n")
        with pytest.raises(maquette.BadFormatError, match="line 2"):
            numbers.import_csv(path, header=False, targets=[-1])
        with pytest.raises(LookupError):
            numbers.import_csv(path, label="z")
        with pytest.raises(maquette.InvalidArgumentError):
            numbers.import_csv(path, separator=",,")
        assert len(numbers) == 2


def test_a_dataset_is_split(store: maquette.Store, dataset: maquette.Dataset) -> None:
    X = numpy.arange(100, dtype=numpy.float32).reshape(100, 1)
    dataset.append(X, ["rare" if n % 10 == 0 else "often" for n in range(100)])
    train, test = dataset.split(store.dataset("train"), store.dataset("test"), share=0.7, seed=3)
    assert (len(train), len(test)) == (70, 30)
    assert (train.count(y="rare"), test.count(y="rare")) == (7, 3)
    assert sorted(i["x"][0] for part in (train, test) for i in part) == [*range(100)]
    people = store.dataset("people")
    people.create({"x": [n], "who": n % 5} for n in range(50))
    first, second = people.split(store.dataset("a"), store.dataset("b"), share=0.6, group="who")
    assert (len(first), len(second)) == (30, 20)
    assert set(first.distinct("who")).isdisjoint(second.distinct("who"))
    with pytest.raises(maquette.InvalidArgumentError, match="empty"):
        dataset.split(train, test)
    with pytest.raises(TypeError):
        dataset.split("train", "test")  # type: ignore[arg-type]
