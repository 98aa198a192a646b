"""A forked `guardian` is a process like one that was started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.forks import Forked, environ, started


@pytest.mark.parametrize(
    "arguments", [("--version",), ("nonsense",), ("config", "lint"), ("rules", "lint", "mine.yaml")]
)
def test_it_says_and_ends_as_a_started_one_does(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """With the same words on the same streams and the same code, in its own folder."""
    (tmp_path / "mine.yaml").write_text("version: 1\n")
    variables = {**environ(), "NO_COLOR": "1"}
    forked = started(*arguments, cwd=tmp_path, env=variables)
    assert isinstance(forked, Forked)
    out, err = forked.communicate(timeout=60)
    real = subprocess.run(
        [sys.executable, "-m", "guardian", *arguments],
        cwd=tmp_path,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (forked.wait(), out, err) == (real.returncode, real.stdout, real.stderr)


def test_it_dies_by_its_own_pid(tmp_path: Path) -> None:
    """What kills it is told, and nothing it wrote is waited for twice."""
    process = started("demo", "--speed", "1", cwd=tmp_path, env=environ())
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.1)
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=60)
    assert process.poll() == -signal.SIGKILL
    process.kill()  # nobody else has that number by now, because nobody is sent it


def test_what_works_before_the_first_import_needs_an_interpreter(tmp_path: Path) -> None:
    """A fork has its template's."""
    process = started("--version", cwd=tmp_path, env={**environ(), "PYTHONHASHSEED": "1"})
    assert isinstance(process, subprocess.Popen)
    process.communicate(timeout=60)
