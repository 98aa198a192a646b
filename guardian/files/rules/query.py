"""What queries are built with: variables that have values, and the rollout's placeholders."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from guardian.core.model import Query, reworded
from guardian.files.findings import Finding, Node, Place, did_you_mean
from guardian.files.rules.model import Defaults
from guardian.files.units import told

_PLACEHOLDER: Final = re.compile(r"\$\{([^{}]*)\}")
_OF_THE_ROUTER: Final = re.compile(r"\$\{router\.([A-Za-z_]\w*)\}")
_OF_THE_ROLLOUT: Final = re.compile(r"canary|stable|router\.[A-Za-z_]\w*")


@dataclass(slots=True)
class BuildContext:
    """What a criterion is built with, and what was wrong with it."""

    node: Node
    defaults: Defaults
    declared: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    """The declared variables that have a value; the others stay as placeholders."""
    findings: list[Finding] = field(default_factory=list)

    def say(self, place: Place, message: str, *, key: bool = False) -> None:
        """Something is wrong at a place of the criterion."""
        self.findings.append(self.node.finding(place, message, key=key))


def filled(text: str, place: Place, context: BuildContext, *, bound: bool = True) -> str:
    """The text with the variables that have values; what is unknown is a finding.

    `bound` says whether the rollout fills in its own names later.
    """

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name not in context.declared and not (bound and _OF_THE_ROLLOUT.fullmatch(name)):
            of_rollout = ["canary", "stable", "router.<option>"] if bound else []
            known = [*of_rollout, *sorted(context.declared)]
            listed = ", ".join(f"${{{k}}}" for k in known)
            use = f", or use one of {listed}" if known else ""
            meant = did_you_mean(name, known)
            context.say(place, f"${{{name}}} is not known here{meant}: declare it under vars{use}")
        return context.values.get(name, match[0])

    if "${" in _PLACEHOLDER.sub("", text):
        context.say(place, f"{told(text)} holds a placeholder that is not closed: write ${{name}}")
        return text
    return _PLACEHOLDER.sub(fill, text)


def unrouted(node: Node, routed: Collection[str]) -> Iterator[Finding]:
    """Each `${router.NAME}` of a criterion that no router gives, so that no rollout can bind it."""
    for place, text in _texts(node.data):
        for name in _OF_THE_ROUTER.findall(text):
            if name not in routed:
                listed = ", ".join(f"${{router.{each}}}" for each in sorted(routed))
                meant = did_you_mean(name, routed)
                say = f"no router gives ${{router.{name}}}{meant}: there are {listed}"
                yield node.finding(place, say)


def _texts(value: object, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text below a value, with its place."""
    inner: Iterable[tuple[str | int, object]] = ()
    match value:
        case str():
            yield place, value
        case dict():
            inner = value.items()
        case list():
            inner = enumerate(value)
    for step, each in inner:
        yield from _texts(each, (*place, step))


def _names(query: Query) -> Iterator[str]:
    """The rollout's placeholders that a query holds."""
    for text in query.texts():
        yield from (m[1] for m in _PLACEHOLDER.finditer(text))


def names_canary(query: Query) -> bool:
    """Whether a query reads the canary alone."""
    return any(name.partition(".")[0] == "canary" for name in _names(query))


def of_stable(query: Query) -> Query:
    """The same query about stable."""
    return reworded(query, lambda _, text: re.sub(r"\$\{canary(?=[.}])", "${stable", text))
