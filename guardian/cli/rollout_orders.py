"""`guardian rollout promote`, `hold` and their like: orders to a live rollout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, Unpack

import click

from guardian.app.orders import give
from guardian.cli.caller import actor
from guardian.cli.orders import told
from guardian.clock import SystemClock
from guardian.core.codec import rfc3339
from guardian.core.rollout.entries import Order, OrderKind
from guardian.messages import records
from guardian.messages.v1 import OrderRecord
from guardian.ports import GuardianError
from guardian.wiring import open_records


def failing(form: str, run: Callable[[], int]) -> int:
    """Run an order; an error is a record too, where a program reads the output."""
    try:
        return run()
    except GuardianError as error:
        if form == "json":
            record: OrderRecord = {
                "schema": "guardian/v1/order",
                "time": rfc3339(SystemClock().now()),
                "outcome": "failed",
                "detail": str(error),
                "exit_code": error.exit_code,
            }
            click.echo(records.text(record))
        raise


class OrderArguments(TypedDict):
    """What every order is given on its command line."""

    rollout: str
    config: Path | None
    form: str
    timeout: float
    no_wait: bool
    expect_step: int | None


def _remark(text: str) -> None:
    click.echo(f"guardian: {text}", err=True)


def _give(
    kind: str,
    asked: OrderArguments,
    *,
    reason: str,
    full: bool = False,
    subject: str = "",
    step: int | None = None,
) -> int:
    """Give the order and print what became of it; `step` is the one it counts on, from 0."""
    expected = asked["expect_step"]

    def run() -> int:
        in_need = _remark if kind == "abort" else None
        with open_records(asked["config"], in_need=in_need) as wiring:
            order = Order(
                id="",
                rollout=asked["rollout"],
                kind=OrderKind(kind),
                actor=actor(),
                reason=reason,
                at=wiring.clock.now(),
                expect_step=step if expected is None else expected - 1,
                full=full,
                subject=subject,
            )
            result = give(wiring, order, wait=not asked["no_wait"], timeout_s=asked["timeout"])
            told(asked["form"], result, wiring.clock.now())
        return 0

    return failing(asked["form"], run)


def promote(*, full: bool, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """`guardian rollout promote`; the exit code."""
    return _give("promote", asked, reason=reason, full=full)


def hold(*, stop_rollback: bool, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """`guardian rollout hold`; the exit code."""
    return _give("hold", asked, reason=reason, full=stop_rollback)


def resume(*, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """`guardian rollout resume`; the exit code."""
    return _give("resume", asked, reason=reason)


def approve(*, step: int | None, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """`guardian rollout approve`; the exit code."""
    return _give("approve", asked, reason=reason, step=None if step is None else step - 2)


def abort(*, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """`guardian rollout abort`; the exit code."""
    return _give("abort", asked, reason=reason)


def waive(*, criterion: str, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """`guardian rollout waive`; the exit code."""
    return _give("waive", asked, reason=reason, subject=criterion)
