"""What is allowed in a rule file and yet is probably not meant."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.incidents import Incidents
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.judging.kinds.rate import Rate
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Query
from guardian.files.findings import Finding, Node
from guardian.files.rules.durations import SAMPLES_ABOVE, TIME_UNITS
from guardian.files.rules.query import names_canary
from guardian.files.units import exact_seconds, plain
from guardian.namespaces import ONLY_NONZERO, PERCENT, settle_s

CANARY_SHARE: Final = 0.10
"""The usual first step, for the arithmetic of pooled metrics."""
STABLE_RATE: Final = 0.005
"""What a healthy stable side is taken to fail at, in the same arithmetic."""
_LONGEST_S: Final = {("AWS/Lambda", "Duration"): 900.0, ("AWS/ApiGateway", "Latency"): 300.0}
"""No sample can be longer: Lambda's largest time-out is 15 minutes (Lambda quotas), API Gateway's
integration time-out 29 s unless raised, which a REST API allows up to 5 minutes."""
_SHORTEST_S: Final = 0.001
_PERCENTILE: Final = re.compile(r"p([0-9.]+)")
_LAMBDA_ERRORS: Final = ("AWS/Lambda", "Errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A criterion and where it stands."""

    criterion: Criterion
    node: Node
    pooled_on_purpose: bool
    """The file says `scope:` itself."""


def warnings(placed: Placed) -> Iterator[Finding]:
    """What a criterion alone gives reason to doubt."""
    criterion, node = placed.criterion, placed.node
    measure = criterion.measure
    if isinstance(measure, Incidents):
        return
    together = not any(map(names_canary, criterion.queries()))
    if together and not placed.pooled_on_purpose and not isinstance(measure, Gauge):
        yield _warn(node, "name", pooled(criterion))
    match measure:
        case Ratio():
            yield from _never_zero(measure, node)
        case Latency():
            yield from _odd_limit(criterion, measure.count, node)
        case Percentile():
            yield from _odd_limit(criterion, measure.series, node)
            yield from _no_floor(criterion, measure, node)
        case Gauge():
            yield from _odd_gauge(criterion, measure.series, node)
    final = max(settle_s(q.namespace) for q in criterion.queries())
    if criterion.settle_s < final:
        yield _warn(
            node,
            "settle",
            f"CloudWatch still changes these datapoints for {plain_minutes(final)}: a shorter"
            " settle judges numbers that are not final",
        )


def errors_of_lambda_only(criteria: Sequence[Placed]) -> Iterator[Finding]:
    """A service whose only errors are Lambda's own: a returned HTTP 500 is none of them."""
    counting = [
        (p, p.criterion.measure)
        for p in criteria
        if isinstance(p.criterion.measure, Ratio) and not p.criterion.measure.good
    ]
    if not counting or any(
        (m.part.namespace, m.part.metric) != _LAMBDA_ERRORS for _, m in counting
    ):
        return
    yield _warn(
        counting[0][0].node,
        "name",
        "AWS/Lambda Errors counts invocations that throw or time out; a function behind HTTP that"
        " returns status 500 counts as healthy: add a criterion on the failures that callers see",
    )


def pooled(criterion: Criterion) -> str:
    """What a metric of both versions together hides, in numbers."""
    if isinstance(criterion.measure, Rate):
        return _pooled(
            criterion,
            f"at {CANARY_SHARE:.0%} weight a canary causes {CANARY_SHARE:.0%} of what it will cause"
            " later, beside what stable causes",
        )
    limit = criterion.limit_rate
    stable = min(STABLE_RATE, limit / 10)
    needed = (limit - (1 - CANARY_SHARE) * stable) / CANARY_SHARE
    kind = "be too slow for" if isinstance(criterion.measure, Latency | Percentile) else "fail"
    at = f"at {CANARY_SHARE:.0%} weight a canary"
    sees = (
        f"{at} must {kind} about {math.floor(100 * needed)}% of its requests before it shows"
        if needed <= 1
        else f"{at} that should {kind} every request does not show"
    )
    return _pooled(criterion, sees)


def _pooled(criterion: Criterion, sees: str) -> str:
    return (
        f"'{criterion.name}' reads both versions together (no dimension names ${{canary}}): {sees};"
        " and a step does not wait for it. Use a metric by version, or say which with"
        " scope: service or scope: canary"
    )


def plain_minutes(seconds: float) -> str:
    """`3m` or `90s`."""
    return f"{seconds / 60:g}m" if seconds % 60 == 0 else f"{seconds:g}s"


def _never_zero(measure: Ratio, node: Node) -> Iterator[Finding]:
    """A service that never failed has no such metric, and waits for it."""
    part = measure.part
    if (part.namespace, part.metric) in ONLY_NONZERO and not measure.absent_zero:
        yield _warn(
            node,
            "ratio",
            f"{part.namespace} publishes {part.metric} only when it is not zero: a service that"
            " never had one gets no verdict. Add absent: zero to that metric",
        )


def _odd_limit(criterion: Criterion, query: Query, node: Node) -> Iterator[Finding]:
    seconds = float(exact_seconds(criterion.fail_if.text))
    longest = _LONGEST_S.get((query.namespace, query.metric))
    if longest is not None and seconds > longest:
        thousandth = plain(exact_seconds(criterion.fail_if.text))
        yield _warn(
            node,
            "fail_if",
            f"no request can take longer than {criterion.fail_if.text} here (the most is"
            f" {plain_minutes(longest)}): is {thousandth}ms meant?",
        )
    elif seconds < _SHORTEST_S:
        yield _warn(node, "fail_if", f"{criterion.fail_if.text} is shorter than any request")


def _no_floor(criterion: Criterion, measure: Percentile, node: Node) -> Iterator[Finding]:
    """A percentile of a few samples is the slowest of them."""
    wanted = math.ceil(SAMPLES_ABOVE / (1 - Decimal(str(measure.percentile)) / 100))
    if criterion.min_samples < wanted:
        yield _warn(
            node,
            "min_samples",
            f"p{measure.percentile:g} of {criterion.min_samples} samples is decided by one or two"
            f" slow requests: {wanted} are enough, which is the default",
        )


def _odd_gauge(criterion: Criterion, query: Query, node: Node) -> Iterator[Finding]:
    percentile = _PERCENTILE.fullmatch(query.stat)
    if percentile is not None:
        yield _warn(
            node,
            "gauge",
            f"{query.stat} of a gauge has no floor: one slow request of a quiet minute decides it."
            f" Write latency with percentile: {percentile[1]} and judge: threshold, which knows how"
            " many samples a datapoint rests on",
        )
    if query.unit in TIME_UNITS:
        yield from _odd_limit(criterion, query, node)
    if query.unit == PERCENT and 0 < criterion.fail_if.value < 1:
        yield _warn(
            node,
            "fail_if",
            f"{query.namespace} {query.metric} goes up to 100%, and the limit is"
            f" {criterion.fail_if.text}: is {100 * criterion.fail_if.value:g}% meant?",
        )


def _warn(node: Node, key: str, message: str) -> Finding:
    return node.finding((key,), message, severity="warning")
