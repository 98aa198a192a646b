"""Posts each notice as signed JSON to one address, and to no address that it should not reach."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

import guardian
from guardian.answers import BoundedReader, TooLong, asked_wait_s, left, reason_of, trusting
from guardian.core.model import Reason
from guardian.core.notices import Notice
from guardian.notifiers._notice_json import delivery_id, encoded
from guardian.ports import Clock, ConfigError, Context, Notifier, NotifyError

PERMISSIONS: tuple[str, ...] = ()

MOST_ANSWER_BYTES: Final = 64 * 1024
"""Headers and body together; nothing in an answer needs more."""
SHORTEST_SECRET: Final = 16
_ADDRESS: Final = re.compile(r"[!-~]{1,2000}")
_ADVICE: Final = {
    Reason.THROTTLED: "too many requests",
    Reason.UNAVAILABLE: "it has trouble",
    Reason.AUTH: "check that both sides have the same secret, and the clocks",
    Reason.NOT_FOUND: "check `url`",
    Reason.INVALID: "trying the same again would not help",
}

Resolver = Callable[..., list[tuple[Any, ...]]]
"""The form of socket.getaddrinfo."""


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        hidden = parts.username is not None or parts.password is not None
    except ValueError:
        usable = hidden = False
    # The text is not repeated: a webhook's address often holds its own key.
    if not usable or hidden or not _ADDRESS.fullmatch(text) or "\\" in text:
        raise ValueError(
            "this is not an address like https://example.com/hook: letters, digits and signs"
            " only (percent-encode others), without a user in it"
        )
    return text


class Options(BaseModel):
    """Where the notices are posted, and with what they are signed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_address)] = Field(
        description="The address, `https://…`; redirects are not followed.", repr=False
    )
    secret: SecretStr = Field(
        description="What the signature is made with, as a secret reference; 16 characters or more."
    )
    receipt: bool = Field(
        default=False,
        description="Count a notice as delivered only when the answer is JSON with the delivery's"
        " id as `received`.",
    )
    allow_private: bool = Field(
        default=False,
        description="Also post to private, loopback, link-local and other addresses that are not"
        " on the public internet.",
    )
    allow_http: bool = Field(default=False, description="Also post without TLS.")
    ca_file: Annotated[Path, Field(strict=False)] | None = Field(
        default=None, description="Certificates (PEM) to trust instead of the system's."
    )
    timeout_s: float = Field(
        default=5.0, ge=0.1, le=15.0, description="Longest time for a whole delivery, in seconds."
    )

    @model_validator(mode="after")
    def _no_plain_http(self) -> Options:
        if urlsplit(self.url).scheme == "http" and not self.allow_http:
            raise ValueError(
                "url begins with http://, so that anybody on the way reads the notices: write"
                " https://, or `allow_http: true` beside it"
            )
        return self


def build(options: Options, context: Context) -> Notifier:
    """A notifier for one address; ConfigError for a weak secret or an unreadable `ca_file`."""
    if len(options.secret.get_secret_value()) < SHORTEST_SECRET:
        raise ConfigError(
            f"the webhook's secret is too short to sign with: use {SHORTEST_SECRET} characters or"
            " more, made by a password generator"
        )
    secure = urlsplit(options.url).scheme == "https"
    tls = trusting(options.ca_file, "the webhook's ca_file") if secure else None
    return Webhook(options, clock=context.clock, tls=tls)


