"""The JSON Schema of rule files, from the models that read them: for editors and other programs."""

from __future__ import annotations

from typing import Any, Final

from guardian.files.json_schema import REF, described, published
from guardian.files.rules.criterion import CriterionModel
from guardian.files.rules.kinds import FORMS
from guardian.files.rules.model import RuleFile

_ONE_LIMIT: Final = {"minProperties": 1, "maxProperties": 1}


def rule_schema() -> dict[str, Any]:
    """What a rule file may hold; structure alone, since meaning needs the loader.

    A file with `extends` may leave out what its base has: only there a criterion may be a part of
    one.
    """
    definitions: dict[str, Any] = {}
    criterion = described(CriterionModel, definitions)
    top = described(RuleFile, definitions)
    for name in ("Threshold", "LimitModel"):
        definitions[name] |= _ONE_LIMIT
    criterion["required"] = ["name"]
    definitions["CriterionModel"] = criterion
    criteria = top["properties"]["criteria"]
    criteria["items"] = {"$ref": REF.format(model="CriterionModel")}
    top.pop("required")
    top["if"] = {"required": ["extends"]}
    top["else"] = {
        "required": ["version", "name"],
        "anyOf": [{"required": ["criteria"]}, {"required": ["include"]}],
        "properties": {"criteria": {"items": _WHOLE}},
    }
    return published("guardian rule file", top, definitions)


_WHOLE: Final[dict[str, Any]] = {
    "required": ["fail_if"],
    "anyOf": [{"required": [key]} for key in FORMS],
}
"""A criterion that needs no base."""
