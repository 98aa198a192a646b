"""The CDK example: synthesized offline, and held to what guardian says of itself."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from ruamel.yaml import YAML

from guardian.ports.health import Level
from guardian.routers._lambda_stack import version_health
from tests.cli.theatre import theatre
from tests.packaging.policies import by_action
from tests.packaging.synthesized import APP, App, Deployed, Templates
from tests.tooling import ROOT, judged, tool

STACKS = ("Guardian", "AgentsApi", "BillingApi")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """The example's copy."""
    return App(tmp_path_factory.mktemp("cdk"))


@pytest.fixture(scope="module")
def templates(app: App) -> Templates:
    """As the example stands."""
    return app.synth("first")


@pytest.fixture(scope="module")
def next_release(app: App, templates: Templates) -> Templates:
    """The next deploy, which publishes a version."""
    assert templates.folder.exists()
    built = ("--app", "node build/bin/app.js")
    return app.synth("second", *built, "-c", "release=2", "-c", "dimension=Stage")


def test_the_lock_file_names_no_registry() -> None:
    """Each package is pinned by its hash; where it comes from is npm's configuration."""
    lock = json.loads((APP / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    # What is bundled comes in its bundler's tarball, and is pinned by that one's hash.
    pinned = [entry for entry in packages.values() if not entry.get("inBundle")]
    assert all(entry["integrity"].startswith("sha512-") for entry in pinned)
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    wanted = json.loads((APP / "package.json").read_text("utf-8"))
    versions = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert all(re.fullmatch(r"[0-9.]+", version) for version in versions.values())


def test_cfn_lint_finds_nothing(templates: Templates) -> None:
    """W3005 apart: CDK writes a DependsOn that its own GetAtt says already."""
    ran = judged(
        tool("cfn-lint", by="make examples"),
        "--ignore-checks",
        "W3005",
        "--",
        *(templates.folder / f"{stack}.template.json" for stack in STACKS),
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr


# --- guardian on Fargate -----------------------------------------------------------------------


def test_the_task_may_do_what_guardian_iam_prints_and_nothing_more(templates: Templates) -> None:
    """One inline policy, and none beside it."""
    printed = by_action(json.loads((APP / "policies" / "act.json").read_text("utf-8")))
    roles = templates.of("Guardian", "AWS::IAM::Role")
    name = next(name for name in roles if "TaskRole" in name)
    (inline,) = roles[name]["Properties"]["Policies"]
    assert by_action(inline["PolicyDocument"]) == printed
    assert "ManagedPolicyArns" not in roles[name]["Properties"]
    attached = templates.of("Guardian", "AWS::IAM::Policy").values()
    assert [p for p in attached if {"Ref": name} in p["Properties"]["Roles"]] == []


def test_a_deploy_starts_the_next_daemon_beside_the_old_one(templates: Templates) -> None:
    """It stands by on the same journal, so that nothing is unguarded; nobody can reach either."""
    service = templates.one("Guardian", "AWS::ECS::Service")["Properties"]
    rules = service["DeploymentConfiguration"]
    shares = (rules["MinimumHealthyPercent"], rules["MaximumPercent"])
    assert (service["DesiredCount"], *shares) == (1, 100, 200)
    assert rules["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    (group,) = templates.of("Guardian", "AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group["Properties"]


def test_the_daemon_has_its_health_its_secrets_and_time_to_leave(templates: Templates) -> None:
    """On a root that nobody can write to."""
    guardian = templates.containers()["guardian"]
    assert guardian["Command"] == ["run"]
    assert guardian["HealthCheck"]["Command"] == ["CMD", "guardian", "healthcheck"]
    assert guardian["StopTimeout"] >= 15
    assert {one["ReadonlyRootFilesystem"] for one in templates.containers().values()} == {True}
    secrets = {one["Name"] for one in guardian["Secrets"]}
    assert secrets == {
        "GUARDIAN_SLACK_TOKEN",
        "GUARDIAN_PAGERDUTY_ROUTING_KEY",
        "GUARDIAN_PAGERDUTY_API_TOKEN",
    }


def test_the_journal_is_the_table_that_guardian_documents(templates: Templates) -> None:
    """By the name that the configuration says, and it outlives the stack."""
    page = (ROOT / "docs" / "journals" / "dynamodb.md").read_text("utf-8")
    wanted = json.loads(page.split("```json\n")[1].split("```")[0])["GuardianJournal"]
    table = templates.one("Guardian", "AWS::DynamoDB::Table")
    assert {key: table[key] for key in wanted} == wanted
    guardian = templates.containers()["guardian"]
    environment = {one["Name"]: one["Value"] for one in guardian["Environment"]}
    config = APP / "guardian" / environment["GUARDIAN_CONFIG"].removeprefix("/etc/guardian/")
    address = f"dynamodb:{table['Properties']['TableName']}"
    assert environment["GUARDIAN_JOURNAL"] == address
    assert f"journal: {address} " in config.read_text("utf-8")


def test_logs_are_kept_for_a_time_and_outlive_the_stack(templates: Templates) -> None:
    """Every log group has a retention, and no deletion takes the evidence along."""
    for stack in ("Guardian", "AgentsApi"):
        group = templates.one(stack, "AWS::Logs::LogGroup")
        assert group["Properties"]["RetentionInDays"] in (30, 90)
        assert group["DeletionPolicy"] == "Retain"


def test_silence_of_the_heartbeat_is_an_alarm(templates: Templates) -> None:
    """Missing data breaches, and the alarm is on what the metric filter makes."""
    alarm = templates.one("Guardian", "AWS::CloudWatch::Alarm")["Properties"]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["Statistic"]) == (
        "LessThanThreshold",
        1,
        "Sum",
    )
    assert alarm["AlarmActions"]
    (made,) = templates.one("Guardian", "AWS::Logs::MetricFilter")["Properties"][
        "MetricTransformations"
    ]
    assert (made["MetricNamespace"], made["MetricName"]) == (
        alarm["Namespace"],
        alarm["MetricName"],
    )
    assert "DefaultValue" not in made


def test_the_heartbeat_beats_while_the_daemon_moves(templates: Templates, tmp_path: Path) -> None:
    """The container's own command beside a real daemon, then beside none; SIGTERM ends it."""
    container = templates.containers()["heartbeat"]
    (line,) = re.findall(r"echo '(\{.*?\})'", container["Command"][0])
    pattern = templates.one("Guardian", "AWS::Logs::MetricFilter")["Properties"]["FilterPattern"]
    ((field, value),) = json.loads(line).items()
    assert pattern == f'{{ $.{field} = "{value}" }}'
    with theatre(tmp_path) as t:
        daemon = t.daemon()
        t.serves()
        t.wait_for("its address", lambda: t.health("livez"))
        address = re.search(r"metrics and health on ([\d.:]+)", t.log())
        assert address is not None
        assert _first_line(container, address[1]) == line
        daemon.kill()
        daemon.wait(10)
        assert "beat" not in _first_line(container, address[1])


def _first_line(container: Mapping[str, Any], address: str) -> str:
    """What the heartbeat's container prints first, before SIGTERM ends it with 0."""
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        [*container["EntryPoint"], *container["Command"]],
        env={"PATH": path, "GUARDIAN_METRICS_LISTEN": address},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as beat:
        assert beat.stdout is not None
        line = beat.stdout.readline().strip()
        beat.send_signal(signal.SIGTERM)
        code = beat.wait(10)
        with suppress(ProcessLookupError):  # what it left asleep
            os.killpg(beat.pid, signal.SIGKILL)
    assert code == 0
    return line


# --- the alias ---------------------------------------------------------------------------------


def test_a_deploy_publishes_a_version_and_leaves_the_alias_to_guardian(
    templates: Templates, next_release: Templates
) -> None:
    """Nothing that CloudFormation writes to the alias differs, so it writes nothing."""
    first, second = (
        found.one("AgentsApi", "AWS::Lambda::Alias") for found in (templates, next_release)
    )
    assert first["Properties"] == second["Properties"]
    assert first["Properties"]["FunctionVersion"] == "1"
    assert first.get("UpdatePolicy") is second.get("UpdatePolicy") is None
    before, after = (
        set(found.of("AgentsApi", "AWS::Lambda::Version")) for found in (templates, next_release)
    )
    assert len(before) == len(after) == 1
    assert before.isdisjoint(after)
    (published,) = next_release["AgentsApi"]["Outputs"].values()
    assert published["Value"] == {"Fn::GetAtt": [*after, "Version"]}
    assert first["DependsOn"] == [*before]


def test_where_codedeploy_owns_the_alias_a_deploy_moves_it(
    templates: Templates, next_release: Templates
) -> None:
    """The opposite: the template says the new version, and the update policy by whom."""
    first, second = (
        found.one("BillingApi", "AWS::Lambda::Alias") for found in (templates, next_release)
    )
    assert first["Properties"] != second["Properties"]
    assert (
        first["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        == second["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    )
    group = templates.one("BillingApi", "AWS::CodeDeploy::DeploymentGroup")["Properties"]
    assert group["AlarmConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_another_dependency_of_the_alias_is_no_change_of_it() -> None:
    """It depends on each deploy's version, and that is nothing CloudFormation updates it for."""
    client = boto3.client("cloudformation", region_name="us-east-1")
    changes = client.meta.service_model.shape_for("ResourceAttribute").enum
    assert {"Properties", "UpdatePolicy", "DeletionPolicy"} <= set(changes)
    assert "DependsOn" not in changes


def test_the_locked_cdk_can_show_drift_and_revert_it(app: App) -> None:
    """The two that docs/cdk.md speaks of."""
    assert "--revert-drift" in app.run("cdk", "deploy", "--help")
    assert "cdk drift" in app.run("cdk", "drift", "--help")


@pytest.mark.parametrize("page", [ROOT / "README.md", APP / "README.md"], ids=["README", "example"])
def test_the_path_of_a_machine_with_only_cdk_is_short_and_names_what_is_there(
    app: App, templates: Templates, page: Path
) -> None:
    """At most five commands; each deploy names stacks and contexts of this app."""
    blocks = page.read_text("utf-8").split("```")[1::2]
    (path,) = (block.split("\n")[1:-1] for block in blocks if "npx cdk synth" in block)
    assert len(path) <= 5
    assert {"npm ci", "npx cdk synth"} <= set(path)
    source = (app.folder / "bin" / "app.ts").read_text("utf-8")
    deploys = [shlex.split(line)[3:] for line in path if line.startswith("npx cdk deploy ")]
    assert deploys
    for stack, flag, context in deploys:
        assert templates[stack]["Resources"]
        assert flag == "-c"
        assert f'tryGetContext("{context.partition("=")[0]}")' in source


@pytest.mark.parametrize("stack", ["AgentsApi", "BillingApi"])
def test_versions_stay_when_they_leave_the_template(templates: Templates, stack: str) -> None:
    """The version that a rollback restores is not deleted by the next deploy."""
    version = templates.one(stack, "AWS::Lambda::Version")
    assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_without_a_removal_policy_cdk_lets_versions_be_deleted(
    app: App, templates: Templates
) -> None:
    """What the pattern guards against: CDK's default has no DeletionPolicy on a version."""
    source = app.folder / "build" / "lib" / "guarded-function.js"
    kept = source.read_text("utf-8")
    try:
        source.write_text(
            kept.replace("currentVersionOptions: exports.KEPT", "currentVersionOptions: {}")
        )
        assert source.read_text("utf-8") != kept
        found = app.synth("doomed", "AgentsApi", "--app", "node build/bin/app.js")
    finally:
        source.write_text(kept)
    assert "DeletionPolicy" not in found.one("AgentsApi", "AWS::Lambda::Version")
    for deployed, level in ((templates, Level.OK), (found, Level.FAIL)):
        assert version_health(Deployed(deployed["AgentsApi"]), "agents-api").level is level


# --- what the rules read -----------------------------------------------------------------------


def _read(node: object) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Every series of its own namespaces that a rule file reads: namespace, metric, dimensions."""
    if isinstance(node, Mapping):
        if "dimensions" in node:
            for part in node.values():
                if isinstance(part, Mapping) and "metric" in part:
                    space = part["namespace"].replace(
                        "${agents_namespace}", "EnergyInsights/Agents"
                    )
                    if not space.startswith("AWS/"):
                        yield space, part["metric"], frozenset(node["dimensions"])
        for part in node.values():
            yield from _read(part)
    elif isinstance(node, list):
        for part in node:
            yield from _read(part)


def test_the_metrics_of_the_shipped_rules_are_made(
    templates: Templates, next_release: Templates
) -> None:
    """Under the version in production, under the stage in staging; and none that nobody reads."""
    wanted = {"Version": ["production.yaml", "presets/agents.yaml"], "Stage": ["staging.yaml"]}
    every: set[tuple[str, str]] = set()
    for found, dimension in ((templates, "Version"), (next_release, "Stage")):
        made = {
            (
                one["MetricNamespace"],
                one["MetricName"],
                frozenset(d["Key"] for d in one["Dimensions"]),
            )
            for one in _transformations(found)
        }
        texts = [(ROOT / "rules" / name).read_text("utf-8") for name in wanted[dimension]]
        read = {series for text in texts for series in _read(YAML(typ="safe").load(text))}
        assert read
        assert read <= made
        every |= {series[:2] for series in read}
    assert every == {
        (one["MetricNamespace"], one["MetricName"]) for one in _transformations(templates)
    }


def _transformations(found: Templates) -> list[dict[str, Any]]:
    filters = found.of("AgentsApi", "AWS::Logs::MetricFilter").values()
    return [one for f in filters for one in f["Properties"]["MetricTransformations"]]


def test_the_function_logs_what_the_filters_take(app: App, templates: Templates) -> None:
    """A failed request is one line, with each field that a filter of the API's metrics names."""
    program = (
        "import {handler} from './functions/api/index.mjs';"
        "await handler({fail: true}, {functionVersion: '42'})"
    )
    printed = app.run("node", "--input-type=module", "--eval", program)
    line = json.loads(printed)
    assert (line["version"], line["requests"], line["failedRequests"]) == ("42", 1, 1)
    taken = set()
    for found in templates.of("AgentsApi", "AWS::Logs::MetricFilter").values():
        fields = re.findall(r"\$\.(\w+) (?:= \"\*\"|>= 0)", found["Properties"]["FilterPattern"])
        (made,) = found["Properties"]["MetricTransformations"]
        assert made["MetricValue"].removeprefix("$.") in fields
        assert {d["Value"].removeprefix("$.") for d in made["Dimensions"]} <= set(fields)
        if set(fields) <= set(line):
            taken.add(made["MetricName"])
    assert taken == {"Requests", "FailedRequests"}
