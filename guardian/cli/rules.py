"""`guardian rules`: check rule files before they guard anything."""

from __future__ import annotations

import json
from pathlib import Path

import click


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
    from guardian.rulefile.report import lint as check

    report = check(paths)
    errors = [f for f in report.findings if f.severity == "error"]
    if form == "json":
        click.echo(json.dumps(report.record()))
    else:
        for found in report.findings:
            click.echo(str(found))
        click.echo(
            f"{report.files} rule files, {report.criteria} criteria:"
            f" {len(errors)} errors, {len(report.findings) - len(errors)} warnings"
        )
    return 3 if errors or (strict and report.findings) else 0
