"""A module in its room's folder is an adapter: lint, schema, iam and doctor find it there."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardian.cli.main import guardian
from guardian.wiring.adapters import adapters

ROOT = Path(__file__).parent.parent
ACCOUNT = "333333333333"
OPTIONS = """
from pydantic import BaseModel, ConfigDict, Field

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    place: str = Field(description="Where it is.", pattern="^[a-z]+$")
"""
ROUTER = """
from guardian.ports.health import Health, Level
from guardian.routers import none

PERMISSIONS = ("trams:GetTram", "trams:SetTram")
VARIABLES = ("version", "line")

class Tram(none.Gate):
    def variables(self):
        return {**super().variables(), "line": "7"}
    def examine(self):
        return [Health(level=Level.OK, what="the tram runs")]

def build(options, context):
    return Tram(none.Options(), context)
"""
SOURCE = """
from guardian.core.model import Measurement
from guardian.ports import ConfigError

PERMISSIONS = ("almanacs:Read",)
SECRETS = {"almanac_token": "lets read"}

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    year: int = Field(default=2026, description="Which one.")

class Almanac:
    has_history = False
    def read(self, asks, *, now):
        return {ask.query: Measurement(settled_before=now) for ask in asks}
    def unknown(self, queries, *, now):
        return {}
    def corrected_s(self, query):
        return 0.0
    def percentile(self, query, percentile):
        return None

def build(options, context):
    if not context.secret("almanac_token"):
        raise ConfigError("the almanac is closed: set GUARDIAN_ALMANAC_TOKEN")
    return Almanac()
"""
NOTIFIER = """
from guardian.ports import ConfigError
from guardian.ports.health import Health, Level

PERMISSIONS = ("bells:Ring",)
SECRETS = {"bell_key": "opens the tower"}

class Bell:
    def send(self, notice, *, handle):
        return None
    def examine(self):
        return [Health(level=Level.OK, what="the bell hangs")]

def build(options, context):
    if not context.secret("bell_key"):
        raise ConfigError("the tower is locked: set GUARDIAN_BELL_KEY")
    return Bell()
"""
JOURNAL = """
from guardian.journals import sqlite

PERMISSIONS = ("papers:Write",)

def build(options, context):
    if context.region != "us-east-1":
        raise RuntimeError("a journal stands in the file's region")
    return sqlite.build(sqlite.Options(path="FOLDER/paper.db"), context)
"""
ADAPTERS = {
    "routers": ("tram", OPTIONS + ROUTER),
    "sources": ("almanac", OPTIONS + SOURCE),
    "notifiers": ("bell", OPTIONS + NOTIFIER),
    "journals": ("paper", OPTIONS + JOURNAL),
}
CONFIG = f"""version: 1
environment: production
aws: {{account_id: "{ACCOUNT}", region: us-east-1}}
journal: paper:shelf
sources: {{almanac: {{year: 1999}}}}
services:
  api:
    router: {{type: tram, place: town}}
    rules: [../rules/own.yaml]
notify:
  - {{to: bell, place: tower}}
"""
RULES = """version: 1
name: own
criteria:
  - name: no-storm
    incidents: {source: almanac, priorities: [high], services: ["${router.line}"]}
    fail_if: {any: true}
"""
FORM = """
from typing import Literal

from pydantic import Field

from guardian.core.model import Query
from guardian.files.rules.source_form import Key, MetricBase, SourceForm


class TideModel(MetricBase):
    source: Literal["almanac"] = Field(description="Where it is read.")
    harbour: str = Field(description="Where the water stands.")


class Tide(SourceForm):
    title = "Almanac"
    written = TideModel

    def value(self, metric, place, context):
        return Query(source="almanac", name="tide", words=(("harbour", metric.harbour),))

    def settle_s(self, query):
        return 60.0

    def keys(self, query):
        yield Key("harbour", query.word("harbour"))


FORM = Tide()
"""
TIDE = """version: 1
name: tide
criteria:
  - name: high-water
    gauge: {source: almanac, harbour: Cuxhaven}
    fail_if: {above: 3}
    scope: service
