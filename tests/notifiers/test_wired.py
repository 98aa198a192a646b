"""From a `notify` entry to a delivery: the account that it speaks for, and the pages' examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.engine.outbox import Receiver
from guardian.ports import ConfigError
from guardian.wiring import open_wiring
from tests.contracts.adapters import use_endpoint
from tests.notifiers.aws_world import ACCOUNT, Emulator, emulator
from tests.notifiers.samples import NOTICE, SECRET
from tests.notifiers.vendor import Answer, vendor

ROOT = Path(__file__).parent.parent.parent
TOP: dict[str, object] = {"version": 1, "environment": "production"}
HOME = {"account_id": ACCOUNT, "region": "us-east-1"}
SERVICE: dict[str, Any] = {"router": {"type": "none"}, "rules": ["preset:lambda"]}
EMAIL = {"to": "email", "addresses": ["oncall@example.com"], "sender": "guardian@example.com"}


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    """An AWS emulator on loopback."""
    with emulator() as served:
        yield served


def _receivers(folder: Path, text: str, **environ: str) -> list[Receiver]:
    file = folder / "config" / "production.yaml"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    with open_wiring(file, environ=environ) as wiring:
        return wiring.receivers()


def _file(content: dict[str, object]) -> str:
    return json.dumps(TOP | content)


def test_a_configured_notice_reaches_ses_the_bus_and_the_receiver(
    aws: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three entries of a file, nothing else: each delivers in the file's account."""
    use_endpoint(monkeypatch, aws.url)
    aws.client("sesv2").create_email_identity(EmailIdentity="guardian@example.com")
    with vendor(lambda _: Answer()) as world:
        hook: dict[str, object] = {"to": "webhook", "url": world.url, "secret": {"env": "HOOK"}}
        hook |= {"allow_private": True, "allow_http": True}
        notify = [EMAIL, {"to": "eventbridge"}, hook]
        text = _file({"aws": HOME, "services": {"agents-api": SERVICE}, "notify": notify})
        email, bus, webhook = _receivers(tmp_path, text, HOOK=SECRET)
        assert str(email.notifier.send(NOTICE, handle=None)).startswith("<")
        bus.notifier.send(NOTICE, handle=None)
        webhook.notifier.send(NOTICE, handle=None)
        assert len(world.received) == 1
    assert [receiver.name for receiver in (email, bus, webhook)] == [
        "email",
        "eventbridge",
        "webhook",
    ]


def _service_in(region: str, **more: object) -> dict[str, object]:
    return {**SERVICE, "aws": HOME | {"region": region}, **more}


@pytest.mark.parametrize(
    ("content", "region"),
    [
        ({"aws": HOME, "services": {"a": SERVICE}, "notify": [EMAIL]}, "us-east-1"),
        ({"services": {"a": _service_in("eu-west-1")}, "notify": [EMAIL]}, "eu-west-1"),
        ({"aws": HOME, "services": {"a": _service_in("eu-west-1", notify=[EMAIL])}}, "eu-west-1"),
        (
            {
                "aws": HOME,
                "services": {"a": _service_in("eu-west-1"), "b": SERVICE},
                "notify": [EMAIL],
            },
            "us-east-1",
        ),
    ],
)
def test_a_notifier_speaks_for_the_account_of_what_it_tells_of(
    aws: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: dict[str, object],
    region: str,
) -> None:
    """The file's account for a file's entry, the service's for a service's own."""
    use_endpoint(monkeypatch, aws.url)
    (receiver,) = _receivers(tmp_path, _file(content))
    domain = "email.amazonses.com" if region == "us-east-1" else f"{region}.amazonses.com"
    assert receiver.notifier._carrier._domain == domain  # type: ignore[attr-defined]  # of one class


def test_a_notifier_of_aws_without_one_account_is_a_configuration_error(tmp_path: Path) -> None:
    """Services in several regions and no `aws:` at the top leave it open where to send from."""
    services = {"a": _service_in("eu-west-1"), "b": _service_in("us-east-1")}
    with pytest.raises(ConfigError, match="no AWS account"):
        _receivers(tmp_path, _file({"services": services, "notify": [EMAIL]}))


def test_a_misspelt_option_is_found_at_its_place(tmp_path: Path) -> None:
    """As everywhere in the file: line, column, and what was meant."""
    wrong = EMAIL | {"addresses": ["oncall"], "timout_s": 1.0}
    content = {"aws": HOME, "services": {"a": SERVICE}, "notify": [wrong]}
    with pytest.raises(ConfigError) as caught:
        _receivers(tmp_path, _file(content))
    assert "did you mean 'timeout_s'?" in str(caught.value)
    assert "this is not a mail address" in str(caught.value)


HEAD = "".join(
    f"{key}: {json.dumps(value)}\n"
    for key, value in (TOP | {"aws": HOME, "services": {"a": SERVICE}}).items()
)
"""What a fragment leaves out."""


@pytest.mark.parametrize("page", ["email", "webhook"])
def test_the_pages_examples_with_secrets_load(page: str, tmp_path: Path) -> None:
    """Examples whose secrets come from the environment make a notifier."""
    text = (ROOT / "docs" / "notifiers" / f"{page}.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```text\n((?:.*\n)*?)^```$", text, flags=re.MULTILINE)
    content = example if example.startswith("version:") else HEAD + example
    environ = dict.fromkeys(re.findall(r"env: (\w+)", content), SECRET)
    (receiver,) = _receivers(tmp_path, content, **environ)
    assert receiver.name == page
