"""No test has to be edited for another adapter or kind: those that could list them are run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.test_folder_is_registry import JOURNAL, NOTIFIER, OPTIONS, ROUTER
from tests.test_kinds_by_their_files import FORM, MEASURE

ROOT = Path(__file__).parent.parent
ADDED = {
    "routers/constant.py": OPTIONS + ROUTER,
    "journals/file.py": OPTIONS + JOURNAL,
    "notifiers/bell.py": OPTIONS + NOTIFIER,
    "core/judging/kinds/heart.py": MEASURE.replace("Pulse", "Heart"),
    "files/rules/kinds/heart.py": FORM.replace("pulse", "heart").replace("Pulse", "Heart"),
}
"""Whose names come before, between and after those that are there."""
JUDGES = (
    "tests/test_strangers.py",
    "tests/test_folder_is_registry.py",
    "tests/files/test_invalid_files.py",
    "tests/wiring/test_adapters.py",
    "tests/core/test_measures.py",
    "tests/core/test_codec.py",
)


def test_what_lists_adapters_and_kinds_looks_into_their_folders(tmp_path: Path) -> None:
    """Names that are words of everybody's among them."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("guardian", "tests", "docs", "rules", "config"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in ADDED.items():
        (tmp_path / "guardian" / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *JUDGES]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
