"""What `guardian rollback` restores, where it knows it from, and when it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.app.planning import plan_rollout, plan_watch
from guardian.app.rollback import RollbackPlan, plan_rollback
from guardian.core.plan import Drive, Plan
from guardian.core.rollout.entries import Completed, RolloutStarted, StepEntered, WeightConfirmed
from guardian.core.traffic import Stamp, Traffic, Weight
from guardian.ports import Capabilities, ConfigError, Guard, Record, RouterError, Unavailable
from tests.app.shop import CANARY, SPLIT, STABLE, Shop, probe
from tests.app.test_planning import completed
from tests.simulation.memory_journal import MemoryJournal


def back(shop: Shop, to: str | None = None) -> RollbackPlan:
    """What would be done."""
    return plan_rollback(shop.service, shop.request(), to=to, journal=shop.journal)


def refused(shop: Shop, to: str | None = None) -> str:
    """Why nothing is."""
    with pytest.raises(ConfigError) as refusal:
        back(shop, to)
    return str(refusal.value)


def rollout(shop: Shop, name: str = "r-old") -> Plan:
    """A rollout from 41 to 42."""
    shop.target.traffic = STABLE
    return plan_rollout(
        shop.service,
        shop.request(rollout=name),
        to="42",
        journal=shop.journal,
        probe=probe(),
    )


def test_a_named_version_is_restored_whatever_else_is_known() -> None:
    """`--to` outranks every record."""
    shop = Shop(CANARY)
    shop.snapshot("41")
    found = back(shop, "40")
    assert (found.stable, found.origin, found.resumes, found.done) == ("40", "--to", False, False)
    assert found.plan.drive is Drive.ROLLBACK
    assert found.plan.restores
    assert found.describe() == [
        "rolling agents-api back: 42 -> 40 (--to)",
        f"  on {shop.target.target}",
    ]


def test_a_live_rollout_is_taken_over() -> None:
    """Its snapshot is what was live before it began."""
    shop = Shop()
    plan = rollout(shop)
    shop.lived(RolloutStarted(at=plan.snapshot.taken_at, plan=plan))
    shop.target.traffic = SPLIT
    found = back(shop)
    assert (found.plan, found.resumes) == (plan, True)
    assert found.origin == "as rollout r-old found it"
    assert found.describe()[0] == (
        "rolling agents-api back: 41 90%, 42 10% -> 41 (as rollout r-old found it)"
    )
    assert back(shop, "41").resumes


def test_another_version_than_the_live_rollouts_ends_it() -> None:
    """A person who names a version at 3 am gets it, in one command."""
    shop = Shop()
    plan = rollout(shop)
    shop.lived(RolloutStarted(at=plan.snapshot.taken_at, plan=plan))
    found = back(shop, "40")
    assert (found.stable, found.resumes, found.done) == ("40", False, False)
    assert found.instead_of is not None
    assert found.instead_of.plan == plan
    assert found.describe()[-1] == "  ends r-old, the rollout of version 42"


def test_a_live_watch_that_restores_nothing_is_ended_for_what_is_recorded() -> None:
    """A gate, or `--observe`, knows no way back; the snapshot before the deploy does."""
    shop = Shop()
    plan = replace(rollout(shop), restores=False, drive=Drive.WATCH)
    shop.lived(RolloutStarted(at=plan.snapshot.taken_at, plan=plan))
    shop.target.traffic = CANARY
    assert "name the version" in refused(shop)
    assert back(shop, "41").instead_of is not None
    shop.snapshot("41", hours_ago=1)
    found = back(shop)
    assert (found.stable, found.resumes) == ("41", False)
    assert found.describe()[-1] == "  ends r-old, the watch of version 42"


def test_an_ended_watch_is_something_to_do_even_where_the_traffic_is_right() -> None:
    """It would go on judging, and nobody wants it any more."""
    shop = Shop()
    plan = replace(rollout(shop), restores=False)
    shop.lived(RolloutStarted(at=plan.snapshot.taken_at, plan=plan))
    found = back(shop, "41")
    assert not found.done
    assert found.describe()[0] == "agents-api serves 41 100% already (--to)"


def test_a_stamp_that_was_left_on_the_right_traffic_is_all_there_is_to_take_off() -> None:
    """No traffic moves, and none is said to."""
    shop = Shop(STABLE)
    shop.target.stamp = Stamp(rollout="r-lost", epoch=3, stable="41")
    assert back(shop, "41").describe() == [
        "agents-api serves 41 100% already (--to)",
        f"  on {shop.target.target}",
        "  takes off guardian's stamp of rollout r-lost",
    ]


def test_somebody_elses_version_under_a_live_rollout_needs_a_named_version() -> None:
    """Its snapshot says nothing of what came before that one; a person may know."""
    shop = Shop()
    plan = rollout(shop)
    shop.lived(RolloutStarted(at=plan.snapshot.taken_at, plan=plan))
    shop.target.traffic = Traffic(primary="43")
    said = refused(shop)
    assert "somebody else deployed" in said
    assert "`guardian rollback agents-api --to 41`" in said
    found = back(shop, "41")
    assert (found.stable, found.resumes) == ("41", False)
    assert found.instead_of is not None


def test_a_completed_rollout_is_taken_back_to_its_snapshot() -> None:
    """It stays takeable back as long as what it brought is live."""
    shop = Shop()
    shop.lived(*completed(rollout(shop)))
    shop.target.traffic = CANARY
    found = back(shop)
    assert (found.stable, found.origin) == ("41", "as rollout r-old, which completed, had found it")
    assert not found.done


def test_a_completed_gate_does_not_hide_what_was_live_before_it() -> None:
    """A version judged against nothing is no version to go back to."""
    shop = Shop()
    shop.lived(*completed(rollout(shop)))
    shop.target.traffic = CANARY
    shop.snapshot("42")
    gate = plan_watch(
        shop.service,
        shop.request(rollout="r-gate"),
        duration_s=600.0,
        rollback_to=None,
        journal=shop.journal,
        probe=probe(),
    )
    at = gate.snapshot.taken_at
    shop.lived(
        RolloutStarted(at=at, plan=gate),
        StepEntered(at=at, step=0),
        WeightConfirmed(at=at, weight=gate.steps[0].weight),
        Completed(at=at),
    )
    assert back(shop).stable == "41"


def test_a_snapshot_is_restored_with_its_age_and_author() -> None:
    """Somebody else's deploy, recorded before."""
    shop = Shop(CANARY)
    shop.snapshot("41", hours_ago=30)
    found = back(shop)
    assert (found.stable, found.origin) == (
        "41",
        "snapshot of 2026-11-22 13:30 UTC, 30.0 hours ago, by bob",
    )


