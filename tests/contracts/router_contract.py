"""What every router that moves traffic promises: subclass `RouterContract` and give it a world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from guardian.core.model import Reason
from guardian.core.traffic import FULL, NONE, Reading, Snapshot, Stamp, Traffic, WayBack, Weight
from guardian.ports import Guard, Router, RouterError


class RouterWorld(Protocol):
    """The vendor as the contract needs it: a target that serves `stable`, and its troubles."""

    stable: str
    canary: str
    secrets: tuple[str, ...]
    """What must never show in an error."""

    def router(self) -> Router:
        """The router of the target, with credentials of the right account."""
        ...

    def stranger(self) -> Router:
        """The same with credentials that turn out to be of another account."""
        ...

    def writes(self) -> int:
        """How many writes the vendor has been sent."""
        ...

    def somebody_changes(self) -> None:
        """A person at the console gives the canary another weight."""
        ...

    def lose_answer(self) -> None:
        """The next write is applied, and its answer is lost."""
        ...

    def fail_write(self, status: int, code: str) -> None:
        """The next write is refused with this error and not applied."""
        ...

    def break_reads(self) -> None:
        """From now on no read succeeds."""
        ...

    def remove_target(self) -> None:
        """Somebody deletes the target."""
        ...


STAMP_ROLLOUT = "agents-api-7-k3j5x8q1"


class RouterContract:
    """The promises of `ports.Router`, each as one test."""

    @pytest.fixture
    def world(self) -> RouterWorld:
        """Overridden by the subclass."""
        raise NotImplementedError

    @pytest.fixture
    def router(self, world: RouterWorld) -> Router:
        """The router under test."""
        return world.router()

    def stamp(self, world: RouterWorld, epoch: int = 1) -> Stamp:
        """The mark that is left on the target for the test's rollout."""
        return Stamp(rollout=STAMP_ROLLOUT, epoch=epoch, stable=world.stable)

    def desired(self, world: RouterWorld, percent: float) -> Traffic:
        """Stable plus canary at a weight."""
        return Traffic(primary=world.stable, secondary=world.canary, weight=Weight.percent(percent))

    def shift(self, world: RouterWorld, router: Router, percent: float, epoch: int = 1) -> Reading:
        """One shift after a fresh read."""
        stamp = self.stamp(world, epoch)
        return router.shift(self.desired(world, percent), stamp=stamp, after=router.read())

    def snapshot(self, router: Router) -> Snapshot:
        """What a rollback restores."""
        found = router.read()
        return Snapshot(
            service="agents-api",
            target=router.target,
            traffic=found.traffic,
            taken_at=0.0,
            taken_by="the contract",
            detail=found.detail,
        )

    def test_a_fresh_target_reads_as_stable_alone(self, world: RouterWorld, router: Router) -> None:
        """The traffic is the stable version's, and there is no stamp."""
        found = router.read()
        assert found.traffic.share(world.stable) == FULL
        assert found.stamp is None

    @pytest.mark.parametrize("percent", [1, 10, 33.3333, 50, 100])
    def test_a_shift_is_read_back_exactly(
        self, world: RouterWorld, router: Router, percent: float
    ) -> None:
        """What a write returns, and what a later read finds, is the desired traffic."""
        returned = self.shift(world, router, percent)
        assert returned.traffic == self.desired(world, percent)
        assert router.read() == returned

    def test_shifting_twice_is_harmless(self, world: RouterWorld, router: Router) -> None:
        """The same wish again ends in the same traffic."""
        self.shift(world, router, 10)
        assert self.shift(world, router, 10).traffic == self.desired(world, 10)

    def test_readings_chain_from_write_to_write(self, world: RouterWorld, router: Router) -> None:
        """The reading that a write returns is good for the next write."""
        found = self.shift(world, router, 10)
        stamp = self.stamp(world)
        found = router.shift(self.desired(world, 50), stamp=stamp, after=found)
        assert found.traffic == self.desired(world, 50)

    def test_promotion_makes_the_canary_all_there_is(
        self, world: RouterWorld, router: Router
    ) -> None:
        """Afterwards the canary is the primary version, alone, and no stamp is left."""
        detail = router.read().detail
        found = self.shift(world, router, 100)
        found = router.promote(world.canary, after=found, detail=detail)
        assert found.traffic == Traffic(primary=world.canary)
        assert found.stamp is None
        assert found.detail == detail

    def test_only_what_was_seen_there_is_promoted(self, world: RouterWorld, router: Router) -> None:
        """A reading without the canary says that somebody took it away: nothing is written."""
        found = router.read()
        writes = world.writes()
        with pytest.raises(RouterError, match="somebody changed") as caught:
            router.promote(world.canary, after=found, detail=found.detail)
        assert caught.value.reason is Reason.CONFLICT
        assert world.writes() == writes
        assert router.read() == found

    def test_a_snapshot_can_be_restored_from_every_weight(
        self, world: RouterWorld, router: Router
    ) -> None:
        """Traffic and detail are as they were before the first change, and the stamp is gone."""
        before = self.snapshot(router)
        for percent in (1, 50, 100):
            found = self.shift(world, router, percent)
            found = router.restore(before, stamp=None, after=found)
            assert found.traffic == before.traffic
            assert found.detail == before.detail
            assert found.stamp is None

    def test_a_snapshot_can_be_restored_after_promotion(
        self, world: RouterWorld, router: Router
    ) -> None:
        """A completed rollout can be taken back."""
        before = self.snapshot(router)
        found = router.promote(
            world.canary, after=self.shift(world, router, 100), detail=before.detail
        )
        assert router.restore(before, stamp=None, after=found).traffic == before.traffic

    def test_a_restore_always_writes(self, world: RouterWorld, router: Router) -> None:
        """Also when the target looks right already: a write in flight must lose its race."""
        before = self.snapshot(router)
        writes = world.writes()
        router.restore(before, stamp=self.stamp(world), after=router.read())
        assert world.writes() == writes + 1

    def test_a_stale_reading_is_a_conflict_and_writes_nothing(
        self, world: RouterWorld, router: Router
    ) -> None:
        """Whoever read before somebody else's change may not write over it."""
        if router.capabilities.guard is not Guard.HARD:
            pytest.skip("the vendor has no compare-and-swap for this target")
        stale = router.read()
        world.somebody_changes()
        found = router.read().traffic
        with pytest.raises(RouterError, match="somebody changed") as caught:
            router.shift(self.desired(world, 50), stamp=self.stamp(world), after=stale)
        assert caught.value.reason is Reason.CONFLICT
        assert router.read().traffic == found

    def test_a_stale_holder_cannot_undo_a_rollback(
        self, world: RouterWorld, router: Router
    ) -> None:
        """A late shift of a superseded process loses to the rollback of the new one."""
        if router.capabilities.guard is not Guard.HARD:
            pytest.skip("the vendor has no compare-and-swap for this target")
        before = self.snapshot(router)
        old = self.shift(world, router, 10, epoch=1)
        router.restore(before, stamp=self.stamp(world, epoch=2), after=old)
        with pytest.raises(RouterError) as caught:
            router.shift(self.desired(world, 50), stamp=self.stamp(world, epoch=1), after=old)
        assert caught.value.reason is Reason.CONFLICT
        assert router.read().traffic == before.traffic

    def test_a_lost_answer_is_found_out_by_reading(
        self, world: RouterWorld, router: Router
    ) -> None:
        """The write was applied, so it is a success."""
        after = router.read()
        world.lose_answer()
        found = router.shift(self.desired(world, 10), stamp=self.stamp(world), after=after)
        assert found.traffic == self.desired(world, 10)
        again = router.shift(self.desired(world, 50), stamp=self.stamp(world), after=found)
        assert again.traffic == self.desired(world, 50)

    def test_a_write_repeated_after_a_lost_answer_is_a_success(
        self, world: RouterWorld, router: Router
    ) -> None:
        """The vendor's guard refuses the second one, and reading shows our own first one."""
        after = router.read()
        stamp = self.stamp(world)
        router.shift(self.desired(world, 10), stamp=stamp, after=after)
        assert router.shift(
            self.desired(world, 10), stamp=stamp, after=after
        ).traffic == self.desired(world, 10)

    def test_an_unreadable_outcome_is_said_to_be_unknown(
        self, world: RouterWorld, router: Router
    ) -> None:
        """When neither the answer nor a read comes back, nobody knows."""
        after = router.read()
        world.lose_answer()
        world.break_reads()
        with pytest.raises(RouterError, match="not known") as caught:
            router.shift(self.desired(world, 10), stamp=self.stamp(world), after=after)
        assert caught.value.reason in {Reason.UNKNOWN, Reason.TIMEOUT}

    def test_another_account_is_refused_before_the_write(self, world: RouterWorld) -> None:
        """Neither a shift nor a promotion nor a rollback reaches the vendor."""
        before = self.snapshot(world.router())
        after = world.router().read()
        stranger = world.stranger()
        writes = world.writes()
        attempts: tuple[Callable[[], Reading], ...] = (
            lambda: stranger.shift(self.desired(world, 10), stamp=self.stamp(world), after=after),
            lambda: stranger.promote(world.stable, after=after, detail={}),
            lambda: stranger.restore(before, stamp=None, after=after),
        )
        for write in attempts:
            with pytest.raises(RouterError) as caught:
                write()
            assert caught.value.reason is Reason.AUTH
        assert world.writes() == writes

    @pytest.mark.parametrize(
        ("status", "code", "reason"),
        [
            (403, "AccessDeniedException", Reason.AUTH),
            (429, "TooManyRequestsException", Reason.THROTTLED),
            (400, "InvalidParameterValueException", Reason.INVALID),
            (409, "ResourceConflictException", Reason.CONFLICT),
            (500, "ServiceException", Reason.UNKNOWN),
        ],
    )
    def test_a_refused_write_has_a_reason_and_changes_nothing(
        self, world: RouterWorld, router: Router, status: int, code: str, reason: Reason
    ) -> None:
        """Vendors' errors become RouterErrors; a fault on the vendor's side stays unknown.

        Only what may still be applied may have left a stamp.
        """
        before = router.read()
        world.fail_write(status, code)
        with pytest.raises(RouterError) as caught:
            router.shift(self.desired(world, 10), stamp=self.stamp(world), after=before)
        assert caught.value.reason is reason
        found = router.read()
        assert found.traffic == before.traffic
        assert found.stamp is None or reason is Reason.UNKNOWN
        for secret in world.secrets:
            assert secret not in str(caught.value) + repr(caught.value)

    def test_a_target_that_is_gone_is_not_found(self, world: RouterWorld, router: Router) -> None:
        """The reason is NOT_FOUND, so that the rollout lets go."""
        world.remove_target()
        with pytest.raises(RouterError) as caught:
            router.read()
        assert caught.value.reason is Reason.NOT_FOUND

    def test_the_versions_of_a_rollout_resolve_to_themselves(
        self, world: RouterWorld, router: Router
    ) -> None:
        """`latest` is the canary here, and the pair can share traffic."""
        assert router.resolve(world.stable) == world.stable
        assert router.resolve("latest") == world.canary
        assert router.check(stable=world.stable, canary=world.canary) == []
        assert router.check(stable=world.canary, canary=world.canary) == []

    def test_a_version_that_does_not_exist_is_not_found(self, router: Router) -> None:
        """Both when resolving and, as a sentence, when checking."""
        with pytest.raises(RouterError) as caught:
            router.resolve("987654")
        assert caught.value.reason is Reason.NOT_FOUND
        assert any("987654" in said for said in router.check(stable="987654", canary="987654"))

    def test_the_way_back_is_known(self, world: RouterWorld, router: Router) -> None:
        """Open while stable is there; else with the reason in a sentence."""
        assert router.way_back(stable=world.stable, canary=world.canary) == WayBack()
        found = router.way_back(stable="987654", canary=world.canary)
        assert "987654" in found.problem
        assert found.older == world.stable

    def test_one_version_cannot_be_both_sides(self, world: RouterWorld, router: Router) -> None:
        """The mistake is refused before anything is written."""
        writes = world.writes()
        both = Traffic(primary=world.stable, secondary=world.stable, weight=Weight.percent(10))
        lone = Traffic(primary=world.stable, weight=Weight.percent(10))
        for traffic in (both, lone):
            with pytest.raises(RouterError) as caught:
                router.shift(traffic, stamp=self.stamp(world), after=router.read())
            assert caught.value.reason is Reason.INVALID
        assert world.writes() == writes
        assert router.read().traffic.weight == NONE
