"""From a rollout and what was seen of the world to the next journal entry, or to none.

One question after another, the urgent ones first; the first that has an answer gives the tick's
one entry. What the router shall show follows from the state alone (`desired_traffic`), so that a
crash between deciding and acting is repaired by the next tick.
"""

from __future__ import annotations

from typing import assert_never

from guardian.core.model import MINUTE_S, Instant, OnFail
from guardian.core.plan import Drive, Plan
from guardian.core.rollout import entries
from guardian.core.rollout.desired import changed_after_completion, unknown_versions
from guardian.core.rollout.entries import Cause, Entry, HoldReason
from guardian.core.rollout.machine import Phase, Rollout, step_traffic
from guardian.core.rollout.orders import Decision, obey
from guardian.core.rollout.preconditions import (
    ailing,
    frozen,
    incident,
    kinds_of,
    unapproved,
    unknown,
)
from guardian.core.rollout.progress import (
    Observation,
    baked,
    failing,
    freeze_detail,
    frozen_back,
    said,
    short_of_pass,
)
from guardian.core.rollout.state import ORDERED
from guardian.core.rollout.timeouts import advance, blind, held, out_of_time, warning, way_back
from guardian.core.traffic import Traffic
from guardian.core.verdict import Verdict
from guardian.core.wording import span

GONE_AFTER_S = 600.0
"""For so long every look must have found no target before guardian lets go of it."""
STUCK_AFTER_S = (60.0, 300.0)
"""When an unconfirmed rollback pages, and pages again."""
PROMOTION_STUCK_AFTER_S = 60.0
"""When a promotion that the router does not show pages."""


def opening(plan: Plan, now: Instant) -> tuple[Entry, ...]:
    """What is recorded first, in one transaction: a person's rollback begins with its start."""
    started = entries.RolloutStarted(at=now, plan=plan)
    if plan.drive is not Drive.ROLLBACK:
        return (started,)
    detail = f"rollback by {plan.actor}" + (f": {plan.reason}" if plan.reason else "")
    back = entries.RollbackStarted(at=now, cause=Cause.ABORTED, detail=detail, actor=plan.actor)
    return (started, back)


LOOKS_S = 60.0
"""How long a start waits for the first look at stable: one poll, and not for its success."""


def retired(rollout: Rollout, now: Instant, *, followed: bool = False) -> entries.Retired | None:
    """The end of a completed rollout that is no longer taken back; None while it still may be.

    `followed`: a later rollout of the service has begun, and stands between.
    """
    completed = rollout.completed
    if rollout.phase is not Phase.COMPLETED or rollout.live or completed is None:
        return None
    if followed:
        return entries.Retired(at=now, detail="a later rollout has begun")
    kept_s = rollout.plan.policy.keep_previous_s
    if now - completed.at < kept_s:
        return None
    return entries.Retired(at=now, detail=f"it completed {span(kept_s)} ago (keep_previous)")


def decide(rollout: Rollout, seen: Observation, now: Instant) -> Decision:
    """The next entry, or none. `now` is the tick's one reading of the wall clock."""
    by_order = obey(rollout, seen, now)
    if by_order.entry is not None:
        return by_order
    entry: Entry | None = None
    if rollout.live:
        entry = (
            _superseded(rollout, seen, now)
            or _by_phase(rollout, seen, now)
            or way_back(rollout, seen, now)
            or warning(rollout, seen, now)
        )
    return Decision(entry=entry, answers=by_order.answers)


