"""`guardian snapshot`: record what stable is, before a deploy that somebody else makes."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import config_option, form_option


@command()
@click.argument("services", nargs=-1)
@config_option
@click.option("--all", "everything", is_flag=True, help="Every service of the config file.")
@form_option("json: one document with every snapshot.")
def snapshot() -> None:
    """Record what stable is, so that `guardian watch` knows what to restore."""
