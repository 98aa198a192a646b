"""Values of the core as canonical JSON text, and back, driven by their type hints.

One value has one text: keys sorted, no spaces, ASCII only, floats in their shortest exact form,
instants as RFC 3339 UTC with milliseconds, weights as millionths, enums by value. Where a hint
allows several classes (an entry, a measure), the object carries its class in `kind`. Reading
ignores keys that it does not know, since a newer guardian may have written them, and takes a
field's default where a key is missing; anything else that does not fit is a CodecError.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from guardian.core.judging.kinds import KINDS
from guardian.core.measure import Measure
from guardian.core.model import Instant, Word
from guardian.core.rollout.entries import Entry
from guardian.core.shapes import READ, WRITTEN
from guardian.core.traffic import Weight

VERSION: Final = 1
"""The schema number that every entry carries as `v`; a greater one is refused."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_INSTANT_CHARS: Final = len("2026-11-23T19:30:00.000Z")

T = TypeVar("T")


class CodecError(ValueError):
    """A value that has no text, or a text that is no such value; names the type and the field."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what = what
        self.where = where

    def inside(self, name: str) -> CodecError:
        """The same error, seen from one level further out."""
        joint = "." if self.where and not self.where.startswith("[") else ""
        return CodecError(self.what, f"{name}{joint}{self.where}")


# --- the door ----------------------------------------------------------------------------------


def encode(value: object) -> str:
    """The canonical JSON text of a value; CodecError where it has none (NaN, wrong types)."""
    return _dump(plain(value))


def decode(kind: type[T], text: str) -> T:
    """The value of class `kind` that `encode` wrote; raises CodecError naming type and field."""
    return _at(kind.__name__, _form(kind).read, _load(text, kind.__name__))  # type: ignore[no-any-return]


def plain(value: object) -> Any:
    """The value as JSON's own dicts, lists, strings and numbers, e.g. to put into a larger one."""
    return _at(type(value).__name__, lambda one: _form(type(one)).write(one), value)


def encode_entry(entry: Entry) -> str:
    """The canonical JSON text of a journal entry, with its `kind` and the schema number `v`."""
    return _dump({"v": VERSION, **_at("Entry", _form(Entry).write, entry)})


def decode_entry(text: str) -> Entry:
    """The entry that `encode_entry` wrote; raises CodecError, also for a newer schema."""
    return _at("Entry", _read_entry, _load(text, "Entry"))  # type: ignore[no-any-return]


def _read_entry(data: Any) -> Any:
    if not isinstance(data, dict):
        raise _wanted("an object", data)
    if not _is_int(data.get("v")):
        raise CodecError("the schema number is missing", "v")
    if data["v"] != VERSION:
        raise CodecError(
            f"this guardian reads schema {VERSION}, and the entry has schema {data['v']}: "
            "read it with the guardian that wrote it, or a newer one",
            "v",
        )
    return _form(Entry).read(data)


