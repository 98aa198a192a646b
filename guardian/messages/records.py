"""What programs are told, built in the shapes of `guardian/v1`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from guardian.core import reasons
from guardian.core.codec import encode_entry, rfc3339
from guardian.core.model import Instant
from guardian.core.notices import Page
from guardian.core.plan import Plan
from guardian.core.rollout.entries import Entry, Freeze, Order, Waived
from guardian.core.rollout.machine import Hold
from guardian.core.status import RolloutStatus
from guardian.core.traffic import Snapshot, Step, Traffic
from guardian.core.verdict import Datapoints, Stable, Unsettled, Verdict
from guardian.messages import v1
from guardian.messages.entry_lines import actor_of, event_of, sentence

LAST_ENTRIES = 5
"""So many entries stand beside how a rollout stands."""


def verdict(judged: Verdict) -> v1.VerdictRecord:
    """A verdict with its evidence: numbers beside the texts; null is what there is not."""
    seen = judged.evidence
    value, limit = seen.value, seen.limit
    figure = value or (limit.figure if limit is not None else None)
    return {
        "criterion": judged.criterion,
        "verdict": judged.outcome.value,
        "why": judged.why,
        "value": reasons.value(seen) or None,
        "limit": reasons.limit(seen),
        "test": seen.basis.value,
        "number": None if value is None else value.value,
        "limit_number": None if limit is None else limit.figure.value,
        "unit": None if figure is None else figure.unit.value,
        "bad": seen.bad,
        "samples": seen.samples,
        "minutes": seen.minutes,
        "unsettled": None if seen.unsettled is None else _unsettled(seen.unsettled),
        "stable": None if seen.stable is None else _stable(seen.stable),
        "datapoints": None if seen.datapoints is None else _datapoints(seen.datapoints),
        "min_samples": seen.min_samples,
        "log_e": round(seen.log_e, 4),
        "log_e_limit": round(seen.log_e_limit, 4),
        "window_start": time_or_null(seen.window_start),
        "window_end": time_or_null(seen.window_end),
    }


def _unsettled(late: Unsettled) -> v1.UnsettledRecord:
    return {
        "bad": late.bad,
        "samples": late.samples,
        "minutes": late.minutes,
        "samples_at_most": late.most,
        "number_at_least": None if late.bound is None else late.bound.value,
    }


def _stable(other: Stable) -> v1.StableRecord:
    return {"number": other.value.value, "bad": other.bad, "samples": other.samples}


def _datapoints(of: Datapoints) -> v1.DatapointsRecord:
    return {"over": of.over, "of": of.of, "needed": list(of.needed)}


def step(planned: Step) -> v1.StepRecord:
    """One step; its weight is a share."""
    return {
        "weight": planned.weight.ratio,
        "bake_s": planned.bake_s,
        "max_bake_s": planned.max_bake_s,
    }


def page(opened: Page) -> v1.PageRecord:
    """Somebody must be woken."""
    return {"key": opened.key, "severity": opened.severity.value}


def traffic(found: Traffic) -> v1.TrafficRecord:
    """Who receives requests; the weight is a share."""
    return {
        "primary": found.primary,
        "secondary": found.secondary,
        "weight": found.weight.ratio,
    }


def entry(seq: int, told: Entry, plan: Plan, *, whole: bool = False) -> v1.EntryRecord:
    """A journal entry: when, what, who, and its sentence; `seq` counts from 1."""
    found: v1.EntryRecord = {
        "seq": seq,
        "time": rfc3339(told.at),
        "event": event_of(told),
        "actor": actor_of(told, plan),
        "text": sentence(told, plan),
    }
    if whole:
        found["entry"] = json.loads(encode_entry(told))
    return found


def rollout(
    found: RolloutStatus, *, exit_code: int | None, whole: bool = False
) -> v1.RolloutRecord:
    """How a rollout stands; with its last entries, or `whole` with all that was journalled."""
    state, plan, hold = found.rollout, found.plan, found.rollout.hold
    first = 0 if whole else max(0, len(found.entries) - LAST_ENTRIES)
    return {
        "service": plan.service,
        "rollout": plan.rollout,
        "environment": plan.environment,
        "target": plan.target,
        "drive": plan.drive.value,
        "live": state.live,
        "phase": state.phase.value,
        "step": found.step,
        "steps": len(plan.steps),
        "weight": found.weight.ratio,
        "wanted": found.wanted.ratio,
        "stable": plan.stable,
        "canary": plan.canary,
        "actor": plan.actor,
        "reason": plan.reason,
        "started_at": rfc3339(state.started_at),
        "last_at": rfc3339(state.last_at),
        "exit_code": exit_code,
        "driver": found.driver,
        "held": None if hold is None else _held(hold),
        "approval_before_step": found.awaits_approval_of,
        "waived": [e.criterion for e in found.entries if isinstance(e, Waived)],
        "freeze": None if found.freeze is None else freeze(found.freeze, found.at),
        "orders": [_waiting(order) for order in found.orders],
        "judged_at": time_or_null(found.judged_at),
        "verdicts": [verdict(v) for v in found.verdicts],
        "entries": [
            entry(seq, one, plan, whole=whole)
            for seq, one in enumerate(found.entries[first:], start=first + 1)
        ],
    }


def _held(hold: Hold) -> v1.HeldRecord:
    return {
        "why": hold.why.value,
        "by": hold.actor,
        "since": rfc3339(hold.since),
        "detail": hold.detail,
    }


def freeze(found: Freeze, now: Instant) -> v1.FreezeRecord:
    """A freeze, as it stands now."""
    return {
        "scope": found.scope,
        "until": rfc3339(found.until),
        "by": found.actor,
        "reason": found.reason,
        "since": rfc3339(found.at),
        "rollbacks_too": found.rollbacks_too,
        "in_force": found.until > now,
    }


def _waiting(order: Order) -> v1.WaitingOrderRecord:
    return {
        "order": order.id,
        "kind": order.kind.value,
        "actor": order.actor,
        "reason": order.reason,
        "time": rfc3339(order.at),
        "expect_step": None if order.expect_step is None else order.expect_step + 1,
        "full": order.full,
        "subject": order.subject,
    }


def snapshot(taken: Snapshot) -> v1.SnapshotRecord:
    """What is recorded as stable."""
    return {
        "service": taken.service,
        "target": taken.target,
        "traffic": traffic(taken.traffic),
        "taken_at": rfc3339(taken.taken_at),
        "taken_by": taken.taken_by,
        "detail": dict(taken.detail),
    }


def text(record: Mapping[str, object]) -> str:
    """A record as one line of JSON."""
    return json.dumps(record, separators=(",", ":"))


def time_or_null(at: Instant | None) -> str | None:
    """An instant as records have it."""
    return None if at is None else rfc3339(at)
