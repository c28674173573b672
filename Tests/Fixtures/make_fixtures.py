"""Writes scikit-learn.json: what scikit-learn answers, for the tests to compare with.

    pip install scikit-learn && python Tests/Fixtures/make_fixtures.py

Run again only to add a case: the tests hold the committed file to be right.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_fscore_support,
    r2_score,
)
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier


def rounded(array):
    return np.asarray(array, dtype=np.float64).round(7).tolist()


random = np.random.default_rng(7)
middles = random.normal(size=(3, 6)) * 1.5
codes = random.integers(0, 3, size=90)
rows = (middles[codes] + random.normal(size=(90, 6))).astype(np.float32).round(3)
labels = [f"class {code}" for code in codes]
queries = (random.normal(size=(25, 6)) * 2).astype(np.float32).round(3)
queries[:5] = rows[:5]  # places of rows: distance zero

neighbours = []
for metric in ("cosine", "euclidean", "manhattan"):
    for weights in ("uniform", "distance"):
        for k in (1, 3, 10):
            model = KNeighborsClassifier(k, metric=metric, weights=weights, algorithm="brute").fit(
                rows.astype(np.float64), labels
            )
            neighbours.append(
                {
                    "metric": metric,
                    "weights": weights,
                    "k": k,
                    "labels": model.classes_.tolist(),
                    "confidences": rounded(model.predict_proba(queries.astype(np.float64))),
                }
            )

targets = np.stack([rows[:, 0] * rows[:, 1], rows[:, 2]], axis=1).round(4)
regressions = [
    {
        "metric": metric,
        "weights": weights,
        "predictions": rounded(
            KNeighborsRegressor(4, metric=metric, weights=weights, algorithm="brute")
            .fit(rows.astype(np.float64), targets)
            .predict(queries.astype(np.float64))
        ),
    }
    for metric in ("cosine", "euclidean", "manhattan")
    for weights in ("uniform", "distance")
]

clustering = KMeans(4, init=rows[[0, 20, 40, 60]], n_init=1, tol=0, algorithm="lloyd").fit(rows)
components = []
for whiten in (False, True):
    pca = PCA(3, whiten=whiten, svd_solver="full").fit(rows.astype(np.float64))
    # Ours point to where their largest weight is positive.
    signs = np.sign(pca.components_[range(3), abs(pca.components_).argmax(axis=1)])
    components.append(
        {
            "whiten": whiten,
            "components": rounded(pca.components_ * signs[:, None]),
            "explainedVariance": rounded(pca.explained_variance_),
            "explainedVarianceRatio": rounded(pca.explained_variance_ratio_),
            "scores": rounded(pca.transform(queries.astype(np.float64)) * signs),
            "inverse": rounded(pca.inverse_transform(pca.transform(queries.astype(np.float64)))),
        }
    )

network = MLPClassifier((7, 4), max_iter=60, random_state=1).fit(rows, labels)


def classification(truth, predicted):
    """The figures of two columns of labels; what they are of goes with them."""
    names = sorted(set(truth) | set(predicted))

    def scores(average, **options):
        found = precision_recall_fscore_support(truth, predicted, average=average, zero_division=0, **options)
        return rounded([0 if figure is None else figure for figure in found[:3]])

    return {
        "truth": truth,
        "predicted": predicted,
        "labels": names,
        "matrix": confusion_matrix(truth, predicted, labels=names).tolist(),
        "accuracy": accuracy_score(truth, predicted),
        "scores": scores(None, labels=names),
        "macro": scores("macro"),
        "weighted": scores("weighted"),
    }


def losses(truth, confidences, names):
    return {
        "truth": truth,
        "confidences": confidences.tolist(),
        "labels": names,
        "loss": float(log_loss(truth, confidences, labels=names)),
    }


def errors(truth, predicted, digits=5):
    # No more digits than are written down.
    truth, predicted = truth.round(digits), predicted.round(digits)
    return {
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "meanAbsoluteError": float(mean_absolute_error(truth, predicted)),
        "meanSquaredError": float(mean_squared_error(truth, predicted)),
        "r2": float(r2_score(truth, predicted)),
    }


names = ["a", "b", "c", "d"]
truth = [names[code] for code in random.integers(0, 4, size=200)]
guesses = [name if random.random() < 0.6 else names[random.integers(0, 4)] for name in truth]
confidences = random.dirichlet([0.4] * 4, size=50).astype(np.float32)
confidences[0], confidences[1] = [1, 0, 0, 0], [0, 0, 0, 1]
confidences /= confidences.sum(axis=1, keepdims=True)
numbers = random.normal(size=(60, 1)) * 3 + 10
several = random.normal(size=(40, 3)) * [1, 10, 100]
constant = np.full((20, 1), 4.0)
metrics = {
    "classifications": [
        classification(truth, guesses),
        # Labels that are never predicted, and never true; a row that is rejected.
        classification(["a", "a", "b", "c", "c", "c"], ["a", "b", "b", "none", "b", "d"]),
        classification(["a", "b"], ["b", "a"]),
        classification(["only", "only"], ["only", "only"]),
    ],
    "losses": [
        losses(truth[:50], confidences, names),
        losses(["b", "a", "b"], np.asarray([[0.2, 0.8], [0.6, 0.4], [1, 0]], np.float32), ["a", "b"]),
    ],
    "regressions": [
        errors(numbers, numbers + random.normal(size=numbers.shape)),
        errors(several, several * 0.9 + random.normal(size=several.shape)),
        errors(constant, constant + random.normal(size=constant.shape)),
        errors(constant, constant),
        errors(numbers + 1e6, numbers + 1e6 + random.normal(size=numbers.shape), digits=1),
    ],
}

fixture = {
    "made with": f"scikit-learn {sklearn.__version__}",
    "rows": rows.tolist(),
    "labels": labels,
    "queries": queries.tolist(),
    "neighbours": neighbours,
    "targets": rounded(targets),
    "regressions": regressions,
    "clustering": {
        "start": rows[[0, 20, 40, 60]].tolist(),
        "centers": rounded(clustering.cluster_centers_),
        "clusters": clustering.labels_.tolist(),
        "inertia": float(clustering.inertia_),
    },
    "components": components,
    "network": {
        "kernels": [np.asarray(kernel, np.float32).tolist() for kernel in network.coefs_],
        "biases": [np.asarray(bias, np.float32).tolist() for bias in network.intercepts_],
        "labels": network.classes_.tolist(),
        "confidences": rounded(network.predict_proba(queries)),
    },
    "metrics": metrics,
}


def shortened(value):
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, list):
        return [shortened(element) for element in value]
    if isinstance(value, dict):
        return {name: shortened(member) for name, member in value.items()}
    return value


target = pathlib.Path(__file__).with_name("scikit-learn.json")
target.write_text(json.dumps(shortened(fixture), separators=(",", ":")) + "\n")
print(target, target.stat().st_size, "bytes")
