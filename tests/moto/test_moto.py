"""`guardian` as a process against moto's server: an AWS that this project did not write.

The simulator in guardian/sim and guardian itself could share a misunderstanding; moto shares none.
It answers the real SDK's requests for STS, Lambda and CloudWatch, so the wire, the account guard,
alias weights, descriptions, dimensions, aligned periods and sums are tested here a second time.

What moto cannot show, and guardian/sim does:

- a stale RevisionId is accepted, and an alias's RevisionId never changes; so all that is seen here
  is that each write carries the one that was read
- percentiles (HTTP 500), so there is no latency criterion here
- lag, late datapoints, partial answers and further pages: a datapoint is there when it is put
- provisioned concurrency: asking for it is a bare 404, which reads as "none"
- weights that send requests: the callers here publish each version's metrics by the alias's shares
- a namespace is ignored where dimensions are given, so the metrics' names are not used twice
- what Lambda refuses: unknown versions, a weight above 1, `$LATEST` under weights
- throttling, refused permissions, time-outs
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.moto.emulator import SERVICE, Emulator, Shop, emulator

STAMP = "guardian r="
PATIENT = ("--rollback-timeout", "10h")
"""The clock is fast, and a busy machine is slow."""
WATCH = ("watch", SERVICE, "--duration", "15m", *PATIENT)
ROLLOUT = ("rollout", "start", SERVICE, "--to", "latest", "--wait", *PATIENT)
STEPS = [{"1": 1.0}, {"1": 0.9, "2": 0.1}, {"1": 0.5, "2": 0.5}, {"2": 1.0}]


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """One server for this module."""
    with emulator() as started:
        yield started


@pytest.fixture
def cloud(server: Emulator) -> Emulator:
    """That server, empty."""
    server.reset()
    return server


def test_a_watch_leaves_a_healthy_release_alone(cloud: Emulator, tmp_path: Path) -> None:
    """A snapshot, somebody's deploy, a watch: exit 0, and nothing is written."""
    with Shop(cloud, tmp_path, failing={"2": 0.01}).open() as shop:
        taken = shop.guardian("snapshot", SERVICE)
        assert taken.code == 0, taken.out + taken.err
        shop.deploy("2")
        ended = shop.guardian(*WATCH)
        assert ended.code == 0, ended.out + ended.err
        assert shop.shares_now() == {"2": 1.0}
        assert shop.alias()["Description"] == "by CDK"
        assert cloud.writes == []


def test_a_watch_takes_a_breach_back(cloud: Emulator, tmp_path: Path) -> None:
    """Exit 4: the version before it serves alone, with its description."""
    with Shop(cloud, tmp_path, failing={"2": 0.3}).open() as shop:
        taken = shop.guardian("snapshot", SERVICE)
        assert taken.code == 0, taken.out + taken.err
        shop.deploy("2")
        ended = shop.guardian(*WATCH)
        assert ended.code == 4, ended.out + ended.err
        assert shop.shares_now() == {"1": 1.0}
        assert shop.alias()["Description"] == "by CDK"
        assert "error-rate" in ended.out
        each_write_names_the_revision_it_follows(shop)


def test_a_rollout_brings_a_healthy_version_live_in_steps(cloud: Emulator, tmp_path: Path) -> None:
    """10 %, 50 %, 100 %, as its callers met them; the mark is on the alias while it is live."""
    with Shop(cloud, tmp_path, failing={"1": 0.01, "2": 0.01}).open() as shop:
        ended = shop.guardian(*ROLLOUT)
        assert ended.code == 0, ended.out + ended.err
        assert shop.shares == STEPS
        assert shop.shares_now() == {"2": 1.0}
        assert shop.alias()["Description"] == "by CDK"
        assert all(write["Description"].startswith(STAMP) for write in cloud.writes[:-1])
        each_write_names_the_revision_it_follows(shop)


def test_a_rollout_takes_a_bad_version_back_at_its_first_step(
    cloud: Emulator, tmp_path: Path
) -> None:
    """One request in five fails at 10 %: exit 4, and the alias is as it was before."""
    with Shop(cloud, tmp_path, failing={"1": 0.01, "2": 0.2}).open() as shop:
        ended = shop.guardian(*ROLLOUT)
        assert ended.code == 4, ended.out + ended.err
        assert all(shares in STEPS[:2] for shares in shop.shares)
        assert STEPS[1] in shop.shares
        assert shop.shares_now() == {"1": 1.0}
        assert shop.alias()["Description"] == "by CDK"
        assert cloud.writes[0]["Description"].startswith(STAMP)
        each_write_names_the_revision_it_follows(shop)


def test_another_account_is_never_touched(cloud: Emulator, tmp_path: Path) -> None:
    """The credentials' account is not the configured one: refused before anything is written."""
    with Shop(cloud, tmp_path, failing={}).open() as shop:
        config = tmp_path / "config" / "production.yaml"
        config.write_text(config.read_text().replace("123456789012", "333333333333"))
        ended = shop.guardian(*ROLLOUT)
        assert ended.code == 3, ended.out + ended.err
        assert "123456789012" in ended.err + ended.out
        assert cloud.writes == []


def each_write_names_the_revision_it_follows(shop: Shop) -> None:
    """The precondition is on the wire, though this emulator does not honour it."""
    assert shop.cloud.writes
    assert {write["RevisionId"] for write in shop.cloud.writes} == {shop.alias()["RevisionId"]}
