"""YAML text becomes plain values that remember where they stand, under limits on size and depth.

Both kinds of file (rules and configuration) are read here, by ruamel.yaml's event stream: a stack
of our own builds the values, so that no nesting can exhaust Python's. Refused are duplicate keys,
tags, directives, several documents in a file, keys that are not text, and anchors with their
aliases: an alias gives one value two places, so that an error could not say where it is, and a few
lines of them can grow into gigabytes. YAML 1.2 core schema: `on`, `yes` and `12:30` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from guardian.files.findings import (
    Document,
    Mark,
    Marks,
    Place,
    SourceText,
    blanked,
    comment_for_value,
    finding,
    in_order,
    is_secret,
)
from guardian.files.regular import NotRegular, head_of

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 50
MAX_NODES: Final = 20_000
_MAX_DIGITS: Final = 18
_MAX_FINDINGS: Final = 100
_YAML_TAGS: Final = "tag:yaml.org,2002:"

_UNSEEN: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060"
    "\u2066-\u2069\ufeff\ufffe\uffff]"
)
"""Control characters, line separators and marks that reorder text: what is read must be seen."""


# --- reading -----------------------------------------------------------------------------------


def read(path: Path, *, shown: str | None = None) -> Document:
    """A file's values; whatever is wrong with it is among the document's findings.

    `shown` is how errors name the file, by default as `path` was given.
    """
    name = str(path) if shown is None else shown
    try:
        raw = head_of(path, MAX_BYTES + 1)
    except NotRegular:
        return _unusable(name, "this is not a file that can be read: give a YAML file")
    except FileNotFoundError:
        return _unusable(name, "there is no such file")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return _unusable(name, f"this file cannot be read: {why}")
    return parse(raw, name)


def parse(raw: bytes, shown: str) -> Document:
    """A text's values; `shown` is how errors name the file."""
    if len(raw) > MAX_BYTES:
        return _unusable(shown, f"this file is larger than {MAX_BYTES // 1024} KB: split it")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        why = "this file is not UTF-8 text (the first wrong byte is here): save it as UTF-8"
        return _unusable(shown, why, line=line, column=column)
    shape = SourceText(shown, tuple(_shown(line) for line in text.split("\n")))
    unseen = _unseen(text)
    if unseen is not None:
        line, column, why = unseen
        return _broken(Mark(shape, line, column), why)
    return _Builder(shape, text).document()


def _unusable(shown: str, message: str, *, line: int = 1, column: int = 1) -> Document:
    return _broken(Mark(SourceText(shown), line, column), message)


def _broken(mark: Mark, message: str) -> Document:
    return Document(source=mark.source, findings=(finding(mark, message),), whole=False)


def _unseen(text: str) -> tuple[int, int, str] | None:
    """The line, column and description of the first character that cannot be seen."""
    match = _UNSEEN.search(text)
    if match is None:
        return None
    at = match.start()
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return line, column, _about(match[0])


def _about(character: str) -> str:
    return (
        f"the character U+{ord(character):04X} is invisible or changes the order of the text"
        " around it: remove it"
    )


