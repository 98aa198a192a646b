"""Pages of reference that are written by the code: journal entries, and the keys of files.

`python -m tests.reference` writes them anew; tests/test_reference.py asks whether they are current.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from guardian.core.judging.kinds import KINDS
from guardian.core.measure import Measure
from guardian.core.model import Instant
from guardian.core.rollout.entries import Entry
from guardian.core.rollout.machine import TRANSITIONS
from guardian.core.traffic import Weight
from guardian.files.rules.rule_schema import rule_schema
from guardian.wiring.config_schema import config_schema

DOCS = Path(__file__).parent.parent / "docs"

# --- journal entries ---------------------------------------------------------------------------


def entries_page() -> str:
    """docs/entries.md: each entry with its fields, and what those hold."""
    entries = list(get_args(Entry))
    held = [c for c in reachable([*entries, *KINDS]) if c not in entries and c is not Measure]
    values = sorted((c for c in held if is_dataclass(c) and c is not Weight), key=_name)
    words = sorted((c for c in held if issubclass(c, Enum)), key=_name)
    parts = [
        _ENTRIES_HEAD,
        *(_class(c, where(c)) for c in entries),
        "## Values\n",
        *(_class(c) for c in values),
        "## Words\n",
        *(_words(c) for c in words),
    ]
    return "\n".join(parts)


def where(entry: type) -> str:
    """In which states of a rollout an entry may come."""
    states = [f"`{phase.value}`" for phase, kind in TRANSITIONS if kind is entry]
    return f"Comes in {', '.join(states)}." if states else "Is the first, and comes once."


def reachable(roots: list[type]) -> list[type]:
    """The classes of guardian that values of these hold, themselves first."""
    found: list[type] = []
    ahead = list(roots)
    while ahead:
        one = ahead.pop(0)
        if one in found:
            continue
        found.append(one)
        if is_dataclass(one) and one is not Weight:
            ahead += [c for hint in get_type_hints(one).values() for c in _classes(hint)]
    return found


def _classes(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and hint.__module__.startswith("guardian"):
        yield hint
    for inner in get_args(hint):
        yield from _classes(inner)


def _name(one: type) -> str:
    return one.__name__


def _sentence(one: type) -> str:
    return " ".join((inspect.getdoc(one) or "").split("\n\n")[0].split())


def _class(one: type, more: str = "") -> str:
    """A class's section: its sentence, and a row for each field."""
    said, hints = _said(one), get_type_hints(one, include_extras=True)
    lines = [f"### {one.__name__}", "", f"{_sentence(one)} {more}".rstrip()]
    rows = [
        f"| `{f.name}` | {_form(hints[f.name])} | {_default(f)} | {_cell(said.get(f.name, ''))} |"
        for f in fields(one)
    ]
    if rows:
        lines += ["", "| field | holds | without it | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([*lines, ""])


def _words(one: type[Enum]) -> str:
    said = _said(one)
    rows = [f"| `{word.value}` | {_cell(said.get(word.name, ''))} |" for word in one]
    head = [f"### {one.__name__}", "", _sentence(one), "", "| word | meaning |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


def _said(one: type) -> dict[str, str]:
    """What stands below each field or word of a class, in its source."""
    (node,) = ast.parse(inspect.getsource(one)).body
    assert isinstance(node, ast.ClassDef)
    found = {}
    for before, after in zip(node.body, node.body[1:], strict=False):
        match (before, after):
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
            case _:
                pass
    return found


def _default(field: Any) -> str:
    value = field.default
    if value is MISSING:
        return "" if field.default_factory is MISSING else "empty"
    if value is None:
        return "null"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, tuple | str) and not value:
        return "empty"
    return f"`{json.dumps(value)}`" if isinstance(value, bool | int | float | str) else "its own"


def _form(hint: Any) -> str:
    """What JSON holds where a field has this hint."""
    plain = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    if hint is Instant:
        return "a time, RFC 3339 in UTC"
    if hint is Weight:
        return "millionths, a whole number"
    if hint in plain:
        return plain[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _form(inner[0])
    if origin in (Union, UnionType):
        parts = [_form(one) for one in inner if one is not NoneType]
        return " or ".join([*parts, "null"] if NoneType in inner else parts)
    if origin is not None and issubclass(origin, tuple | frozenset | list):
        items = [_form(one) for one in inner if one is not Ellipsis]
        return f"a list of: {', '.join(items)}"
    if origin is not None:
        return "an object by names"
    if hint is Measure:
        return "a measure, with its `kind`"
    if isinstance(hint, type) and hint.__module__.startswith("guardian"):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return _form(hint.__supertype__) if hasattr(hint, "__supertype__") else "a text"


def _cell(text: str) -> str:
    """A text in a cell of a table."""
    return text.replace("|", "\\|")


_ENTRIES_HEAD = """\
# Journal entries

What a journal holds of a rollout is a list of entries, and nothing else: how a rollout stands is
what they come to, one after another ([every move](rollout.md#every-move)). Each is one line of JSON
with its class in `kind` and the number of the format in `v`, which is 1. Entries of this format
stay readable: fields are only added, and a field that is missing has what stands under *without
it*. Programs read [records](cli.md#records) instead, which are promised to them.

This page is written by `python -m tests.reference`.

## Entries
"""

# --- keys of files -----------------------------------------------------------------------------


def keys_page() -> str:
    """docs/keys.md: the keys of config and rule files, as their JSON Schemas have them."""
    config, rules = config_schema(), rule_schema()
    return "\n".join(
        [
            _KEYS_HEAD,
            "## Config files\n",
            *_objects("The config file", config),
            "## Rule files\n",
            *_objects("The rule file", rules),
        ]
    )


def _objects(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """A table for the file, and one for each object that it may hold."""
    yield _object(name, schema)
    for inner, found in sorted(schema.get("definitions", {}).items()):
        if found.get("properties"):
            yield _object(_title(inner), found)


def _title(name: str) -> str:
    """A definition's name in words: `CompareModel` is Compare."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Model")).capitalize()


def _object(name: str, schema: Mapping[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    lines = [f"### {name}", "", str(schema.get("description", "")), ""]
    lines += ["| key | takes | meaning |", "|---|---|---|"]
    for key, found in schema["properties"].items():
        told = str(found.get("description", "")) + (" Required." if key in needed else "")
        lines.append(f"| `{key}` | {_cell(_takes(found))} | {_cell(told.strip())} |")
    return "\n".join([*lines, ""])


def _takes(found: Mapping[str, Any]) -> str:
    """What may stand at a key, in few words."""
    if "$ref" in found:
        title = _title(found["$ref"].rpartition("/")[2])
        return f"[{title}](#{title.lower().replace(' ', '-')})"
    if "const" in found:
        return f"`{json.dumps(found['const'])}`"
    if "enum" in found:
        return ", ".join(f"`{word}`" for word in found["enum"])
    for several in ("anyOf", "oneOf"):
        if several in found:
            each = [_takes(one) for one in found[several] if one.get("type") != "null"]
            by = [k for k, v in found[several][0].get("properties", {}).items() if "const" in v]
            return f"`{by[0]}`, and its options" if by else " or ".join(dict.fromkeys(each))
    return _typed(found)


def _typed(found: Mapping[str, Any]) -> str:
    kind = found.get("type")
    if kind == "array":
        items = found.get("items")
        return f"a list of: {_takes(items)}" if items else "a list"
    if kind == "object":
        inner = found.get("additionalProperties")
        return f"names, each with: {_takes(inner)}" if isinstance(inner, dict) else "an object"
    if "examples" in found:
        return f"like {', '.join(f'`{one}`' for one in found['examples'])}"
    low, high = found.get("minimum"), found.get("maximum")
    bounds = f", {low:g} to {high:g}" if low is not None and high is not None else ""
    names = {"string": "a text", "integer": "a whole number", "boolean": "`true` or `false`"}
    first = next((one for one in kind if one != "null"), "") if isinstance(kind, list) else kind
    return names.get(str(first), "a number" if first == "number" else "anything") + bounds


_KEYS_HEAD = """\
# Keys of config and rule files

Every key, as `guardian config schema` and `guardian rules schema` give it to editors. What the keys
do together, and their defaults, is told in [config files](config.md) and
[rule files](rule-files.md); the options of a router, a source, a notifier or a journal stand on its
own page.

This page is written by `python -m tests.reference`.
"""

PAGES = {"entries.md": entries_page, "keys.md": keys_page}

if __name__ == "__main__":
    for page, written in PAGES.items():
        (DOCS / page).write_text(written(), encoding="utf-8")
