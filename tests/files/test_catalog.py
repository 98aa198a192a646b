"""The catalog over files in which something is wrong: what it still knows, and from where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.core.plan import Plan, Reach
from guardian.core.rollout.entries import RolloutStarted
from guardian.ports import ConfigError
from guardian.wiring import Wiring, open_wiring
from guardian.wiring.configured import MOST_BESIDE, ConfiguredCatalog
from tests.simulation.scheduler import plan

TARGET = "lambda_alias:333333333333:us-east-1:agents-api:live"
TEXT = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
services:
  agents-api:
    router: {type: lambda_alias, function: agents-api, alias: live}
    rules: [../rules/own.yaml]
    steps: [{weight: 100%, bake: 10m}]
  billing-api:
    router: {type: lambda_alias, function: billing-api, alias: live}
    rules: [preset:lambda]
    steps: [{weight: 100%, bake: 10m}]
notify:
  - {to: console, on: all}
"""
RULES = """\
version: 1
name: own
criteria:
  - name: error-rate
    ratio:
      bad: {namespace: Shop, metric: Failed}
      total: {namespace: Shop, metric: Requests}
      dimensions: {Version: "${canary}"}
    fail_if: {above: 5%}
"""
REACH = Reach(
    router="lambda_alias",
    options={"function": "agents-api", "alias": "live", "stamp": "false"},
    account_id="333333333333",
    region="us-east-1",
)
LIVE: Plan = replace(
    plan(1.8e9),
    rollout="left",
    service="agents-api",
    target=TARGET,
    group="platform",
    reach=REACH,
)


@pytest.fixture
def wiring(tmp_path: Path) -> Iterator[Wiring]:
    """Of files that `wrong` changes before they are read, with a pager in the environment."""
    (tmp_path / "config").mkdir()
    (tmp_path / "rules").mkdir()
    (tmp_path / "config" / "production.yaml").write_text(TEXT)
    (tmp_path / "rules" / "own.yaml").write_text(RULES)
    environ = {
        "GUARDIAN_JOURNAL": f"sqlite:{tmp_path / 'guardian.db'}",
        "GUARDIAN_PAGERDUTY_ROUTING_KEY": "0" * 32,
    }
    path = tmp_path / "config" / "production.yaml"
    with open_wiring(path, usable=True, environ=environ) as found:
        yield found


def write(wiring: Wiring, name: str, text: str) -> ConfiguredCatalog:
    """The catalog after that file was written."""
    (wiring.configured().folder.parent / name).write_text(text)
    return ConfiguredCatalog(wiring.renewed())


def left_behind(wiring: Wiring) -> None:
    """A live rollout that nobody drives."""
    journal = wiring.journal
    lease = journal.open_lease("dead")
    claim = journal.claim(lease, TARGET)
    assert claim is not None
    entries = [RolloutStarted(at=1.8e9, plan=LIVE)]
    journal.append(claim, "left", expected=0, entries=entries, live=True, txid="t")
    journal.close_lease(lease)


def test_a_broken_rule_file_breaks_its_service_alone(wiring: Wiring) -> None:
    """The others may begin; all notifiers tell of all services."""
    catalog = write(wiring, "rules/own.yaml", RULES + "nonsense: 1\n")
    troubled = {served.name: bool(served.trouble) for served in catalog.services()}
    assert troubled == {"agents-api": True, "billing-api": False}
    assert "own.yaml:10:1: unknown key 'nonsense'" in catalog.trouble


def test_a_notifier_that_cannot_be_used_leaves_the_others(wiring: Wiring) -> None:
    """And the pager of the environment takes part, since the file's own may be the one."""
    lost = '  - {to: webhook, url: "https://a.example/", secret: {env: GONE}, on: all}\n'
    catalog = write(wiring, "config/production.yaml", TEXT + lost)
    assert [receiver.name for receiver in catalog.receivers()] == ["console", "pagerduty"]
    assert "GONE" in catalog.trouble


