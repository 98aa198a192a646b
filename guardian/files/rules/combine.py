"""Rule files that are made of others: criteria merge by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from guardian.files.compose import Linker, over, with_findings
from guardian.files.findings import Document, Node, Place, combined
from guardian.files.references import MOST_ENTRIES, TESTS, Found, Links
from guardian.files.rules.kinds import FORMS
from guardian.files.yaml import read

REPLACED: Final = frozenset({"fail_if", "warn_if", *FORMS})
"""A change of these replaces them whole: each holds exactly one of several things."""
_LINKS: Final = Links(
    noun="rule file",
    most=MOST_ENTRIES,
    wildcard="in one folder, from this file's: more/*.yaml",
    none="no rule file is called like '{}'",
    left_out=(TESTS,),
)


def composed(file: Found) -> Iterator[Document]:
    """A file over what it extends, then each that it includes; findings are the documents'."""
    linker, document = Linker(file, _LINKS), read(file.path, shown=file.shown)
    for base in islice(linker.linked(document, "extends"), 1):
        if base.link is not None:
            say = (
                f"'{base.document.path}' has an {base.link} of its own: one level is allowed; name"
                " that file here"
            )
            linker.findings.append(document.finding(base.place, say))
        document = _over(document, base.document)
    included = []
    for inner in linker.linked(document, "include"):
        if inner.link is None:
            included.append(inner.document)
        else:
            say = f"'{inner.document.path}' has an {inner.link} of its own: one level is allowed"
            linker.findings.append(document.finding(inner.place, say))
    yield with_findings(document, *linker.findings)
    yield from included


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
    return over(base, document, combined(base, changes, whole=REPLACED))


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
