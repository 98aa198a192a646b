"""P0 incidents as a criterion, as processes of their own: before the first shift, and after it."""

from __future__ import annotations

import signal
from pathlib import Path

from guardian.core.rollout.entries import Held, HoldReason, StepEntered
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.stage import SERVICE, Stage, finish, interrupt, stage

START = ("rollout", "start", SERVICE, "--wait", "--rollback-timeout", "10h")
TITLE = "checkout is down"
RULES = """\
version: 1
name: production
vars:
  pagerduty_service: {description: whose P0 incidents count}
criteria:
  - name: error-rate
    ratio:
      bad: {namespace: EnergyInsights/Api, metric: FailedRequests}
      total: {namespace: EnergyInsights/Api, metric: Requests}
      dimensions: {Version: "${canary}"}
    fail_if: {above: 5%}
  - name: p0-incident
    incidents: {source: pagerduty, priorities: [P0], services: ["${pagerduty_service}"]}
    fail_if: {any: true}
"""


def shifted(a_stage: Stage) -> bool:
    """Whether the canary has traffic."""
    return bool(a_stage.alias.weights)


def with_rules(a_stage: Stage) -> Stage:
    """The stage with these rules: one ratio and the incidents."""
    (a_stage.folder / "rules" / "production.yaml").write_text(RULES)
    return a_stage


def told(a_stage: Stage) -> str:
    """Everything that Slack was told, in one text."""
    return "\n".join(str(e.data) for e in a_stage.events("slack.post", "slack.update"))


def test_a_p0_after_the_first_shift_takes_the_release_back(tmp_path: Path) -> None:
    """Exit 4, all traffic on 41; that it is resolved meanwhile changes nothing."""
    with stage(tmp_path, speed=60.0) as s:
        process = with_rules(s).start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        incident = s.simulator.pagerduty.open_incident(TITLE, priority="P0")
        s.wait_for("the rollback", lambda: not shifted(s))
        s.simulator.pagerduty.resolve(incident)
        ended = finish(process)
        assert ended.code == 4, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        assert TITLE in told(s)


def test_a_p0_before_the_first_shift_holds_the_start(tmp_path: Path) -> None:
    """Nothing is shifted while it is open; when it is resolved the rollout begins."""
    with stage(tmp_path, speed=60.0) as s:
        incident = with_rules(s).simulator.pagerduty.open_incident(TITLE, priority="P0")
        process = s.start(*START, "--to", "42")
        s.wait_entry(Held, why=HoldReason.INCIDENT)
        assert not s.written()
        s.simulator.pagerduty.resolve(incident)
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process, signal.SIGINT)
        ended = finish(process)
        assert ended.code == 130, ended.out + ended.err
        assert TITLE in ended.out + told(s)


def test_what_the_release_is_to_mend_neither_holds_nor_fails_it(tmp_path: Path) -> None:
    """`--fixes` names the incident."""
    with stage(tmp_path) as s:
        incident = with_rules(s).simulator.pagerduty.open_incident(TITLE, priority="P0")
        process = s.start(*START, "--to", "42", "--fixes", incident.id)
        s.wait_for("the first shift", lambda: shifted(s))
        s.wait_entry(StepEntered, step=1)
        interrupt(process, signal.SIGINT)
        assert finish(process).code == 130


def test_another_services_p0_does_neither(tmp_path: Path) -> None:
    """Nor does this service's P2."""
    with stage(tmp_path) as s:
        account = with_rules(s).simulator.pagerduty
        account.open_incident("elsewhere", priority="P0", service="PXYZ789")
        account.open_incident("small", priority="P2")
        process = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        account.open_incident("elsewhere again", priority="P0", service="PXYZ789")
        s.wait_entry(StepEntered, step=1)
        interrupt(process, signal.SIGINT)
        assert finish(process).code == 130


def test_guardians_own_page_does_not_feed_back(tmp_path: Path) -> None:
    """A rollback pages; somebody makes that a P0; the next release starts all the same."""
    with stage(tmp_path, versions=("41", "42", "43")) as s:
        with_rules(s).behave("42", Behaviour(failure_rate=0.3))
        assert s.run(*START, "--to", "42").code == 4
        (page,) = [i for i in s.simulator.pagerduty.incidents if i.status != "resolved"]
        assert page.key.startswith("guardian/")
        page.priority = "P0"
        process = s.start(*START, "--to", "43")
        s.wait_for("the first shift", lambda: shifted(s))
        s.wait_entry(StepEntered, step=1)
        interrupt(process, signal.SIGINT)
        assert finish(process).code == 130


def test_without_a_token_nothing_is_shifted(tmp_path: Path) -> None:
    """Nobody knows whether an incident is open, and the variable that is missing is named."""
    with stage(tmp_path, speed=60.0) as s:
        process = with_rules(s).start(*START, "--to", "42", GUARDIAN_PAGERDUTY_API_TOKEN="")
        s.wait_for("a poll", lambda: "GUARDIAN_PAGERDUTY_API_TOKEN" in told(s))
        assert not s.written()
        interrupt(process, signal.SIGINT)
        assert finish(process).code == 130
