"""`guardian config`: what a configuration comes to, and the schema that editors check it with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from guardian.cli.options import config_option


@click.group()
def config() -> None:
    """Show what a configuration comes to."""


@config.command()
@click.argument("service", required=False)
@config_option
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one document with every value and its origin.",
)
def show(*, service: str | None, config: Path | None, form: str) -> int:
    """Print the configuration as merged, or one SERVICE of it, with each value's file and line."""
    from guardian.config.show import aligned, record, shown
    from guardian.wiring import open_wiring

    with open_wiring(config) as wiring:
        lines = shown(wiring.configured(), service)
    click.echo(json.dumps(record(lines)) if form == "json" else aligned(lines))
    return 0


@config.command()
def schema() -> int:
    """Print the JSON Schema of configuration files, for editors and other programs."""
    from guardian.wiring.schemas import config_schema

    click.echo(json.dumps(config_schema(), indent=2))
    return 0
