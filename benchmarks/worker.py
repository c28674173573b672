"""A contender's process: prepares itself, then answers each line of its input, the number of a round, with figures.

    python -m benchmarks.worker training:maquette '{"threads": 1}'
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    # The answers have their descriptor to themselves: whatever a library prints goes to the standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, function = sys.argv[1].split(":")
    run = getattr(importlib.import_module(f"{__package__}.{module}"), function)(**json.loads(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(run(int(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
