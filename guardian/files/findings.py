"""What is wrong in a file, where it stands, and the documents that such places belong to.

A finding is shown as compilers show theirs: path, line and column, a sentence, the line and a
caret. Every error of a file is collected, so that one run tells all. Lines are shown with secrets
blanked.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from guardian import __version__
from guardian.ports import ConfigError

SERIES: Final = ".".join(__version__.split(".")[:2])
"""The version as people say it: `0.1`."""
_SHOWN_COLUMNS: Final = 120
"""A longer line is shown in part."""
_MESSAGE: Final = 600
_SHOWN_FINDINGS: Final = 50
"""Nobody reads more at once."""
_SECRET_WORD: Final = r"(?:key|token|secret|password|passwd|credential|webhook)s?"
_SECRET_KEY: Final = re.compile(rf"{_SECRET_WORD}$", re.IGNORECASE)
_SECRET_IN_LINE: Final = re.compile(
    rf"""(?P<before>{_SECRET_WORD}["']?\s*:\s+)"""
    r"""(?P<value>"[^"]*"?|'[^']*'?|[^\s"'{\[,}#|>][^,}\n]*)""",
    re.IGNORECASE,
)
_UNQUOTED: Final = re.compile(r":\s+(#[^\s,}\]]+)")
_ADDRESS: Final = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)(?P<user>[^\s"'/?#]*@)?(?P<host>[^\s"'/?#@]*)"""
    r"""(?P<rest>[/?#][^\s"']+)?"""
)
"""Whose user, path and query may hold a token: a webhook's often do."""
_REFERENCES: Final = frozenset({"env", "file", "secretsmanager", "ssm"})
"""What stands under these says where a secret is, and is none itself."""

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the document's root to a value."""
Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class SourceText:
    """One file as the user named it, and its lines as they may be shown (secrets blanked)."""

    path: str
    lines: tuple[str, ...] = ()

    def line(self, number: int) -> str:
        """A line by its 1-based number; empty when there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1."""

    source: SourceText
    line: int
    column: int

    def __str__(self) -> str:
        """Where something comes from: `rules/production.yaml:12`."""
        return f"{self.source.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Marks:
    """Where an entry's key (for a list item: its value) and its value begin."""

    key: Mark
    value: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong in a file, where, and in words for people."""

    path: str
    line: int
    column: int
    severity: Severity
    message: str
    source: str = ""
    """The line it is in, as it may be shown."""

    def __str__(self) -> str:
        """Position and message, then the line with a caret."""
        head = f"{self.path}:{self.line}:{self.column}: "
        if self.severity == "warning":
            head += "warning: "
        head += self.message
        if not self.source:
            return head
        begin = max(0, self.column - _SHOWN_COLUMNS // 2)
        if len(self.source) <= _SHOWN_COLUMNS:
            begin = 0
        shown = self.source[begin : begin + _SHOWN_COLUMNS].replace("\t", " ").rstrip()
        gutter = " " * len(str(self.line))
        caret = " " * (self.column - 1 - begin) + "^"
        return f"{head}\n    {self.line} | {shown}\n    {gutter} | {caret}"


def counted(number: int, noun: str, one: str = "", more: str = "s") -> str:
    """A number and its noun: "1 warning", "2 warnings"."""
    return f"{number} {noun}{one if number == 1 else more}"


def comment_for_value(line: str) -> tuple[str, int]:
    """A hint where a value that begins with # was read as a comment, and its column; else empty."""
    found = _UNQUOTED.search(line)
    if found is None:
        return "", 0
    return f" (# begins a comment here: write '{found[1]}' in quotes)", found.start(1) + 1


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By file in the order of first mention, then by position; each once."""
    unique = list(dict.fromkeys(findings))
    order = {path: n for n, path in enumerate(dict.fromkeys(f.path for f in unique))}
    return sorted(unique, key=lambda f: (order[f.path], f.line, f.column))


def refuse(findings: Iterable[Finding]) -> None:
    """Raise ConfigError with every error rendered, if there is one; warnings do not count."""
    errors = _errors(findings)
    if errors:
        raise ConfigError(_together(errors), each=errors)


def errors_of(findings: Iterable[Finding]) -> str:
    """Every error rendered, without the warnings; empty when there is none."""
    return _together(_errors(findings))


def _errors(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(str(found) for found in in_order(findings) if found.severity == "error")


def _together(errors: Sequence[str]) -> str:
    shown = errors[:_SHOWN_FINDINGS]
    more = len(errors) - len(shown)
    return "\n".join([*shown, *([f"and {more} more errors"] if more else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's values (dicts, lists, str, int, float, bool, None) and where each one stands."""

    source: SourceText
    data: Any = None
    marks: Mapping[Place, Marks] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    """What was wrong with the text itself. With `whole` False there are no values at all."""
    whole: bool = True

    @property
    def path(self) -> str:
        """The file as the user named it."""
        return self.source.path

    def mark(self, place: Place, *, key: bool = False) -> Mark:
        """Where a value (or its key) stands; of what is missing, the nearest that contains it."""
        for length in range(len(place), -1, -1):
            marks = self.marks.get(place[:length])
            if marks is not None:
                return marks.key if key or length < len(place) else marks.value
        return Mark(self.source, 1, 1)

    def finding(
        self, place: Place, message: str, *, key: bool = False, severity: Severity = "error"
    ) -> Finding:
        """A finding at a value, or at its key."""
        return finding(self.mark(place, key=key), message, severity=severity)

    def at(self, place: Place) -> Any:
        """The value at a place, None when there is none."""
        value = self.data
        for step in place:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document, with its place."""

    document: Document
    place: Place = ()

    @property
    def data(self) -> Any:
        """The value."""
        return self.document.at(self.place)

    def finding(
        self, place: Place, message: str, *, key: bool = False, severity: Severity = "error"
    ) -> Finding:
        """A finding at a place below this one."""
        return self.document.finding(self.place + place, message, key=key, severity=severity)


def finding(mark: Mark, message: str, *, severity: Severity = "error") -> Finding:
    """A finding at a mark; the message becomes one line of bounded length."""
    line = " ".join(message.split())
    return Finding(
        path=mark.source.path,
        line=mark.line,
        column=mark.column,
        severity=severity,
        message=line if len(line) <= _MESSAGE else line[: _MESSAGE - 3] + "...",
        source=mark.source.line(mark.line),
    )


def is_secret(place: Place) -> bool:
    """Whether the value at a place is likely a secret, by the names of the keys it stands under."""
    words = [step.partition("\0")[0] for step in place if isinstance(step, str)]
    if words[:1] == ["services"]:
        words = words[2:]  # a service may be called api-token
    last, above = words[-1:], words[-2:-1]
    if last and last[0] in _REFERENCES:
        return False
    return any(_SECRET_KEY.search(word) for word in (*last, *above))


def blanked(line: str) -> str:
    """A line without what stands after `token:` and its like, or in an address beside its host."""
    safe = _SECRET_IN_LINE.sub(lambda m: m["before"] + "*" * len(m["value"]), line)
    return _ADDRESS.sub(
        lambda m: f"{m['scheme']}{_stars(m['user'])}{m['host']}{_stars(m['rest'])}", safe
    )


def _stars(text: str | None) -> str:
    return "*" * len(text or "")


def masked(text: str) -> str:
    """A value of a file as it may be shown: an address keeps no more than its host."""
    return _ADDRESS.sub(lambda m: f"{m['scheme']}{m['host']}{'/***' if m['rest'] else ''}", text)


def near(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)
    return close[0] if close else None


def not_yet(what: str) -> str:
    """The sentence for something that a later version will do."""
    return f"{what} is not available in guardian {SERIES} yet"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'threshold'?)`, or nothing."""
    meant = near(word, known)
    return f" (did you mean '{meant}'?)" if meant else ""


def overlaid(
    document: Document, place: Place, over: Node, *, whole: frozenset[str] = frozenset()
) -> Document:
    """The document with the mapping at `place` changed by the mapping `over`.

    Maps merge, lists and scalars replace, `null` removes; what stands under a key of `whole`
    replaces too. Each value keeps the mark of the file it came from.
    """
    return combined(document, [(place, over)], whole=whole)


def combined(
    document: Document, changes: Iterable[tuple[Place, Node]], *, whole: frozenset[str]
) -> Document:
    """`overlaid`, several times at once.

    A change of a list is added at its end, and one of what is not there is put there.
    """
    merged = Document(
        source=document.source,
        data=copy.deepcopy(document.data),
        marks=dict(document.marks),
        findings=document.findings,
        whole=document.whole,
    )
    for place, over in changes:
        target = merged.at(place)
        if isinstance(target, list):
            target.append(None)
            _graft(merged, place, len(target) - 1, over)
        elif target is None:
            _graft(merged, place[:-1], place[-1], over)
        else:
            _merge(merged, place, over, whole)
    return merged


def _merge(document: Document, place: Place, over: Node, whole: frozenset[str]) -> None:
    target = document.at(place)
    for key, value in over.data.items():
        source = Node(over.document, (*over.place, key))
        if isinstance(value, dict) and isinstance(target.get(key), dict) and key not in whole:
            _merge(document, (*place, key), source, whole)
        elif value is not None:
            _graft(document, place, key, source)
        elif key in target:
            _forget(document, (*place, key), target.pop(key))


def _graft(document: Document, place: Place, key: str | int, source: Node) -> None:
    """Put a value of another document, with its marks, in the place of what is there."""
    target: Any = document.at(place)
    into, marks = (*place, key), document.marks
    assert isinstance(marks, dict)  # noqa: S101 - combined() made it
    there = isinstance(target, list) or key in target
    _forget(document, into, target[key] if there else None)
    target[key] = copy.deepcopy(source.data)
    theirs = source.document.marks
    for below in _below(source.data):
        if source.place + below in theirs:
            marks[into + below] = theirs[source.place + below]


def _forget(document: Document, place: Place, value: Any) -> None:
    assert isinstance(document.marks, dict)  # noqa: S101 - combined() made it
    for below in _below(value):
        document.marks.pop(place + below, None)


def _below(value: Any) -> Iterator[Place]:
    """The places in a value, its own first."""
    yield ()
    pairs: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        for place in _below(inner):
            yield (key, *place)
