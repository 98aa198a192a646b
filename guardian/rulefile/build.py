"""One criterion of a rule file, its shape already checked, becomes a criterion of the core."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from guardian.core.model import (
    Compare,
    Criterion,
    Direction,
    Latency,
    Limit,
    OnFail,
    Query,
    Ratio,
    Scope,
)
from guardian.namespaces import MILLISECONDS, SECONDS, settle_s, unit
from guardian.rulefile.model import CompareModel, CriterionModel, Metric
from guardian.rulefile.query import Scene, names_canary, of_stable, query_of
from guardian.text.findings import Place, did_you_mean
from guardian.text.units import exact_seconds, exact_share, plain, told

_TIME_UNITS: Final = {
    SECONDS: Decimal(1),
    MILLISECONDS: Decimal(1000),
    "Microseconds": Decimal(10**6),
}
"""How many of a unit make a second; CloudWatch's words."""
_COUNT_UNITS: Final = ("Count", "None")
_COUNTING_STATS: Final = ("Sum", "SampleCount")
_MIN_BAD: Final = 3
"""Samples are enough when this many bad ones were to be expected at the limit (rule of three)."""


def build(model: CriterionModel, scene: Scene) -> Criterion | None:
    """The criterion with every default filled in; None when the scene has findings."""
    measured = _measured(model, scene)
    if measured is None or scene.findings:
        return None
    measure, limit, rate = measured
    queries = tuple(
        Criterion(name=model.name, measure=measure, fail_if=limit, min_samples=1).queries()
    )
    _alike(queries, scene)
    defaults = scene.defaults
    settle = model.settle if model.settle is not None else defaults.settle
    criterion = Criterion(
        name=model.name,
        description=model.description,
        measure=measure,
        fail_if=limit,
        scope=_scope(model, queries),
        on_fail=OnFail(model.on_fail or defaults.on_fail or "rollback"),
        min_samples=model.min_samples or math.ceil(_MIN_BAD / rate),
        sustain=model.sustain or defaults.sustain or 2,
        cluster_size=model.cluster_size or defaults.cluster_size or 1.0,
        warm_up_s=_first(model.warm_up, defaults.warm_up, 0.0),
        settle_s=_first(settle, None, max(settle_s(q.namespace) for q in queries)),
        no_data_after_s=_first(model.no_data_after, defaults.no_data_after, 300.0),
        compare=_compare(model.compare, measure, scene),
    )
    return None if scene.findings else criterion


def _first(own: float | None, default: float | None, otherwise: float) -> float:
    return own if own is not None else default if default is not None else otherwise


def _measured(model: CriterionModel, scene: Scene) -> tuple[Ratio | Latency, Limit, Decimal] | None:
    """The measure, its limit and the share of bad events that the limit allows."""
    if model.ratio is not None and model.latency is not None:
        scene.say(("latency",), "a criterion measures one thing: ratio or latency", key=True)
        return None
    direction, written = _threshold(model, scene)
    if model.ratio is not None:
        return _ratio(model, direction, written, scene)
    if model.latency is not None:
        return _latency(model, direction, written, scene)
    scene.say((), f"the criterion '{model.name}' measures nothing: give it a ratio or a latency")
    return None


def _threshold(model: CriterionModel, scene: Scene) -> tuple[Direction | None, object]:
    given = [d for d in Direction if d.value in model.fail_if.model_fields_set]
    if len(given) == 1:
        return given[0], getattr(model.fail_if, given[0].value)
    words = ", ".join(d.value for d in Direction)
    scene.say(("fail_if",), f"fail_if takes exactly one limit: {words}")
    return None, None


# --- ratios ------------------------------------------------------------------------------------


def _ratio(
    model: CriterionModel, direction: Direction | None, written: object, scene: Scene
) -> tuple[Ratio, Limit, Decimal] | None:
    ratio = model.ratio
    assert ratio is not None  # noqa: S101 - the caller looked
    counted = ratio.good or ratio.bad
    if counted is None or (ratio.bad is not None and ratio.good is not None):
        scene.say(("ratio",), "a ratio counts either bad or good events: give exactly one of them")
        return None
    side, beside = "bad" if ratio.good is None else "good", ratio.dimensions
    part = query_of(counted, ("ratio", side), beside=beside, stat="Sum", scene=scene)
    total = query_of(ratio.total, ("ratio", "total"), beside=beside, stat="Sum", scene=scene)
    for name, metric in ((side, counted), ("total", ratio.total)):
        _counts(metric, ("ratio", name), scene)
    if direction is None:
        return None
    place = ("fail_if", direction.value)
    share = _limit(exact_share, written, place, scene)
    if share is None or not _sensible(direction, side, place, scene):
        return None
    rate = 1 - share if side == "good" else share
    if not 0 < rate < 1:
        never = "it can never be breached"
        luck = "one failure would break it; allow a small share, like"
        example = "99.9%" if side == "good" else "0.1%"
        why = never if rate else f"{luck} {example}"
        scene.say(place, f"a limit of {written} can never be judged: {why}")
        return None
    limit = Limit(direction=direction, value=float(share), text=str(written))
    return Ratio(part=part, total=total, good=side == "good"), limit, rate


def _sensible(direction: Direction, side: str, place: Place, scene: Scene) -> bool:
    upward = direction in (Direction.ABOVE, Direction.AT_OR_ABOVE)
    if upward == (side == "bad"):
        return True
    better = "below" if upward else "above"
    say = f"{side} with {direction.value} would fail healthy releases: write {better}"
    scene.say(place, say, key=True)
    return False


