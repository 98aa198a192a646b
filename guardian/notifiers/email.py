"""Mails each notice, as text and as simple HTML, through Amazon SES or any SMTP server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from guardian.core.model import Reason
from guardian.core.notices import Notice
from guardian.notifiers._aws_call import calling
from guardian.notifiers._delivered import Delivered
from guardian.notifiers._mail import Mail, mail
from guardian.ports import ConfigError, Context, Notifier, NotifyError

PERMISSIONS: tuple[str, ...] = ("ses:SendEmail",)


def permissions(written: Mapping[str, object]) -> tuple[str, ...]:
    """What these options need, as they stand in the file: SMTP asks AWS for nothing."""
    return () if written.get("via") == "smtp" else PERMISSIONS


MOST_ADDRESSES: Final = 50
"""SES takes at most 50 recipients a message (SES API v2, SendEmail)."""
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_SMTP_OPTIONS: Final = ("host", "port", "user", "password", "ca_file")
_SES_ADVICE: Final = {
    "MessageRejected": "verify `sender` (address or domain) in SES in this region, and while the"
    " account is in the SES sandbox, each of `addresses` as well",
    "MailFromDomainNotVerifiedException": "verify the MAIL FROM domain of the sender in SES",
    "AccountSuspendedException": "the account may not send mail any more: see the SES console",
    "SendingPausedException": "sending is paused for the account: see the SES console",
    "LimitExceededException": "the account's sending quota is used up",
    "TooManyRequestsException": "the account's sending quota is used up, a second's or a day's",
}


def _mailbox(text: str) -> str:
    # The text is not repeated: it is somebody's address, and errors end up in logs.
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise ValueError("this is not a mail address: write it like oncall@example.com")
    return text


def _server(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("this is not the name of a server: write it like smtp.example.com")
    return text


Address = Annotated[str, AfterValidator(_mailbox)]


class Options(BaseModel):
    """Who gets the mail, and who carries it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    addresses: Annotated[list[Address], Field(min_length=1, max_length=MOST_ADDRESSES)] = Field(
        description="Who gets the mail; at most 50.", repr=False
    )
    sender: Address = Field(
        description="Whom it comes from; SES must have verified it.", repr=False
    )
    via: Literal["ses", "smtp"] = Field(default="ses", description="Amazon SES, or an SMTP server.")
    host: Annotated[str, AfterValidator(_server)] | None = Field(
        default=None, description="The SMTP server."
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Its port; 587 with starttls, 465 with tls, 25 with none.",
    )
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="TLS after STARTTLS, TLS from the first byte, or none: for a relay on loopback"
        " or a trusted network, without a user.",
    )
    user: str | None = Field(
        default=None, min_length=1, max_length=255, description="For SMTP AUTH.", repr=False
    )
    password: SecretStr | None = Field(
        default=None, description="For SMTP AUTH, as a secret reference."
    )
    ca_file: Annotated[Path, Field(strict=False)] | None = Field(
        default=None, description="Certificates (PEM) to trust instead of the system's."
    )
    timeout_s: float = Field(
        default=10.0,
        ge=0.1,
        le=15.0,
        description="Longest time for a whole delivery by SMTP, in seconds.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Options:
        if self.via == "ses":
            given = [name for name in _SMTP_OPTIONS if getattr(self, name) is not None]
            if given:
                raise ValueError(f"{given[0]} belongs to SMTP: write `via: smtp` beside it")
            return self
        if self.host is None:
            raise ValueError("mail by SMTP needs a server: write `host: smtp.example.com`")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: write both or neither")
        if self.user is not None and self.security == "none":
            raise ValueError(
                "a password must not go over an open connection: write `security: starttls` or tls"
            )
        return self


def build(options: Options, context: Context) -> Notifier:
    """A notifier for one list of addresses; ConfigError for what cannot be used as it stands."""
    if options.via == "smtp":
        from guardian.notifiers._smtp import Smtp

        assert options.host is not None  # noqa: S101 - Options sees to it
        password = options.password.get_secret_value() if options.password else ""
        if not f"{options.user or ''}{password}".isascii():
            raise ConfigError(
                "the mail server's user and password must be ASCII (letters without accents,"
                " digits, signs): SMTP AUTH carries nothing else here"
            )
        carrier: Carrier = Smtp(
            host=options.host,
            port=options.port,
            security=options.security,
            login=None if options.user is None else (options.user, password),
            ca_file=options.ca_file,
            timeout_s=options.timeout_s,
            clock=context.clock,
        )
    else:
        if not context.account_id:
            raise ConfigError(
                "mail through SES is configured and there is no AWS account: write `aws:` with"
                " account_id and region at the top of the file, or `via: smtp`"
            )
        carrier = Ses(lambda: context.client("sesv2"), region=context.region)
    return Email(options.sender, options.addresses, carrier)


class Carrier(Protocol):
    """What takes a mail to its addresses."""

    def carry(self, what: Mail) -> str:
        """Send it; returns its Message-ID as the readers see it. Raises NotifyError."""
        ...


class Email:
    """One mail for each notice, the mails of a rollout in one thread.

    The handle is the Message-ID of the rollout's first mail. Every mail also refers to a root that
    is derived from the rollout alone, so that the thread survives a lost handle.
    """

    def __init__(self, sender: str, addresses: list[str], carrier: Carrier) -> None:
        self._sender = sender
        self._addresses = tuple(addresses)
        self._carrier = carrier
        self._delivered = Delivered()

    def send(self, notice: Notice, *, handle: str | None) -> str:
        """Mail the notice; a notice that this process has mailed already is not mailed again."""
        known = self._delivered.handle(notice)
        if known is not None:
            return known
        first = handle or self._delivered.thread(notice)
        written = mail(notice, sender=self._sender, addresses=self._addresses, first=first)
        sent = self._carrier.carry(written)
        self._delivered.keep(notice, first or sent)
        return first or sent


class Ses:
    """SES's SendEmail with simple content, which needs no permission for raw mail."""

    def __init__(self, client: Callable[[], Any], *, region: str) -> None:
        self._client = client
        # SES puts its own Message-ID on every mail: the id it answers, at a domain by region.
        self._domain = "email.amazonses.com" if region == "us-east-1" else f"{region}.amazonses.com"

    def carry(self, what: Mail) -> str:
        """Send it; the id is the one that SES gave it."""
        with calling("ses:SendEmail", "for a notice", advice=_SES_ADVICE):
            answer = self._client().send_email(
                FromEmailAddress=f"guardian <{what.sender}>",
                Destination={"ToAddresses": list(what.addresses)},
                Content={
                    "Simple": {
                        "Subject": {"Data": what.subject, "Charset": "UTF-8"},
                        "Body": {
                            "Text": {"Data": what.text, "Charset": "UTF-8"},
                            "Html": {"Data": what.html, "Charset": "UTF-8"},
                        },
                        "Headers": [{"Name": n, "Value": v} for n, v in what.headers.items()],
                    }
                },
            )
            given = answer.get("MessageId")
        if not isinstance(given, str) or not re.fullmatch(r"[\w.-]{1,200}", given, re.ASCII):
            raise NotifyError(
                Reason.UNKNOWN, "the answer to a mail is not SES's: is a proxy in between?"
            )
        return f"<{given}@{self._domain}>"
