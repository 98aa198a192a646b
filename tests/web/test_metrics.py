"""What is exported: names, labels and numbers, and nothing that outlives its rollout."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import guardian
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.model import Judge
from guardian.core.rollout.entries import HoldReason
from guardian.core.rollout.machine import LIVE, Phase
from guardian.core.verdict import Outcome
from guardian.ports.daemon_status import DaemonStatus
from guardian.web.metrics import (
    DELIVERIES,
    FAMILIES,
    OUTCOMES,
    USD_PER_METRIC,
    PrometheusMetrics,
)
from tests.core.builders import BAD, ERRORS, read
from tests.core.builders import verdict as judge
from tests.web.scraping import (
    EVIDENCE,
    NOW,
    PLANE,
    SERVICE,
    at_work,
    busy,
    samples,
    series,
    shown,
    verdict,
)

ROOT = Path(__file__).resolve().parents[2]
CRITERION = {
    "guardian_criterion_value",
    "guardian_criterion_limit_used_ratio",
    "guardian_criterion_verdict",
    "guardian_evidence_ratio",
    "guardian_data_age_seconds",
}
SUFFIXES = re.compile(r"_(bucket|count|sum)$")


def page(overview: DaemonStatus | None = None, metrics: PrometheusMetrics | None = None) -> str:
    """What a scraper without wishes gets."""
    given = metrics or PrometheusMetrics()
    return given.page(overview or at_work())[0].decode()


# --- the promise -------------------------------------------------------------------------------


def test_the_page_holds_every_family_and_no_other() -> None:
    """Names, types, labels and meanings are those of the table."""
    text = page(at_work(shown(held=HoldReason.PERSON)), busy(PrometheusMetrics()))
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.MULTILINE))
    wanted = {f.name: "gauge" if f.kind == "info" else f.kind for f in FAMILIES}
    assert kinds == wanted
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, flags=re.MULTILINE))
    assert helps == {f.name: f.meaning for f in FAMILIES}
    labels = {f.name: set(f.labels) for f in FAMILIES}
    for name, found in samples(text):
        family = name if name in labels else SUFFIXES.sub("", name)
        assert {key for key, _ in found} - {"le"} == labels[family], name
    assert {SUFFIXES.sub("", name) for name, _ in samples(text)} == set(wanted)


def test_the_document_lists_every_metric() -> None:
    """The table in docs/metrics.md is the code's own."""
    written = re.findall(
        r"^\| `(guardian_\w+)` \| (\w+) \| (.+?) \| (.+) \|$",
        (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    shown_ = [(f.name, f.kind, _labels(f.labels), f.meaning) for f in FAMILIES]
    assert written == shown_


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


# --- rollouts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase)
def test_one_phase_is_1_and_the_others_are_0(phase: Phase) -> None:
    """An alert on a phase ends when the phase does, and not when its series grows stale."""
    found = series(page(at_work(shown(phase))), "guardian_rollout_phase", "service", "phase")
    assert found == {(SERVICE, p.value): float(p is phase) for p in Phase}


def test_the_reason_of_a_hold_is_1_and_the_others_are_0() -> None:
    """A rollout that is not held has every reason at 0."""
    for held in (None, HoldReason.BLIND):
        text = page(at_work(shown(held=held)))
        found = series(text, "guardian_rollout_held", "reason")
        assert found == {(r.value,): float(r is held) for r in HoldReason}


def test_the_weight_is_a_share() -> None:
    """10 % is 0.1."""
    assert series(page(), "guardian_canary_weight_ratio", "service") == {(SERVICE,): 0.1}


def test_a_criterion_is_shown_in_base_units() -> None:
    """Value, use of the limit, evidence and age of one criterion."""
    text = page()
    one = (SERVICE, "error-rate")
    found = {n: series(text, n, "service", "criterion") for n in sorted(CRITERION)}
    found.pop("guardian_criterion_verdict")
    assert found == {
        "guardian_criterion_value": {one: pytest.approx(0.061)},
        "guardian_criterion_limit_used_ratio": {one: 1.22},
        "guardian_evidence_ratio": {one: 0.5},
        "guardian_data_age_seconds": {one: 240.0},
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_one_verdict_is_1_and_the_others_are_0(outcome: Outcome) -> None:
    """All five of them are there."""
    text = page(at_work(shown(verdicts=(verdict(outcome=outcome),))))
    found = series(text, "guardian_criterion_verdict", "verdict")
    assert found == {(o.value,): float(o is outcome) for o in Outcome}


@pytest.mark.parametrize("phase", Phase)
def test_criterion_series_exist_only_while_a_rollout_is_live(phase: Phase) -> None:
    """What was true of an ended rollout is true no longer."""
    found = {name for name, _ in samples(page(at_work(shown(phase)))) if name in CRITERION}
    assert found == (CRITERION if phase in LIVE else set())


def test_without_a_rollout_there_are_no_rollout_series() -> None:
    """A service at rest has no phase."""
    names = {name for name, _ in samples(page(DaemonStatus(at=NOW, claims={SERVICE: True})))}
    assert not names & {*CRITERION, "guardian_rollout_phase", "guardian_rollout_held"}


def test_a_missing_number_is_a_missing_series() -> None:
    """A criterion without samples has a verdict and no value: 0 would look like health."""
    empty = replace(EVIDENCE, value=None, limit_used=None, log_e_limit=0.0, window_start=None)
    blind = verdict(outcome=Outcome.NO_DATA, evidence=replace(empty, settled_until=None))
    names = {name for name, _ in samples(page(at_work(shown(verdicts=(blind,)))))}
    assert names & CRITERION == {"guardian_criterion_verdict"}


def test_before_anything_settled_the_age_counts_from_the_shift() -> None:
    """A criterion that is never read grows old all the same."""
    unread = verdict(evidence=replace(EVIDENCE, settled_until=None))
    text = page(at_work(shown(verdicts=(unread,))))
    assert series(text, "guardian_data_age_seconds", "criterion") == {("error-rate",): 900.0}


def test_evidence_of_health_is_no_evidence_of_a_breach() -> None:
    """The ratio does not go under 0, and goes over 1 once a breach is proven."""
    for log_e, ratio in ((-30.0, 0.0), (0.0, 0.0), (4.0, 1.0), (6.0, 1.5)):
        seen = verdict(evidence=replace(EVIDENCE, log_e=log_e))
        text = page(at_work(shown(verdicts=(seen,))))
        assert series(text, "guardian_evidence_ratio", "criterion") == {("error-rate",): ratio}


def test_of_two_rollouts_of_a_service_the_live_one_is_shown() -> None:
    """The one before it is history, wherever it stands in the list."""
    live, old = shown(Phase.SHIFTING), shown(Phase.ROLLED_BACK)
    for statuses in ((live, old), (old, live)):
        found = series(page(at_work(*statuses)), "guardian_rollout_phase", "phase")
        assert [phase for phase, value in found.items() if value] == [("shifting",)]


def test_of_two_ended_rollouts_the_later_one_is_shown() -> None:
    """Pictures come in the order in which rollouts were taken."""
    text = page(at_work(shown(Phase.ROLLED_BACK), shown(Phase.COMPLETED)))
    found = series(text, "guardian_rollout_phase", "phase")
    assert [phase for phase, value in found.items() if value] == [("completed",)]


@pytest.mark.parametrize(
    ("unit", "value", "base"),
    [
        ("Percent", 83.0, 0.83),
        ("Seconds", 1.5, 1.5),
        ("Milliseconds", 250.0, 0.25),
        ("Milliseconds", 2500.0, 2.5),
        ("Microseconds", 40.0, 0.00004),
        ("Bytes", 12.0, 12.0),
        ("Bytes", 3.0 * 2**20, 3.0 * 2**20),
        ("Kilobytes", 512.0, 512_000.0),
        ("Terabits", 2.0, 2e12),
        ("Megabytes/Second", 1.5, 1.5e6),
        ("Count/Second", 7.0, 7.0),
        ("Count", 120000.0, 120000.0),
        (None, 0.0000125, 0.0000125),
        (None, -3.0, -3.0),
    ],
)
def test_a_metric_of_any_unit_is_exported_in_base_units(
    unit: str | None, value: float, base: float
) -> None:
    """Whatever CloudWatch holds it in, and however people read it."""
    query = replace(BAD, unit=unit)
    gauge = replace(ERRORS, judge=Judge.THRESHOLD, measure=Gauge(series=query))
    judged = judge(gauge, read([(value, 1)], part=query))
    text = page(at_work(shown(verdicts=(judged,))))
    found = series(text, "guardian_criterion_value", "criterion")
    assert found == {("error-rate",): pytest.approx(base)}


# --- the daemon --------------------------------------------------------------------------------


def test_the_daemon_shows_its_claims_its_planes_its_outbox_and_its_files() -> None:
    """One of two services is served, 3 notices wait, the files are valid."""
    text = page()
    assert series(text, "guardian_claim_held", "service") == {(SERVICE,): 1.0, ("worker",): 0.0}
    assert series(text, "guardian_target_seen", "service") == {(SERVICE,): 1.0, ("worker",): 1.0}
    assert series(text, "guardian_last_tick_timestamp_seconds", "account", "region") == {
        ("333333333333", "us-east-1"): NOW - 12
    }
    assert series(text, "guardian_unread_series", "account", "region") == {
        ("333333333333", "us-east-1"): 800.0
    }
    assert series(text, "guardian_notices_pending") == {(): 3.0}
    assert series(text, "guardian_config_last_reload_successful") == {(): 1.0}
    assert [v for (v, _) in series(text, "guardian_build_info", "version", "python")] == [
        guardian.__version__
    ]


def test_trouble_is_shown() -> None:
    """Invalid files are a 0; a journal that cannot be read has no number of notices."""
    text = page(replace(at_work(), reload_ok=False, pending=None))
    assert series(text, "guardian_config_last_reload_successful") == {(): 0.0}
    assert series(text, "guardian_notices_pending") == {}


def test_a_notifier_that_refuses_is_a_series_while_it_does() -> None:
    """And a 0 when it does not."""
    name = "guardian_notifier_refusing"
    found = page(replace(at_work(), notifiers={"slack": "", "pagerduty": "HTTP 403"}))
    assert series(found, name, "notifier") == {("slack",): 0.0, ("pagerduty",): 1.0}


def test_of_two_roles_in_one_region_the_one_that_is_behind_counts() -> None:
    """Two series with the same labels would make the whole scrape invalid."""
    overview = replace(
        at_work(), planes={PLANE: (NOW, 0.0), "333333333333:us-east-1:": (0.0, 40.0)}
    )
    found = series(page(overview), "guardian_last_tick_timestamp_seconds", "region")
    assert found == {("us-east-1",): 0.0}


# --- what was counted --------------------------------------------------------------------------


def test_every_outcome_of_every_configured_service_begins_at_0() -> None:
    """The first rollback after a restart is an increase."""
    found = series(page(), "guardian_rollouts_total", "service", "outcome")
    assert found == {(s, o): 0.0 for s in (SERVICE, "worker") for o in OUTCOMES}


def test_deliveries_of_every_notifier_begin_at_0() -> None:
    """The first notice that is given up is an increase."""
    text = page(metrics=PrometheusMetrics(notifiers=["slack"]))
    found = series(text, "guardian_notices_total", "notifier", "outcome")
    assert found == {("slack", outcome): 0.0 for outcome in DELIVERIES}


def test_what_is_reported_is_counted() -> None:
    """Outcomes, requests, notices: one at a time."""
    metrics = busy(busy(PrometheusMetrics()))
    text = page(metrics=metrics)
    assert series(text, "guardian_rollouts_total", "service", "outcome")[SERVICE, "completed"] == 2
    assert series(text, "guardian_aws_requests_total", "service", "operation", "outcome") == {
        ("cloudwatch", "GetMetricData", "ok"): 2.0,
        ("lambda", "UpdateAlias", "throttled"): 2.0,
    }
    assert series(text, "guardian_notices_total", "notifier", "outcome")["slack", "sent"] == 2
    assert series(text, "guardian_tick_duration_seconds_count") == {(): 2.0}
    assert series(text, "guardian_tick_lag_seconds_sum") == {(): pytest.approx(0.02)}
    assert series(text, "guardian_rollback_duration_seconds_bucket", "le")["30.0",] == 2.0


def test_metrics_requested_have_their_price() -> None:
    """A thousand cost a cent."""
    metrics = PrometheusMetrics()
    for _ in range(4):
        metrics.cloudwatch(250)
    text = page(metrics=metrics)
    assert series(text, "guardian_cloudwatch_metrics_requested_total") == {(): 1000.0}
    assert series(text, "guardian_cloudwatch_cost_usd_total") == {(): pytest.approx(0.01)}
    assert pytest.approx(1e-5) == USD_PER_METRIC


def test_a_clock_that_was_set_back_takes_nothing_from_a_histogram() -> None:
    """A sum that falls would look like a restart."""
    metrics = PrometheusMetrics()
    metrics.tick(PLANE, at=NOW, took_s=-5.0, lag_s=-1.0)
    metrics.rolled_back(SERVICE, -60.0)
    text = page(metrics=metrics)
    for name in ("tick_duration", "tick_lag", "rollback_duration"):
        assert series(text, f"guardian_{name}_seconds_sum") == {(): 0.0}


def test_strange_names_are_escaped() -> None:
    """A criterion may be called anything that a file can hold."""
    name = 'q"uo\\te\nd'
    text = page(at_work(shown(verdicts=(verdict(name),))))
    assert (name,) in series(text, "guardian_evidence_ratio", "criterion")


def test_openmetrics_is_made_when_it_is_asked_for() -> None:
    """The client's own strict parser reads it."""
    metrics = busy(PrometheusMetrics())
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    body, headers = metrics.page(at_work(), accept=accept)
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    parsed = text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
    families = {f.name for f in parsed}
    assert families == {re.sub("_(total|info)$", "", f.name) for f in FAMILIES}
