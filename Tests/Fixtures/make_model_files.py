"""Writes models/: small files of models in each format, and what they predict.

    make lib && .venv/bin/python Tests/Fixtures/make_model_files.py

`models/1` has what Maquette itself writes, in version 1 of its container: it is never written again, so that files of
today can be read for ever; a later version gets a folder of its own. `models/others` has what other programs write, put
together here from NumPy's random numbers, with predictions that NumPy computes.
"""

import json
import pathlib
import struct
import sys

import numpy as np

folder = pathlib.Path(__file__).parent / "models"
random = np.random.default_rng(5)


def rounded(array):
    return np.asarray(array, dtype=np.float64).round(7).tolist()


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------------------------------------------------------------
# What Maquette writes
# ---------------------------------------------------------------------------------------------------------------------

rows = (np.eye(3, 4, dtype=np.float32)[np.arange(24) % 3] * 3 + random.normal(size=(24, 4))).astype("f4").round(2)
labels = [("left", "right", "up \N{UPWARDS ARROW}")[row % 3] for row in range(24)]
queries = (random.normal(size=(6, 4)) * 2).astype("f4").round(2)


def write_own():
    import maquette

    target = folder / "1"
    target.mkdir(parents=True)
    short = {
        "mlp-classifier": {"layers": [3], "epochs": 4, "activation": "tanh", "standardize": True, "seed": 1},
        "mlp-regressor": {"units": [3, 2], "epochs": 4, "seed": 1},
        "knn-classifier": {"k": 4},
        "knn-regressor": {"k": 2, "metric": "euclidean", "weights": "distance"},
        "kmeans-clustering": {"k": 2, "seed": 1},
        "pca": {"n_components": 3},
        "umap": {"epochs": 10, "n_neighbors": 4, "seed": 1},
    }
    expected = {"queries": rounded(queries), "models": []}
    for kind, parameters in short.items():
        model = maquette.Model(kind, **parameters)
        regression = model.task == "regression"
        model.fit(rows, rows[:, :2] * 2 - 1 if regression else labels)
        # A single prediction says all that each kind does, as JSON.
        answers = predictions(model)
        for name in ("safetensors", "marcelle", "tfjs"):
            try:
                paths = model.download(
                    target / f"{kind}-{name}.{'safetensors' if name == 'safetensors' else 'json'}",
                    format=name,
                    metadata={"note": "golden"},
                )
            except maquette.UnsupportedError:
                continue
            expected["models"].append(
                {
                    "kind": kind,
                    "files": [pathlib.Path(path).name for path in paths],
                    "predictions": answers,
                    "parameters": {model._names[name]: value for name, value in model.parameters.items()},
                }
            )
    (target / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def predictions(model):
    match model.task:
        case "classification":
            return rounded(model.predict_proba(queries))
        case "clustering":
            return rounded([model.predict(row).confidences for row in queries])
        case _:
            return rounded(np.asarray(model.predict(queries)).reshape(len(queries), -1))


# ---------------------------------------------------------------------------------------------------------------------
# What others write
# ---------------------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "softmax": softmax,
}


def network(widths, activations):
    """Random layers: (kernel, bias, activation) each."""
    return [
        (random.normal(size=(one, other)).astype("f4").round(2), random.normal(size=other).astype("f4").round(2), name)
        for one, other, name in zip(widths, widths[1:], activations)
    ]


def answers(layers, x=queries):
    x = x.astype(np.float64)
    for kernel, bias, activation in layers:
        x = FUNCTIONS[activation](x @ kernel + bias)
    return x


def dense(name, layer, **more):
    kernel, _, activation = layer
    config = {
        "name": name,
        "trainable": True,
        "units": kernel.shape[1],
        "activation": activation,
        "use_bias": True,
        "dtype": "float32",
        "kernel_initializer": {"class_name": "GlorotNormal", "config": {"seed": None}},
    }
    return {"class_name": "Dense", "config": config | more}


