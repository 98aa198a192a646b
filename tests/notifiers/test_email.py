"""The email notifier: readable mails in one thread, by SES and by SMTP, over real sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from guardian.core.model import Reason
from guardian.core.notices import Event
from guardian.notifiers import email
from guardian.notifiers._delivered import REMEMBERED
from guardian.notifiers._mail import CRITERIA_SHOWN, Mail, mail
from guardian.ports import ConfigError, Notifier, NotifyError
from tests.notifiers.aws_world import (
    AwsNotifierContract,
    Emulator,
    aws_context,
    emulator,
    quick_client,
)
from tests.notifiers.samples import HOSTILE, NOTICE, QUIET, SECRET, VERDICT, context, hidden
from tests.notifiers.vendor import Answer, Received, Vendor, vendor

SENDER = "guardian@example.com"
ONCALL = "oncall@example.com"
SECOND = "second@example.com"


def _ses(url: str, *, timeout_s: float = 5.0, addresses: tuple[str, ...] = (ONCALL,)) -> Notifier:
    made = quick_client("sesv2", url, timeout_s=timeout_s)
    options = email.Options(addresses=list(addresses), sender=SENDER)
    return email.build(options, replace(context(), client=lambda _: made))


def _error(notifier: Notifier) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        notifier.send(NOTICE, handle=None)
    for text in (ONCALL, SECOND, SENDER, SECRET):
        assert text not in caught.value.detail
    return caught.value


def _written(notice: Any = NOTICE, first: str | None = None) -> Mail:
    return mail(notice, sender=SENDER, addresses=(ONCALL,), first=first)


# --- SES ---------------------------------------------------------------------------------------


class TestSesContract(AwsNotifierContract):
    """Mail by SES keeps the notifiers' contract."""

    def notifier(self, url: str, *, timeout_s: float = 5.0) -> Notifier:
        """The notifier under test."""
        return _ses(url, timeout_s=timeout_s)

    def accept(self, received: Received) -> Answer:
        """SES takes every mail."""
        return Answer(body='{"MessageId": "0100018c-1"}')

    def openings(self, requests: list[Received]) -> set[str]:
        """Each mail opens one."""
        return {str(number) for number, _ in enumerate(requests)}

    def is_harmless(self, world: Vendor) -> None:
        """The subject is one line, no tag but ours is in the HTML, the whole is bounded."""
        for received in world.received:
            content = received.body["Content"]["Simple"]
            assert hidden(content["Subject"]["Data"]) == set()
            assert len(content["Subject"]["Data"]) <= 200
            for kind in ("Text", "Html"):
                assert hidden(content["Body"][kind]["Data"], lines=True) == set()
                assert len(content["Body"][kind]["Data"]) < 200_000
            tags = set(re.findall(r"<([^>\s/!]+)", content["Body"]["Html"]["Data"]))
            assert tags <= {
                "html",
                "head",
                "meta",
                "body",
                "h2",
                "h3",
                "table",
                "tr",
                "th",
                "td",
                "p",
            }


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    """An AWS emulator on loopback."""
    with emulator() as served:
        yield served


def test_ses_sends_from_a_verified_sender_only(aws: Emulator) -> None:
    """An unverified sender is refused for good, without its address in the error."""
    options = email.Options(addresses=[ONCALL], sender=SENDER)
    refused = _error(email.build(options, aws_context(aws)))
    assert (refused.reason, refused.retryable) == (Reason.INVALID, False)
    assert "verify `sender`" in refused.detail
    aws.client("sesv2").create_email_identity(EmailIdentity=SENDER)
    handle = email.build(options, aws_context(aws)).send(NOTICE, handle=None)
    assert re.fullmatch(r"<[\w-]+@email\.amazonses\.com>", str(handle))


