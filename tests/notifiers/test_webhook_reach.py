"""Where the webhook notifier may go: public addresses, with TLS, whatever a name says."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.notifiers import webhook
from guardian.notifiers._notice_json import encoded
from guardian.ports import ConfigError, Notifier, NotifyError
from tests.notifiers.certificate import self_signed
from tests.notifiers.raw_server import tls_server
from tests.notifiers.samples import NOTICE, SECRET, context
from tests.notifiers.vendor import Answer, vendor


def _options(url: str, **options: Any) -> webhook.Options:
    usual = {"url": url, "secret": SECRET, "allow_private": True, "allow_http": True}
    return webhook.Options.model_validate(usual | options, strict=False)


def _notifier(url: str, **options: Any) -> Notifier:
    return webhook.build(_options(url, **options), context())


def _error(notifier: Notifier) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        notifier.send(NOTICE, handle=None)
    return caught.value


# --- where it may go ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433"])
def test_loopback_is_refused_by_number_and_by_name(host: str) -> None:
    """However the address is written, what counts is where the connection would go."""
    with vendor(lambda _: Answer()) as world:
        url = world.url.replace("127.0.0.1", host)
        error = _error(_notifier(url, allow_private=False))
        assert world.received == []
    assert (error.reason, error.retryable) == (Reason.INVALID, False)
    assert "allow_private" in error.detail


class Names:
    """A name server whose answer changes with each question."""

    def __init__(self, port: int, *answers: str) -> None:
        self.port = port
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        """The next answer; the last one stays."""
        address = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, self.port))]


def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    """The name is looked up once for each delivery, and that answer is checked and used."""
    with vendor(lambda _: Answer()) as world:
        port = int(world.url.rpartition(":")[2])
        names = Names(port, "127.0.0.1", "93.184.215.14")
        notifier = webhook.Webhook(
            _options(f"http://rebinding.example:{port}/", allow_private=False),
            clock=SystemClock(),
            tls=None,
            resolve=names,
        )
        assert _error(notifier).reason is Reason.INVALID
        assert names.asked == 1
        assert world.received == []


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - an address to refuse, nothing listens
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::127.0.0.1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2001:0:a00:1::1",
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    """Private, loopback, link-local, metadata, shared and reserved ones, wrapped in IPv6 or not."""
    assert not webhook.is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::808:808"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    """Also the NAT64 form, in which an IPv6-only network writes a public IPv4 address."""
    assert webhook.is_public(address)


def test_an_address_that_does_not_answer_does_not_hide_the_next() -> None:
    """A name may have several addresses: each is tried, within the one bound in time."""
    with vendor(lambda _: Answer()) as world:
        port = int(world.url.rpartition(":")[2])
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", _closed_port())),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]
        notifier = webhook.Webhook(
            _options("http://two.example/"),
            clock=SystemClock(),
            tls=None,
            resolve=lambda *_, **__: found,
        )
        notifier.send(NOTICE, handle=None)
        assert len(world.received) == 1


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_name_that_is_not_found_is_tried_again() -> None:
    """Name servers have their bad days too."""

    def nothing(*_: object, **__: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_AGAIN, f"try again {SECRET}")

    notifier = webhook.Webhook(
        _options("http://gone.example/"), clock=SystemClock(), tls=None, resolve=nothing
    )
    error = _error(notifier)
    assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)
    assert SECRET not in error.detail


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The certificate of localhost, beside its key."""
    return self_signed(tmp_path, "localhost")[0]


def test_a_receiver_with_a_trusted_certificate_gets_the_notice(certificate: Path) -> None:
    """`ca_file` makes a company's own receivers known."""
    with tls_server(certificate) as server:
        _notifier(server.url, ca_file=str(certificate)).send(NOTICE, handle=None)
    assert encoded(NOTICE).encode() in server.request


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_an_unknown_certificate_or_another_name_gets_nothing(
    certificate: Path, host: str, trusted: bool
) -> None:
    """The receiver must prove that it is the one in `url` before anything is sent."""
    with tls_server(certificate) as server:
        options = {"ca_file": str(certificate)} if trusted else {}
        error = _error(_notifier(server.url.replace("localhost", host), **options))
    assert server.request == b""
    assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)
    assert "certificate" in error.detail


def test_a_certificate_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    """It is said when the notifier is built."""
    with pytest.raises(ConfigError, match="ca_file"):
        _notifier("https://example.com/", ca_file=str(tmp_path / "none.pem"))
