"""The part of GitHub's runner that runs a composite action: its steps, one bash each."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.cli.runner import outputs


@dataclass(frozen=True, kw_only=True)
class Done:
    """How an action ended."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str


@dataclass(kw_only=True)
class Job:
    """A job on one machine: its folder, what lies beside it, and its environment."""

    workspace: Path
    temp: Path
    environ: Mapping[str, str]
    path: list[str] = field(default_factory=list)

    def run(self, action: Path, **inputs: str) -> Done:
        """Each step in turn until one fails, then the action's outputs, whichever way it ended."""
        found: dict[str, Any] = YAML(typ="safe", pure=True).load(action.read_text("utf-8"))
        unknown = set(inputs) - set(found["inputs"])
        assert not unknown, f"the runner only warns of unknown inputs: {unknown}"
        known = {name: inputs.get(name, i["default"]) for name, i in found["inputs"].items()}
        values = {f"inputs.{name}": value for name, value in known.items()}
        log, summary, code = "", "", 0
        for number, step in enumerate(found["runs"]["steps"]):
            folder = self.temp / f"step{number}"
            ran = self._step(step, action.parent, values, folder)
            log += ran.stdout
            summary += (folder / "summary").read_text("utf-8")
            given = outputs(folder / "output")
            values |= {f"steps.{step.get('id')}.outputs.{n}": v for n, v in given.items()}
            self.path[:0] = (folder / "path").read_text("utf-8").splitlines()
            if (code := ran.returncode) != 0:
                break
        told = {n: _filled(o["value"], values) for n, o in found.get("outputs", {}).items()}
        return Done(code=code, log=log, outputs=told, summary=summary)

    def _step(
        self, step: Mapping[str, Any], action: Path, values: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """One step as the runner starts it; `shell: bash` is bash with these options."""
        folder.mkdir(exist_ok=True)
        for name in ("output", "summary", "path", "env"):
            (folder / name).write_text("", encoding="utf-8")
        script = folder / "script.sh"
        script.write_text(_filled(step["run"], values), encoding="utf-8")
        environ = {
            **self.environ,
            **{name: _filled(text, values) for name, text in step.get("env", {}).items()},
            "PATH": os.pathsep.join([*self.path, self.environ["PATH"]]),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_PATH": str(folder / "path"),
            "GITHUB_ENV": str(folder / "env"),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],  # noqa: S607
            cwd=self.workspace,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=250,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The expressions of a text, of which there are names alone; an unknown one is empty."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda m: values.get(m[1], ""), text)
