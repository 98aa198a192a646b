"""From what a router shows to a plan, or to a refusal that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from guardian.app.planning import plan_rollout, plan_watch, take_snapshot
from guardian.cloudwatch import MetricStat, changed
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Query, Scope
from guardian.core.plan import Approval, Drive, Plan
from guardian.core.rollout.entries import (
    Cause,
    Completed,
    Entry,
    PrimaryConfirmed,
    RollbackConfirmed,
    RollbackStarted,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
)
from guardian.core.rollout.machine import apply, fold, start
from guardian.core.traffic import Stamp, Traffic, Weight
from guardian.engine.task import NothingToDo
from guardian.messages.table import notice
from guardian.ports import Capabilities, ConfigError, Guard
from tests.app.shop import CANARY, SPLIT, STABLE, HasData, Shop, bound, everything, probe


def rollout_of(
    shop: Shop, to: str = "42", *, again: bool = False, has_data: HasData = everything
) -> Plan:
    """The plan of a rollout."""
    request = shop.request(again=again)
    return plan_rollout(shop.service, request, to=to, journal=shop.journal, probe=probe(has_data))


def watch_of(
    shop: Shop,
    rollback_to: str | None = None,
    duration_s: float = 1800.0,
    has_data: HasData = everything,
    fixes: tuple[str, ...] = (),
) -> Plan:
    """The plan of a watch."""
    return plan_watch(
        shop.service,
        replace(shop.request(), fixes=fixes),
        duration_s=duration_s,
        rollback_to=rollback_to,
        journal=shop.journal,
        probe=probe(has_data),
    )


def refused(plan: Callable[[], object]) -> str:
    """Why there is no plan."""
    with pytest.raises(ConfigError) as refusal:
        plan()
    assert refusal.value.exit_code == 3
    return str(refusal.value)


def taken_back(plan: Plan) -> list[Entry]:
    """A rollout that was begun and rolled back."""
    at = plan.snapshot.taken_at
    return [
        RolloutStarted(at=at, plan=plan),
        StepEntered(at=at, step=0),
        RollbackStarted(at=at, cause=Cause.BREACH, detail="6% over 5%"),
        RollbackConfirmed(at=at, by_guardian=True, detail="read back"),
    ]


def completed(plan: Plan) -> list[Entry]:
    """A rollout that went live."""
    at = plan.snapshot.taken_at
    return [
        RolloutStarted(at=at, plan=plan),
        StepEntered(at=at, step=0),
        WeightConfirmed(at=at, weight=plan.steps[0].weight),
        Completed(at=at),
        PrimaryConfirmed(at=at),
    ]


# --- rollouts ----------------------------------------------------------------------------------


def test_a_rollout_goes_from_what_is_live_to_what_was_asked() -> None:
    """Stable is what was found; every variable of the rules is bound."""
    plan = rollout_of(Shop(), "latest")
    assert (plan.drive, plan.stable, plan.canary, plan.found) == (
        Drive.ROLLOUT,
        "41",
        "42",
        STABLE,
    )
    assert plan.snapshot.traffic == STABLE
    assert plan.restores
    query = plan.criteria[0].measure.queries[0]
    assert MetricStat.of(query).dimensions == (("FunctionName", "agents-api"), ("Version", "42"))


def test_what_nothing_judges_does_not_start() -> None:
    """With every criterion switched off, neither a rollout nor a watch could end as healthy."""
    shop = Shop()
    shop.service = replace(shop.service, criteria=())
    with pytest.raises(ConfigError, match=r"no criterion left \(rules/production\.yaml\)"):
        rollout_of(shop, "42")
    shop.target.traffic = SPLIT
    with pytest.raises(ConfigError, match="no criterion left"):
        watch_of(shop)


def test_a_plan_keeps_what_was_asked_and_what_is_configured() -> None:
    """Incidents to mend, approvals, the group; nobody approves what somebody else has shifted."""
    approvals = (Approval(before_step=0),)
    shop = Shop()
    shop.service = replace(shop.service, approvals=approvals, group="checkout")
    request = replace(shop.request(), fixes=("Q1",))
    plan = plan_rollout(shop.service, request, to="42", journal=shop.journal, probe=probe())
    assert (plan.fixes, plan.approvals, plan.group) == (("Q1",), approvals, "checkout")
    shop.target.traffic = SPLIT
    watch = watch_of(shop, fixes=("Q1",))
    assert (watch.fixes, watch.approvals, watch.group) == (("Q1",), (), "checkout")


def test_observing_restores_nothing() -> None:
    """`mode: observe` judges and leaves traffic alone."""
    shop = Shop()
    shop.service = replace(shop.service, observe=True)
    assert not rollout_of(shop).restores


def test_what_is_live_already_needs_no_rollout() -> None:
    """Not an error: there is nothing to do."""
    with pytest.raises(NothingToDo, match="version 42 is live at 100% already"):
        rollout_of(Shop(CANARY))


def test_a_split_target_is_refused_with_how_to_put_it_back() -> None:
    """Somebody else may be shifting it."""
    said = refused(lambda: rollout_of(Shop(SPLIT), "43"))
    assert "already splits its traffic (41 90%, 42 10%)" in said
    assert "guardian rollback agents-api --to 41" in said


def test_versions_that_cannot_share_traffic_are_refused_with_every_reason() -> None:
    """All of them in one run."""
    shop = Shop()
    shop.target.problems = ("Another architecture.", "Another role.")
    said = refused(lambda: rollout_of(shop))
    assert "  Another architecture.\n  Another role." in said


def test_a_service_without_a_router_is_sent_to_watch() -> None:
    """A gate cannot shift."""
    shop = Shop()
    shop.target.capabilities = Capabilities(moves=False, guard=Guard.NONE)
    assert "guardian watch agents-api" in refused(lambda: rollout_of(shop))


def test_a_version_that_was_rolled_back_needs_again() -> None:
    """The reason of last time is named; with `--again` it may be tried."""
    shop = Shop()
    shop.lived(*taken_back(replace(rollout_of(shop), rollout="r-old")))
    said = refused(lambda: rollout_of(shop))
    assert "version 42 was rolled back before (r-old, breach: 6% over 5%)" in said
    assert "--again --reason WHY" in said
    assert rollout_of(shop, again=True).canary == "42"
    assert rollout_of(shop, "43").canary == "43"


def test_an_unknown_variable_is_refused_with_the_file_and_the_known_ones() -> None:
    """Before anything moves."""
    shop = Shop()
    known = bound().measure
    assert isinstance(known, Ratio)
    measure = replace(known, part=changed(known.part, metric="${oops}"))
    shop.service = replace(shop.service, criteria=(replace(bound(), measure=measure),))
    said = refused(lambda: rollout_of(shop))
    assert said.startswith("rules/production.yaml: ")
    assert "${oops}" in said
    assert "${canary}" in said


@pytest.mark.parametrize(
    ("namespace", "longest_s", "more"),
    [("AWS/Lambda", 120.0, 120.0), ("AWS/Lambda", 0.0, 0.0), ("Sim", 120.0, 0.0)],
)
def test_what_is_stamped_at_a_requests_start_settles_later_by_the_longest_request(
    namespace: str, longest_s: float, more: float
) -> None:
    """Lambda stamps a failure with the time at which its invocation began."""
    shop = Shop()
    shop.target.longest_s = longest_s
    shop.service = replace(shop.service, criteria=(bound(namespace),))
    plan = rollout_of(shop)
    assert plan.criteria[0].settle_s == bound().settle_s + more
    longest = [step.max_bake_s + more for step in shop.service.steps]
    assert [step.max_bake_s for step in plan.steps] == longest, "it is waited for"


def test_clients_that_stay_longer_than_a_bake_are_not_shifted() -> None:
    """No weight would move them, on the way back neither."""
    shop = Shop()
    shop.target.sticks_s = 3600.0
    said = refused(lambda: rollout_of(shop))
    assert "stay for 1h with the version that they were given first, and the shortest" in said


def test_evidence_begins_when_a_shift_has_reached_everybody() -> None:
    """A bake is as long as it was asked for from there on."""
    shop = Shop()
    shop.target.capabilities = replace(shop.target.capabilities, reaches_all_s=90.0)
    plan, (step,) = rollout_of(shop), shop.service.steps
    assert plan.criteria[0].warm_up_s == bound().warm_up_s + 90.0
    assert plan.steps == (replace(step, bake_s=390.0, max_bake_s=990.0),)
    assert watch_of(shop, rollback_to="40").criteria[0].warm_up_s == bound().warm_up_s + 90.0


@pytest.mark.parametrize("name", ["agents-api", "a" * 300])
def test_pages_of_earlier_rollbacks_are_closed_by_the_next_completion(name: str) -> None:
    """The key is the very one that was paged, however long the names are."""
    shop = Shop()
    shop.service = replace(shop.service, name=name)
    entries = taken_back(replace(rollout_of(shop), rollout="r-old"))
    shop.lived(*entries)
    state = fold(entries[:-1])
    paged = notice(state, entries[-1], apply(state, entries[-1]))
    assert paged is not None
    assert rollout_of(shop, "43").open_pages == (paged.pages[0].key,)


def test_pages_from_before_the_last_completion_are_closed_already() -> None:
    """Only what stayed open since then."""
    shop = Shop()
    shop.lived(*taken_back(replace(rollout_of(shop), rollout="r-1")))
    shop.lived(*completed(replace(rollout_of(shop, "43"), rollout="r-2")))
    assert rollout_of(shop, "44").open_pages == ()


def test_an_earlier_rollouts_stamp_is_not_taken_for_what_was_there_before() -> None:
    """The snapshot's detail comes from the rollout that left the stamp."""
    shop = Shop()
    old = replace(rollout_of(shop), rollout="r-old")
    old = replace(old, snapshot=replace(old.snapshot, detail={"description": "theirs"}))
    shop.lived(*taken_back(old))
    shop.target.stamp = Stamp(rollout="r-old", epoch=1, stable="41")
    assert rollout_of(shop, "43").snapshot.detail == {"description": "theirs"}
    shop.target.stamp = Stamp(rollout="unheard-of", epoch=1, stable="41")
    assert rollout_of(shop, "43").snapshot.detail == {}


