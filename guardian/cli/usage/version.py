"""`guardian version`: what is installed."""

from __future__ import annotations

import platform

import click

from guardian import __version__


@click.command()
def version() -> None:
    """Print guardian's version and Python's."""
    click.echo(f"guardian {__version__} (Python {platform.python_version()})")
