"""What is printed of an order, and of what became of it."""

from __future__ import annotations

import click

from guardian.app.orders import Became, OrderResult
from guardian.app.remembered import phase_of
from guardian.core.codec import rfc3339
from guardian.core.model import Instant
from guardian.core.rollout.entries import Order
from guardian.messages import records
from guardian.messages.entry_lines import sentence
from guardian.messages.v1 import OrderRecord


def told(form: str, result: OrderResult, now: Instant) -> None:
    """Print what became of an order."""
    order, service = result.order, result.rollout.plan.service
    if form not in ("json", "jsonl"):
        click.echo(f"{service}: {order.kind.value}: {_detail(result)}")
        return
    became, rollout = result.became, order.rollout
    found = record(order, became, now, service=service, rollout=rollout, detail=_detail(result))
    click.echo(found)


def record(
    order: Order, became: Became, now: Instant, *, service: str, rollout: str, detail: str = ""
) -> str:
    """The same for programs, on one line; what a start came to has no more details."""
    found: OrderRecord = {
        "schema": "guardian/v1/order",
        "time": rfc3339(now),
        "order": order.id,
        "kind": order.kind.value,
        "actor": order.actor,
        "service": service,
        "rollout": rollout,
        "outcome": became.value,
    }
    if detail:
        found["detail"] = detail
    return records.text(found)


def _detail(result: OrderResult) -> str:
    plan = result.rollout.plan
    match result.became:
        case Became.MOOT:
            return f"nothing to undo: {plan.rollout} is {phase_of(result.rollout)} already"
        case Became.LEFT:
            return f"left for {result.driver}"
        case Became.OBEYED:
            return "; ".join(sentence(entry, plan) for entry in result.happened) or "done"
