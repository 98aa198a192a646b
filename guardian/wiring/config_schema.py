"""The JSON Schema of configuration files, with the options of every adapter there is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from guardian.core.notices import Event
from guardian.files.config.config_keys import (
    ApprovalModel,
    ConfigModel,
    NotifyModel,
    RouterModel,
    ServiceModel,
)
from guardian.files.json_schema import REF, described, published
from guardian.wiring.adapters import adapter, adapters


def config_schema() -> dict[str, Any]:
    """The schema of a configuration file: editors complete and check with it.

    No key is required: what is missing may stand in the file that this one extends, or be a
    default.
    """
    definitions: dict[str, Any] = {}
    top, service = described(ConfigModel, definitions), described(ServiceModel, definitions)
    top.pop("required")
    service.pop("required")
    approval = described(ApprovalModel, definitions)
    told = {"items": {"oneOf": _choices("notifiers", "to", NotifyModel, definitions)}}
    _replaced(service, "router", {"oneOf": _choices("routers", "type", RouterModel, definitions)})
    _replaced(service, "notify", {"type": "array", **told})
    _replaced(service, "approval", {"oneOf": [approval, {"type": "array", "items": approval}]})
    _replaced(top, "notify", {"type": "array", **told})
    named = {"$ref": REF.format(model="Service")}
    _replaced(top, "services", {"type": "object", "additionalProperties": named})
    _replaced(top, "defaults", service)
    sources = {
        n: described(adapter("sources", n).Options, definitions) for n in adapters("sources")
    }
    options = {"type": "object", "properties": sources, "additionalProperties": False}
    _replaced(top, "sources", options)
    journals = f"^({'|'.join(adapters('journals'))}):."
    _replaced(top, "journal", {"type": ["string", "null"], "pattern": journals})
    return published("guardian configuration file", top, {**definitions, "Service": service})


def _replaced(schema: dict[str, Any], key: str, by: dict[str, Any]) -> None:
    """What adapters make of a key; the model knows its description."""
    schema["properties"][key] = {**by, "description": schema["properties"][key]["description"]}


def _choices(
    room: str, key: str, beside: type[BaseModel], definitions: dict[str, Any]
) -> list[dict[str, Any]]:
    """One schema for each adapter of a room: its name, what stands beside it, its options."""
    found = []
    for name in adapters(room):
        options = described(adapter(room, name).Options, definitions)
        common = described(beside, definitions)
        if "on" in common["properties"]:
            events = {"type": "array", "items": {"enum": [event.value for event in Event]}}
            _replaced(common, "on", {"oneOf": [{"const": "all"}, events]})
        _replaced(common, key, {"const": name})
        found.append(
            {
                "title": name,
                "type": "object",
                "properties": {**common["properties"], **options.get("properties", {})},
                "required": [key, *options.get("required", [])],
                "additionalProperties": False,
            }
        )
    return found
