"""The simulation can fail: every bug that is planted here is found within some seeds.

Without one nothing is found: test_faults.py lives through the same worlds, and more of them.

Three bugs cannot be found this way, since one thread runs everything and no time passes inside a
tick: a write without the vendor's guard, a notice that is not held back until the act was tried,
and a conflict that is not read again. tests/engine and test_failsafe.py look for those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import pytest

import guardian.core.rollout.decide as decide_module
import guardian.core.rollout.desired as desired_module
import guardian.core.rollout.preconditions as gates_module
import guardian.engine.runner as charge_module
from guardian.core.judging.evaluation import Window
from guardian.core.judging.judge import judge
from guardian.core.judging.judge_state import JudgeState
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Instant, Measurement, Query
from guardian.core.plan import Plan
from guardian.core.rollout.desired import DesiredTraffic
from guardian.core.rollout.entries import (
    Entry,
    RollbackConfirmed,
    WeightConfirmed,
)
from guardian.core.rollout.invariants import InvariantBroken
from guardian.core.rollout.machine import IllegalEntry, Rollout
from guardian.core.rollout.progress import Observation
from guardian.core.traffic import Reading, Traffic
from guardian.core.verdict import Outcome, Verdict
from guardian.engine.outbox import Outbox
from guardian.engine.runner import RolloutRunner
from guardian.ports import Pending, Sent
from tests.simulation.scheduler import run
from tests.simulation.test_faults import hostile, verify

SEEDS = 150
LIMIT_S = 5 * 3600.0


def hunt(limit_s: float = LIMIT_S, *, first: int = 0) -> int | None:
    """A seed whose world shows something wrong, `first` looked at first; None when all is well."""
    worlds: list[int] = [first, *range(SEEDS)]
    for seed in worlds:
        try:
            live_through(seed, limit_s)
        except (AssertionError, InvariantBroken, IllegalEntry):
            return seed
    return None


def live_through(seed: int, limit_s: float) -> None:
    """One hostile world, from its first tick to the verdict on it."""
    world = hostile(seed)
    run(world, limit_s=limit_s)
    verify(world)


# --- bugs --------------------------------------------------------------------------------------


@contextmanager
def planted(owner: object, name: str, bug: object) -> Iterator[None]:
    """With `bug` in the place of what `owner` calls `name`."""
    before = getattr(owner, name)
    setattr(owner, name, bug)
    try:
        yield
    finally:
        setattr(owner, name, before)


_judge = judge
_write = RolloutRunner.write
_confirm = decide_module._confirm


def confirm_unread(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """A weight counts as confirmed once it was asked for."""
    if seen.tried:
        return WeightConfirmed(at=now, weight=rollout.plan.steps[rollout.step].weight)
    return _confirm(rollout, seen, now)


def silence_passes(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    window: Window,
    *,
    now: Instant,
    judge_state: JudgeState | None = None,
    beside: Ratio | Latency | None = None,
) -> tuple[Verdict, JudgeState]:
    """No data, unreadable data and too little data are as good as good data."""
    verdict, judge_state = _judge(
        criterion, measurements, window, now=now, judge_state=judge_state, beside=beside
    )
    if verdict.outcome is Outcome.FAIL:
        return verdict, judge_state
    return replace(verdict, outcome=Outcome.PASS), judge_state


def breach_unseen(*_: object) -> None:
    """A breach is nobody's business."""


def always(*_: object) -> bool:
    """Yes."""
    return True


