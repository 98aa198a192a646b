"""What stable breaks before the first shift is not the release's: how it is judged from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.cloudwatch import changed, metric_query
from guardian.core.figures import Bound, Figure, Unit
from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import (
    Compare,
    Criterion,
    Direction,
    Judge,
    Measurement,
    OnFail,
    Query,
    Scope,
)
from guardian.core.notices import Event
from guardian.core.plan import Plan, Policy, PreExisting
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import Entry, Held, HoldReason, Resumed, StepEntered
from guardian.core.rollout.invariants import check
from guardian.core.rollout.machine import Rollout, apply
from guardian.core.rollout.orders import Decision
from guardian.core.rollout.pre_existing import bearing, broken, for_stable, of_stable, since, stands
from guardian.core.rollout.progress import gating
from guardian.core.traffic import FULL
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.messages.table import notice
from tests.core import builders
from tests.core.builders import Row, read
from tests.core.rollouts import (
    CAREFUL,
    PLAN,
    T0,
    WATCH,
    confirmed,
    rollout,
    saw,
)

QUEUE_AGE = metric_query(
    namespace="AWS/SQS", metric="ApproximateAgeOfOldestMessage", stat="Maximum"
)


def by_version(version: str) -> Ratio:
    """Errors of all, by version."""
    part, total = (
        replace(changed(query, dimensions=(("Version", version),)), versioned=("Version",))
        for query in (builders.BAD, builders.TOTAL)
    )
    return Ratio(part=part, total=total, good=False)


ERRORS = replace(builders.ERRORS, measure=by_version("42"))
POOLED = replace(builders.ERRORS, name="pooled", scope=Scope.SERVICE)
QUEUE = replace(
    builders.ERRORS,
    name="queue-age",
    measure=Gauge(series=QUEUE_AGE),
    judge=Judge.THRESHOLD,
    fail_if=replace(builders.ERRORS.fail_if, value=300.0, text="300s"),
    scope=Scope.SERVICE,
    min_samples=0,
)
RELEASE = replace(PLAN, criteria=(ERRORS, POOLED, QUEUE))
NOW = T0 + 3600.0


def side(rows: Sequence[Row], version: str, begin: float) -> dict[Query, Measurement]:
    """One version's readings, a row a minute from `begin` on, all settled."""
    measure = by_version(version)
    found = read(rows, part=measure.part, total=measure.total)
    moved = begin - builders.T0
    return {
        query: Measurement(
            points=tuple(replace(p, start=p.start + moved) for p in m.points),
            settled_before=m.settled_before + moved,
        )
        for query, m in found.items()
    }


def stable_verdict(criterion: Criterion, rows: Sequence[Row]) -> Verdict:
    """How stable stands by a criterion of RELEASE after these minutes, which end now."""
    (asked,) = [c for c in for_stable(RELEASE) if c.name == criterion.name]
    begin = NOW - 60 * len(rows)
    return stands(RELEASE, asked, side(rows, "41", begin), now=NOW + asked.settle_s)


def broke(name: str = "error-rate", *, bad: int = 200, samples: int = 1000) -> Verdict:
    """Stable breaks it."""
    return Verdict(
        criterion=name,
        outcome=Outcome.FAIL,
        evidence=Evidence(
            limit=Bound(direction=Direction.ABOVE, figure=Figure(0.05, Unit.RATIO)),
            value=Figure(bad / max(1, samples), Unit.RATIO),
            bad=bad,
            samples=samples,
            over_limit=True,
        ),
        why="over the limit: proven",
    )


# --- judging stable ----------------------------------------------------------------------------


def test_stable_is_asked_by_the_same_series_of_its_own_version() -> None:
    """What the whole service has is asked as it is; in a watch that has the release in it."""
    asked = {c.name: c.measure for c in for_stable(RELEASE)}
    assert asked == {
        "error-rate": replace(by_version("41"), absent_zero=True),
        "pooled": Ratio(part=builders.BAD, total=builders.TOTAL, good=False, absent_zero=True),
        "queue-age": QUEUE.measure,
    }
    watch = replace(WATCH, criteria=RELEASE.criteria)
    assert [c.name for c in for_stable(watch)] == ["error-rate"]
    assert [c.name for c in for_stable(CAREFUL)] == []  # Nothing there names a version.