def entries(names, layers, dtype="f4"):
    """The manifest's weights and their bytes."""
    weights, content = [], b""
    for name, (kernel, bias, _) in zip(names, layers):
        for part, values in (("kernel", kernel), ("bias", bias)):
            entry = {"name": f"{name}/{part}", "shape": list(values.shape), "dtype": "float32"}
            if dtype == "f2":
                entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
                content += values.astype("<f2").tobytes()
            elif dtype in ("u1", "u2"):
                steps = 255 if dtype == "u1" else 65535
                low = float(values.min())
                scale = (float(values.max()) - low) / steps or 1.0
                entry["quantization"] = {
                    "min": low,
                    "scale": scale,
                    "dtype": "uint8" if dtype == "u1" else "uint16",
                    "original_dtype": "float32",
                }
                content += ((values - low) / scale).round().astype("<" + dtype).tobytes()
            else:
                content += values.astype("<f4").tobytes()
            weights.append(entry)
    return weights, content


def stored(layers, dtype):
    """The layers as they are after the numbers were written in fewer bits."""

    def back(values):
        if dtype == "f2":
            return values.astype("f2").astype("f8")
        steps = 255 if dtype == "u1" else 65535
        low = float(values.min())
        scale = (float(values.max()) - low) / steps or 1.0
        return ((values - low) / scale).round() * scale + low

    return [(back(kernel), back(bias), activation) for kernel, bias, activation in layers]


