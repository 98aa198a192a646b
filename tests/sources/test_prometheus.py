"""Prometheus keeps the contract of sources: a real one, and one that answers wrongly."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardian.core.binding import bind
from guardian.core.model import Query, Reason
from guardian.files import rules
from guardian.ports import Ask, ConfigError, SourceError
from guardian.sources import prometheus
from tests.contracts.source_contract import SourceContract, SourceWorld
from tests.files.test_prometheus_rules import RATIO
from tests.notifiers.samples import context
from tests.sources.prometheus_world import (
    MINUTE,
    MINUTES,
    NOW,
    Gate,
    World,
    counted,
    gated,
    query,
    running,
)

EMPTY: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": []}}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of one Prometheus for all tests."""
    with running(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


@pytest.fixture
def real(port: int) -> Iterator[World]:
    """It, behind a gate."""
    gate = Gate(port)
    with gated(gate) as url:
        yield World(gate, url)


@pytest.fixture
def fake() -> Iterator[World]:
    """A gate with nothing behind it."""
    gate = Gate(0, status=200)
    with gated(gate) as url:
        yield World(gate, url)


class TestPrometheus(SourceContract):
    """prometheus keeps every promise."""

    @pytest.fixture
    def world(self, real: World) -> SourceWorld:
        """A real Prometheus."""
        return real


def ask(asked: Query, minutes: int = MINUTES) -> Ask:
    """The last minutes and the one in progress."""
    return Ask(query=asked, start=MINUTE - 60 * minutes, end=MINUTE + 60, settle_s=120.0)


def read(world: World, asked: Query, **options: Any) -> Any:
    """What comes back for one query."""
    return world.source(**options).read([ask(asked)], now=NOW)[asked]


def problem(world: World, asked: Query = World.busy) -> tuple[Reason, str]:
    """Why there is nothing, of a query beside one that can be read or by itself."""
    try:
        found = read(world, asked).problem
    except SourceError as error:
        return error.reason, error.detail
    assert found is not None
    return found.reason, found.detail


# --- what numbers mean -------------------------------------------------------------------------


def test_a_minute_holds_what_was_counted_in_it(real: World) -> None:
    """Two pods of 32 a minute each; the value at its end is the minute's."""
    found = read(real, World.busy)
    whole = {p.start: round(p.value, 6) for p in found.points if p.start < MINUTE}
    assert whole == {MINUTE - 60 * n: 64.0 for n in range(1, MINUTES + 1)}


def test_a_value_is_read_as_it_is(real: World) -> None:
    """A gauge, made one of its pods."""
    found = read(real, query("max(shop_queue_age_seconds)"))
    assert {p.value for p in found.points} == {7.5}
    assert read(real, query("scalar(max(shop_queue_age_seconds))")).points == found.points


def test_what_is_no_number_is_absent_and_what_is_endless_a_problem(real: World) -> None:
    """A share of nothing says nothing; an infinite value hides what it was."""
    nothing = read(real, query("max(shop_nothing)"))
    assert (nothing.points, nothing.problem) == ((), None)
    assert problem(real, query("max(shop_endless)"))[1].endswith(
        "a value is infinite: does it divide by 0?"
    )


def test_several_series_are_a_problem_with_their_labels(real: World) -> None:
    """Which of them is meant is not guessed."""
    reason, said = problem(real, query("shop_queue_age_seconds"))
    assert reason is Reason.INVALID
    assert "gives 2 series, like {'__name__': 'shop_queue_age_seconds', 'pod': 'a'" in said


def test_a_long_window_is_read_in_pieces(real: World) -> None:
    """Prometheus gives 11,000 points at most."""
    long = replace(World.busy, period_s=1)
    start, end = MINUTE - 20_000, MINUTE + 60
    asked = Ask(query=long, start=start, end=end, settle_s=0.0)
    found = real.source().read([asked], now=NOW)[long]
    assert found.problem is None
    pieces = [form for path, form, _ in real.gate.asked if path.endswith("query_range")]
    assert len(pieces) == 3
    assert found.points[-1].start <= NOW


def test_a_wrong_expression_is_its_own_problem(real: World) -> None:
    """With what Prometheus says of it; the others are read."""
    wrong = query("sum(increase(")
    found = real.source().read([ask(wrong), ask(World.busy)], now=NOW)
    said = found[wrong].problem
    assert said is not None
    assert said.reason is Reason.INVALID
    assert "parse error" in said.detail
    assert found[World.busy].points


def test_a_value_cannot_leave_its_string(real: World) -> None:
    """A version is somebody else's text."""
    evil = counted("shop_requests_total", '10"} or vector(1) #\\')
    found = read(real, evil)
    assert (found.points, found.problem) == ((), None)


def test_a_series_that_is_right_and_silent_is_named(real: World) -> None:
    """There is such a metric, and none with these labels."""
    other = query('sum(increase(shop_requests_total{pod="c"}[1m]))')
    said = real.source().unknown([other], now=NOW)[other]
    assert said.endswith("in two weeks: is the expression right?")


@pytest.mark.parametrize(
    "text",
    [
        'shop_requests_total{version="$(canary)"}',
        'shop_requests_total{version=~"$(canary)|x"}',
        'shop_requests_total{version!="$(canary)"}',
    ],
)
def test_any_version_makes_a_series_known(real: World, text: str) -> None:
    """Also where the matcher is a pattern already; what is not the canary's stays so."""
    other = query(f"sum({text})", canary="never")
    assert real.source().unknown([other], now=NOW) == {}


def test_it_says_that_it_answers(real: World) -> None:
    """For the doctor."""
    assert "Prometheus answers at 127.0.0.1" in real.source().examine()[0].what


# --- who asks ----------------------------------------------------------------------------------


def test_a_token_or_a_user_proves_who_asks(fake: World) -> None:
    """From the process's variables; neither is shown."""
    fake.gate.body = json.dumps(EMPTY).encode()
    fake.secrets = {"prometheus_token": "tok", "prometheus_password": "pass"}
    read(fake, World.busy)
    read(fake, World.busy, user="guardian")
    token, basic = (headers["Authorization"] for _, _, headers in fake.gate.asked)
    assert token == "Bearer tok"
    assert b64decode(basic.removeprefix("Basic ")) == b"guardian:pass"


def test_amazons_is_signed_for(fake: World) -> None:
    """By the account's own signer, for the service `aps`; its refusal is a problem."""
    fake.gate.body = json.dumps(EMPTY).encode()
    asked: list[tuple[str, str, str, bytes]] = []

    def sign(service: str, method: str, url: str, body: bytes) -> dict[str, str]:
        asked.append((service, method, url, body))
        if len(asked) > 1:
            raise SourceError(Reason.AUTH, "no credentials")
        return {"Authorization": "AWS4-HMAC-SHA256 ..."}

    options = prometheus.Options(url=fake.url, sigv4=True)
    source = prometheus.build(options, replace(context(), sign=sign))
    source.read([ask(World.busy)], now=NOW)
    assert fake.gate.asked[0][2]["Authorization"] == "AWS4-HMAC-SHA256 ..."
    assert asked[0][:3] == ("aps", "POST", f"{fake.url}/api/v1/query_range")
    with pytest.raises(SourceError, match="no credentials"):
        source.read([ask(World.busy)], now=NOW)
    with pytest.raises(ConfigError, match="needs an AWS account"):
        prometheus.build(options, context())


def test_where_it_is_has_to_be_said() -> None:
    """In the file or by a variable; a wrong certificate file is named."""
    with pytest.raises(ConfigError, match="GUARDIAN_PROMETHEUS_URL"):
        prometheus.build(prometheus.Options(), context())
    urls = {"prometheus_url": "https://prometheus.example.com"}
    prometheus.build(prometheus.Options(), context(urls=urls))
    with pytest.raises(ConfigError, match="ca_file /nowhere cannot be read"):
        prometheus.build(prometheus.Options(ca_file=Path("/nowhere")), context(urls=urls))
    for wrong in ("prometheus", "https://a:b@host", "https://host/?x=1"):
        with pytest.raises(ValueError, match="write an address like"):
            prometheus.Options(url=wrong)


# --- wrong answers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "reason", "said"),
    [
        (302, b"", Reason.INVALID, "a redirect (HTTP 302) is not followed"),
        (404, b"404 page not found", Reason.NOT_FOUND, "write url without /api/v1"),
        (422, b'{"status":"error","error":"too many"}', Reason.INVALID, "expression: too many"),
        (429, b"{}", Reason.THROTTLED, "wants to be asked less often"),
        (503, b'{"status":"error","error":"timed out"}', Reason.UNAVAILABLE, "503): timed out"),
        (200, b"<html>log in</html>", Reason.UNKNOWN, "a page to log in?"),
        (200, b'{"status":"error","error":"odd"}', Reason.UNAVAILABLE, "(HTTP 200): odd"),
        (200, b'{"status":"success","data":{"result":7}}', Reason.UNKNOWN, "does not look like"),
        (200, b'{"status":"success","data":[]}', Reason.UNKNOWN, "does not look like"),
        (
            200,
            b'{"status":"success","data":{"result":[{"histograms":[]}]}}',
            Reason.INVALID,
            "native histograms",
        ),
        (
            200,
            b'{"status":"success","data":{"result":[]},"warnings":["store X is down"]}',
            Reason.UNAVAILABLE,
            "does not vouch for all of the data: store X is down",
        ),
    ],
)
def test_what_is_no_answer_is_a_reason(
    fake: World, status: int, body: bytes, reason: Reason, said: str
) -> None:
    """Each with what to do."""
    fake.gate.status, fake.gate.body, fake.gate.location = status, body, "http://127.0.0.1:1/"
    found, detail = problem(fake)
    assert found is reason
    assert said in detail


