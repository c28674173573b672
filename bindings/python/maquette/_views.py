"""What each kind of object shows in a notebook: its `_repr_html_`.

A view is cheap and never fails: it reads a few instances and what a training has found out, not all rows, and of an
object that is closed, or changes meanwhile, it shows what it can.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy

from ._arrays import Array
from ._errors import MaquetteError
from ._html import Markup, bar, box, chips, details, faint, features, heat, numbers, row, shares, table
from ._svg import COLOURS, Curve, curves, escape, image, ordered, scatter, shortened, square_of
from ._text import snake_case

if TYPE_CHECKING:
    from ._batch import BatchPrediction, Predictions
    from ._dataset import Dataset
    from ._documents import Page
    from ._history import Comparison, Run, TrainingHistory
    from ._metrics import ConfusionMatrix
    from ._models import Model
    from ._prediction import ClusterPrediction, Prediction
    from ._schema import Schema
    from ._service import Service
    from ._training import TrainingStatus, TrainingStream

Viewed = TypeVar("Viewed")

#: What a training measures, in the order of the pictures.
MEASURES = ("loss", "accuracy", "mean_absolute_error")
#: Instances of a dataset, and of a page.
DATASET_ROWS, PAGE_ROWS = 5, 20
#: Labels, clusters or components with a bar each.
BARS = 12
#: Runs of a history.
RUNS = 15
#: Labels of a confusion matrix, and predictions of a batch.
MATRIX_LABELS, PREDICTIONS = 20, 10
#: Confidences of one prediction.
CONFIDENCES = 5
#: Rows of which what was found out is still read: clusters, an embedding.
MANY_ROWS = 100_000
#: Fields of an instance that are shown elsewhere, or not at all.
USUAL_FIELDS = {"id", "x", "y", "thumbnail", "createdAt", "updatedAt", "datasetName"}
MORE_FIELDS = 4
#: Fields of a document that are shown.
DOCUMENT_FIELDS = 6


def view(function: Callable[[Viewed], str]) -> Callable[[Viewed], str]:
    """Shows the one line of `repr` where the object can't be read: a closed one, a store that is gone."""

    @functools.wraps(function)
    def shown(viewed: Viewed) -> str:
        try:
            return function(viewed)
        except MaquetteError:
            return box("", repr(viewed))

    return shown


# Trainings


def panels(named: Mapping[str, Curve]) -> Markup:
    """The curves of a training, a picture for each measure: `loss` with `loss_val`, and so on."""
    pictures = []
    for title, trained, validated in grouped(named).values():
        lines = {"training": trained, "validation": validated}
        pictures.append(curves(title, {name: line for name, line in lines.items() if line is not None}))
    return row(*map(Markup, pictures))


def grouped(named: Mapping[str, Any]) -> dict[str, tuple[str, Any, Any]]:
    """Measures with a title for people, their values on the training rows, and on the validation rows."""
    # The known ones first, in their order, and then what else there may be.
    there = dict.fromkeys(name.removesuffix("_val") for name in named)
    measures = [measure for measure in MEASURES if measure in there]
    measures += [measure for measure in there if measure not in MEASURES]
    return {
        measure: (measure.replace("_", " "), named.get(measure), named.get(f"{measure}_val")) for measure in measures
    }


def _progress_of(status: TrainingStatus) -> str:
    if status.status not in ("start", "epoch") or not status.epochs:
        return ""
    return bar((status.epoch or 0) / status.epochs, width=320)


def _embedding(points: Any, title: str = "") -> Markup:
    return Markup(scatter(points, title=title, size=280))


@view
def status_html(status: TrainingStatus) -> str:
    parts: list[str] = [_progress_of(status), panels(status.curves) if status.curves else ""]
    if status.matrix is not None and status.matrix.ndim == 2 and status.matrix.shape[1] == 2:
        parts.append(_embedding(status.matrix))
    return box("Training", status.summary, *parts)


@view
def stream_html(stream: TrainingStream) -> str:
    return status_html(stream.value)


# Models


