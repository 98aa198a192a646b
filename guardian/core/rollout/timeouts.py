"""What is decided of a rollout that waits: blind, out of time, held; and what is told meanwhile."""

from __future__ import annotations

from guardian.core.model import MINUTE_S, Instant, OnFail
from guardian.core.plan import Blind, Drive, LowTraffic
from guardian.core.rollout import preconditions
from guardian.core.rollout.entries import (
    Cause,
    Completed,
    Entry,
    Held,
    HoldReason,
    Resumed,
    RollbackStarted,
    Sighted,
    StepEntered,
    Warned,
    WayBackSeen,
)
from guardian.core.rollout.progress import (
    Observation,
    baked,
    blind_s,
    blinded,
    calm_until,
    failing,
    frozen_back,
    observed_s,
    said,
    short_of_pass,
    waited_s,
)
from guardian.core.rollout.state import LIVE, Hold, Phase, Rollout
from guardian.core.verdict import Outcome
from guardian.core.wording import moment

MISSING_S = 120.0
"""How long a target may not be found before people hear of it."""
CLOCK_STEP_S = 60.0
"""A wall clock may go back by as much without a word: clocks are corrected all the time."""
LAPSE_S = MINUTE_S
"""A calm is over when nothing could be read for as long: one read that fails is none."""
_SEES_TO_SIGHT = frozenset({HoldReason.BLIND, HoldReason.NO_EVIDENCE})
"""Holds that become a blind hold, or are one: no warning is needed in them."""


def advance(
    rollout: Rollout, seen: Observation, now: Instant, *, unproven: tuple[str, ...] = ()
) -> Entry:
    """The next step or the end, unless a freeze or a missing approval stands before it."""
    if held := preconditions.frozen(rollout, seen, now):
        return held
    if rollout.last_step:
        return Completed(at=now, verdicts=seen.verdicts, unproven=unproven)
    if held := preconditions.unapproved(rollout, seen, now):
        return held
    return StepEntered(at=now, step=rollout.step + 1, verdicts=seen.verdicts)


# --- not seeing, and not seeing enough ---------------------------------------------------------


