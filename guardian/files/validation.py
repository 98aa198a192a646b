"""Values from a file against a pydantic model: a typed result, or findings in words for people."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr, Tag, ValidationError
from pydantic_core import ErrorDetails

from guardian.files.findings import (
    SERIES,
    Document,
    Finding,
    Node,
    Place,
    comment_for_value,
    did_you_mean,
    is_secret,
    near,
    not_yet,
)
from guardian.files.secret import secret
from guardian.files.units import is_number, told
from guardian.ports import ConfigError

M = TypeVar("M", bound=BaseModel)


class Strict(BaseModel):
    """A mapping of a file: no unknown keys, no silent conversions, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    promised: ClassVar[frozenset[str]] = frozenset()
    """Keys of the file format that this version cannot carry out yet."""
    meant: ClassVar[Mapping[str, str]] = {}
    """Other tools' words for keys that are here."""


def validate(
    model: type[M],
    document: Document,
    place: Place = (),
    *,
    without: Collection[str] = (),
    instead: Mapping[str, object] | None = None,
    context: Mapping[str, object] | None = None,
) -> tuple[M | None, list[Finding]]:
    """The model made of the value at `place`, and everything wrong with that, at its position.

    There is also a model where nothing but unknown keys is wrong, so that the rest can be judged
    in the same run. `without` names keys of that mapping which are not the model's (`type`,
    `to`); `instead` holds values for keys that the file only refers to; validators may ask for
    the `context`.
    """
    data = document.at(place)
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key not in without}
        data |= instead or {}
    try:
        return model.model_validate(data, context=context), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    found = _findings(model, errors, document, place, without)
    if any(details["type"] != "extra_forbidden" for details in errors):
        return None, found
    for details in errors:
        data = _pruned(data, details["loc"])
    return model.model_validate(data, context=context), found


def _pruned(data: Any, loc: Sequence[int | str]) -> Any:
    """A copy without the key that `loc` leads to; steps that are not in the data are skipped."""
    first, *rest = loc
    if isinstance(data, dict) and first in data:
        inner = {} if not rest else {first: _pruned(data[first], rest)}
        return {key: value for key, value in data.items() if key != first} | inner
    if isinstance(data, list) and isinstance(first, int):
        return [_pruned(v, rest) if n == first else v for n, v in enumerate(data)]
    return _pruned(data, rest) if rest else data


def validate_options(
    model: type[M],
    node: Node,
    *,
    without: Collection[str],
    environ: Mapping[str, str],
    base: Path,
) -> tuple[M | None, list[Finding]]:
    """An adapter's options; a field of pydantic's SecretStr takes a reference, resolved here.

    A relative path starts at `base`, the folder of the file.
    """
    data = node.data if isinstance(node.data, dict) else {}
    findings: list[Finding] = []
    paths = {
        name: base / Path(data[name])
        for name in fields_of(model, Path)
        if isinstance(data.get(name), str) and data[name]
    }
    secrets: dict[str, object] = {}
    for name in secrets_of(model):
        if data.get(name) is None:
            continue
        secrets[name] = SecretStr("")
        try:
            secrets[name] = SecretStr(secret(data[name], environ=environ, base=base))
        except ConfigError as error:
            findings.append(node.finding((name,), str(error)))
    options, found = validate(
        model, node.document, node.place, without=without, instead=paths | secrets
    )
    findings.extend(found)
    return (None if findings else options), findings


def secrets_of(model: type[BaseModel]) -> list[str]:
    """The fields that hold secrets, of which files have references."""
    return fields_of(model, SecretStr)


def fields_of(model: type[BaseModel], kind: type) -> list[str]:
    """The fields that hold values of a kind."""
    fields = model.model_fields.items()
    return [name for name, info in fields if kind in _kinds(info.annotation)]


def _kinds(annotation: Any) -> list[Any]:
    """The types that an annotation is made of."""
    inside = [kind for inner in get_args(annotation) for kind in _kinds(inner)]
    return inside or [annotation]


def _findings(
    model: type[BaseModel],
    errors: Iterable[ErrorDetails],
    document: Document,
    place: Place,
    without: Collection[str],
) -> list[Finding]:
    """One finding for each place; what the branches of a union say of the same place is joined.

    Where the text itself is wrong already, what follows from that is not said again.
    """
    said: dict[tuple[Place, bool, str], list[str]] = {}
    for details in errors:
        below = _place_in(document.at(place), details["loc"])
        message = _sentence(details, secret=is_secret(place + below))
        if details["input"] is None:
            mark = document.mark(place + below)
            message += comment_for_value(mark.source.line(mark.line))[0]
        if details["type"] == "extra_forbidden":
            allowed = _models(model, details["loc"][:-1])
            message = _unknown_key(str(details["loc"][-1]), allowed, without)
        at_key = details["type"] == "extra_forbidden" or details["loc"][-1:] == ("[key]",)
        lacking = str(details["loc"][-1]) if details["type"] == "missing" else ""
        messages = said.setdefault((below, at_key, lacking), [])
        if message not in messages:
            messages.append(message)
    found = [
        document.finding(place + below, "; or ".join(messages), key=at_key)
        for (below, at_key, _), messages in said.items()
    ]
    told_already = {(f.path, f.line, f.column) for f in document.findings}
    return [f for f in found if (f.path, f.line, f.column) not in told_already]


