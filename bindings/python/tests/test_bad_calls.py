"""Raw calls that no binding would make: a status each time, never a crash."""

from __future__ import annotations

import ctypes
import itertools
from ctypes import byref, c_int32, c_int64, c_void_p, sizeof

import numpy
import pytest

import maquette
from maquette import _library
from maquette._arrays import matrix_of
from maquette._documents import Cursor
from maquette._library import FUNCTIONS, Event, Matrix, RawTrainingStatus, library

BAD_HANDLE, INVALID_ARGUMENT, BAD_SHAPE, NOT_FINITE, BAD_UTF8, BAD_JSON = range(1, 7)

#: Handles that are none: NULL, small numbers, addresses, all bits.
BOGUS = [None, 0, 1, 2, 0xDEADBEEF, 1 << 32, 1 << 63, (1 << 64) - 1, id(object)]


@pytest.fixture
def handles(blobs):
    """A live handle of every kind, as (kind, token)."""
    with maquette.Store() as store, store.dataset("points") as dataset, maquette.KNNClassifier() as model:
        dataset.append(*blobs)
        model.fit(dataset)
        history = maquette.TrainingHistory(store)
        tracking = history.track(model, "points")
        with (
            history,
            model.training.queue() as events,
            store.batch_prediction("points") as batch,
            maquette.ConfusionMatrix.of(batch.predict(model, dataset).wait()) as confusion,
            store.service("notes") as service,
            Cursor(service, library.maquette_service_items, {}) as cursor,
            dataset.sift(y="red") as view,
        ):
            predictions = c_void_p()
            assert library.maquette_batch_prediction_results(batch._handle, byref(predictions), None) == 0
            yield {
                "batch_prediction": batch._handle.value,
                "predictions": predictions.value,
                "confusion": confusion._handle.value,
                "store": store._handle.value,
                "dataset": dataset._handle.value,
                "model": model._handle.value,
                "stream": model.training._handle.value,
                "subscription": events._handle.value,
                "history": history._handle.value,
                "tracking": tracking._handle.value,
                "service": service._handle.value,
                "cursor": cursor._handle.value,
                "view": view._handle.value,
            }


def outputs() -> dict[object, object]:
    """Something harmless for each type of parameter."""
    return {
        _library.status: 0,
        ctypes.c_int32: 1,
        ctypes.c_int64: 0,
        ctypes.c_size_t: 2,
        _library.text: b"{}",
        _library.matrix: Matrix(sizeof(Matrix)),
        _library.event: Event(sizeof(Event)),
        _library.training_status: RawTrainingStatus(sizeof(RawTrainingStatus)),
        _library.batch_options: _library.BatchOptions(sizeof(_library.BatchOptions)),
        _library.batch_status: _library.RawBatchStatus(sizeof(_library.RawBatchStatus)),
        _library.regression_scores: _library.RegressionScores(sizeof(_library.RegressionScores)),
        _library.double_out: byref(ctypes.c_double()),
        _library.int32_out: byref(c_int32()),
        _library.int64_out: byref(c_int64()),
        _library.size_out: byref(ctypes.c_size_t()),
        _library.EventFunction: _library.NO_EVENT_FUNCTION,
        _library.LogFunction: _library.NO_LOG_FUNCTION,
        _library.DestroyFunction: _library.NO_DESTROY_FUNCTION,
    }


def subject(name: str) -> str:
    """The kind of handle a function takes first."""
    if name in (
        "maquette_dataset_open",
        "maquette_service_open",
        "maquette_batch_prediction_open",
        "maquette_history_open",
    ):
        return "store"
    if name.startswith("maquette_batch_prediction") or name == "maquette_confusion_open":
        return "batch_prediction"
    return name.split("_")[1]


HANDLES = (
    "store",
    "dataset",
    "model",
    "stream",
    "subscription",
    "batch_prediction",
    "predictions",
    "confusion",
    "history",
    "tracking",
    "service",
    "cursor",
    "view",
)

