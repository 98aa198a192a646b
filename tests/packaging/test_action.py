"""The GitHub Action at work: its steps run by bash, against the simulator."""

from __future__ import annotations

import json
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guardian.sim.simulated_traffic import Behaviour
from tests.cli.runner import commands
from tests.cli.stage import SERVICE, Stage, stage
from tests.packaging.composite import Job
from tests.tooling import ROOT, judged, tool

ACTION = ROOT / "action.yml"
SETUP = ROOT / "actions" / "setup" / "action.yml"
SCRIPTS = sorted(path.relative_to(ROOT) for path in (ROOT / "actions").rglob("*.sh"))
SHORT = {"duration": "10m", "rollback-timeout": "10h"}
HOSTILE = "--observe\n$(touch pwned) `touch pwned`; touch pwned #'\"${HOME}"


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUNNER_TEMP with guardian installed as the action does it; skipped where pip cannot."""
    temp = tmp_path_factory.mktemp("runner")
    workspace = temp / "workspace"
    workspace.mkdir()
    for name in ("pip", "venv", "guardian"):
        (workspace / f"{name}.py").write_text("raise SystemExit('imported from the job')\n")
    with stage_environ(workspace) as environ:
        done = Job(workspace=workspace, temp=temp, environ=environ).run(SETUP)
    if "No matching distribution" in done.log or "connection" in done.log.lower():
        pytest.skip("pip cannot fetch requirements/runtime.txt: the action is not tried")
    assert done.code == 0, done.log
    assert [found.name for found in commands(done.log)] == ["group", "endgroup"]
    return temp


@contextmanager
def stage_environ(folder: Path) -> Iterator[dict[str, str]]:
    """A job's environment that has nothing of guardian yet."""
    (folder / "stage").mkdir()
    with stage(folder / "stage") as s:
        yield bare(s)


def bare(s: Stage) -> dict[str, str]:
    """The environment of a job: credentials by the caller, no guardian but the action's."""
    return {name: value for name, value in s.environ().items() if name != "PYTHONPATH"}


@contextmanager
def deployed(folder: Path, machine: Path, *, failing: float = 0.0) -> Iterator[tuple[Stage, Job]]:
    """Version 42 is live in the place of 41, which a snapshot recorded by the job's guardian."""
    with stage(folder) as s:
        job = Job(workspace=folder, temp=machine, environ=bare(s))
        assert job.run(SETUP).log == ""  # it is there already
        assert (machine / "guardian" / "bin" / "guardian").resolve().is_relative_to(machine)
        assert s.run("snapshot", SERVICE).code == 0
        s.behave("42", Behaviour(failure_rate=failing))
        s.deploy("42")
        yield s, job


def test_a_healthy_release_passes(machine: Path, tmp_path: Path) -> None:
    """Exit code 0, every output, a summary, a report, and nothing left in the job's folder."""
    with deployed(tmp_path, machine) as (_, job):
        done = job.run(ACTION, services=SERVICE, junit="guardian.xml", **SHORT)
    assert done.code == 0, done.log
    assert (done.outputs["exit_code"], done.outputs["outcome"]) == ("0", "healthy")
    assert (done.outputs["stable"], done.outputs["canary"]) == ("41", "42")
    (run,) = json.loads(done.outputs["rollouts"])
    assert run["rollout"] == done.outputs["rollout"]
    assert f"guardian: {SERVICE}: healthy" in done.summary
    report = ET.fromstring((tmp_path / done.outputs["report"]).read_text("utf-8"))  # noqa: S314
    assert report.find(".//testcase") is not None
    assert [found.name for found in commands(done.log)][-1] == "notice"


def test_a_breach_is_taken_back_and_fails_the_job(machine: Path, tmp_path: Path) -> None:
    """Exit code 4, the outputs although the step failed, and the version before is live."""
    with deployed(tmp_path, machine, failing=0.3) as (s, job):
        done = job.run(ACTION, services=SERVICE, **SHORT)
        assert s.alias.version == "41"
    assert done.code == 4, done.log
    assert (done.outputs["exit_code"], done.outputs["outcome"]) == ("4", "rolled_back")
    assert (done.outputs["phase"], done.outputs["report"]) == ("rolled_back", "")
    assert "| error-rate | fail |" in done.summary
    assert "error" in [found.name for found in commands(done.log)]


def test_what_guardian_cannot_guard_is_said(machine: Path, tmp_path: Path) -> None:
    """A service that nobody knows: exit code 3, and outputs that say so."""
    with deployed(tmp_path, machine) as (_, job):
        done = job.run(ACTION, services="no-such-service")
    assert (done.code, done.outputs["outcome"]) == (3, "config")
    assert (done.outputs["rollout"], done.outputs["rollouts"]) == ("", "[]")


@pytest.mark.parametrize("value", ["yes", "True", "1", "false "])
def test_a_flag_that_is_neither_true_nor_false_is_refused(
    machine: Path, tmp_path: Path, value: str
) -> None:
    """Taken for false, `observe: yes` would roll back what it was not to touch."""
    job = Job(workspace=tmp_path, temp=machine, environ={"PATH": "/usr/bin:/bin"})
    done = job.run(ACTION, observe=value)
    assert done.code == 2
    assert [found.message for found in commands(done.log)] == ["the input observe is true or false"]


def test_inputs_stay_what_they_are(machine: Path, tmp_path: Path) -> None:
    """Whatever is in them: one word for each option, none of them run, none of them another."""
    spy = tmp_path / "temp" / "guardian"
    (spy / "bin").mkdir(parents=True)
    (spy / "from").write_text(f"{ROOT}\n")
    (spy / "bin" / "guardian").write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    (spy / "bin" / "guardian").chmod(0o755)
    job = Job(workspace=tmp_path, temp=spy.parent, environ={"PATH": "/usr/bin:/bin"})
    done = job.run(
        ACTION,
        services="agents-api --observe\n * \n\n$(touch pwned)",
        reason=HOSTILE,
        fixes="P123\n\nhigh latency; touch pwned\n",
        observe="true",
        quiet="false",
    )
    assert done.log.split("\0")[:-1] == [
        *("watch", "--output=github", "--fixes=P123", "--fixes=high latency; touch pwned"),
        *("--observe", f"--reason={HOSTILE}", "--", "agents-api", "--observe", "*"),
        *("$(touch", "pwned)"),
    ]
    assert not (tmp_path / "pwned").exists()


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    """With what to do, before anything is installed."""
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    job = Job(workspace=tmp_path, temp=tmp_path, environ={"PATH": "/usr/bin:/bin"})
    done = job.run(SETUP, python=str(old))
    assert done.code == 3
    assert "actions/setup-python" in done.log


def test_shellcheck_finds_nothing() -> None:
    """In the scripts that run on users' machines, and in those that release."""
    told = judged(
        tool("shellcheck", by="make packaging"), *SCRIPTS, *sorted((ROOT / "release").glob("*.sh"))
    )
    assert (told.returncode, told.stdout) == (0, ""), shlex.join(map(str, told.args))
