"""`guardian rollout promote`, `hold` and their like: orders to a live rollout."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from guardian.app.orders import give, order_to
from guardian.cli.caller import actor
from guardian.cli.orders import told
from guardian.clock import SystemClock
from guardian.core.codec import rfc3339
from guardian.core.rollout.entries import OrderKind
from guardian.messages import records
from guardian.messages.v1 import OrderRecord
from guardian.ports import GuardianError
from guardian.wiring import open_records


def _give(
    kind: OrderKind,
    *,
    rollout: str,
    config: Path | None,
    reason: str,
    expect_step: int | None,
    no_wait: bool,
    timeout: float,
    form: str,
    full: bool = False,
    subject: str = "",
    step: int | None = None,
) -> int:
    """Give the order and print what became of it; steps are counted from 1 here."""
    expected = expect_step if expect_step is not None or step is None else step - 1
    order = replace(
        order_to(kind, rollout, actor=actor(), reason=reason, subject=subject),
        expect_step=None if expected is None else expected - 1,
        full=full,
    )
    try:
        with open_records(config, in_need=_remark if kind is OrderKind.ABORT else None) as wiring:
            result = give(wiring, order, wait=not no_wait, timeout_s=timeout)
            told(form, result, wiring.clock.now())
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
    return 0


def _remark(text: str) -> None:
    click.echo(f"guardian: {text}", err=True)


promote = partial(_give, OrderKind.PROMOTE)
hold = partial(_give, OrderKind.HOLD)
resume = partial(_give, OrderKind.RESUME)
approve = partial(_give, OrderKind.APPROVE)
abort = partial(_give, OrderKind.ABORT)
waive = partial(_give, OrderKind.WAIVE)
