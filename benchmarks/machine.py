"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

PACKAGES = ["numpy", "scikit-learn", "torch", "jax", "jaxlib", "onnxruntime", "faiss-cpu", "umap-learn"]


def facts() -> dict[str, Any]:
    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
        "system": platform.system() + " " + platform.release(),
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }


def maquette():
    """What Maquette's library says of itself."""
    import maquette

    return lambda _: maquette.build_info()


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def markdown(machine: dict[str, Any], library: dict[str, Any]) -> str:
    names = [f"{name} {machine[name]}" for name in PACKAGES]
    return "\n".join(
        [
            "# Maquette beside its peers",
            "",
            f"{machine['processor']}, {machine['processors']} processors, {machine['system']}, load "
            f"{machine['load before']} before the start; Python {machine['python']}, {', '.join(names)}.",
            "",
            f"Maquette {library['version']} ({library['commit']}), kernels {library['kernels']}, "
            f"SQLite {library['sqlite']}.",
        ]
    )
