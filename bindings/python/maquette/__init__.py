"""Interactive machine learning inside your program.

>>> import maquette
>>> store = maquette.Store("sqlite:digits.db")
>>> digits = store.dataset("digits")
>>> digits.append(X, y)
>>> model = maquette.MLPClassifier(layers=[64, 32], epochs=20)
>>> model.fit(digits, progress=True)
>>> model.predict(row).label
'3'
>>> model.save(store, "digits")

Training runs on a thread of its own: `model.train(digits)` returns at once, `model.training` is a stream of what it
does, and `model.predict` goes on answering. All of it may be used from any thread.
"""

from . import metrics
from ._batch import BatchPrediction, BatchStatus, BatchStream, Predictions
from ._dataset import Dataset, Selection, View
from ._documents import Documents, Items, Page
from ._errors import (
    BadFormatError,
    BadHandleError,
    BadJSONError,
    BadParameterError,
    BadShapeError,
    BadTextError,
    BusyError,
    CancelledError,
    ClosedError,
    ConflictError,
    DivergedError,
    ForkedError,
    FullError,
    InternalError,
    InvalidArgumentError,
    LockedError,
    MaquetteError,
    NoRowsError,
    NotAStoreError,
    NotFiniteError,
    NotFoundError,
    NotHeldError,
    NotTrainedError,
    OneLabelError,
    OutOfMemoryError,
    ReadOnlyError,
    ReentrantError,
    StoreIOError,
    UnknownKindError,
    UnknownParameterError,
    UnsupportedError,
    WaitTimeoutError,
)
from ._history import Checkpoint, Comparison, Run, Tracking, TrainingHistory
from ._kinds import (
    PCA,
    UMAP,
    KMeans,
    KNNClassifier,
    KNNRegressor,
    MLPClassifier,
    MLPRegressor,
    ONNXModel,
    from_bytes,
    load_model,
)
from ._library import LibraryNotFoundError
from ._log import build_info, set_log, set_threads, threads, version
from ._metrics import ConfusionMatrix, Score
from ._models import Model, kinds, schema
from ._prediction import ClusterPrediction, Prediction, Predictor
from ._scatter import Scatter
from ._schema import Schema
from ._service import Service
from ._store import Store
from ._streams import Queue, Stream, Subscription
from ._training import TrainingStatus, TrainingStream

__all__ = [
    "PCA",
    "UMAP",
    "BadFormatError",
    "BadHandleError",
    "BadJSONError",
    "BadParameterError",
    "BadShapeError",
    "BadTextError",
    "BatchPrediction",
    "BatchStatus",
    "BatchStream",
    "BusyError",
    "CancelledError",
    "Checkpoint",
    "ClosedError",
    "ClusterPrediction",
    "Comparison",
    "ConflictError",
    "ConfusionMatrix",
    "Dataset",
    "DivergedError",
    "Documents",
    "ForkedError",
    "FullError",
    "InternalError",
    "InvalidArgumentError",
    "Items",
    "KMeans",
    "KNNClassifier",
    "KNNRegressor",
    "LibraryNotFoundError",
    "LockedError",
    "MLPClassifier",
    "MLPRegressor",
    "MaquetteError",
    "Model",
    "NoRowsError",
    "NotAStoreError",
    "NotFiniteError",
    "NotFoundError",
    "NotHeldError",
    "NotTrainedError",
    "ONNXModel",
    "OneLabelError",
    "OutOfMemoryError",
    "Page",
    "Prediction",
    "Predictions",
    "Predictor",
    "Queue",
    "ReadOnlyError",
    "ReentrantError",
    "Run",
    "Scatter",
    "Schema",
    "Score",
    "Selection",
    "Service",
    "Store",
    "StoreIOError",
    "Stream",
    "Subscription",
    "Tracking",
    "TrainingHistory",
    "TrainingStatus",
    "TrainingStream",
    "UnknownKindError",
    "UnknownParameterError",
    "UnsupportedError",
    "View",
    "WaitTimeoutError",
    "build_info",
    "from_bytes",
    "kinds",
    "load_model",
    "metrics",
    "schema",
    "set_log",
    "set_threads",
    "threads",
    "version",
]

__version__ = "0.1.0"