def test_a_remark_on_an_expression_is_no_trouble(fake: World) -> None:
    """Prometheus guesses from names whether a metric is a counter."""
    said = {**EMPTY, "warnings": ["PromQL info: metric might not be a counter"]}
    fake.gate.body = json.dumps(said).encode()
    assert read(fake, World.busy).problem is None


def test_a_flood_is_refused_and_the_others_are_read(real: World) -> None:
    """An expression that gives a hundred thousand series is its own problem."""
    real.gate.flooding = "shop_requests_total"
    gauge = query("max(shop_queue_age_seconds)")
    found = real.source().read([ask(World.busy), ask(gauge)], now=NOW)
    said = found[World.busy].problem
    assert said is not None
    assert "longer than 8 MB, or compressed unasked: does it hold many series?" in said.detail
    assert found[gauge].points


def test_one_slow_expression_is_borne_and_two_are_not(real: World) -> None:
    """Many time-outs one after the other would take a poll's whole time."""
    real.gate.hanging = "shop_requests"
    gauge = query("max(shop_queue_age_seconds)")
    source = real.source(timeout_s=0.3)
    found = source.read([ask(World.busy), ask(gauge)], now=NOW)
    late = found[World.busy].problem
    assert late is not None
    assert late.reason is Reason.TIMEOUT
    assert found[gauge].points
    before = len(real.gate.asked)
    with pytest.raises(SourceError, match="no answer in time"):
        source.read([ask(World.busy), ask(World.misspelt), ask(gauge)], now=NOW)
    assert len(real.gate.asked) == before + 2


