"""Binding: `${...}` in a rule file's queries becomes one rollout's names, once and for good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from guardian.core.model import Criterion, Latency, Query, Ratio, queries_of

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class UnboundVariable(Exception):
    """A rule names something that this rollout does not have."""

    def __init__(self, criterion: str, variable: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"criterion '{criterion}' uses ${{{variable}}}, which is not known here;"
            f" known are {', '.join('${' + name + '}' for name in known)}"
        )


def bind(criterion: Criterion, variables: Mapping[str, str]) -> Criterion:
    """The criterion with every `${name}` in its queries replaced; raises UnboundVariable."""
    compare = criterion.compare
    if compare is not None and compare.stable is not None:
        compare = replace(compare, stable=_measure(criterion.name, compare.stable, variables))
    measure = _measure(criterion.name, criterion.measure, variables)
    return replace(criterion, measure=measure, compare=compare)


def _measure(name: str, measure: Ratio | Latency, variables: Mapping[str, str]) -> Ratio | Latency:
    return swapped(measure, {q: _query(name, q, variables) for q in queries_of(measure)})


def _query(name: str, query: Query, variables: Mapping[str, str]) -> Query:
    def text(value: str) -> str:
        def look_up(match: re.Match[str]) -> str:
            variable = match.group(1)
            if variable not in variables:
                raise UnboundVariable(name, variable, tuple(sorted(variables)))
            return variables[variable]

        return _VARIABLE.sub(look_up, value)

    return replace(
        query,
        namespace=text(query.namespace),
        metric=text(query.metric),
        dimensions=tuple((key, text(value)) for key, value in query.dimensions),
    )


def swapped(measure: Ratio | Latency, swaps: Mapping[Query, Query]) -> Ratio | Latency:
    """The measure with some of its queries replaced by others."""
    if isinstance(measure, Ratio):
        return replace(
            measure,
            part=swaps.get(measure.part, measure.part),
            total=swaps.get(measure.total, measure.total),
        )
    return replace(
        measure,
        count=swaps.get(measure.count, measure.count),
        within=swaps.get(measure.within, measure.within),
    )
