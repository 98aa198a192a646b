"""`make kills`: guardian dies by kill -9 at its writes, hundreds of times; nothing may go wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from guardian.clock import SystemClock
from tests.cli.forks import Nursery
from tests.cli.kills import KINDS, Blow, Kind, Trial, deadly_nursery, spread, trial


def main() -> int:
    """Run the trials of each kind, print what is wrong as it comes, then a table; 1 if any was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300, help="over all kinds together")
    parser.add_argument(
        "--kind", choices=[kind.name for kind in KINDS], action="append", help="only these"
    )
    parser.add_argument("--first", type=int, default=0, help="leave out so many of each kind")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so many")
    wanted = parser.parse_args()
    kinds = [kind for kind in KINDS if wanted.kind is None or kind.name in wanted.kind]
    with (
        tempfile.TemporaryDirectory(prefix="guardian-kills-") as folder,
        deadly_nursery(Path(folder)) as forks,
    ):
        if forks is None:
            print("SKIPPED: kill trials need Linux and a C compiler (cc)", file=sys.stderr)
            return 0
        clock = SystemClock()
        ends_at = clock.monotonic() + wanted.minutes * 60
        rows = _rows(forks, kinds, wanted.first, trials=wanted.trials, ends_at=ends_at)
    print("| what died | writes | trials | killed | once more by hand | time ran out | wrong |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(text for text, _ in rows))
    return 1 if any(bad for _, bad in rows) else 0


def _rows(
    forks: Nursery, kinds: Sequence[Kind], first: int, *, trials: int, ends_at: float
) -> list[tuple[str, bool]]:
    clock, rows = SystemClock(), []
    for number, kind in enumerate(kinds):
        left = sum(other.weight for other in kinds[number:])
        share = (ends_at - clock.monotonic()) * kind.weight / left
        bench = Bench(forks, kind, ends_at=clock.monotonic() + share)
        count = -(-trials * kind.weight // sum(kind.weight for kind in kinds))
        rows.append(bench.row(first, count))
    return rows


class Bench:
    """The trials of one kind."""

    def __init__(self, forks: Nursery, kind: Kind, *, ends_at: float) -> None:
        self._forks, self._kind, self._ends_at = forks, kind, ends_at

    def row(self, first: int, count: int) -> tuple[str, bool]:
        """A line of the table, and whether any was not right; a trial before them only counts."""
        kind = self._kind
        counted = self._one(Blow(at=None), kind.mends[0])
        trials = list(self._trials(counted, first, count))
        killed = [t for t in trials if t.killed]
        again = sum(t.again and t.mend != "again" for t in killed)
        late = sum(bool(t.late) for t in trials)
        wrong = sum(bool(t.wrong) for t in [counted, *trials])
        writes = sum(counted.counts.values())
        figures = (kind.name, writes, len(trials), len(killed), again, late, wrong)
        row = f"| {' | '.join(map(str, figures))} |"
        print(f"{row}  {dict(counted.counts)}, {_places(killed)}", flush=True)
        return row, late + wrong > 0 or not writes

    def _trials(self, counted: Trial, first: int, count: int) -> Iterator[Trial]:
        clock, kind = SystemClock(), self._kind
        blows = islice(spread(counted.counts, first + count, kind.mends), first, None)
        for blow, mend in blows:
            if clock.monotonic() >= self._ends_at:
                print(f"{kind.name}: time is over", flush=True)
                return
            done = self._one(blow, mend)
            # A machine that is busy is slow, and once more it may be less so.
            yield self._one(blow, mend) if done.late and not done.wrong else done

    def _one(self, blow: Blow, mend: str) -> Trial:
        with tempfile.TemporaryDirectory(prefix="guardian-kill-") as folder:
            done = trial(Path(folder), self._forks, kind=self._kind, blow=blow, mend=mend)
        where = f"{self._kind.name}, {blow.how} {blow.place} {blow.at}, then {mend}"
        for what in (*done.wrong, *filter(None, [done.late])):
            print(f"{where}: {what}\n{done.logs}", flush=True)
        return done


def _places(killed: Sequence[Trial]) -> dict[str, int]:
    """How often it died where."""
    places = sorted({t.blow.place for t in killed})
    return {place: sum(t.blow.place == place for t in killed) for place in places}


if __name__ == "__main__":
    sys.exit(main())
