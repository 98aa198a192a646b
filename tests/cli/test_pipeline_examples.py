"""The example pipelines: sound by their linters' word, and true of the commands they run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from guardian.cli.first_files import files
from guardian.cli.github import GitHub
from guardian.cli.main import guardian
from guardian.files import config
from tests.cli.linters import faults_in
from tests.cli.runner import outputs

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "github-actions"
WORKFLOWS = ["ci.yml", "cd.yml"]
READ = {"contents": "read"}
OIDC = {**READ, "id-token": "write"}
ENVIRON = {"GUARDIAN_SLACK_TOKEN": "xoxb-1", "GUARDIAN_PAGERDUTY_ROUTING_KEY": "k" * 32}


def first_workflow() -> str:
    """What `guardian init --ci github` writes."""
    answers = {
        "service": "agents-api",
        "function": "agents-api",
        "alias": "live",
        "account": "333333333333",
        "region": "us-east-1",
    }
    *_, text = files(answers, workflow=True).values()
    return text


def loaded(name: str) -> dict[str, Any]:
    """A workflow as YAML 1.2 has it; `init.yml` is the one that guardian writes."""
    text = first_workflow() if name == "init.yml" else (EXAMPLES / name).read_text("utf-8")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


def steps(name: str) -> Iterator[dict[str, Any]]:
    """Every step of every job."""
    for job in loaded(name)["jobs"].values():
        yield from job["steps"]


def lines() -> list[tuple[str, str]]:
    """(file, command line) of every guardian command that the workflows and their README run."""
    found = [
        (name, line.strip())
        for name in (*WORKFLOWS, "init.yml")
        for step in steps(name)
        for line in step.get("run", "").splitlines()
    ]
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    found += [("README.md", line) for line in re.findall(r"^ +run: (.+)$", readme, re.MULTILINE)]
    return [(name, line) for name, line in found if line.startswith("guardian ")]


def parsed(line: str) -> click.Context:
    """A command line as its command understands it, without running it; ClickException."""
    _, *words = shlex.split(line)
    command: click.Command = guardian
    context = click.Context(guardian)
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no such command: {name}")
        command = found
    return command.make_context(command.name, words)


# --- the linters -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actionlint_and_zizmor_find_nothing(name: str) -> None:
    """Neither a mistake nor a hole, in zizmor's strictest view for authors."""
    assert faults_in(EXAMPLES, name) == ""


def test_the_linters_find_what_is_wrong(tmp_path: Path) -> None:
    """A linter that reads nothing must not look like one that finds nothing."""
    bad = (EXAMPLES / "ci.yml").read_text("utf-8").replace("ubuntu-latest", "ubuntu-oldest", 1)
    (tmp_path / "bad.yml").write_text(re.sub(r"@[0-9a-f]{40} # v[0-9.]+", "@main", bad))
    found = faults_in(tmp_path, "bad.yml")
    assert "ubuntu-oldest" in found
    assert "unpinned-uses" in found


# --- true of guardian --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "line"), lines())
def test_every_command_line_is_one_that_guardian_takes(name: str, line: str) -> None:
    """Names, options, values and what is required, by the real commands."""
    assert parsed(line).command.name is not None


@pytest.mark.parametrize(
    "line", ["guardian watch --no-such", "guardian explode", "guardian rollout start agents-api"]
)
def test_a_wrong_command_line_would_be_noticed(line: str) -> None:
    """An unknown option, an unknown command, and one that lacks what it needs."""
    with pytest.raises(click.ClickException):
        parsed(line)