#: Functions whose first parameter is a handle, without those of errors.
OF_HANDLES = [
    name
    for name, (_, arguments) in FUNCTIONS.items()
    if arguments[:1] == [c_void_p]
    and subject(name) in HANDLES
    and name not in ("maquette_confusion_create", "maquette_model_open_files")  # take labels and paths first
]


def call_with(name: str, handle: int | None) -> tuple[object, c_void_p]:
    _, arguments = FUNCTIONS[name]
    error, out = c_void_p(), c_void_p()
    values = outputs()
    passed: list[object] = [handle]
    for position, kind in enumerate(arguments[1:], 1):
        if kind is _library.error_out and position == len(arguments) - 1:
            passed.append(byref(error))
        elif kind is _library.error_out:
            passed.append(byref(out))
        else:
            passed.append(values.get(kind))
    return getattr(library, name)(*passed), error


@pytest.mark.parametrize("name", OF_HANDLES)
def test_a_handle_that_is_none_is_a_status(name: str, handles) -> None:
    wrong = [token for kind, token in handles.items() if kind != subject(name)]
    for handle in BOGUS + wrong:
        result, error = call_with(name, handle)
        if FUNCTIONS[name][0] is c_void_p:
            assert result is None
        elif FUNCTIONS[name][0] is c_int32:
            assert result == BAD_HANDLE, hex(handle or 0)
            if FUNCTIONS[name][1][-1] is _library.error_out:
                assert library.maquette_error_status(error) == BAD_HANDLE
                assert library.maquette_error_message(error)
                library.maquette_error_destroy(error)


@pytest.mark.parametrize("handle", BOGUS)
def test_an_error_that_is_none_reads_as_one(handle) -> None:
    assert library.maquette_error_status(handle) == BAD_HANDLE
    assert library.maquette_error_message(handle)
    assert library.maquette_error_name(handle) is not None
    library.maquette_error_destroy(handle)


def test_an_error_destroyed_twice_and_read_afterwards() -> None:
    error = c_void_p()
    assert library.maquette_model_schema(b"nonsense", byref(c_void_p()), byref(error)) == 7
    assert library.maquette_error_name(error) == b"nonsense"
    library.maquette_error_destroy(error)
    library.maquette_error_destroy(error)
    assert library.maquette_error_status(error) == BAD_HANDLE
    assert library.maquette_error_message(error)


def test_handles_destroyed_twice_or_of_another_kind(handles) -> None:
    destroyers = [name for name in FUNCTIONS if name.endswith("_destroy")]
    for name in destroyers:
        for kind, token in handles.items():
            if kind != subject(name):
                getattr(library, name)(token)
    # All are still there.
    count = c_int64()
    assert library.maquette_dataset_count(handles["dataset"], byref(count), None) == 0
    assert count.value == 60
    for name in destroyers:
        token = handles.get(subject(name))
        getattr(library, name)(token)
        getattr(library, name)(token)
        getattr(library, name)(None)
    assert library.maquette_dataset_count(handles["dataset"], byref(count), None) == BAD_HANDLE
    assert library.maquette_model_wait(handles["model"], 0, None) == BAD_HANDLE
    # The stream went with its model.
    assert library.maquette_stream_value(handles["stream"], byref(c_void_p()), None) == BAD_HANDLE


