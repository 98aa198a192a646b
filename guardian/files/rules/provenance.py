"""Where each value of a criterion comes from: written in a file, or a default, and which."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from guardian.core.model import Criterion, Judge, Query
from guardian.core.wording import span
from guardian.files.findings import Node, Place
from guardian.files.rules.kinds import FORMS, form_of, key_of
from guardian.files.rules.measure_form import Placed
from guardian.files.rules.query import names_canary
from guardian.files.rules.sources import form_of_query
from guardian.files.units import plain
from guardian.messages.v1_files import AskedRecord, ValueRecord


def at_line(node: Node, place: Place) -> str:
    """Where a place below a node stands: `rules/production.yaml:12`."""
    return str(node.document.mark(node.place + place, key=True))


def written(node: Node, *places: Place) -> str:
    """Where the first of these places that is written stands, else its default in the file.

    Empty where it is neither.
    """
    default = Node(node.document, ("defaults", places[-1][-1]))
    for at in (*(Node(node.document, node.place + place) for place in places), default):
        if at.data is not None:
            return at_line(at, ())
    return ""


def _value(key: str, value: str, where: str, why: str = "") -> ValueRecord:
    """A key's value in force; `why` is what makes its default, where that depends on something."""
    if where:
        return {"key": key, "value": value, "origin": "written", "where": where}
    found: ValueRecord = {"key": key, "value": value, "origin": "default"}
    return {**found, "why": why} if why else found


def values(placed: Placed) -> Iterator[ValueRecord]:
    """Every key of a criterion that has a default, with the value in force."""
    criterion, node, measure = placed.criterion, placed.node, placed.criterion.measure

    def value(key: str, text: str, why: str = "", *first: Place) -> ValueRecord:
        return _value(key, text, written(node, *first, tuple(key.split("."))), why)

    yield value("judge", criterion.judge.value, _why_judge(criterion))
    yield value("on_fail", criterion.on_fail.value)
    yield value("scope", criterion.scope.value, _why_scope(criterion))
    yield value("enabled", "true")
    if criterion.judge is Judge.PRESENCE:
        key = key_of(measure)
        yield from (value(f"{key}.{name}", text) for name, text in FORMS[key].own_keys(measure))
        return
    yield value("min_samples", str(criterion.min_samples), form_of(measure).why_floor(criterion))
    if criterion.judge is Judge.SEQUENTIAL:
        yield value("sustain", f"{criterion.sustain:g}")
        yield value("cluster_size", f"{criterion.cluster_size:g}")
    else:
        m, n = criterion.datapoints
        yield value("datapoints", f"{m} of {n}", "", ("evaluation_periods",))
        if form_of(measure).fills:
            yield value("treat_missing_data", criterion.treat_missing.value)
    slowest = max(criterion.queries(), key=lambda q: form_of_query(q).settle_s(q))
    why = f"for {form_of_query(slowest).settles(slowest)}"
    yield value("settle", span(criterion.settle_s), why)
    yield value("warm_up", span(criterion.warm_up_s))
    yield value("no_data_after", span(criterion.no_data_after_s))
    if criterion.warn_if is None:
        yield value("warn_if", "none")
    else:
        place = ("warn_if", criterion.warn_if.direction.value)
        yield value("warn_if", str(criterion.warn_if), "", place)
    if criterion.judge is Judge.SEQUENTIAL and criterion.compare is None:
        yield value("compare", "none")
    elif criterion.compare is not None:
        points = f"{plain(Decimal(str(criterion.compare.min_increase)) * 100)}pp"
        yield value("compare.to", "stable")
        yield value("compare.max_ratio", f"{criterion.compare.max_ratio:g}")
        yield value("compare.min_increase", points)


def _why_judge(criterion: Criterion) -> str:
    key = key_of(criterion.measure)
    usual = FORMS[key].makes[0]
    if usual.any_of:
        return f"one {usual.any_of} is enough"
    return "" if usual.shares else f"as for every {key}"


def _why_scope(criterion: Criterion) -> str:
    if criterion.measure.any_of:
        return "a step waits until there is none"
    named = any(map(names_canary, criterion.queries()))
    return f"{'its' if named else 'no'} query names ${{canary}}"


# --- queries -----------------------------------------------------------------------------------


def asked(placed: Placed) -> Iterator[AskedRecord]:
    """Every query with its keys, in the order in which people think of them."""
    node, measure = placed.node, placed.criterion.measure
    for part in form_of(measure).parts(measure):
        keys = list(_keys(node, part.query, part.place, part.beside))
        if part.absent:
            keys.append(_value("absent", part.absent, written(node, (*part.place, "absent"))))
        yield {"for": part.role, "source": part.query.source, "keys": keys}


def _keys(node: Node, query: Query, place: Place, beside: Place) -> Iterator[ValueRecord]:
    for key, text, why, shared in form_of_query(query).keys(query):
        where = written(node, (*place, key), *([beside] if shared else []))
        # A percentile that is said twice asks for more than it says.
        if key == "stat" and text != node.document.at((*node.place, *place, key)):
            where = ""
        yield _value(key, text, where, why)