def _by_phase(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    match rollout.phase:
        case Phase.PENDING:
            return _begin(rollout, seen, now)
        case Phase.SHIFTING:
            return _breach(rollout, seen, now) or _confirm(rollout, seen, now)
        case Phase.BAKING:
            return (
                _breach(rollout, seen, now)
                or _put_back(rollout, seen, now)
                or _conflict(rollout, seen, now)
                or _bake_over(rollout, seen, now)
                or blind(rollout, seen, now)
                or out_of_time(rollout, seen, now)
            )
        case Phase.HELD:
            return (
                _breach(rollout, seen, now)
                or _put_back(rollout, seen, now)
                or _shifted(rollout, seen, now)
                or held(rollout, seen, now)
            )
        case Phase.ROLLING_BACK:
            return _rolling_back(rollout, seen, now)
        case (
            Phase.COMPLETED | Phase.ROLLED_BACK | Phase.RETIRED | Phase.CANCELLED | Phase.SUPERSEDED
        ):
            # Of these a completed rollout alone is live: its promotion is to be read back.
            return _promoted(rollout, seen, now)
    assert_never(rollout.phase)


# --- the world changed under us ----------------------------------------------------------------


def _superseded(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    plan = rollout.plan
    if seen.gone_since is not None and now - seen.gone_since >= GONE_AFTER_S:
        lasted_min = (now - seen.gone_since) / MINUTE_S
        return entries.Superseded(
            at=now,
            detail=f"the target is gone: for {lasted_min:.0f} minutes every look found none"
            f" ({seen.trouble})",
            gone=True,
        )
    if seen.reading is None:
        return None
    unknown = unknown_versions(plan, seen.reading.traffic)
    if not unknown:
        return None
    return entries.Superseded(
        at=now,
        detail=f"somebody else put version {', '.join(unknown)} on {plan.target}"
        f" (found: {seen.reading.traffic})",
    )


def _conflict(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """The versions are ours, the weight is not: somebody changed it, and wins.

    A watch has no weight of its own: whatever its versions have is the traffic to be judged.
    """
    expected = rollout.traffic
    if seen.reading is None or seen.reading.traffic == expected:
        return None
    if rollout.plan.drive is Drive.WATCH:
        return _shifted(rollout, seen, now)
    return seen.hold(
        now,
        HoldReason.CONFLICT,
        f"somebody else changed the weights: found {seen.reading.traffic}, expected {expected}",
    )


def _put_back(rollout: Rollout, seen: Observation, now: Instant) -> entries.RollbackStarted | None:
    """All traffic is back on stable by hand: that is a rollback, and not a weight to wait at."""
    plan = rollout.plan
    if plan.drive is Drive.WATCH or not rollout.confirmed or seen.reading is None:
        return None
    if seen.reading.traffic != plan.snapshot.traffic or rollout.returning:
        return None
    detail = f"somebody else put all traffic back by hand (found: {seen.reading.traffic})"
    return entries.RollbackStarted(
        at=now, cause=Cause.ABORTED, detail=detail, actor="somebody else"
    )


def _shifted(rollout: Rollout, seen: Observation, now: Instant) -> entries.TrafficSeen | None:
    """Somebody else shifts under a watch, or shifted back what it had rolled back."""
    if rollout.plan.drive is not Drive.WATCH or seen.reading is None:
        return None
    found = seen.reading.traffic
    return None if found == rollout.traffic else entries.TrafficSeen(at=now, traffic=found)


# --- moving on ---------------------------------------------------------------------------------


def _begin(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    plan = rollout.plan
    if seen.reading is None:
        trouble = seen.trouble or "no answer"
        return _unseen(rollout, f"the traffic of {plan.target} cannot be read ({trouble})", now)
    if not plan.criteria:
        return entries.Cancelled(
            at=now, detail="no criterion could judge it, and nothing ends unjudged"
        )
    unseen = seen.stable is None and now - rollout.started_at < LOOKS_S
    if plan.drive is Drive.WATCH:
        return None if unseen else entries.StepEntered(at=now, step=0, stable=seen.stable or ())
    if seen.reading.traffic != plan.found:
        return entries.Cancelled(
            at=now,
            detail=f"the traffic changed before the first shift: found {seen.reading.traffic},"
            f" planned from {plan.found}",
        )
    if asked := unapproved(rollout, seen, now):
        return asked
    if unseen:
        return None
    if names := unknown(rollout, seen):
        why = {v.criterion: v.why for v in seen.verdicts}
        told = "; ".join(f"{name}: {why.get(name, 'it was not asked yet')}" for name in names)
        what = " or ".join(kind.stands for kind in kinds_of(plan, names))
        return _unseen(rollout, f"nobody knows whether {what} ({told})", now)
    return (
        incident(rollout, seen, now)
        or ailing(rollout, seen, now)
        or frozen(rollout, seen, now)
        or entries.StepEntered(at=now, step=0, verdicts=seen.verdicts, stable=seen.stable or ())
    )


def _unseen(rollout: Rollout, detail: str, now: Instant) -> entries.Held | None:
    """What is waited for without an answer; after `max_blind` people hear of it."""
    if now - rollout.phase_since < rollout.plan.policy.max_blind_s:
        return None
    return entries.Held(at=now, why=HoldReason.BLIND, detail=detail)


def _confirm(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    plan, reading = rollout.plan, seen.reading
    if reading is not None:
        if reading.traffic == rollout.traffic:
            return entries.WeightConfirmed(at=now, weight=reading.traffic.share(plan.canary))
        last = rollout.confirmed[-1][0] if rollout.confirmed else None
        before = plan.found if last is None else step_traffic(plan, last)
        if reading.traffic != before:
            return _conflict(rollout, seen, now)
    weight = plan.steps[rollout.step].weight
    trouble = seen.trouble or "the router does not show it"
    return _unseen(rollout, f"the shift to {weight} is not confirmed ({trouble})", now)


def _promoted(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    found = "the traffic cannot be read"
    if seen.reading is not None:
        traffic, last = seen.reading.traffic, step_traffic(rollout.plan, rollout.step)
        if traffic == Traffic(primary=rollout.plan.canary):
            return entries.PrimaryConfirmed(at=now)
        if changed_after_completion(rollout, traffic):
            return entries.Superseded(
                at=now,
                detail=f"somebody else changed the weights after the last bake: found {traffic},"
                f" expected {last}",
            )
        found = f"found {traffic}"
    if rollout.promotion_stuck or now - rollout.phase_since < PROMOTION_STUCK_AFTER_S:
        return None
    return entries.PromotionStuck(at=now, detail=f"{seen.trouble or 'not read back yet'}; {found}")


def _bake_over(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """The next step, or the end, once the bake was observed and every gating criterion passes."""
    unseen = seen.unseen_since is not None
    if unseen or not baked(rollout, seen) or short_of_pass(rollout, seen.verdicts):
        return None
    return advance(rollout, seen, now)


# --- a breach ----------------------------------------------------------------------------------


def _breach(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    plan, hold = rollout.plan, rollout.hold
    if rollout.step < 0 or (hold is not None and hold.resume_to is Phase.ROLLING_BACK):
        return None  # Nothing has begun, or a person or a freeze stopped this very rollback.
    taking_back = failing(rollout, seen, OnFail.ROLLBACK)
    if taking_back and plan.restores:
        return _back(rollout, seen, taking_back, now)
    holding = taking_back or failing(rollout, seen, OnFail.HOLD)
    if not holding or (rollout.phase is Phase.HELD and rollout.moved):
        return None
    if not rollout.moved:
        return entries.GateFailed(at=now, detail=said(holding), verdicts=seen.verdicts)
    return seen.hold(now, HoldReason.BREACH, said(holding))


def _back(rollout: Rollout, seen: Observation, failed: list[Verdict], now: Instant) -> Entry | None:
    """A proven breach is rolled back; where a freeze forbids that, people hear of it, once."""
    freeze, hold = frozen_back(seen), rollout.hold
    if freeze is None:
        return seen.roll_back(now, Cause.BREACH, said(failed))
    if (
        hold is not None
        and hold.rollback_withheld
        and {v.criterion for v in failed} <= set(hold.failed)
    ):
        return None
    return seen.hold(
        now,
        HoldReason.BREACH,
        f"{said(failed)}; it is not rolled back, because {freeze_detail(freeze)}",
        actor=freeze.actor,
    )


def _rolling_back(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    plan, reading = rollout.plan, seen.reading
    if rollout.guards_rollback and (shifted := _shifted(rollout, seen, now)):
        return shifted
    if rollout.kept_back and now < rollout.watched_until:
        return _stopped(rollout, seen, now)
    if reading is not None and reading.traffic == plan.snapshot.traffic:
        ours = reading.stamp is not None and reading.stamp.rollout == plan.rollout
        if seen.wrote or ours:
            return entries.RollbackConfirmed(
                at=now, by_guardian=True, detail=f"read back: {reading.traffic}"
            )
        if seen.tried:
            why = "it was never seen moved" if rollout.never_seen else "somebody else put it back"
            return entries.RollbackConfirmed(
                at=now, by_guardian=False, detail=f"{why}: {reading.traffic}"
            )
    if stopped := _stopped(rollout, seen, now):
        return stopped
    since = rollout.unconfirmed_since
    level = rollout.stuck_level
    if level < len(STUCK_AFTER_S) and now - since >= STUCK_AFTER_S[level]:
        found = f"found {reading.traffic}" if reading else "the traffic cannot be read"
        return entries.RollbackStuck(
            at=now, level=level + 1, detail=f"{seen.trouble or 'not read back yet'}; {found}"
        )
    return None


def _stopped(rollout: Rollout, seen: Observation, now: Instant) -> entries.Held | None:
    """A freeze that spares nothing stops a rollback that no person ordered."""
    freeze, started = frozen_back(seen), rollout.rollback
    if freeze is None or started is None or started.cause in ORDERED:
        return None
    return entries.Held(
        at=now,
        why=HoldReason.FREEZE,
        detail=f"the rollback under way was stopped: {freeze_detail(freeze)}",
        actor=freeze.actor,
    )
