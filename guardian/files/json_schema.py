"""JSON Schema of the models that read files: for editors and other programs."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from guardian.files.validation import secrets_of

REF: Final = "#/definitions/{model}"
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
"""yaml-language-server reads this draft without reservation."""
_SECRET: Final[dict[str, Any]] = {
    "oneOf": [
        {
            "type": "object",
            "properties": {name: {"type": "string"}},
            "required": [name],
            "additionalProperties": False,
        }
        for name in ("env", "file")
    ],
}
"""A secret by reference, never as text."""


def published(title: str, top: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A whole schema, of one kind of file."""
    return {"$schema": _DRAFT, "title": title, **top, "definitions": definitions}


def described(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """A model's schema; what it refers to goes into `definitions`, secrets become references."""
    schema = model.model_json_schema(ref_template=REF)
    definitions.update({name: _plain(part) for name, part in schema.pop("$defs", {}).items()})
    for name in secrets_of(model):
        description = schema["properties"][name]["description"]
        schema["properties"][name] = {**_SECRET, "description": description}
    return _plain(schema)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without titles and defaults that only say that nothing is written."""
    kept = {k: v for k, v in schema.items() if k != "title"}
    if kept.get("default", ...) in (None, [], {}, ""):
        del kept["default"]
    for key, value in kept.items():
        if key in ("properties", "patternProperties"):
            kept[key] = {name: _plain(inner) for name, inner in value.items()}
        elif isinstance(value, dict):
            kept[key] = _plain(value)
        elif isinstance(value, list):
            kept[key] = [_plain(v) if isinstance(v, dict) else v for v in value]
    return kept