def test_a_snapshot_of_another_target_says_nothing() -> None:
    """The service moved."""
    shop = Shop(CANARY)
    shop.snapshot("41", target="another target")
    assert "name the version" in refused(shop)


def test_a_version_older_than_the_snapshot_is_refused() -> None:
    """Somebody went back already; forward is not back."""
    shop = Shop(Traffic(primary="40"))
    shop.snapshot("41", hours_ago=1)
    assert "somebody went back already" in refused(shop)


def test_guardians_stamp_is_enough_without_a_journal() -> None:
    """A new machine, and nothing but the target itself."""
    shop = Shop(SPLIT)
    shop.target.stamp = Stamp(rollout="r-lost", epoch=3, stable="41")
    found = back(shop)
    assert (found.stable, found.origin) == ("41", "guardian's stamp of rollout r-lost")


def test_under_a_stamp_that_was_left_a_named_version_gets_its_description_back() -> None:
    """The process died after the rollback was recorded, before it took its stamp away."""
    shop = Shop()
    shop.journal = journal = Torn(shop.clock)
    plan = rollout(shop)
    plan = replace(plan, snapshot=replace(plan.snapshot, detail={"description": "by CDK"}))
    shop.lived(*completed(plan))
    shop.target.traffic = CANARY
    shop.target.stamp = Stamp(rollout="r-old", epoch=1, stable="41")
    assert back(shop, "41").plan.snapshot.detail == {"description": "by CDK"}
    assert back(shop, "40").plan.snapshot.detail == {}
    journal.torn = "r-old"
    assert back(shop, "41").plan.snapshot.detail == {}


