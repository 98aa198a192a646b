"""`guardian config`: what a configuration comes to, and the schema that editors check it with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from guardian.cli.options import config_option, form_option
from guardian.files.config.show import aligned, record, shown
from guardian.files.findings import counted
from guardian.messages import records
from guardian.messages.v1_files import ConfigLintRecord
from guardian.wiring import open_wiring
from guardian.wiring.config_lint import check_names, lint_file
from guardian.wiring.config_schema import config_schema


@click.group()
def config() -> None:
    """Check a configuration, show what it comes to, describe it to editors."""


@config.command()
@click.argument("paths", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@config_option
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@form_option("json: one document with every finding.")
def lint(*, paths: tuple[Path, ...], config: Path | None, strict: bool, form: str) -> int:
    """Check config files with all that they name: rules, routers, receivers. Asks no AWS.

    Without FILE, the one that the other commands would use.
    """
    found = [lint_file(path, os.environ) for path in paths or (config,)]
    errors = [text for one in found for text in one.errors]
    warnings = [text for one in found for text in one.warnings]
    if form == "json":
        record: ConfigLintRecord = {
            "schema": "guardian/v1/config-lint",
            "errors": errors,
            "warnings": warnings,
        }
        click.echo(records.text(record))
    else:
        for text in (*errors, *warnings):
            click.echo(text)
        read, wrong = counted(len(found), "config file"), counted(len(errors), "error")
        click.echo(f"{read}: {wrong}, {counted(len(warnings), 'warning')}")
    return 3 if errors or (strict and warnings) else 0


@config.command()
@click.argument("service", required=False)
@config_option
@form_option("json: one document with every value and its origin.")
def show(*, service: str | None, config: Path | None, form: str) -> int:
    """Print the configuration as merged, or one SERVICE of it, with each value's file and line."""
    with open_wiring(config) as wiring:
        check_names(wiring.configured())
        lines = shown(wiring.configured(), service)
    click.echo(records.text(record(lines)) if form == "json" else aligned(lines))
    return 0


@config.command()
def schema() -> int:
    """Print the JSON Schema of configuration files, for editors and other programs."""
    click.echo(json.dumps(config_schema(), indent=2))
    return 0
