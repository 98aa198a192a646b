"""A listener on loopback, an Overview to show, and what a scraper reads from them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection

from prometheus_client.parser import text_string_to_metric_families

from guardian.core.rollout.entries import Held, HoldReason
from guardian.core.rollout.machine import Phase
from guardian.core.status import RolloutStatus
from guardian.core.traffic import Traffic, Weight
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.ports import Clock
from guardian.ports.daemon_status import DaemonStatus
from guardian.web.app import HttpServer, serve
from guardian.web.metrics import PrometheusMetrics
from tests.core.builders import FIVE_PERCENT, share
from tests.core.rollouts import PLAN, T0, in_phase

NOW = 1_790_000_000.0
SERVICE = "agents-api"
PLANE = "333333333333:us-east-1:arn:aws:iam::333333333333:role/guardian"
EVIDENCE = Evidence(
    limit=FIVE_PERCENT,
    value=share(0.061),
    bad=29,
    samples=480,
    min_samples=60,
    window_start=NOW - 900,
    window_end=NOW - 240,
    settled_until=NOW - 240,
    log_e=2.0,
    log_e_limit=4.0,
    limit_used=1.22,
)


def verdict(
    name: str = "error-rate",
    outcome: Outcome = Outcome.INCONCLUSIVE,
    evidence: Evidence = EVIDENCE,
) -> Verdict:
    """A criterion that is over its limit, and not yet proven to be."""
    return Verdict(criterion=name, outcome=outcome, evidence=evidence, why="because")


def shown(
    phase: Phase = Phase.BAKING,
    *,
    service: str = SERVICE,
    held: HoldReason | None = None,
    verdicts: tuple[Verdict, ...] | None = None,
) -> RolloutStatus:
    """A rollout in a phase, at 10 %, with one verdict."""
    then = (Held(at=T0, why=held, detail="because"),) if held is not None else ()
    return RolloutStatus(
        at=NOW,
        rollout=in_phase(phase, *then, plan=replace(PLAN, service=service, rollout=service)),
        waiting_for="6 of 10 minutes observed",
        verdicts=(verdict(),) if verdicts is None else verdicts,
        observed_min=6.0,
        traffic=Traffic(primary="41", secondary="42", weight=Weight.percent(10)),
    )


def at_work(*statuses: RolloutStatus) -> DaemonStatus:
    """A healthy daemon in the middle of these."""
    return DaemonStatus(
        at=NOW,
        statuses=statuses or (shown(),),
        claims={SERVICE: True, "worker": False},
        unseen={SERVICE: "", "worker": ""},
        planes={PLANE: (NOW - 12, 0.0)},
        unread={PLANE: 800},
        notifiers={"slack": ""},
        pending=3,
    )


def busy(metrics: PrometheusMetrics) -> PrometheusMetrics:
    """Metrics after some work of every kind."""
    metrics.tick(PLANE, at=NOW, took_s=0.3, lag_s=0.01)
    metrics.ended(SERVICE, "completed")
    metrics.rolled_back(SERVICE, 21.0)
    metrics.aws("cloudwatch", "GetMetricData", "ok")
    metrics.aws("lambda", "UpdateAlias", "throttled")
    metrics.cloudwatch(250)
    metrics.notice("slack", "sent")
    return metrics


@contextmanager
def listening(
    overview: Callable[[], DaemonStatus] = at_work,
    *,
    metrics: PrometheusMetrics | None = None,
    clock: Clock | None = None,
    hosts: Sequence[str] = (),
) -> Iterator[HttpServer]:
    """A running listener on a free loopback port."""
    given = metrics or busy(PrometheusMetrics(notifiers=["slack", "pagerduty"]))
    listener = serve("127.0.0.1:0", overview=overview, metrics=given, clock=clock, hosts=hosts)
    try:
        yield listener
    finally:
        listener.stop()


def place(listener: HttpServer) -> tuple[str, int]:
    """Host and port, as sockets take them."""
    host, _, port = listener.address.rpartition(":")
    return host.strip("[]"), int(port)


def ask(
    listener: HttpServer,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    connection = HTTPConnection(*place(listener), timeout=30)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def dial(listener: HttpServer, sent: bytes = b"") -> socket.socket:
    """A client of its own manners."""
    connection = socket.create_connection(place(listener), timeout=30)
    connection.sendall(sent)
    return connection


def samples(
    page: bytes | str, name: str | None = None
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of a page in the text format, by name and sorted labels."""
    text = page.decode() if isinstance(page, bytes) else page
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if name in (None, sample.name)
    }


def series(page: bytes | str, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The samples of one metric by the values of these labels."""
    return {
        tuple(dict(found)[label] for label in labels): value
        for (_, found), value in samples(page, name).items()
    }
