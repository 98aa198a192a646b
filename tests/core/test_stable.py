"""Who is stable: by a person's word, by the records in their order, by the shape at last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.core.plan import Plan
from guardian.core.rollout.entries import Completed, StepEntered
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.rollout.stable import (
    Age,
    Contradiction,
    KnownStable,
    Sides,
    came_after,
    records,
    sides,
)
from guardian.core.traffic import FULL, Reading, Snapshot, Stamp, Traffic
from tests.core.rollouts import (
    BESIDE,
    CANARY,
    GATE,
    PLAN,
    SPLIT,
    T0,
    TEN,
    WATCH,
    confirmed,
    in_phase,
    rollout,
)

TURNED = Traffic(primary="42", secondary="41", weight=TEN)
"""The new version is the primary one."""


def test_what_is_live_can_have_followed_stable_unless_all_of_it_is_older() -> None:
    """Where nobody knows the age of a version, it can."""
    assert came_after(TURNED, "41", float)
    assert not came_after(TURNED, "43", float)
    assert came_after(TURNED, "43", None)


def done(plan: Plan = PLAN, *, at: float = 0.0) -> Rollout:
    """A rollout or watch that completed."""
    steps = enumerate(plan.steps)
    entries = [
        e for n, s in steps for e in (StepEntered(at=T0, step=n), confirmed(s.weight, at=T0))
    ]
    return rollout(*entries, Completed(at=T0 + at), plan=plan)


def taken(version: str, *, at: float = 0.0) -> Snapshot:
    """A snapshot of one version."""
    return Snapshot(
        service="agents-api",
        target=PLAN.target,
        traffic=Traffic(primary=version),
        taken_at=T0 + at,
        taken_by="bob",
    )


def who(
    traffic: Traffic,
    *past: Rollout,
    snapshot: Snapshot | None = None,
    stamp: str | None = None,
    named: str | None = None,
    age: Age | None = int,
) -> tuple[str, str | None]:
    """(live, stable) by these records."""
    found = decided(traffic, past, snapshot=snapshot, stamp=stamp, named=named, age=age)
    return found.live, None if found.stable is None else found.stable.stable


def decided(
    traffic: Traffic,
    past: Sequence[Rollout] = (),
    *,
    snapshot: Snapshot | None = None,
    stamp: str | None = None,
    named: str | None = None,
    age: Age | None = int,
) -> Sides:
    """What these records say together, an hour later."""
    left = None if stamp is None else Stamp(rollout="r-old", epoch=1, stable=stamp)
    reading = Reading(traffic=traffic, revision="1", stamp=left)
    known = records(reading, past, snapshot, now=T0 + 3600)
    return sides(traffic, known, age=age, named=named)


# --- one record ----------------------------------------------------------------------------------


@pytest.mark.parametrize("traffic", [SPLIT, TURNED], ids=str)
def test_a_record_outranks_the_position(traffic: Traffic) -> None:
    """Whichever of the two is the primary version."""
    assert who(traffic, snapshot=taken("41")) == ("42", "41")
    assert who(traffic, stamp="41") == ("42", "41")
    assert who(traffic, done()) == ("41", "42")
    assert who(traffic, done(BESIDE)) == ("42", "41")


def test_a_persons_word_outranks_every_record() -> None:
    """Also of a version that has no traffic: then the newer one of two is judged."""
    assert who(TURNED, done(), snapshot=taken("42"), named="41") == ("42", "41")
    assert who(SPLIT, named="40") == ("42", "40")
    assert who(TURNED, named="40") == ("42", "40")
    assert who(CANARY, named="41") == ("42", "41")
    assert who(CANARY, named="42") == ("42", "42")


def test_what_was_before_the_only_version_comes_from_the_newest_record() -> None:
    """A snapshot of what is live says that nothing was deployed since."""
    assert who(CANARY) == ("42", None)
    assert who(CANARY, snapshot=taken("41")) == ("42", "41")
    assert who(CANARY, done()) == ("42", "41")
    assert who(CANARY, done(WATCH)) == ("42", "41")
    assert who(CANARY, done(GATE), done()) == ("42", "41")
    assert who(CANARY, done(at=60), snapshot=taken("40")) == ("42", "41")
    assert who(CANARY, done(), snapshot=taken("42", at=60)) == ("42", "42")
    assert who(CANARY, done(), snapshot=taken("40", at=60)) == ("42", "40")


def test_the_shape_decides_where_nothing_is_known() -> None:
    """The primary version is stable, as long as it is the older one."""
    found = decided(SPLIT)
    assert found == Sides(
        live="42", stable=KnownStable(stable="41", origin="its place as the primary version")
    )
    named = Traffic(primary="blue", secondary="green", weight=TEN)
    assert who(named, age=None) == ("green", "blue")
    assert who(TURNED, age=None) == ("41", "42")
    assert who(Traffic(primary="41", secondary="42", weight=FULL)) == ("42", "41")


# --- what says nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "past",
    [
        in_phase(Phase.BAKING),
        in_phase(Phase.ROLLED_BACK),
        done(replace(PLAN, canary="39")),
        done(replace(GATE, snapshot=replace(GATE.snapshot, traffic=CANARY))),
    ],
    ids=["live", "rolled back", "of another version", "a gate"],
)
def test_what_did_not_complete_here_is_no_record(past: Rollout) -> None:
    """Nor what completed with a version that has no traffic, nor a gate's only version."""
    assert who(CANARY, past) == ("42", None)


def test_a_watch_does_not_know_what_a_third_version_followed() -> None:
    """It proved 42 against 41, and 43 has come since."""
    third = Traffic(primary="42", secondary="43", weight=TEN)
    assert decided(third, [done(WATCH)]).stable == decided(third).stable
    assert who(third, done()) == ("43", "42")


# --- contradictions ------------------------------------------------------------------------------


def contradiction(traffic: Traffic, *past: Rollout, **known: object) -> str:
    """Both readings, as a person is told."""
    with pytest.raises(Contradiction) as refused:
        decided(traffic, past, **known)  # type: ignore[arg-type] # names of its arguments
    return str(refused.value)


def test_records_that_name_different_versions_of_the_two_are_refused() -> None:
    """A newer snapshot does not settle it: 42 had completed, and has traffic."""
    said = contradiction(SPLIT, done(), snapshot=taken("41", at=60))
    assert "version 42 (rollout r-20260921-ab12cd34 completed with it)" in said
    assert "version 41 (snapshot of 2026-09-21 14:15 UTC, 1.0 hours ago, by bob)" in said
    assert who(SPLIT, done(at=60), snapshot=taken("41")) == ("41", "42")


def test_the_stamp_stands_on_the_target_and_is_never_outdated() -> None:
    """What guardian itself wrote there is held against every record."""
    said = contradiction(CANARY, snapshot=taken("40"), stamp="41")
    assert "version 41 (guardian's stamp of rollout r-old)" in said
    assert who(CANARY, snapshot=taken("41"), stamp="41") == ("42", "41")


def test_a_record_of_neither_version_is_held_against_the_shape() -> None:
    """Two deploys since the snapshot, or a snapshot of something else."""
    said = contradiction(SPLIT, snapshot=taken("40"))
    assert "by one reading that is version 40 (snapshot" in said
    assert "by another version 41 (its place as the primary version)" in said


def test_a_canary_older_than_stable_is_not_believed_for_its_place_alone() -> None:
    """A mistake there would give the newer, perhaps bad version all traffic."""
    said = contradiction(TURNED)
    assert "version 42 (its place as the primary version)" in said
    assert "version 41 (the order in which they were published)" in said