@view
def model_html(model: Model) -> str:
    if model.closed:
        return box(model._title(), "closed")
    status = model.training.value
    parts: list[str] = [_progress_of(status)]
    if status.status == "epoch":
        parts.append(", ".join(status.figures()))
    parts.append(panels(status.curves) if status.curves else "")
    if model.is_trained:
        parts += _found_out(model)
    described = {parameter["name"]: parameter for parameter in model._description["parameters"]}
    rows = []
    for name, value in model.parameters.items():
        parameter = described[model._names[name]]
        text = json.dumps(value, ensure_ascii=False)
        is_usual = value == parameter["default"]
        shown = faint(shortened(text)) if is_usual else shortened(text)
        rows.append((name, shown, faint(parameter.get("description", ""))))
    parts.append(details("parameters", table((), rows)))
    return box(model._title(), model._state(), *parts)


def _found_out(model: Model) -> list[str]:
    """What the training has found out beside the curves: labels, clusters, components, an embedding."""
    if model.task == "classification":
        return [chips(model.labels)]
    attributes = model.attributes
    if "embedding" in attributes:
        rows, dimensions = model._attribute_shape("embedding")
        return [_embedding(model.attribute("embedding"))] if dimensions == 2 and rows <= MANY_ROWS else []
    if "explainedVarianceRatio" in attributes:
        ratios = model.attribute("explainedVarianceRatio")[0].tolist()
        named = [(f"component {number}", ratio, f"{ratio:.1%}") for number, ratio in enumerate(ratios[:BARS])]
        return [faint("share of the variance"), shares(named)]
    if "centers" in attributes:
        return [_clusters(model)]
    return []


def _clusters(model: Model) -> Markup:
    """The first clusters: their sizes, if the training rows are known, and centers."""
    centers = model.attribute("centers")
    sizes = None
    if "clusters" in model.attributes and 0 < model._attribute_shape("clusters")[0] <= MANY_ROWS:
        sizes = numpy.bincount(model.attribute("clusters")[:, 0].astype(int), minlength=len(centers))
    rows = []
    for cluster, center in enumerate(centers[:BARS]):
        square = square_of(center)
        place = numbers(center.tolist()) if square is None else _image(square)
        size = (
            ("", "") if sizes is None else (bar(sizes[cluster] / max(sizes.max(), 1), width=100), int(sizes[cluster]))
        )
        rows.append((cluster, *size, place))
    more = faint(f"and {len(centers) - BARS} more clusters") if len(centers) > BARS else ""
    return Markup(table(("cluster", "", "" if sizes is None else "rows", "center"), rows, right=(0, 2)) + more)


def _image(square: Any) -> Markup:
    return features({"thumbnail": image(square)})


# Runs


@view
def run_html(run: Run) -> str:
    logs = {snake_case(name): values for name, values in run.logs.items()}
    parts: list[str] = []
    if run.is_running and run.epochs:
        parts.append(bar((run.epoch or 0) / run.epochs, width=320))
    if run.error:
        parts.append(run.error)
    parts.append(panels(logs))
    rows = [(name, shortened(json.dumps(value, ensure_ascii=False))) for name, value in run.parameters.items()]
    parts.append(details("parameters", table((), rows)) if rows else "")
    if run.checkpoints:
        parts.append(faint(f"saved as {', '.join(shortened(saved.name) for saved in run.checkpoints[-3:])}"))
    return box(f"Run {run.name}", _run_state(run), *parts)


def _run_state(run: Run) -> str:
    epochs = "" if run.epoch is None else f", epoch {run.epoch}" + (f"/{run.epochs}" if run.epochs else "")
    return f"{run.source}, {run.status}{epochs}"


@view
def history_html(history: TrainingHistory) -> str:
    """The last runs, without their curves: each run shows its own."""
    if history.closed:
        return box("Training history", "closed")
    last = history.runs(sort="-start", limit=RUNS)
    rows = []
    for run in last:
        figures = [f"{_measure_title(name)} {values[-1]:.4g}" for name, values in run.logs.items() if len(values)]
        start = "" if run.start is None else f"{run.start:%Y-%m-%d %H:%M:%S}"
        epochs = "" if run.epoch is None else f"{run.epoch}/{run.epochs or '?'}"
        rows.append((run.name, run.source, run.status, epochs, ", ".join(figures), faint(start)))
    parts: list[str] = [table(("run", "kind", "status", "epochs", "", "started (UTC)"), rows)] if rows else []
    if len(last) == RUNS:
        parts.append(faint(f"the last {RUNS}"))
    return box("Training history", f"in {history.store.location}", *parts)