def _place_in(data: Any, loc: Iterable[int | str]) -> Place:
    """The part of pydantic's `loc` that is in the file: it also names union branches and such."""
    place: list[str | int] = []
    for step in loc:
        known = range(len(data)) if isinstance(data, list) else data
        if isinstance(known, dict | range) and step in known:
            data = data[step]
            place.append(step)
    return tuple(place)


# --- what a model allows -----------------------------------------------------------------------


def _models(model: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that can stand at a place below one; pydantic also names branches of unions."""
    kinds: list[Any] = [model]
    for step in loc:
        kinds = [inner for kind in kinds for inner in _below(kind, step)] or kinds
    return [m for kind in kinds for m in _leaves(kind)]


def _leaves(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) in (Union, UnionType, Annotated):
        for inner in get_args(kind):
            yield from _leaves(inner)


def _below(kind: Any, step: str | int) -> Iterator[Any]:
    """The annotations of what stands under a key or an index of an annotated value."""
    origin, inside = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and origin is None and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            if step in (name, info.alias):
                yield info.annotation
    elif origin is Annotated and any(isinstance(m, Tag) and m.tag == step for m in inside[1:]):
        yield inside[0]
    elif origin in (Union, UnionType, Annotated):
        for inner in inside:
            yield from _below(inner, step)
    elif isinstance(origin, type) and inside:
        yield inside[1 if issubclass(origin, Mapping) else 0]


def _known(models: Iterable[type[BaseModel]]) -> list[str]:
    fields = (m.model_fields.items() for m in models)
    return list(dict.fromkeys(info.alias or name for items in fields for name, info in items))


# --- sentences ---------------------------------------------------------------------------------

_EXPECTED: Final = {
    "string": "text",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping (key: value)",
    "mapping": "a mapping (key: value)",
    "model": "a mapping (key: value)",
    "model_attributes": "a mapping (key: value)",
    "dataclass": "a mapping (key: value)",
    "none_required": "nothing",
    "path": "a path, as text",
    "url": "an address like https://example.com/",
    "timedelta": "a duration",
    "datetime": "a date and time",
    "uuid": "an identifier",
    "bytes": "text",
}
_SAID: Final = {
    "greater_than": "{value} is not allowed here: it must be more than {gt:g}",
    "greater_than_equal": "{value} is not allowed here: it must be at least {ge:g}",
    "less_than": "{value} is not allowed here: it must be less than {lt:g}",
    "less_than_equal": "{value} is not allowed here: it must be at most {le:g}",
    "multiple_of": "{value} is not allowed here: it must be a multiple of {multiple_of:g}",
    "finite_number": "{value} is not a number that can be used",
    "string_too_short": "this text is too short: at least {min_length} characters",
    "string_too_long": "this text is too long: at most {max_length} characters",
    "too_short": "at least {min_length} is needed here, found {actual_length}",
    "too_long": "at most {max_length} may stand here",
    "string_pattern_mismatch": "{value} does not have the form that belongs here ({pattern})",
    "union_tag_not_found": "the key {discriminator} is missing",
    "invalid_key": "a key must be text: put it in quotes",
    "is_instance_of": "{value} is not what belongs here",
}
"""What is wrong, by pydantic's word for it and with what it says beside that."""


def _sentence(details: ErrorDetails, *, secret: bool) -> str:
    """What is wrong, without pydantic's words and without a secret's value."""
    kind, context = details["type"], details.get("ctx", {})
    value = "this" if secret else told(details["input"])
    match kind:
        case "missing":
            return f"the key '{details['loc'][-1]}' is missing"
        case "value_error" | "assertion_error":
            return str(context.get("error") or "this value is not allowed")
        case "literal_error" | "enum":
            return _choice(details["input"], str(context["expected"]), value)
        case "union_tag_invalid":
            tag = context["tag"]
            return _choice(tag, str(context["expected_tags"]), told(tag))
    if kind in _SAID:
        return _SAID[kind].format(value=value, **context)
    return (
        _wrong_type(kind, details["input"], value)
        or f"{value} is not allowed here: {details['msg']}"
    )


def _unknown_key(key: str, models: list[type[BaseModel]], besides: Collection[str]) -> str:
    ours = [m for m in models if issubclass(m, Strict)]
    if any(key in m.promised for m in ours):
        return not_yet(f"'{key}'")
    known = [*besides, *_known(models)]
    if near(key, known):
        return f"unknown key '{key}'{did_you_mean(key, known)}"
    foreign = {word: here for m in ours for word, here in m.meant.items()}
    word = near(key, foreign)
    if word is not None:
        return f"unknown key '{key}' (did you mean '{foreign[word]}'?)"
    return f"unknown key '{key}'; known here: {', '.join(known)} (or newer than guardian {SERIES})"


def _choice(given: object, expected: str, value: str) -> str:
    allowed = re.findall(r"'([^']*)'", expected)
    meant = did_you_mean(given, allowed) if isinstance(given, str) else ""
    listed = ", ".join(allowed) or expected
    word = "is not allowed here" if len(allowed) != 1 else "is not what belongs here"
    return f"{value} {word}: use {'one of ' if len(allowed) > 1 else ''}{listed}{meant}"


def _wrong_type(kind: str, given: object, value: str) -> str | None:
    stem = re.sub(r"_(type|parsing|parsing_size|from_float|from_date.*|scheme)$", "", kind)
    expected = _EXPECTED.get(stem)
    if expected is None:
        return None
    if given is None:
        return f"a value is missing here: expected {expected}"
    if expected == "text" and (is_number(given) or isinstance(given, bool)):
        return f"expected text, found {value}: put it in quotes"
    return f"expected {expected}, found {value}"