def _counts(metric: Metric, place: Place, scene: Scene) -> None:
    """A ratio's metrics hold counts."""
    if metric.stat not in (None, *_COUNTING_STATS):
        scene.say(
            (*place, "stat"),
            f"a ratio counts events: its stat is {' or '.join(_COUNTING_STATS)}, not"
            f" {told(metric.stat)}",
        )
    known = unit(metric.namespace, metric.metric)
    stated = metric.unit or known
    if stated not in (None, *_COUNT_UNITS) and metric.stat != "SampleCount":
        where = (*place, "unit") if metric.unit else place
        scene.say(
            where,
            f"a ratio counts events, and {metric.namespace} {metric.metric} holds {stated}:"
            " use a metric that counts, or stat: SampleCount",
        )


# --- latencies ---------------------------------------------------------------------------------


def _latency(
    model: CriterionModel, direction: Direction | None, written: object, scene: Scene
) -> tuple[Latency, Limit, Decimal] | None:
    latency = model.latency
    assert latency is not None  # noqa: S101 - the caller looked
    place = ("latency", "metric")
    percentile = Decimal(str(latency.percentile))
    if percentile < 1:
        scene.say(
            ("latency", "percentile"),
            f"{percentile} means that {plain(100 - percentile)}% of requests may be slower:"
            f" write {plain(percentile * 100)} for p{plain(percentile * 100)}",
        )
    elif percentile != round(percentile, 2):
        scene.say(("latency", "percentile"), "a percentile has at most two decimals")
    _percentile_stat(latency.metric, percentile, scene)
    base = query_of(
        latency.metric, place, beside=latency.dimensions, stat="SampleCount", scene=scene
    )
    per_second = _per_second(latency.metric, base.unit, scene)
    if direction is None:
        return None
    limit_at = ("fail_if", direction.value)
    if direction is not Direction.ABOVE:
        scene.say(limit_at, _only_above(direction), key=True)
        return None
    seconds = _limit(exact_seconds, written, limit_at, scene)
    if seconds is None or per_second is None:
        return None
    if not seconds:
        scene.say(limit_at, "a limit of 0 can never be judged: every request takes longer")
        return None
    within = replace(base, stat=f"TC(:{plain(seconds * per_second)})")
    count = replace(base, stat="SampleCount")
    limit = Limit(direction=direction, value=float(seconds * per_second), text=str(written))
    rate = 1 - percentile / 100
    return Latency(percentile=latency.percentile, count=count, within=within), limit, rate


def _only_above(direction: Direction) -> str:
    if direction is Direction.AT_OR_ABOVE:
        return "write above: CloudWatch counts the requests up to and including the limit"
    return f"latency with {direction.value} would fail fast releases: write above"


def _percentile_stat(metric: Metric, percentile: Decimal, scene: Scene) -> None:
    if metric.stat not in (None, f"p{plain(percentile)}"):
        scene.say(
            ("latency", "metric", "stat"),
            f"{told(metric.stat)} cannot be used here: a latency counts the requests over the"
            " limit (SampleCount and TC), so leave stat out and set percentile",
        )


def _per_second(metric: Metric, named: str | None, scene: Scene) -> Decimal | None:
    """How many of the metric's unit make a second."""
    place: Place = ("latency", "metric")
    known = unit(metric.namespace, metric.metric)
    if metric.unit and known and metric.unit != known:
        scene.say(
            (*place, "unit"), f"{metric.namespace} {metric.metric} is held in {known}: remove unit"
        )
        return None
    if named in _TIME_UNITS:
        return _TIME_UNITS[named]
    words = ", ".join(_TIME_UNITS)
    if named is None:
        scene.say(
            place,
            f"the unit of {metric.namespace} {metric.metric} is not known: add unit: with one of"
            f" {words}",
        )
    else:
        where = (*place, "unit") if metric.unit else place
        scene.say(
            where,
            f"{told(named)} is not a duration's unit: {words}{did_you_mean(named, _TIME_UNITS)}",
        )
    return None


# --- both ---


def _limit(
    read: Callable[[object], Decimal], written: object, place: Place, scene: Scene
) -> Decimal | None:
    try:
        return read(written)
    except ValueError as error:
        scene.say(place, str(error))
        return None


def _alike(queries: tuple[Query, ...], scene: Scene) -> None:
    """Both parts of a measure cover the same requests and the same minutes."""
    place: Place = ("ratio", "total")
    if len({q.period_s for q in queries}) > 1:
        scene.say((*place, "period"), "both metrics of a ratio need the same period")
    if len({names_canary(q) for q in queries}) > 1:
        scene.say(
            place,
            "one metric counts the canary's events and the other everybody's: give both the"
            " dimension that names ${canary}",
        )


def _scope(model: CriterionModel, queries: tuple[Query, ...]) -> Scope:
    if model.scope is not None:
        return Scope(model.scope)
    return Scope.CANARY if any(names_canary(q) for q in queries) else Scope.SERVICE


def _compare(model: CompareModel | None, measure: Ratio | Latency, scene: Scene) -> Compare | None:
    if model is None:
        return None
    if isinstance(measure, Ratio):
        stable: Ratio | Latency = replace(
            measure, part=of_stable(measure.part), total=of_stable(measure.total)
        )
    else:
        stable = replace(measure, count=of_stable(measure.count), within=of_stable(measure.within))
    if stable == measure:
        scene.say(
            ("compare",),
            "canary and stable cannot be told apart here: a dimension must name ${canary}",
            key=True,
        )
    return Compare(max_ratio=model.max_ratio, min_increase=model.min_increase, stable=stable)