def test_the_thread_of_ses_follows_the_ids_that_ses_gives() -> None:
    """SES replaces every Message-ID, so the handle is made of the id in its answer."""
    with vendor(lambda _: Answer(body='{"MessageId": "0100-a"}')) as world:
        notifier = _ses(world.url)
        handle = notifier.send(QUIET, handle=None)
        assert handle == "<0100-a@email.amazonses.com>"
        world.script = lambda _: Answer(body='{"MessageId": "0100-b"}')
        assert notifier.send(replace(NOTICE, seq=6), handle=handle) == handle
    first, second = (
        {h["Name"]: h["Value"] for h in received.body["Content"]["Simple"]["Headers"]}
        for received in world.received
    )
    assert "In-Reply-To" not in first
    assert second["In-Reply-To"] == handle
    assert second["References"] == f"{first['References']} {handle}"
    assert set(second) == {"Auto-Submitted", "References", "In-Reply-To"}


def test_other_regions_have_other_ids() -> None:
    """The domain of SES's ids is the region's, but for the first region."""
    carrier = email.Ses(lambda: None, region="eu-west-1")
    assert carrier._domain == "eu-west-1.amazonses.com"


def test_an_id_that_is_not_ses_s_is_no_delivery() -> None:
    """Nothing that would begin another header becomes a handle."""
    answer = Answer(body=json.dumps({"MessageId": "a>\r\nBcc: evil"}))
    with vendor(lambda _: answer) as world:
        error = _error(_ses(world.url))
    assert (error.reason, error.retryable) == (Reason.UNKNOWN, True)


@pytest.mark.parametrize(
    ("code", "status", "reason", "retryable"),
    [
        ("MessageRejected", 400, Reason.INVALID, False),
        ("MailFromDomainNotVerifiedException", 400, Reason.INVALID, False),
        ("SendingPausedException", 400, Reason.INVALID, False),
        ("LimitExceededException", 400, Reason.THROTTLED, True),
        ("TooManyRequestsException", 429, Reason.THROTTLED, True),
        ("NotFoundException", 404, Reason.NOT_FOUND, False),
        ("InternalServiceErrorException", 500, Reason.UNAVAILABLE, True),
    ],
)
def test_sess_refusals_have_reasons(
    code: str, status: int, reason: Reason, retryable: bool
) -> None:
    """SES's message names addresses; ours says what to do instead."""
    body = json.dumps({"message": f"not verified: {ONCALL}, {SENDER}"})
    answer = Answer(status=status, body=body, headers={"x-amzn-ErrorType": code})
    with vendor(lambda _: answer) as world:
        error = _error(_ses(world.url))
    assert (error.reason, error.retryable) == (reason, retryable)


def test_the_oldest_rollouts_are_forgotten() -> None:
    """Memory against doubles is bounded."""
    with vendor(lambda _: Answer(body='{"MessageId": "1"}')) as world:
        notifier = _ses(world.url)
        for number in range(REMEMBERED + 1):
            notifier.send(replace(QUIET, rollout=f"r-{number}"), handle=None)
        before = len(world.received)
        notifier.send(replace(QUIET, rollout=f"r-{REMEMBERED}"), handle=None)
        assert len(world.received) == before
        notifier.send(replace(QUIET, rollout="r-0"), handle=None)
        assert len(world.received) == before + 1


# --- the mail itself ---------------------------------------------------------------------------


def test_a_mail_says_what_a_person_needs() -> None:
    """Title in the subject; in the text what was done, what to do, and each criterion."""
    written = _written()
    assert written.subject == "[production] agents-api: 42 was rolled back, traffic is 41 100%"
    for part in (
        "What guardian did: guardian put 41 back.",
        "What you can do: `guardian rollout history agents-api`",
        "Service: agents-api in production",
        "Versions: stable 41, canary 42 at 0%",
        "Time: 2026-09-21T14:25:00.000Z",
        "- FAIL: error-rate: 6.1%, limit above 5%, 480 samples in 10 minutes, 14:13 to 14:23 UTC",
    ):
        assert part in written.text
    assert "<td" in written.html
    assert "29 of 480 requests failed" in written.html


@pytest.mark.parametrize("event", list(Event))
def test_every_event_can_be_mailed_without_verdicts_and_advice(event: Event) -> None:
    """A notice with nothing but a title and a text is complete."""
    written = _written(replace(QUIET, event=event, verdicts=(), todo="", step=0))
    assert "What you can do" not in written.text
    assert "Criteria" not in written.text + written.html


