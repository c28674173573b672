"""The shared library: where it is found, and every function of `maquette.h` as a table."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any

SONAME = "libmaquette.so.0"

# ---------------------------------------------------------------------------------------------------------------------
# Structs
# ---------------------------------------------------------------------------------------------------------------------


class Matrix(Structure):
    """`maquette_matrix`: describes numbers in memory that somebody else owns."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("data", c_void_p),
        ("rows", c_int64),
        ("cols", c_int64),
        ("row_stride", c_int64),
        ("col_stride", c_int64),
        ("dtype", c_int32),
        ("flags", c_uint32),
    )


class Event(Structure):
    """`maquette_event`: one event of a stream, borrowed."""

    _fields_ = (
        ("struct_size", c_size_t),
        # An address, not c_char_p: the text is read by its length.
        ("json", c_void_p),
        ("json_length", c_size_t),
        ("sequence", c_uint64),
        ("dropped", c_uint64),
        ("matrix", POINTER(Matrix)),
    )


class RawTrainingStatus(Structure):
    """`maquette_training_status`: a training status without JSON."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("status", c_int32),
        ("epoch", c_int32),
        ("epochs", c_int32),
        ("loss", c_double),
        ("accuracy", c_double),
        ("loss_val", c_double),
        ("accuracy_val", c_double),
    )


DestroyFunction = CFUNCTYPE(None, c_void_p)


class Rows(Structure):
    """`maquette_rows`: rows to learn from."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("features", POINTER(Matrix)),
        ("labels", c_void_p),
        ("targets", POINTER(Matrix)),
    )


RowsFunction = CFUNCTYPE(c_int32, c_void_p, c_int64, c_int64, POINTER(Rows))


class Source(Structure):
    """`maquette_source`: where a training takes its rows from."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("dataset", c_void_p),
        ("rows", POINTER(Rows)),
        ("read", RowsFunction),
        ("user_data", c_void_p),
        ("destroy", DestroyFunction),
        ("query", c_char_p),
    )


class BatchOptions(Structure):
    """`maquette_batch_options`: how a batch prediction is made."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("input_field", c_char_p),
        ("resume", c_int32),
        ("reserved", c_int32),
    )


class RawBatchStatus(Structure):
    """`maquette_batch_status`: the status of a batch prediction without JSON."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("count", c_int64),
        ("total", c_int64),
        ("status", c_int32),
        ("reserved", c_int32),
    )


class RegressionScores(Structure):
    """`maquette_regression_scores`: how far predicted numbers are from the true ones."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("mean_absolute_error", c_double),
        ("mean_squared_error", c_double),
        ("r2", c_double),
    )