@pytest.mark.parametrize("name", [name for name, (result, _) in FUNCTIONS.items() if result is c_int32])
def test_null_for_everything_and_in_each_place(name: str, handles, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # what is harmless as a text is a path to some
    _, arguments = FUNCTIONS[name]
    function = getattr(library, name)
    nothing = {
        ctypes.c_int32: 0,
        ctypes.c_int64: 0,
        ctypes.c_size_t: 0,
        _library.status: 0,
        **{
            kind: function_
            for kind, function_ in outputs().items()
            if kind in (_library.EventFunction, _library.LogFunction, _library.DestroyFunction)
        },
    }
    if name not in ("maquette_set_log", "maquette_error_status"):
        assert function(*(nothing.get(kind) for kind in arguments)) != 0
    # The right subject, and NULL for one of the rest.
    values = outputs()
    first = (
        handles.get(subject(name)) if arguments[:1] == [c_void_p] else values.get(arguments[0]) if arguments else None
    )
    for missing in range(1, len(arguments)):
        out = c_void_p()
        passed = [
            first
            if place == 0
            else nothing.get(kind)
            if place == missing
            else byref(out)
            if kind is _library.handle_out
            else values.get(kind)
            for place, kind in enumerate(arguments)
        ]
        status = function(*passed)
        assert 0 <= status <= 31


@pytest.mark.parametrize(
    "broken", [b"\xff", b"a\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8\x88\x80\x80\x80", b"caf\xe9"]
)
def test_broken_utf_8_is_refused_everywhere(broken: bytes, handles) -> None:
    out = c_void_p()
    store, dataset, model, stream = (handles[kind] for kind in ("store", "dataset", "model", "stream"))
    pointers = numpy.array([ctypes.addressof(ctypes.create_string_buffer(broken))] * 2, numpy.uintp)
    keep = ctypes.create_string_buffer(broken)
    pointers[:] = ctypes.addressof(keep)
    labels = c_void_p(pointers.ctypes.data)
    X = numpy.eye(2, 3, dtype="f4")
    parameter = c_void_p()
    assert library.maquette_model_parameter(model, b"k", byref(parameter), None) == 0
    calls = {
        "store_open": lambda: library.maquette_store_open(broken, byref(out), None),
        "dataset_open": lambda: library.maquette_dataset_open(store, broken, byref(out), None),
        "append": lambda: library.maquette_dataset_append(dataset, matrix_of(X), labels, None),
        "create": lambda: library.maquette_dataset_create(dataset, b'{"x":[1,2,3],"y":"' + broken + b'"}', None, None),
        "get": lambda: library.maquette_dataset_get(dataset, broken, byref(out), None),
        "remove": lambda: library.maquette_dataset_remove(dataset, broken, None, None),
        "find": lambda: library.maquette_dataset_find(dataset, b'{"y":"' + broken + b'"}', byref(out), None),
        "distinct": lambda: library.maquette_dataset_distinct(dataset, broken, byref(out), None),
        "schema": lambda: library.maquette_model_schema(broken, byref(out), None),
        "model_create": lambda: library.maquette_model_create(broken, None, byref(out), None),
        "parameters": lambda: library.maquette_model_create(
            b"knn-classifier", b'{"' + broken + b'":1}', byref(out), None
        ),
        "parameter": lambda: library.maquette_model_parameter(model, broken, byref(out), None),
        "set": lambda: library.maquette_stream_set(parameter, b'"' + broken + b'"', None),
        "train_matrix": lambda: library.maquette_model_train_matrix(model, matrix_of(X), labels, None, None, None),
        "save": lambda: library.maquette_model_save(model, store, broken, None, None, None, None),
        "metadata": lambda: library.maquette_model_save(
            model, store, b"m", b'{"a":"' + broken + b'"}', None, None, None
        ),
        "id": lambda: library.maquette_model_save(model, store, b"m", None, broken, None, None),
        "load": lambda: library.maquette_model_load(model, store, broken, None, None),
    }
    assert {name: call() for name, call in calls.items()} == dict.fromkeys(calls, BAD_UTF8)
    assert out.value is None
    assert stream


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"}",
        b"nonsense",
        b'{"x":[1,2,3]',
        b'{"x":[1,2,3],}',
        b"{'x':[1]}",
        b'{"x":[1 2]}',
        b'{"x":NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"\\ud800"',
        b'{"x":[1,2,3]} {}',
        b'{"x":01}',
        b'{"x":"\n"}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_broken_json_is_refused_everywhere(text: bytes, handles) -> None:
    out = c_void_p()
    store, dataset, model = (handles[kind] for kind in ("store", "dataset", "model"))
    parameter = c_void_p()
    assert library.maquette_model_parameter(model, b"k", byref(parameter), None) == 0
    calls = {
        "create": lambda: library.maquette_dataset_create(dataset, text, None, None),
        "find": lambda: library.maquette_dataset_find(dataset, text, byref(out), None),
        "model_create": lambda: library.maquette_model_create(b"knn-classifier", text, byref(out), None),
        "set": lambda: library.maquette_stream_set(parameter, text, None),
        "metadata": lambda: library.maquette_model_save(model, store, b"m", text, None, None, None),
        "event": lambda: library.maquette_event_training_status(
            Event(sizeof(Event), ctypes.cast(ctypes.c_char_p(text), c_void_p), len(text), 1, 0),
            RawTrainingStatus(sizeof(RawTrainingStatus)),
            None,
        ),
    }
    assert {name: call() for name, call in calls.items()} == dict.fromkeys(calls, BAD_JSON)


@pytest.mark.parametrize("text", [b"[]", b"5", b"null", b'"text"', b"true"])
def test_json_of_another_form_is_refused(text: bytes, handles) -> None:
    out = c_void_p()
    store, dataset, model = (handles[kind] for kind in ("store", "dataset", "model"))
    # An array is many instances: none, here.
    assert library.maquette_dataset_create(dataset, text, None, None) == (0 if text == b"[]" else BAD_JSON)
    assert library.maquette_dataset_create(dataset, b"[" + text + b"]", None, None) == BAD_JSON
    assert library.maquette_dataset_find(dataset, text, byref(out), None) == BAD_JSON
    assert library.maquette_model_create(b"knn-classifier", text, byref(out), None) == BAD_JSON
    assert library.maquette_model_save(model, store, b"m", text, None, None, None) == BAD_JSON


SIZES = [-1, 1 << 31, 1 << 32, 1 << 40, (1 << 62), (1 << 63) - 1, -(1 << 63)]


@pytest.mark.parametrize("rows", [*SIZES, 2])
@pytest.mark.parametrize("cols", [*SIZES, 3])
def test_impossible_shapes_are_refused(rows: int, cols: int, handles) -> None:
    if (rows, cols) == (2, 3):
        return
    memory = numpy.zeros((2, 3), "f4")
    answers = numpy.zeros((2, 3), "f4")
    matrix = matrix_of(memory)
    matrix.rows, matrix.cols = rows, cols
    labels = (ctypes.c_char_p * 2)(b"a", b"b")
    bad = (INVALID_ARGUMENT, BAD_SHAPE, 25)
    assert library.maquette_model_predict(handles["model"], matrix, matrix_of(answers), None) in bad
    assert library.maquette_model_predict(handles["model"], matrix_of(memory), matrix, None) in bad
    assert library.maquette_dataset_append(handles["dataset"], matrix, None, None) in bad
    assert library.maquette_dataset_read(handles["dataset"], matrix, None, None, None) in bad
    # Labels are only read once the shape is found good, which two labels for so many rows can't be.
    assert (
        library.maquette_model_train_matrix(handles["model"], matrix, ctypes.addressof(labels), None, None, None) in bad
    )


@pytest.mark.parametrize(
    "change",
    [
        {"struct_size": 0},
        {"struct_size": 8},
        {"struct_size": 1 << 40},
        {"dtype": -1},
        {"dtype": 5},
        {"dtype": 1 << 30},
        {"flags": 1},
        {"flags": 0xFFFFFFFF},
        {"data": None},
    ],
)
def test_a_matrix_that_can_t_be_is_refused(change: dict[str, object], handles) -> None:
    memory = numpy.zeros((2, 3), "f4")
    matrix = matrix_of(memory)
    for name, value in change.items():
        setattr(matrix, name, value)
    labels = (ctypes.c_char_p * 2)(b"a", b"b")
    assert library.maquette_model_predict(handles["model"], matrix, matrix_of(memory), None) == INVALID_ARGUMENT
    assert library.maquette_model_predict(handles["model"], matrix_of(memory), matrix, None) == INVALID_ARGUMENT
    assert library.maquette_dataset_append(handles["dataset"], matrix, None, None) == INVALID_ARGUMENT
    assert (
        library.maquette_model_train_matrix(handles["model"], matrix, ctypes.addressof(labels), None, None, None)
        == INVALID_ARGUMENT
    )


def test_strides_that_overflow_are_refused(handles) -> None:
    memory = numpy.zeros((2, 3), "f4")
    for row, column in itertools.product([1 << 62, (1 << 63) - 1, -(1 << 63)], [4, 1 << 62]):
        matrix = matrix_of(memory)
        matrix.row_stride, matrix.col_stride = row, column
        assert library.maquette_model_predict(handles["model"], matrix, matrix_of(memory), None) in (
            INVALID_ARGUMENT,
            BAD_SHAPE,
        )


def test_a_null_label_is_refused_by_a_training(handles) -> None:
    memory = numpy.zeros((2, 3), "f4")
    labels = (ctypes.c_char_p * 2)(b"a", None)
    arguments = (handles["model"], matrix_of(memory), ctypes.addressof(labels), None, None, None)
    assert library.maquette_model_train_matrix(*arguments) == INVALID_ARGUMENT
    assert (
        library.maquette_model_train_matrix(handles["model"], matrix_of(memory), None, None, None, None)
        == INVALID_ARGUMENT
    )


def test_an_index_of_a_label_out_of_range_is_not_found(handles) -> None:
    out = c_void_p()
    for index in (-1, 3, 1 << 40, -(1 << 63), (1 << 63) - 1):
        assert library.maquette_model_label(handles["model"], index, byref(out), None) == 10
    assert library.maquette_model_label(handles["model"], 2, byref(out), None) == 0
    assert maquette._text.owned_text(out) == "blue"


def test_one_prediction_as_json(handles, blobs) -> None:
    import json

    out = c_void_p()
    row = blobs[0][:1]
    assert library.maquette_model_predict_json(handles["model"], matrix_of(row), byref(out), None) == 0
    prediction = json.loads(maquette._text.owned_text(out))
    assert prediction == {"label": "red", "confidences": {"red": 1, "green": 0, "blue": 0}}
    assert library.maquette_model_predict_json(handles["model"], matrix_of(blobs[0]), byref(out), None) == BAD_SHAPE


def test_a_failed_subscription_gives_its_user_data_back() -> None:
    seen = []
    destroy = _library.DestroyFunction(seen.append)
    receive = _library.EventFunction(lambda *_: None)
    for stream in (None, 1, 0xDEADBEEF):
        assert library.maquette_stream_subscribe(stream, receive, 42, destroy, byref(c_void_p()), None) == BAD_HANDLE
    assert seen == [42] * 3
    assert library.maquette_set_log(99, _library.LogFunction(lambda *_: None), 43, destroy, None) == INVALID_ARGUMENT
    assert seen == [42] * 3 + [43]


def test_pulling_from_a_subscription_with_a_callback_is_refused(handles) -> None:
    receive = _library.EventFunction(lambda *_: None)
    subscription = c_void_p()
    no_destroy = _library.NO_DESTROY_FUNCTION
    assert (
        library.maquette_stream_subscribe(handles["stream"], receive, None, no_destroy, byref(subscription), None) == 0
    )
    assert library.maquette_subscription_next(subscription, 0, Event(sizeof(Event)), None) == INVALID_ARGUMENT
    assert library.maquette_subscription_fd(subscription, byref(c_int32()), None) == INVALID_ARGUMENT
    library.maquette_subscription_destroy(subscription)
    assert library.maquette_subscription_next(handles["subscription"], 0, Event(0), None) == INVALID_ARGUMENT
    assert library.maquette_subscription_next(handles["subscription"], 0, Event(sizeof(Event)), None) == 0


def test_many_handles_come_and_go() -> None:
    tokens = set()
    for _ in range(20_000):
        model = c_void_p()
        assert library.maquette_model_create(b"knn-classifier", None, byref(model), None) == 0
        library.maquette_model_destroy(model)
        tokens.add(model.value)
    assert len(tokens) == 20_000
    for token in itertools.islice(tokens, 100):
        assert library.maquette_model_wait(token, 0, None) == BAD_HANDLE
