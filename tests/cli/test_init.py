"""`guardian init`: a first config and rule file, in an empty folder, offline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardian.cli.first_files import files
from guardian.cli.main import COMMANDS
from guardian.files import config, rules
from guardian.routers.lambda_alias import Options
from guardian.wiring.services import service_criteria
from tests.cli.linters import faults_in
from tests.cli.stage import Ended
from tests.cli.test_commands import guardian

FILES = ["config/production.yaml", "rules/production.yaml"]
WORKFLOW = ".github/workflows/guardian.yml"
ANSWERS = ("--lambda", "agents-api:live", "--account", "333333333333", "--region", "us-east-1")


def init(folder: Path, *arguments: str, **environ: str) -> Ended:
    """`guardian init` in a folder, where no AWS could be reached."""
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", **environ}
    return guardian("init", *arguments, cwd=folder, timeout_s=60.0, **nowhere)


def left_in(folder: Path) -> list[str]:
    """Every file in a folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_two_files_are_written_said_and_valid(tmp_path: Path) -> None:
    """They load and lint as they are, and the next commands are named."""
    ran = init(tmp_path, *ANSWERS)
    assert ran.code == 0, ran.out + ran.err
    assert left_in(tmp_path) == FILES
    assert [f"wrote {name}" for name in FILES] == ran.out.splitlines()[:2]
    assert guardian("rules", "lint", "rules/", cwd=tmp_path).code == 0
    found = config.load(tmp_path / FILES[0], environ={})
    assert found.services["agents-api"].aws.account_id == "333333333333"
    assert len(service_criteria(found, "agents-api").criteria) == 2


def test_the_next_three_commands_exist(tmp_path: Path) -> None:
    """Nobody is told to run what is not there."""
    told = init(tmp_path, *ANSWERS).out.partition("next:\n")[2].splitlines()
    assert len(told) == 3
    assert all(line.split()[0] == "guardian" and line.split()[1] in COMMANDS for line in told)


def test_a_workflow_is_written_for_github(tmp_path: Path) -> None:
    """It passes the linters that the examples pass, and guards the service by its name."""
    ran = init(tmp_path, *ANSWERS, "--service", "agents", "--ci", "github")
    assert ran.code == 0, ran.out + ran.err
    assert left_in(tmp_path) == sorted([WORKFLOW, *FILES])
    text = (tmp_path / WORKFLOW).read_text()
    assert "guardian watch agents --duration 30m -o github" in text
    assert "secrets." not in text
    assert faults_in(tmp_path, WORKFLOW) == ""


def test_account_and_region_can_come_from_the_environment(tmp_path: Path) -> None:
    """The variables that AWS's own tools read."""
    environ = {"AWS_ACCOUNT_ID": "222222222222", "AWS_REGION": "eu-west-1"}
    assert init(tmp_path, *ANSWERS[:2], **environ).code == 0
    text = (tmp_path / FILES[0]).read_text()
    assert '"222222222222"' in text
    assert "eu-west-1" in text


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    """Exit 2, the options and a whole example; nothing is written."""
    ran = init(tmp_path)
    assert ran.code == 2
    for words in ("--lambda", "--account", "--region", "AWS_ACCOUNT_ID", "333333333333"):
        assert words in ran.err
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--account", "33333333333"),
        ("--account", "your-account"),
        ("--region", "us-east"),
        ("--lambda", "agents-api"),
        ("--lambda", "agents-api:"),
        ("--lambda", "agents-api:7"),
        ("--lambda", "agents api:live"),
        ("--service", "two words"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_option(
    tmp_path: Path, option: str, value: str
) -> None:
    """Exit 2 and a sentence; nothing is written."""
    ran = init(tmp_path, *ANSWERS, option, value)
    assert ran.code == 2, ran.out + ran.err
    assert option in ran.err
    assert "Traceback" not in ran.err
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("there", FILES)
def test_nothing_is_overwritten_and_then_nothing_is_written(tmp_path: Path, there: str) -> None:
    """Exit 2 names the file; with --force it is replaced."""
    path = tmp_path / there
    path.parent.mkdir()
    path.write_text("mine\n")
    ran = init(tmp_path, *ANSWERS)
    assert ran.code == 2
    assert there in ran.err
    assert "--force" in ran.err
    assert left_in(tmp_path) == [there]
    assert path.read_text() == "mine\n"
    assert init(tmp_path, *ANSWERS, "--force").code == 0
    assert left_in(tmp_path) == FILES
    assert path.read_text() != "mine\n"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Exit 2 and the path, without a traceback."""
    (tmp_path / "config").write_text("a file, where a folder is wanted")
    ran = init(tmp_path, *ANSWERS)
    assert ran.code == 2, ran.out + ran.err
    assert f"config{os.sep}production.yaml" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["null", "true", "no", "0123", "1e3", "7", "a.b", "-x-", "~"])
def test_names_that_yaml_takes_for_something_else_stay_names(tmp_path: Path, name: str) -> None:
    """A function called `null` is a function."""
    service = name if name[0].isalnum() else "service"
    answers = {
        "service": service,
        "function": name.replace(".", "_").replace("~", "_"),
        "alias": "on",
        "account": "012345678901",
        "region": "us-east-1",
    }
    for path, text in files(answers, workflow=False).items():
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text(text)
    found = config.load(tmp_path / FILES[0], environ={})
    assert list(found.services) == [service]
    assert found.services[service].router.options(Options, environ={}).alias == "on"
    assert rules.load([tmp_path / FILES[1]]).criteria
