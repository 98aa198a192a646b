"""One criterion in a report: what it asks, its series, its plots, and its datapoints."""

from __future__ import annotations

import math
from collections.abc import Iterator

from guardian.core import figures
from guardian.core.codec import rfc3339
from guardian.core.judging.judge_state import sequential
from guardian.core.model import Criterion, Instant, Query
from guardian.core.reasons import fails_on
from guardian.core.wording import hour_minute
from guardian.core.wording import span as length
from guardian.report.blocks import Block, Heading, Line, Paragraph, Plot, Table
from guardian.report.facts import Facts
from guardian.report.replay import Curve, PlottedPoint


def criterion_blocks(
    facts: Facts, index: int, criterion: Criterion, events: tuple[tuple[Instant, str], ...]
) -> Iterator[Block]:
    """Everything on one criterion; `index` is its place in the plan."""
    yield Heading(3, f"{criterion.name}: fails {fails_on(criterion)}")
    if criterion.description:
        yield Paragraph(criterion.description)
    yield Table(caption=f"How {criterion.name} is judged", rows=tuple(_terms(criterion)))
    yield Table(
        caption=f"The queries of {criterion.name}, as they were resolved",
        head=("series", "stat", "period", "dimensions", "read"),
        rows=tuple(_query_row(facts, q) for q in dict.fromkeys(criterion.queries())),
    )
    curve = facts.curves[index] if index < len(facts.curves) else None
    if criterion.measure.any_of:
        yield Paragraph("What was open is told as it was recorded: see the verdicts.")
    elif curve is None:
        yield Paragraph("No datapoints: they were not read again.")
    elif curve.problem:
        yield Paragraph(f"No datapoints: {curve.problem}.", alert=True)
    else:
        yield from _plots(facts, index, curve, events)
        yield _datapoints(facts, curve)


def _terms(criterion: Criterion) -> Iterator[tuple[str, str]]:
    yield "fails", fails_on(criterion)
    if criterion.warn_if is not None:
        yield "warns", str(criterion.warn_if)
    yield "judged by", _judged_by(criterion)
    yield "a breach", criterion.on_fail.value
    yield "watches", criterion.scope.value
    yield "min_samples", str(criterion.min_samples)
    yield "settles after", length(criterion.settle_s)
    if criterion.warm_up_s:
        yield "warm_up", length(criterion.warm_up_s)
    if criterion.compare is not None:
        against = f"at most {criterion.compare.max_ratio:g} times stable's rate"
        yield "compared", f"{against}, and {100 * criterion.compare.min_increase:g} points above"


def _judged_by(criterion: Criterion) -> str:
    if criterion.measure.any_of:
        return f"presence: one {criterion.measure.any_of} is enough"
    if sequential(criterion):
        return "all evidence together (a sequential test)"
    needed, of = criterion.datapoints
    return f"{needed} of {of} datapoints over the limit"


def _query_row(facts: Facts, query: Query) -> tuple[str, ...]:
    source = "" if query.source == "cloudwatch" else f"{query.source}: "
    return (
        f"{source}{query.name}",
        query.detail,
        f"{query.period_s} s",
        query.labels,
        _read(facts, query),
    )


def _read(facts: Facts, query: Query) -> str:
    found = facts.readings.measurements.get(query)
    if found is None:
        return "not again"
    if found.problem is not None:
        return f"no: {found.problem.detail}"
    settled = sum(p.start + query.period_s <= found.settled_before for p in found.points)
    return f"{len(found.points)} datapoints, {settled} settled"


# --- plots -------------------------------------------------------------------------------------


def _plots(
    facts: Facts, index: int, curve: Curve, events: tuple[tuple[Instant, str], ...]
) -> Iterator[Plot]:
    name, plan = curve.criterion.name, facts.plan
    over = [p for p in curve.points if p.over]
    lines = [Line(label=f"version {plan.canary}", look="value", points=_line(curve.points))]
    if curve.stable:
        lines.append(
            Line(label=f"version {plan.stable}", look="stable", points=_line(curve.stable))
        )
    yield Plot(
        name=f"value-{index}",
        title=f"{name}: values against the limit {figures.exact(curve.limit)}",
        text=f"{len(curve.points)} periods, {len(over)} over the limit.{_worst(curve)}",
        since=facts.since,
        until=facts.until,
        lines=tuple(lines),
        limit=curve.limit.value,
        limit_text=f"limit {figures.exact(curve.limit)}",
        events=events,
        shown=curve.shown,
    )
    if curve.looks and curve.log_e_limit > 0:
        peak = max(curve.looks, key=lambda look: look.log_e)
        yield Plot(
            name=f"evidence-{index}",
            title=f"{name}: evidence of a breach (log e)",
            text=f"At most {peak.log_e:.2f}, at {hour_minute(peak.at)}Z;"
            f" a breach is proven at {curve.log_e_limit:.2f}.",
            since=facts.since,
            until=facts.until,
            lines=(
                Line(
                    label="log e",
                    look="value",
                    points=tuple((look.at, look.log_e) for look in curve.looks),
                ),
                *_recorded(facts, name),
            ),
            limit=curve.log_e_limit,
            limit_text=f"proof at {curve.log_e_limit:.2f}",
            events=events,
            shown=lambda value: f"{value:.4g}",
        )


def _recorded(facts: Facts, name: str) -> Iterator[Line]:
    """What decisions rested on at their time: dots, which nothing connects."""
    dots = [
        dot
        for one in facts.decisions
        for verdict in one.verdicts
        if verdict.criterion == name
        for dot in ((one.at, verdict.evidence.log_e), (one.at, None))
    ]
    if dots:
        yield Line(label="as recorded with decisions", look="recorded", points=tuple(dots))


def _line(points: tuple[PlottedPoint, ...]) -> tuple[tuple[Instant, float | None], ...]:
    return tuple((p.start, p.value) for p in points)


def _worst(curve: Curve) -> str:
    heard = [p for p in curve.points if p.value is not None and math.isfinite(p.value)]
    if not heard:
        return " No period has a value."
    rising = curve.criterion.fail_if.direction.rising
    # The sign turns the smallest into the worst where less is worse.
    worst = max(heard, key=lambda p: (p.value or 0.0) * (1 if rising else -1))
    return f" The worst is {curve.shown(worst.value or 0.0)} at {hour_minute(worst.start)}Z."


# --- datapoints --------------------------------------------------------------------------------


def _datapoints(facts: Facts, curve: Curve) -> Table:
    name = curve.criterion.name
    log_e = {look.at: f"{look.log_e:.2f}" for look in curve.looks}
    then = facts.settled_then(name)
    return Table(
        caption=f"The datapoints of {name}, each {curve.period_s:.0f} s",
        head=("begins", "value", "over", "bad", "samples", "log e after it", "status"),
        rows=tuple(
            (
                rfc3339(p.start)[:16].replace("T", " ") + "Z",
                "none" if p.value is None else curve.shown(p.value),
                "over" if p.over else "",
                f"{p.bad:g}",
                f"{p.samples:g}",
                log_e.get(p.start + curve.period_s, ""),
                _status(p, curve.period_s, then),
            )
            for p in curve.points
        ),
        folds=True,
    )


def _status(point: PlottedPoint, period_s: float, then: Instant | None) -> str:
    """Whether it no longer changes, and whether that was so when the outcome was decided."""
    now = "settled" if point.settled else "not settled"
    if then is None or not point.settled or point.start + period_s <= then:
        return now
    return f"{now}, not yet at the decision"
