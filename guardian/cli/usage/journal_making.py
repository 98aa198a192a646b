"""`guardian journal`: the place where rollouts are recorded."""

from __future__ import annotations

import click

from guardian.cli.lazy import Declared
from guardian.cli.options import config_option


@click.group()
def journal() -> None:
    """Prepare the place where rollouts are recorded."""


@journal.command(cls=Declared)
@config_option
def init() -> None:
    """Make the journal that the configuration names, where it is not there yet.

    A DynamoDB table is made on demand, with point-in-time recovery and protected from deletion; it
    needs the permissions that docs/journals/dynamodb.md names, which nothing else does.
    """
