"""Models that are copied, pickled, and used in other processes."""

from __future__ import annotations

import copy
import os
import pickle
from typing import Any

import numpy
import pytest
from conftest import KINDS, Digits, answers

import maquette

SHORT: dict[str, dict[str, Any]] = {
    "mlp-classifier": {"epochs": 3},
    "mlp-regressor": {"epochs": 3},
    "umap": {"epochs": 5},
}

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "old pickle": lambda model: pickle.loads(pickle.dumps(model, 2)),
}


class Mine(maquette.KMeans):
    """A class of a user's own, whose models are made in another way."""

    def __init__(self, count: int) -> None:
        super().__init__(k=count)


@pytest.fixture(params=COPIES)
def duplicate(request: pytest.FixtureRequest):
    return COPIES[request.param]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_each_kind_is_the_same_afterwards(kind: str, duplicate, blobs) -> None:
    X, y = blobs
    with maquette.Model(kind, **SHORT.get(kind, {})) as model:
        untrained = duplicate(model)
        assert untrained.parameters == model.parameters and not untrained.is_trained
        model.fit(X, answers(kind, y))
        other = duplicate(model)
        assert type(other) is type(model) and other.kind == kind
        assert other.parameters == model.parameters
        assert numpy.array_equal(other.predict_proba(X), model.predict_proba(X))
        if model.task == "classification":
            assert other.labels == model.labels
        # They are two.
        other.reset()
        assert model.is_trained and not other.is_trained


def test_a_class_of_its_own_stays(duplicate, blobs) -> None:
    model = Mine(2).fit(blobs[0])
    other = duplicate(model)
    assert type(other) is Mine and other.k == 2
    assert numpy.array_equal(other.centers, model.centers)
    assert type(duplicate(Mine(4))) is Mine and duplicate(Mine(4)).k == 4
    classifier = maquette.KNNClassifier(k=1)
    assert type(duplicate(classifier)) is maquette.KNNClassifier


def test_a_pickle_holds_the_file_that_others_open(trained: maquette.Model, blobs) -> None:
    assert trained.to_bytes() in pickle.dumps(trained)
    assert pickle.loads(pickle.dumps([trained, trained]))[0].labels == trained.labels
    broken = pickle.dumps(trained).replace(b"safetensors", b"safetensorz").replace(b'{"', b'("', 1)
    if broken != pickle.dumps(trained):
        with pytest.raises((maquette.BadFormatError, maquette.BadJSONError)):
            pickle.loads(broken)


def test_a_training_that_runs_goes_on(endless: maquette.Model, digits: Digits) -> None:
    other = pickle.loads(pickle.dumps(endless))
    assert endless.is_training and not other.is_training
    assert other.predict_proba(digits.X[:3]).shape == (3, 10)


def test_what_belongs_to_a_process_says_so(store: maquette.Store, dataset: maquette.Dataset) -> None:
    for owner in (store, dataset):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="belongs to this process: it can't be copied or pickled"):
                attempt(owner)


def test_models_trained_here_predict_on_a_cluster_of_processes(digits: Digits) -> None:
    distributed = pytest.importorskip("distributed")
    with maquette.MLPClassifier(layers=[32], epochs=5, seed=1).fit(digits.X, digits.y) as model:
        expected = model.predict_proba(digits.X_test)
        blocks = numpy.array_split(digits.X_test, 8)
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, scheduler_port=0
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            workers = list(client.scheduler_info()["workers"])
            there = client.scatter(model, broadcast=True)
            predict = maquette.MLPClassifier.predict_proba
            # In turn, so that each process has its part.
            found = client.gather(
                [
                    client.submit(predict, there, block, workers=[workers[place % 2]])
                    for place, block in enumerate(blocks)
                ]
            )
            processes = set(client.run(os.getpid).values())
            # A model comes back from there as well.
            trained = client.submit(maquette.KNNClassifier.fit, maquette.KNNClassifier(), digits.X, digits.y).result()
    assert numpy.array_equal(numpy.concatenate(found), expected)
    assert len(workers) == len(processes) == 2 and os.getpid() not in processes
    assert (trained.predict(digits.X_test) == digits.y_test.astype(str)).mean() > 0.95
