"""Trains and predicts with the package that was installed, and with nothing else."""

import sys
from pathlib import Path

import maquette

here = Path(maquette.__file__).resolve()
assert here.is_relative_to(Path(sys.prefix).resolve()), here
loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libmaquette" in line}
assert loaded == {str(here.parent / "libmaquette.so.0")}, loaded
store = maquette.Store("memory:")
points = store.dataset("points")
points.append([[0.0, 0.0], [0.0, 0.1], [5.0, 5.0], [5.0, 5.1]] * 10, ["near", "near", "far", "far"] * 10)
model = maquette.MLPClassifier(layers=[8], epochs=60, learning_rate=0.05, seed=1).fit(points)
assert model.predict([[0.0, 0.05], [5.0, 5.05]]).tolist() == ["near", "far"]
print(f"trained and predicted with {loaded.pop()}")
