"""`make mutants`: small faults put into a copy of a room, one at a time; which no test notices.

A survivor is one that no test notices: none of the room's own, and none that drives the room. The
seed makes a sample that can be drawn again; each module is in it, and those that judge with more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.mutating import Mutant, sample
from bench.noticing import Room, noticed, warm, watched

ROOT = Path(__file__).parent.parent
CORE = Room(
    name="core",
    tests=("tests/core", "--ignore=tests/core/test_false_rollbacks.py"),
    last=("tests/core/test_false_rollbacks.py",),
)
COMMANDS = tuple(f"tests/cli/test_{name}.py" for name in ("orders", "output", "status"))
ENGINE = Room(name="engine", tests=("tests/engine", *COMMANDS), last=("tests/simulation",))
EQUAL = {
    "core/codec.py: 40  ->  80": "how much of a wrong time an error shows",
    "engine/supervisor.py: 300  ->  600": "how much of a bug's text a log shows",
}
"""Mutants that nobody can notice, and why."""


def survivors(copy: Path, room: Room, drawn: list[Mutant]) -> Iterator[Mutant]:
    """Those that no test notices, as they are found."""
    seen = watched(copy, room)
    for mutant in drawn:
        if not noticed(copy, room, seen, mutant):
            yield mutant


def main() -> None:
    """Sample, judge, and print what survives; exit code 1 where something does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, default=60, help="mutants of guardian/core")
    parser.add_argument("--engine", type=int, default=40, help="mutants of guardian/engine")
    parser.add_argument("--seed", type=int, default=1, help="another one draws another sample")
    parser.add_argument("--module", default="*", help="of this module only: session")
    asked = parser.parse_args()
    os.nice(10)
    warm()
    lived = 0
    with tempfile.TemporaryDirectory(prefix="guardian-mutants-") as folder:
        copy = Path(folder).resolve() / "tree"
        unused = shutil.ignore_patterns(".*", "__pycache__", "node_modules")
        shutil.copytree(ROOT, copy, ignore=unused)
        for room, number in ((CORE, asked.core), (ENGINE, asked.engine)):
            paths = sorted((copy / "guardian" / room.name).rglob(f"{asked.module}.py"))
            drawn = [m for m in sample(paths, number, asked.seed) if m.name not in EQUAL]
            found = 0
            for mutant in survivors(copy, room, drawn) if drawn else ():
                found += 1
                place = f"{mutant.path.relative_to(copy)}:{mutant.lines.start}"
                print(f"survives: {place}: {mutant.change}", flush=True)
            if drawn:
                print(f"guardian/{room.name}: {len(drawn) - found} of {len(drawn)} noticed")
            lived += found
    raise SystemExit(1 if lived else 0)


if __name__ == "__main__":
    main()
