"""`guardian rules`: check rule files before they guard anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from guardian.findings import Finding


@click.group()
def rules() -> None:
    """Check rule files."""


@rules.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one document with every finding.",
)
def lint(*, paths: tuple[Path, ...], strict: bool, form: str) -> int:
    """Check rule files and folders of them: every error of every file, with its place."""
    from guardian.rulefile import survey

    files = list(survey(paths))
    findings = [found for file in files for found in file.findings]
    errors = [f for f in findings if f.severity == "error"]
    if form == "json":
        click.echo(
            json.dumps({"schema": "guardian/lint/v1", "findings": list(map(_record, findings))})
        )
    else:
        for found in findings:
            click.echo(str(found))
        click.echo(
            f"{len(files)} rule files, {sum(f.criteria for f in files)} criteria:"
            f" {len(errors)} errors, {len(findings) - len(errors)} warnings"
        )
    return 3 if errors or (strict and findings) else 0


def _record(found: Finding) -> dict[str, object]:
    """A finding as programs read it."""
    return {
        "path": found.path,
        "line": found.line,
        "column": found.column,
        "severity": found.severity,
        "message": found.message,
    }
