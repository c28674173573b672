"""Runs the benchmarks: a table in Markdown to the standard output, all figures to build/benchmarks/results.json.

    python -m benchmarks [training] [networks] [prediction] [datasets] [neighbours] … [--rounds 5] [--check]
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys

from . import machine
from .sidebyside import WORK, once

NAMES = [
    "library", "training", "networks", "prediction", "datasets", "stores", "batch", "neighbours", "clusters", "components",
    "embedding", "changes",
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(NAMES)}; all unless given")
    parser.add_argument("--rounds", type=int, default=5, help="how often every contender has its turn (5)")
    parser.add_argument("--check", action="store_true", help="end with status 1 if a target is missed")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown or arguments.rounds < 1:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}" if unknown else "at least one round")

    WORK.mkdir(parents=True, exist_ok=True)
    here, library = machine.facts(), once("machine:maquette")
    print(machine.markdown(here, library), flush=True)
    reports = []
    for name in arguments.names or NAMES:
        made = importlib.import_module(f"{__package__}.{name}").benchmark(arguments.rounds)
        for report in made if isinstance(made, list) else [made]:
            print(f"\n{report.markdown()}", flush=True)
            reports.append(report)

    results = {"machine": here, "maquette": library, "reports": [dataclasses.asdict(report) for report in reports]}
    (WORK / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    missed = [row.what for report in reports for row in report.rows if row.met is False]
    if missed:
        print(f"\nMissed: {'; '.join(missed)}.")
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
