"""`guardian rules`: check rule files before they guard anything."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.cli.lazy import Declared
from guardian.cli.options import form_option


@click.group()
def rules() -> None:
    """Check rule files, put them into words, describe them to editors."""


@rules.command(cls=Declared)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@form_option("json: one document with every finding.")
def lint() -> None:
    """Check rule files and folders of them: every error of every file, with its place."""


@rules.command(cls=Declared)
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...|SERVICE")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="Explain the criteria of SERVICE in this config file, its overrides and steps with them.",
)
@form_option("json: one document with every value and its origin.")
def explain() -> None:
    """Put rule files into plain English, with every default and where each value is written."""


@rules.command(cls=Declared)
def schema() -> None:
    """Print the JSON Schema of rule files, for editors and other programs."""
