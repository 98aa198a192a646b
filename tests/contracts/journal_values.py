"""What journal tests are fed with: a clock set by hand, sample values, and strategies for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from guardian.core.judging.kinds import KINDS
from guardian.core.measure import Measure
from guardian.core.model import Instant, Word, Words
from guardian.core.notices import Event, Notice, Page, Severity
from guardian.core.plan import Drive, Plan, Policy
from guardian.core.rollout.entries import (
    Approved,
    Cancelled,
    Cause,
    Completed,
    Entry,
    Freeze,
    GateFailed,
    Held,
    HoldReason,
    Order,
    OrderKind,
    PrimaryConfirmed,
    PromotionStuck,
    Resumed,
    Retired,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    Sighted,
    StepEntered,
    Superseded,
    TrafficSeen,
    Waived,
    Warned,
    WayBackSeen,
    WeightConfirmed,
)
from guardian.core.status import Look
from guardian.core.traffic import Snapshot, Step, Traffic, WayBack, Weight
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.ports import Outgoing
from tests.core.builders import FIVE_PERCENT, share

START: Final = 1_795_462_200.0
"""2026-11-23T19:30:00.000Z."""
TARGET: Final = "lambda_alias:333333333333:us-east-1:agents-api:live"


@dataclass(slots=True)
class ManualClock:
    """A clock that only tests move."""

    wall: Instant = START
    uptime: float = 1000.0
    on_sleep: Callable[[], object] = field(default=lambda: None)
    """What others do while somebody waits."""

    def now(self) -> Instant:
        """The wall clock."""
        return self.wall

    def monotonic(self) -> float:
        """The clock that never jumps."""
        return self.uptime

    def real_s(self, wall_s: float) -> float:
        """One to one."""
        return wall_s

    def sleep(self, real_s: float) -> None:
        """Whoever waits moves it."""
        self.pass_s(real_s)
        self.on_sleep()

    def pass_s(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.wall = round(self.wall + seconds, 3)
        self.uptime += seconds

    def jump_s(self, seconds: float) -> None:
        """Set the wall clock by so much; the other one does not notice."""
        self.wall = round(self.wall + seconds, 3)


@dataclass(slots=True)
class CountedRandom:
    """No surprises: the same numbers in every process, as the worst luck would have it."""

    drawn: int = 0

    def uniform(self) -> float:
        """Always the middle."""
        return 0.5

    def token(self) -> str:
        """Eight characters: how many were drawn."""
        self.drawn += 1
        return f"{self.drawn:08d}"


# --- samples -----------------------------------------------------------------------------------

TRAFFIC: Final = Traffic(primary="41", secondary="42", weight=Weight.percent(10))
VERDICT: Final = Verdict(
    criterion="error-rate",
    outcome=Outcome.FAIL,
    evidence=Evidence(
        limit=FIVE_PERCENT, value=share(0.091), bad=91, samples=1000, window_end=START + 60
    ),
    why="91 of 1000 requests failed",
)


def snapshot(service: str = "agents-api", *, taken_at: Instant = START) -> Snapshot:
    """What stable was."""
    return Snapshot(
        service=service,
        target=TARGET,
        traffic=Traffic(primary="41"),
        taken_at=taken_at,
        taken_by="ada",
        detail={"description": "früher 前"},
    )


def plan(rollout: str, *, target: str = TARGET, service: str = "agents-api") -> Plan:
    """A plan of two steps."""
    return Plan(
        rollout=rollout,
        service=service,
        environment="production",
        target=target,
        drive=Drive.ROLLOUT,
        stable="41",
        canary="42",
        found=TRAFFIC,
        snapshot=snapshot(service),
        restores=True,
        steps=(
            Step(weight=Weight.percent(10), bake_s=600.0, max_bake_s=1800.0),
            Step(weight=Weight.percent(100), bake_s=600.0, max_bake_s=1800.0),
        ),
        criteria=(),
        policy=Policy(),
        actor="ada",
    )


def started(
    rollout: str, *, at: Instant = START, target: str = TARGET, service: str = "agents-api"
) -> RolloutStarted:
    """A rollout's first entry."""
    return RolloutStarted(at=at, plan=plan(rollout, target=target, service=service))