def test_criteria_beyond_the_limit_are_counted() -> None:
    """A person is told that more was judged than is shown."""
    many = _written(replace(NOTICE, verdicts=(VERDICT,) * (CRITERIA_SHOWN + 2)))
    for body in (many.text, many.html):
        assert "2 more criteria are not shown." in body


def test_a_hostile_notice_writes_no_header_and_no_tag() -> None:
    """Line ends, tags and escapes are harmless in every part of the mail."""
    written = _written(HOSTILE, first="<ok@x>\r\nBcc: evil@example.com")
    assert "In-Reply-To" not in written.headers
    for text in (written.subject, written.message_id, *written.headers.values()):
        assert hidden(text) == set()
    assert "<https:" not in written.html
    assert "&lt;https:" in written.html


def test_mails_of_one_rollout_share_a_root_and_no_id() -> None:
    """The thread survives a lost handle, and no mail is taken for another."""
    mails = [_written(replace(NOTICE, seq=seq)) for seq in (1, 2)]
    other = _written(replace(NOTICE, rollout="r-2"))
    assert mails[0].headers["References"] == mails[1].headers["References"]
    assert other.headers["References"] != mails[0].headers["References"]
    assert len({written.message_id for written in (*mails, other)}) == 3


# --- options -----------------------------------------------------------------------------------

LOGIN = {"user": "guardian", "password": SECRET}
USUAL: dict[str, Any] = {"addresses": [ONCALL], "sender": SENDER}
SMTP = USUAL | {"via": "smtp", "host": "smtp.example.com"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (USUAL | {"addresses": []}, "at least 1"),
        (USUAL | {"addresses": [ONCALL] * 51}, "at most 50"),
        (USUAL | {"addresses": ["a@example.com\r\nBcc: b@example.com"]}, "mail address"),
        (USUAL | {"addresses": ["On call <oncall@example.com>"]}, "mail address"),
        (USUAL | {"addresses": [f"{'a' * 250}@example.com"]}, "mail address"),
        (USUAL | {"sender": "nobody"}, "mail address"),
        (USUAL | {"host": "smtp.example.com"}, "via: smtp"),
        (USUAL | {"via": "smtp"}, "host: smtp.example.com"),
        (USUAL | {"adresses": []}, "adresses"),
        (SMTP | {"host": "smtp.example.com\r\n"}, "name of a server"),
        (SMTP | {"user": "guardian"}, "user and password belong together"),
        (SMTP | LOGIN | {"security": "none"}, "open connection"),
    ],
)
def test_the_options_are_strict_and_fit_together(options: dict[str, Any], says: str) -> None:
    """What cannot work is refused when the file is read, and no address is repeated."""
    with pytest.raises(ValidationError, match=re.escape(says)) as caught:
        email.Options.model_validate(options)
    for text in ("b@example.com", "On call", "a" * 250, "nobody", SECRET):
        assert text not in str(caught.value)


def test_the_options_show_neither_addresses_nor_the_password() -> None:
    """Their repr may end up in a log."""
    shown = repr(email.Options.model_validate(SMTP | LOGIN))
    for text in (ONCALL, SENDER, SECRET):
        assert text not in shown


def test_ses_without_an_account_is_a_configuration_error() -> None:
    """It is said when the notifier is built, with what to write."""
    with pytest.raises(ConfigError, match="via: smtp"):
        email.build(email.Options.model_validate(USUAL), replace(context(), account_id=""))


def test_smtp_needs_no_account() -> None:
    """Nothing of AWS is asked for."""
    notifier = email.build(email.Options.model_validate(SMTP), replace(context(), account_id=""))
    assert isinstance(notifier, email.Email)


def test_a_password_that_cannot_be_sent_is_a_configuration_error() -> None:
    """It is said when the notifier is built, without the password."""
    options = email.Options.model_validate(SMTP | LOGIN | {"password": "gehe\N{DIAERESIS}im"})
    with pytest.raises(ConfigError, match="ASCII") as caught:
        email.build(options, context())
    assert "gehe" not in str(caught.value)


def test_a_certificate_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    """It is said when the notifier is built."""
    options = email.Options.model_validate(SMTP | {"ca_file": str(tmp_path / "none.pem")})
    with pytest.raises(ConfigError, match="ca_file"):
        email.build(options, context())
