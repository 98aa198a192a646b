"""`extends` and `include`: rule files that are made of others, one level deep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from guardian.files.findings import Document, Finding, Node, Place, combined
from guardian.files.rules.kinds import FORMS
from guardian.files.rules.resolve import Found, Lost, matched
from guardian.files.yaml import read

REPLACED: Final = frozenset({"fail_if", "warn_if", *FORMS})
"""A change of these replaces them whole: each holds exactly one of several things."""
_LINKS: Final = ("extends", "include")


def extended(document: Document, file: Found) -> Document:
    """The document with what it extends beneath it; what is wrong with that is a finding of it.

    Maps merge, lists and scalars replace, `null` removes; criteria merge by name, new ones come
    last.
    """
    reference = document.at(("extends",))
    if not document.whole or not isinstance(reference, str):
        return document
    (found,) = matched(reference, file)[:1]
    why = _refused(found, file, "extend")
    if why or isinstance(found, Lost):
        return _with(document, document.finding(("extends",), why))
    base = read(found.path, shown=found.shown)
    if not base.whole or not isinstance(base.data, dict):
        say = f"'{found.shown}' is no rule file: it must be a mapping (key: value)"
        return _with(document, *(base.findings or (document.finding(("extends",), say),)))
    link = _link(base)
    if link is not None:
        say = f"'{found.shown}' has an {link} of its own: one level is allowed; name that file here"
        document = _with(document, document.finding(("extends",), say))
    return _over(document, base)


def included(document: Document, file: Found) -> Iterator[tuple[Found, Document] | Finding]:
    """The files that a document includes, in order, read; and what is wrong with that."""
    references = document.at(("include",))
    seen = {file.path.resolve()}
    for index, reference in enumerate(references if isinstance(references, list) else ()):
        place: Place = ("include", index)
        for found in matched(reference, file) if isinstance(reference, str) else ():
            why = _refused(found, file, "include")
            if why or isinstance(found, Lost):
                yield document.finding(place, why)
                continue
            if found.path.resolve() in seen:
                yield document.finding(place, f"'{found.shown}' is included twice")
                continue
            seen.add(found.path.resolve())
            inner = read(found.path, shown=found.shown)
            link = _link(inner)
            if link is not None:
                say = f"'{found.shown}' has an {link} of its own: one level is allowed"
                yield document.finding(place, say)
                continue
            yield found, inner


def _refused(found: Found | Lost, file: Found, verb: str) -> str:
    """Why a reference cannot be followed; empty when it can."""
    if isinstance(found, Lost):
        return found.why
    if found.path.resolve() == file.path.resolve():
        return f"a file cannot {verb} itself"
    return ""


def _link(document: Document) -> str | None:
    data = document.data if isinstance(document.data, dict) else {}
    return next((key for key in _LINKS if key in data), None)


def _with(document: Document, *found: Finding) -> Document:
    return replace(document, findings=(*document.findings, *found))


def _over(document: Document, base: Document) -> Document:
    """The document laid over its base."""
    if not isinstance(document.data, dict):
        return document
    own = document.data.get("criteria")
    by_name = isinstance(own, list) and isinstance(base.data.get("criteria"), list)
    plain = {k: v for k, v in document.data.items() if not (by_name and k == "criteria")}
    changes: list[tuple[Place, Node]] = [((), Node(replace(document, data=plain)))]
    if by_name:
        changes += _by_name(document, base.data["criteria"])
    merged = combined(base, changes, whole=REPLACED)
    found = (*document.findings, *base.findings)
    return replace(merged, source=document.source, findings=found)


def _by_name(document: Document, theirs: list[Any]) -> Iterator[tuple[Place, Node]]:
    """Where each criterion of the document goes among its base's; a second of a name is added."""
    places = {c["name"]: n for n, c in enumerate(theirs) if isinstance(c, dict) and _named(c)}
    for index, criterion in enumerate(document.data["criteria"]):
        node = Node(document, ("criteria", index))
        name = criterion["name"] if isinstance(criterion, dict) and _named(criterion) else None
        at = places.pop(name, None) if name is not None else None
        yield ("criteria",) if at is None else ("criteria", at), node


def _named(criterion: dict[str, Any]) -> bool:
    return isinstance(criterion.get("name"), str)
