"""How a rollout stands, from the journal alone: for `guardian rollout status` and `list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from guardian.app.records import driver, phase_of
from guardian.cli.output import short, verdict_record
from guardian.core.codec import rfc3339
from guardian.core.model import MINUTE_S, Instant
from guardian.core.plan import Drive
from guardian.core.rollout.entries import Freeze, HoldReason, Order, Waived, freeze_in_force
from guardian.core.rollout.machine import IllegalEntry, Phase, Rollout, fold
from guardian.core.status import Look, confirmed_weight
from guardian.core.verdict import Outcome, Verdict
from guardian.engine.outcome import Exit, outcome
from guardian.messages.entry_lines import lasting, line, moment, record_of, sentence, verdicts_of
from guardian.ports import Damaged, Journal, Record

LAST_ENTRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One rollout as any process can see it."""

    at: Instant
    rollout: Rollout
    records: tuple[Record, ...]
    driver: str | None
    orders: tuple[Order, ...]
    freeze: Freeze | None
    """The freeze that is in force for the service."""
    look: Look | None = None
    """What whoever judges it saw last."""

    @property
    def changes(self) -> tuple[object, ...]:
        """What differs when there is something new to show."""
        return (self.rollout.seq, self.driver, self.orders, self.freeze, _outcomes(self))

    @property
    def exit(self) -> Exit:
        """What it comes to for whoever waits."""
        return outcome(self.rollout)

    @property
    def where(self) -> str:
        """`baking, step 2 of 3, 50%`."""
        rollout, plan = self.rollout, self.rollout.plan
        words = [phase_of(rollout)]
        if plan.drive is Drive.ROLLOUT and rollout.live:
            words.append(f"step {rollout.step + 1} of {len(plan.steps)}")
        return ", ".join([*words, f"{plan.canary} at {confirmed_weight(rollout)}"])

    @property
    def judged(self) -> tuple[Instant, tuple[Verdict, ...]] | None:
        """The newest verdicts, and when they were: of the last look, else as journalled."""
        look = self.look
        for record in reversed(self.records):
            if verdicts := verdicts_of(record.entry):
                if look is None or look.at < record.entry.at:
                    return record.entry.at, verdicts
                break
        return (look.at, look.verdicts) if look is not None and look.verdicts else None

    @property
    def ending(self) -> str:
        """How it ended, why, and how long it took; of one that is live, its last entry."""
        rollout, last = self.rollout, sentence(self.records[-1].entry, self.rollout.plan)
        if rollout.live:
            return last
        took = f"{lasting(rollout.last_at - rollout.started_at)} after it began"
        back = rollout.rollback
        if rollout.phase is not Phase.ROLLED_BACK or back is None:
            return f"{last}; {took}"
        by = f" by {back.actor}" if back.actor else ""
        why = f"{back.cause.value.replace('_', ' ')}{by}: {' '.join(back.detail.split())}"
        returned = lasting(rollout.last_at - back.at)
        return f"rolled back, {took} ({why}); traffic was back {returned} after the decision"

    @property
    def waived(self) -> tuple[Waived, ...]:
        """The criteria that count no longer."""
        return tuple(r.entry for r in self.records if isinstance(r.entry, Waived))

    @property
    def approval(self) -> int | None:
        """The step, counted from 1, that waits for a person's approval."""
        hold = self.rollout.hold
        waits = hold is not None and hold.why is HoldReason.APPROVAL
        return self.rollout.step + 2 if waits else None


def standing(journal: Journal, name: str, now: Instant) -> Standing:
    """How a rollout stands; `name` is its id."""
    records = tuple(journal.read(name))
    rollout = fold(record.entry for record in records)
    return Standing(
        at=now,
        rollout=rollout,
        records=records,
        driver=driver(journal, rollout) if rollout.live else None,
        orders=tuple(journal.orders([name])) if rollout.live else (),
        freeze=freeze_in_force(journal.freezes(), rollout.plan.service, now)
        if rollout.live
        else None,
        look=journal.shown(name) if rollout.live else None,
    )


@contextmanager
def standings(journal: Journal, names: Sequence[str], now: Instant) -> Iterator[list[Standing]]:
    """How several stand. One that is damaged is told when the others were shown: Damaged."""
    found, lost = [], []
    for name in names:
        try:
            found.append(standing(journal, name, now))
        except Damaged as error:
            lost.append(str(error))
        except IllegalEntry as error:
            lost.append(f"rollout {name} cannot be read back from the journal: {error}")
    yield found
    if lost:
        raise Damaged("\n".join(lost))


# --- for people --------------------------------------------------------------------------------


def head(found: Standing) -> str:
    """`agents-api: baking, step 2 of 3, 42 at 50%`."""
    return f"{found.rollout.plan.service}: {found.where}"


def block(found: Standing) -> list[str]:
    """All that there is to say of one rollout, a line each."""
    plan, rollout = found.rollout.plan, found.rollout
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
    entries = [f"    {line(r, plan)}" for r in found.records[-LAST_ENTRIES:]]
    return [head(found), *lines, "  entries", *entries]


def _why(actor: str, reason: str) -> str:
    return f"{actor}: {' '.join(reason.split())}" if reason else actor


