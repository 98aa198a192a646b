"""`guardian report`: what happened in one rollout and why, as text, Markdown, JSON or HTML."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.cli.lazy import command
from guardian.cli.options import config_option

FORMS = ("text", "markdown", "json", "html")


@command()
@click.argument("name", metavar="ROLLOUT|SERVICE")
@config_option
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(FORMS),
    default=None,
    help="What it is written as; by the ending of FILE, or text, when left out.",
)
@click.option(
    "--to",
    "to",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write it into this file instead of to the terminal.",
)
@click.option("--no-metrics", is_flag=True, help="From the journal alone: AWS is not asked.")
def report() -> None:
    """What happened in a rollout and why, for a post-mortem.

    Where a SERVICE is named, of its live rollout or the newest. Nothing is changed and nobody is
    told.
    """
