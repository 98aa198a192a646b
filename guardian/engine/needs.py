"""What is read of a rollout; and how stable and what is open stand before its first shift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from guardian.core.binding import swapped
from guardian.core.judging.presence import Present, before_shift
from guardian.core.measure import Measure
from guardian.core.model import (
    Criterion,
    Instant,
    Measurement,
    Query,
)
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.machine import Rollout
from guardian.core.rollout.pre_existing import for_stable, since, stands
from guardian.core.verdict import Outcome, Verdict
from guardian.ports import Router

Want: TypeAlias = tuple[Query, Instant, float]
"""A query, from when on it is read, and how many seconds it takes to settle."""
Views: TypeAlias = tuple[Criterion, ...]
"""One criterion on stable's own series, and on those that speak where those are silent."""


def views(plan: Plan, router: Router) -> tuple[Views, ...]:
    """What shows how stable stands. Alone on the target, it is what the whole target shows."""
    return tuple(_views(criterion, plan, router) for criterion in for_stable(plan))


def _views(criterion: Criterion, plan: Plan, router: Router) -> Views:
    swaps = {q: w for q in criterion.queries() if (w := router.fallback_query(q, live=plan.stable))}
    if not swaps or plan.drive is Drive.WATCH:
        return (criterion,)
    return (criterion, replace(criterion, measure=swapped(criterion.measure, swaps)))


def looks(shown: Sequence[Views], now: Instant) -> Iterator[Want]:
    """What is read to see how stable stands."""
    for criterion in (c for each in shown for c in each):
        for query in criterion.queries():
            yield query, since(criterion, now), criterion.settle_s


def wanted(
    criteria: Sequence[Criterion], beside: Mapping[str, Measure], since: Instant
) -> Iterator[Want]:
    """What is read to judge these criteria, and to see whether stable shows the same."""
    for criterion in criteria:
        other = beside.get(criterion.name)
        for query in (*criterion.queries(), *(() if other is None else other.queries)):
            yield query, since, criterion.settle_s


def merged(wants: Iterable[Want]) -> dict[Query, tuple[Instant, float]]:
    """Each query once: from its earliest time on, and settled by its longest."""
    found: dict[Query, tuple[Instant, float]] = {}
    for query, begin, settle_s in wants:
        earliest, longest_s = found.get(query, (begin, 0.0))
        found[query] = (min(earliest, begin), max(longest_s, settle_s))
    return found


def judged(
    shown: Sequence[Views], plan: Plan, measurements: Mapping[Query, Measurement], now: Instant
) -> tuple[Verdict, ...]:
    """A verdict for each criterion, by the first view that has something to say."""
    return tuple(_first(each, plan, measurements, now) for each in shown)


def _first(
    each: Views, plan: Plan, measurements: Mapping[Query, Measurement], now: Instant
) -> Verdict:
    verdicts = [stands(plan, criterion, measurements, now=now) for criterion in each]
    return next((v for v in verdicts if v.outcome is not Outcome.NO_DATA), verdicts[-1])


def open_before(
    rollout: Rollout, measurements: Mapping[Query, Measurement], now: Instant
) -> tuple[Verdict, ...]:
    """How the criteria stand that can be judged before the first shift: those of what is open."""
    return tuple(
        before_shift(
            criterion,
            criterion.measure,
            measurements,
            now=now,
            fixes=rollout.plan.fixes,
            moving_since=rollout.moving_since or None,
        )
        for criterion in rollout.plan.criteria
        if isinstance(criterion.measure, Present)
    )
