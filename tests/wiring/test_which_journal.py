"""Which journal is used is said where two are named: two guardians would know different things."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.wiring import open_wiring

CONFIG = """\
version: 1
environment: production
journal: sqlite:own.db
services:
  search:
    router: {type: none}
    rules: [preset:lambda]
"""


@pytest.mark.parametrize("variable", ["", "own.db", "other.db"])
def test_a_variable_that_wins_over_the_file_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, variable: str
) -> None:
    """Nothing is said where both name the same one."""
    path = tmp_path / "production.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    environ = {"GUARDIAN_JOURNAL": f"sqlite:{tmp_path / variable}"} if variable else {}
    with open_wiring(path, environ=environ) as wiring:
        assert wiring.journal.live() == []
    logged = [record.getMessage() for record in caplog.records]
    said = [line for line in logged if line.startswith("guardian: GUARDIAN_JOURNAL")]
    own, other = tmp_path / "own.db", tmp_path / "other.db"
    wins = (
        f"guardian: GUARDIAN_JOURNAL wins over the file's journal: sqlite:{other}, not sqlite:{own}"
    )
    assert said == ([wins] if variable == "other.db" else [])
