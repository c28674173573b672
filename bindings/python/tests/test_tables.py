"""Tables of pandas, polars and pyarrow into datasets, and datasets as tables."""

from __future__ import annotations

import datetime
import sys

import numpy
import pytest

import maquette

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

KINDS = {"pandas": pandas.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.table}

COLUMNS = {
    "width": [1.5, 2.5, 3.5],
    "height": [1, 2, 3],
    "species": ["fox", None, "owl"],
    "collector": ["Ann", "Bo", None],
    "found": [datetime.datetime(2024, 1, day, 12, 30) for day in (1, 2, 3)],
    "tags": [["a", "b"], [], ["c"]],
    "weight": [10, 20, 30],
}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest):
    return KINDS[request.param]


def test_named_columns_become_features_label_and_fields(dataset: maquette.Dataset, make) -> None:
    fields = ["collector", "found", "tags", "weight"]
    assert dataset.append_arrow(make(COLUMNS), label="species", fields=fields) == 3
    own = ("id", "datasetName", "createdAt", "updatedAt")
    documents = [{name: value for name, value in document.items() if name not in own} for document in dataset]
    assert [document.pop("found")[:16] for document in documents] == [f"2024-01-0{day}T12:30" for day in (1, 2, 3)]
    assert documents == [
        {"x": [1.5, 1], "y": "fox", "collector": "Ann", "tags": ["a", "b"], "weight": 10},
        {"x": [2.5, 2], "collector": "Bo", "tags": [], "weight": 20},
        {"x": [3.5, 3], "y": "owl", "tags": ["c"], "weight": 30},
    ]
    assert dataset.count(collector="Ann") == 1
    # Columns that are counted stay those of the whole table.
    dataset.clear()
    dataset.append_arrow(make(COLUMNS), features=[-1, 0], label=2, fields=["height"])
    assert next((i["x"], i.get("y"), i["height"]) for i in dataset) == ([10, 1.5], "fox", 1)


def test_append_takes_a_table_as_its_users_expect(dataset: maquette.Dataset, make) -> None:
    table = make({name: COLUMNS[name] for name in ("width", "height", "species")})
    dataset.append(table, "species")
    assert dataset.shape == (3, 2)
    assert [instance.get("y") for instance in dataset] == ["fox", None, "owl"]
    dataset.clear()
    dataset.append(make({"width": [1.0, 2.0], "height": [3, 4]}), ["a", "b"])
    assert [(i["x"], i["y"]) for i in dataset] == [([1, 3], "a"), ([2, 4], "b")]
    with pytest.raises(maquette.NotFoundError, match="colour"):
        dataset.append(table, "colour")


def test_models_learn_from_tables(make) -> None:
    numbers = numpy.random.default_rng(1).normal(size=(60, 3))
    names = ["red" if row[0] > 0 else "blue" for row in numbers]
    table = make({name: numbers[:, place] for place, name in enumerate("abc")})
    labels = make({"y": names})["y"]
    with maquette.KNNClassifier(k=3).fit(table, labels) as model:
        assert (model.predict(table) == names).mean() > 0.8


def test_a_dataset_comes_back_as_the_table_it_was(store: maquette.Store, dataset: maquette.Dataset, make) -> None:
    dataset.append_arrow(make(COLUMNS), label="species", fields=["collector", "weight"])
    narrow = dataset.to_arrow()
    assert narrow.column_names == ["id", "x", "y"]
    table = dataset.to_arrow(["width", "height"], ["weight", "collector"])
    assert table.column_names == ["id", "width", "height", "y", "weight", "collector"]
    assert table.drop_columns("id").to_pydict() == {
        "width": [1.5, 2.5, 3.5],
        "height": [1, 2, 3],
        "y": ["fox", None, "owl"],
        "weight": [10, 20, 30],
        "collector": ["Ann", "Bo", None],
    }
    with store.dataset("again") as again:
        again.append_arrow(table, features=["width", "height"], fields=["weight", "collector"])
        assert again.to_arrow(fields=["weight", "collector"]).drop_columns("id") == dataset.to_arrow(
            fields=["weight", "collector"]
        ).drop_columns("id")


def test_pandas_has_the_ids_as_index_and_polars_a_column_of_arrays(dataset: maquette.Dataset) -> None:
    dataset.append([[1, 2], [3, 4]], ["a", "b"])
    ids = [instance["id"] for instance in dataset]
    frame = dataset.to_pandas()
    assert list(frame.index) == ids and frame.index.name == "id"
    assert frame["x"].iloc[1].tolist() == [3, 4]
    assert dataset.to_pandas("f")[["f0", "f1"]].to_numpy().tolist() == [[1, 2], [3, 4]]
    assert list(frame["y"]) == ["a", "b"]
    assert dataset.to_polars().schema["x"] == polars.Array(polars.Float32, 2)
    assert dataset.to_polars(["left", "right"]).select("left", "right").rows() == [(1, 2), (3, 4)]
    assert dataset.to_polars()["id"].to_list() == ids


