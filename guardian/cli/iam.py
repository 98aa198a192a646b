"""`guardian iam`: the least policies that guardian needs, per account."""

from __future__ import annotations

import json
from pathlib import Path

import click

from guardian.cli.options import config_option
from guardian.ports import UsageError
from guardian.wiring import open_wiring
from guardian.wiring.iam import policies


@click.command()
@click.argument("services", nargs=-1)
@config_option
@click.option(
    "--role",
    type=click.Choice(["read", "act", "break-glass"]),
    default="act",
    show_default=True,
    help="read: judge only; act: what the daemon needs; break-glass: `guardian rollback` alone.",
)
@click.option("--account", metavar="ID", help="Of this account alone.")
def iam(*, services: tuple[str, ...], config: Path | None, role: str, account: str | None) -> int:
    """Print the least IAM policy for SERVICES (all of the configuration when none is named).

    Where they act in several accounts: a policy for each, by the account's id. Made of what each
    router, source and notifier says it needs; asks AWS nothing.
    """
    with open_wiring(config) as wiring:
        named = services or tuple(wiring.configured().services)
        found = policies(wiring, named, role)
    if account is None and len(found) != 1:
        click.echo("guardian: a policy for each account, by its id: --account picks one", err=True)
        click.echo(json.dumps(found, indent=2))
        return 0
    account = account or next(iter(found))
    if account not in found:
        raise UsageError(
            f"--account {account}: these services act in {', '.join(found) or 'no account'}"
        )
    click.echo(json.dumps(found[account], indent=2))
    return 0
