"""What a deploy of the function's stack does to a rollout, and what guardian answers: docs/cdk.md.

CloudFormation writes to an alias what the template says of it, when that differs from what the last
template said; what it does not say of weights is cleared or left, and both are tried.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from guardian.sim.aliases import AliasState
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.stage import SERVICE, Stage, stage
from tests.cli.theatre import Theatre, theatre

BAD = Behaviour(failure_rate=0.3)
START = ("rollout", "start", SERVICE, "--wait", "--rollback-timeout", "10h")


class StackedAlias:
    """The stack's alias, made with version 41."""

    def __init__(self, a_stage: Stage, *, version: str = "41", clears: bool = True) -> None:
        self._says = {"FunctionVersion": version, "Description": "by CDK"}
        self._weights: dict[str, Any] = {"RoutingConfig": {}} if clears else {}
        self._alias = {"FunctionName": SERVICE, "Name": "live"}
        self._client = boto3.client(
            "lambda",
            endpoint_url=a_stage.simulator.url,
            region_name="us-east-1",
            aws_access_key_id="deploy",
            aws_secret_access_key="deploy",
        )

    def deploy(self, version: str) -> bool:
        """A deploy whose template names a version; whether that wrote to the alias."""
        if self._says["FunctionVersion"] == version:
            return False
        self._says["FunctionVersion"] = version
        self._write()
        return True

    def revert_drift(self) -> None:
        """`cdk deploy --revert-drift`: what the template says is made so, whatever changed it."""
        found = self._client.get_alias(**self._alias)
        if found.get("RoutingConfig") or any(
            found[key] != value for key, value in self._says.items()
        ):
            self._write()

    def _write(self) -> None:
        self._client.update_alias(**self._alias, **self._says, **self._weights)


def canary(t: Theatre) -> None:
    """A daemon drives 41 -> 42, and 42 has its 10 %."""
    t.stage.simulator.aliases.publish(SERVICE, "43")
    t.daemon()
    t.serves()
    t.begin(SERVICE)
    t.wait_phase(SERVICE, "baking")


def shown(state: AliasState) -> tuple[str, dict[str, float]]:
    """Who has traffic."""
    return state.version, dict(state.weights)


# --- during a rollout --------------------------------------------------------------------------


def test_a_deploy_that_leaves_the_alias_alone_disturbs_nothing(tmp_path: Path) -> None:
    """It publishes 43, writes nothing, and the rollout of 42 goes on to its next step."""
    with theatre(tmp_path) as t:
        alias = StackedAlias(t.stage)
        canary(t)
        assert not alias.deploy("41")
        assert t.stage.run("rollout", "promote", SERVICE).code == 0
        t.wait_for("the next step", lambda: shown(t.alias(SERVICE)) == ("41", {"42": 0.5}))


@pytest.mark.parametrize("clears", [True, False], ids=["weights cleared", "weights left"])
def test_a_deploy_that_moves_the_alias_to_another_version_ends_the_rollout(
    tmp_path: Path, clears: bool
) -> None:
    """It lets go, says so, and writes nothing any more: what is live is the deploy's."""
    with theatre(tmp_path) as t:
        alias = StackedAlias(t.stage, clears=clears)
        canary(t)
        assert alias.deploy("43")
        written = t.alias(SERVICE).revision
        t.wait_phase(SERVICE, "superseded")
        t.told()
        assert t.alias(SERVICE).revision == written
        assert shown(t.alias(SERVICE)) == ("43", {} if clears else {"42": 0.1})
        texts = " ".join(m.text for m in t.stage.simulator.slack.messages)
        assert "somebody else changed" in texts


def test_a_deploy_that_gives_the_canary_everything_is_a_hold(tmp_path: Path) -> None:
    """The versions are the rollout's, the weights are not: a person decides."""
    with theatre(tmp_path) as t:
        alias = StackedAlias(t.stage)
        canary(t)
        assert alias.deploy("42")
        t.wait_phase(SERVICE, "held")
        assert shown(t.alias(SERVICE)) == ("42", {})
        ended = t.stage.run("rollout", "retry", SERVICE)
        assert ended.code == 0, ended.out + ended.err
        t.wait_for("its weight", lambda: shown(t.alias(SERVICE)) == ("41", {"42": 0.1}))


def test_a_bad_canary_that_a_deploy_gave_everything_is_still_taken_back(tmp_path: Path) -> None:
    """A hold stops advances, not the judging."""
    with theatre(tmp_path) as t:
        alias = StackedAlias(t.stage)
        canary(t)
        assert alias.deploy("42")
        t.stage.behave("42", BAD)
        t.wait_phase(SERVICE, "rolled_back")
        assert shown(t.alias(SERVICE)) == ("41", {})


def test_a_stack_that_rolls_back_to_stable_ends_the_rollout_as_rolled_back(tmp_path: Path) -> None:
    """So does --revert-drift, where the template still names stable: 42 is marked as taken back."""
    with theatre(tmp_path) as t:
        alias = StackedAlias(t.stage)
        canary(t)
        alias.revert_drift()
        t.wait_phase(SERVICE, "rolled_back")
        t.told()
        assert shown(t.alias(SERVICE)) == ("41", {})
        assert "ordered by somebody else" in t.log()
        assert t.stage.events("pagerduty.trigger") == []


