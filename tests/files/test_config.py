"""A configuration file becomes services, steps and receivers with every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from guardian.cloudwatch import MetricStat
from guardian.core.notices import Event
from guardian.core.plan import Blind, LowTraffic, Mode, Policy, PreExisting
from guardian.core.traffic import Step, Weight
from guardian.files import config
from guardian.files.config import Aws
from guardian.ports import ConfigError
from guardian.wiring import services
from guardian.wiring.journal_address import in_file

TOP = """
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
"""
SERVICE = """
services:
  api:
    router: {type: lambda_alias, function: api, alias: live}
    rules: [../rules/own.yaml]
"""
RULES = """
version: 1
name: own
vars: {stage: {}}
criteria:
  - name: error-rate
    ratio:
      bad:   {namespace: Shop/Api, metric: Failed}
      total: {namespace: Shop/Api, metric: Requests}
      dimensions: {Version: "${canary}", Stage: "${stage}"}
    fail_if: {above: 5%}
"""


def load(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> config.Config:
    """A configuration in a folder beside the folder of its rules."""
    for name in ("config", "rules"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "rules" / "own.yaml").write_text(RULES, encoding="utf-8")
    path = folder / "config" / "production.yaml"
    path.write_text(text, encoding="utf-8")
    return config.load(path, environ=environ or {})


def test_a_small_file_gives_a_service_with_all_defaults(tmp_path: Path) -> None:
    """What is not written has guardian's own value."""
    loaded = load(tmp_path, TOP + SERVICE)
    service = loaded.service("api")
    assert loaded.environment == "production"
    assert service.aws == Aws(account_id="333333333333", region="us-east-1")
    assert service.mode is Mode.ENFORCE
    assert service.policy == Policy()
    assert service.steps == ()
    assert loaded.receivers == ()
    assert loaded.journal is None


def test_steps_have_weights_bakes_and_three_bakes_at_most(tmp_path: Path) -> None:
    """`max_bake` is three bakes unless it is written."""
    steps = """    steps:
      - {weight: 10%, bake: 10m}
      - {weight: 100%, bake: 30m, max_bake: 40m}
"""
    loaded = load(tmp_path, TOP + SERVICE + steps)
    assert loaded.service("api").steps == (
        Step(weight=Weight.percent(10), bake_s=600, max_bake_s=1800),
        Step(weight=Weight.percent(100), bake_s=1800, max_bake_s=2400),
    )


def test_a_services_own_knobs_win_over_the_files(tmp_path: Path) -> None:
    """Defaults hold for every service that says nothing else."""
    text = (
        TOP
        + "defaults: {keep_previous: 1h, on_blind: rollback, pre_existing: hold, max_hold: 1h}\n"
        + SERVICE
    )
    own = (
        "    false_rollback: 1%\n    on_low_traffic: advance\n    max_hold: 2h\n    max_blind: 5m\n"
    )
    assert load(tmp_path, text + own).service("api").policy == Policy(
        false_rollback=0.01,
        on_low_traffic=LowTraffic.ADVANCE,
        on_blind=Blind.ROLLBACK,
        pre_existing=PreExisting.HOLD,
        max_blind_s=300,
        max_hold_s=7200,
        keep_previous_s=3600,
    )


def test_a_services_rules_take_its_variables_and_overrides(tmp_path: Path) -> None:
    """Paths start at the file that names them."""
    own = "    vars: {stage: live}\n    override: {error-rate: {fail_if: {above: 2%}}}\n"
    rules = services.service_criteria(load(tmp_path, TOP + SERVICE + own), "api")
    (criterion,) = rules.criteria
    assert criterion.fail_if.text == "2%"
    assert ("Stage", "live") in MetricStat.of(next(criterion.queries())).dimensions
    assert rules.files == (str(tmp_path / "rules" / "own.yaml"),)


def test_variables_of_the_environment_fill_what_is_absent(tmp_path: Path) -> None:
    """The users' own names, and only where the file says nothing."""
    environ = {"AWS_REGION": "eu-west-1", "AWS_ACCOUNT_ID": "444444444444", "ENVIRONMENT": "blue"}
    loaded = load(tmp_path, "version: 1" + SERVICE, environ)
    assert loaded.environment == "blue"
    assert loaded.service("api").aws == Aws(account_id="444444444444", region="eu-west-1")


@pytest.mark.parametrize(
    ("variable", "outside", "inside"),
    [
        ("AWS_REGION", "eu-west-1", "us-east-1"),
        ("AWS_ACCOUNT_ID", "444444444444", "333333333333"),
        ("ENVIRONMENT", "staging", "production"),
    ],
)
def test_a_variable_that_contradicts_the_file_is_an_error_that_names_both(
    tmp_path: Path, variable: str, outside: str, inside: str
) -> None:
    """A staging pipeline with the file of production does nothing."""
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, TOP + SERVICE, {variable: outside})
    assert raised.value.exit_code == 3
    assert f"this file says {inside} and the environment variable {variable} says {outside}" in str(
        raised.value
    )


