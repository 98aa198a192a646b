"""The JSON Schema of configuration files, with the options of every adapter there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from guardian.core.notices import Event
from guardian.files.config.model import (
    ApprovalModel,
    ConfigModel,
    NotifyModel,
    RouterModel,
    ServiceModel,
)
from guardian.wiring.adapters import adapter, adapters

_DEFS: Final = "#/$defs/{model}"
_SECRET: Final[dict[str, Any]] = {
    "description": "A secret by reference, never as text.",
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


def config_schema() -> dict[str, Any]:
    """The schema of a configuration file: editors complete and check with it."""
    defs: dict[str, Any] = {}
    service = _of(ServiceModel, defs)
    inside = service["properties"]
    inside["router"] = {
        "description": inside["router"]["description"],
        "oneOf": _choices("routers", "type", RouterModel, defs),
    }
    told: dict[str, Any] = {
        "type": "array",
        "items": {"oneOf": _choices("notifiers", "to", NotifyModel, defs)},
    }
    inside["notify"] = {**told, "description": inside["notify"]["description"]}
    approval = _of(ApprovalModel, defs)
    inside["approval"] = {
        "description": inside["approval"]["description"],
        "oneOf": [approval, {"type": "array", "items": approval}],
    }
    top = _of(ConfigModel, defs)
    properties = top["properties"]
    properties["services"] = {
        "type": "object",
        "description": properties["services"]["description"],
        "additionalProperties": {"$ref": "#/$defs/Service"},
    }
    properties["defaults"] = {
        **{key: value for key, value in service.items() if key != "required"},
        "description": properties["defaults"]["description"],
    }
    properties["notify"] = {**told, "description": properties["notify"]["description"]}
    # What is missing may stand in the file that this one extends, or be a default.
    top.pop("required", None)
    service = {key: value for key, value in service.items() if key != "required"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "guardian configuration file",
        **top,
        "$defs": {**defs, "Service": service},
    }


def _choices(
    room: str, key: str, beside: type[BaseModel], defs: dict[str, Any]
) -> list[dict[str, Any]]:
    """One schema for each adapter of a room: its name, what stands beside it, its options."""
    found = []
    for name in adapters(room):
        model: type[BaseModel] = adapter(room, name).Options
        options = _of(model, defs)
        common = _of(beside, defs)["properties"]
        if "on" in common:
            common["on"] = {
                "description": common["on"]["description"],
                "oneOf": [
                    {"const": "all"},
                    {"type": "array", "items": {"enum": [event.value for event in Event]}},
                ],
            }
        common[key] = {"const": name, "description": common[key]["description"]}
        found.append(
            {
                "title": name,
                "type": "object",
                "properties": {**common, **options.get("properties", {})},
                "required": [key, *options.get("required", [])],
                "additionalProperties": False,
            }
        )
    return found


def _of(model: type[BaseModel], defs: dict[str, Any]) -> dict[str, Any]:
    """A model's schema; what it refers to goes into `defs`, secrets become references."""
    schema: dict[str, Any] = model.model_json_schema(ref_template=_DEFS)
    defs.update({name: _clean(part) for name, part in schema.pop("$defs", {}).items()})
    for name, info in model.model_fields.items():
        if "SecretStr" in str(info.annotation) or info.annotation is SecretStr:
            described = info.description or _SECRET["description"]
            schema["properties"][name] = {**_SECRET, "description": described}
    return _clean(schema)


def _clean(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what only repeats the key's name or the Python class."""
    cleaned: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if isinstance(value, Mapping):
            named = key in ("properties", "$defs")
            cleaned[key] = (
                {k: _clean(v) if isinstance(v, dict) else v for k, v in value.items()}
                if named
                else _clean(dict(value))
            )
        else:
            cleaned[key] = value
    return cleaned