def test_to_revert_drift_puts_all_traffic_on_the_version_the_alias_was_made_with(
    tmp_path: Path,
) -> None:
    """Which may be years old: guardian lets go, because it is neither of the rollout's."""
    with theatre(tmp_path) as t:
        t.stage.simulator.aliases.publish(SERVICE, "40")
        alias = StackedAlias(t.stage, version="40")
        canary(t)
        assert not alias.deploy("40")
        assert shown(t.alias(SERVICE)) == ("41", {"42": 0.1})
        alias.revert_drift()
        t.wait_phase(SERVICE, "superseded")
        assert shown(t.alias(SERVICE)) == ("40", {})
        ended = t.stage.run("rollback", SERVICE, "--to", "41", "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert shown(t.alias(SERVICE)) == ("41", {})


# --- after a rollback --------------------------------------------------------------------------


def test_after_a_rollback_an_unchanged_template_changes_nothing(tmp_path: Path) -> None:
    """CloudFormation believes its last template: the alias stays where guardian put it."""
    with stage(tmp_path) as s:
        follows = StackedAlias(s)
        assert s.run("snapshot", SERVICE).code == 0
        assert follows.deploy("42")
        s.behave("42", BAD)
        ended = s.run("watch", SERVICE, "--duration", "10m")
        assert ended.code == 4, ended.out + ended.err
        assert not follows.deploy("42")
        assert shown(s.alias) == ("41", {})


@pytest.mark.parametrize("follows", [True, False], ids=["alias follows", "alias left to guardian"])
def test_the_next_deploy_of_the_same_code_is_another_version(tmp_path: Path, follows: bool) -> None:
    """What is refused is 42, not what 43 holds: that is live at once, or tried and taken back."""
    with stage(tmp_path, versions=("41", "42", "43")) as s:
        s.behave("42", BAD)
        s.behave("43", BAD)
        alias = StackedAlias(s)
        assert s.run(*START, "--to", "42").code == 4
        assert s.run(*START, "--to", "42").code == 3
        assert alias.deploy("43" if follows else "41") is follows
        assert shown(s.alias) == ("43" if follows else "41", {})
        if not follows:
            assert s.run(*START, "--to", "43").code == 4
            given = [e.data["weights"] for e in s.written() if "43" in e.data["weights"]]
            assert given == [{"43": 0.1}]


def test_a_freeze_keeps_the_next_version_away_until_the_bad_change_is_out(tmp_path: Path) -> None:
    """The deploy publishes 43; its start moves nothing while the freeze holds."""
    with theatre(tmp_path) as t:
        t.stage.simulator.aliases.publish(SERVICE, "43")
        t.daemon()
        t.serves()
        frozen = t.stage.run("freeze", SERVICE, "--until", "24h", "--reason", "42 fails")
        assert frozen.code == 0, frozen.out + frozen.err
        assert t.stage.run("rollout", "start", SERVICE, "--to", "43").code == 0
        t.wait_phase(SERVICE, "held")
        assert shown(t.alias(SERVICE)) == ("41", {})
        assert t.stage.run("unfreeze", SERVICE).code == 0
        t.wait_for("its first step", lambda: shown(t.alias(SERVICE)) == ("41", {"43": 0.1}))


# --- CodeDeploy, and a journal that went with its task ------------------------------------------


def test_what_codedeploy_shifts_is_judged_and_taken_back(tmp_path: Path) -> None:
    """A watch moves nothing but back, and keeps it back while CodeDeploy goes on."""
    with stage(tmp_path) as s:
        s.behave("42", BAD)
        write = s.simulator.aliases.write_as_person
        write(SERVICE, "live", version="41", weights={"42": 0.1})
        process = s.start("watch", SERVICE, "--duration", "10m")
        s.wait_for("the rollback", lambda: shown(s.alias) == ("41", {}), timeout_s=60)
        write(SERVICE, "live", version="42", weights={})
        s.wait_for("it again", lambda: shown(s.alias) == ("41", {}), timeout_s=60)
        out, err = process.communicate(timeout=90)
        assert process.wait() == 4, out + err


def test_a_journal_that_is_lost_leaves_traffic_as_it_is_and_recover_puts_it_back(
    tmp_path: Path,
) -> None:
    """A new task has an empty journal: its daemon pages what it found, and leaves it."""
    with theatre(tmp_path) as t:
        canary(t)
        t.started[0].kill()
        t.started[0].wait()
        journal = f"sqlite:{tmp_path / 'new-task.db'}"
        t.daemon(GUARDIAN_JOURNAL=journal)
        t.wait_for("the page", lambda: t.stage.events("pagerduty.trigger"), timeout_s=60)
        assert "`guardian rollout recover agents-api` puts version 41 back" in t.log()
        assert shown(t.alias(SERVICE)) == ("41", {"42": 0.1})
        ended = t.stage.run("rollout", "recover", SERVICE, GUARDIAN_JOURNAL=journal)
        assert ended.code == 0, ended.out + ended.err
        assert shown(t.alias(SERVICE)) == ("41", {})