class ArrowStream(Structure):
    """`struct ArrowArrayStream`: record batches on their way; the functions as addresses."""

    _fields_ = (
        ("get_schema", c_void_p),
        ("get_next", c_void_p),
        ("get_last_error", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Functions
# ---------------------------------------------------------------------------------------------------------------------

EventFunction = CFUNCTYPE(None, c_void_p, POINTER(Event))
LogFunction = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)

NO_EVENT_FUNCTION = EventFunction()
NO_LOG_FUNCTION = LogFunction()
NO_DESTROY_FUNCTION = DestroyFunction()

status = c_int32
handle = c_void_p  # a token: maquette_store *, maquette_model *, …
text = c_char_p  # const char *, UTF-8
texts = c_void_p  # const char *const *, the address of an array of them
user_data = c_void_p
handle_out = POINTER(c_void_p)  # maquette_model **, …
text_out = POINTER(c_void_p)  # char **, to be given back with maquette_string_free
content = c_char_p  # const void *, bytes
bytes_out = POINTER(c_void_p)  # void **, to be given back with maquette_bytes_free
size_out = POINTER(c_size_t)
error_out = POINTER(c_void_p)  # maquette_error **
int32_out = POINTER(c_int32)
int64_out = POINTER(c_int64)
ids = c_void_p  # int64_t *, the address of an array
codes_out = c_void_p  # int32_t *, the address of an array
matrix = POINTER(Matrix)
event = POINTER(Event)
training_status = POINTER(RawTrainingStatus)
source = POINTER(Source)
batch_options = POINTER(BatchOptions)
batch_status = POINTER(RawBatchStatus)
regression_scores = POINTER(RegressionScores)
characters_out = c_void_p  # char *, the address of memory to fill
double_out = POINTER(c_double)
arrow_stream = POINTER(ArrowStream)

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    # Status and errors
    "maquette_status_name": (text, [status]),
    "maquette_error_status": (status, [handle]),
    "maquette_error_message": (text, [handle]),
    "maquette_error_name": (text, [handle]),
    "maquette_error_destroy": (None, [handle]),
    "maquette_string_free": (None, [c_void_p]),
    # The library
    "maquette_version": (text, []),
    "maquette_build_info": (status, [text_out, error_out]),
    "maquette_threads": (c_int32, []),
    "maquette_set_threads": (status, [c_int32, error_out]),
    "maquette_set_log": (status, [c_int32, LogFunction, user_data, DestroyFunction, error_out]),
    # Streams
    "maquette_stream_subscribe": (
        status,
        [handle, EventFunction, user_data, DestroyFunction, handle_out, error_out],
    ),
    "maquette_stream_value": (status, [handle, text_out, error_out]),
    "maquette_stream_set": (status, [handle, text, error_out]),
    "maquette_subscription_next": (status, [handle, c_int64, event, error_out]),
    "maquette_subscription_fd": (status, [handle, int32_out, error_out]),
    "maquette_subscription_destroy": (None, [handle]),
    # Stores
    "maquette_store_open": (status, [text, handle_out, error_out]),
    "maquette_store_backup": (status, [handle, text, error_out]),
    "maquette_store_destroy": (None, [handle]),
    "maquette_store_services": (status, [handle, text_out, error_out]),
    # Services
    "maquette_service_open": (status, [handle, text, handle_out, error_out]),
    "maquette_service_destroy": (None, [handle]),
    "maquette_service_find": (status, [handle, text, text_out, error_out]),
    "maquette_service_get": (status, [handle, text, text_out, error_out]),
    "maquette_service_create": (status, [handle, text, text_out, error_out]),
    "maquette_service_update": (status, [handle, text, text, text, text_out, error_out]),
    "maquette_service_patch": (status, [handle, text, text, text, text_out, error_out]),
    "maquette_service_remove": (status, [handle, text, text, text_out, error_out]),
    "maquette_service_count": (status, [handle, text, int64_out, error_out]),
    "maquette_service_distinct": (status, [handle, text, text, text_out, error_out]),
    "maquette_service_items": (status, [handle, text, handle_out, error_out]),
    "maquette_service_events": (handle, [handle]),
    "maquette_cursor_next": (status, [handle, text_out, error_out]),
    "maquette_cursor_destroy": (None, [handle]),
    # Datasets
    "maquette_dataset_open": (status, [handle, text, handle_out, error_out]),
    "maquette_dataset_destroy": (None, [handle]),
    "maquette_dataset_append": (status, [handle, matrix, texts, error_out]),
    "maquette_dataset_append_targets": (status, [handle, matrix, matrix, error_out]),
    "maquette_dataset_append_shaped": (status, [handle, matrix, ids, c_int32, texts, matrix, error_out]),
    "maquette_dataset_create": (status, [handle, text, text_out, error_out]),
    "maquette_dataset_get": (status, [handle, text, text_out, error_out]),
    "maquette_dataset_update": (status, [handle, text, text, text_out, error_out]),
    "maquette_dataset_patch": (status, [handle, text, text, text_out, error_out]),
    "maquette_dataset_patch_matching": (status, [handle, text, text, text_out, error_out]),
    "maquette_dataset_remove": (status, [handle, text, text_out, error_out]),
    "maquette_dataset_remove_matching": (status, [handle, text, text_out, error_out]),
    "maquette_dataset_find": (status, [handle, text, text_out, error_out]),
    "maquette_dataset_count": (status, [handle, int64_out, error_out]),
    "maquette_dataset_count_matching": (status, [handle, text, int64_out, error_out]),
    "maquette_dataset_items": (status, [handle, text, handle_out, error_out]),
    "maquette_dataset_clear": (status, [handle, error_out]),
    "maquette_dataset_distinct": (status, [handle, text, text_out, error_out]),
    "maquette_dataset_distinct_matching": (status, [handle, text, text, text_out, error_out]),
    "maquette_dataset_shape": (status, [handle, int64_out, int64_out, error_out]),
    "maquette_dataset_read": (status, [handle, matrix, codes_out, text_out, error_out]),
    "maquette_dataset_targets": (status, [handle, matrix, error_out]),
    "maquette_dataset_counts": (handle, [handle]),
    "maquette_dataset_changes": (handle, [handle]),
    "maquette_dataset_sift": (status, [handle, text, handle_out, error_out]),
    "maquette_view_destroy": (None, [handle]),
    "maquette_view_count": (status, [handle, int64_out, error_out]),
    "maquette_view_find": (status, [handle, text, text_out, error_out]),
    "maquette_view_items": (status, [handle, text, handle_out, error_out]),
    "maquette_view_counts": (handle, [handle]),
    "maquette_view_changes": (handle, [handle]),
    "maquette_dataset_download": (status, [handle, text, text, int64_out, error_out]),
    "maquette_dataset_download_text": (status, [handle, text, text_out, error_out]),
    "maquette_dataset_upload": (status, [handle, text, int64_out, error_out]),
    "maquette_dataset_upload_text": (status, [handle, text, c_size_t, int64_out, error_out]),
    "maquette_dataset_split": (status, [handle, text, handle, handle, error_out]),
    "maquette_dataset_import_csv": (status, [handle, text, text, int64_out, error_out]),
    "maquette_dataset_export_csv": (status, [handle, text, text, int64_out, error_out]),
    # Arrow
    "maquette_dataset_export_arrow": (status, [handle, arrow_stream, error_out]),
    "maquette_dataset_import_arrow": (status, [handle, arrow_stream, text, int64_out, error_out]),
    # Models
    "maquette_model_kinds": (status, [text_out, error_out]),
    "maquette_model_schema": (status, [text, text_out, error_out]),
    "maquette_model_create": (status, [text, text, handle_out, error_out]),
    "maquette_model_destroy": (None, [handle]),
    "maquette_model_kind": (status, [handle, text_out, error_out]),
    "maquette_model_parameters": (status, [handle, text_out, error_out]),
    "maquette_model_parameter": (status, [handle, text, handle_out, error_out]),
    "maquette_model_training": (handle, [handle]),
    "maquette_model_stream": (status, [handle, text, handle_out, error_out]),
    "maquette_event_training_status": (status, [event, training_status, error_out]),
    "maquette_model_train": (status, [handle, handle, handle, error_out]),
    "maquette_model_train_matrix": (status, [handle, matrix, texts, matrix, texts, error_out]),
    "maquette_model_train_source": (status, [handle, source, source, c_int32, error_out]),
    "maquette_model_wait": (status, [handle, c_int64, error_out]),
    "maquette_model_is_training": (status, [handle, int32_out, error_out]),
    "maquette_model_cancel": (status, [handle]),
    "maquette_model_cancel_keeping": (status, [handle, c_int32, error_out]),
    "maquette_model_reset": (status, [handle, error_out]),
    "maquette_model_clone": (status, [handle, handle_out, error_out]),
    "maquette_model_feature_count": (status, [handle, int64_out, error_out]),
    "maquette_model_output_count": (status, [handle, int64_out, error_out]),
    "maquette_model_predict": (status, [handle, matrix, matrix, error_out]),
    "maquette_model_predict_json": (status, [handle, matrix, text_out, error_out]),
    "maquette_model_attributes": (status, [handle, text_out, error_out]),
    "maquette_model_attribute": (status, [handle, text, matrix, error_out]),
    "maquette_model_inverse": (status, [handle, matrix, matrix, error_out]),
    "maquette_model_neighbours": (status, [handle, matrix, c_int64, ids, matrix, error_out]),
    "maquette_model_remove": (status, [handle, ids, c_int64, error_out]),
    "maquette_model_label_count": (status, [handle, int64_out, error_out]),
    "maquette_model_label": (status, [handle, c_int64, text_out, error_out]),
    "maquette_model_labels": (status, [handle, text_out, error_out]),
    "maquette_model_save": (status, [handle, handle, text, text, text, text_out, error_out]),
    "maquette_model_save_version": (status, [handle, handle, text, text, c_int64, text_out, error_out]),
    "maquette_model_load": (status, [handle, handle, text, text_out, error_out]),
    "maquette_store_models": (status, [handle, text, text, text_out, error_out]),
    "maquette_store_remove_models": (status, [handle, text, text, text_out, error_out]),
    # Model files
    "maquette_model_download": (status, [handle, text, text, text_out, error_out]),
    "maquette_model_download_bytes": (status, [handle, text, bytes_out, size_out, error_out]),
    "maquette_bytes_free": (None, [c_void_p]),
    "maquette_model_upload": (status, [handle, texts, c_int64, text_out, error_out]),
    "maquette_model_upload_bytes": (status, [handle, content, c_size_t, text_out, error_out]),
    "maquette_model_open_files": (status, [texts, c_int64, handle_out, error_out]),
    "maquette_model_open_bytes": (status, [content, c_size_t, handle_out, error_out]),
    # Synchronization
    "maquette_model_sync": (status, [handle, handle, text, text, error_out]),
    "maquette_model_unsync": (status, [handle, c_int64, error_out]),
    "maquette_model_sync_flush": (status, [handle, c_int64, error_out]),
    "maquette_model_sync_status": (handle, [handle]),
    # Batch prediction
    "maquette_batch_prediction_open": (status, [handle, text, handle_out, error_out]),
    "maquette_batch_prediction_destroy": (None, [handle]),
    "maquette_batch_prediction_predict": (status, [handle, handle, handle, batch_options, error_out]),
    "maquette_batch_prediction_wait": (status, [handle, c_int64, error_out]),
    "maquette_batch_prediction_is_running": (status, [handle, int32_out, error_out]),
    "maquette_batch_prediction_cancel": (status, [handle]),
    "maquette_batch_prediction_clear": (status, [handle, error_out]),
    "maquette_batch_prediction_count": (status, [handle, int64_out, error_out]),
    "maquette_batch_prediction_status": (handle, [handle]),
    "maquette_event_batch_status": (status, [event, batch_status, error_out]),
    "maquette_batch_prediction_results": (status, [handle, handle_out, error_out]),
    "maquette_predictions_destroy": (None, [handle]),
    "maquette_predictions_values": (status, [handle, matrix, error_out]),
    "maquette_predictions_labels": (status, [handle, codes_out, codes_out, text_out, error_out]),
    "maquette_predictions_ids": (status, [handle, characters_out, error_out]),
    "maquette_predictions_targets": (status, [handle, matrix, error_out]),
    # Metrics
    "maquette_confusion_open": (status, [handle, handle_out, error_out]),
    "maquette_confusion_create": (status, [texts, texts, c_int64, handle_out, error_out]),
    "maquette_confusion_destroy": (None, [handle]),
    "maquette_confusion_cells": (handle, [handle]),
    "maquette_confusion_accuracy": (handle, [handle]),
    "maquette_confusion_scores": (status, [handle, text_out, error_out]),
    "maquette_confusion_recount": (status, [handle, error_out]),
    "maquette_metrics_regression": (status, [matrix, matrix, regression_scores, error_out]),
    "maquette_metrics_log_loss": (status, [texts, matrix, texts, double_out, error_out]),
    # Training history
    "maquette_history_open": (status, [handle, handle_out, error_out]),
    "maquette_history_destroy": (None, [handle]),
    "maquette_history_track": (status, [handle, handle, text, text, handle_out, error_out]),
    "maquette_tracking_destroy": (None, [handle]),
    "maquette_history_flush": (status, [handle, c_int64, error_out]),
    "maquette_history_runs": (status, [handle, text, text_out, error_out]),
    "maquette_history_run": (status, [handle, text, text_out, error_out]),
    "maquette_history_compare": (status, [handle, text, text_out, error_out]),
    "maquette_history_restore": (status, [handle, text, text, handle, text_out, error_out]),
    "maquette_history_remove": (status, [handle, text, c_int32, text_out, error_out]),
    "maquette_history_changes": (handle, [handle]),
}

