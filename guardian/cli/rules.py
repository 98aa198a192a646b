"""`guardian rules`: check rule files before they guard anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from guardian.core.wording import span
from guardian.files.config import load
from guardian.files.findings import counted
from guardian.files.rules import lint as check
from guardian.files.rules.explain import explain as put_into_words
from guardian.files.rules.explain import explained, in_words
from guardian.files.rules.rule_schema import rule_schema
from guardian.messages import records
from guardian.messages.v1_files import ExplainRecord, ExplanationRecord
from guardian.ports import UsageError
from guardian.wiring.adapters import router_variables
from guardian.wiring.services import service_criteria


def lint(*, paths: tuple[Path, ...], strict: bool, form: str) -> int:
    """`guardian rules lint`; the exit code."""
    report = check(paths, routed=router_variables())
    errors = [f for f in report.findings if f.severity == "error"]
    if form == "json":
        click.echo(records.text(report.record()))
    else:
        for found in report.findings:
            click.echo(str(found))
        read = counted(report.files, "rule file"), counted(report.criteria, "criteri", "on", "a")
        warnings = len(report.findings) - len(errors)
        wrong = counted(len(errors), "error"), counted(warnings, "warning")
        click.echo(f"{', '.join(read)}: {', '.join(wrong)}")
    return 3 if errors or (strict and report.findings) else 0


def explain(*, paths: tuple[str, ...], config: Path | None, form: str) -> int:
    """`guardian rules explain`; the exit code."""
    if config is None:
        found = explained(paths)
        if form == "json":
            click.echo(_explain_record(found))
        else:
            click.echo("\n".join(map(in_words, found)), nl=False)
        return 0
    if len(paths) != 1:
        raise UsageError("with -c, name one service of the config file")
    _explain_service(config, paths[0], form)
    return 0


def _explain_record(rules: list[ExplanationRecord]) -> str:
    document: ExplainRecord = {"schema": "guardian/v1/explain", "rules": rules}
    return records.text(document)


def _explain_service(config: Path, name: str, form: str) -> None:
    loaded = load(config, environ=os.environ)
    service = loaded.service(name)
    explanation = put_into_words(service_criteria(loaded, name), policy=service.policy)
    steps = service.steps
    if form == "json":
        explanation["service"] = name
        explanation["steps"] = [records.step(one) for one in steps]
        click.echo(_explain_record([explanation]))
        return
    click.echo(in_words(explanation))
    click.echo(f"The steps of {name}")
    for step in steps:
        bake, most = span(step.bake_s), span(step.max_bake_s)
        click.echo(f"  {step.weight} of traffic for {bake}, extended to {most} at most")
    if not steps:
        click.echo("  none: it is watched, and nothing is shifted")
    click.echo(f"Everything else that is configured: guardian config show {name}")


def schema() -> int:
    """`guardian rules schema`; the exit code."""
    click.echo(json.dumps(rule_schema(), indent=2))
    return 0
