"""From a rollout and what was seen of the world to the next journal entry, or to none.

One question after another, the urgent ones first; the first that has an answer gives the tick's
one entry. What the router shall show follows from the state alone (`wish`), so that a crash
between deciding and acting is repaired by the next tick.
"""

from __future__ import annotations

from guardian.core.entries import (
    Cancelled,
    Cause,
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
    PrimaryConfirmed,
    Resumed,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    StepEntered,
    Superseded,
    WeightConfirmed,
)
from guardian.core.model import MINUTE_S, Instant, OnFail, Outcome, Step, Traffic
from guardian.core.orders import Decision, obey
from guardian.core.plan import Blind, Drive, LowTraffic
from guardian.core.rollout import Phase, Rollout, step_traffic
from guardian.core.standing import Seen, baked, blinded, observed_s, short_of_pass, waited_s
from guardian.core.wishes import changed_after_completion, strangers

STUCK_AFTER_S = (60.0, 300.0)
"""When an unconfirmed rollback pages, and pages again."""


def decide(rollout: Rollout, seen: Seen, now: Instant) -> Decision:
    """The next entry, or none. `now` is the tick's one reading of the wall clock."""
    by_order = obey(rollout, seen, now)
    if by_order.entry is not None:
        return by_order
    entry: Entry | None = None
    if rollout.live:
        entry = _superseded(rollout, seen, now) or _by_phase(rollout, seen, now)
    return Decision(entry=entry, orders_done=by_order.orders_done)