def _stops(found: Standing) -> list[tuple[str, str]]:
    """What keeps it from going on."""
    plan, hold, freeze = found.rollout.plan, found.rollout.hold, found.freeze
    facts = []
    if hold is not None:
        by = f" by {hold.actor}" if hold.actor else ""
        why = hold.why.value.replace("_", " ")
        facts.append(("held", f"{why}{by} since {moment(hold.since)}: {hold.detail}"))
    if found.approval is not None:
        command = f"`guardian rollout approve {plan.service}`"
        facts.append(("approval", f"wanted before step {found.approval}: {command}"))
    facts += [("waived", _why(f"{w.criterion} by {w.actor}", w.detail)) for w in found.waived]
    if freeze is not None:
        until = moment(freeze.until, date=True)
        back = ", rollbacks too" if freeze.rollbacks_too else ""
        facts.append(("frozen", f"until {until}{back} by {_why(freeze.actor, freeze.reason)}"))
    return facts


def _waits(found: Standing) -> list[tuple[str, str]]:
    """Who is at work on it, and what waits for them."""
    if not found.rollout.live:
        return []
    service = found.rollout.plan.service
    nobody = f"nobody; `guardian rollout recover {service}` puts traffic back"
    facts = [("driven by", found.driver or nobody)]
    for order in found.orders:
        given = _why(order.actor, order.reason)
        facts.append(("order", f"{order.kind.value} waits since {moment(order.at)}, by {given}"))
    return facts


def _judged(found: Standing) -> list[tuple[str, str]]:
    if found.judged is None:
        return []
    at, verdicts = found.judged
    seen = found.look is not None and found.look.at == at
    waits = f", waiting for {found.look.waiting_for}" if seen and found.look is not None else ""
    facts = [("judged", f"{moment(at)}{waits}")]
    return facts + [("", short(v)) for v in verdicts]


# --- for programs ------------------------------------------------------------------------------


def record(found: Standing) -> Mapping[str, Any]:
    """One rollout for programs."""
    rollout, plan, step = found.rollout, found.rollout.plan, found.rollout.current_step
    weight = confirmed_weight(rollout)
    return {
        "service": plan.service,
        "rollout": plan.rollout,
        "environment": plan.environment,
        "target": plan.target,
        "drive": plan.drive.value,
        "live": rollout.live,
        "phase": rollout.phase.value,
        "step": rollout.step + 1,
        "steps": len(plan.steps),
        "weight": weight.ratio,
        "wanted": (step.weight if step else weight).ratio,
        "stable": plan.stable,
        "canary": plan.canary,
        "actor": plan.actor,
        "reason": plan.reason,
        "started_at": rfc3339(rollout.started_at),
        "last_at": rfc3339(rollout.last_at),
        "exit_code": None if rollout.live else found.exit.value,
        "driver": found.driver,
        **_stops_record(found),
        "orders": [_order_record(order) for order in found.orders],
        "judged_at": rfc3339(found.judged[0]) if found.judged else None,
        "verdicts": [verdict_record(v) for v in found.judged[1]] if found.judged else [],
        "entries": [record_of(r, plan) for r in found.records[-LAST_ENTRIES:]],
    }


def _stops_record(found: Standing) -> Mapping[str, Any]:
    hold, freeze = found.rollout.hold, found.freeze
    return {
        "held": {
            "why": hold.why.value,
            "by": hold.actor,
            "since": rfc3339(hold.since),
            "detail": hold.detail,
        }
        if hold
        else None,
        "approval_before_step": found.approval,
        "waived": [w.criterion for w in found.waived],
        "freeze": freeze_record(freeze) if freeze else None,
    }


def freeze_record(freeze: Freeze) -> Mapping[str, Any]:
    """A freeze for programs."""
    return {
        "scope": freeze.scope,
        "until": rfc3339(freeze.until),
        "by": freeze.actor,
        "reason": freeze.reason,
        "since": rfc3339(freeze.at),
        "rollbacks_too": freeze.rollbacks_too,
    }


def _order_record(order: Order) -> Mapping[str, Any]:
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


def news(before: Standing | None, now: Standing) -> list[str]:
    """What changed, a line each, where nothing can be drawn in place."""
    plan, seq = now.rollout.plan, before.rollout.seq if before else now.rollout.seq - 1
    lines = [
        f"{moment(r.entry.at)}  {plan.service}: {sentence(r.entry, plan)}"
        for r in now.records[seq:]
    ]
    if before is not None and now.rollout.live:
        lines += _news_of_others(before, now)
    return lines


def _outcomes(found: Standing) -> tuple[tuple[str, Outcome], ...]:
    return tuple((v.criterion, v.outcome) for v in found.judged[1]) if found.judged else ()


def _news_of_others(before: Standing, now: Standing) -> Sequence[str]:
    service, at = now.rollout.plan.service, moment(now.at)
    lines = []
    if before.driver != now.driver:
        lines.append(f"{at}  {service}: driven by {now.driver or 'nobody'}")
    known = {order.id for order in before.orders}
    lines += [
        f"{at}  {service}: {o.kind.value} by {o.actor} waits"
        for o in now.orders
        if o.id not in known
    ]
    judged = now.judged
    if judged is not None and _outcomes(before) != _outcomes(now):
        said = "; ".join(short(v) for v in judged[1])
        lines.append(f"{moment(judged[0])}  {service}: {said}")
    if before.freeze != now.freeze:
        lines.append(f"{at}  {service}: {'frozen' if now.freeze else 'no longer frozen'}")
    return lines
