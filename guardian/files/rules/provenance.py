"""Where each value of a criterion comes from: written in a file, or a default, and which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from guardian.cloudwatch import MetricStat
from guardian.core.model import Compare, Criterion, Judge, Query
from guardian.core.wording import span
from guardian.files.findings import Node, Place
from guardian.files.rules.kinds import FORMS, form_of, key_of
from guardian.files.rules.measure_form import Placed
from guardian.files.rules.query import names_canary
from guardian.files.units import plain
from guardian.namespaces import settle_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A key's value in force, and where it comes from."""

    key: str
    value: str
    where: str
    """`rules/production.yaml:12` where it is written; empty for a default."""
    why: str = ""
    """What makes the default, where it depends on something."""

    def record(self) -> dict[str, str]:
        """For JSON."""
        origin = {"origin": "written", "where": self.where} if self.where else {"origin": "default"}
        return {"key": self.key, "value": self.value, **origin, **_said("why", self.why)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One query of a criterion: what it is for, and its keys."""

    role: str
    """`bad`, `total`, `stable total` ..."""
    query: Query
    values: tuple[Value, ...]


def _said(key: str, text: str) -> dict[str, str]:
    return {key: text} if text else {}


def at_line(node: Node, place: Place, *, key: bool = True) -> str:
    """Where a place below a node stands: `rules/production.yaml:12`."""
    mark = node.document.mark(node.place + place, key=key)
    return f"{mark.source.path}:{mark.line}"


def written(node: Node, *places: Place) -> str:
    """Where the first of these places that is written stands; empty when none is."""
    for place in places:
        if node.document.at(node.place + place) is not None:
            return at_line(node, place)
    default = places[-1][-1]
    if node.document.at(("defaults", default)) is not None:
        return at_line(Node(node.document), ("defaults", default))
    return ""


def values(placed: Placed) -> Iterator[Value]:
    """Every key of a criterion that has a default, with the value in force."""
    criterion, node = placed.criterion, placed.node

    def value(key: str, text: str, why: str = "") -> Value:
        where = written(node, (key,))
        return Value(key=key, value=text, where=where, why="" if where else why)

    yield value("judge", criterion.judge.value, _why_judge(criterion))
    yield value("on_fail", criterion.on_fail.value)
    yield value("scope", criterion.scope.value, _why_scope(criterion))
    yield value("enabled", "true")
    if criterion.judge is Judge.PRESENCE:
        key = key_of(criterion.measure)
        for name, text in FORMS[key].own_keys(criterion.measure):
            yield Value(key=f"{key}.{name}", value=text, where=_at(node, (key, name)))
        return
    yield value(
        "min_samples", str(criterion.min_samples), form_of(criterion.measure).why_floor(criterion)
    )
    yield from _of_the_judge(placed)
    namespaces = sorted({MetricStat.of(q).namespace for q in criterion.queries()}, key=settle_s)
    yield value("settle", span(criterion.settle_s), f"for {namespaces[-1]}")
    yield value("warm_up", span(criterion.warm_up_s))
    yield value("no_data_after", span(criterion.no_data_after_s))
    if criterion.warn_if is not None:
        place = ("warn_if", criterion.warn_if.direction.value)
        yield Value(key="warn_if", value=str(criterion.warn_if), where=at_line(node, place))
    else:
        yield Value(key="warn_if", value="none", where="")
    if criterion.judge is Judge.SEQUENTIAL:
        yield from _of_compare(criterion.compare, node)


def _of_the_judge(placed: Placed) -> Iterator[Value]:
    criterion, node = placed.criterion, placed.node
    if criterion.judge is Judge.SEQUENTIAL:
        for key, number in (
            ("sustain", criterion.sustain),
            ("cluster_size", criterion.cluster_size),
        ):
            yield Value(key=key, value=f"{number:g}", where=written(node, (key,)))
        return
    m, n = criterion.datapoints
    clouds = ("evaluation_periods",)
    where = written(node, clouds, ("datapoints",))
    yield Value(key="datapoints", value=f"{m} of {n}", where=where)
    if form_of(criterion.measure).fills:
        word, key = criterion.treat_missing.value, "treat_missing_data"
        yield Value(key=key, value=word, where=written(node, (key,)))


def _of_compare(compare: Compare | None, node: Node) -> Iterator[Value]:
    if compare is None:
        yield Value(key="compare", value="none", where="")
        return
    yield Value(key="compare.to", value="stable", where=_at(node, ("compare", "to")))
    points = f"{plain(Decimal(str(compare.min_increase)) * 100)}pp"
    for key, text in (("max_ratio", f"{compare.max_ratio:g}"), ("min_increase", points)):
        yield Value(key=f"compare.{key}", value=text, where=_at(node, ("compare", key)))


def _at(node: Node, place: Place) -> str:
    there = node.document.at(node.place + place) is not None
    return at_line(node, place) if there else ""


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


def asked(placed: Placed) -> Iterator[Asked]:
    """Every query with its keys, in the order in which people think of them."""
    node, measure = placed.node, placed.criterion.measure
    for part in form_of(measure).parts(measure):
        keys = list(_keys(node, part.query, part.place, part.beside))
        if part.absent:
            where = written(node, (*part.place, "absent"))
            keys.append(Value(key="absent", value=part.absent, where=where))
        yield Asked(role=part.role, query=part.query, values=tuple(keys))


def _keys(node: Node, query: Query, place: Place, beside: Place) -> Iterator[Value]:
    def value(key: str, text: str, why: str = "") -> Value:
        where = written(node, (*place, key))
        return Value(key=key, value=text, where=where, why="" if where else why)

    asked = MetricStat.of(query)
    yield value("namespace", asked.namespace)
    yield value("metric", asked.metric)
    stat = value("stat", asked.stat)
    # A percentile that is said twice asks for more than it says.
    yield (
        stat
        if stat.value == node.document.at((*node.place, *place, "stat"))
        else Value(key="stat", value=asked.stat, where="")
    )
    where = written(node, (*place, "dimensions"), beside)
    yield Value(key="dimensions", value=query.labels, where=where)
    yield value("period", span(query.period_s))
    yield value("unit", query.unit or "none", "built in" if query.unit else "")
    yield value("region", asked.region or "the service's")
    yield value("account_id", asked.account_id or "the service's")