def test_an_empty_dataset_is_an_empty_table_of_each_kind(dataset: maquette.Dataset) -> None:
    assert len(dataset.to_arrow()) == len(dataset.to_pandas()) == len(dataset.to_polars()) == 0


def test_the_index_of_a_pandas_table_is_no_feature_unless_it_is_asked_for(dataset: maquette.Dataset) -> None:
    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}, index=pandas.Index([7, 8, 9], name="place"))
    dataset.append(frame[frame.a > 1])
    assert dataset.to_arrays()[0].tolist() == [[2, 5], [3, 6]]
    dataset.clear()
    dataset.append_arrow(frame, features=["a"], fields=["place"])
    assert [(i["x"], i["place"]) for i in dataset] == [([1], 7), ([2], 8), ([3], 9)]
    dataset.clear()
    levels = frame.set_index("b", append=True)
    dataset.append_arrow(levels, label="b")
    assert [(i["x"], i["y"]) for i in dataset] == [([1], "4"), ([2], "5"), ([3], "6")]


def test_categories_are_labels(dataset: maquette.Dataset) -> None:
    for values, expected in (
        (["u", "v", "u", None], ["u", "v", "u", None]),
        ([3, 4, 3, None], ["3", "4", "3", None]),
        ([True, False, True, None], ["true", "false", "true", None]),
    ):
        for label in ("kind", 1, -1):
            dataset.clear()
            frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "kind": pandas.Categorical(values)})
            dataset.append_arrow(frame, label=label)
            assert [i.get("y") for i in dataset] == expected
    dataset.clear()
    dataset.append(polars.DataFrame({"a": [1, 2], "y": polars.Series(["u", "v"], dtype=polars.Categorical)}))
    assert dataset.labels == ["u", "v"]


def test_an_array_column_is_x(dataset: maquette.Dataset) -> None:
    rows = [numpy.array([1.0, 2.0]), numpy.array([3.0, 4.0])]
    for table in (
        pandas.DataFrame({"x": rows, "y": ["a", "b"], "n": [1, 2]}),
        polars.DataFrame({"x": numpy.stack(rows), "y": ["a", "b"], "n": [1, 2]}),
        pyarrow.table({"x": rows, "y": ["a", "b"], "n": [1, 2]}),
    ):
        dataset.clear()
        dataset.append(table)
        assert [(i["x"], i["y"]) for i in dataset] == [([1, 2], "a"), ([3, 4], "b")]


def test_what_is_missing_or_can_not_be_is_named(dataset: maquette.Dataset, make) -> None:
    whole = {"a": [1.0, 2.0], "b": ["u", "v"]}
    cases = [
        ({"a": [1.0, None]}, {}, maquette.BadFormatError, 'row 1 .*column "a".*null'),
        (whole, {"fields": ["c"]}, maquette.InvalidArgumentError, "no column 'c'; it has 'a', 'b'"),
        (whole | {"id": [1, 2]}, {"fields": ["id"]}, maquette.InvalidArgumentError, "can't be named 'id'"),
        (whole, {"features": ["b"]}, maquette.BadFormatError, 'column "b" holds texts'),
        (whole | {"c": [b"1", b"2"]}, {"fields": ["c"]}, maquette.BadFormatError, "'c' holds a bytes"),
    ]
    for columns, options, kind, words in cases:
        with pytest.raises(kind, match=words):
            dataset.append_arrow(make(columns), **options)
    when = make({"a": [1.0], "when": [datetime.datetime(2024, 1, 1)]})
    with pytest.raises(maquette.BadFormatError, match=r'column "when".*numbers'):
        dataset.append_arrow(when, features=["a", "when"])
    assert len(dataset) == 0
    dataset.append(when)  # a time is no number: it is not taken for a feature
    assert dataset.shape == (1, 1)


def test_names_and_fields_that_do_not_fit_are_named(dataset: maquette.Dataset) -> None:
    dataset.create([{"x": [1, 2], "y": "a", "note": 1}, {"x": [3, 4], "note": "text"}])
    with pytest.raises(maquette.BadShapeError, match="1 names for 2 features"):
        dataset.to_arrow(["a"])
    with pytest.raises(maquette.InvalidArgumentError, match="differ"):
        dataset.to_arrow(["a", "a"])
    with pytest.raises(maquette.InvalidArgumentError, match="differ"):
        dataset.to_pandas(["a", "y"])
    with pytest.raises(maquette.BadFormatError, match="'note' has values of different types"):
        dataset.to_polars(fields=["note"])


def test_without_the_libraries_it_says_what_to_install(
    dataset: maquette.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.append([[1, 2]])
    for module in ("pyarrow", "polars"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        dataset.to_arrow()
    with pytest.raises(ImportError, match="pip install polars"):
        dataset.to_polars()
