"""What Prometheus is told: counts of what was done, and what is true at the moment of a scrape.

What is true now is rendered from the daemon's immutable Overview and kept nowhere, so that it
cannot drift from the state, and ends with the rollout it is of. Counts and durations are kept here,
as the engine and the adapters report them through the Metrics port. docs/metrics.md is checked
against `FAMILIES`.
"""

from __future__ import annotations

import gzip
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder, gzip_accepted

import guardian
from guardian.core.model import Instant
from guardian.core.rollout.entries import HoldReason
from guardian.core.rollout.machine import LIVE, Phase
from guardian.core.status import RolloutStatus
from guardian.core.verdict import Evidence, Outcome
from guardian.ports import Metrics
from guardian.ports.daemon_status import DaemonStatus

USD_PER_METRIC: Final = 0.01 / 1000
"""GetMetricData: $0.01 for 1,000 metrics requested, up to five statistics of one metric counting
once (CloudWatch pricing page, us-east-1; other regions differ little)."""

OUTCOMES: Final = ("completed", "unproven", "rolled_back", "aborted", "superseded", "cancelled")
"""How a rollout can end."""
DELIVERIES: Final = ("sent", "failed", "refused", "dead")
"""What can become of an attempt to deliver a notice."""

_TICK_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
_LAG_S: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ROLLBACK_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric that guardian exports."""

    name: str
    kind: str
    """counter, gauge, histogram or info."""
    labels: tuple[str, ...]
    meaning: str


_MEANINGS: Final = {
    "info guardian_build_info{version,python}": (
        "Always 1; says which guardian runs, and on which Python."
    ),
    "gauge guardian_rollout_phase{service,phase}": (
        "1 for the phase in which the service's rollout or watch is, 0 for the others."
    ),
    "gauge guardian_rollout_held{service,reason}": (
        "1 for the reason for which the rollout is held, 0 for the others."
    ),
    "gauge guardian_canary_weight_ratio{service}": (
        "Share of traffic that the canary receives, as last read back from the router."
    ),
    "gauge guardian_criterion_value{service,criterion}": (
        "Observed value in base units: shares from 0 to 1, seconds, bytes; of a count its events"
        " a minute, of a latency criterion the share of requests slower than its limit."
    ),
    "gauge guardian_criterion_limit_used_ratio{service,criterion}": (
        "Observed value as a share of its limit; 1 is at the limit."
    ),
    "gauge guardian_criterion_verdict{service,criterion,verdict}": (
        "1 for the criterion's verdict, 0 for the others."
    ),
    "gauge guardian_evidence_ratio{service,criterion}": (
        "Evidence of a breach as a share of the evidence that proves one; 1 rolls back, and 0 is"
        " none or evidence of health."
    ),
    "gauge guardian_data_age_seconds{service,criterion}": (
        "Age of the newest settled period that was read; before there is one, time since the"
        " shift was confirmed."
    ),
    "gauge guardian_last_tick_timestamp_seconds{account,region}": (
        "When the last tick ended, in seconds since 1970; 0 before the first."
    ),
    "gauge guardian_unread_series{account,region}": (
        "Series that could not be read at the last poll; 0 while guardian sees everything."
    ),
    "histogram guardian_tick_duration_seconds": "How long ticks took, start to end.",
    "histogram guardian_tick_lag_seconds": "How late ticks began.",
    "counter guardian_rollouts_total{service,outcome}": "Rollouts and watches that ended.",
    "histogram guardian_rollback_duration_seconds": (
        "From the breach that was seen to the stable traffic that was confirmed."
    ),
    "counter guardian_aws_requests_total{service,operation,outcome}": (
        "Requests to AWS services (here `service` is AWS's): ok, or the reason of the failure."
    ),
    "counter guardian_cloudwatch_metrics_requested_total": (
        "Metrics asked of GetMetricData, as AWS bills them."
    ),
    "counter guardian_cloudwatch_cost_usd_total": (
        "What those metrics cost by CloudWatch's list price, in US dollars."
    ),
    "counter guardian_notices_total{notifier,outcome}": (
        "Deliveries of notices: sent, failed or refused (to be tried again), or dead (given up)."
    ),
    "gauge guardian_notifier_refusing{notifier}": (
        "1 while a notifier refuses what it is given, else 0."
    ),
    "gauge guardian_notices_pending": (
        "Notices that wait in the journal; absent while the journal cannot be read."
    ),
    "gauge guardian_claim_held{service}": (
        "1 while this daemon serves the configured service, 0 while it stands by."
    ),
    "gauge guardian_target_seen{service}": (
        "1 where the service's target could be read at the last look (at the start, then hourly),"
        " else 0."
    ),
    "gauge guardian_config_last_reload_successful": (
        "1 while the files as last read are valid, else 0."
    ),
}
"""Each metric's kind, name and labels, and what it says."""