def blind(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """Unreadable, or silent where there was traffic, for `max_blind`; or the clock was set back."""
    plan = rollout.plan
    if set_back(rollout, now):
        return seen.hold(
            now,
            HoldReason.BLIND,
            f"this machine's clock was set back to {moment(now)}, and the newest entry is of"
            f" {moment(rollout.last_at)}: what is older than that cannot be judged",
        )
    if entry := _untold(rollout, seen, now):
        return entry
    if not blinded(rollout, seen) or blind_s(rollout, seen, now) < plan.policy.max_blind_s:
        return None
    detail = said(blinded(rollout, seen))
    if plan.policy.on_blind is Blind.ROLLBACK and plan.restores and frozen_back(seen) is None:
        return seen.roll_back(now, Cause.BLIND, detail)
    return seen.hold(now, HoldReason.BLIND, detail)


def _untold(rollout: Rollout, seen: Observation, now: Instant) -> Held | None:
    """Nobody knows who has the traffic; of a target that is not found people hear soon."""
    longest_s = rollout.plan.policy.max_blind_s
    if seen.gone_since is not None:
        longest_s = min(longest_s, MISSING_S)
    since = seen.unseen_since
    if since is None or now - max(since, rollout.resumed_at or 0.0) < longest_s:
        return None
    return seen.hold(
        now,
        HoldReason.BLIND,
        f"the traffic of {rollout.plan.target} cannot be read since {moment(since)}"
        f" ({seen.trouble})",
    )


def set_back(rollout: Rollout, now: Instant) -> bool:
    """Whether the wall clock is earlier than what has happened: no age is right any more."""
    return now < rollout.last_at - CLOCK_STEP_S


def out_of_time(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """The step has lasted `max_bake` and still lacks the evidence to pass."""
    plan, step = rollout.plan, rollout.plan.steps[rollout.step]
    if waited_s(rollout, now) < step.max_bake_s:
        return None
    short = short_of_pass(rollout, seen.verdicts)
    names = tuple(v.criterion for v in short) or ("observed time",)
    detail = said(short) or (
        f"only {observed_s(rollout, seen) / MINUTE_S:.0f} of"
        f" {step.bake_s / MINUTE_S:.0f} minutes could be observed"
    )
    if plan.drive is Drive.WATCH:
        return Completed(at=now, verdicts=seen.verdicts, unproven=names)
    if blinded(rollout, seen):
        return None  # `max_blind` decides how long not seeing is waited for.
    quiet = bool(short) and all(
        v.outcome in (Outcome.INCONCLUSIVE, Outcome.NO_DATA) and not v.evidence.over_limit
        for v in short
    )
    policy = plan.policy.on_low_traffic
    if quiet and policy is LowTraffic.ROLLBACK and plan.restores:
        if frozen_back(seen) is None:
            return seen.roll_back(now, Cause.LOW_TRAFFIC, detail)
    elif quiet and (rollout.last_step or policy is LowTraffic.ADVANCE):
        return advance(rollout, seen, now, unproven=names)
    return seen.hold(now, HoldReason.NO_EVIDENCE, detail)


# --- held --------------------------------------------------------------------------------------


def held(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """A hold ends by itself when what it waited for has come, or when it lasted too long."""
    hold, plan = rollout.hold, rollout.plan
    if hold is None:
        return None
    if entry := _over(rollout, hold, seen, now):
        return entry
    if hold.resume_to is Phase.BAKING and plan.drive is Drive.WATCH:
        breached = failing(rollout, seen, OnFail.ROLLBACK, OnFail.HOLD)
        return None if breached else out_of_time(rollout, seen, now)
    return _too_long(rollout, hold, seen, now)


def _over(rollout: Rollout, hold: Hold, seen: Observation, now: Instant) -> Entry | None:
    if hold.why is HoldReason.BLIND:
        return _sighted(rollout, hold, seen, now)
    if hold.why is HoldReason.NO_EVIDENCE:
        if baked(rollout, seen) and not short_of_pass(rollout, seen.verdicts):
            return Resumed(at=now, detail="the evidence has come: every criterion passes")
        return blind(rollout, seen, now) or _late(out_of_time(rollout, seen, now))
    if hold.why is HoldReason.BREACH:
        over = bool(hold.failed) and set(hold.failed) <= set(rollout.waived)
        if not over or failing(rollout, seen, OnFail.ROLLBACK, OnFail.HOLD):
            return None
        return Resumed(at=now, detail=f"waived: {', '.join(hold.failed)}")
    return preconditions.lifted(rollout, hold, seen, now)


def _sighted(rollout: Rollout, hold: Hold, seen: Observation, now: Instant) -> Entry | None:
    if set_back(rollout, now):
        return None
    if hold.resume_to is Phase.BAKING:
        return _calmed(rollout, hold, seen, now)
    if _in_sight(rollout, seen, hold.resume_to):
        return Resumed(at=now, detail="what was waited for can be seen now")
    return None


def _calmed(rollout: Rollout, hold: Hold, seen: Observation, now: Instant) -> Entry | None:
    """Sight counts again once it has lasted as long as the trouble did: blindness comes in fits.

    A watch advances nothing: with its evidence complete there is nothing to wait for.
    """
    if not seen.verdicts or blinded(rollout, seen) or seen.unseen_since is not None:
        return _late(blind(rollout, seen, now)) or _lapsed(rollout, hold, seen, now)
    ready = baked(rollout, seen) and not short_of_pass(rollout, seen.verdicts)
    if rollout.plan.drive is Drive.WATCH and ready:
        return Resumed(at=now, detail="the metrics can be read again, and the evidence is complete")
    since = now if hold.sighted_at is None else hold.sighted_at
    if now >= calm_until(rollout.plan, hold, since):
        return Resumed(at=now, detail=f"the metrics can be read again since {moment(since)}")
    return Sighted(at=now) if hold.sighted_at is None else None


def _lapsed(rollout: Rollout, hold: Hold, seen: Observation, now: Instant) -> Held | None:
    """Blind again in the calm: the same hold, and the same trouble."""
    if hold.sighted_at is None or blind_s(rollout, seen, now) < LAPSE_S:
        return None
    detail = said(blinded(rollout, seen))
    return seen.hold(now, HoldReason.BLIND, detail)


def _late(entry: Entry | None) -> Entry | None:
    """The rollback that a freeze had forbidden when the hold began; nothing else."""
    return entry if isinstance(entry, RollbackStarted) else None


def _in_sight(rollout: Rollout, seen: Observation, resume_to: Phase) -> bool:
    """Whether what could not be seen, or was not as wished, when a hold began, is so no more."""
    if seen.reading is None or resume_to not in (Phase.PENDING, Phase.SHIFTING):
        return False
    if resume_to is Phase.PENDING:
        return rollout.plan.drive is Drive.WATCH or not preconditions.unknown(rollout, seen)
    return seen.reading.traffic == rollout.traffic


def _too_long(rollout: Rollout, hold: Hold, seen: Observation, now: Instant) -> Entry | None:
    longest_s = rollout.plan.policy.max_hold_s
    may = rollout.moved and rollout.plan.restores and frozen_back(seen) is None
    # One hold may follow another, for other reasons and with nothing achieved in between.
    if not may or hold.has_own_timeout or rollout.held_s + now - hold.since < longest_s:
        return None
    return seen.roll_back(
        now, Cause.HELD_TOO_LONG, f"held for {longest_s / 3600:g} hours ({hold.detail})"
    )


# --- what is only told -------------------------------------------------------------------------


def way_back(rollout: Rollout, seen: Observation, now: Instant) -> WayBackSeen | None:
    """Stable was deleted or cannot serve any more, or can again: told, and never acted upon."""
    found, known = seen.way_back, rollout.way_back
    if found is None or not seeks_way_back(rollout) or bool(found.problem) == bool(known.problem):
        return None
    return WayBackSeen(at=now, found=found)


def seeks_way_back(rollout: Rollout) -> bool:
    """Whether it matters that stable can be restored: guardian may have to, and has begun."""
    return rollout.plan.restores and rollout.phase in LIVE - {Phase.PENDING}


def warning(rollout: Rollout, seen: Observation, now: Instant) -> Entry | None:
    """What stops nothing and is to be known, once: the last question of all."""
    if rollout.phase not in (Phase.SHIFTING, Phase.BAKING, Phase.HELD):
        return None
    if rollout.hold is not None and (unseen := _unseen(rollout, rollout.hold, seen, now)):
        return unseen
    told = {*rollout.warned, *rollout.waived}
    failed = {v.criterion for v in failing(rollout, seen, OnFail.NOTIFY)}
    new = tuple(
        v
        for v in seen.verdicts
        if v.criterion not in told
        and (
            v.criterion in failed
            or v.outage
            or (v.evidence.warned is not None and v.evidence.blind_since is None)
        )
    )
    if not new:
        return None
    return Warned(at=now, about=tuple(v.criterion for v in new), detail=said(new), verdicts=new)


def _unseen(rollout: Rollout, hold: Hold, seen: Observation, now: Instant) -> Warned | None:
    """Blindness in a hold that it does not change: people hear of it all the same."""
    lost = tuple(blinded(rollout, seen))
    long = blind_s(rollout, seen, now) >= rollout.plan.policy.max_blind_s
    if not lost or not long or hold.blind_paged or hold.why in _SEES_TO_SIGHT:
        return None
    names = tuple(v.criterion for v in lost)
    return Warned(at=now, about=names, detail=said(lost), verdicts=lost)