# --- watches -----------------------------------------------------------------------------------


def test_a_watch_needs_something_to_roll_back_to() -> None:
    """The refusal names the three ways out."""
    said = refused(lambda: watch_of(Shop(CANARY)))
    assert "nothing to roll back to" in said
    for way in ("guardian snapshot agents-api", "--rollback-to VERSION", "--observe"):
        assert way in said


def test_a_watch_restores_the_newest_snapshot() -> None:
    """What was live before the deploy."""
    shop = Shop(CANARY)
    shop.snapshot("40", hours_ago=3)
    shop.snapshot("41", hours_ago=1)
    plan = watch_of(shop)
    assert (plan.drive, plan.stable, plan.canary, plan.restores) == (
        Drive.WATCH,
        "41",
        "42",
        True,
    )
    assert plan.snapshot.traffic == STABLE
    assert start(RolloutStarted(at=0.0, plan=plan)).live


@pytest.mark.parametrize(("hours", "target"), [(25.0, ""), (1.0, "another target")])
def test_an_old_or_foreign_snapshot_says_nothing(hours: float, target: str) -> None:
    """A day is the longest."""
    shop = Shop(CANARY)
    shop.snapshot("41", hours_ago=hours, target=target)
    assert "nothing to roll back to" in refused(lambda: watch_of(shop))


