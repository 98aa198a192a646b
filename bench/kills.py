"""`make kills`: guardian dies by kill -9 at its writes, hundreds of times; nothing may go wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from guardian.clock import SystemClock
from tests.cli.kills import KINDS, Blow, Kind, Trial, shim, spread, trial


def main() -> int:
    """Run the trials of each kind, print what is wrong as it comes, then a table; 1 if any was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300, help="over all kinds together")
    parser.add_argument("--kind", choices=[kind.name for kind in KINDS], help="only this one")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so many")
    wanted = parser.parse_args()
    kinds = [kind for kind in KINDS if wanted.kind in (None, kind.name)]
    with tempfile.TemporaryDirectory(prefix="guardian-kills-") as folder:
        library = shim(Path(folder))
        if library is None:
            print("SKIPPED: kill trials need Linux and a C compiler (cc)", file=sys.stderr)
            return 0
        clock = SystemClock()
        ends_at = clock.monotonic() + wanted.minutes * 60
        rows = []
        parts = sum(kind.weight for kind in kinds)
        for number, kind in enumerate(kinds):
            left = sum(other.weight for other in kinds[number:])
            share = (ends_at - clock.monotonic()) * kind.weight / left
            count = wanted.trials * kind.weight // parts
            rows.append(_row(kind, list(_trials(kind, library, count, share))))
    print("| what died | writes | trials | killed | once more by hand | wrong |")
    print("|---|---|---|---|---|---|")
    print("\n".join(text for text, _ in rows))
    return 1 if any(wrong for _, wrong in rows) else 0


def _trials(kind: Kind, library: Path, count: int, seconds: float) -> Iterator[Trial]:
    clock = SystemClock()
    ends_at = clock.monotonic() + seconds
    first = _one(kind, library, Blow(at=None), kind.mends[0])
    yield first
    for blow, mend in spread(first.writes, count, kind.mends):
        if clock.monotonic() >= ends_at:
            print(f"{kind.name}: time is over", flush=True)
            return
        yield _one(kind, library, blow, mend)


def _one(kind: Kind, library: Path, blow: Blow, mend: str) -> Trial:
    with tempfile.TemporaryDirectory(prefix="guardian-kill-") as folder:
        done = trial(Path(folder), library, kind, blow, mend)
    when = "after" if blow.after else "before"
    for wrong in done.wrong:
        print(f"{kind.name}, {when} write {blow.at}, then {mend}: {wrong}", flush=True)
    return done


def _row(kind: Kind, trials: list[Trial]) -> tuple[str, int]:
    """A line of the table, and how many were wrong; the first trial only counted."""
    wrong = sum(bool(t.wrong) for t in trials)
    killed = [t for t in trials if t.killed]
    again = sum(t.again and t.mend != "again" for t in killed)
    figures = (kind.name, trials[0].writes, len(trials) - 1, len(killed), again, wrong)
    return f"| {' | '.join(map(str, figures))} |", wrong


if __name__ == "__main__":
    sys.exit(main())