def _shown(line: str) -> str:
    """A line as it may be shown: nothing that moves the cursor, and no secret."""
    return blanked(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", line))


# --- building ----------------------------------------------------------------------------------

_LINES_BACK: Final = 3
"""How far above a syntax error its cause is looked for."""
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NUMBER: Final = re.compile(rf"{_INT.pattern}|{_BASED.pattern}|{_FLOAT.pattern}")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class _Stop(Exception):
    """The text ends here for us."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


@dataclass(slots=True)
class _Open:
    """A mapping or a sequence that is being filled."""

    place: Place
    value: dict[str, Any] | list[Any]
    key: tuple[str, Mark] | None = None
    """The mapping's key that waits for its value."""
    dropped: int = 0


class _Builder:
    """Turns ruamel.yaml's events into values, with a stack instead of recursion."""

    def __init__(self, source: SourceText, text: str) -> None:
        self._source = source
        self._text = text
        self._lines = list(source.lines)
        self._stack: list[_Open] = []
        self._data: Any = None
        self._marks: dict[Place, Marks] = {}
        self._findings: list[tuple[Mark, str]] = []
        self._nodes = 0
        self._documents = 0

    def document(self) -> Document:
        """The whole text's values."""
        whole = True
        try:
            for event in _events(self._text):
                self._take(event)
        except _Stop as stop:
            whole = False
            self._findings.append((stop.mark, str(stop)))
        except _yaml_errors() as error:
            whole = False
            self._findings.append(self._syntax(error))
        if whole and not self._nodes:
            whole = False
            self._findings.append((Mark(self._source, 1, 1), "this file is empty"))
        return self._finished(whole=whole)

    def _finished(self, *, whole: bool) -> Document:
        # Secrets over several lines are known only now: show every mark the blanked lines.
        source = SourceText(self._source.path, tuple(self._lines))
        shown = {
            place: Marks(
                Mark(source, m.key.line, m.key.column), Mark(source, m.value.line, m.value.column)
            )
            for place, m in self._marks.items()
        }
        found = [finding(Mark(source, m.line, m.column), why) for m, why in self._findings]
        return Document(
            source=source,
            data=self._data if whole else None,
            marks=shown,
            findings=tuple(in_order(found)),
            whole=whole,
        )

    def _syntax(self, error: Exception) -> tuple[Mark, str]:
        problem = str(getattr(error, "problem", None) or "it cannot be understood")
        at = getattr(error, "problem_mark", None)
        if at is None:
            return Mark(self._source, 1, 1), f"this is not valid YAML: {problem}"
        if "'\\t'" in problem:
            problem = "indent with spaces, not tabs"
        last = min(at.line + 1, len(self._lines))
        for number in range(last, max(0, last - _LINES_BACK), -1):
            line = self._lines[number - 1]
            hint, column = comment_for_value(line)
            if hint and ("{" in line or "[" in line):  # what it begins is not closed any more
                return Mark(self._source, number, column), f"this is not valid YAML{hint}"
        mark = Mark(self._source, last, at.column + 1)
        return mark, f"this is not valid YAML: {' '.join(problem.split())}"

    def _mark(self, event: Any) -> Mark:
        return Mark(self._source, event.start_mark.line + 1, event.start_mark.column + 1)

    def _take(self, event: Any) -> None:
        """One event."""
        match type(event).__name__:
            case "ScalarEvent":
                self._plain(event)
                self._scalar(event)
            case "MappingStartEvent":
                self._plain(event)
                self._open(event, {})
            case "SequenceStartEvent":
                self._plain(event)
                self._open(event, [])
            case "MappingEndEvent" | "SequenceEndEvent":
                self._stack.pop()
            case "AliasEvent":
                self._alias(self._mark(event))
            case "DocumentStartEvent":
                self._begin(event)

    def _alias(self, mark: Mark) -> None:
        waiting = self._stack[-1] if self._stack else None
        if waiting is not None and isinstance(waiting.value, dict) and waiting.key is None:
            raise _Stop(mark, "an alias (*) is not allowed: write the key out")
        self._say(mark, "an alias (*) is not allowed: write the value out")
        self._put(mark, None)

    def _begin(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _Stop(self._mark(event), "only one YAML document (---) may stand in a file")
        if event.version or event.tags:
            self._say(self._mark(event), "YAML directives (%) are not allowed: remove them")

    def _plain(self, event: Any) -> None:
        """Refuse what gives a value a second name or a foreign type; count what is left."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _Stop(
                self._mark(event), f"this file holds more than {MAX_NODES} values: split it"
            )
        if event.anchor is not None:
            self._say(self._mark(event), "an anchor (&) is not allowed: write the value out twice")
        if event.tag is not None:
            self._say(self._mark(event), f"a tag ({_tag(event.tag)}) is not allowed: remove it")

    def _say(self, mark: Mark, message: str) -> None:
        self._findings.append((mark, message))
        if len(self._findings) >= _MAX_FINDINGS:
            raise _Stop(mark, "this file has too many errors to go on reading it")

    def _open(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        mark = self._mark(event)
        if len(self._stack) >= MAX_DEPTH:
            raise _Stop(mark, f"this is nested more than {MAX_DEPTH} levels deep")
        waiting = self._stack[-1] if self._stack else None
        if waiting is not None and isinstance(waiting.value, dict) and waiting.key is None:
            raise _Stop(mark, "a key must be one word or text, not a list or a mapping")
        self._stack.append(_Open(self._put(mark, value), value))

    def _scalar(self, event: Any) -> None:
        mark = self._mark(event)
        waiting = self._stack[-1] if self._stack else None
        if waiting is not None and isinstance(waiting.value, dict) and waiting.key is None:
            waiting.key = (self._key(event, mark), mark)
            return
        if waiting is not None and waiting.key is not None and not event.value and not event.style:
            mark = waiting.key[1]  # an absent value is reported where the next thing stands
        unseen = _UNSEEN.search(event.value)
        if unseen is not None:
            self._say(mark, _about(unseen[0]))
        place = self._put(mark, self._value(event, mark) if event.implicit[0] else event.value)
        if is_secret(place):
            self._blank(event)

    def _key(self, event: Any, mark: Mark) -> str:
        text: str = event.value
        if event.implicit[0] and not isinstance(_resolved(text), str):
            self._say(mark, f"a key must be text: put {text or 'it'} in quotes")
        elif "\n" in text:
            self._say(mark, "a key must stand on one line")
        elif _UNSEEN.search(text):
            self._say(mark, _about(_UNSEEN.findall(text)[0]))
        return text

    def _value(self, event: Any, mark: Mark) -> Any:
        """A plain scalar by YAML 1.2's core schema."""
        text: str = event.value
        if sum(c.isalnum() for c in text) > _MAX_DIGITS and _NUMBER.fullmatch(text):
            self._say(mark, "this number has too many digits; if it is text, put it in quotes")
            return 0
        value = _resolved(text)
        if isinstance(value, float) and not math.isfinite(value):
            self._say(mark, f"{text} is not a number that can be used")
            return 0
        return value

    def _put(self, mark: Mark, value: Any) -> Place:
        """Store a value in what is open, and remember where it stands."""
        if not self._stack:
            self._data = value
            self._marks[()] = Marks(mark, mark)
            return ()
        into = self._stack[-1]
        if isinstance(into.value, list):
            place: Place = (*into.place, len(into.value))
            into.value.append(value)
            self._marks[place] = Marks(mark, mark)
            return place
        assert into.key is not None  # noqa: S101 - a scalar or a start without a key was taken as one
        key, key_mark = into.key
        into.key = None
        place = (*into.place, key)
        if key in into.value:
            first = self._marks[place].key.line
            self._say(key_mark, f"the key '{key}' stands here twice (first in line {first})")
            into.dropped += 1
            return (*into.place, f"{key}\0{into.dropped}")
        into.value[key] = value
        self._marks[place] = Marks(key_mark, mark)
        return place

    def _blank(self, event: Any) -> None:
        """Show nothing of a scalar, however many lines it takes."""
        begin, end = event.start_mark, event.end_mark
        for number in range(begin.line, min(end.line + 1, len(self._lines))):
            line = self._lines[number]
            left = begin.column if number == begin.line else 0
            right = end.column if number == end.line else len(line)
            self._lines[number] = line[:left] + "*" * (right - left) + line[right:]


def _tag(name: str) -> str:
    return "!!" + name.removeprefix(_YAML_TAGS) if name.startswith(_YAML_TAGS) else name


def _resolved(text: str) -> Any:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return math.nan
    return text


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - settings and errors need no YAML

    return iter(YAML(typ="safe", pure=True).parse(text))


def _yaml_errors() -> tuple[type[Exception], ...]:
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - see _events

    # An escape beyond Unicode ("\UFFFFFFFF") is a ValueError or an OverflowError of chr().
    return (YAMLError, ValueError, OverflowError)