def test_who_speaks_no_tls_is_not_spoken_to(real: World) -> None:
    """A token would go to whoever listens."""
    world = World(real.gate, real.url.replace("http:", "https:"))
    assert "SSLError" in problem(world)[1]


def test_nothing_there_is_said_so() -> None:
    """No listener."""
    world = World(Gate(0), "http://127.0.0.1:1")
    reason, said = problem(world)
    assert reason is Reason.UNAVAILABLE
    assert "cannot be reached at 127.0.0.1:1: ConnectionRefusedError" in said


# --- rule files ------------------------------------------------------------------------------


@pytest.mark.parametrize("matcher", ['=~"${canary}.*"', '=~"(${canary}_b|${canary})"'])
def test_a_name_is_filled_in_whatever_stands_behind_it(
    real: World, tmp_path: Path, matcher: str
) -> None:
    """A pattern goes on with a dot or a letter, and the next one holds the name again."""
    path = tmp_path / "shop.yaml"
    asked = RATIO.replace("all_total", "shop_requests_total")
    path.write_text(asked.replace('="${canary}"}[1m]))\', name', f"{matcher}}}[1m]))', name"))
    names = {"canary": "10", "stable": "9", "router.function": "shop"}
    _, total = bind(rules.load([path]).criteria[0], names).measure.queries
    assert read(real, total).points
    never = replace(total, words=(total.words[0], ("values", (("canary", "never"),))))
    assert real.source().unknown([never], now=NOW) == {}


def test_only_amazons_needs_permissions() -> None:
    """The least policy holds nothing for a Prometheus of one's own."""
    assert prometheus.permissions({}) == ()
    assert prometheus.permissions({"sigv4": True}) == prometheus.PERMISSIONS
