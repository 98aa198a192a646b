"""`guardian rollout promote`, `hold` and their like: orders to a live rollout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, Unpack

import click

from guardian.app.orders import give
from guardian.cli.caller import actor
from guardian.cli.options import DURATION, REASON, config_option, form_option
from guardian.cli.orders import told
from guardian.clock import SystemClock
from guardian.core.codec import rfc3339
from guardian.core.rollout.entries import Order, OrderKind
from guardian.messages import records
from guardian.messages.v1 import OrderRecord
from guardian.ports import GuardianError
from guardian.wiring import open_records

Command = Callable[..., Any]


def order_options(command: Command) -> Command:
    """What every order takes."""
    for option in (
        form_option("json: one record with the order and what became of it."),
        click.option(
            "--timeout",
            type=DURATION,
            default="15s",
            show_default=True,
            help="How long to wait for the answer (exit code 124).",
        ),
        click.option(
            "--no-wait", is_flag=True, help="Leave the order, do not wait for its answer."
        ),
        click.option(
            "--expect-step",
            type=click.IntRange(min=0),
            metavar="N",
            help="Refuse it when the rollout is at another step by then; 0 is before the first.",
        ),
        config_option,
        click.argument("rollout", metavar="SERVICE"),
    ):
        command = option(command)
    return command


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


WHY = click.option("--reason", required=True, help="Why; recorded.")


@click.command()
@click.option("--full", is_flag=True, help="All traffic to the canary now, over the steps between.")
@REASON
@order_options
def promote(*, full: bool, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """End this bake and take the next step. SERVICE may be a rollout's id.

    Without --expect-step it is refused when the rollout has gone on in the meantime.
    """
    return _give("promote", asked, reason=reason, full=full)


@click.command()
@click.option(
    "--stop-rollback",
    is_flag=True,
    help="Also stop a rollback under way: traffic stays split; needs --reason.",
)
@REASON
@order_options
def hold(*, stop_rollback: bool, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """Stop advancing until `guardian rollout resume`. Breaches still roll back."""
    return _give("hold", asked, reason=reason, full=stop_rollback)


@click.command()
@REASON
@order_options
def resume(*, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """Go on from where a hold began."""
    return _give("resume", asked, reason=reason)


@click.command()
@click.option(
    "--step",
    type=click.IntRange(min=1),
    metavar="N",
    help="The step that may begin, counted from 1; refused when another one is waiting.",
)
@REASON
@order_options
def approve(*, step: int | None, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """Agree to the step that waits for a person."""
    return _give("approve", asked, reason=reason, step=None if step is None else step - 2)


@click.command()
@REASON
@order_options
def abort(*, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """Put the recorded stable state back, now."""
    return _give("abort", asked, reason=reason)


@click.command()
@order_options
@click.argument("criterion")
@WHY
def waive(*, criterion: str, reason: str, **asked: Unpack[OrderArguments]) -> int:
    """Let CRITERION count no longer, for this rollout alone."""
    return _give("waive", asked, reason=reason, subject=criterion)