def write_others():
    target = folder / "others"
    target.mkdir(parents=True, exist_ok=True)
    expected = []

    def add(kind, files, layers, labels=None, predictions=None):
        for name, content in files.items():
            (target / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        expected.append(
            {
                "kind": kind,
                "files": list(files),
                "labels": labels,
                "predictions": rounded(answers(layers) if predictions is None else predictions),
            }
        )

    def manifest(paths, weights):
        return [{"paths": paths, "weights": weights}]

    # Marcelle's, as it downloads it: no format, labels in a member of its own.
    layers = network([4, 5, 3], ["relu", "softmax"])
    names = ["dense_Dense1", "dense_Dense2"]
    weights, content = entries(names, layers)
    sequential = [dense(names[0], layers[0], batch_input_shape=[None, 4]), dense(names[1], layers[1])]
    add(
        "mlp-classifier",
        {
            "marcelle.json": {
                "modelTopology": {
                    "class_name": "Sequential",
                    "config": {"name": "sequential_1", "layers": sequential},
                    "keras_version": "tfjs-layers 3.19.0",
                    "backend": "tensor_flow.js",
                },
                "weightsManifest": manifest(["./marcelle.weights.bin"], weights),
                "marcelle": {
                    "type": "tfjs-model",
                    "tfjsModelFormat": "layers-model",
                    "name": "mlp-classifier",
                    "labels": ["a", "b", "c"],
                },
            },
            "marcelle.weights.bin": content,
        },
        layers,
        ["a", "b", "c"],
    )

    # Marcelle's regressor: an input layer first, a bare array of layers.
    layers = network([4, 5, 2], ["relu", "linear"])
    weights, content = entries(names, layers)
    first = {
        "class_name": "InputLayer",
        "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "input_1"},
    }
    add(
        "mlp-regressor",
        {
            "bare.json": {
                "modelTopology": {
                    "class_name": "Sequential",
                    "config": [first, dense(names[0], layers[0]), dense(names[1], layers[1])],
                },
                "weightsManifest": manifest(["./bare.weights.bin"], weights),
            },
            "bare.weights.bin": content,
        },
        layers,
    )

    # Teachable Machine's head: labels in metadata.json; shards, a cut inside of a tensor; dropout; the optimizer's weights.
    layers = network([4, 6, 3], ["relu", "softmax"])
    weights, content = entries(names, layers)
    weights += [
        {"name": "iterations", "shape": [], "dtype": "int32", "group": "optimizer"},
        {"name": "m/kernel", "shape": [2], "dtype": "float32", "group": "optimizer"},
    ]
    content += struct.pack("<iff", 7, 0.5, 0.25)
    dropout = {"class_name": "Dropout", "config": {"name": "dropout", "rate": 0.5}}
    add(
        "mlp-classifier",
        {
            "model.json": {
                "format": "layers-model",
                "modelTopology": {
                    "class_name": "Sequential",
                    "config": {
                        "name": "s",
                        "layers": [
                            dense(names[0], layers[0], batch_input_shape=[None, 4]),
                            dropout,
                            dense(names[1], layers[1]),
                        ],
                    },
                },
                "weightsManifest": manifest(
                    ["group1-shard1of3.bin", "group1-shard2of3.bin", "group1-shard3of3.bin"], weights
                ),
            },
            "group1-shard1of3.bin": content[:50],
            "group1-shard2of3.bin": content[50:51],
            "group1-shard3of3.bin": content[51:],
            "metadata.json": {"tfjsVersion": "1.3.1", "labels": ["one", "two", "three"], "userMetadata": {}},
        },
        layers,
        ["one", "two", "three"],
    )

    # Keras' own, converted: the model in a member, a functional chain, an activation apart, no bias in one layer.
    layers = network([4, 4, 3, 2], ["tanh", "sigmoid", "linear"])
    layers[1] = (layers[1][0], np.zeros(3, "f4"), "sigmoid")
    names = ["first", "second", "third"]
    weights, content = entries(names, layers)
    content = content.replace(layers[1][1].astype("<f4").tobytes(), b"", 1)
    weights = [entry for entry in weights if entry["name"] != "second/bias"]
    chain = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 4], "name": "x"},
            "inbound_nodes": [],
            "name": "x",
        }
    ]
    for name, layer in zip(names, layers):
        entry = dense(name, layer)
        if name == "first":
            entry["config"]["activation"] = "linear"
        if name == "second":
            entry["config"]["use_bias"] = False
        chain.append(entry | {"name": name, "inbound_nodes": [[[chain[-1]["name"], 0, 0, {}]]]})
        if name == "first":
            chain.append(
                {
                    "class_name": "Activation",
                    "config": {"name": "tanh", "activation": "tanh"},
                    "name": "tanh",
                    "inbound_nodes": [[["first", 0, 0, {}]]],
                }
            )
    add(
        "mlp-regressor",
        {
            "keras.json": {
                "format": "layers-model",
                "modelTopology": {
                    "keras_version": "2.4.0",
                    "model_config": {
                        "class_name": "Functional",
                        "config": {
                            "name": "model",
                            "layers": chain,
                            "input_layers": [["x", 0, 0]],
                            "output_layers": [["third", 0, 0]],
                        },
                    },
                },
                "weightsManifest": manifest(["keras.bin"], weights),
            },
            "keras.bin": content,
        },
        layers,
    )

    # Numbers of 16 and 8 bits.
    for dtype, name in (("f2", "float16"), ("u2", "uint16"), ("u1", "uint8")):
        layers = network([4, 5, 3], ["relu", "softmax"])
        weights, content = entries(names[:2], layers, dtype)
        add(
            "mlp-classifier",
            {
                f"{name}.json": {
                    "format": "layers-model",
                    "modelTopology": {
                        "class_name": "Sequential",
                        "config": {
                            "name": "s",
                            "layers": [
                                dense(names[0], layers[0], batch_input_shape=[None, 4]),
                                dense(names[1], layers[1]),
                            ],
                        },
                    },
                    "weightsManifest": manifest([f"{name}.bin"], weights),
                },
                f"{name}.bin": content,
            },
            stored(layers, dtype),
            ["0", "1", "2"],
        )

    # One sigmoid that tells two classes apart.
    layers = network([4, 3, 1], ["relu", "sigmoid"])
    weights, content = entries(names[:2], layers)
    share = answers(layers)
    add(
        "mlp-classifier",
        {
            "binary.json": {
                "format": "layers-model",
                "modelTopology": {
                    "class_name": "Sequential",
                    "config": {
                        "name": "s",
                        "layers": [dense(names[0], layers[0], batch_input_shape=[None, 4]), dense(names[1], layers[1])],
                    },
                },
                "weightsManifest": manifest(["binary.bin"], weights),
            },
            "binary.bin": content,
        },
        layers,
        ["0", "1"],
        np.hstack([1 - share, share]),
    )

    # Marcelle's JSON.
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    data = {
        label: [row.tolist() for row, given in zip(unit.astype("f8"), labels) if given == label]
        for label in dict.fromkeys(labels)
    }
    order = np.argsort(-(queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ unit.T, axis=1, kind="stable")[
        :, :3
    ]
    votes = [[sum(labels[row] == label for row in nearest) / 3 for label in data] for nearest in order]
    add(
        "knn-classifier",
        {
            "marcelle-knn.json": {
                "name": "knn-classifier",
                "files": [],
                "format": "knn-classifier",
                "metadata": {"labels": list(data), "data": data},
            }
        },
        None,
        list(data),
        votes,
    )

    def memberships(centers):
        squares = ((queries[:, None].astype("f8") - centers[None]) ** 2).sum(axis=2)
        return (1 / squares) / (1 / squares).sum(axis=1, keepdims=True)

    centers = random.normal(size=(2, 4)).round(3)
    add(
        "kmeans-clustering",
        {
            "marcelle-kmeans.json": {
                "name": "kmeans",
                "files": [],
                "format": "ml-kmeans",
                "metadata": {"clusters": [0, 1, 1, 0], "centers": centers.tolist()},
            }
        },
        None,
        None,
        memberships(centers),
    )

    centered = rows.astype("f8") - rows.mean(axis=0, dtype="f8")
    _, s, vt = np.linalg.svd(centered, full_matrices=False)
    scores = (queries - rows.mean(axis=0, dtype="f8")) @ vt.T
    add(
        "pca",
        {
            "marcelle-pca.json": {
                "name": "pca",
                "files": [],
                "format": "ml-pca",
                "metadata": {
                    "PCAModel": {
                        "name": "PCA",
                        "center": True,
                        "scale": False,
                        "means": rows.mean(axis=0, dtype="f8").tolist(),
                        "stdevs": None,
                        "U": vt.T.tolist(),
                        "S": (s**2 / (len(rows) - 1)).tolist(),
                        "excludedFeatures": [],
                    }
                },
            }
        },
        None,
        None,
        scores[:, :2],
    )

    # FluCoMa's dumps.
    numbers = {"linear": 0, "sigmoid": 1, "relu": 2, "tanh": 3}

    def dump(layers):
        return {
            "layers": [
                {
                    "weights": kernel.tolist(),
                    "biases": bias.tolist(),
                    "activation": numbers[activation],
                    "rows": kernel.shape[0],
                    "cols": kernel.shape[1],
                }
                for kernel, bias, activation in layers
            ]
        }

    layers = network([4, 5, 2], ["tanh", "linear"])
    add("mlp-regressor", {"flucoma-mlpregressor.json": dump(layers)}, layers)
    layers = network([4, 5, 3], ["sigmoid", "sigmoid"])
    logits = answers([layers[0], (*layers[1][:2], "linear")])
    add(
        "mlp-classifier",
        {
            "flucoma-mlpclassifier.json": {
                "labels": {"cols": 1, "rows": 3, "labels": ["kick", "snare", "hat"]},
                "mlp": dump(layers),
            }
        },
        None,
        ["kick", "snare", "hat"],
        softmax(logits),
    )
    add(
        "kmeans-clustering",
        {"flucoma-kmeans.json": {"cols": 4, "rows": 2, "means": centers.tolist()}},
        None,
        None,
        memberships(centers),
    )
    add(
        "pca",
        {
            "flucoma-pca.json": {
                "bases": vt.T[:, :3].tolist(),
                "values": s[:3].tolist(),
                "mean": rows.mean(axis=0, dtype="f8").tolist(),
                "numpoints": len(rows),
                "rows": 4,
                "cols": 3,
            }
        },
        None,
        None,
        scores[:, :3],
    )
    (target / "flucoma-dataset.json").write_text(
        json.dumps({"cols": 4, "data": {f"point-{row}": rows[row].astype("f8").round(2).tolist() for row in range(5)}})
    )

    (target / "expected.json").write_text(
        json.dumps({"queries": rounded(queries), "models": expected}, indent=1) + "\n"
    )


write_others()
if not (folder / "1").exists() and "--others" not in sys.argv:
    write_own()
