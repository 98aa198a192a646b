"""What stands before a step although its criteria pass: freezes, approvals, incidents, alarms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import assert_never

from guardian.core.measure import Measure
from guardian.core.model import Instant
from guardian.core.plan import Approval, Drive, Plan, PreExisting, Unapproved
from guardian.core.rollout.entries import (
    Cancelled,
    Cause,
    Entry,
    Held,
    HoldReason,
    Resumed,
)
from guardian.core.rollout.pre_existing import broken
from guardian.core.rollout.progress import (
    Observation,
    before_start,
    freeze_detail,
    frozen_back,
    said,
)
from guardian.core.rollout.state import Hold, Phase, Rollout
from guardian.core.verdict import Outcome, Verdict
from guardian.core.wording import moment


def approval_of(plan: Plan, step: int) -> Approval | None:
    """The approval that a step, counted from 0, needs; a watch shifts nothing and needs none."""
    if plan.drive is Drive.WATCH:
        return None
    return next((a for a in plan.approvals if a.before_step == step), None)


def approval_due(rollout: Rollout) -> Instant | None:
    """When a rollout that waits for an approval has waited for long enough; None elsewhere."""
    hold = rollout.hold
    if hold is None or hold.why is not HoldReason.APPROVAL:
        return None
    asked = approval_of(rollout.plan, rollout.step + 1)
    return None if asked is None else hold.since + asked.timeout_s


# --- before a step -----------------------------------------------------------------------------


def frozen(rollout: Rollout, seen: Observation, now: Instant) -> Held | None:
    """Nothing advances by guardian's own accord under a freeze; a watch advances nothing."""
    if seen.freeze is None or rollout.plan.drive is Drive.WATCH:
        return None
    return seen.hold(now, HoldReason.FREEZE, freeze_detail(seen.freeze))


def unapproved(rollout: Rollout, seen: Observation, now: Instant) -> Held | None:
    """The next step waits for a person who agrees to it."""
    step = rollout.step + 1
    asked = approval_of(rollout.plan, step)
    if asked is None or step in rollout.approved:
        return None
    steps = rollout.plan.steps
    then = "" if asked.on_timeout is Unapproved.HOLD else f" until {moment(now + asked.timeout_s)}"
    return seen.hold(
        now,
        HoldReason.APPROVAL,
        f"step {step + 1} of {len(steps)} ({steps[step].weight}) waits for an approval{then}",
    )


def unknown(rollout: Rollout, seen: Observation) -> list[str]:
    """Criteria on what is open that do not say, before the first shift, whether something is."""
    judged = {v.criterion: v.outcome for v in seen.verdicts}
    unread = (None, Outcome.ERROR, Outcome.NO_DATA)
    return [c.name for c in before_start(rollout) if judged.get(c.name) in unread]


def kinds_of(plan: Plan, names: Collection[str]) -> list[type[Measure]]:
    """The kinds of these criteria, each once, in the plan's order."""
    return list(dict.fromkeys(type(c.measure) for c in plan.criteria if c.name in names))


def stand_in_the_way(rollout: Rollout, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Before the first shift: those that tell of an open incident, or of an alarm that fires."""
    names = {c.name for c in before_start(rollout)}
    told = (Outcome.INCONCLUSIVE, Outcome.FAIL)
    return [v for v in verdicts if v.criterion in names and v.outcome in told]


def incident(rollout: Rollout, seen: Observation, now: Instant) -> Held | None:
    """What was open, or fired, before the first shift: no release into it."""
    found = stand_in_the_way(rollout, seen.verdicts)
    if not found:
        return None
    return seen.hold(now, HoldReason.INCIDENT, said(found))


def ailing(rollout: Rollout, seen: Observation, now: Instant) -> Held | None:
    """What stable itself breaks before the first shift, where the plan waits for it to be well.

    A person who resumes such a hold, and no other one, has seen it: the rollout begins.
    """
    found = broken(seen.stable or ())
    holds = rollout.plan.policy.pre_existing is PreExisting.HOLD
    if not found or not holds or rollout.ails_known:
        return None
    return seen.hold(now, HoldReason.PRE_EXISTING, said(found))


# --- how such holds end ------------------------------------------------------------------------


def lifted(rollout: Rollout, hold: Hold, seen: Observation, now: Instant) -> Entry | None:
    """What ends a hold of this module without a person; None while it lasts."""
    match hold.why:
        case HoldReason.FREEZE:
            still = frozen_back(seen) if hold.resume_to is Phase.ROLLING_BACK else seen.freeze
            return None if still is not None else Resumed(at=now, detail="the freeze is over")
        case HoldReason.INCIDENT:
            if unknown(rollout, seen) or stand_in_the_way(rollout, seen.verdicts):
                return None
            kinds = kinds_of(rollout.plan, {c.name for c in rollout.plan.criteria})
            none = " and ".join(f"no {kind.any_of}" for kind in kinds if kind.any_of)
            return Resumed(at=now, detail=f"{none} any more, or it was waived")
        case HoldReason.PRE_EXISTING:
            if seen.stable is None or broken(seen.stable):
                return None
            return Resumed(at=now, detail="stable breaks none of the criteria any more")
        case HoldReason.APPROVAL:
            return _timed_out(rollout, seen, now)
        case (
            HoldReason.PERSON
            | HoldReason.CONFLICT
            | HoldReason.BLIND
            | HoldReason.NO_EVIDENCE
            | HoldReason.BREACH
        ):
            return None
    assert_never(hold.why)


def _timed_out(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    asked, due = approval_of(rollout.plan, rollout.step + 1), approval_due(rollout)
    if asked is None or due is None or now < due or asked.on_timeout is Unapproved.HOLD:
        return None
    detail = f"nobody approved step {asked.before_step + 1} of {len(rollout.plan.steps)} in time"
    if not rollout.moved:
        return Cancelled(at=now, detail=detail)
    if not rollout.plan.restores or frozen_back(seen) is not None:
        return None
    return seen.roll_back(now, Cause.UNAPPROVED, detail)
