"""What guardian writes for programs, read back only if it is as `guardian/v1` says."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from guardian.core.codec import from_rfc3339
from tests.record_schema import record_schema

FORMATS = FormatChecker(())


def _is_time(text: object) -> bool:
    return not isinstance(text, str) or from_rfc3339(text) is not None


FORMATS.checks("date-time", raises=ValueError)(_is_time)


@cache
def _validator(definition: str) -> Draft202012Validator:
    schema = record_schema(closed=True)
    return Draft202012Validator(
        {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]},
        format_checker=FORMATS,
    )


@cache
def definitions() -> dict[str, str]:
    """The name of each document, as its `schema` has it, and its definition."""
    return {
        definition["properties"]["schema"]["const"]: name
        for name, definition in record_schema()["$defs"].items()
        if "schema" in definition["properties"]
    }


def checked(text: str) -> Any:
    """A document, valid and without a key that the schema does not know."""
    found = json.loads(text)
    name = definitions()[found["schema"]]
    wrong = [f"{e.json_path}: {e.message}" for e in _validator(name).iter_errors(found)]
    assert wrong == [], wrong
    return found
