"""What happened in one rollout and why, for a post-mortem: values in, text out, nothing else."""

from guardian.report.document import as_json
from guardian.report.facts import Decision, Facts, Readings, Telling, gathered
from guardian.report.markdown import as_markdown
from guardian.report.page import as_html
from guardian.report.text import as_text

__all__ = [
    "Decision",
    "Facts",
    "Readings",
    "Telling",
    "as_html",
    "as_json",
    "as_markdown",
    "as_text",
    "gathered",
]
