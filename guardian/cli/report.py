"""`guardian report`: what happened in one rollout and why, as text, Markdown, JSON or HTML."""

from __future__ import annotations

from pathlib import Path

from guardian.app.report import report as reported
from guardian.cli import whole_file
from guardian.cli.output import show
from guardian.report.document import as_json
from guardian.report.facts import Facts
from guardian.report.markdown import as_markdown
from guardian.report.page import as_html
from guardian.report.text import as_text
from guardian.wiring import open_records

_ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json"}


def report(
    *, name: str, config: Path | None, form: str | None, to: Path | None, no_metrics: bool
) -> int:
    """`guardian report`; the exit code."""
    with open_records(config) as wiring:
        facts = reported(wiring, name, metrics=not no_metrics)
    missing = facts.readings.missing
    if missing:
        show(f"guardian: {missing}", err=True)
    chosen = form or (_ENDINGS.get(to.suffix.lower(), "text") if to is not None else "text")
    text = _written(facts, chosen)
    if to is None:
        show(text.removesuffix("\n"))
        return 0
    _write(to, text)
    show(f"guardian: the report on {facts.plan.rollout} is in {to}", err=True)
    return 0


def _written(facts: Facts, form: str) -> str:
    writers = {"text": as_text, "markdown": as_markdown, "json": as_json, "html": as_html}
    return writers[form](facts)


def _write(path: Path, text: str) -> None:
    """Put a whole report in the path's place; UsageError."""
    try:
        whole_file.put(path, text.encode())
    except OSError as error:
        raise whole_file.refusal(path, "--to", error) from None