def tag_of(kind: type) -> str:
    """What an object of a class is told by in JSON: `step_entered`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


def rfc3339(at: Instant) -> str:
    """An instant as "2026-11-23T19:30:00.000Z"; raises CodecError outside the years 1 to 9999."""
    try:
        moment = _EPOCH + round(at * 1000) * _MILLISECOND
    except (OverflowError, ValueError):
        raise CodecError(f"an instant between the years 1 and 9999 is wanted, not {at}") from None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def from_rfc3339(text: str) -> Instant:
    """The instant that `rfc3339` wrote, exactly; raises CodecError for any other form."""
    usual = len(text) == _INSTANT_CHARS and text.endswith("Z")
    try:
        moment = datetime.fromisoformat(text if usual else "")
    except ValueError:
        raise CodecError(
            f"a time like 2026-11-23T19:30:00.000Z is wanted, not {text[:40]!r}"
        ) from None
    return ((moment - _EPOCH) // _MILLISECOND) / 1000


def _dump(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _load(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"this is not JSON: {error}", name) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


# --- forms: how one type is written and read ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _compile(hint: Any) -> _Form:
    """How values of a type hint are written and read."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    if hint is Measure:
        return _tagged(KINDS)
    if is_dataclass(hint):
        return _record(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _union(args)
    if origin is tuple:
        return _list(_form(args[0])) if args[1:] == (...,) else _fixed(tuple(map(_form, args)))
    if origin is Mapping:
        return _mapping(_form(args[1]))
    raise CodecError(f"there is no JSON form for {hint}")


_form: Final[Callable[[Any], _Form]] = cache(_compile)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise _wanted("text", value)
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wanted("true or false", value)
    return value


def _int(value: Any) -> int:
    if not _is_int(value):
        raise _wanted("a whole number", value)
    return int(value)


def _float(value: Any) -> float:
    if not isinstance(value, float) and not _is_int(value):
        raise _wanted("a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise CodecError("a finite number is wanted, and this one is not")
    return number


def _write_weight(value: Any) -> int:
    if not isinstance(value, Weight):
        raise _wanted("a Weight", value)
    return value.millionths


def _read_weight(value: Any) -> Weight:
    millionths = _int(value)
    try:
        return Weight(millionths)
    except ValueError as error:
        raise CodecError(str(error)) from None


def _word(value: Any) -> Word:
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise _wanted("text, null or a list of names and values", value)
    return tuple(_list(_fixed((_Form(_str, _str),) * 2)).read(value))


_SCALARS: Final[dict[Any, _Form]] = {
    str: _Form(_str, _str),
    bool: _Form(_bool, _bool),
    int: _Form(_int, _int),
    float: _Form(_float, _float),
    Instant: _Form(lambda value: rfc3339(_float(value)), lambda value: from_rfc3339(_str(value))),
    Weight: _Form(_write_weight, _read_weight),
    Word: _Form(_word, _word),
}


def _enum(kind: type[Enum]) -> _Form:
    def write(value: Any) -> Any:
        if not isinstance(value, kind):
            raise _wanted(f"a {kind.__name__}", value)
        return value.value

    def read(value: Any) -> Enum:
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(str(member.value) for member in kind)
            raise CodecError(f"one of {known} is wanted, not {str(value)[:40]!r}") from None

    return _Form(write, read)


def _record(kind: Any) -> _Form:
    hints = get_type_hints(kind, include_extras=True)
    parts = {f.name: _form(hints[f.name]) for f in fields(kind)}
    required = [
        f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING
    ]

    def write(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise _wanted(f"a {kind.__name__}", value)
        data = {name: _at(name, form.write, getattr(value, name)) for name, form in parts.items()}
        return WRITTEN.get(kind, dict)(data)

    def read(data: Any) -> Any:
        if not isinstance(data, dict):
            raise _wanted(f"an object with the fields of {kind.__name__}", data)
        data = READ.get(kind, dict)(data)
        for name in required:
            if name not in data:
                raise CodecError("this field is missing", name)
        return kind(
            **{
                name: _at(name, form.read, data[name])
                for name, form in parts.items()
                if name in data
            }
        )

    return _Form(write, read)


def _at(name: str, function: Callable[[Any], Any], value: Any) -> Any:
    try:
        return function(value)
    except CodecError as error:
        raise error.inside(name) from None


def _union(hints: tuple[Any, ...]) -> _Form:
    """`X | None`, or one of several classes told apart by `kind`."""
    optional = type(None) in hints
    kinds = [hint for hint in hints if hint is not type(None)]
    inner = _form(kinds[0]) if len(kinds) == 1 else _tagged(kinds)
    if not optional:
        return inner
    return _Form(
        lambda value: None if value is None else inner.write(value),
        lambda value: None if value is None else inner.read(value),
    )


def _tagged(kinds: Sequence[Any]) -> _Form:
    tags = {kind: tag_of(kind) for kind in kinds}
    forms = {tags[kind]: _form(kind) for kind in kinds}

    def write(value: Any) -> dict[str, Any]:
        tag = tags.get(type(value))
        if tag is None:
            raise _wanted(f"one of {', '.join(kind.__name__ for kind in kinds)}", value)
        return {"kind": tag, **forms[tag].write(value)}

    def read(data: Any) -> Any:
        tag = data.get("kind") if isinstance(data, dict) else None
        if not isinstance(tag, str) or tag not in forms:
            raise CodecError(
                f"an object whose kind is one of {', '.join(forms)} is wanted, "
                f"and this kind is {str(tag)[:40]!r}"
            )
        return forms[tag].read(data)

    return _Form(write, read)


def _each(items: Any, functions: list[Callable[[Any], Any]]) -> list[Any]:
    pairs = zip(items, functions, strict=True)
    return [_at(f"[{index}]", function, item) for index, (item, function) in enumerate(pairs)]


def _listed(value: Any, size: int | None = None) -> Any:
    if not isinstance(value, list | tuple):
        raise _wanted("a list", value)
    if size is not None and len(value) != size:
        raise CodecError(f"a list of {size} is wanted, not of {len(value)}")
    return value


def _list(item: _Form) -> _Form:
    return _Form(
        lambda value: _each(_listed(value), [item.write] * len(value)),
        lambda value: tuple(_each(_listed(value), [item.read] * len(value))),
    )


def _fixed(items: tuple[_Form, ...]) -> _Form:
    writers, readers = [i.write for i in items], [i.read for i in items]
    return _Form(
        lambda value: _each(_listed(value, len(items)), writers),
        lambda value: tuple(_each(_listed(value, len(items)), readers)),
    )


def _mapping(item: _Form) -> _Form:
    def each(value: Any, function: Callable[[Any], Any]) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wanted("an object", value)
        keys = [_str(key) for key in value]
        return dict(zip(keys, _each(value.values(), [function] * len(keys)), strict=True))

    return _Form(lambda value: each(value, item.write), lambda value: each(value, item.read))


_CALLED: Final[Mapping[type, str]] = {
    NoneType: "null",
    bool: "true or false",
    str: "text",
    dict: "an object",
    **dict.fromkeys((int, float), "a number"),
    **dict.fromkeys((list, tuple), "a list"),
}
"""What a value is, for people; never the value itself, which may be long or private."""


def _wanted(wanted: str, found: object) -> CodecError:
    called = _CALLED.get(type(found), f"a {type(found).__name__}")
    return CodecError(f"{wanted} is wanted, not {called}")
