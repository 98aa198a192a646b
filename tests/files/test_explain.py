"""`guardian rules explain`: rule files in plain English, no default left out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from guardian.cli.main import guardian
from guardian.files import rules
from guardian.files.rules.criterion import CriterionModel
from guardian.files.rules.explain import explain
from guardian.files.rules.kinds import FORMS
from guardian.files.rules.kinds.incidents import IncidentsModel
from guardian.files.rules.model import CompareModel
from guardian.files.rules.sources.cloudwatch import CloudWatchMetric
from guardian.messages.v1_files import ExplainedRecord
from guardian.ports import ConfigError, UsageError
from tests.recorded import checked

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "explain"
EVERY_KIND = """\
version: 1
name: every-kind
vars: {tracker: {description: its id}}
defaults: {warm_up: 90s}
criteria:
  - name: errors
    ratio:
      bad:   {namespace: Shop/Api, metric: Failed}
      total: {namespace: Shop/Api, metric: Requests}
      dimensions: {Version: "${canary}"}
    fail_if: {above: 5%}
    warn_if: {above: 2%}
    compare: {to: stable, max_ratio: 1.5}
  - name: slow
    latency: {percentile: 99.9, metric: {namespace: Shop/Api, metric: Time, unit: Seconds, dimensions: {Version: "${canary}"}}}
    fail_if: {above: 250ms}
    on_fail: hold
  - name: slow-by-threshold
    latency: {percentile: 95, metric: {namespace: AWS/Lambda, metric: Duration, dimensions: {ExecutedVersion: "${canary}"}}}
    judge: threshold
    fail_if: {at_or_above: 10s}
    evaluation_periods: 4
    datapoints_to_alarm: 2
  - name: queue-age
    gauge: {namespace: AWS/SQS, metric: ApproximateAgeOfOldestMessage, dimensions: {QueueName: work}}
    fail_if: {above: 5m}
    treat_missing_data: notBreaching
    on_fail: notify
  - name: throttles
    count: {namespace: AWS/Lambda, metric: Throttles, dimensions: {FunctionName: api}}
    scope: service
    fail_if: {at_or_below: 3}
  - name: p0-incident
    incidents: {priorities: [P0, P1], services: ["${tracker}"]}
    fail_if: {any: true}
"""  # noqa: E501 - lines as people write them


def run(*arguments: str) -> str:
    """What the command prints."""
    result = CliRunner().invoke(guardian, ["rules", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def every_kind(tmp_path: Path) -> Path:
    """A rule file with one criterion of each kind."""
    path = tmp_path / "every-kind.yaml"
    path.write_text(EVERY_KIND, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["production", "staging"])
def test_shipped_files_read_as_plain_english(name: str) -> None:
    """The text is the one that is kept, and was read by a person."""
    kept = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    with contextlib.chdir(ROOT):
        assert run("explain", f"rules/{name}.yaml") == kept


def test_every_kind_reads_as_plain_english(every_kind: Path) -> None:
    """One criterion of each, with its own sentences."""
    kept = (GOLDEN / "every-kind.txt").read_text(encoding="utf-8")
    with contextlib.chdir(every_kind.parent):
        assert run("explain", "every-kind.yaml") == kept


# --- no default is forgotten ---------------------------------------------------------------------


def optional(model: type[BaseModel]) -> set[str]:
    """The keys of a model that may be left out."""
    return {name for name, info in model.model_fields.items() if not info.is_required()}


def explained(path: Path) -> Iterator[ExplainedRecord]:
    """Each criterion of a file, in words."""
    yield from explain(rules.load([path]))["criteria"]


def test_every_key_that_may_be_left_out_is_explained(every_kind: Path) -> None:
    """A new key with a default is named here, or this fails."""
    told = {v["key"] for c in explained(every_kind) for v in c["values"]}
    told |= {key.partition(".")[0] for key in told}
    measures = {*FORMS, "description"}
    # CloudWatch's two words are told as one.
    clouds = {"evaluation_periods", "datapoints_to_alarm"}
    assert optional(CriterionModel) - measures - clouds - told == set()
    nested = {f"compare.{key}" for key in optional(CompareModel)}
    nested |= {f"incidents.{key}" for key in optional(IncidentsModel)}
    assert nested - told == set()


def test_every_key_of_a_metric_is_explained_for_each_query(every_kind: Path) -> None:
    """Namespace to account; whether its absence is zero, of what a ratio counts."""
    for criterion in explained(every_kind):
        for query in criterion["reads"]:
            other = {"source", *(("absent",) if query["for"] not in ("bad", "good") else ())}
            assert {v["key"] for v in query["keys"]} == set(CloudWatchMetric.model_fields) - other


def test_each_criterion_tells_the_keys_that_hold_for_it(every_kind: Path) -> None:
    """What its judge does not know is not told, everything else is."""
    general = {"judge", "on_fail", "scope", "enabled"}
    all_data = {"min_samples", "settle", "warm_up", "no_data_after", "warn_if"}
    tests, threshold = {"sustain", "cluster_size", "compare"}, {"datapoints"}
    wanted = {
        "errors": general | all_data | tests,
        "slow": general | all_data | tests,
        "slow-by-threshold": general | all_data | threshold,
        "queue-age": general | all_data | threshold | {"treat_missing_data"},
        "throttles": general | all_data | threshold,
        "p0-incident": general | {"incidents"},
    }
    for criterion in explained(every_kind):
        told = {v["key"].partition(".")[0] for v in criterion["values"]}
        assert (criterion["name"], told) == (criterion["name"], wanted[criterion["name"]])


def test_each_value_is_a_default_or_has_its_line(every_kind: Path) -> None:
    """What is written says where, in the criterion or in the file's defaults."""
    found = {c["name"]: {v["key"]: v for v in c["values"]} for c in explained(every_kind)}
    assert found["errors"]["warn_if"].get("where") == f"{every_kind}:12"
    assert found["errors"]["warm_up"].get("where") == f"{every_kind}:4"
    assert found["slow-by-threshold"]["datapoints"].get("where") == f"{every_kind}:22"
    assert found["errors"]["min_samples"].get("where") is None
    assert found["errors"]["compare.max_ratio"].get("where") == f"{every_kind}:13"
    assert found["errors"]["compare.min_increase"].get("where") is None