def test_a_snapshot_of_what_is_live_makes_a_gate() -> None:
    """Nothing was deployed: there is nothing to restore."""
    shop = Shop(STABLE)
    shop.snapshot("41")
    plan = watch_of(shop)
    assert (plan.stable, plan.canary, plan.restores) == ("41", "41", False)


def test_on_a_weighted_target_the_primary_is_stable() -> None:
    """Somebody else shifts; guardian judges the smaller side."""
    plan = watch_of(Shop(SPLIT))
    assert (plan.stable, plan.canary, plan.steps[0].weight) == ("41", "42", Weight.percent(10))


@pytest.mark.parametrize("traffic", [CANARY, SPLIT])
def test_rolling_back_to_what_is_judged_is_refused(traffic: Traffic) -> None:
    """It would answer a breach with all traffic to the version that breaches."""
    said = refused(lambda: watch_of(Shop(traffic), "42"))
    assert "version 42 is the one to be judged" in said


def test_a_stable_that_cannot_serve_any_more_is_refused() -> None:
    """Better now than in the middle of a rollback."""
    shop = Shop(CANARY)
    shop.target.problems = ("Version 41 was deleted.",)
    said = refused(lambda: watch_of(shop, "41"))
    assert "version 41" in said
    assert "  Version 41 was deleted." in said