def _family(written: str) -> Family:
    kind, _, series = written.partition(" ")
    name, _, labels = series.rstrip("}").partition("{")
    given = tuple(labels.split(",")) if labels else ()
    return Family(name=name, kind=kind, labels=given, meaning=_MEANINGS[written])


FAMILIES: Final = tuple(_family(written) for written in _MEANINGS)
_BY_NAME: Final = {family.name: family for family in FAMILIES}


class PrometheusMetrics(Metrics):
    """Metrics that count in its own registry, and renders it with a DaemonStatus for a scrape.

    `notifiers` are the configured receivers' names: their counters begin at 0, so that the first
    failure is already an increase. Thread-safe.
    """

    def __init__(self, *, notifiers: Iterable[str] = ()) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._tick = self._histogram("guardian_tick_duration_seconds", _TICK_S)
        self._lag = self._histogram("guardian_tick_lag_seconds", _LAG_S)
        self._rollback = self._histogram("guardian_rollback_duration_seconds", _ROLLBACK_S)
        self._ended = self._counter("guardian_rollouts_total")
        self._aws = self._counter("guardian_aws_requests_total")
        self._metrics = self._counter("guardian_cloudwatch_metrics_requested_total")
        self._cost = self._counter("guardian_cloudwatch_cost_usd_total")
        self._notices = self._counter("guardian_notices_total")
        for notifier in notifiers:
            self._begin_notifier(notifier)

    def _counter(self, name: str) -> Counter:
        family = _BY_NAME[name]
        return Counter(name, family.meaning, family.labels, registry=self._registry)

    def _histogram(self, name: str, buckets: Sequence[float]) -> Histogram:
        meaning = _BY_NAME[name].meaning
        return Histogram(name, meaning, buckets=buckets, registry=self._registry)

    # --- what the engine and the adapters report --------------------------------------------------

    def tick(self, plane: str, *, at: Instant, took_s: float, lag_s: float) -> None:  # noqa: ARG002 - the Overview says when each plane's last tick ended
        """A tick ended."""
        self._tick.observe(max(0.0, took_s))
        self._lag.observe(max(0.0, lag_s))

    def ended(self, service: str, outcome: str) -> None:
        """A rollout ended."""
        self._begin_service(service)
        self._ended.labels(service, outcome).inc()

    def rolled_back(self, service: str, took_s: float) -> None:  # noqa: ARG002 - too few to be told apart by service
        """A rollback was confirmed."""
        self._rollback.observe(max(0.0, took_s))

    def aws(self, service: str, operation: str, outcome: str) -> None:
        """A request to AWS ended."""
        self._aws.labels(service, operation, outcome).inc()

    def cloudwatch(self, metrics: int) -> None:
        """That many metrics were asked for, as AWS bills them."""
        self._metrics.inc(metrics)
        self._cost.inc(metrics * USD_PER_METRIC)

    def notice(self, notifier: str, outcome: str) -> None:
        """A notice was delivered, or was not."""
        self._begin_notifier(notifier)
        self._notices.labels(notifier, outcome).inc()

    def _begin_service(self, service: str) -> None:
        for outcome in OUTCOMES:
            self._ended.labels(service, outcome)

    def _begin_notifier(self, notifier: str) -> None:
        for outcome in DELIVERIES:
            self._notices.labels(notifier, outcome)

    # --- the page --------------------------------------------------------------------------------

    def page(
        self, overview: DaemonStatus, *, accept: str = "", encodings: str = ""
    ) -> tuple[bytes, dict[str, str]]:
        """What a scrape gets, and its HTTP headers, by the scraper's two `Accept` headers.

        OpenMetrics or Prometheus's text format, packed if asked. Services that the overview claims
        have their counters from 0 on.
        """
        for service in overview.claims:
            self._begin_service(service)
        encode, content_type = choose_encoder(accept)
        body: bytes = encode(_Scrape(overview, self._registry))
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if gzip_accepted(encodings):
            body = gzip.compress(body, compresslevel=5, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return body, headers


class _Scrape(CollectorRegistry):
    """What the client's encoders walk over: the overview's gauges, then the counts."""

    def __init__(self, overview: DaemonStatus, counts: CollectorRegistry) -> None:
        super().__init__(auto_describe=False)
        self._overview = overview
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield from _State(self._overview).families()
        for family in self._counts.collect():
            # The client adds when each series began, as a metric of its own.
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family


# --- what is true now --------------------------------------------------------------------------


class _State:
    """Gauges of one overview."""

    def __init__(self, overview: DaemonStatus) -> None:
        self._at = overview.at
        self._gauges = {
            family.name: GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
            for family in FAMILIES
            if family.kind == "gauge"
        }
        for status in _newest(overview.statuses):
            self._rollout(status)
        for service, held in sorted(overview.claims.items()):
            self._set("guardian_claim_held", (service,), held)
        for service, why in sorted(overview.unseen.items()):
            self._set("guardian_target_seen", (service,), not why)
        for place, at in sorted(_last_ticks(overview).items()):
            self._set("guardian_last_tick_timestamp_seconds", place, at)
        for place, count in sorted(_unread(overview).items()):
            self._set("guardian_unread_series", place, count)
        if overview.pending is not None:
            self._set("guardian_notices_pending", (), overview.pending)
        for name, why in overview.notifiers.items():
            self._set("guardian_notifier_refusing", (name,), bool(why))
        self._set("guardian_config_last_reload_successful", (), overview.reload_ok)

    def families(self) -> Iterator[Metric]:
        """Every gauge, also those without a series now."""
        build = {"version": guardian.__version__, "python": platform.python_version()}
        meaning = _BY_NAME["guardian_build_info"].meaning
        yield InfoMetricFamily("guardian_build", meaning, value=build)
        yield from self._gauges.values()

    def _set(self, name: str, labels: Sequence[str], value: float) -> None:
        self._gauges[name].add_metric(labels, float(value))

    def _rollout(self, status: RolloutStatus) -> None:
        service, rollout = status.plan.service, status.rollout
        held = rollout.hold.why if rollout.hold is not None else None
        for phase in Phase:
            self._set("guardian_rollout_phase", (service, phase.value), phase is rollout.phase)
        for reason in HoldReason:
            self._set("guardian_rollout_held", (service, reason.value), reason is held)
        self._set("guardian_canary_weight_ratio", (service,), status.weight.ratio)
        if rollout.phase not in LIVE:
            return
        for verdict in status.verdicts:
            labels = (service, verdict.criterion)
            self._evidence(labels, verdict.evidence)
            for outcome in Outcome:
                now = outcome is verdict.outcome
                self._set("guardian_criterion_verdict", (*labels, outcome.value), now)

    def _evidence(self, labels: Sequence[str], evidence: Evidence) -> None:
        age_from = evidence.settled_until or evidence.window_start
        proven = evidence.log_e / evidence.log_e_limit if evidence.log_e_limit > 0 else None
        for name, value in {
            "guardian_criterion_value": None if evidence.value is None else evidence.value.value,
            "guardian_criterion_limit_used_ratio": evidence.limit_used,
            "guardian_evidence_ratio": None if proven is None else max(0.0, proven),
            "guardian_data_age_seconds": (
                None if age_from is None else max(0.0, self._at - age_from)
            ),
        }.items():
            if value is not None:
                self._set(name, labels, value)


def _newest(statuses: Iterable[RolloutStatus]) -> list[RolloutStatus]:
    """One status of each service: of the live rollout, else of the last one."""
    found: dict[str, RolloutStatus] = {}
    for status in statuses:
        known = found.get(status.plan.service)
        if known is None or status.rollout.phase in LIVE or known.rollout.phase not in LIVE:
            found[status.plan.service] = status
    return [found[service] for service in sorted(found)]


def _unread(overview: DaemonStatus) -> dict[tuple[str, str], int]:
    """By account and region, how many series could not be read."""
    found: dict[tuple[str, str], int] = {}
    for plane, count in overview.unread.items():
        found[_place(plane)] = found.get(_place(plane), 0) + count
    return found


def _last_ticks(overview: DaemonStatus) -> dict[tuple[str, str], Instant]:
    """By account and region, the end of the last tick; of several roles, the one that is behind."""
    found: dict[tuple[str, str], Instant] = {}
    for plane, (at, _) in overview.planes.items():
        found[_place(plane)] = min(at, found.get(_place(plane), at))
    return found


def _place(plane: str) -> tuple[str, str]:
    account, region, *_role = [*plane.split(":"), ""]
    return account, region
