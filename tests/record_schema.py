"""The JSON Schema of `guardian/v1`, made of the shapes that the code itself is checked against."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from enum import Enum
from types import ModuleType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from guardian.messages import v1, v1_files, v1_report

MODULES: Final = (v1, v1_report, v1_files)
"""Where the shapes are; those with a `schema` are documents, the others parts of them."""
_PLAIN: Final = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    Any: {},
}


def record_schema(*, closed: bool = False) -> dict[str, Any]:
    """Every record that guardian writes for programs, and what it is made of.

    `closed`: without room for the keys that a later guardian adds.
    """
    defs: dict[str, Any] = {}
    for module in MODULES:
        texts = _texts(module)
        for shape in vars(module).values():
            if is_typeddict(shape) and shape.__module__ == module.__name__:
                defs[_name(shape)] = _object(shape, texts)
    for shape in defs.values() if closed else ():
        shape["additionalProperties"] = False
    documents = [name for name, shape in defs.items() if "schema" in shape["properties"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "guardian/v1",
        "title": "guardian/v1",
        "description": "Everything that guardian writes for programs: `schema` names the record.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in documents],
        "$defs": defs,
    }


def _name(shape: type) -> str:
    return shape.__name__.removesuffix("Record")


def _object(shape: type, texts: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    hints = get_type_hints(shape, include_extras=True)
    bases = [shape.__name__, *(b.__name__ for b in getattr(shape, "__orig_bases__", ()))]
    properties = {}
    for name, hint in hints.items():
        said = [texts[base, name] for base in bases if (base, name) in texts]
        properties[name] = {**_form(hint), **({"description": said[0]} if said else {})}
    return {
        "type": "object",
        "description": inspect.getdoc(shape),
        "properties": properties,
        "required": [name for name, hint in hints.items() if get_origin(hint) is not NotRequired],
    }


def _form(hint: Any) -> dict[str, Any]:
    """One type, as JSON Schema says it."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if is_typeddict(hint):
        return {"$ref": f"#/$defs/{_name(hint)}"}
    kind, args = get_origin(hint), get_args(hint)
    if kind is NotRequired:
        return _form(args[0])
    if kind is Annotated:
        return {**_form(args[0]), **_limits(args[1])}
    if kind is Literal:
        among = {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
        return {"type": "string", **among}
    if kind is list:
        return {"type": "array", "items": _form(args[0])}
    if kind is dict:
        return {"type": "object", "additionalProperties": _form(args[1])}
    if kind in (Union, UnionType):
        return {"anyOf": [_form(arg) for arg in args]}
    raise TypeError(f"{hint} has no form in a schema")


def _limits(among: str | tuple[float, float] | type[Enum]) -> dict[str, Any]:
    """What a key may hold: a format, a span of numbers, or the values of an enumeration."""
    if isinstance(among, str):
        return {"format": among}
    if isinstance(among, tuple):
        return {"minimum": among[0], "maximum": among[1]}
    return {"enum": [member.value for member in among]}


def _texts(module: ModuleType) -> dict[tuple[str, str], str]:
    """The string below each key of each class."""
    found = {}
    for shape in ast.parse(inspect.getsource(module)).body:
        if not isinstance(shape, ast.ClassDef):
            continue
        for key, below in zip(shape.body, shape.body[1:], strict=False):
            match key, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[shape.name, name] = inspect.cleandoc(text)
    return found
