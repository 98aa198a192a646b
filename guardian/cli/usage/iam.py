"""`guardian iam`: the least policies that guardian needs, per account."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import config_option


@command()
@click.argument("services", nargs=-1)
@config_option
@click.option(
    "--role",
    type=click.Choice(["read", "act", "break-glass"]),
    default="act",
    show_default=True,
    help="read: judge, order; act: what the daemon needs; break-glass: `guardian rollback` alone.",
)
@click.option("--account", metavar="ID", help="Of this account alone.")
def iam() -> None:
    """Print the least IAM policy for SERVICES (all of the configuration when none is named).

    Where they act in several accounts: a policy for each, by the account's id. Made of what each
    router, source and notifier says it needs; asks AWS nothing.
    """
