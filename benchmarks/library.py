"""The shared library itself: how large it is without OpenBLAS, and how long a program waits for it.

The size is that of the stripped file, less what the linker's map says is OpenBLAS's, see tools/library-size.py. Loading
is `dlopen` in a fresh process, with all symbols bound at once, and the first call.
"""

from __future__ import annotations

import os
import runpy
import subprocess
from pathlib import Path

from .sidebyside import ROOT, WORK, Report, Row, median, spread, time_text

LIBRARY = Path(os.environ.get("MAQUETTE_LIBRARY", ROOT / "build" / "libmaquette.so.0"))
MAP = ROOT / "build" / "libmaquette.map"
SIZE_LIMIT, LOADING_LIMIT = 12e6, 10e-3
LOADS = 20


def benchmark(rounds: int) -> Report:
    shares, size = runpy.run_path(str(ROOT / "tools" / "library-size.py"))["measured"](MAP, LIBRARY)
    openblas = shares["libopenblas.a"]
    ours = size - openblas
    seconds = loading(rounds * LOADS)
    return Report(
        "The library",
        f"{len(seconds)} fresh processes that load it, one after the other.",
        [
            Row(
                "Size, without OpenBLAS",
                f"{ours / 1e6:.1f} MB",
                f"OpenBLAS {openblas / 1e6:.1f} MB",
                None,
                f"at most {SIZE_LIMIT / 1e6:.0f} MB",
                ours <= SIZE_LIMIT,
            ),
            Row(
                "Loading, and the first call",
                spread(seconds),
                "",
                None,
                f"at most {time_text(LOADING_LIMIT)}",
                median(seconds) <= LOADING_LIMIT,
            ),
        ],
        {"size": size, "openblas": openblas, "shares": dict(shares.most_common()), "loading": seconds},
    )


def loading(times: int) -> list[float]:
    program = WORK / "load"
    source = ROOT / "benchmarks" / "load.c"
    subprocess.run(["gcc", "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", source, "-o", program, "-ldl"], check=True)
    return [int(subprocess.run([program, LIBRARY], check=True, capture_output=True).stdout) / 1e9 for _ in range(times)]
