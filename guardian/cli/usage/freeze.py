"""`guardian freeze` and `unfreeze`: no advances for a while, of one service or of all."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import DURATION, config_option, form_option

FORM = form_option("json: one document with every freeze that is left.")


@command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@config_option
@click.option("--all", "everything", is_flag=True, help="Every service, also those added later.")
@click.option(
    "--until", "--for", "until", type=DURATION, metavar="DURATION", help="How long, e.g. 2h."
)
@click.option("--reason", default="", help="Why; recorded, and shown to whoever waits.")
@click.option(
    "--rollbacks-too",
    is_flag=True,
    help="Nothing is rolled back by guardian's own judgement either; an abort still is.",
)
@click.option("--list", "listed", is_flag=True, help="Only show the freezes there are.")
@FORM
def freeze() -> None:
    """Stop all advances of SERVICE for a time. Traffic stays, breaches still roll back."""


@command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@config_option
@click.option("--all", "everything", is_flag=True, help="End the freeze of all services.")
@FORM
def unfreeze() -> None:
    """End a freeze. One of all services is ended by --all, and leaves those of single ones."""