def test_a_series_that_names_no_version_is_not_stables() -> None:
    """Half of a ratio is not enough either."""
    half = replace(by_version("42"), total=builders.TOTAL)
    assert of_stable(half, PLAN) is None
    assert of_stable(by_version("42"), PLAN) == by_version("41")


def test_the_look_back_holds_as_many_datapoints_as_a_threshold_needs() -> None:
    """Fifteen minutes, or N periods."""
    assert NOW - QUEUE.settle_s - since(QUEUE, NOW) == 900.0
    slow = replace(QUEUE, measure=Gauge(series=replace(QUEUE_AGE, period_s=300)))
    assert NOW - QUEUE.settle_s - since(slow, NOW) == 1500.0


@pytest.mark.parametrize(
    ("rows", "outcome", "pre_existing"),
    [
        ([(60, 300)] * 15, Outcome.FAIL, True),
        ([(3, 300)] * 15, Outcome.PASS, False),
        ([(1, 2)] * 15, Outcome.FAIL, True),
        ([(1, 3)] * 2, Outcome.NO_DATA, False),
        ([(150, 300)] * 2 + [(0, 3000)] * 13, Outcome.FAIL, False),
        ([], Outcome.NO_DATA, False),
    ],
    ids=["broken", "well", "little traffic", "a few requests long ago", "over again", "no data"],
)
def test_what_stable_is_proven_to_break_and_breaks_now_is_pre_existing(
    rows: list[Row], outcome: Outcome, pre_existing: bool
) -> None:
    """Too little is no proof, and what is over is over."""
    if outcome is Outcome.NO_DATA:
        rows = [*rows, *[(None, None)] * (15 - len(rows))]
    found = stable_verdict(ERRORS, rows)
    assert found.outcome is outcome
    assert (broken((found,)) == (found,)) is pre_existing


# --- what follows ------------------------------------------------------------------------------


def test_what_can_be_compared_is_and_what_cannot_is_only_told() -> None:
    """Everything else is as it was."""
    after = bearing(RELEASE, (broke(), broke("queue-age")))
    errors, pooled, queue = after.criteria
    assert errors.compare == Compare(stable=by_version("41"))
    assert errors.tolerated == 0.2
    assert errors.note == (
        "pre-existing: stable had 20.0% before the first shift, and the canary must not be worse"
    )
    assert pooled == POOLED
    assert queue.on_fail is OnFail.NOTIFY
    assert queue.note.endswith("it cannot be compared: it is only told")
    assert list(gating(after)) == ["error-rate"]
    assert bearing(RELEASE, ()) is RELEASE


def test_a_criterion_keeps_its_own_comparison_and_its_own_note() -> None:
    """A wider margin that the rule file allows is allowed here too."""
    own = Compare(max_ratio=1.5, stable=by_version("41"))
    noted = replace(ERRORS, compare=own, note="read from the whole target")
    (after,) = bearing(replace(PLAN, criteria=(noted,)), (broke(),)).criteria
    assert after.compare == own
    assert after.note.startswith("read from the whole target; pre-existing: ")


def test_the_false_rollback_budget_is_split_over_the_tests_that_are_left() -> None:
    """A comparison is one test more, and each gets less."""
    one = replace(PLAN, criteria=(ERRORS,))
    after = bearing(one, (broke(),))
    assert after.alpha * sum(c.tests for c in after.criteria) == one.policy.false_rollback


def judged(canary: Sequence[Row], stable: Sequence[Row]) -> Verdict:
    """The canary's verdict, where stable had 20% before."""
    (criterion,) = bearing(replace(PLAN, criteria=(ERRORS,)), (broke(),)).criteria
    found = side(canary, "42", builders.T0) | side(stable, "41", builders.T0)
    window = builders.window()
    now = builders.T0 + 60 * len(canary) + criterion.settle_s
    return judge(criterion, found, window, now=now)[0]


