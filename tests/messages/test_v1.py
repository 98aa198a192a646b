"""The published schema is what the code is checked against, and says no to what is otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from guardian.core import notices
from guardian.notifiers._notice_json import encoded
from tests.notifiers.samples import HOSTILE, NOTICE
from tests.record_schema import record_schema
from tests.recorded import checked, definitions

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "guardian-v1.json"


def test_the_published_schema_is_that_of_the_code() -> None:
    """It is in docs/schemas and in the wheel; delete the file to have it written anew."""
    text = json.dumps(record_schema(), indent=1) + "\n"
    if not PUBLISHED.exists():
        PUBLISHED.write_text(text, encoding="utf-8")
        pytest.fail(f"{PUBLISHED} was not there and is written now: look at it, and run again")
    assert text == PUBLISHED.read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(text))


def test_every_key_and_every_shape_has_a_form() -> None:
    """Nothing is left open but what the journal, a source or a file itself has written."""
    schema = record_schema()
    open_keys = {
        f"{name}.{key}"
        for name, shape in schema["$defs"].items()
        for key, form in shape["properties"].items()
        if "additionalProperties" in form or form.keys() <= {"description"}
    }
    assert open_keys == {
        "Entry.entry",
        "Decision.entry",
        "Plan.policy",
        "Series.query",
        "Snapshot.detail",
        "ConfigValue.value",
    }
    assert all(shape["description"] for shape in schema["$defs"].values())


def test_one_name_is_one_document() -> None:
    """`schema` alone tells a program what it reads."""
    assert len(definitions()) == len(record_schema()["anyOf"])
    assert all(name.startswith("guardian/v1/") for name in definitions())


def test_there_is_one_shape_for_a_weight_and_for_a_time() -> None:
    """A share from 0 to 1, and RFC 3339, wherever a key is called so."""
    for name, shape in record_schema()["$defs"].items():
        for key, form in shape["properties"].items():
            if key in ("weight", "wanted"):
                said = form.get("anyOf", [form])[0]
                assert (said["minimum"], said["maximum"]) == (0, 1), (name, key)
            if key in ("time", "since", "until", "start") or key.endswith("_at"):
                said = form.get("anyOf", [form])[0]
                assert said["format"] == "date-time", (name, key)


@pytest.mark.parametrize("event", list(notices.Event))
def test_a_notice_of_every_event_is_as_the_schema_says(event: notices.Event) -> None:
    """Also those that belong to no rollout."""
    assert checked(encoded(replace(NOTICE, event=event)))["event"] == event.value
    own = replace(NOTICE, event=event, weight=None, stable="", canary="", phase="", step=0, steps=0)
    assert checked(encoded(own))["weight"] is None


def test_a_notice_full_of_other_peoples_text_is_as_the_schema_says() -> None:
    """Cut and cleaned, and still the same shape; verdicts that do not fit are counted."""
    found = checked(encoded(HOSTILE))
    assert found["verdicts_not_shown"] + len(found["verdicts"]) == len(HOSTILE.verdicts)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("weight", "10%"),
        ("weight", 10),
        ("step", "1 of 3"),
        ("time", 1.5),
        ("time", "03:10"),
        ("more", 1),
    ],
)
def test_what_is_otherwise_is_told(key: str, wrong: object) -> None:
    """The check of the tests would see it."""
    record = json.loads(encoded(NOTICE))
    with pytest.raises(AssertionError):
        checked(json.dumps({**record, key: wrong}))
