"""Who is stable, as a watch, a rollout and a snapshot are planned by what is known."""

from __future__ import annotations

from collections.abc import Callable

from guardian.app.planning import take_snapshot
from guardian.core.traffic import Traffic, Weight
from tests.app.shop import SPLIT, STABLE, Shop
from tests.app.test_planning import refused, rollout_of, watch_of

TURNED = Traffic(primary="42", secondary="41", weight=Weight.percent(10))
"""As Lambda moves an alias with provisioned concurrency: the new version is the primary one."""


def test_what_is_recorded_outranks_the_position() -> None:
    """The additional version is not the canary because it stands there."""
    shop = Shop(TURNED)
    shop.snapshot("41")
    plan = watch_of(shop)
    assert (plan.stable, plan.canary, plan.restores) == ("41", "42", True)
    assert plan.snapshot.traffic == STABLE
    assert plan.steps[0].weight == Weight.percent(90)
    assert watch_of(Shop(TURNED), "41").canary == "42"


def test_readings_that_differ_are_refused_with_both_and_the_way_to_decide() -> None:
    """Exit 3, before anything is read or moved; a named version decides."""
    shop = Shop(SPLIT)
    shop.snapshot("40")
    said = refused(lambda: watch_of(shop))
    assert "version 40 (snapshot of" in said
    assert "version 41 (its place as the primary version)" in said
    assert "--rollback-to VERSION" in said
    assert watch_of(shop, "41").canary == "42"
    assert "nobody can tell" in refused(lambda: watch_of(Shop(TURNED)))
    assert "nobody can tell" in refused(lambda: rollout_of(shop, "43"))


def test_only_what_was_recorded_last_counts() -> None:
    """A service that has moved to another target, and back, is not what it was before."""
    shop = Shop(TURNED)
    shop.snapshot("41", hours_ago=2.0)
    shop.snapshot("7", hours_ago=1.0, target="lambda_alias:333333333333:us-east-1:other:live")
    assert "nobody can tell" in refused(lambda: watch_of(shop))
    shop.snapshot("41")
    assert watch_of(shop).stable == "41"


def test_a_split_is_put_back_to_who_is_stable() -> None:
    """Not to whoever is the primary version."""
    shop = Shop(TURNED)
    shop.snapshot("41")
    assert "`guardian rollback agents-api --to 41`" in refused(lambda: rollout_of(shop, "43"))


def test_an_unpublished_version_is_neither_stable_nor_canary() -> None:
    """$LATEST changes under its callers: nothing could be put back, or judged."""
    shop = Shop(Traffic(primary="$LATEST"))
    tries: list[Callable[[], object]] = [
        lambda: watch_of(shop, "41"),
        lambda: rollout_of(shop),
        lambda: take_snapshot(shop.service, actor="bob", now=5.0),
    ]
    for plan in tries:
        assert "serves $LATEST, which can be neither stable nor a canary" in refused(plan)