# ---------------------------------------------------------------------------------------------------------------------
# Finding and loading
# ---------------------------------------------------------------------------------------------------------------------


class LibraryNotFoundError(ImportError):
    """Maquette's shared library could not be found or loaded."""


def candidates() -> list[str]:
    """Where the library may be, the first that is there wins; a name without a slash is left to the loader."""
    chosen = os.environ.get("MAQUETTE_LIBRARY")
    if chosen:
        return [chosen]
    package = Path(__file__).resolve().parent
    found = [package / SONAME]
    if len(package.parents) >= 3:
        repository = package.parents[2]
        if (repository / "include" / "maquette.h").is_file():
            found.append(repository / "build" / SONAME)
    return [str(path) for path in found if path.exists()] + [SONAME]


def find_onnx_runtime() -> None:
    """Tells the library where ONNX Runtime is, if the package `onnxruntime` is installed: inside of that.

    The package is not imported, and nothing of it loaded before a model needs it. Where it is said, it stays so.
    """
    if "MAQUETTE_ONNXRUNTIME" in os.environ:
        return
    package = importlib.util.find_spec("onnxruntime")
    for folder in (package and package.submodule_search_locations) or ():
        for path in sorted(Path(folder, "capi").glob("libonnxruntime.so*")):
            os.environ["MAQUETTE_ONNXRUNTIME"] = str(path)
            return


def load() -> ctypes.CDLL:
    """Loads the library and declares its functions.

    `CDLL` and not `PyDLL`: it lets other threads run Python during a call, without which waiting for a training
    whose callbacks are Python's would never end.
    """
    failures = []
    for candidate in candidates():
        try:
            library = ctypes.CDLL(candidate)
        except OSError as error:
            failures.append(str(error))
        else:
            return declare(library, candidate)
    raise LibraryNotFoundError(
        f"Maquette's shared library {SONAME} was not found. In a checkout, build it with `make lib`; "
        f"or let the environment variable MAQUETTE_LIBRARY hold its path. Tried: {'; '.join(failures)}"
    )


def declare(library: ctypes.CDLL, path: str) -> ctypes.CDLL:
    for name, (result, arguments) in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryNotFoundError(
                f"{path} has no function {name}: it is no libmaquette, or an older one than this package needs"
            ) from None
        function.restype = result
        function.argtypes = arguments
    return library


library = load()
find_onnx_runtime()