def test_without_a_readable_file_the_journal_says_who_is_live_and_where(wiring: Wiring) -> None:
    """Environment, group, router, account: nothing but credentials has to come from outside."""
    left_behind(wiring)
    catalog = write(wiring, "config/production.yaml", "]\n")
    assert (catalog.services(), catalog.environment) == ([], "production")
    assert catalog.groups == {"platform": ("agents-api",)}
    assert [receiver.name for receiver in catalog.receivers()] == ["pagerduty"]
    task = catalog.adopted(LIVE)
    assert (task.router.target, task.plane) == (TARGET, "333333333333:us-east-1:")
    with pytest.raises(ConfigError, match="does not say how"):
        catalog.adopted(replace(LIVE, reach=None))


def test_files_that_name_another_target_do_not_move_a_live_rollout(wiring: Wiring) -> None:
    """It stays where its canary has traffic; what is switched off is left alone."""
    catalog = write(wiring, "config/production.yaml", TEXT.replace("alias: live", "alias: other"))
    assert catalog.adopted(LIVE).router.target == TARGET
    off = TEXT.replace("rules: [../rules/own.yaml]", "rules: [../rules/own.yaml]\n    mode: off")
    with pytest.raises(ConfigError, match="switched off"):
        write(wiring, "config/production.yaml", off).adopted(LIVE)


def test_from_trouble_files_may_become_better_by_steps(wiring: Wiring) -> None:
    """And sound ones are never replaced by what has any trouble."""
    sound = ConfiguredCatalog(wiring)
    troubled = write(wiring, "config/production.yaml", "]\n")
    with pytest.raises(ConfigError):
        sound.renewed()
    write(wiring, "config/production.yaml", TEXT + "nonsense: 1\n")
    better = troubled.renewed()
    assert better.trouble
    assert len(better.services()) == 2
    write(wiring, "config/production.yaml", TEXT)
    assert better.renewed().trouble == ""


def test_a_plan_says_how_its_target_is_reached(wiring: Wiring) -> None:
    """What the router is given is kept as a file would write it."""
    _, reach = wiring.router("agents-api")
    assert reach == replace(REACH, options={**REACH.options, "stamp": "true"})


@pytest.mark.parametrize("what", ["pipe", "zero", "huge", "folder", "unreadable", "many"])
def test_whatever_lies_beside_the_files_is_no_trouble(wiring: Wiring, what: str) -> None:
    """A pipe without a writer, a device without an end, a file of 2 GB: none of them is read."""
    place = wiring.configured().folder.parent / "rules"
    match what:
        case "pipe":
            os.mkfifo(place / "x.yaml")
        case "zero":
            (place / "x.yaml").symlink_to("/dev/zero")
        case "huge":
            with (place / "x.yaml").open("wb") as file:
                file.truncate(2_000_000_000)
        case "folder":
            (place / "x.yaml").mkdir()
        case "unreadable":
            (place / "x.yaml").write_text("a: 1")
            (place / "x.yaml").chmod(0)
        case "many":
            for index in range(MOST_BESIDE + 10):
                (place / f"f{index}.yaml").write_text("a: 1")
    catalog = ConfiguredCatalog(wiring)
    assert not catalog.stale()
    assert [s.name for s in catalog.services()]
    (place / "own.yaml").write_text(RULES + "\n")
    assert catalog.stale()


def test_a_variable_that_is_wrong_is_as_a_file_that_is_wrong(wiring: Wiring) -> None:
    """What it says is left out, nothing new begins, and no file mends it."""
    environ = {**wiring.environ, "GUARDIAN_LOG_FORMAT": "xml"}
    with open_wiring(wiring.configured().path, usable=True, environ=environ) as wrong:
        catalog = ConfiguredCatalog(wrong)
        assert "GUARDIAN_LOG_FORMAT" in catalog.trouble
        assert all("GUARDIAN_LOG_FORMAT" in served.trouble for served in catalog.services())
        assert catalog.renewed().trouble == catalog.trouble
