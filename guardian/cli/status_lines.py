"""How a rollout stands, in text and as a record: for `guardian rollout status` and its like."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.app.remembered import phase_of
from guardian.cli.output import short
from guardian.core.codec import rfc3339
from guardian.core.model import MINUTE_S, Instant
from guardian.core.plan import Drive
from guardian.core.rollout.entries import Waived
from guardian.core.rollout.machine import Phase
from guardian.core.status import RolloutStatus
from guardian.core.verdict import Outcome
from guardian.engine.outcome import outcome
from guardian.messages import records
from guardian.messages.entry_lines import lasting, line, moment, sentence, spaced
from guardian.messages.v1 import OneRolloutRecord, RolloutRecord, RolloutsRecord

# --- for people --------------------------------------------------------------------------------


def head(found: RolloutStatus) -> str:
    """`agents-api: baking, step 2 of 3, 42 at 50%`."""
    return f"{found.plan.service}: {where(found)}"


def where(found: RolloutStatus) -> str:
    """`baking, step 2 of 3, 42 at 50%`."""
    words = [phase_of(found.rollout)]
    if found.plan.drive is Drive.ROLLOUT and found.rollout.live:
        words.append(f"step {found.step} of {len(found.plan.steps)}")
    return ", ".join([*words, f"{found.plan.canary} at {found.weight}"])


def ending(found: RolloutStatus) -> str:
    """How it ended, why, and how long it took; of one that is live, its last entry."""
    rollout, last = found.rollout, sentence(found.entries[-1], found.plan)
    if rollout.live:
        return last
    took = f"{lasting(rollout.last_at - rollout.started_at)} after it began"
    back = rollout.rollback
    if rollout.phase is not Phase.ROLLED_BACK or back is None:
        return f"{last}; {took}"
    by = f" by {back.actor}" if back.actor else ""
    why = f"{spaced(back.cause)}{by}: {' '.join(back.detail.split())}"
    returned = lasting(rollout.last_at - back.at)
    return f"rolled back, {took} ({why}); traffic was back {returned} after the decision"


def block(found: RolloutStatus) -> list[str]:
    """All that there is to say of one rollout, a line each."""
    plan, rollout = found.plan, found.rollout
    since_min = (found.at - rollout.last_at) / MINUTE_S
    facts = [
        ("rollout", f"{plan.rollout} on {plan.target}"),
        ("versions", f"{plan.stable} stable, {plan.canary} canary"),
        ("started", f"{moment(rollout.started_at, date=True)} by {_why(plan.actor, plan.reason)}"),
        ("last", f"{moment(rollout.last_at, date=True)}, {since_min:.0f} min ago"),
        *_stops(found),
        *_waits(found),
        *_judged(found),
    ]
    lines = [f"  {name:9} {text}" for name, text in facts]
    entries = [f"    {line(entry, plan)}" for entry in found.entries[-records.LAST_ENTRIES :]]
    return [head(found), *lines, "  entries", *entries]


def _why(actor: str, reason: str) -> str:
    return f"{actor}: {' '.join(reason.split())}" if reason else actor


def _stops(found: RolloutStatus) -> list[tuple[str, str]]:
    """What keeps it from going on."""
    plan, hold, freeze = found.plan, found.rollout.hold, found.freeze
    facts = []
    if hold is not None:
        by = f" by {hold.actor}" if hold.actor else ""
        why = spaced(hold.why)
        facts.append(("held", f"{why}{by} since {moment(hold.since)}: {hold.detail}"))
    if (step := found.awaits_approval_of) is not None:
        command = f"`guardian rollout approve {plan.service}`"
        facts.append(("approval", f"wanted before step {step}: {command}"))
    waived = [entry for entry in found.entries if isinstance(entry, Waived)]
    facts += [("waived", _why(f"{w.criterion} by {w.actor}", w.detail)) for w in waived]
    if freeze is not None:
        until = moment(freeze.until, date=True)
        back = ", rollbacks too" if freeze.rollbacks_too else ""
        facts.append(("frozen", f"until {until}{back} by {_why(freeze.actor, freeze.reason)}"))
    return facts


def _waits(found: RolloutStatus) -> list[tuple[str, str]]:
    """Who is at work on it, and what waits for them."""
    if not found.rollout.live:
        return []
    service = found.plan.service
    nobody = f"nobody; `guardian rollout recover {service}` puts traffic back"
    facts = [("driven by", found.driver or nobody)]
    for order in found.orders:
        given = _why(order.actor, order.reason)
        facts.append(("order", f"{order.kind.value} waits since {moment(order.at)}, by {given}"))
    return facts


def _judged(found: RolloutStatus) -> list[tuple[str, str]]:
    if found.judged_at is None:
        return []
    waits = f", waiting for {found.waiting_for}" if found.waiting_for else ""
    facts = [("judged", f"{moment(found.judged_at)}{waits}")]
    return facts + [("", short(v)) for v in found.verdicts]


# --- for programs ------------------------------------------------------------------------------


def record(found: RolloutStatus, *, whole: bool = False) -> RolloutRecord:
    """One rollout for programs; `whole` with all that was journalled."""
    code = None if found.rollout.live else outcome(found.rollout).value
    return records.rollout(found, exit_code=code, whole=whole)


def one_rollout(found: RolloutStatus, *, whole: bool = False) -> str:
    """The same as a document of its own, on one line."""
    document: OneRolloutRecord = {
        "schema": "guardian/v1/rollout",
        "time": rfc3339(found.at),
        **record(found, whole=whole),
    }
    return records.text(document)


def rollouts(found: Sequence[RolloutStatus], now: Instant) -> str:
    """Several as one document, on one line."""
    several: RolloutsRecord = {
        "schema": "guardian/v1/rollouts",
        "time": rfc3339(now),
        "rollouts": [record(one) for one in found],
    }
    return records.text(several)


def changes(found: RolloutStatus) -> tuple[object, ...]:
    """What differs when there is something new to show."""
    return (found.rollout.seq, found.driver, found.orders, found.freeze, _outcomes(found))


def news(before: RolloutStatus | None, now: RolloutStatus) -> list[str]:
    """What changed, a line each, where nothing can be drawn in place."""
    plan, seq = now.plan, before.rollout.seq if before else now.rollout.seq - 1
    lines = [
        f"{moment(entry.at)}  {plan.service}: {sentence(entry, plan)}"
        for entry in now.entries[seq:]
    ]
    if before is not None and now.rollout.live:
        lines += _news_of_others(before, now)
    return lines


def _outcomes(found: RolloutStatus) -> tuple[tuple[str, Outcome], ...]:
    return tuple((v.criterion, v.outcome) for v in found.verdicts)


def _news_of_others(before: RolloutStatus, now: RolloutStatus) -> Sequence[str]:
    service, at = now.plan.service, moment(now.at)
    lines = []
    if before.driver != now.driver:
        lines.append(f"{at}  {service}: driven by {now.driver or 'nobody'}")
    known = {order.id for order in before.orders}
    lines += [
        f"{at}  {service}: {o.kind.value} by {o.actor} waits"
        for o in now.orders
        if o.id not in known
    ]
    if now.judged_at is not None and _outcomes(before) != _outcomes(now):
        said = "; ".join(short(v) for v in now.verdicts)
        lines.append(f"{moment(now.judged_at)}  {service}: {said}")
    if before.freeze != now.freeze:
        lines.append(f"{at}  {service}: {'frozen' if now.freeze else 'no longer frozen'}")
    return lines
