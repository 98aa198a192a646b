"""The project's own workflows: sound, pinned, with the least permissions, true of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.cli.linters import ZIZMOR, faults_in
from tests.tooling import ROOT, judged

GITHUB = ROOT / ".github"
WORKFLOWS = ["ci.yml", "release.yml"]
READ = {"contents": "read"}
MAY = {
    "build": READ,
    "sign": {"id-token": "write", "attestations": "write"},
    "index": {"id-token": "write"},
    "image": {**READ, "packages": "write", "id-token": "write", "attestations": "write"},
    "page": {"contents": "write"},
}
"""What each job of a release may do; those of a change may read."""


def loaded(path: Path) -> dict[str, Any]:
    """YAML 1.2, where `on` is a word."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    return found


def workflow(name: str) -> dict[str, Any]:
    """One of ours."""
    return loaded(GITHUB / "workflows" / name)


def steps(name: str) -> Iterator[dict[str, Any]]:
    """Every step of every job."""
    for job in workflow(name)["jobs"].values():
        yield from job["steps"]


# --- the linters -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actionlint_and_zizmor_find_nothing(name: str) -> None:
    """In zizmor's strictest view for authors."""
    assert faults_in(GITHUB / "workflows", name) == ""


def test_zizmor_finds_nothing_in_what_keeps_pins_up_to_date() -> None:
    """Nothing new is taken before it is a week old."""
    told = judged(
        ZIZMOR, "--offline", "--no-progress", "--persona", "pedantic", ".github/dependabot.yml"
    )
    assert "completed" in told.stderr, told.stdout + told.stderr
    assert told.returncode == 0, told.stdout


def test_what_is_waived_says_why_on_the_line_before() -> None:
    """No finding is silenced without a reason that a reader sees."""
    waived = 0
    for name in WORKFLOWS:
        lines = (GITHUB / "workflows" / name).read_text("utf-8").splitlines()
        places = [n for n, line in enumerate(lines) if "zizmor: ignore" in line]
        waived += len(places)
        kinds = {lines[n].partition("ignore[")[2] for n in places}
        first = [min(n for n in places if kind in lines[n]) for kind in kinds]
        assert [lines[n] for n in first if not lines[n - 1].lstrip().startswith("# ")] == []
    assert waived == 2


# --- safe --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_ours_or_pinned_by_a_whole_commit(name: str) -> None:
    """With its version beside it, by which it is brought up to date."""
    text = (GITHUB / "workflows" / name).read_text("utf-8")
    used = re.findall(r"^ +(?:- )?uses: (.+)$", text, flags=re.MULTILINE)
    assert len(used) == sum("uses" in step for step in steps(name))
    pinned = r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+"
    others = [line for line in used if not line.startswith("./")]
    assert [line for line in others if not re.fullmatch(pinned, line)] == []
    assert len({line.partition("@")[0] for line in others}) == len(set(others))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_is_bounded_and_keeps_no_token(name: str) -> None:
    """Nothing is allowed by default, everything ends, and no checkout leaves a token behind."""
    found = workflow(name)
    assert found["permissions"] == {}
    assert found["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 60 for job in found["jobs"].values())
    checkouts = [step for step in steps(name) if "actions/checkout" in step.get("uses", "")]
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_a_change_may_read_and_nothing_else() -> None:
    """Whoever's it is: no secret, no identity, no event that runs a stranger's code with ours."""
    found = workflow("ci.yml")
    assert set(found["on"]) == {"push", "pull_request"}
    assert all(job["permissions"] == READ for job in found["jobs"].values())
    text = (GITHUB / "workflows" / "ci.yml").read_text("utf-8")
    assert "secrets." not in text
    assert "github.token" not in text


def test_a_release_may_do_what_each_job_needs() -> None:
    """No stored secret anywhere; a tag alone begins one, and what leaves asks an environment."""
    found = workflow("release.yml")
    assert set(found["on"]) == {"push"}
    assert set(found["on"]["push"]) == {"tags"}
    assert found["concurrency"]["cancel-in-progress"] is False
    assert {name: job["permissions"] for name, job in found["jobs"].items()} == MAY
    assert found["jobs"]["index"]["environment"] == "pypi"
    assert found["jobs"]["image"]["environment"] == "registry"
    assert "secrets." not in (GITHUB / "workflows" / "release.yml").read_text("utf-8")


# --- true of the project -----------------------------------------------------------------------


def test_every_python_that_is_promised_is_tried() -> None:
    """From `requires-python` on; each classifier has its job."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    tried = workflow("ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert set(re.findall(r"Python :: (3\.\d+)", project)) <= set(tried)
    assert f'requires-python = ">={tried[0]}"' in project


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_steps_run_is_there(name: str) -> None:
    """Targets of the Makefile, files of the repository."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    run = "\n".join(step.get("run", "") for step in steps(name))
    targets = set(re.findall(r"\bmake ([\w./]+)", run))
    assert targets
    assert [t for t in targets if f"\n{t}:" not in makefile] == []
    files = set(re.findall(r"\b(?:release|requirements)/[\w.]+", run))
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_image_is_built_as_the_dockerfile_takes_it() -> None:
    """From the base that it names, for both kinds of machine, with arguments that it has."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    (step,) = (s for s in steps("release.yml") if "build-push-action" in s.get("uses", ""))
    given = re.findall(r"^(\w+)=", step["with"]["build-args"], flags=re.MULTILINE)
    assert set(given) == set(re.findall(r"^ARG (\w+)=", dockerfile, flags=re.MULTILINE))
    assert len(re.findall(r"^ARG PYTHON_IMAGE=\S+$", dockerfile, flags=re.MULTILINE)) == 1
    assert step["with"]["platforms"] == "linux/amd64,linux/arm64"


def test_the_bots_look_where_something_is_pinned() -> None:
    """Every package.json and Dockerfile of ours has its bot, and each bot finds something."""
    found = {
        entry["package-ecosystem"]: set(entry.get("directories", [entry.get("directory")]))
        for entry in loaded(GITHUB / "dependabot.yml")["updates"]
    }
    listed = judged("git", "ls-files", "*package.json", "*Dockerfile").stdout.splitlines()
    for ecosystem, name in {"npm": "package.json", "docker": "Dockerfile"}.items():
        folders = {Path("/", file).parent.as_posix() for file in listed if Path(file).name == name}
        assert (ecosystem, found[ecosystem]) == (ecosystem, folders)
    assert found["pip"] == {"/requirements"}
    assert found["github-actions"] == {"/"}


def test_a_released_image_is_called_as_the_chart_asks_for_it() -> None:
    """By the version, without the tag's v."""
    release = (GITHUB / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert 'VERSION=${GITHUB_REF_NAME#v}"' in release
    assert "tags: ${{ env.IMAGE }}:${{ env.VERSION }}" in release
    helpers = ROOT / "helm" / "guardian" / "templates" / "_helpers.tpl"
    assert ".Chart.AppVersion" in helpers.read_text(encoding="utf-8")
