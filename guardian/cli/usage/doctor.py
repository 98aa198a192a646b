"""`guardian doctor`: whether everything that guardian needs is there, before it is needed."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import config_option, form_option


@command()
@click.argument("services", nargs=-1)
@config_option
@form_option("json: one document with every finding.")
@click.option("--strict", is_flag=True, help="Warnings count as failures.")
def doctor() -> None:
    """Look at credentials, permissions, metrics, rollback targets, journal and notifiers.

    Of SERVICES, or of all that are not switched off; of FUNCTION:ALIAS also without a file.
    Nothing is changed and nobody is told.
    """
