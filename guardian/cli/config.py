"""`guardian config`: what a configuration comes to, and the schema that editors check it with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from guardian.files.config.show import aligned, record, shown
from guardian.files.findings import counted
from guardian.messages import records
from guardian.messages.v1_files import ConfigLintRecord
from guardian.wiring import open_wiring
from guardian.wiring.config_lint import check_names, lint_file
from guardian.wiring.config_schema import config_schema


def lint(*, paths: tuple[Path, ...], config: Path | None, strict: bool, form: str) -> int:
    """`guardian config lint`; the exit code."""
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


def show(*, service: str | None, config: Path | None, form: str) -> int:
    """`guardian config show`; the exit code."""
    with open_wiring(config) as wiring:
        check_names(wiring.configured())
        lines = shown(wiring.configured(), service)
    click.echo(records.text(record(lines)) if form == "json" else aligned(lines))
    return 0


def schema() -> int:
    """`guardian config schema`; the exit code."""
    click.echo(json.dumps(config_schema(), indent=2))
    return 0
