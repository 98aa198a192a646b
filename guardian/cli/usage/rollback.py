"""`guardian rollback`: the emergency path. No metrics are asked, no daemon is needed."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import REASON, ROLLBACK_TIMEOUT, config_option


@command()
@click.argument("service")
@config_option
@click.option("--to", metavar="VERSION", help="Restore this version, whatever the snapshot says.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")
@REASON
@ROLLBACK_TIMEOUT
def rollback() -> None:
    """Put all traffic of SERVICE back on its stable version, now."""
