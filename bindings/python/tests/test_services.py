"""Services: documents that are created, found, changed, removed, watched, and read through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from conftest import PATIENCE

import maquette


@pytest.fixture
def service(store: maquette.Store) -> Iterator[maquette.Service]:
    with store.service("notes") as service:
        yield service


def test_a_document_is_created_found_changed_and_removed(service: maquette.Service) -> None:
    made = service.create({"text": "ünïcode", "tags": ("a", "b"), "n": numpy.float32(1.5)})
    assert (made["text"], made["tags"], made["n"]) == ("ünïcode", ["a", "b"], 1.5)
    assert len(made["id"]) == 24
    assert made["createdAt"] == made["updatedAt"]
    assert service.get(made["id"]) == made
    updated = service.update(made["id"], {"text": "new"})
    assert updated.keys() == {"id", "text", "createdAt", "updatedAt"}
    assert (updated["id"], updated["createdAt"]) == (made["id"], made["createdAt"])
    assert updated["updatedAt"] > made["updatedAt"]
    patched = service.patch(made["id"], {"done": True, "id": "ffffffffffffffffffffffff", "deep": {"a": None}})
    assert patched == {**updated, "done": True, "deep": {"a": None}, "updatedAt": patched["updatedAt"]}
    assert service.remove(made["id"]) == patched
    assert len(service) == 0
    assert bool(service)


def test_many_documents_are_created_patched_and_removed_at_once(service: maquette.Service) -> None:
    made = service.create({"n": n, "even": n % 2 == 0} for n in range(10))
    assert isinstance(made, list)
    assert [document["n"] for document in made] == [*range(10)]
    assert service.create([]) == []
    assert list(service) == made
    patched = service.patch(None, {"big": True}, {"n": {"$gt": 6}})
    assert [document["n"] for document in patched] == [7, 8, 9]
    assert service.patch(None, {"big": True}, n=77) == []
    assert service.count(big=True) == service.find(big=True, limit=0).total == 3
    removed = service.remove(None, even=True)
    assert [document["n"] for document in removed] == [0, 2, 4, 6, 8]
    assert service.count({"n": {"$lt": 5}}) == 2
    assert len(service.remove(None, {})) == 5
    assert service.count() == 0


def test_what_is_wrong_is_an_error_and_changes_nothing(service: maquette.Service) -> None:
    made = service.create({"n": 1})
    with pytest.raises(maquette.NotFoundError) as caught:
        service.get("q")
    assert isinstance(caught.value, LookupError)
    assert caught.value.name == "q"
    for missing in (
        lambda: service.remove("q"),
        lambda: service.patch("q", {}),
        lambda: service.update("q", {}),
        lambda: service.patch(made["id"], {}, n=2),
        lambda: service.remove(made["id"], {"n": 2}),
    ):
        with pytest.raises(LookupError):
            missing()
    with pytest.raises(maquette.ConflictError, match="document 1 of 2"):
        service.create([{"n": 2}, {"id": made["id"]}])
    with pytest.raises(maquette.NotFiniteError):
        service.create({"n": float("nan")})
    for unclear in (lambda: service.remove(None), lambda: service.patch(None, {"n": 2})):
        with pytest.raises(TypeError, match="all of them"):
            unclear()
    with pytest.raises(maquette.InvalidArgumentError, match=r"\$limit"):
        service.remove(None, {"$limit": 1})
    for wrong in (
        lambda: service.create(7),
        lambda: service.create("text"),
        lambda: service.create([7]),
        lambda: service.update(made["id"], [1]),
        lambda: service.patch(made["id"], "x"),
        lambda: service.find("x"),
        lambda: service.get(7),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert service.find() == [made]


def test_find_and_distinct_look_at_what_matches(service: maquette.Service) -> None:
    service.create({"n": n, "kind": "odd" if n % 2 else "even", "at": {"x": n}} for n in range(7))
    page = service.find({"n": {"$gte": 2}}, sort="-n", limit=2, skip=1, select=["n"])
    assert [document["n"] for document in page] == [5, 4]
    assert (page.total, page.skip, page.limit) == (5, 1, 2)
    assert page[0].keys() == {"id", "n"}
    assert repr(page) == "<Page: documents 2 to 3 of 5>"
    assert service.distinct("kind") == ["even", "odd"]
    assert service.distinct("kind", {"n": {"$in": [1, 3]}}) == ["odd"]
    assert service.distinct("at.x", kind="even") == [0, 2, 4, 6]


def test_items_are_read_when_they_are_asked_for(service: maquette.Service) -> None:
    items = service.items(sort="-n")
    assert list(items) == []
    service.create({"n": n, "kind": "odd" if n % 2 else "even"} for n in range(700))
    assert [document["n"] for document in items] == [*reversed(range(700))]
    odd = service.items(kind="odd")
    assert sum(1 for _ in odd) == sum(1 for _ in odd) == 350
    assert [d["n"] for d in odd.where({"n": {"$lt": 8}}).where(n={"$ne": 3})] == [1, 5, 7]
    assert next(iter(odd.select("n"))).keys() == {"id", "n"}
    numbers = service.items().map(lambda document: document["n"])
    assert list(numbers.skip(2).skip(3).take(4)) == [5, 6, 7, 8]
    assert list(numbers.take(0)) == []
    assert list(numbers.filter(lambda n: n % 100 == 0)) == [*range(0, 700, 100)]
    assert list(numbers.take(2).concat(numbers.skip(698))) == [0, 1, 698, 699]
    assert list(numbers.take(3).concat("ab").zip(numbers.skip(10))) == [(0, 10), (1, 11), (2, 12), ("a", 13), ("b", 14)]
    assert numbers.first() == 0
    assert numbers.skip(700).first() is None
    assert numbers.skip(700).first(-1) == -1
    with pytest.raises(ValueError):
        next(iter(numbers.take(-1)))
    assert "n" in repr(items)


def test_a_pass_that_is_given_up_ends_its_cursor(service: maquette.Service) -> None:
    service.create({"n": n} for n in range(600))
    passing = iter(service.items())
    assert next(passing)["n"] == 0
    passing.close()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        next(passing)
    service.close()
    with pytest.raises(maquette.BadHandleError):
        list(service.items())


def test_items_see_what_comes_and_goes(service: maquette.Service) -> None:
    first = service.create({"n": n} for n in range(300))
    seen = []
    for document in service.items():
        if document["n"] == 0:
            service.remove(first[299]["id"])
            service.create({"n": 300})
        seen.append(document["n"])
    assert seen == [*range(299), 300]


def test_events_tell_what_happened(store: maquette.Store, service: maquette.Service) -> None:
    with store.service("notes") as other, other.events.queue() as events:
        made = service.create([{"n": 1}, {"n": 2}])
        service.patch(None, {"n": 3}, n=1)
        service.update(made[1]["id"], {"n": 4})
        service.remove(made[0]["id"])
        told = [events.get(timeout=PATIENCE) for _ in range(4)]
        assert [[event["type"] for event in batch] for batch in told] == [
            ["created", "created"],
            ["patched"],
            ["updated"],
            ["removed"],
        ]
        assert [event["document"] for event in told[0]] == made
        with pytest.raises(maquette.NotHeldError):
            _ = other.events.value


def test_a_service_shows_itself(store: maquette.Store, service: maquette.Service) -> None:
    assert repr(service) == f"<Service notes: 0 documents in {store.location}>"
    service.create({"text": "<b>bold</b>", "n": [1, 2], "deep": {"a": 1}} for _ in range(7))
    assert repr(service) == f"<Service notes: 7 documents in {store.location}>"
    shown = service._repr_html_()
    assert "&lt;b&gt;bold" in shown
    assert "<b>bold" not in shown
    assert "2 documents more" in shown
    assert "text" in service.find()._repr_html_()
    service.close()
    assert repr(service) == "<Service notes (closed)>"
    assert "closed" in service._repr_html_()


def test_a_store_lists_its_services(store: maquette.Store) -> None:
    assert store.services() == []
    with store.dataset("TrainingSet"), store.service("notes"):
        assert store.services() == ["instances-training-set", "notes"]
    with pytest.raises(maquette.InvalidArgumentError):
        store.service("")


def test_a_service_stays_when_its_store_is_closed(tmp_path: Path) -> None:
    store = maquette.Store(tmp_path / "s.db")
    service = store.service("notes")
    store.close()
    service.create({"n": 1})
    with maquette.Store(tmp_path / "s.db") as again, again.service("notes") as notes:
        assert [document["n"] for document in notes] == [1]
    service.close()


# Datasets


def test_a_datasets_instances_are_changed_one_and_many(dataset: maquette.Dataset) -> None:
    made = dataset.create([{"x": [n, n + 1], "y": "ab"[n % 2]} for n in range(4)])
    assert [instance["datasetName"] for instance in made] == ["points"] * 4
    with pytest.raises(maquette.BadShapeError):
        dataset.create([{"x": [1, 2]}, {"x": [1]}])
    patched = dataset.patch(made[0]["id"], {"y": "c", "note": 1})
    assert (patched["x"], patched["y"], patched["note"]) == ([0, 1], "c", 1)
    assert dataset.update(made[0]["id"], {"x": [9, 9]}).keys().isdisjoint({"y", "note"})
    assert [i["y"] for i in dataset.patch(None, {"y": "z"}, y="b")] == ["z", "z"]
    assert dataset.count(y="z") == dataset.count({"y": "z"}) == 2
    assert dataset.count() == 4
    assert dataset.distinct("y") == ["z", "a"]
    assert [instance["x"] for instance in dataset.items(y="z").map(dict)] == [[1, 2], [3, 4]]
    assert len(dataset.remove(None, y="z")) == 2
    assert dataset.remove(made[2]["id"])["y"] == "a"
    assert len(dataset) == 1
    for unclear in (lambda: dataset.remove(made[0]["id"], y="a"), lambda: dataset.patch(made[0]["id"], {}, {"y": 1})):
        with pytest.raises(TypeError, match="not by both"):
            unclear()


def test_a_selection_is_narrowed_and_still_trains(dataset: maquette.Dataset, blobs) -> None:
    dataset.append(*blobs)
    some = dataset.where(y={"$in": ["red", "green"]}).where(y={"$ne": "green"})
    assert isinstance(some, maquette.Selection)
    assert {instance["y"] for instance in some} == {"red"}
    two = dataset.items({"y": {"$ne": "red"}}, select=["x", "y"])
    model = maquette.KNNClassifier()
    model.fit(two)
    assert sorted(model.labels) == ["blue", "green"]