# --- the command ---------------------------------------------------------------------------------


def test_json_holds_every_value_and_its_origin(every_kind: Path) -> None:
    """For programs: the same, in records."""
    record = checked(run("explain", str(every_kind), "-o", "json"))
    assert record["schema"] == "guardian/v1/explain"
    errors = record["rules"][0]["criteria"][0]
    values = {v["key"]: v for v in errors["values"]}
    assert values["sustain"] == {"key": "sustain", "value": "2", "origin": "default"}
    assert values["warm_up"]["origin"] == "written"
    assert errors["reads"][0]["source"] == "cloudwatch"


def test_a_service_is_explained_with_its_overrides_and_steps(tmp_path: Path) -> None:
    """Where an override stands is said, and what false_rollback the service has."""
    path = tmp_path / "config" / "production.yaml"
    path.parent.mkdir()
    path.write_text(
        "version: 1\nenvironment: production\n"
        'aws: {account_id: "333333333333", region: us-east-1}\n'
        "services:\n  api:\n    router: {type: lambda_alias, function: api, alias: live}\n"
        "    rules: [preset:lambda]\n    false_rollback: 2%\n"
        "    override: {lambda-crash-rate: {fail_if: {above: 1%}, sustain: 4}}\n"
        "    steps:\n      - {weight: 10%, bake: 10m}\n      - {weight: 100%, bake: 30m}\n",
        encoding="utf-8",
    )
    text = run("explain", "-c", str(path), "api")
    assert f"Fails when more than 1% of the events are bad ({path}:9)" in " ".join(text.split())
    assert f"sustain        4           {path}:9" in text
    assert "in at most 2% of" in text
    assert "split evenly over 2 tests, 1% each" in " ".join(text.split())
    assert "pre_existing: compare (the service's)" in " ".join(text.split())
    path.write_text(
        path.read_text().replace("    false_rollback", "    pre_existing: hold\n    false_rollback")
    )
    text = " ".join(run("explain", "-c", str(path), "api").split())
    assert "lets no rollout begin until it is over: pre_existing: hold (the service's)." in text
    path.write_text(path.read_text().replace("    pre_existing: hold\n", ""))
    text = run("explain", "-c", str(path), "api")
    assert "  10% of traffic for 10m, extended to 30m at most\n" in text
    record = checked(run("explain", "-c", str(path), "api", "-o", "json"))
    assert [step["weight"] for step in record["rules"][0]["steps"]] == [0.1, 1.0]
    with pytest.raises(UsageError, match="name one service"):
        run("explain", "-c", str(path), "api", "other")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A missing file, and a broken one, end with their errors."""
    with pytest.raises(ConfigError, match="there is no such file"):
        run("explain", str(tmp_path / "none.yaml"))
    (tmp_path / "broken.yaml").write_text("version: 1\nname: x\ncriteria: [{}]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the key 'name' is missing"):
        run("explain", str(tmp_path))
