"""Existing alarms as a criterion, in processes of their own: before the first shift, and after."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from botocore.session import Session

from guardian.core.rollout.entries import Held, HoldReason
from tests.cli.stage import SERVICE, Stage, finish, interrupt, stage

START = ("rollout", "start", SERVICE, "--wait", "--rollback-timeout", "10h", "--to", "42")
RULES = """\
version: 1
name: production
criteria:
  - name: alarms
    alarms: {names: [payments-*, checkout]}
    fail_if: {any: true}
"""
OK, ALARM = "OK", "ALARM"


def client(a_stage: Stage) -> Any:
    """AWS's own client for the simulated CloudWatch."""
    return Session().create_client(
        "cloudwatch",
        region_name="us-east-1",
        endpoint_url=a_stage.simulator.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def with_alarms(a_stage: Stage) -> Any:
    """The stage with these rules and two quiet alarms; the client that sets them."""
    (a_stage.folder / "rules" / "production.yaml").write_text(RULES)
    config = a_stage.config.read_text()
    a_stage.config.write_text(config.replace("    vars: {pagerduty_service: PABC123}\n", ""))
    found = client(a_stage)
    found.put_composite_alarm(AlarmName="payments-any", AlarmRule="ALARM(payments-5xx)")
    found.put_metric_alarm(
        AlarmName="checkout", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1
    )
    for name in ("payments-any", "checkout"):
        found.set_alarm_state(AlarmName=name, StateValue=OK, StateReason="quiet")
    return found


def shifted(a_stage: Stage) -> bool:
    """Whether the canary has traffic."""
    return bool(a_stage.alias.weights)


def told(a_stage: Stage) -> str:
    """Everything that Slack was told, in one text."""
    return "\n".join(str(e.data) for e in a_stage.events("slack.post", "slack.update"))


def test_an_alarm_that_fires_after_the_first_shift_takes_the_release_back(tmp_path: Path) -> None:
    """Exit 4, all traffic on 41; that it is quiet again meanwhile changes nothing."""
    with stage(tmp_path, speed=60.0) as s:
        alarms = with_alarms(s)
        process = s.start(*START)
        s.wait_for("the first shift", lambda: shifted(s))
        alarms.set_alarm_state(AlarmName="payments-any", StateValue=ALARM, StateReason="5xx")
        s.wait_for("the rollback", lambda: not shifted(s))
        alarms.set_alarm_state(AlarmName="payments-any", StateValue=OK, StateReason="quiet")
        ended = finish(process)
        assert ended.code == 4, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        assert "alarm payments-any fired at" in told(s)


def test_an_alarm_that_fired_before_the_first_shift_holds_the_start(tmp_path: Path) -> None:
    """Nothing is shifted while it fires; when it is quiet the rollout begins."""
    with stage(tmp_path, speed=60.0) as s:
        alarms = with_alarms(s)
        alarms.set_alarm_state(AlarmName="checkout", StateValue=ALARM, StateReason="5xx")
        process = s.start(*START)
        s.wait_entry(Held, why=HoldReason.INCIDENT)
        assert not s.written()
        s.wait_for("word of it", lambda: "is not started: an alarm fires" in told(s))
        assert "incident" not in told(s)
        alarms.set_alarm_state(AlarmName="checkout", StateValue=OK, StateReason="quiet")
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process, signal.SIGINT)
        ended = finish(process)
        assert ended.code == 130, ended.out + ended.err
        assert "alarm checkout fires since" in ended.out + told(s)


def test_nothing_starts_on_a_muted_alarm(tmp_path: Path) -> None:
    """Muted is not healthy: people hear of it when nobody has known for long enough."""
    with stage(tmp_path) as s:
        with_alarms(s).disable_alarm_actions(AlarmNames=["checkout"])
        process = s.start(*START)
        s.wait_entry(Held, why=HoldReason.BLIND)
        assert not s.written()
        why = "alarm checkout is muted: its actions are disabled"
        s.wait_for("word of it", lambda: why in told(s))
        interrupt(process, signal.SIGINT)
        assert finish(process).code == 130
