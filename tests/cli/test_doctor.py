"""`guardian doctor` and `guardian iam`: what is missing, before it is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.stage import Stage, stage
from tests.recorded import checked


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """A simulated world and a configuration for it."""
    with stage(tmp_path) as made:
        yield made


def findings(text: str) -> dict[str, list[dict[str, str]]]:
    """Findings by level."""
    found = checked(text)
    levels: dict[str, list[dict[str, str]]] = {"OK": [], "WARN": [], "FAIL": []}
    for line in found["findings"]:
        levels[line["level"]].append(line)
    return levels


def test_all_is_well_where_all_is_well(scene: Stage) -> None:
    """Every line is OK but for the journal, which is a file; nothing was written or told."""
    ended = scene.run("doctor", "-o", "json")
    found = findings(ended.out)
    assert (ended.code, found["FAIL"]) == (0, [])
    assert [line["what"][:34] for line in found["WARN"]] == ["the journal is on this machine alo"]
    said = "\n".join(line["what"] for line in found["OK"])
    assert "serves 41 100%" in said
    assert "error-rate: EnergyInsights/Api Requests Sum" in said
    assert "Slack takes the token" in said
    assert "PagerDuty answers" in said
    assert said.count("PagerDuty shows its incidents; priorities: ") == 1
    assert scene.written() == []
    assert scene.events("slack.post", "pagerduty.trigger") == []
    assert scene.run("doctor", "--strict").code == 3


def test_the_wrong_account_is_a_failure_with_both_numbers(tmp_path: Path) -> None:
    """Guardian would refuse to act: better to hear it now."""
    with stage(tmp_path, account_id="444444444444") as other:
        ended = other.run("doctor", "-o", "json")
        failures = findings(ended.out)["FAIL"]
        assert ended.code == 3
        assert "444444444444" in failures[0]["what"]
        assert "333333333333" in failures[0]["what"]
        assert failures[0]["fix"]


def test_a_wrong_token_and_a_metric_that_is_not_there_are_lines_of_their_own(
    scene: Stage,
) -> None:
    """One trouble does not hide the next; no secret is shown."""
    rules = scene.folder / "rules" / "production.yaml"
    rules.write_text(rules.read_text().replace("FailedRequests", "FaildRequests"))
    ended = scene.run("doctor", "-o", "json", GUARDIAN_SLACK_TOKEN="xoxb-wrong")
    found = findings(ended.out)
    assert ended.code == 3
    assert any("It lists FailedRequests" in line["what"] for line in found["FAIL"])
    assert any("GUARDIAN_SLACK_TOKEN" in line["what"] for line in found["FAIL"])
    assert "xoxb-wrong" not in ended.out + ended.err


def test_a_source_that_lacks_what_it_needs_is_a_line_and_hides_no_other(scene: Stage) -> None:
    """Both ways to say it are told; said, but without an answer there, it is the source's word."""
    rules = scene.folder / "rules" / "production.yaml"
    rules.write_text(
        rules.read_text() + "  - name: queue-age\n"
        "    gauge: {source: prometheus, query: max(queue_seconds), unit: Seconds}\n"
        "    fail_if: {above: 10m}\n"
    )
    ended = scene.run("doctor", "-o", "json")
    (line,) = (found := findings(ended.out))["FAIL"]
    assert line["what"].startswith("agents-api: source prometheus: nothing says where")
    assert "sources: {prometheus: {url: ...}}" in line["what"]
    assert "GUARDIAN_PROMETHEUS_URL" in line["what"]
    assert any("PagerDuty shows its incidents" in line["what"] for line in found["OK"])
    ended = scene.run("doctor", "-o", "json", GUARDIAN_PROMETHEUS_URL="http://127.0.0.1:9")
    (line,) = findings(ended.out)["FAIL"]
    assert line["what"].startswith("agents-api: source prometheus: ")
    assert "nothing says where" not in line["what"]
    assert line["fix"].startswith("check the network up to it")


def test_a_priority_that_there_is_not_is_for_the_files_to_put_right(scene: Stage) -> None:
    """The token is good, and so is the address."""
    rules = scene.folder / "rules" / "production.yaml"
    rules.write_text(rules.read_text().replace("[P0]", "[P7]"))
    (line,) = findings(scene.run("doctor", "-o", "json").out)["FAIL"]
    assert line["what"].startswith("agents-api: source pagerduty: PagerDuty has no priority")
    assert line["fix"] == "correct what the files say of it"


def test_a_metric_that_comes_less_often_than_the_rule_reads_it_is_a_warning(scene: Stage) -> None:
    """EC2's basic monitoring: a datapoint every 5 minutes, read minute by minute."""
    rules = scene.folder / "rules" / "production.yaml"
    rules.write_text(
        "version: 1\nname: production\ncriteria:\n  - name: cpu\n    scope: canary\n"
        "    gauge: {namespace: AWS/EC2, metric: CPUUtilization,"
        " dimensions: {AutoScalingGroupName: agents}}\n    fail_if: {above: 90%}\n"
    )
    config = scene.config.read_text().replace("    vars: {pagerduty_service: PABC123}\n", "")
    scene.config.write_text(config)
    now = scene.clock.now() // 300 * 300
    for minutes in range(-60, 60, 5):
        scene.simulator.feed(
            "AWS/EC2",
            "CPUUtilization",
            {40.0: 1},
            dims={"AutoScalingGroupName": "agents"},
            at=now + minutes * 60,
            visible_at=now + minutes * 60 + 60,
            unit="Percent",
        )
    (found,) = [
        w for w in findings(scene.run("doctor", "-o", "json").out)["WARN"] if "cpu" in w["what"]
    ]
    assert "a datapoint every 5 minutes, and the rule reads one every 1 minute" in found["what"]
    assert found["fix"] == "write period: 5m"
    rules.write_text(rules.read_text().replace("agents}}", "agents}, period: 5m}"))
    said = findings(scene.run("doctor", "-o", "json").out)
    assert [w for w in said["WARN"] if "cpu" in w["what"]] == []


