"""Expressions of PromQL: a query's values in them, and what they name that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

from guardian.core.model import Query
from guardian.core.scrub import scrub

TOLD: Final = 300
"""Characters of other people's text in one sentence."""
NAMED: Final = 3
"""So many things that resemble one are told."""
_MATCHER: Final = re.compile(r'(?<!!)(=~|=)\s*"((?:[^"\\]|\\.)*)"')
_METRIC: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*[{\[]")


def filled(query: Query, *, any_version: bool = False) -> str:
    """The expression with its values; with any version's where that is wanted."""
    text, values = str(query.word("query")), dict(query.pairs())
    free = frozenset(query.versioned) if any_version else frozenset()
    if free:
        text = _MATCHER.sub(lambda match: _freed(match, free), text)
    if not values:
        return text
    return re.sub(_marks(values), lambda mark: _quoted(values[mark[0][2:-1]]), text)


def _marks(names: Iterable[str]) -> str:
    """What stands in an expression for values of these names: `$(NAME)`, whatever is around it."""
    return "|".join(re.escape(f"$({name})") for name in names)


def _freed(match: re.Match[str], free: frozenset[str]) -> str:
    """A matcher of a label that names a version: any value there."""
    operator, text = match[1], match[2]
    parts = re.split(_marks(sorted(free)), text)
    if len(parts) == 1:
        return match[0]
    if operator == "=":
        parts = [re.escape(part).replace("\\", "\\\\") for part in parts]
    return f'=~"{".+".join(parts)}"'


def _quoted(value: str) -> str:
    """A value as it stands in a string of PromQL."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def strange(query: Query, names: Sequence[str]) -> str:
    """What there is instead of a series that was never seen."""
    said = f"Prometheus had nothing for {query.name} in two weeks: is the expression right?"
    asked = dict.fromkeys(_METRIC.findall(str(query.word("query"))))
    missing = [name for name in asked if name not in names]
    if not missing:
        return said
    near = get_close_matches(missing[0], names, n=NAMED)
    lists = f"; it lists {scrub(', '.join(near), TOLD)}" if near else ""
    return f"{said} It has no metric {scrub(missing[0], TOLD)}{lists}"
