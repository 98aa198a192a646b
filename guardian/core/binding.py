"""Binding: `${...}` in a rule file's queries becomes one rollout's names, once and for good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from guardian.core.measure import Measure
from guardian.core.model import Criterion, Query, reworded

_M = TypeVar("_M", bound=Measure)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VERSION = re.compile(r"\$\{(canary|stable)[.}]")


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


def _measure(name: str, measure: _M, variables: Mapping[str, str]) -> _M:
    found = swapped(measure, {q: _query(name, q, variables) for q in measure.queries})
    return found.filled(lambda text: _filled(name, text, variables))


def _filled(name: str, value: str, variables: Mapping[str, str]) -> str:
    """A text with its variables replaced."""

    def look_up(match: re.Match[str]) -> str:
        variable = match.group(1)
        if variable not in variables:
            raise UnboundVariable(name, variable, tuple(sorted(variables)))
        return variables[variable]

    return _VARIABLE.sub(look_up, value)


def _query(name: str, query: Query, variables: Mapping[str, str]) -> Query:
    versioned = tuple(each for each, value in query.pairs() if _VERSION.search(value))
    bound = reworded(query, lambda _, text: _filled(name, text, variables))
    return replace(bound, versioned=versioned)


def sibling(query: Query, version: str, other: str) -> Query:
    """The same series of the other version."""

    def turn(name: str | None, text: str) -> str:
        return text.replace(version, other) if name in query.versioned else text

    return reworded(query, turn)


def swapped(measure: _M, swaps: Mapping[Query, Query]) -> _M:
    """The measure with some of its queries replaced by others."""
    changed: dict[str, Any] = {
        field.name: swaps[value]
        for field in fields(measure)
        if isinstance(value := getattr(measure, field.name), Query) and value in swaps
    }
    return replace(measure, **changed) if changed else measure
