"""Start-up: whole processes against a bare interpreter, and what each import costs."""

from __future__ import annotations

import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from bench.table import Row, least_and_median

ROOT = Path(__file__).parent.parent
RUNS = 15
IMPORTS = (
    "guardian.cli.main",
    "guardian.core.rollout.decide",
    "guardian.files.rules",
    "guardian.files.config",
    "guardian.engine.in_process",
    "guardian.wiring",
    "guardian.aws",
    "boto3",
    "apscheduler.schedulers.background",
    "pydantic",
    "ruamel.yaml",
    "slack_sdk",
)


def rows() -> list[Row]:
    """Whole processes, taken in turns so that a slow moment of the machine hits them all."""
    guardian = [sys.executable, "-m", "guardian"]
    commands = {
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "`guardian --version`": [*guardian, "--version"],
        "`guardian rules lint rules/`": [*guardian, "rules", "lint", "rules/"],
    }
    failed = {what: why for what, command in commands.items() if (why := _fault(command))}
    times: dict[str, list[float]] = {what: [] for what in commands if what not in failed}
    for _ in range(RUNS):
        for what, taken in times.items():
            taken.append(_process_ms(commands[what]))
    bare = statistics.median(times["`python -c pass`"])
    found = [
        Row(
            what,
            f"{least_and_median(taken)}, {statistics.median(taken) / bare:.1f} x bare",
            f"whole process, least / median of {RUNS}",
        )
        for what, taken in times.items()
    ]
    found += [Row(what, "skipped", why) for what, why in failed.items()]
    return found + [_import(module) for module in IMPORTS]


@cache
def _environ() -> dict[str, str]:
    """An environment in which Python keeps compiled modules, as an installed guardian has them."""
    folder = tempfile.mkdtemp(prefix="guardian-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def _fault(command: list[str]) -> str:
    """Why a command is not worth timing; empty when it works."""
    done = subprocess.run(
        command, cwd=ROOT, env=_environ(), capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
    return f"exit code {done.returncode}: {said[0][:80]}"


def _process_ms(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=_environ(), capture_output=True, check=False)
    return (time.perf_counter() - begin) * 1e3


def _import(module: str) -> Row:
    """The cost of one import in a fresh interpreter, warnings of old SDKs left out."""
    code = (
        "import time, warnings; warnings.simplefilter('ignore'); begin = time.perf_counter();"
        f" import {module}; print((time.perf_counter() - begin) * 1e3)"
    )
    taken = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=_environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            why = done.stderr.strip().splitlines()[-1][:80]
            return Row(f"import `{module}`", "skipped", why)
        taken.append(float(done.stdout))
    return Row(f"import `{module}`", least_and_median(taken), "fresh process, least / median of 5")
