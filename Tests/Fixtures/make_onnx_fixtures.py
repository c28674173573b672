"""Makes onnx/*.onnx: small networks as PyTorch's and scikit-learn's exporters write them, with what they predict.

    pip install torch onnx onnxscript onnxruntime scikit-learn skl2onnx && python make_onnx_fixtures.py

`expected.json` has of each file the rows, what ONNX Runtime predicts from them, and the labels.
"""

import json
import pathlib
import warnings

import numpy
import onnx
import onnxruntime
import torch
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "onnx"
FOLDER.mkdir(exist_ok=True)
warnings.filterwarnings("ignore")
torch.manual_seed(1)
generator = numpy.random.default_rng(1)
X = generator.normal(size=(40, 4)).astype("f4")
y = generator.integers(0, 3, 40)
expected = {}


def clean(name):
    """Without what an exporter tells about the machine it ran on."""
    model = onnx.load(FOLDER / f"{name}.onnx")
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    del model.graph.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(model, FOLDER / f"{name}.onnx")


def record(name, rows, output, labels=None, kind="mlp-classifier"):
    session = onnxruntime.InferenceSession(FOLDER / f"{name}.onnx")
    (predictions,) = session.run([output], {session.get_inputs()[0].name: rows})
    if isinstance(predictions, list):
        predictions = numpy.array([list(row.values()) for row in predictions])
    expected[name] = {
        "kind": kind,
        "rows": rows.reshape(len(rows), -1).tolist(),
        # Of several outputs, skl2onnx gives one below the other.
        "predictions": predictions.astype(float).reshape(len(rows), -1).tolist(),
        "labels": labels,
    }


def from_torch(name, module, rows, kind="mlp-classifier", **options):
    names = {"input_names": ["rows"], "output_names": ["out"]}
    if options["dynamo"]:
        axes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False}
    else:
        axes = {"dynamic_axes": {"rows": {0: "batch"}, "out": {0: "batch"}}}
    torch.onnx.export(module.eval(), (torch.tensor(rows[:2]),), FOLDER / f"{name}.onnx", **names, **axes, **options)
    clean(name)
    record(name, rows, "out", kind=kind)


def from_sklearn(name, model, output, labels=None, kind="mlp-classifier", **options):
    (FOLDER / f"{name}.onnx").write_bytes(to_onnx(model, X[:1], **options).SerializeToString())
    record(name, X[:5], output, labels, kind)


class MatMul(nn.Module):
    """Products and sums by themselves, as older exporters write a layer on more than one axis."""

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.randn(4, 6))
        self.shift = nn.Parameter(torch.randn(6))
        self.second = nn.Parameter(torch.randn(6, 2))

    def forward(self, rows):
        return torch.matmul(torch.tanh(torch.matmul((rows - 0.5) / 2, self.first) + self.shift), self.second) * 3


def dense(*, softmax=False, activation=nn.ReLU):
    layers = [nn.Flatten(), nn.Linear(4, 6), activation(), nn.Dropout(0.5), nn.Identity(), nn.Linear(6, 3)]
    return nn.Sequential(*layers, *([nn.Softmax(dim=1)] if softmax else []))


for exporter in (False, True):
    suffix = "dynamo" if exporter else "script"
    from_torch(f"torch-softmax-{suffix}", dense(softmax=True), X[:5], dynamo=exporter)
    from_torch(f"torch-logits-{suffix}", dense(activation=nn.Tanh), X[:5], dynamo=exporter)
    from_torch(f"torch-matmul-{suffix}", MatMul(), X[:5], kind="mlp-regressor", dynamo=exporter)
    sigmoids = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid())
    from_torch(f"torch-sigmoid-{suffix}", sigmoids, X[:5], kind="mlp-regressor", dynamo=exporter)
images = X[:20].reshape(5, 1, 4, 4)
flat = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Softmax(dim=-1))
from_torch("torch-images-script", flat, images, dynamo=False)
convolution = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3), nn.Softmax(dim=-1))
from_torch("torch-convolution", convolution, images, kind="onnx-model", dynamo=False)

few = {"max_iter": 30, "random_state": 1}
names = numpy.array(["ant", "bee", "cat"])
from_sklearn("sklearn-integers", MLPClassifier((5,), **few).fit(X, y), "output_probability", ["0", "1", "2"])
scaled = make_pipeline(StandardScaler(), MLPClassifier((5, 4), activation="tanh", **few)).fit(X * 3 + 100, names[y])
from_sklearn("sklearn-scaled", scaled, "probabilities", list(names), options={"zipmap": False})
two = MLPClassifier((5,), activation="logistic", **few).fit(X, names[y % 2])
from_sklearn("sklearn-binary", two, "output_probability", ["ant", "bee"])
both = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(5, 3), **few)).fit(X, X[:, :2] * 2)
from_sklearn("sklearn-regressor", both, "variable", kind="mlp-regressor")
linear = MLPRegressor(hidden_layer_sizes=(5,), activation="identity", **few).fit(X, X[:, 0])
from_sklearn("sklearn-identity", linear, "variable", kind="mlp-regressor", target_opset=13)

(FOLDER / "expected.json").write_text(json.dumps(expected))
