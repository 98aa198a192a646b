"""A guardian process that dies at a write: a handful of the trials of `make kills`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.forks import Nursery
from tests.cli.kills import HOWS, KINDS, Blow, deadly_nursery, spread, trial

BLOWS = [
    ("rollback", Blow(at=60, place="journal", how="torn"), "daemon"),
    ("rollback", Blow(at=1, place="shift", how="after"), "again"),
    ("rollback", Blow(at=3, place="shift"), "recover"),
    ("rollout", Blow(at=4, place="shift", how="torn"), "again"),
    ("watch", Blow(at=2, place="shift", how="after"), "daemon"),
    ("order", Blow(at=4, place="journal", how="after"), "again"),
]


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where the processes come from."""
    with deadly_nursery(tmp_path_factory.mktemp("nursery")) as found:
        if found is None:
            pytest.skip("needs Linux and a C compiler (cc)")
        yield found


@pytest.mark.parametrize(("name", "blow", "mend"), BLOWS)
def test_whoever_goes_on_puts_traffic_back(
    tmp_path: Path, forks: Nursery, name: str, blow: Blow, mend: str
) -> None:
    """Nothing is recorded as healthy that is not, and traffic ends on stable."""
    kind = next(kind for kind in KINDS if kind.name == name)
    done = trial(tmp_path, forks, kind=kind, blow=blow, mend=mend)
    assert (done.killed, done.wrong, done.late) == (True, (), ""), done.logs


def test_blows_fall_everywhere() -> None:
    """Over all writes of each place, with no gap, in each manner, with each way to go on."""
    mends = ("daemon", "again")
    found = list(spread({"journal": 300, "shift": 4, "say": 0}, 120, mends))
    places = sorted(blow.at or 0 for blow, _ in found if blow.place == "journal")
    assert places[0] <= 10
    assert places[-1] > 290
    assert max(b - a for a, b in pairwise(places)) <= 10
    assert {blow.at for blow, _ in found if blow.place == "shift"} == {1, 2, 3, 4}
    assert {(blow.place, blow.how, mend) for blow, mend in found} == {
        (place, how, mend) for place in ("journal", "shift") for how in HOWS for mend in mends
    }