def test_observing_needs_nothing_to_restore() -> None:
    """It is a gate."""
    shop = Shop(CANARY)
    shop.service = replace(shop.service, observe=True)
    assert not watch_of(shop).restores


def test_a_gate_judges_pooled_criteria() -> None:
    """With no router there is no canary side: every criterion gates."""
    shop = Shop(STABLE)
    shop.target.capabilities = Capabilities(moves=False, guard=Guard.NONE)
    shop.service = replace(shop.service, criteria=(replace(bound(), scope=Scope.SERVICE),))
    plan = watch_of(shop)
    assert not plan.restores
    assert all(c.gating for c in plan.criteria)


@pytest.mark.parametrize(
    ("speaks", "dimensions"),
    [
        ("version", 2),
        ("whole target", 1),
        ("nobody", 2),
    ],
)
def test_a_silent_versions_series_is_read_from_the_whole_target(
    speaks: str, dimensions: int
) -> None:
    """Only where the version before was silent too, and the whole target was not."""
    shop = Shop(CANARY)
    shop.target.whole = True
    shop.snapshot("41", hours_ago=1)

    def has_data(queries: Sequence[Query]) -> frozenset[Query]:
        wanted = {"version": 2, "whole target": 1, "nobody": 0}[speaks]
        return frozenset(q for q in queries if len(MetricStat.of(q).dimensions) == wanted)

    criterion = watch_of(shop, has_data=has_data).criteria[0]
    assert {len(MetricStat.of(q).dimensions) for q in criterion.queries()} == {dimensions}
    assert ("whole target" in criterion.note) is (speaks == "whole target")


def test_a_watch_waits_until_its_last_minute_has_settled() -> None:
    """The time judged is the duration; the time waited is longer."""
    step = watch_of(Shop(SPLIT), duration_s=1800.0).steps[0]
    assert step.bake_s < 1800.0
    assert step.max_bake_s == 1800.0 + bound().settle_s + 120.0
    assert watch_of(Shop(SPLIT), duration_s=30.0).steps[0].bake_s == 60.0


# --- snapshots ---------------------------------------------------------------------------------


def test_a_snapshot_is_what_is_live_now() -> None:
    """By whom and when."""
    shop = Shop()
    found = take_snapshot(shop.service, actor="bob", now=5.0)
    assert (found.traffic, found.taken_by, found.taken_at) == (STABLE, "bob", 5.0)


def test_a_snapshot_in_the_middle_of_a_shift_is_refused() -> None:
    """There is no single stable version."""
    shop = Shop(SPLIT)
    said = refused(lambda: take_snapshot(shop.service, actor="bob", now=5.0))
    assert "splits its traffic" in said
    assert "before the deploy" in said
