"""`guardian rollout list` and `status`: what is under way, from the journal alone."""

from __future__ import annotations

import click

from guardian.cli.lazy import command
from guardian.cli.options import NO_COLOR, config_option, form_option


@command("list")
@click.argument("service", required=False)
@config_option
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@form_option("json: one document with all of them.")
def list_() -> None:
    """Rollouts that are live, of SERVICE or of all."""


@command()
@click.argument("names", nargs=-1, metavar="[SERVICE]...")
@config_option
@click.option("-w", "--watch", "live", is_flag=True, help="Stay, and show each change, to the end.")
@form_option("json: one document; jsonl: one record a rollout, and with -w one a change.", "jsonl")
@NO_COLOR
def status() -> None:
    """How rollouts stand: those of each SERVICE (or of that id), else all that are live.

    What is shown is what the journal holds; the newest values are with the process that judges.
    """