def test_the_commands_that_a_deploy_needs_are_there_in_order() -> None:
    """The snapshot is taken before the deploy, the rollout follows, what is left is recovered."""
    production = loaded("cd.yml")["jobs"]["production"]["steps"]
    runs = [step.get("run", "") for step in production]
    order = [
        next(number for number, run in enumerate(runs) if words in run)
        for words in ("guardian snapshot", "cdk deploy", "rollout start", "rollout recover")
    ]
    assert order == sorted(order)
    assert production[order[-1]]["if"].startswith("always()")
    gate = "\n".join(step.get("run", "") for step in loaded("cd.yml")["jobs"]["staging"]["steps"])
    assert "guardian watch energy-insights" in gate
    assert "sleep" not in gate + "\n".join(runs)


def test_the_pipeline_names_services_and_accounts_of_the_configurations() -> None:
    """Each stage's role is in the account that its config file pins, and its services exist."""
    jobs = loaded("cd.yml")["jobs"]
    for stage, services in {"staging": ["energy-insights"], "production": ["agents-api"]}.items():
        found = config.load(ROOT / "config" / f"{stage}.yaml", environ=ENVIRON)
        text = str(jobs[stage])
        assert set(services) <= set(found.services)
        assert all(f" {service} " in text for service in services)
        (account,) = {service.aws.account_id for service in found.services.values()}
        assert f"arn:aws:iam::{account}:role/deploy" in text


def test_credentials_outlive_what_they_have_to_finish() -> None:
    """A role that runs out in the middle could not roll back any more."""
    for name, job in [("staging", "cd.yml"), ("production", "cd.yml"), ("deploy", "init.yml")]:
        found = loaded(job)["jobs"][name]
        (role,) = (s["with"] for s in found["steps"] if "configure-aws" in s.get("uses", ""))
        assert role["role-duration-seconds"] >= 60 * found["timeout-minutes"]


# --- safe --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WORKFLOWS, "init.yml"])
def test_every_action_is_pinned_by_a_whole_commit(name: str) -> None:
    """A tag can be moved; forty digits cannot."""
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert [u for u in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", u)] == []


def test_one_action_is_one_commit_everywhere() -> None:
    """What is brought up to date in one place is in all of them."""
    used = {step["uses"] for name in (*WORKFLOWS, "init.yml") for step in steps(name)
            if "uses" in step}  # fmt: skip
    assert len({u.partition("@")[0] for u in used}) == len(used)


def test_a_pull_request_gets_no_secret_and_no_cloud() -> None:
    """Its code is a stranger's: it may read the repository, and nothing else."""
    workflow = loaded("ci.yml")
    assert list(workflow["on"]) == ["pull_request"]
    assert workflow["permissions"] == {}
    assert all(job["permissions"] == READ for job in workflow["jobs"].values())
    text = (EXAMPLES / "ci.yml").read_text("utf-8")
    assert "secrets" not in text.partition("\non:")[2]
    assert "aws" not in text


@pytest.mark.parametrize("name", ["cd.yml", "init.yml"])
def test_a_deploy_may_do_no_more_than_it_needs(name: str) -> None:
    """Nothing by default, OIDC where a role is taken, and no stored access key."""
    workflow = loaded(name)
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["cancel-in-progress"] is False
    for job in workflow["jobs"].values():
        takes_role = "role-to-assume" in str(job)
        assert job["permissions"] == (OIDC if takes_role else {"contents": "write"})
        assert "aws-access-key-id" not in str(job)
        if takes_role:
            assert job["environment"]


# --- the pages ---------------------------------------------------------------------------------


def test_the_pages_name_every_output_and_no_other(tmp_path: Path) -> None:
    """docs/cli.md and the example's README list what a step can be asked for."""
    written = tmp_path / "outputs"
    GitHub({"GITHUB_OUTPUT": str(written)}, lambda _: None).end([], 0)
    wanted = set(outputs(written))
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    section = page.partition("\n## GitHub Actions\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == wanted
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    assert [name for name in sorted(wanted) if f"`{name}`" not in readme] == []


def test_links_of_the_examples_page_lead_somewhere() -> None:
    """Beside it and into the documents."""
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", readme)
    assert links
    assert [link for link in links if not (EXAMPLES / link).exists()] == []