def test_a_fix_that_is_over_the_limit_passes_beside_a_worse_stable() -> None:
    """And it says what it was held against."""
    found = judged([(7, 100)] * 10, [(180, 900)] * 10)
    assert found.outcome is Outcome.PASS
    assert found.why.startswith("7.0% over 5%")
    assert "pre-existing: stable had 20.0%" in found.why


def test_a_release_that_is_no_worse_passes() -> None:
    """Nothing was mended, and nothing was broken."""
    assert judged([(20, 100)] * 10, [(180, 900)] * 10).outcome is Outcome.PASS


def test_a_canary_that_is_much_worse_than_a_bad_stable_fails() -> None:
    """Being bad already is no licence."""
    found = judged([(50, 100)] * 10, [(180, 900)] * 10)
    assert found.outcome is Outcome.FAIL
    assert "50.0%" in found.why


def test_without_a_stable_side_it_is_held_against_what_stable_had() -> None:
    """At 100% there is nobody to compare with."""
    nobody: list[Row] = [(None, None)] * 10
    assert judged([(70, 1000)] * 10, nobody).outcome is Outcome.PASS
    assert judged([(500, 1000)] * 10, nobody).outcome is Outcome.FAIL


def test_too_few_samples_pass_nothing() -> None:
    """Not being proven worse is no pass by itself."""
    assert judged([(0, 2)] * 10, [(180, 900)] * 10).outcome is Outcome.INCONCLUSIVE


# --- the start ---------------------------------------------------------------------------------


def begin(state: Rollout, stable: tuple[Verdict, ...] | None, *, at: float = 1.0) -> Decision:
    """What is decided before the first shift."""
    return decide(state, replace(saw(found=state.plan.found), stable=stable), T0 + at)


def entered(state: Rollout, stable: tuple[Verdict, ...]) -> tuple[Entry, Rollout]:
    """The first step, with stable like this."""
    entry = begin(state, stable).entry
    assert entry is not None
    after = apply(state, entry)
    check(state, entry, after)
    return entry, after


@pytest.mark.parametrize("plan", [RELEASE, replace(WATCH, criteria=RELEASE.criteria)])
def test_the_first_step_waits_for_one_look_at_stable_and_no_longer(plan: Plan) -> None:
    """A source that does not answer starts the rollout all the same."""
    state = rollout(plan=plan)
    assert begin(state, None, at=59).entry is None
    assert begin(state, None, at=60).entry == StepEntered(at=T0 + 60, step=0)


def test_the_first_step_records_how_stable_stood_and_what_counts_from_there() -> None:
    """The state is the fold of the journal."""
    entry, after = entered(rollout(plan=RELEASE), (broke(),))
    assert entry == StepEntered(at=T0 + 1, step=0, stable=(broke(),))
    assert after.stable == (broke(),)
    assert after.plan == bearing(RELEASE, (broke(),))
    later = apply(apply(after, confirmed()), StepEntered(at=T0 + 700, step=1))
    assert (later.stable, later.plan) == (after.stable, after.plan)


def test_what_cannot_be_compared_does_not_hold_the_fix() -> None:
    """The old queue is told once, and the step is taken."""
    _, after = entered(rollout(plan=replace(PLAN, criteria=(ERRORS, QUEUE))), (broke("queue-age"),))
    baking = apply(after, confirmed())
    old = broke("queue-age")
    healthy = Verdict(criterion="error-rate", outcome=Outcome.PASS, evidence=Evidence(), why="")
    assert type(decide(baking, saw(old, healthy, minutes=9), T0 + 560).entry).__name__ == "Warned"
    ready = decide(baking, saw(old, healthy, minutes=11), T0 + 700).entry
    assert isinstance(ready, StepEntered)


