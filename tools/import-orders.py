#!/usr/bin/env python3
"""Imports Maquette beside other packages in every order, each in a process of its own, and has all of them compute.

    tools/import-orders.py numpy scipy sklearn torch …

Run by the Python that has them. Two runtimes of OpenMP, two copies of OpenBLAS or another C++ runtime in one process
would show: as a crash, a hang, or a wrong result.
"""

from __future__ import annotations

import itertools
import subprocess
import sys

#: What shows that a package works: multiplies matrices, mostly, on its own threads.
USES = {
    "maquette": """
model = maquette.MLPClassifier(layers=[8], epochs=60, learning_rate=0.05, seed=1)
model.fit([[0.0], [0.1], [5.0], [5.1]] * 10, list("aabb") * 10)
assert model.predict([[0.0], [5.0]]).tolist() == ["a", "b"]""",
    "numpy": "import numpy\nassert (numpy.ones((300, 300)) @ numpy.ones((300, 300)) == 300).all()",
    "scipy": "import numpy, scipy.linalg\nassert abs(scipy.linalg.det(numpy.eye(200) * 1.5) - 1.5**200) < 1e20",
    "sklearn": """
import numpy, sklearn.cluster
assert len(set(sklearn.cluster.KMeans(2, n_init=1, random_state=0).fit_predict(numpy.arange(400.0)[:, None]))) == 2""",
    "torch": "assert (torch.ones(300, 300) @ torch.ones(300, 300) == 300).all()",
}


def main() -> int:
    packages = sys.argv[1:]
    unknown = [package for package in packages if package not in USES]
    if unknown or not packages:
        print(__doc__ if not packages else f"nothing is known to do with {', '.join(unknown)}", file=sys.stderr)
        return 2
    failed = 0
    for order in itertools.permutations(["maquette", *packages]):
        uses = [USES[package].strip() for package in order]
        code = "\n".join([f"import {', '.join(order)}", *uses, *reversed(uses)])
        try:
            run = subprocess.run(
                [sys.executable, "-X", "faulthandler", "-c", code], stderr=subprocess.PIPE, text=True, timeout=300
            )
            failure = run.stderr if run.returncode else ""
        except subprocess.TimeoutExpired:
            failure = "it hangs"
        print(f"  {'FAIL' if failure else 'ok  '} {', '.join(order)}", flush=True)
        if failure:
            print(failure, file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