@view
def comparison_html(comparison: Comparison) -> str:
    """A column for each run, in the colour of its lines."""
    marks = [
        Markup(f'<span style="color:{COLOURS[number % len(COLOURS)]}">●</span> {escape(shortened(run.name, 24))}')
        for number, run in enumerate(comparison.runs)
    ]
    rows: list[Sequence[Any]] = [
        (name, *(shortened(json.dumps(value, ensure_ascii=False), 24) for value in values))
        for name, values in comparison.parameters.items()
    ]
    for name, bests in comparison.best.items():
        shown = ["" if best is None else f"{best[0]:.4g} (epoch {best[1]})" for best in bests]
        rows.append((f"best {_measure_title(name)}", *shown))
    pictures = []
    for name, values in comparison.logs.items():
        lines = {str(number): line for number, line in enumerate(values)}
        pictures.append(Markup(curves(_measure_title(name), lines, legend=False)))
    return box("Comparison", f"of {len(comparison.runs)} runs", table(("", *marks), rows), row(*pictures))


def _measure_title(name: str) -> str:
    """`lossVal` → `validation loss`."""
    title = snake_case(name)
    base = title.removesuffix("_val")
    return ("validation " if base != title else "") + base.replace("_", " ")


# Data


@view
def dataset_html(dataset: Dataset) -> str:
    if dataset.closed:
        return box(f"Dataset {dataset.name}", "closed")
    count = dataset.count()
    first = dataset.find(limit=DATASET_ROWS)
    counted = dataset._label_counts()
    parts: list[str] = []
    if counted:
        greatest = sorted(counted.items(), key=lambda item: -item[1])[:BARS] if len(counted) > BARS else counted.items()
        most = max(counted.values())
        parts.append(shares((label, number / most, str(number)) for label, number in greatest))
        if len(counted) > BARS:
            parts.append(faint(f"and {len(counted) - BARS} labels more"))
    if first:
        parts.append(instances(first))
        if count > len(first):
            parts.append(faint(f"and {count - len(first)} instances more"))
    return box(f"Dataset {dataset.name}", dataset._state(count, counted), *parts)


@view
def service_html(service: Service) -> str:
    if service.closed:
        return box(service._title(), "closed")
    first = service.find(limit=DATASET_ROWS)
    parts: list[str] = [documents(first)] if first else []
    if first.total > len(first):
        parts.append(faint(f"and {first.total - len(first)} documents more"))
    return box(service._title(), service._state(first.total), *parts)


@view
def page_html(page: Page) -> str:
    shown = documents if page._noun == "documents" else instances
    parts: list[str] = [shown(page[:PAGE_ROWS])] if page else []
    if len(page) > PAGE_ROWS:
        parts.append(faint(f"and {len(page) - PAGE_ROWS} more on this page"))
    return box("Page", page._state(), *parts)


def instances(found: Sequence[Mapping[str, Any]]) -> Markup:
    """Instances as a table: features, label, and the first fields of one's own."""
    own = [name for instance in found for name in instance if name not in USUAL_FIELDS]
    names = list(dict.fromkeys(own))[:MORE_FIELDS]
    rows = []
    for instance in found:
        fields = [instance.get(name) for name in names]
        rows.append(
            (
                features(instance),
                _value(instance.get("y")),
                *map(_value, fields),
                faint(str(instance.get("id", ""))),
            )
        )
    return table(("x", "y", *(shortened(name, 20) for name in names), "id"), rows)


def documents(found: Sequence[Mapping[str, Any]]) -> Markup:
    """Documents as a table: their first fields, and when each was changed."""
    own = [name for document in found for name in document if name not in ("id", "createdAt", "updatedAt")]
    names = list(dict.fromkeys(own))[:DOCUMENT_FIELDS]
    rows = [
        (
            *(_value(document.get(name)) for name in names),
            faint(str(document.get("updatedAt", ""))),
            faint(str(document.get("id", ""))),
        )
        for document in found
    ]
    return table((*(shortened(name, 20) for name in names), "updated", "id"), rows)


