"""Processes that share a model, for the tests of several stores."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from conftest import PATIENCE, start

MEMBER = """
import hashlib
digits = Digits()
store = maquette.Store(sys.argv[1])
model = maquette.Model(sys.argv[2]).sync(store, "shared")
print("ready", flush=True)
for line in sys.stdin:
    if line.startswith("train"):
        seed = int(line.split()[1])
        rows = numpy.random.default_rng(seed).choice(len(digits.X), 100)
        model.fit(digits.X[rows], digits.y[rows])
        model.flush_sync(20)
    try:
        known = hashlib.sha256(model.predict_proba(digits.X_test[:20]).tobytes()).hexdigest()
    except maquette.NotTrainedError:
        known = "nothing"
    print(known, flush=True)
"""


class Member:
    """A process that has the model, too."""

    def __init__(self, location: str, kind: str) -> None:
        self.process: subprocess.Popen[str] = start(MEMBER, location, kind, stdin=subprocess.PIPE)
        self.out: Any = self.process.stdout
        assert self.out.readline() == "ready\n"

    def ask(self, line: str) -> str:
        assert self.process.stdin
        print(line, file=self.process.stdin, flush=True)
        answer: str = self.out.readline()
        return answer.strip()

    def end(self) -> None:
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert (self.process.returncode, errors) == (0, "")


def until(condition: Any) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def share(location: str, kind: str, rounds: int) -> None:
    """Three processes train in turn, and after each training all predict alike."""
    members = [Member(location, kind) for _ in range(3)]
    assert members[0].ask("know") == "nothing"
    for round in range(rounds):
        expected = members[round % 3].ask(f"train {round}")
        for member in members:
            assert until(lambda member=member, expected=expected: member.ask("know") == expected), round
    for member in members:
        member.end()
