#!/usr/bin/env python3
"""Makes the wheel for pip: the Python package with the shared library in it, for one platform and every Python 3.

    tools/wheel.py LIBRARY FOLDER

The tag says from which glibc on the library can be loaded: the latest version it asks for. auditwheel says the same.
"""

from __future__ import annotations

import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINDING = ROOT / "bindings" / "python"


def main() -> None:
    library, folder = Path(sys.argv[1]), Path(sys.argv[2])
    tag = f"manylinux_2_{newest_glibc(library)}_{platform.machine()}"
    with tempfile.TemporaryDirectory() as name:
        # A copy, so that no checkout ever finds a library between the modules.
        copy = Path(name, "maquette")
        shutil.copytree(
            BINDING, copy, ignore=shutil.ignore_patterns("tests", "build", "*.egg-info", "__pycache__", "*.so*", ".*")
        )
        shutil.copy(library, copy / "maquette" / "libmaquette.so.0")
        shutil.copy(ROOT / "LICENSE", copy / "LICENSE")
        # OpenBLAS is inside, and its licence asks to be shown.
        shutil.copy(glob.glob("/usr/share/doc/libopenblas*/copyright")[0], copy / "LICENSE.OpenBLAS")
        for old in folder.glob("maquette-*.whl"):
            old.unlink()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--wheel-dir",
                folder,
                copy,
            ],
            env={**os.environ, "MAQUETTE_WHEEL_PLATFORM": tag},
            check=True,
        )
    for wheel in folder.glob("maquette-*.whl"):
        print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")


def newest_glibc(library: Path) -> int:
    """The minor version of the newest function of glibc's that the library asks for."""
    symbols = subprocess.run(["objdump", "-T", library], check=True, capture_output=True, text=True).stdout
    return max(int(minor) for minor in re.findall(r"\bGLIBC_2\.(\d+)", symbols))


if __name__ == "__main__":
    main()