def _value(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return shortened(value)
        case list():
            return numbers(value)
        case _:
            return shortened(json.dumps(value, ensure_ascii=False, default=str))


# Predictions of many rows


def in_order(labels: Sequence[str], counts: Array) -> tuple[list[str], Array]:
    """The labels of a matrix in the order people expect, and the counts with them."""
    names = ordered(labels)
    places = [labels.index(name) for name in names]
    return names, counts[numpy.ix_(places, places)]


@view
def confusion_html(confusion: ConfusionMatrix) -> str:
    if confusion.closed:
        return box("Confusion matrix", "closed")
    labels, counts = in_order(confusion.labels, confusion.matrix)
    total, right = int(counts.sum()), int(counts.trace())
    state = f"{total} rows, accuracy {right / total:.1%}" if total else "no rows"
    shown, more = _greatest(labels, counts)
    names, part = [labels[place] for place in shown], counts[numpy.ix_(shown, shown)]
    return box("Confusion matrix", state, heat(part.tolist(), names) if names else "", faint(more) if more else "")


def _greatest(labels: list[str], counts: Array) -> tuple[Array, str]:
    """The places of the labels with the most rows, and a word about those that are left out."""
    if len(labels) <= MATRIX_LABELS:
        return numpy.arange(len(labels)), ""
    rows = counts.sum(axis=1) + counts.sum(axis=0)
    shown = numpy.sort(numpy.argsort(-rows, kind="stable")[:MATRIX_LABELS])
    return shown, f"and {len(labels) - MATRIX_LABELS} labels more, which have fewer rows"


def confusion_text(confusion: ConfusionMatrix) -> str:
    """The matrix as text: rows are the labels, columns what was predicted."""
    labels, counts = in_order(confusion.labels, confusion.matrix)
    shown, more = _greatest(labels, counts)
    names = [shortened(labels[place], 12) for place in shown]
    width = max([3, *map(len, names), len(str(counts.max(initial=0)))])
    first = max([4, *map(len, names)])
    lines = [
        " " * (first + 2) + "predicted",
        "true".rjust(first) + " " + "".join(f" {name:>{width}}" for name in names),
    ]
    for name, line in zip(names, counts[numpy.ix_(shown, shown)].tolist(), strict=True):
        lines.append(f"{name:>{first}} " + "".join(f" {count or '.':>{width}}" for count in line))
    return "\n".join([*lines, more] if more else lines)


@view
def batch_html(batch: BatchPrediction) -> str:
    if batch.closed:
        return box(batch._title(), "closed")
    status, count = batch.status.value, batch.count()
    state = f"{status.summary}, {count} prediction{'' if count == 1 else 's'} in {batch.store.location}"
    total = status.total if status.status in ("start", "running") else None
    return box(batch._title(), state, bar((status.count or 0) / total, width=320) if total else "")


@view
def predictions_html(predictions: Predictions) -> str:
    """The first of them, beside what is true."""
    head = ["true", "predicted", "id"]
    rows = []
    for number in range(min(len(predictions), PREDICTIONS)):
        if predictions.labels is not None:
            answer = _value(predictions.labels[number])
        elif predictions.clusters is not None:
            answer = str(predictions.clusters[number])
        else:
            answer = _figures(predictions.values, number)
        true = predictions.y_true
        truth = _figures(true, number) if true.dtype.kind == "f" else _value(true[number])
        rows.append((truth, answer, faint(str(predictions.ids[number]))))
    more = faint(f"and {len(predictions) - PREDICTIONS} more") if len(predictions) > PREDICTIONS else ""
    return box("Predictions", repr(predictions).strip("<>").partition(": ")[2], table(head, rows) if rows else "", more)


def _figures(values: Any, number: int) -> str:
    value = values[number].tolist()
    return numbers(value if isinstance(value, list) else [value])


# Answers and descriptions


@view
def prediction_html(prediction: Prediction) -> str:
    likely = sorted(prediction.confidences.items(), key=lambda item: -item[1])
    named = [(label, share, f"{share:.1%}") for label, share in likely[:CONFIDENCES]]
    more = faint(f"and {len(likely) - CONFIDENCES} labels more") if len(likely) > CONFIDENCES else ""
    return box(shortened(prediction.label), "predicted", shares(named), more)


@view
def cluster_prediction_html(prediction: ClusterPrediction) -> str:
    likely = sorted(enumerate(prediction.confidences), key=lambda item: -item[1])
    named = [(f"cluster {number}", share, f"{share:.1%}") for number, share in likely[:CONFIDENCES]]
    more = faint(f"and {len(likely) - CONFIDENCES} clusters more") if len(likely) > CONFIDENCES else ""
    return box(f"Cluster {prediction.cluster}", "predicted", shares(named), more)


@view
def schema_html(schema: Schema) -> str:
    head = ("parameter", "default", "values", "")
    rows = [(name, default, values, faint(sentence)) for name, default, values, sentence in schema.rows()]
    return box(str(schema["kind"]), str(schema["description"]), table(head, rows))
