"""What `guardian rules lint` reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from guardian.files import rules
from guardian.files.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How much was checked, and what was found, file by file."""

    files: int
    criteria: int
    findings: tuple[Finding, ...]

    def record(self) -> dict[str, Any]:
        """The report for JSON."""
        return {
            "schema": "guardian/lint/1",
            "files": self.files,
            "criteria": self.criteria,
            "findings": [asdict(finding) for finding in self.findings],
        }


def lint(paths: Sequence[str | Path], *, routed: Collection[str] | None = None) -> Report:
    """Check rule files, presets and folders of rule files; raises nothing.

    `routed` are the names that `${router.NAME}` may have; with None any will do.
    """
    surveyed = list(rules.survey(paths, routed=routed))
    return Report(
        files=len(surveyed),
        criteria=sum(file.criteria for file in surveyed),
        findings=tuple(dict.fromkeys(found for file in surveyed for found in file.findings)),
    )
