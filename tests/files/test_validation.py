"""Every kind of pydantic error is told in words for people."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from guardian.files.findings import Node
from guardian.files.validation import Strict, validate, validate_options
from guardian.files.yaml import parse
from guardian.notifiers import email, webhook
from guardian.sources import prometheus


class Colour(Enum):
    """Two of them."""

    RED = "red"
    BLUE = "blue"


class Inner(Strict):
    """A nested mapping."""

    depth: int = 0


class Model(BaseModel):
    """One field for each kind of error."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]+$")] = "ab"
    whole: Annotated[int, Field(ge=1, lt=10, multiple_of=2)] = 2
    number: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    truth: Annotated[bool, Field(strict=True)] = True
    items: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    table: dict[str, int] = {}
    inner: Inner = Inner()
    either: Inner | int = 0
    maybe: Inner | None = None
    word: Literal["stay", "leave"] = "stay"
    colour: Colour = Colour.RED
    path: Path = Path()
    pair: tuple[int, int] = (1, 2)
    token: Annotated[str, Field(max_length=3)] = ""


def messages(text: str) -> list[str]:
    """What is said of a text."""
    _, findings = validate(Model, parse(text.encode(), "x.yaml"))
    return [f"{f.line}:{f.column} {f.message}" for f in findings]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text: a", "1:7 this text is too short: at least 2 characters"),
        ("text: abcde", "1:7 this text is too long: at most 4 characters"),
        ("text: A1", "1:7 'A1' does not have the form that belongs here (^[a-z]+$)"),
        ("text: 12", "1:7 expected text, found 12: put it in quotes"),
        ("text:", "1:1 a value is missing here: expected text"),
        ("whole: 0", "1:8 0 is not allowed here: it must be at least 1"),
        ("whole: 10", "1:8 10 is not allowed here: it must be less than 10"),
        ("whole: 3", "1:8 3 is not allowed here: it must be a multiple of 2"),
        ("whole: 2.5", "1:8 expected a whole number, found 2.5"),
        ("whole: many", "1:8 expected a whole number, found 'many'"),
        ("number: 0", "1:9 0 is not allowed here: it must be more than 0"),
        ("number: 2", "1:9 2 is not allowed here: it must be at most 1"),
        ("number: x", "1:9 expected a number, found 'x'"),
        ("truth: yes", "1:8 expected true or false, found 'yes'"),
        ("items: 5", "1:8 expected a list, found 5"),
        ("items: []", "1:8 at least 1 is needed here, found 0"),
        ("items: [1, 2, 3]", "1:8 at most 2 may stand here"),
        ("items: [1, x]", "1:12 expected a whole number, found 'x'"),
        ("table: []", "1:8 expected a mapping (key: value), found a list"),
        ("table: {a: x}", "1:12 expected a whole number, found 'x'"),
        ("inner: 5", "1:8 expected a mapping (key: value), found 5"),
        ("inner: {depht: 5}", "1:9 unknown key 'depht' (did you mean 'depth'?)"),
        ("either: {depht: 5}", "1:10 unknown key 'depht' (did you mean 'depth'?)"),
        ("maybe: {depth: x}", "1:16 expected a whole number, found 'x'"),
        ("word: leaf", "1:7 'leaf' is not allowed here: use one of stay, leave"),
        ("colour: green", "1:9 'green' is not allowed here: use one of red, blue"),
        ("path: 5", "1:7 expected a path, as text, found 5"),
        ("pair: [1, x]", "1:11 expected a whole number, found 'x'"),
        ("token: hush!", "1:8 this text is too long: at most 3 characters"),
        ("- a", "1:1 expected a mapping (key: value), found a list"),
    ],
)  # fmt: skip
def test_each_kind_of_error_has_its_words(text: str, message: str) -> None:
    """Position and sentence say what is wrong and what belongs there."""
    assert message in messages(text + "\n")
    assert not any("Input should" in said for said in messages(text + "\n"))


def test_what_a_value_of_several_kinds_could_be_is_joined() -> None:
    """A union's branches make one finding, without their names."""
    assert messages("either: x\n") == [
        "1:9 expected a mapping (key: value), found 'x'; or expected a whole number, found 'x'"
    ]


def test_all_errors_come_in_one_run_and_in_their_places() -> None:
    """Three mistakes are three findings."""
    assert [m[:3] for m in messages("text: 1\nwhole: x\ninner: {depth: y}\n")] == [
        "1:7",
        "2:8",
        "3:1",
    ]


def test_the_rest_is_typed_although_a_key_is_unknown() -> None:
    """A misspelt key does not keep later checks from running."""
    model, findings = validate(Model, parse(b"whole: 4\nwohle: 4\ninner: {x: 1, depth: 3}\n", "x"))
    assert sorted(f.line for f in findings) == [2, 3]
    assert model is not None
    assert (model.whole, model.inner.depth) == (4, 3)


class Paged(BaseModel):
    """Options with a secret."""

    model_config = ConfigDict(extra="forbid", strict=True)

    routing_key: SecretStr | None = None
    timeout_s: float = 5.0


def test_a_secret_field_takes_a_reference_and_gets_the_secret() -> None:
    """The adapter sees the value, the file only its place."""
    node = Node(parse(b"to: x\nrouting_key: {env: KEY}\n", "x.yaml"))
    options, findings = validate_options(
        Paged, node, without={"to"}, environ={"KEY": "hush"}, base=Path()
    )
    assert findings == []
    assert options is not None
    assert options.routing_key is not None
    assert options.routing_key.get_secret_value() == "hush"
    assert "hush" not in repr(options)


def test_a_literal_secret_is_a_finding_beside_the_others() -> None:
    """One run tells of the secret and of the wrong type."""
    node = Node(parse(b"routing_key: hush\ntimeout_s: soon\n", "x.yaml"))
    options, findings = validate_options(Paged, node, without=(), environ={}, base=Path())
    assert options is None
    assert len(findings) == 2
    assert "hush" not in "".join(map(str, findings))


PATHS: dict[str, tuple[type[BaseModel], dict[str, object]]] = {
    "prometheus": (prometheus.Options, {"url": "https://example.com/"}),
    "webhook": (webhook.Options, {"url": "https://example.com/", "secret": {"env": "KEY"}}),
    "email": (
        email.Options,
        {"via": "smtp", "host": "mail", "addresses": ["a@example.com"], "sender": "b@example.com"},
    ),
}


@pytest.mark.parametrize("adapter", PATHS)
@pytest.mark.parametrize(
    ("written", "meant"), [("ca.pem", "/etc/guardian/ca.pem"), ("/tls/ca.pem", "/tls/ca.pem")]
)
def test_a_path_starts_at_the_folder_of_its_file(adapter: str, written: str, meant: str) -> None:
    """Wherever the process was started; an adapter's options say which of them are paths."""
    model, given = PATHS[adapter]
    node = Node(parse(json.dumps(given | {"ca_file": written}).encode(), "x.yaml"))
    base, environ = Path("/etc/guardian"), {"KEY": "k" * 32}
    options, findings = validate_options(model, node, without=(), environ=environ, base=base)
    assert findings == []
    assert options is not None
    assert options.model_dump()["ca_file"] == Path(meant)