"""
VARIABLES = {"GUARDIAN_ALMANAC_TOKEN": "secret", "GUARDIAN_BELL_KEY": "secret"}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration of adapters that lie in a folder beside each room's own."""
    for room, (name, text) in ADAPTERS.items():
        folder = tmp_path / room
        folder.mkdir()
        (folder / f"{name}.py").write_text(text.replace("FOLDER", str(tmp_path)), encoding="utf-8")
        package = importlib.import_module(f"guardian.{room}")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    for name, text in (("config/production.yaml", CONFIG), ("rules/own.yaml", RULES)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    yield tmp_path / "config" / "production.yaml"
    for room, (name, _) in ADAPTERS.items():
        sys.modules.pop(f"guardian.{room}.{name}", None)
        vars(importlib.import_module(f"guardian.{room}")).pop(name, None)


def ran(*words: object, code: int = 0, environ: Mapping[str, str] = VARIABLES) -> str:
    """What a command prints, which ends with that code."""
    hidden = {"GUARDIAN_JOURNAL": None, "GUARDIAN_CONFIG": None, **dict.fromkeys(VARIABLES)}
    result = CliRunner().invoke(
        guardian, [str(word) for word in words], standalone_mode=False, env={**hidden, **environ}
    )
    assert result.exception is None, result.exception
    assert (result.return_value or 0) == code, result.output
    return result.output


def test_lint_knows_its_options_its_variables_and_its_secrets(path: Path) -> None:
    """What is missing here and may be there where guardian runs is a warning."""
    journals = ", ".join(adapters("journals"))
    assert "paper" in journals
    assert "0 errors, 0 warnings" in ran("config", "lint", path)
    found = ran("config", "lint", path, environ={})
    assert "the tower is locked" in found
    assert "production.yaml:5:11: the almanac is closed" in found
    for right, wrong, said in (
        ("place: town", "place: 7", "production.yaml:8:33"),
        ("place: tower", "plaice: tower", "did you mean 'place'"),
        ("year: 1999", "year: last", "production.yaml:5:27"),
        ("almanac: {year: 1999}", "almanach: {}", "5:11: there is no source called 'almanach'"),
        ("paper:shelf", "paper:7", "the journal paper:7: place '7'"),
        ("paper:shelf", "papier:shelf", f"no journal called 'papier'; known are {journals}"),
    ):
        path.write_text(CONFIG.replace(right, wrong), encoding="utf-8")
        assert said in ran("config", "lint", path, code=3)
    rules = path.parent.parent / "rules"
    assert "0 errors" in ran("rules", "lint", rules)


def test_a_router_need_not_have_variables(path: Path) -> None:
    """Rule files may name those that the others have."""
    tram = path.parent.parent / "routers" / "tram.py"
    tram.write_text(re.sub("^VARIABLES.*", "", tram.read_text("utf-8"), flags=re.MULTILINE))
    rules = path.parent.parent / "rules"
    (rules / "own.yaml").write_text(RULES.replace("router.line", "router.version"), "utf-8")
    assert "0 errors" in ran("rules", "lint", rules)


def test_editors_are_told_of_it(path: Path) -> None:
    """The schema of configurations holds its options."""
    assert path.is_file()
    schema = json.loads(ran("config", "schema"))
    told = {entry["title"]: entry for entry in schema["properties"]["notify"]["items"]["oneOf"]}
    assert told["bell"]["properties"]["place"] == {
        "description": "Where it is.",
        "pattern": "^[a-z]+$",
        "type": "string",
    }
    assert '"tram"' in json.dumps(schema)
    assert schema["properties"]["sources"]["properties"]["almanac"]["properties"].keys() == {"year"}


def test_the_least_policy_holds_what_each_says_it_needs(path: Path) -> None:
    """The journal's also where nothing but the way back is wanted."""
    for role, wanted in (
        ("act", {"trams:GetTram", "trams:SetTram", "almanacs:Read", "bells:Ring", "papers:Write"}),
        ("read", {"trams:GetTram", "almanacs:Read", "papers:Write"}),
        ("break-glass", {"trams:GetTram", "trams:SetTram", "papers:Write"}),
    ):
        policy = json.loads(ran("iam", "-c", path, "--role", role))
        granted = {action for one in policy["Statement"] for action in one["Action"]}
        assert granted == wanted


def test_doctor_asks_each_of_them(path: Path) -> None:
    """And what an adapter says of itself is a line."""
    said = ran("doctor", "-c", path)
    for line in (
        "the journal can be read and written",
        "api: the tram runs",
        "api: source almanac: answers",
        "the bell hangs",
    ):
        assert line in said
    assert (path.parent.parent / "paper.db").is_file()
    assert "on this machine alone" not in said
    token = {"GUARDIAN_ALMANAC_TOKEN": "secret"}
    assert "the tower is locked" in ran("doctor", "-c", path, code=3, environ=token)


def test_a_source_is_written_in_rule_files_as_its_form_says(tmp_path: Path) -> None:
    """A guardian that has one form more in its folder lints, explains and describes it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "guardian", tmp_path / "guardian", ignore=ignored)
    for name, text in (
        ("guardian/sources/almanac.py", OPTIONS + SOURCE),
        ("guardian/files/rules/sources/almanac.py", FORM),
        ("tide.yaml", TIDE),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")

    def told(*words: str) -> str:
        command = [sys.executable, "-m", "guardian", "rules", *words]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    assert "1 criterion: 0 errors, 0 warnings" in told("lint", "tide.yaml")
    assert "harbour  Cuxhaven  tide.yaml:5" in re.sub(" +", "  ", told("explain", "tide.yaml"))
    assert "Where the water stands." in told("schema")
