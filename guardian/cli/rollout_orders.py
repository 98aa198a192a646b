"""`guardian rollout promote`, `hold` and their like: orders to a live rollout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from guardian.cli.options import DURATION, config_option, form_option

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
    import json

    from guardian.cli.orders import SCHEMA
    from guardian.clock import SystemClock
    from guardian.core.codec import rfc3339
    from guardian.ports import GuardianError

    try:
        return run()
    except GuardianError as error:
        if form == "json":
            record = {
                "schema": SCHEMA,
                "time": rfc3339(SystemClock().now()),
                "outcome": "failed",
                "detail": str(error),
                "exit_code": error.exit_code,
            }
            click.echo(json.dumps(record))
        raise


@contextmanager
def _way_out(kind: str, service: str) -> Iterator[None]:
    """An abort that the journal cannot take names the command that needs none."""
    from guardian.ports import JournalError, Unavailable

    try:
        yield
    except JournalError as error:
        if kind != "abort":
            raise
        raise Unavailable(
            f"the abort cannot be given: {error}\n`guardian rollback {service}` needs no journal"
        ) from error


def ordering(kind: str) -> Callable[[Command], Callable[..., int]]:
    """Make a command of a function that turns its own options into fields of the order."""

    def decorate(fields: Command) -> Callable[..., int]:
        @wraps(fields)
        def command(
            *,
            rollout: str,
            config: Path | None,
            form: str,
            timeout: float,
            no_wait: bool,
            expect_step: int | None,
            **own: object,
        ) -> int:
            from guardian.cli.guard import actor
            from guardian.cli.orders import Wanted, addressed, give, opened
            from guardian.core.rollout.entries import OrderKind

            def run() -> int:
                with opened(config, in_need=kind == "abort") as wiring, _way_out(kind, rollout):
                    known = wiring.config.services if wiring.config is not None else ()
                    found = addressed(wiring.journal, rollout, OrderKind(kind), known)
                    given: dict[str, Any] = fields(found, **own)
                    if expect_step is not None:
                        given["expect_step"] = expect_step - 1
                    wanted = Wanted(kind=OrderKind(kind), actor=actor(), **given)
                    return give(
                        wiring, found, wanted, wait=not no_wait, timeout_s=timeout, form=form
                    )

            return failing(form, run)

        return command

    return decorate


REASON = click.option("--reason", default="", help="Why; recorded.")
WHY = click.option("--reason", required=True, help="Why; recorded.")


@click.command()
@click.option("--full", is_flag=True, help="All traffic to the canary now, over the steps between.")
@REASON
@order_options
@ordering("promote")
def promote(found: Any, *, full: bool, reason: str) -> dict[str, Any]:
    """End this bake and take the next step. SERVICE may be a rollout's id.

    Without --expect-step it is refused when the rollout has gone on in the meantime.
    """
    return {"full": full, "reason": reason, "expect_step": found.step}


@click.command()
@click.option(
    "--stop-rollback",
    is_flag=True,
    help="Also stop a rollback under way: traffic stays split; needs --reason.",
)
@REASON
@order_options
@ordering("hold")
def hold(_found: Any, *, stop_rollback: bool, reason: str) -> dict[str, Any]:
    """Stop advancing until `guardian rollout resume`. Breaches still roll back."""
    from guardian.ports import UsageError

    if stop_rollback and not reason:
        raise UsageError("--stop-rollback needs --reason: say why traffic may stay as it is")
    return {"full": stop_rollback, "reason": reason}


@click.command()
@REASON
@order_options
@ordering("resume")
def resume(_found: Any, *, reason: str) -> dict[str, Any]:
    """Go on from where a hold began."""
    return {"reason": reason}


@click.command()
@click.option(
    "--step",
    type=click.IntRange(min=1),
    metavar="N",
    help="The step that may begin, counted from 1; refused when another one is waiting.",
)
@REASON
@order_options
@ordering("approve")
def approve(found: Any, *, step: int | None, reason: str) -> dict[str, Any]:
    """Agree to the step that waits for a person."""
    seen = found.step if step is None else step - 2
    return {"reason": reason, "expect_step": seen}


@click.command()
@REASON
@order_options
@ordering("abort")
def abort(_found: Any, *, reason: str) -> dict[str, Any]:
    """Put the recorded stable state back, now."""
    return {"reason": reason}


@click.command()
@order_options
@click.argument("criterion")
@WHY
@ordering("waive")
def waive(found: Any, *, criterion: str, reason: str) -> dict[str, Any]:
    """Let CRITERION count no longer, for this rollout alone."""
    from guardian.ports import ConfigError

    known = [c.name for c in found.plan.criteria]
    if criterion not in known:
        raise ConfigError(
            f"rollout {found.plan.rollout} has no criterion {criterion}: it has {', '.join(known)}"
        )
    return {"subject": criterion, "reason": reason}
