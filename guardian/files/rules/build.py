"""One criterion of a rule file, its shape already checked, becomes a criterion of the core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from guardian.core.binding import swapped
from guardian.core.measure import Measure
from guardian.core.model import (
    Compare,
    Criterion,
    Direction,
    Judge,
    Limit,
    Missing,
    OnFail,
    Query,
    Scope,
)
from guardian.files.findings import Place
from guardian.files.rules.criterion import CriterionBase
from guardian.files.rules.kinds import FORMS
from guardian.files.rules.measure_form import MeasureSpec, listed
from guardian.files.rules.model import CompareModel, LimitModel
from guardian.files.rules.query import BuildContext, names_canary, of_stable
from guardian.files.rules.sources import form_of_query
from guardian.files.units import MAX_DATAPOINTS

DATAPOINTS: Final = (3, 5)
"""M of N where neither the criterion nor its file says otherwise."""
_ANY: Final = Limit(direction=Direction.ABOVE, value=0.0, text="0")
_OF_TESTS: Final = ("sustain", "cluster_size", "compare")
_OF_THRESHOLDS: Final = ("datapoints", "evaluation_periods", "datapoints_to_alarm")
_OF_DATAPOINTS: Final = (
    *_OF_TESTS,
    *_OF_THRESHOLDS,
    *("treat_missing_data", "warn_if", "min_samples", "warm_up", "settle", "no_data_after"),
)
_NO_GAUGE: Final = (
    "treat_missing_data is for a gauge judged by threshold: among counts, what is missing is no"
    " traffic, and never health or harm"
)


def build(model: CriterionBase, context: BuildContext) -> Criterion | None:
    """The criterion with every default filled in; None when the scene has findings."""
    which = measured(model)
    if len(which) != 1:
        _one_measure(model, which, context)
        return None
    key = which[0]
    judge = _judge(model, key, context)
    _unfit(model, key, judge, context)
    if judge is Judge.PRESENCE:
        return _present(model, key, context)
    kind = FORMS[key].spec(getattr(model, key), judge, context)
    limit = _limit(model.fail_if, "fail_if", kind, context)
    if kind is None or limit is None or context.findings:
        return None
    value = Decimal(str(limit.value))
    measure = kind.measure(value)
    queries = measure.queries
    criterion = _with_defaults(
        Criterion(
            name=model.name,
            measure=measure,
            fail_if=limit,
            warn_if=_warning(model, limit, kind, context),
            judge=judge,
            datapoints=_datapoints(model, context),
            treat_missing=_missing(model, key, context),
            min_samples=model.min_samples or kind.floor(value),
            scope=_scope(model, queries),
            compare=_compare(model.compare, measure, context),
        ),
        model,
        context,
    )
    return None if context.findings else criterion


def measured(model: CriterionBase) -> list[str]:
    """What a criterion measures: one thing, when it is right."""
    return [name for name in FORMS if getattr(model, name) is not None]


def _one_measure(model: CriterionBase, which: list[str], context: BuildContext) -> None:
    kinds = listed(list(FORMS))
    if which:
        second = [key for key in context.node.data if key in which][1]
        context.say((second,), f"a criterion measures one thing: {kinds}", key=True)
        return
    context.say((), f"the criterion '{model.name}' measures nothing: give it one of {kinds}")


def _with_defaults(criterion: Criterion, model: CriterionBase, context: BuildContext) -> Criterion:
    """What a criterion of any kind has."""
    defaults = context.defaults
    settle = model.settle if model.settle is not None else defaults.settle
    of_sources = max(form_of_query(q).settle_s(q) for q in criterion.queries())
    return replace(
        criterion,
        description=model.description,
        on_fail=OnFail(model.on_fail or defaults.on_fail or "rollback"),
        sustain=model.sustain or defaults.sustain or 2,
        cluster_size=model.cluster_size or defaults.cluster_size or 1.0,
        warm_up_s=_first(model.warm_up, defaults.warm_up, 0.0),
        settle_s=_first(settle, None, of_sources),
        no_data_after_s=_first(model.no_data_after, defaults.no_data_after, 300.0),
    )


def _first(own: float | None, default: float | None, otherwise: float) -> float:
    return own if own is not None else default if default is not None else otherwise


def _present(model: CriterionBase, key: str, context: BuildContext) -> Criterion | None:
    """One that is open is enough; a step waits for there being none."""
    measure = FORMS[key].present(getattr(model, key), context)
    given = model.fail_if.model_fields_set
    if given != {"any"} or not model.fail_if.any:
        context.say(("fail_if",), f"{key} are counted from the first on: write {{any: true}}")
    if context.findings:
        return None
    return Criterion(
        name=model.name,
        description=model.description,
        measure=measure,
        fail_if=_ANY,
        judge=Judge.PRESENCE,
        scope=Scope(model.scope or "canary"),
        on_fail=OnFail(model.on_fail or context.defaults.on_fail or "rollback"),
        min_samples=0,
        settle_s=0.0,
    )


# --- limits ------------------------------------------------------------------------------------


def _limit(
    written: LimitModel, key: str, kind: MeasureSpec | None, context: BuildContext
) -> Limit | None:
    """The one limit under `fail_if` or `warn_if`."""
    if getattr(written, "any", False) or "any" in written.model_fields_set:
        of_any = listed([each for each, form in FORMS.items() if form.makes[0].any_of])
        context.say(
            (key, "any"), f"any is for {of_any}: give a limit, like {{above: 5%}}", key=True
        )
        return None
    given = [d for d in Direction if d.value in written.model_fields_set]
    if len(given) != 1:
        words = ", ".join(d.value for d in Direction)
        context.say((key,), f"{key} takes exactly one limit: {words}")
        return None
    if kind is None:
        return None
    direction, place = given[0], (key, given[0].value)
    refused = kind.refused(direction)
    if refused is not None:
        context.say(place, refused, key=True)
    value = _read(kind, getattr(written, direction.value), place, context)
    if value is None or refused is not None:
        return None
    text = getattr(written, direction.value)
    return Limit(direction=direction, value=float(value), text=kind.text(text))


def _read(
    kind: MeasureSpec, written: object, place: Place, context: BuildContext
) -> Decimal | None:
    try:
        value = kind.read(written)
    except ValueError as error:
        context.say(place, str(error))
        return None
    why = kind.impossible(value) if place[0] == "fail_if" else None
    if why is not None:
        context.say(place, f"a limit of {written} can never be judged: {why}")
        return None
    return value


def _warning(
    model: CriterionBase, limit: Limit, kind: MeasureSpec, context: BuildContext
) -> Limit | None:
    """The nearer limit, which only tells."""
    if model.warn_if is None:
        return None
    warning = _limit(model.warn_if, "warn_if", kind, context)
    if warning is None:
        return None
    place = ("warn_if", warning.direction.value)
    if warning.direction.rising is not limit.direction.rising:
        say = f"warn_if looks the other way than fail_if ({limit}): a warning comes before a breach"
        context.say(place, say, key=True)
    elif not limit.direction.breached(limit.value, warning.value) or warning.value == limit.value:
        side = "lower" if limit.direction.rising else "higher"
        say = f"{warning.text} warns no earlier than fail_if ({limit}): give a {side} limit"
        context.say(place, say)
    return warning


# --- how it is judged --------------------------------------------------------------------------


def _judge(model: CriterionBase, which: str, context: BuildContext) -> Judge:
    """How a criterion is judged, whatever is wrong with it."""
    measure = FORMS[which].makes[0]
    if measure.any_of:
        if model.judge is not None:
            context.say(("judge",), f"one {measure.any_of} is a breach: leave judge out", key=True)
        return Judge.PRESENCE
    if not measure.shares:
        if model.judge == "sequential":
            why = "there is no count of all events to weigh it by"
            context.say(("judge",), f"a {which} is judged by threshold: {why}")
        return Judge.THRESHOLD
    return Judge(model.judge or context.defaults.judge or "sequential")


def _unfit(model: CriterionBase, which: str, judge: Judge, context: BuildContext) -> None:
    """Keys that mean nothing for this kind of criterion, and would be passed over in silence."""
    for key, why in _unfitting(which, judge):
        if getattr(model, key) is not None:
            context.say((key,), why, key=True)


def _unfitting(which: str, judge: Judge) -> Iterator[tuple[str, str]]:
    if judge is Judge.PRESENCE:
        for key in _OF_DATAPOINTS:
            yield key, f"{which} have no datapoints: leave {key} out"
        return
    if not FORMS[which].fills:
        yield "treat_missing_data", _NO_GAUGE
    yield from FORMS[which].unfit(judge)
    if judge is Judge.THRESHOLD:
        for key in _OF_TESTS:
            yield key, f"{key} is for judge: sequential, and this is judged by threshold"
        return
    for key in _OF_THRESHOLDS:
        yield key, f"{key} is for judge: threshold; the sequential test weighs all minutes together"


def _datapoints(model: CriterionBase, context: BuildContext) -> tuple[int, int]:
    """(M, N), in our word or in CloudWatch's two."""
    n, m = model.evaluation_periods, model.datapoints_to_alarm
    if model.datapoints is not None:
        for key in ("evaluation_periods", "datapoints_to_alarm"):
            if getattr(model, key) is not None:
                context.say((key,), f"datapoints says this already: leave {key} out", key=True)
        return model.datapoints
    if n is None:
        if m is not None:
            say = f"datapoints_to_alarm is M of evaluation_periods: add it (up to {MAX_DATAPOINTS})"
            context.say(("datapoints_to_alarm",), say, key=True)
        return context.defaults.datapoints or DATAPOINTS
    if m is not None and m > n:
        say = f"{m} of {n} can never be reached: datapoints_to_alarm is at most evaluation_periods"
        context.say(("datapoints_to_alarm",), say)
    return (n if m is None else m, n)


def _missing(model: CriterionBase, which: str, context: BuildContext) -> Missing:
    default = context.defaults.treat_missing_data if FORMS[which].fills else None
    return Missing(model.treat_missing_data or default or "missing")


def _scope(model: CriterionBase, queries: tuple[Query, ...]) -> Scope:
    if model.scope is not None:
        return Scope(model.scope)
    return Scope.CANARY if any(names_canary(q) for q in queries) else Scope.SERVICE


def _compare(model: CompareModel | None, measure: Measure, context: BuildContext) -> Compare | None:
    if model is None or not measure.shares:
        return None
    stable = swapped(measure, {query: of_stable(query) for query in measure.queries})
    if stable == measure:
        context.say(
            ("compare",),
            "canary and stable cannot be told apart here: a dimension must name ${canary}",
            key=True,
        )
    return Compare(max_ratio=model.max_ratio, min_increase=model.min_increase, stable=stable)