def _by_phase(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    match rollout.phase:
        case Phase.PENDING:
            return _begin(rollout, seen, now)
        case Phase.SHIFTING:
            return _breach(rollout, seen, now) or _confirm(rollout, seen, now)
        case Phase.BAKING:
            return (
                _breach(rollout, seen, now)
                or _conflict(rollout, seen, now)
                or _bake_over(rollout, seen, now)
                or _blind(rollout, seen, now)
                or _out_of_time(rollout, seen, now)
            )
        case Phase.HELD:
            return _breach(rollout, seen, now) or _held(rollout, seen, now)
        case Phase.ROLLING_BACK:
            return _rolling_back(rollout, seen, now)
        case _:
            return _promoted(rollout, seen, now)


# --- the world changed under us ----------------------------------------------------------------


def _superseded(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    plan = rollout.plan
    if seen.gone is not None:
        return Superseded(at=now, detail=f"the target is gone: {seen.gone}")
    if seen.reading is None:
        return None
    unknown = strangers(plan, seen.reading.traffic)
    if not unknown:
        return None
    return Superseded(
        at=now,
        detail=f"somebody else put version {', '.join(unknown)} on {plan.target}"
        f" (found: {seen.reading.traffic})",
    )


def _conflict(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    """The versions are ours, the weight is not: somebody changed it, and wins."""
    if seen.reading is None:
        return None
    expected = step_traffic(rollout.plan, rollout.step)
    if seen.reading.traffic == expected:
        return None
    return Held(
        at=now,
        why=HoldReason.CONFLICT,
        detail=f"somebody else changed the weights: found {seen.reading.traffic},"
        f" expected {expected}",
        verdicts=seen.verdicts,
    )


# --- moving on ---------------------------------------------------------------------------------


def _begin(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    plan = rollout.plan
    if seen.reading is None:
        if now - rollout.last_at < plan.policy.max_blind_s:
            return None
        return Held(
            at=now,
            why=HoldReason.BLIND,
            detail=f"the traffic of {plan.target} cannot be read ({seen.trouble or 'no answer'})",
        )
    if seen.reading.traffic != plan.found:
        return Cancelled(
            at=now,
            detail=f"the traffic changed before the first shift: found {seen.reading.traffic},"
            f" planned from {plan.found}",
        )
    return StepEntered(at=now, step=0)


def _confirm(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    plan, reading = rollout.plan, seen.reading
    if reading is not None:
        if reading.traffic == step_traffic(plan, rollout.step):
            return WeightConfirmed(at=now, weight=plan.steps[rollout.step].weight)
        before = plan.found if rollout.step == 0 else step_traffic(plan, rollout.step - 1)
        if reading.traffic != before:
            return _conflict(rollout, seen, now)
    if now - rollout.last_at < plan.policy.max_blind_s:
        return None
    weight = plan.steps[rollout.step].weight
    return Held(
        at=now,
        why=HoldReason.BLIND,
        detail=f"the shift to {weight} is not confirmed"
        f" ({seen.trouble or 'the router does not show it'})",
    )


def _promoted(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    if seen.reading is None:
        return None
    traffic, last = seen.reading.traffic, step_traffic(rollout.plan, rollout.step)
    if traffic == Traffic(primary=rollout.plan.canary):
        return PrimaryConfirmed(at=now)
    if changed_after_completion(rollout, traffic):
        return Superseded(
            at=now,
            detail=f"somebody else changed the weights after the last bake: found {traffic},"
            f" expected {last}",
        )
    return None


def _bake_over(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    """The next step, or the end, once the bake was observed and every gating criterion passes."""
    if not baked(rollout, seen) or short_of_pass(rollout.plan, seen.verdicts):
        return None
    return _advance(rollout, seen, now)


def _advance(
    rollout: Rollout, seen: Seen, now: Instant, *, unproven: tuple[str, ...] = ()
) -> Entry:
    if rollout.last_step:
        return Completed(at=now, verdicts=seen.verdicts, unproven=unproven)
    return StepEntered(at=now, step=rollout.step + 1, verdicts=seen.verdicts)


# --- a breach ----------------------------------------------------------------------------------


def _step(rollout: Rollout) -> Step:
    return rollout.plan.steps[rollout.step]


def _breach(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    plan = rollout.plan
    if rollout.hold is not None and rollout.hold.resume_to is Phase.ROLLING_BACK:
        return None  # A person stopped this very rollback.
    on_fail = {c.name: c.on_fail for c in plan.criteria}
    failed = [v for v in seen.verdicts if v.outcome is Outcome.FAIL]
    taking_back = [v for v in failed if on_fail[v.criterion] is OnFail.ROLLBACK]
    if taking_back:
        detail = "; ".join(f"{v.criterion}: {v.why}" for v in taking_back)
        if plan.restores:
            return RollbackStarted(
                at=now, cause=Cause.BREACH, detail=detail, verdicts=seen.verdicts
            )
        if not rollout.moved:
            return GateFailed(at=now, detail=detail, verdicts=seen.verdicts)
    holding = taking_back or [v for v in failed if on_fail[v.criterion] is OnFail.HOLD]
    if holding and (rollout.phase is not Phase.HELD or not rollout.moved):
        detail = "; ".join(f"{v.criterion}: {v.why}" for v in holding)
        if not rollout.moved:
            return GateFailed(at=now, detail=detail, verdicts=seen.verdicts)
        return Held(at=now, why=HoldReason.BREACH, detail=detail, verdicts=seen.verdicts)
    return None


# --- waiting -----------------------------------------------------------------------------------


def _blind(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    """Unreadable, or silent where there was traffic, for `max_blind`."""
    policy = rollout.plan.policy
    longest = max(
        (now - v.evidence.blind_since for v in blinded(rollout, seen) if v.evidence.blind_since),
        default=0.0,
    )
    if longest < policy.max_blind_s:
        return None
    detail = "; ".join(f"{v.criterion}: {v.why}" for v in blinded(rollout, seen))
    if policy.on_blind is Blind.ROLLBACK and rollout.plan.restores:
        return RollbackStarted(at=now, cause=Cause.BLIND, detail=detail, verdicts=seen.verdicts)
    return Held(at=now, why=HoldReason.BLIND, detail=detail, verdicts=seen.verdicts)


def _out_of_time(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    """The step has lasted `max_bake` and still lacks the evidence to pass."""
    if waited_s(rollout, now) < _step(rollout).max_bake_s:
        return None
    plan = rollout.plan
    short = short_of_pass(plan, seen.verdicts)
    names = tuple(v.criterion for v in short) or ("observed time",)
    detail = "; ".join(f"{v.criterion}: {v.why}" for v in short) or (
        f"only {observed_s(rollout, seen.observed_until) / MINUTE_S:.0f} of"
        f" {_step(rollout).bake_s / MINUTE_S:.0f} minutes could be observed"
    )
    if plan.drive is Drive.WATCH:
        return Completed(at=now, verdicts=seen.verdicts, unproven=names)
    if blinded(rollout, seen):
        return None  # `max_blind` decides how long not seeing is waited for.
    quiet = bool(short) and all(
        v.outcome in (Outcome.INCONCLUSIVE, Outcome.NO_DATA) and not v.evidence.over_limit
        for v in short
    )
    if quiet and plan.policy.on_low_traffic is LowTraffic.ROLLBACK and plan.restores:
        return RollbackStarted(
            at=now, cause=Cause.LOW_TRAFFIC, detail=detail, verdicts=seen.verdicts
        )
    if quiet and (rollout.last_step or plan.policy.on_low_traffic is LowTraffic.ADVANCE):
        return _advance(rollout, seen, now, unproven=names)
    return Held(at=now, why=HoldReason.NO_EVIDENCE, detail=detail, verdicts=seen.verdicts)


def _held(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    """A hold ends by itself when what it waited for has come, or when it lasted too long."""
    hold, plan = rollout.hold, rollout.plan
    if hold is None:
        return None
    if hold.why is HoldReason.BLIND and _in_sight(rollout, seen, hold.resume_to):
        return Resumed(at=now, detail="the router shows what was waited for")
    if hold.resume_to is Phase.BAKING:
        if hold.why is HoldReason.BLIND and seen.verdicts and not blinded(rollout, seen):
            return Resumed(at=now, detail="the metrics can be read again")
        proven = baked(rollout, seen) and not short_of_pass(plan, seen.verdicts)
        if hold.why is HoldReason.NO_EVIDENCE:
            if proven:
                return Resumed(at=now, detail="the evidence has come: every criterion passes")
            if blind := _blind(rollout, seen, now):
                return blind
        if plan.drive is Drive.WATCH:
            return _out_of_time(rollout, seen, now)
    if rollout.moved and plan.restores and now - hold.since >= plan.policy.max_hold_s:
        hours = plan.policy.max_hold_s / 3600
        return RollbackStarted(
            at=now,
            cause=Cause.HELD_TOO_LONG,
            detail=f"held for {hours:g} hours ({hold.detail})",
            verdicts=seen.verdicts,
        )
    return None


def _in_sight(rollout: Rollout, seen: Seen, resume_to: Phase) -> bool:
    """Whether the router, unreadable or not as wished when a hold began, is so no more."""
    if seen.reading is None or resume_to not in (Phase.PENDING, Phase.SHIFTING):
        return False
    if resume_to is Phase.PENDING:
        return True
    return seen.reading.traffic == step_traffic(rollout.plan, rollout.step)


def _rolling_back(rollout: Rollout, seen: Seen, now: Instant) -> Entry | None:
    plan, reading, started = rollout.plan, seen.reading, rollout.rollback
    if reading is not None and reading.traffic == plan.snapshot.traffic:
        ours = reading.stamp is not None and reading.stamp.rollout == plan.rollout
        if seen.wrote or ours:
            return RollbackConfirmed(
                at=now, by_guardian=True, detail=f"read back: {reading.traffic}"
            )
        if seen.tried:
            return RollbackConfirmed(
                at=now, by_guardian=False, detail=f"somebody else put it back: {reading.traffic}"
            )
    since = started.at if started is not None else rollout.last_at
    level = rollout.stuck_level
    if level < len(STUCK_AFTER_S) and now - since >= STUCK_AFTER_S[level]:
        found = f"found {reading.traffic}" if reading else "the traffic cannot be read"
        return RollbackStuck(
            at=now, level=level + 1, detail=f"{seen.trouble or 'not read back yet'}; {found}"
        )
    return None