LATER: Final[tuple[Entry, ...]] = (
    StepEntered(at=START + 1, step=0, verdicts=(VERDICT,), actor="ada", overridden=("p95",)),
    WeightConfirmed(at=START + 1.001, weight=Weight.percent(12.5)),
    Held(at=START + 2, why=HoldReason.BLIND, detail="nothing seen", verdicts=(VERDICT,)),
    Sighted(at=START + 2.5),
    Resumed(at=START + 3, detail="seen again", actor="ada"),
    RollbackStarted(at=START + 4, cause=Cause.BREACH, detail="9.1%", verdicts=(VERDICT,)),
    RollbackStuck(at=START + 64, level=1, detail="60 s"),
    RollbackConfirmed(at=START + 70, by_guardian=True, detail="41 100%"),
    GateFailed(at=START + 5, detail="9.1%", verdicts=(VERDICT,)),
    Completed(at=START + 6, verdicts=(VERDICT,), unproven=("p95",), overridden=()),
    PrimaryConfirmed(at=START + 7),
    Cancelled(at=START + 8, detail="not today", actor="ada"),
    Superseded(at=START + 9, detail="version 43 was deployed"),
    Retired(at=START + 10, detail="24 h are over"),
    Approved(at=START + 11, step=1, actor="ada", detail="looks good"),
    Waived(at=START + 12, criterion="p95", actor="ada", detail="known"),
    Warned(at=START + 13, about=("cpu",), detail="81%", verdicts=(VERDICT,)),
    WayBackSeen(at=START + 13.5, found=WayBack(problem="version 41 is gone", older="40")),
    PromotionStuck(at=START + 66, detail="42 10%"),
    TrafficSeen(
        at=START + 14,
        traffic=Traffic(primary="41", secondary="42", weight=Weight.percent(20)),
    ),
)
"""One of each kind that can follow the first entry."""

HOLD: Final = Held(at=START + 2, why=HoldReason.PERSON, detail="wait")


def notice(rollout: str, seq: int = 1, *, title: str = "held") -> Notice:
    """Something to tell."""
    return Notice(
        event=Event.HELD,
        at=START + seq,
        rollout=rollout,
        seq=seq,
        service="agents-api",
        environment="production",
        stable="41",
        canary="42",
        phase="held",
        weight=Weight.percent(10),
        step=1,
        steps=2,
        title=title,
        did="held",
        verdicts=(VERDICT,),
        pages=(Page(key=f"guardian/production/agents-api/{rollout}/b", severity=Severity.ERROR),),
    )


def outgoing(rollout: str, *seqs: int, receiver: str = "slack") -> list[Outgoing]:
    """Notices of one rollout on one receiver."""
    return [Outgoing(receiver=receiver, notice=notice(rollout, seq)) for seq in seqs]


def order(id_: str, rollout: str, *, at: Instant = START) -> Order:
    """What a person asks."""
    return Order(
        id=id_,
        rollout=rollout,
        kind=OrderKind.PROMOTE,
        actor="ada",
        reason="looks good",
        at=at,
        expect_step=1,
    )


def freeze(scope: str, *, until: Instant = START + 3600, rollbacks_too: bool = False) -> Freeze:
    """Advances are stopped."""
    return Freeze(
        scope=scope,
        until=until,
        actor="ada",
        reason="the sale",
        at=START,
        rollbacks_too=rollbacks_too,
    )


def look(rollout: str, *, at: Instant = START) -> Look:
    """What somebody saw who judges."""
    evidence = Evidence(limit=FIVE_PERCENT, value=share(0.05), bad=3, samples=60)
    verdict = Verdict(
        criterion="error-rate", outcome=Outcome.PASS, evidence=evidence, why="5.0%, within 5%"
    )
    return Look(rollout=rollout, at=at, waiting_for="the next step", verdicts=(verdict,))


# --- strategies --------------------------------------------------------------------------------

WORDS: Final = ("dimensions", "metric", "namespace", "query", "stat")
_SCALARS: Final[dict[Any, st.SearchStrategy[Any]]] = {
    Instant: st.integers(-62_135_596_800_000, 253_402_300_799_999).map(lambda ms: ms / 1000),
    Weight: st.integers(0, 1_000_000).map(Weight),
    str: st.text(max_size=8),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type hint of the core."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if hint is Measure:
        return st.one_of([values(kind) for kind in KINDS])
    if hint == Words:
        words = st.dictionaries(st.sampled_from(WORDS), values(Word), max_size=len(WORDS))
        return words.map(lambda found: tuple(sorted(found.items())))
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        parts = {f.name: values(hints[f.name]) for f in fields(hint)}
        return st.builds(hint, **parts)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of([values(arg) for arg in args])
    if origin is Mapping:
        return st.dictionaries(st.text(max_size=8), values(args[1]), max_size=2)
    assert origin is tuple, hint
    if args[1:] == (...,):
        return st.lists(values(args[0]), max_size=2).map(tuple)
    return st.tuples(*map(values, args))