class Webhook:
    """One POST for each notice: one attempt, one look-up of the name, one bound for all of it.

    The name is resolved once and the connection goes to the very address that was checked, so a
    name that changes its answer in between gains nothing. No proxy is used, for the same reason.
    """

    def __init__(
        self,
        options: Options,
        *,
        clock: Clock,
        tls: ssl.SSLContext | None,
        resolve: Resolver = socket.getaddrinfo,
    ) -> None:
        parts = urlsplit(options.url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if tls else 80)
        self._netloc = parts.netloc
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._options = options
        self._clock = clock
        self._tls = tls
        self._resolve = resolve

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Post the notice; NotifyError unless the answer is a 2xx (and a receipt, if wanted)."""
        body = encoded(notice).encode()
        request = self._head(notice, body) + body
        deadline = self._clock.monotonic() + self._options.timeout_s
        try:
            with (
                self._connected(deadline) as sock,
                self._exchange(sock, request, deadline) as response,
            ):
                self._judge(response, delivery_id(notice))
        except NotifyError:
            raise
        except TimeoutError:
            raise self._late() from None
        except TooLong:
            raise self._strange(f"is over {MOST_ANSWER_BYTES // 1024} KB") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreachable(error) from None
        return handle

    def _head(self, notice: Notice, body: bytes) -> bytes:
        timestamp = str(int(self._clock.now()))
        headers = {
            "Host": self._netloc,
            "User-Agent": f"guardian/{guardian.__version__}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Guardian-Delivery": delivery_id(notice),
            "Guardian-Timestamp": timestamp,
            "Guardian-Signature": signature(
                self._options.secret.get_secret_value(), timestamp, body
            ),
        }
        lines = [f"POST {self._target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    # --- the connection --------------------------------------------------------------------------

    def _connected(self, deadline: float) -> socket.socket:
        """A connection to an address that may be reached, with TLS where the address says so."""
        found = self._resolve(self._host, self._port, type=socket.SOCK_STREAM)
        allowed = [f for f in found if self._options.allow_private or is_public(f[4][0])]
        if not allowed:
            raise NotifyError(
                Reason.INVALID,
                f"nothing was sent to {self._host}: it is a private, loopback, link-local or"
                " otherwise not public address. Write `allow_private: true` if that is meant",
            )
        failure: OSError = ConnectionError()
        for family, kind, protocol, _, address in allowed:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(left(self._clock, deadline))
                sock.connect(address)
                return self._secured(sock, deadline)
            except OSError as error:
                sock.close()
                failure = error
        raise failure

    def _secured(self, sock: socket.socket, deadline: float) -> socket.socket:
        if self._tls is None:
            return sock
        sock.settimeout(left(self._clock, deadline))
        return self._tls.wrap_socket(sock, server_hostname=self._host)

    def _exchange(
        self, sock: socket.socket, request: bytes, deadline: float
    ) -> http.client.HTTPResponse:
        sock.settimeout(left(self._clock, deadline))
        sock.sendall(request)
        reader = BoundedReader(sock, self._clock, deadline=deadline, most_bytes=MOST_ANSWER_BYTES)
        response = http.client.HTTPResponse(cast("socket.socket", reader), method="POST")
        try:
            response.begin()
        except BaseException:
            response.close()
            raise
        return response

    # --- the answer ------------------------------------------------------------------------------

    def _judge(self, response: http.client.HTTPResponse, sent: str) -> None:
        status = response.status
        if not 200 <= status < 300:
            raise self._refusal(status, response.headers)
        if not self._options.receipt:
            # It was taken: what becomes of the rest of the answer changes nothing.
            with suppress(OSError, http.client.HTTPException, ValueError):
                response.read()
            return
        if _received(response.read()) != sent:
            raise self._strange("is no receipt of this delivery")

    def _refusal(self, status: int, headers: http.client.HTTPMessage) -> NotifyError:
        reason = reason_of(status)
        if reason is Reason.TIMEOUT:
            return self._late()
        redirected = "redirects are not followed, write the final address as `url`"
        advice = redirected if status < 400 else _ADVICE[reason]
        said = f"{self._host} did not take the notice (HTTP {status})"
        return NotifyError(reason, f"{said}: {advice}", after_s=asked_wait_s(headers.items()))

    def _late(self) -> NotifyError:
        return NotifyError(
            Reason.TIMEOUT,
            f"{self._host} did not answer in {self._options.timeout_s:g} s; the notice may or may"
            " not have arrived",
        )

    def _strange(self, what: str) -> NotifyError:
        detail = f"the answer of {self._host} {what}: is a proxy in between?"
        return NotifyError(Reason.UNKNOWN, detail)

    def _unreachable(self, error: Exception) -> NotifyError:
        """Only the kind of the error is repeated: its text may hold an address."""
        advice = "check the name, the network and the receiver"
        if isinstance(error, ssl.SSLCertVerificationError):
            advice = "its certificate is not trusted for this name: renew it, or set `ca_file`"
        return NotifyError(
            Reason.UNAVAILABLE, f"{self._host} cannot be reached ({type(error).__name__}): {advice}"
        )


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256, in hexadecimal, of timestamp, a dot, and the body."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _received(body: bytes) -> object:
    """The receipt's `received`; None where there is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data.get("received") if isinstance(data, dict) else None


# --- addresses ---------------------------------------------------------------------------------

_NOT_PUBLIC: Final = (
    # Azure's platform address, and Oracle's metadata, both in ranges that pass for public.
    ip_network("168.63.129.16/32"),
    ip_network("192.0.0.0/24"),
    # IPv4-compatible and NAT64 for local use: RFC 4291, RFC 8215.
    ip_network("::/96"),
    ip_network("64:ff9b:1::/48"),
)
_NAT64: Final = ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an address is on the public internet, also the IPv4 address that IPv6 may wrap.

    By IANA's registries of special-purpose addresses (RFC 6890), as the standard library has them.
    """
    return all(_is_public(address) for address in _meant(ip_address(text.partition("%")[0])))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    special = any(address in network for network in _NOT_PUBLIC)
    local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not address.is_multicast and not special and not local


def _meant(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address that packets end up at: an IPv4 one inside, or the address itself."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFF_FFFF)]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return [*address.teredo]
    return [address]
