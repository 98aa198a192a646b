"""The listener: what it answers, what it refuses, and that no client can do it harm."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.client import RemoteDisconnected

import pytest

from guardian.ports import ConfigError
from guardian.ports.daemon_status import DaemonStatus
from guardian.web.app import MAX_CONNECTIONS, MAX_HEAD, parse_listen, serve
from guardian.web.metrics import PrometheusMetrics
from tests.contracts.journal_values import ManualClock
from tests.web.scraping import NOW, ask, at_work, dial, listening, samples

PATIENCE_S = 20.0
REQUEST = b"GET /metrics HTTP/1.1\r\n\r\n"


def ended(connection: socket.socket) -> bytes:
    """What a client still gets until its connection is closed."""
    found = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            found += part
    return found


# --- what it answers ---------------------------------------------------------------------------


def test_metrics_are_text_that_prometheus_reads() -> None:
    """Without wishes a scraper gets the plain text format."""
    with listening() as listener:
        status, headers, body = ask(listener, "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert ("guardian_notices_pending", ()) in samples(body)
    assert headers["content-length"] == str(len(body))
    assert headers["cache-control"] == "no-store"
    assert headers["server"] == "guardian"


def test_metrics_are_openmetrics_when_asked() -> None:
    """As Prometheus asks by default."""
    accept = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5"}
    with listening() as listener:
        _, headers, body = ask(listener, "/metrics", headers=accept)
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")


def test_metrics_are_packed_when_asked() -> None:
    """The page repeats itself a lot."""
    with listening() as listener:
        _, _, plain = ask(listener, "/metrics")
        _, headers, packed = ask(listener, "/metrics", headers={"Accept-Encoding": "br, gzip"})
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 3


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/livez?verbose=1"])
def test_a_healthy_daemon_is_alive_and_ready(path: str) -> None:
    """200 and `ok`."""
    with listening() as listener:
        status, _, body = ask(listener, path)
    assert (status, body) == (200, b"ok\n")


def test_a_notifier_that_refuses_is_told_below_the_ok() -> None:
    """A restart would not mend it, so it is no 503."""
    overview = replace(
        at_work(), notifiers={"slack": "", "pagerduty": "HTTP 403: the key is unknown"}
    )
    with listening(lambda: overview) as listener:
        status, _, body = ask(listener, "/readyz")
        assert ask(listener, "/livez")[2] == b"ok\n"
    expected = b"ok\npagerduty refuses what it is given: HTTP 403: the key is unknown\n"
    assert (status, body) == (200, expected)


def test_trouble_is_a_503_with_its_reason() -> None:
    """Each question has an answer of its own: a daemon may live and not be ready."""
    overview = replace(at_work(), ready="the journal cannot be opened: disk full")
    with listening(lambda: overview) as listener:
        assert ask(listener, "/livez")[0] == 200
        status, _, body = ask(listener, "/readyz")
        assert (status, body) == (503, b"the journal cannot be opened: disk full\n")
        overview = replace(at_work(), alive="no tick has ended for 61 s")
        status, _, body = ask(listener, "/livez")
        assert (status, body) == (503, b"no tick has ended for 61 s\n")
        assert ask(listener, "/metrics")[0] == 200


def test_a_target_that_cannot_be_seen_stands_below_the_answer_and_changes_it_not() -> None:
    """A vendor's outage must not have a daemon replaced; a line each, whatever the reason holds."""
    overview = replace(at_work(), unseen={"worker": "no such function\nok", "api": ""})
    said = b"worker: its target cannot be seen: no such function ok\n"
    with listening(lambda: overview) as listener:
        status, _, body = ask(listener, "/readyz")
        assert (status, body) == (200, b"ok\n" + said)
        assert ask(listener, "/livez")[2] == b"ok\n"
        overview = replace(overview, ready="disk full")
        status, _, body = ask(listener, "/readyz")
        assert (status, body) == (503, b"disk full\n" + said)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:9464", "10.1.2.3:80", "[::1]:9464", "LOCALHOST:1", "metrics.example"],
)
def test_addresses_and_names_of_ours_are_answered(host: str) -> None:
    """Prometheus asks by address; a name has to be listed."""
    with listening(hosts=["metrics.example"]) as listener:
        assert ask(listener, "/metrics", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/livez"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:9464", "localhost.evil"])
def test_another_name_is_refused(path: str, host: str) -> None:
    """A page in somebody's browser may have its own name lead here (DNS rebinding)."""
    with listening() as listener:
        status, _, body = ask(listener, path, headers={"Host": host})
    assert (status, b"GUARDIAN_METRICS_HOSTS" in body) == (421, True)


