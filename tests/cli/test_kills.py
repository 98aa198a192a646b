"""A guardian process that dies at a write: a handful of the trials of `make kills`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.kills import KINDS, Blow, shim, spread, trial

BLOWS = [
    ("rollback", 60, "daemon"),
    ("rollback", 75, "again"),
    ("rollback", 90, "recover"),
    ("rollout", 160, "again"),
    ("watch", 110, "daemon"),
    ("order", 6, "again"),
]


@pytest.mark.parametrize(("name", "at", "mend"), BLOWS)
def test_whoever_goes_on_puts_traffic_back(tmp_path: Path, name: str, at: int, mend: str) -> None:
    """Nothing is recorded as healthy that is not, and traffic ends on stable."""
    library = shim(tmp_path)
    if library is None:
        pytest.skip("needs Linux and a C compiler (cc)")
    kind = next(kind for kind in KINDS if kind.name == name)
    stage = tmp_path / "stage"
    stage.mkdir()
    done = trial(stage, library, kind, Blow(at=at, after=True), mend)
    assert (done.killed, done.wrong) == (True, ())


def test_blows_fall_everywhere() -> None:
    """Over all writes, with no gap, before and after, with each way to go on."""
    mends = ("daemon", "again")
    found = list(spread(300, 60, mends))
    places = sorted(blow.at or 0 for blow, _ in found)
    assert places[0] <= 10
    assert places[-1] > 290
    assert max(b - a for a, b in pairwise(places)) <= 10
    assert {(blow.after, mend) for blow, mend in found} == {
        (after, mend) for after in (False, True) for mend in mends
    }