def test_a_plan_that_holds_waits_until_stable_is_well() -> None:
    """By configuration; nothing has moved."""
    policy = Policy(pre_existing=PreExisting.HOLD)
    state = rollout(plan=replace(RELEASE, policy=policy))
    entry = begin(state, (broke(),)).entry
    assert isinstance(entry, Held)
    assert (entry.why, entry.detail) == (
        HoldReason.PRE_EXISTING,
        "error-rate: over the limit: proven",
    )
    waits = apply(state, entry)
    assert begin(waits, None).entry is None
    assert begin(waits, (broke(),), at=3600).entry is None
    assert isinstance(begin(waits, ()).entry, Resumed)
    by_person = apply(waits, Resumed(at=T0 + 5, detail="resume by bob", actor="bob"))
    assert isinstance(begin(by_person, (broke(),), at=6).entry, StepEntered)
    assert isinstance(begin(state, ()).entry, StepEntered)


def test_who_resumed_another_hold_has_not_seen_what_stable_breaks() -> None:
    """A hold by hand before the first shift, then resumed: the plan still waits for stable."""
    state = rollout(plan=replace(RELEASE, policy=Policy(pre_existing=PreExisting.HOLD)))
    by_hand = apply(state, Held(at=T0 + 1, why=HoldReason.PERSON, detail="", actor="bob"))
    resumed = apply(by_hand, Resumed(at=T0 + 5, detail="resume by bob", actor="bob"))
    entry = begin(resumed, (broke(),), at=6).entry
    assert isinstance(entry, Held)
    assert entry.why is HoldReason.PRE_EXISTING
    seen = apply(apply(resumed, entry), Resumed(at=T0 + 9, detail="resume", actor="bob"))
    again = apply(seen, Held(at=T0 + 10, why=HoldReason.PERSON, detail="", actor="bob"))
    last = apply(again, Resumed(at=T0 + 11, detail="resume", actor="bob"))
    assert isinstance(begin(last, (broke(),), at=12).entry, StepEntered)


# --- what is told ------------------------------------------------------------------------------


def told(plan: Plan, *stable: Verdict) -> str:
    """What the first confirmed weight says."""
    _, after = entered(rollout(plan=plan), stable)
    entry = confirmed(plan.steps[0].weight)
    said = notice(after, entry, apply(after, entry))
    assert said is not None
    assert said.event is Event.BAKING
    return said.did


def test_the_first_weight_tells_what_is_pre_existing() -> None:
    """What stable had, what follows, and what nobody could see."""
    dark = replace(broke("pooled"), outcome=Outcome.ERROR, why="AccessDenied")
    for plan in (RELEASE, replace(WATCH, criteria=RELEASE.criteria)):
        said = told(plan, broke(), broke("queue-age"), dark)
        assert (
            "Pre-existing, on stable version 41 before the first shift: error-rate over the limit:"
            " proven; queue-age over the limit: proven. Of error-rate version 42 must only be no"
            " worse than stable. queue-age cannot be compared: it is told, and holds nothing."
            " How version 41 stood by pooled could not be seen: nothing is taken as pre-existing"
            " there."
        ) in said


def test_nothing_is_told_of_a_stable_that_is_well() -> None:
    """Nor by a later step of what the first one told."""
    assert "re-existing" not in told(RELEASE)
    _, after = entered(rollout(plan=RELEASE), (broke(),))
    second = apply(apply(after, confirmed()), StepEntered(at=T0 + 700, step=1))
    entry = confirmed(FULL)
    said = notice(second, entry, apply(second, entry))
    assert said is not None
    assert "re-existing" not in said.did


def test_a_start_that_waits_says_how_it_begins_all_the_same() -> None:
    """A release that mends it is not kept out."""
    entry = Held(at=T0, why=HoldReason.PRE_EXISTING, detail="error-rate: 20%")
    state = rollout(plan=RELEASE)
    said = notice(state, entry, apply(state, entry))
    assert said is not None
    assert said.title == "agents-api: version 42 is not started: stable version 41 is not well"
    assert "`guardian rollout resume agents-api` starts it" in said.todo