def test_a_notifiers_wrong_option_is_a_line_and_hides_no_other(scene: Stage) -> None:
    """It used to end the examination with nothing but its own sentence."""
    config = next((scene.folder / "config").glob("*.y*ml"))
    config.write_text(config.read_text().replace("GUARDIAN_PAGERDUTY_ROUTING_KEY", "NOT_SET"))
    ended = scene.run("doctor", "-o", "json")
    found = findings(ended.out)
    assert ended.code == 3
    assert ["NOT_SET" in line["what"] for line in found["FAIL"]] == [True]
    assert any("serves 41 100%" in line["what"] for line in found["OK"])


def test_files_that_are_wrong_are_a_failure_and_hide_nothing_else(scene: Stage) -> None:
    """What can be used of them is looked at all the same."""
    scene.config.write_text(scene.config.read_text() + "nonsense: 1\n")
    ended = scene.run("doctor", "-o", "json")
    found = findings(ended.out)
    assert ended.code == 3
    assert ["nonsense" in line["what"] for line in found["FAIL"]] == [True]
    assert any("serves 41 100%" in line["what"] for line in found["OK"])


def test_aws_out_of_reach_is_said_once_a_service_and_does_not_stop_the_rest(scene: Stage) -> None:
    """The notifiers are still looked at."""
    ended = scene.run("doctor", AWS_ENDPOINT_URL="http://127.0.0.1:9", GUARDIAN_SIMULATED_CLOCK="")
    assert ended.code == 3
    assert "1 FAIL; to be put right:" in ended.out
    assert "FAIL  service agents-api" in ended.out.partition("to be put right:")[2]
    assert "fix: check the network" in ended.out
    assert "FAIL  service agents-api" in ended.out
    assert "OK    Slack takes the token" in ended.out


@pytest.mark.parametrize(
    ("role", "there", "absent"),
    [
        ("read", "cloudwatch:GetMetricData", "lambda:UpdateAlias"),
        ("act", "cloudformation:GetTemplate", "sts:AssumeRole"),
        ("break-glass", "lambda:UpdateAlias", "cloudformation:GetTemplate"),
    ],
)
def test_a_roles_policy_allows_what_it_does_and_no_more(
    scene: Stage, role: str, there: str, absent: str
) -> None:
    """One policy document; traffic is written on the one function alone."""
    statements = json.loads(scene.run("iam", "--role", role).out)["Statement"]
    allowed = {action: s["Resource"] for s in statements for action in s["Action"]}
    assert there in allowed
    assert absent not in allowed
    for action, resources in allowed.items():
        if action.startswith("lambda:"):
            assert all("function:agents-api" in arn for arn in resources)


def test_the_policy_needs_no_credentials_and_no_network(scene: Stage) -> None:
    """It is made of the configuration alone; a wrong account is a usage error."""
    ended = scene.run("iam", "--account", "333333333333", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert json.loads(ended.out)["Version"] == "2012-10-17"
    assert scene.run("iam", "--account", "1").code == 2


def test_an_alias_is_examined_without_any_file(scene: Stage) -> None:
    """What a watch without a file advises works without a file."""
    scene.config.unlink()
    ended = scene.run("doctor", "agents-api:live", GUARDIAN_CONFIG="", AWS_REGION="us-east-1")
    assert "agents-api:live: " in ended.out, ended.err
    assert "no configuration says whom" in ended.out
    assert "no config file" not in ended.out + ended.err


def test_an_alias_on_latest_is_a_failure(scene: Stage) -> None:
    """A rollout, a watch and a snapshot would all refuse it."""
    scene.simulator.aliases.write_as_person("agents-api", "live", version="$LATEST", weights={})
    found = findings(scene.run("doctor", "-o", "json").out)
    (line,) = [line for line in found["FAIL"] if "$LATEST" in line["what"]]
    assert "not a published version" in line["fix"]


@pytest.mark.parametrize("by_version", [True, False])
def test_the_series_that_a_watch_would_read_is_looked_at(scene: Stage, by_version: bool) -> None:
    """A lone version's own where it speaks, and the whole alias's where only that does."""
    scene.simulator.traffic.executed_version_on_unweighted = by_version
    config = scene.config.read_text().replace("../rules/production.yaml", "preset:lambda")
    scene.config.write_text(config.replace("    vars: {pagerduty_service: PABC123}\n", ""))
    dims = {"FunctionName": "agents-api", "Resource": "agents-api:live", "ExecutedVersion": "41"}
    now = scene.clock.now()
    for minutes in range(30, 50) if by_version else ():
        at = now - 60.0 * minutes
        scene.simulator.feed("AWS/Lambda", "Invocations", {1.0: 9}, dims=dims, at=at, unit="Count")
    said = [line["what"] for line in findings(scene.run("doctor", "-o", "json").out)["OK"]]
    (found,) = [line for line in said if "AWS/Lambda Invocations" in line]
    datapoints = int(found.split(": ")[-1].split()[0])
    assert (datapoints > 25) is by_version, found