def test_of_two_versions_the_recorded_one_is_restored() -> None:
    """Whatever their places; a person's mistake there must not give the bad one all traffic."""
    shop = Shop(Traffic(primary="42", secondary="41", weight=Weight.percent(10)))
    with pytest.raises(ConfigError, match="nobody can tell which version"):
        back(shop)
    assert back(shop, "41").plan.canary == "42"
    shop.snapshot("41", hours_ago=30)
    found = back(shop)
    assert (found.stable, found.plan.canary) == ("41", "42")
    assert back(Shop(SPLIT)).origin == "its place as the primary version"


def test_without_any_record_the_version_has_to_be_named() -> None:
    """Guardian does not guess."""
    assert "guardian rollback agents-api --to VERSION" in refused(Shop(CANARY))


@pytest.mark.parametrize("to", ["41", None])
def test_a_version_that_does_not_exist_is_refused(to: str | None) -> None:
    """Whoever named it: a write to it could never be confirmed."""
    shop = Shop(CANARY)
    shop.snapshot("41")
    shop.target.deleted = frozenset({"41"})
    assert "there is no version 41" in refused(shop, to)


def test_what_speaks_against_a_version_is_only_said() -> None:
    """One that sleeps wakes at its next call, and what cannot be asked is no reason to wait."""
    shop = Shop(CANARY)
    shop.target.problems = ("The state of version 41 is Inactive.",)
    assert back(shop, "41").remarks == shop.target.problems
    shop.target.unseen = True
    (remark,) = back(shop, "41").remarks
    assert remark.startswith("whether version 41 can serve is not known: lambda:Get")
    with pytest.raises(RouterError):
        back(shop, "latest")


class Torn(MemoryJournal):
    """A journal in which one rollout cannot be read."""

    torn = ""

    def read(self, rollout: str) -> list[Record]:
        """Refuses that one."""
        if rollout == self.torn:
            raise Unavailable(f"rollout {rollout} cannot be trusted")
        return super().read(rollout)


def test_a_past_that_cannot_be_read_is_passed_over() -> None:
    """The rest of the journal still says what was live before; without any rest that is said."""
    shop = Shop()
    shop.journal = journal = Torn(shop.clock)
    shop.lived(*completed(rollout(shop)))
    shop.snapshot("40")
    shop.target.traffic = CANARY
    journal.torn = "r-old"
    found = back(shop)
    assert found.stable == "40"
    assert found.remarks == ("rollout r-old is passed over: rollout r-old cannot be trusted",)


def test_a_gate_has_no_traffic_to_move() -> None:
    """The router `none`: whatever deployed it goes back."""
    shop = Shop(CANARY)
    shop.target.capabilities = Capabilities(moves=False, guard=Guard.NONE)
    assert "guardian cannot move its traffic" in refused(shop, "41")


def test_what_is_live_already_is_nothing_to_do() -> None:
    """Unless guardian's stamp is still on it."""
    shop = Shop(STABLE)
    found = back(shop, "41")
    assert found.done
    assert found.describe() == [
        f"agents-api: nothing to undo: {shop.target.target} serves 41 100% (--to)"
    ]
    shop.target.stamp = Stamp(rollout="r-lost", epoch=3, stable="41")
    assert not back(shop, "41").done
