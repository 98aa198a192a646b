"""How a bake stands: what was observed, how long it waited, what is short of a pass."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from guardian.core.judging.evaluation import Window
from guardian.core.model import MINUTE_S, Criterion, Instant, OnFail, ceil_to
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.entries import Cause, Freeze, Held, HoldReason, Order, RollbackStarted
from guardian.core.rollout.machine import Hold, Rollout
from guardian.core.traffic import Reading, WayBack
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.core.wording import moment

CALM_MOST = 3.0
"""No calm after blindness has to last longer than this many times `max_blind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one tick observed of one rollout."""

    verdicts: tuple[Verdict, ...] = ()
    stable: tuple[Verdict, ...] | None = ()
    """Before the first shift: how stable stands by the criteria; None while nobody has looked."""
    observed_until: Instant | None = None
    """The end of the newest settled period that every gating criterion could read."""
    reading: Reading | None = None
    """The traffic, read in this tick; None when it was not read or could not be."""
    unseen_since: Instant | None = None
    """Since when every try to read the traffic failed; None when the last one did not."""
    gone_since: Instant | None = None
    """Since when every try found no target, in the account that was asked for."""
    wrote: bool = False
    """The last write of the present phase was acknowledged and read back."""
    tried: bool = False
    """A write of the present phase was tried, whatever became of it."""
    trouble: str = ""
    """The last router error, for people."""
    way_back: WayBack | None = None
    """Whether stable can be restored, as last learned; None while nobody could say."""
    orders: tuple[Order, ...] = ()
    freeze: Freeze | None = None
    """The freeze that is in force for the service now."""

    def hold(self, now: Instant, why: HoldReason, detail: str, *, actor: str | None = None) -> Held:
        """A hold that rests on these verdicts."""
        return Held(at=now, why=why, detail=detail, verdicts=self.verdicts, actor=actor)

    def roll_back(self, now: Instant, cause: Cause, detail: str) -> RollbackStarted:
        """A rollback that rests on these verdicts."""
        return RollbackStarted(at=now, cause=cause, detail=detail, verdicts=self.verdicts)


def window_of(rollout: Rollout, *, until: Instant = math.inf) -> Window | None:
    """What the evidence covers, now or at an earlier instant; None before the first shift."""
    if not rollout.confirmed:
        return None
    plan = rollout.plan
    shifts = [one for one in rollout.confirmed if one[1] <= until] or rollout.confirmed[:1]
    step = max(0, rollout.step) if until == math.inf else shifts[-1][0]
    return Window(
        moving_since=rollout.moving_since,
        first_shift_at=shifts[0][1],
        step_confirmed_at=shifts[-1][1],
        confirmed=tuple(w for w in rollout.weights if w[0] <= until) or rollout.weights[:1],
        alpha=plan.alpha,
        horizon=plan.horizon,
        bake_s=plan.steps[step].bake_s,
        fixes=plan.fixes,
        watching=plan.drive is Drive.WATCH,
    )


def observed_s(rollout: Rollout, seen: Observation) -> float:
    """Observed seconds of the present step: settled whole periods since its confirmed shift.

    Those in which stable showed the same trouble say nothing of the release, and do not count.
    """
    if rollout.step_confirmed_at is None or seen.observed_until is None:
        return 0.0
    shared_min = max((v.evidence.shared_minutes for v in seen.verdicts), default=0.0)
    lasted_s = seen.observed_until - _begun(rollout, rollout.step_confirmed_at)
    return max(0.0, lasted_s - shared_min * MINUTE_S)


def observed_until(rollout: Rollout, verdicts: Iterable[Verdict]) -> Instant | None:
    """The end of the newest period that all gating criteria could read; None without one."""
    gates = gating(rollout.plan, rollout.waived) or {c.name for c in rollout.plan.criteria}
    ends = [v.evidence.observed_until for v in verdicts if v.criterion in gates]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None


def waited_s(rollout: Rollout, now: Instant) -> float:
    """Wall seconds of the present bake, less what people held; anew from a person's resume."""
    since = rollout.step_confirmed_at
    if since is None:
        return 0.0
    return now - max(since, rollout.resumed_at or since) - rollout.person_held_s


def baked(rollout: Rollout, seen: Observation) -> bool:
    """Whether the present step's bake was observed in full."""
    return observed_s(rollout, seen) >= rollout.plan.steps[rollout.step].bake_s


def baked_at(rollout: Rollout) -> Instant:
    """When the present step's bake can be observed in full at the earliest: it has settled then."""
    confirmed_at = rollout.step_confirmed_at or rollout.started_at
    settle_s = max((c.settle_s for c in gating(rollout.plan).values()), default=0.0)
    return _begun(rollout, confirmed_at) + rollout.plan.steps[rollout.step].bake_s + settle_s


def _begun(rollout: Rollout, confirmed_at: Instant) -> Instant:
    """When the first whole period after a shift begins: a minute, or what is read more finely."""
    counted = [c for c in gating(rollout.plan).values() if not c.measure.any_of]
    period_s = max((q.period_s for c in counted for q in c.queries()), default=MINUTE_S)
    return ceil_to(confirmed_at, min(MINUTE_S, period_s))


def gating(plan: Plan, waived: Collection[str] = ()) -> dict[str, Criterion]:
    """The criteria a step waits for, by name; what was waived is waited for no longer."""
    return {c.name: c for c in plan.criteria if c.gating and c.name not in waived}


def short_of_pass(rollout: Rollout, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Gating criteria without a pass. With nothing that gates, nothing can ever pass."""
    gates = gating(rollout.plan, rollout.waived)
    judged = {v.criterion: v for v in verdicts}
    missing = [name for name in gates if name not in judged]
    short = [judged[n] for n in gates if n in judged and judged[n].outcome is not Outcome.PASS]
    return (*short, *(_unjudged(n) for n in missing or ([] if gates else ["every criterion"])))


def _unjudged(name: str) -> Verdict:
    return Verdict(
        criterion=name,
        outcome=Outcome.INCONCLUSIVE,
        evidence=Evidence(),
        why="it has not been judged",
    )


def blinded(rollout: Rollout, seen: Observation) -> list[Verdict]:
    """Gating criteria that cannot be read, or are silent where there was traffic.

    Before the first shift: those on incidents and alarms, which alone are judged then.
    """
    gates = set(gating(rollout.plan, rollout.waived))
    if rollout.step < 0:
        gates |= {c.name for c in before_start(rollout)}
    return [v for v in seen.verdicts if v.criterion in gates and v.evidence.blind_since is not None]


def blind_s(rollout: Rollout, seen: Observation, now: Instant) -> float:
    """The longest that a gating criterion is blind, in seconds; anew from a person's resume."""
    since = [v.evidence.blind_since for v in blinded(rollout, seen)]
    from_ = rollout.resumed_at or 0.0
    return max((now - max(at, from_) for at in since if at is not None), default=0.0)


def calm_until(plan: Plan, hold: Hold, sighted_at: Instant) -> Instant:
    """Until when sight must last to end a hold for blindness: for as long as the trouble did."""
    trouble_s = sighted_at - hold.blind_since
    return sighted_at + min(trouble_s, CALM_MOST * plan.policy.max_blind_s)


def before_start(rollout: Rollout) -> list[Criterion]:
    """The criteria on what is open that have a say before the first shift: none starts into one."""
    return [
        c
        for c in rollout.plan.criteria
        if c.measure.any_of and c.on_fail is not OnFail.NOTIFY and c.name not in rollout.waived
    ]


def failing(rollout: Rollout, seen: Observation, *kinds: OnFail) -> list[Verdict]:
    """Proven breaches of criteria that do one of these and were not waived."""
    on_fail = {c.name: c.on_fail for c in rollout.plan.criteria if c.name not in rollout.waived}
    return [
        v for v in seen.verdicts if v.outcome is Outcome.FAIL and on_fail.get(v.criterion) in kinds
    ]


def frozen_back(seen: Observation) -> Freeze | None:
    """The freeze that forbids guardian's own rollbacks, if that is in force."""
    return seen.freeze if seen.freeze is not None and seen.freeze.rollbacks_too else None


def said(verdicts: Iterable[Verdict]) -> str:
    """Verdicts as a detail: "error-rate: 29 of 480 failed; ..."."""
    return "; ".join(f"{v.criterion}: {v.why}" for v in verdicts)


def freeze_detail(freeze: Freeze) -> str:
    """Who froze it until when, and why."""
    because = f": {freeze.reason}" if freeze.reason else ""
    whom = "everything" if freeze.scope == "*" else freeze.scope
    whom += ", guardian's own rollbacks too," if freeze.rollbacks_too else ""
    return f"{freeze.actor} froze {whom} until {moment(freeze.until)}{because}"
