"""How stable stands before the first shift: what is read for that, and what it amounts to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from guardian.core.binding import swapped
from guardian.core.model import Criterion, Instant, Measurement, Query
from guardian.core.plan import Drive, Plan
from guardian.core.pre_existing import for_stable, since, stands
from guardian.core.verdict import Outcome, Verdict
from guardian.ports import Router

Views: TypeAlias = tuple[Criterion, ...]
"""One criterion on stable's own series, and on those that speak where those are silent."""


def views(plan: Plan, router: Router) -> tuple[Views, ...]:
    """What shows how stable stands. Alone on the target, it is what the whole target shows."""
    return tuple(_views(criterion, plan, router) for criterion in for_stable(plan))


def _views(criterion: Criterion, plan: Plan, router: Router) -> Views:
    swaps = {q: w for q in criterion.queries() if (w := router.instead(q, live=plan.stable))}
    if not swaps or plan.drive is Drive.WATCH:
        return (criterion,)
    return (criterion, replace(criterion, measure=swapped(criterion.measure, swaps)))


def wanted(shown: Sequence[Views], now: Instant) -> Iterator[tuple[Query, Instant, float]]:
    """Each query, from when on it is read, and how long until it is settled."""
    for criterion in (c for each in shown for c in each):
        for query in criterion.queries():
            yield query, since(criterion, now), criterion.settle_s


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
