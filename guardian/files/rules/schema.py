"""The JSON Schema of rule files, from the models that read them: for editors and other programs."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from guardian.files.rules.build import MEASURES
from guardian.files.rules.model import CriterionModel, RuleFile

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
"""yaml-language-server reads this draft without reservation."""
_REF: Final = "#/definitions/{model}"
_ONE_LIMIT: Final = {"minProperties": 1, "maxProperties": 1}


def rule_schema() -> dict[str, Any]:
    """What a rule file may hold; structure alone, since meaning needs the loader.

    A file with `extends` may leave out what its base has: only there a criterion may be a part of
    one.
    """
    definitions: dict[str, Any] = {}
    criterion = _described(CriterionModel, definitions)
    top = _described(RuleFile, definitions)
    for name in ("Threshold", "LimitModel"):
        definitions[name] |= _ONE_LIMIT
    criterion["required"] = ["name"]
    definitions["CriterionModel"] = criterion
    criteria = top["properties"]["criteria"]
    criteria["items"] = {"$ref": _REF.format(model="CriterionModel")}
    top.pop("required")
    return {
        "$schema": _DRAFT,
        "title": "guardian rule file",
        **top,
        "if": {"required": ["extends"]},
        "else": {
            "required": ["version", "name"],
            "anyOf": [{"required": ["criteria"]}, {"required": ["include"]}],
            "properties": {"criteria": {"items": _WHOLE}},
        },
        "definitions": definitions,
    }


_WHOLE: Final[dict[str, Any]] = {
    "required": ["fail_if"],
    "anyOf": [{"required": [key]} for key in MEASURES],
}
"""A criterion that needs no base."""


def _described(model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """A model's schema; what it refers to goes into `definitions`."""
    schema = model.model_json_schema(ref_template=_REF)
    definitions.update({name: _plain(part) for name, part in schema.pop("$defs", {}).items()})
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
