"""What a criterion measures: ratios, counts and incidents, and what every kind has to say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.core.judging.kinds.rate import Rate
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.measure import Measure
from guardian.core.model import Direction
from guardian.files.findings import Place
from guardian.files.rules.model import CriterionModel, Metric
from guardian.files.rules.query import BuildContext, filled, query_of
from guardian.files.units import exact_rate, exact_share, plain, told
from guardian.namespaces import unit

UPWARD: Final = frozenset({Direction.ABOVE, Direction.AT_OR_ABOVE})
"""The directions in which more is worse."""
COUNT_UNITS: Final = ("Count", "None")
COUNTING_STATS: Final = ("Sum", "SampleCount")
MIN_BAD: Final = 3
"""Samples are enough when this many bad ones were to be expected at the limit (rule of three)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSpec:
    """How the limits of one criterion are read, and the measure that a limit makes."""

    read: Callable[[object], Decimal]
    """A written limit in the measure's own unit. ValueError says how to write it."""
    refused: Callable[[Direction], str | None]
    """Why a direction makes no sense here, None when it does."""
    measure: Callable[[Decimal], Measure]
    """Given the limit."""
    floor: Callable[[Decimal], int]
    """The samples that are enough at a limit."""
    impossible: Callable[[Decimal], str | None] = lambda _: None
    """Why a limit can never be judged, None when it can."""
    text: Callable[[object], str] = str
    """A limit as people are told it."""


def either(_: Direction) -> str | None:
    """For what may hurt on either side."""
    return None


# --- ratios ------------------------------------------------------------------------------------


def ratio(model: CriterionModel, context: BuildContext) -> MeasureSpec | None:
    """A share of events."""
    of = model.ratio
    assert of is not None  # noqa: S101 - the caller looked
    counted = of.good or of.bad
    if counted is None or (of.bad is not None and of.good is not None):
        context.say(
            ("ratio",), "a ratio counts either bad or good events: give exactly one of them"
        )
        return None
    side, beside = "bad" if of.good is None else "good", of.dimensions
    part = query_of(counted, ("ratio", side), beside=beside, stat="Sum", context=context, part=True)
    total = query_of(of.total, ("ratio", "total"), beside=beside, stat="Sum", context=context)
    for name, metric in ((side, counted), ("total", of.total)):
        counts(metric, ("ratio", name), context, "a ratio")

    def rate(share: Decimal) -> Decimal:
        return 1 - share if side == "good" else share

    def refused(direction: Direction) -> str | None:
        upward = direction in UPWARD
        if upward == (side == "bad"):
            return None
        better = "below" if upward else "above"
        return f"{side} with {direction.value} would fail healthy releases: write {better}"

    def impossible(share: Decimal) -> str | None:
        if 0 < rate(share) < 1:
            return None
        never = "it can never be breached"
        rng = "one failure would break it; allow a small share, like"
        example = "99.9%" if side == "good" else "0.1%"
        return never if rate(share) else f"{rng} {example}"

    return MeasureSpec(
        read=exact_share,
        refused=refused,
        measure=lambda _: Ratio(
            part=part,
            total=total,
            good=side == "good",
            absent_zero=counted.absent == "zero",
        ),
        floor=lambda share: math.ceil(MIN_BAD / rate(share)),
        impossible=impossible,
    )


def counts(metric: Metric, place: Place, context: BuildContext, who: str) -> None:
    """The metrics of a ratio and of a count hold counts."""
    if metric.stat not in (None, *COUNTING_STATS):
        context.say(
            (*place, "stat"),
            f"{who} counts events: its stat is {' or '.join(COUNTING_STATS)}, not"
            f" {told(metric.stat)}",
        )
    known = unit(metric.namespace, metric.metric)
    stated = metric.unit or known
    if stated not in (None, *COUNT_UNITS) and metric.stat != "SampleCount":
        where = (*place, "unit") if metric.unit else place
        context.say(
            where,
            f"{who} counts events, and {metric.namespace} {metric.metric} holds {stated}:"
            " use a metric that counts, or stat: SampleCount",
        )


# --- counts ------------------------------------------------------------------------------------


def count(model: CriterionModel, context: BuildContext) -> MeasureSpec | None:
    """Events a minute."""
    metric = model.count
    assert metric is not None  # noqa: S101 - the caller looked
    events = query_of(metric, ("count",), beside={}, stat="Sum", context=context)
    counts(metric, ("count",), context, "a count")
    return MeasureSpec(
        read=exact_rate,
        refused=either,
        measure=lambda _: Rate(events=events),
        floor=lambda _: 1,
        text=lambda written: f"{plain(exact_rate(written))}/min",
    )


# --- incidents ---------------------------------------------------------------------------------


def incidents(model: CriterionModel, context: BuildContext) -> Incidents:
    """Open incidents; their priorities and services may hold the service's variables."""
    of = model.incidents
    assert of is not None  # noqa: S101 - the caller looked

    def each(key: str, texts: list[str]) -> tuple[str, ...]:
        return tuple(filled(text, ("incidents", key, n), context) for n, text in enumerate(texts))

    priorities, services = each("priorities", of.priorities), each("services", of.services)
    return Incidents(
        open=incident_query(of.source, priorities, services),
        priorities=priorities,
        services=services,
    )
