"""The gate: one version with all traffic, and no writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from guardian.aws import Sessions
from guardian.core.model import Reason
from guardian.core.traffic import FULL, Reading, Snapshot, Stamp, Traffic
from guardian.ports import Capabilities, Guard, Router, RouterError
from guardian.routers.none import VARIABLES, Options, build
from tests.contracts.adapters import account_for, context_for


def gate(version: str | None = None) -> Router:
    """A gate that makes no call."""
    return build(Options(version=version), context_for(account_for(Sessions())))


@pytest.mark.parametrize(("version", "name"), [(None, "live"), ("v1.4.2", "v1.4.2")])
def test_it_reads_as_one_version(version: str | None, name: str) -> None:
    """All traffic, no guard, and the version in target and variables."""
    router = gate(version)
    assert router.read().traffic == Traffic(primary=name)
    assert router.read().traffic.share(name) == FULL
    assert router.target == f"none:333333333333:us-east-1:{name}"
    assert router.variables() == {"version": name}
    assert tuple(router.variables()) == VARIABLES
    assert router.capabilities == Capabilities(moves=False, guard=Guard.NONE)


def test_only_its_version_resolves() -> None:
    """`latest` is it; another one is not found."""
    router = gate()
    assert router.resolve("latest") == router.resolve("live") == "live"
    with pytest.raises(RouterError) as caught:
        router.resolve("7")
    assert caught.value.reason is Reason.NOT_FOUND


def test_two_versions_cannot_share_traffic() -> None:
    """The sentence says what to do instead; one version is fine."""
    router = gate()
    assert router.check(stable="live", canary="live") == []
    (said,) = router.check(stable="6", canary="7")
    assert "guardian watch" in said


def test_every_write_is_refused() -> None:
    """There is nothing to move."""
    router = gate()
    found = router.read()
    stamp = Stamp(rollout="r", epoch=1, stable="live")
    back = Snapshot(
        service="s", target=router.target, traffic=found.traffic, taken_at=0, taken_by="x"
    )
    writes: tuple[Callable[[], Reading], ...] = (
        lambda: router.shift(found.traffic, stamp=stamp, after=found),
        lambda: router.promote("live", after=found, detail={}),
        lambda: router.restore(back, stamp=None, after=found),
    )
    for write in writes:
        with pytest.raises(RouterError, match="no router") as caught:
            write()
        assert caught.value.reason is Reason.INVALID


@pytest.mark.parametrize("options", [{"version": "a b"}, {"version": ""}, {"weight": "10%"}])
def test_options_are_strict(options: dict[str, str]) -> None:
    """A version without spaces, and nothing unknown."""
    with pytest.raises(ValidationError):
        Options.model_validate(options)
