"""Where JSON is not simply a value's fields: a query's own words, and what was written before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from guardian.core.model import Query
from guardian.core.rollout.entries import Order

_OF_QUERIES: Final = frozenset(f.name for f in fields(Query)) - {"words"}


def _flat(query: dict[str, Any]) -> dict[str, Any]:
    """A query's words among its fields."""
    return dict(query.pop("words")) | query


def _worded(query: Mapping[str, Any]) -> dict[str, Any]:
    """What is none of a query's fields is one of its words; once it had no name, it had these."""
    own = {name: query[name] for name in _OF_QUERIES if name in query}
    name = f"{query.get('namespace')} {query.get('metric')}"
    return {"name": name, "words": [[w, query[w]] for w in sorted(query) if w not in own], **own}


def _without_options(order: Mapping[str, Any]) -> dict[str, Any]:
    """What the first orders to start said in texts, as they are written now."""
    match order.get("options"):
        case {**said} if said:
            fixes = [word for word in str(said.get("fixes", "")).split(",") if word]
            return {"again": said.get("again") == "yes", "fixes": fixes, **order}
        case _:
            return dict(order)


WRITTEN: Final[Mapping[Any, Callable[[dict[str, Any]], dict[str, Any]]]] = {Query: _flat}
"""By class, what the object of its fields becomes."""
READ: Final[Mapping[Any, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    Query: _worded,
    Order: _without_options,
}
"""By class, the object of its fields that was meant."""