def done_when_tried(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """A rollback is over once a write was tried."""
    del rollout
    return RollbackConfirmed(at=now, by_guardian=True, detail="") if seen.tried else None


def no_conflict(*_: object) -> None:
    """Whatever a person set is overwritten."""


def restore_the_canary(self: RolloutRunner, wanted: DesiredTraffic) -> Reading:
    """A rollback to the wrong version."""
    if wanted.traffic == self.rollout.plan.snapshot.traffic:
        wrong = Traffic(primary=self.rollout.plan.canary)
        snapshot = replace(self.rollout.plan.snapshot, traffic=wrong)
        assert self.reading is not None
        return self.router.restore(snapshot, stamp=None, after=self.reading)
    return _write(self, wanted)


def restore_a_stranger(self: RolloutRunner, wanted: DesiredTraffic) -> Reading:
    """A rollback to a version that nobody named."""
    if wanted.traffic == self.rollout.plan.snapshot.traffic:
        snapshot = replace(self.rollout.plan.snapshot, traffic=Traffic(primary="40"))
        assert self.reading is not None
        return self.router.restore(snapshot, stamp=None, after=self.reading)
    return _write(self, wanted)


def never_remembered(self: RolloutRunner, after: Rollout) -> None:
    """The state is not folded again after an entry."""


def taken_for_sent(self: Outbox, pending: Pending, result: object, now: Instant) -> Sent:
    """A notice that failed counts as delivered."""
    return Sent()


def no_unknown_versions(plan: Plan, traffic: Traffic) -> list[str]:
    """Somebody else's version is not noticed."""
    return []


def never_frozen(*_: object) -> None:
    """A freeze is nobody's business."""


def never_asked(*_: object) -> None:
    """Nobody has to agree to anything."""


def full_at_once(plan: Plan, step: int) -> Traffic:
    """Every step is everything."""
    return Traffic(primary=plan.stable, secondary=plan.canary, weight=plan.steps[-1].weight)


@dataclass(frozen=True, kw_only=True)
class Bug:
    """A bug, and where it is planted; several places when one alone is made up for elsewhere."""

    name: str
    places: tuple[tuple[object, str, object], ...] = field(repr=False)
    limit_s: float = LIMIT_S
    shown_by: int = 0
    """A world that has shown it; where it no longer does, any other one may."""

    def __str__(self) -> str:
        return self.name


BUGS = (
    Bug(
        name="freeze ignored",
        shown_by=34,
        places=((gates_module, "frozen", never_frozen), (decide_module, "frozen", never_frozen)),
    ),
    Bug(
        name="freeze of rollbacks ignored",
        shown_by=141,
        places=((decide_module, "frozen_back", never_frozen),),
    ),
    Bug(
        name="approval ignored",
        shown_by=14,
        places=(
            (gates_module, "unapproved", never_asked),
            (decide_module, "unapproved", never_asked),
        ),
    ),
    Bug(
        name="weight confirmed without reading back",
        places=((decide_module, "_confirm", confirm_unread),),
    ),
    Bug(
        name="silence counted as a pass",
        places=((charge_module, "judge", silence_passes),),
    ),
    Bug(name="bake time ignored", shown_by=12, places=((decide_module, "baked", always),)),
    Bug(name="breach ignored", places=((decide_module, "_breach", breach_unseen),)),
    Bug(
        name="rollback over when tried",
        shown_by=7,
        places=((decide_module, "_rolling_back", done_when_tried),),
    ),
    Bug(
        name="drift overwritten", shown_by=125, places=((decide_module, "_conflict", no_conflict),)
    ),
    Bug(
        name="restore to the canary",
        places=((RolloutRunner, "write", restore_the_canary),),
        limit_s=3600.0,
    ),
    Bug(
        name="restore to a stranger",
        places=((RolloutRunner, "write", restore_a_stranger),),
    ),
    Bug(
        name="state not folded again",
        places=((RolloutRunner, "advanced", never_remembered),),
        limit_s=3600.0,
    ),
    Bug(name="failed notice taken for sent", places=((Outbox, "_verdict", taken_for_sent),)),
    Bug(
        name="all traffic at the first step",
        places=((desired_module, "step_traffic", full_at_once),),
    ),
    Bug(
        name="somebody else's version overwritten",
        places=(
            (desired_module, "unknown_versions", no_unknown_versions),
            (decide_module, "unknown_versions", no_unknown_versions),
        ),
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    """Some hostile world shows the bug, and the same world is well without it."""
    with ExitStack() as stack:
        for place in bug.places:
            stack.enter_context(planted(*place))
        seed = hunt(bug.limit_s, first=bug.shown_by)
    assert seed is not None
    live_through(seed, bug.limit_s)