def test_a_scrape_shows_the_overview_of_its_moment() -> None:
    """Nothing is kept from one scrape to the next."""
    pending = iter(range(5, 10))

    def overview() -> DaemonStatus:
        return replace(at_work(), pending=next(pending))

    with listening(overview) as listener:
        found = [samples(ask(listener, "/metrics")[2]) for _ in range(3)]
    assert [page["guardian_notices_pending", ()] for page in found] == [5, 6, 7]


def test_elsewhere_is_nothing() -> None:
    """A wrong path is told the right ones."""
    with listening() as listener:
        for path in ("/", "/metrics/", "/metricsx", "/api/v1/rollouts"):
            status, _, body = ask(listener, path)
            assert (status, b"/metrics, /livez, /readyz" in body) == (404, True)


def test_head_is_get_without_a_body() -> None:
    """Load balancers ask like that."""
    with listening() as listener:
        for path in ("/metrics", "/livez", "/nowhere"):
            _, of_get, body = ask(listener, path)
            status, of_head, nothing = ask(listener, path, method="HEAD")
            assert nothing == b""
            assert of_head["content-length"] == of_get["content-length"] == str(len(body))
            assert status == (404 if path == "/nowhere" else 200)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_any_other_method_is_refused(method: str) -> None:
    """Nothing here writes."""
    with listening() as listener:
        status, headers, body = ask(listener, "/metrics", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert b"<" not in body


# --- what clients can do -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nno colon here\r\n\r\n",
        b"\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET /" + b"a" * (MAX_HEAD + 100) + b" HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nX-Long: " + b"a" * (MAX_HEAD + 100) + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    ],
    ids=["tls", "one word", "version", "no colon", "empty", "zeros", "line", "header", "headers"],
)
def test_what_is_no_request_ends_its_connection_and_nothing_else(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused or cut off, without a page of HTML, and without an error in the log."""
    with listening() as listener:
        with dial(listener, sent) as connection:
            answer = ended(connection)
        assert ask(listener, "/livez")[0] == 200
    assert b"<html" not in answer.lower()
    assert (b"200" in answer[:15]) == (b"no colon" in sent)
    assert caplog.records == []


def test_clients_that_say_nothing_hold_up_nobody() -> None:
    """More than there are places: the oldest have to go, and a scrape, or the next, is served."""
    with listening() as listener, ExitStack() as silent:
        for _ in range(3 * MAX_CONNECTIONS):
            silent.enter_context(dial(listener, b"GET /metrics HT"))
        answers = []
        for _ in range(5):  # While the oldest leave, the newest may be refused.
            with suppress(RemoteDisconnected, ConnectionResetError):
                answers.append(ask(listener, "/metrics")[0])
        assert 200 in answers


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off() -> None:
    """A connection has a time to live, whatever happens on it."""
    clock = ManualClock()
    with listening(clock=clock) as listener, dial(listener, b"GET /metrics HTTP/1.1\r\n") as slow:
        slow.sendall(b"X: y\r\n")
        assert ask(listener, "/livez")[0] == 200  # the slow one is known by now
        clock.uptime += 60.0
        assert ended(slow) == b""


def test_a_client_that_does_not_read_its_answer_holds_up_nobody() -> None:
    """Others are answered meanwhile."""
    with listening() as listener, ExitStack() as deaf:
        for _ in range(MAX_CONNECTIONS // 2):
            deaf.enter_context(dial(listener, REQUEST))
        for _ in range(5):
            assert ask(listener, "/livez")[0] == 200


def test_a_client_that_hangs_up_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """Its business, not an error."""
    with listening() as listener:
        for _ in range(20):
            dial(listener, REQUEST).close()
        assert ask(listener, "/livez")[0] == 200
    assert caplog.records == []


def test_a_page_that_cannot_be_made_is_a_500_and_the_next_one_is_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the reason; the client learns nothing of it."""
    broken = [True]

    def overview() -> DaemonStatus:
        if broken[0]:
            raise RuntimeError("xoxb-secret")
        return at_work()

    with listening(overview) as listener:
        for path in ("/metrics", "/livez", "/readyz"):
            status, _, body = ask(listener, path)
            assert (status, b"xoxb" in body) == (500, False)
        broken[0] = False
        assert ask(listener, "/metrics")[0] == 200
    assert [r.levelno for r in caplog.records] == [logging.ERROR] * 3


def test_health_is_answered_while_a_scrape_hangs() -> None:
    """A page that takes long is waited for by scrapers alone."""
    inside, go_on = threading.Event(), threading.Event()

    class Slow(PrometheusMetrics):
        def page(
            self, overview: DaemonStatus, *, accept: str = "", encodings: str = ""
        ) -> tuple[bytes, dict[str, str]]:
            inside.set()
            go_on.wait(PATIENCE_S)
            return super().page(overview, accept=accept, encodings=encodings)

    with listening(metrics=Slow()) as listener, dial(listener, REQUEST) as scrape:
        assert inside.wait(PATIENCE_S)
        assert ask(listener, "/livez")[0] == 200
        go_on.set()
        assert ended(scrape).startswith(b"HTTP/1.0 200")


def test_scrapes_and_counting_go_on_at_the_same_time() -> None:
    """Eight scrapers while the engine counts: no page breaks, and nothing is lost."""
    metrics = PrometheusMetrics()
    broken: list[object] = []

    def scrape() -> None:
        for _ in range(10):
            status, _, body = ask(listener, "/metrics")
            if status != 200 or not samples(body):
                broken.append((status, body))

    with listening(metrics=metrics) as listener:
        threads = [threading.Thread(target=scrape) for _ in range(8)]
        for thread in threads:
            thread.start()
        for i in range(2000):
            metrics.ended(f"service-{i % 50}", "completed")
            metrics.tick("a:b:c", at=NOW, took_s=0.1, lag_s=0.0)
        for thread in threads:
            thread.join(PATIENCE_S)
        found = samples(ask(listener, "/metrics")[2], "guardian_tick_duration_seconds_count")
    assert broken == []
    assert list(found.values()) == [2000.0]


def test_stopping_ends_every_connection_and_frees_the_port() -> None:
    """It can be started again at once, on the same port, and stopped twice."""
    with listening() as listener:
        with dial(listener, b"GET /met") as waiting:
            assert ask(listener, "/livez")[0] == 200
            address = listener.address
            listener.stop()
            assert ended(waiting) == b""
        listener.stop()
        again = serve(address, overview=at_work, metrics=PrometheusMetrics())
        try:
            assert ask(again, "/livez")[0] == 200
        finally:
            again.stop()


# --- where it listens --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9464", "127.0.0.1", 9464),
        ("localhost:0", "localhost", 0),
        (":9464", "127.0.0.1", 9464),
        ("[::1]:9464", "::1", 9464),
        ("[::]:9464", "::", 9464),
        ("0.0.0.0:80", "0.0.0.0", 80),  # noqa: S104 - read, and not listened on
    ],
)
def test_an_address_has_a_host_and_a_port(text: str, host: str, port: int) -> None:
    """Without a host it is this machine alone."""
    assert parse_listen(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", "9464", "localhost", "localhost:", "::1:9464", "[::1]", "[::1:9464", "::1]:9464"),
        *("a:b:1", "[a]b:1", "http://host:1", "host:65536", "host:-1", "host:http"),
        *("host:\N{SUPERSCRIPT TWO}", "host:\N{ARABIC-INDIC DIGIT TWO}"),
    ],
)
def test_what_is_no_address_is_refused_with_how_to_write_one(text: str) -> None:
    """The text itself, and an example."""
    with pytest.raises(ConfigError, match=r"is not an address.*127\.0\.0\.1:9464") as caught:
        parse_listen(text)
    assert repr(text) in str(caught.value)


@contextmanager
def taken() -> Iterator[str]:
    """An address that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


def test_an_address_in_use_is_a_sentence() -> None:
    """The daemon says so at its start, with what to do."""
    with (
        taken() as address,
        pytest.raises(ConfigError, match=r"another program listens there.*GUARDIAN_METRICS_LISTEN"),
    ):
        serve(address, overview=at_work, metrics=PrometheusMetrics())


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("198.51.100.7:9464", "this machine does not have that address"),
        ("no-such-host.invalid:9464", "there is no such host"),
    ],
)
def test_an_address_of_somebody_else_is_a_sentence(listen: str, why: str) -> None:
    """Nothing is started."""
    with pytest.raises(ConfigError, match=why):
        serve(listen, overview=at_work, metrics=PrometheusMetrics())


def test_it_listens_on_ipv6_too() -> None:
    """The address is written as it is read."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    listener = serve("[::1]:0", overview=at_work, metrics=PrometheusMetrics())
    try:
        assert listener.address.startswith("[::1]:")
        assert ask(listener, "/livez")[0] == 200
    finally:
        listener.stop()
