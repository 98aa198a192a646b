"""The programs that these tests judge with: brought without harm, or missed aloud."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parent
PIECES = sorted(script.stem for script in (PACKAGING / "tools").glob("*.sh"))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A clone on a machine that has a shell and almost nothing else: no apt-get, npm or pip."""
    shutil.copytree(PACKAGING, tmp_path / "tests" / "packaging")
    shutil.copytree(PACKAGING.parent.parent / "requirements", tmp_path / "requirements")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "mkdir", "ln", "rm", "touch", "id"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


@pytest.mark.parametrize("piece", PIECES)
def test_what_cannot_be_brought_is_said_and_breaks_nothing(bare: Path, piece: str) -> None:
    """Exit code 0, and a line that names the piece and what it lacks."""
    ran = subprocess.run(
        [bare / "bin" / "sh", bare / "tests" / "packaging" / "bring.sh", piece],
        env={"PATH": str(bare / "bin")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(rf"^packaging: {piece}: .+ is absent.+SKIPPED", ran.stderr, re.MULTILINE)