def test_an_empty_variable_contradicts_nothing(tmp_path: Path) -> None:
    """CI systems set variables to nothing."""
    loaded = load(tmp_path, TOP + SERVICE, {"AWS_REGION": "", "ENVIRONMENT": ""})
    assert loaded.environment == "production"


def test_a_service_may_be_in_another_account_and_region(tmp_path: Path) -> None:
    """What it does not say comes from the top."""
    own = '    aws: {region: eu-west-1, role_arn: "arn:aws:iam::333333333333:role/guardian"}\n'
    loaded = load(tmp_path, TOP + SERVICE + own)
    assert loaded.service("api").aws == Aws(
        account_id="333333333333",
        region="eu-west-1",
        role_arn="arn:aws:iam::333333333333:role/guardian",
    )
    assert loaded.aws == Aws(account_id="333333333333", region="us-east-1")


def test_the_top_needs_no_account_where_every_service_has_its_own(tmp_path: Path) -> None:
    """Nothing is asked for that is not used."""
    own = '    aws: {account_id: "444444444444", region: eu-west-1}\n'
    loaded = load(tmp_path, "version: 1\nenvironment: x" + SERVICE + own)
    assert loaded.aws is None
    assert loaded.service("api").aws.account_id == "444444444444"


def test_lanes_have_names_events_and_services(tmp_path: Path) -> None:
    """All events by default; a service's own list replaces the file's for it."""
    text = TOP + "notify:\n" + '  - {to: slack, channel: "#a"}\n' * 2
    text += "  - {to: pagerduty, on: [stuck, blind]}\n  - {to: console, on: all}\n"
    loaded = load(tmp_path, text + SERVICE)
    assert [(receiver.name, receiver.on, receiver.services) for receiver in loaded.receivers] == [
        ("slack", None, None),
        ("slack-2", None, None),
        ("pagerduty", frozenset({Event.STUCK, Event.BLIND}), None),
        ("console", None, None),
    ]
    more = "  web:\n    router: {type: none}\n    rules: [../rules/own.yaml]\n"
    own = '    notify: [{to: slack, channel: "#web"}]\n'
    receivers = load(tmp_path, text + SERVICE + more + own).receivers
    assert [(receiver.name, receiver.services) for receiver in receivers][:2] == [
        ("web:slack", frozenset({"web"})),
        ("slack", frozenset({"api"})),
    ]


class Alias(BaseModel):
    """A router's options."""

    model_config = ConfigDict(extra="forbid", strict=True)

    function: str
    alias: str


class Keyed(BaseModel):
    """A notifier's options, with a secret."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: SecretStr


def test_an_adapters_options_are_checked_at_their_place(tmp_path: Path) -> None:
    """The adapter's model says what belongs there."""
    router = load(tmp_path, TOP + SERVICE).service("api").router
    assert router.name == "lambda_alias"
    assert router.options(Alias, environ={}) == Alias(function="api", alias="live")
    with pytest.raises(ConfigError, match=r"production\.yaml:\d+:\d+: unknown key 'function'"):
        router.options(Keyed, environ={})
    assert "lambda_alias" in str(router.refusal("there is no such router"))


def test_an_adapters_secret_comes_from_the_environment(tmp_path: Path) -> None:
    """It is in the options and nowhere else."""
    text = TOP + "notify:\n  - {to: pager, key: {env: KEY}}\n" + SERVICE
    loaded = load(tmp_path, text)
    options = loaded.receivers[0].to.options(Keyed, environ={"KEY": "hush"})
    assert options.key.get_secret_value() == "hush"
    assert "hush" not in repr(loaded) + repr(options)
    with pytest.raises(ConfigError, match="the environment variable KEY is not set"):
        loaded.receivers[0].to.options(Keyed, environ={})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:state/guardian.db", "{folder}/config/state/guardian.db"),
        ("sqlite:/var/g.db", "/var/g.db"),
    ],
)
def test_a_relative_journal_lies_beside_the_file(tmp_path: Path, written: str, meant: str) -> None:
    """It does not depend on where the command was started."""
    loaded = load(tmp_path, f"{TOP}journal: {written}\n{SERVICE}")
    assert in_file(loaded) == "sqlite:" + meant.format(folder=tmp_path)


def test_an_unknown_service_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """A slip of the finger is found."""
    with pytest.raises(
        ConfigError, match=r"no service 'apii' \(did you mean 'api'\?\); known are api"
    ):
        load(tmp_path, TOP + SERVICE).service("apii")


def test_two_gates_are_not_the_same_target(tmp_path: Path) -> None:
    """A router that moves nothing cannot fight."""
    text = (
        TOP
        + "services:\n"
        + "".join(
            f"  {name}:\n    router: {{type: none}}\n    rules: [preset:lambda]\n" for name in "ab"
        )
    )
    assert list(load(tmp_path, text).services) == ["a", "b"]
