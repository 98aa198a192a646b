"""`guardian rollout promote`, `hold` and their like: orders to a live rollout."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import DURATION, REASON, F, config_option, form_option

WHY = click.option("--reason", required=True, help="Why; recorded.")


def order_options(command: F) -> F:
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


@command()
@click.option("--full", is_flag=True, help="All traffic to the canary now, over the steps between.")
@REASON
@order_options
def promote() -> None:
    """End this bake and take the next step. SERVICE may be a rollout's id.

    Without --expect-step it is refused when the rollout has gone on in the meantime.
    """


@command()
@click.option(
    "--stop-rollback",
    "full",
    is_flag=True,
    help="Also stop a rollback under way: traffic stays split; needs --reason.",
)
@REASON
@order_options
def hold() -> None:
    """Stop advancing until `guardian rollout resume`. Breaches still roll back."""


@command()
@REASON
@order_options
def resume() -> None:
    """Go on from where a hold began."""


@command()
@click.option(
    "--step",
    type=click.IntRange(min=1),
    metavar="N",
    help="The step that may begin, counted from 1; refused when another one is waiting.",
)
@REASON
@order_options
def approve() -> None:
    """Agree to the step that waits for a person."""


@command()
@REASON
@order_options
def abort() -> None:
    """Put the recorded stable state back, now."""


@command()
@order_options
@click.argument("subject", metavar="CRITERION")
@WHY
def waive() -> None:
    """Let CRITERION count no longer, for this rollout alone."""
