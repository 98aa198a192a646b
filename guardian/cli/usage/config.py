"""`guardian config`: what a configuration comes to, and the schema that editors check it with."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.cli.lazy import Declared
from guardian.cli.options import config_option, form_option


@click.group()
def config() -> None:
    """Check a configuration, show what it comes to, describe it to editors."""


@config.command(cls=Declared)
@click.argument("paths", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@config_option
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@form_option("json: one document with every finding.")
def lint() -> None:
    """Check config files with all that they name: rules, routers, receivers. Asks no AWS.

    Without FILE, the one that the other commands would use.
    """


@config.command(cls=Declared)
@click.argument("service", required=False)
@config_option
@form_option("json: one document with every value and its origin.")
def show() -> None:
    """Print the configuration as merged, or one SERVICE of it, with each value's file and line."""


@config.command(cls=Declared)
def schema() -> None:
    """Print the JSON Schema of configuration files, for editors and other programs."""
