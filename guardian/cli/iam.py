"""`guardian iam`: the least policies that guardian needs, per account."""

from __future__ import annotations

import json
from pathlib import Path

import click

from guardian.ports import UsageError
from guardian.wiring import open_wiring
from guardian.wiring.iam import policies


def iam(*, services: tuple[str, ...], config: Path | None, role: str, account: str | None) -> int:
    """`guardian iam`; the exit code."""
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
