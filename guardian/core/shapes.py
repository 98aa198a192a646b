"""Where JSON is not simply a value's fields: a query's own words, and what was written before."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from guardian.core.model import Query
from guardian.core.notices import Notice
from guardian.core.rollout.entries import Order

_OF_QUERIES: Final = frozenset(f.name for f in fields(Query)) - {"words"}


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


def _without_texts(notice: Mapping[str, Any]) -> dict[str, Any]:
    """The first notices had their weight and step as texts, "10%" and "2 of 3"."""
    found = dict(notice)
    if isinstance(weight := notice.get("weight"), str):
        share = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", weight)
        found["weight"] = round(float(share[1]) * 10_000) if share is not None else None
    if isinstance(step := notice.get("step"), str):
        counted = re.fullmatch(r"([0-9]+) of ([0-9]+)", step)
        first, last = (int(counted[1]), int(counted[2])) if counted is not None else (0, 0)
        found |= {"step": first, "steps": last}
    return found


WRITTEN: Final[Mapping[Any, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    Query: lambda query: dict(query.pop("words")) | query
}
"""By class, what the object of its fields becomes: a query's words stand among its fields."""
READ: Final[Mapping[Any, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    Query: _worded,
    Order: _without_options,
    Notice: _without_texts,
}
"""By class, the object of its fields that was meant."""
