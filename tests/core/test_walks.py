"""Random walks of a whole decision loop: a router, a person's hand, orders, faults, lost sight."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from guardian.core.model import Criterion, OnFail, Scope
from guardian.core.plan import Blind, Drive, LowTraffic, Plan, Unapproved
from guardian.core.rollout.decide import decide
from guardian.core.rollout.desired import must_write
from guardian.core.rollout.entries import (
    Completed,
    Entry,
    Freeze,
    Order,
    OrderKind,
    RollbackStarted,
    RolloutStarted,
    StepEntered,
)
from guardian.core.rollout.invariants import check
from guardian.core.rollout.machine import Phase, Rollout, apply, fold, start
from guardian.core.rollout.progress import Observation
from guardian.core.traffic import FULL, Reading, Stamp, Traffic, WayBack
from guardian.core.verdict import Outcome, Verdict
from tests.core.rollouts import (
    CANARY,
    FROZEN,
    GATE,
    HALF,
    OBSERVE,
    PAGED,
    PLAN,
    ROLLOUT_ID,
    SPARING,
    STABLE,
    T0,
    TEN,
    WATCH,
    answered,
    asks,
    check_traffic,
    order,
    rollout,
    verdict,
)

BASES = st.sampled_from([PLAN, WATCH, GATE, OBSERVE])
CRITERIA = st.builds(
    Criterion,
    name=st.just("error-rate"),
    measure=st.just(PLAN.criteria[0].measure),
    fail_if=st.just(PLAN.criteria[0].fail_if),
    on_fail=st.sampled_from(OnFail),
    scope=st.sampled_from(Scope),
    min_samples=st.just(60),
)
HANDS = [
    STABLE,
    CANARY,
    Traffic(primary="41", secondary="42", weight=TEN),
    Traffic(primary="41", secondary="42", weight=HALF),
    Traffic(primary="41", secondary="42", weight=FULL),
    Traffic(primary="43"),
]
OVER = [Phase.ROLLED_BACK, Phase.RETIRED, Phase.CANCELLED, Phase.SUPERSEDED]


class Walk(RuleBasedStateMachine):
    """The tick's loop without its I/O; every entry must be possible and keep the invariants."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.entries: list[Entry] = []
        self.state: Rollout = rollout()
        self.traffic = STABLE
        self.verdicts: tuple[Verdict, ...] = ()
        self.incident: tuple[Verdict, ...] = ()
        self.freeze: Freeze | None = None
        self.way_back: WayBack | None = None
        self.observed_until = T0
        self.orders: tuple[Order, ...] = ()
        self.fenced = self.wrote = self.tried = False
        self.stamp: Stamp | None = None

    @initialize(
        base=BASES,
        criterion=CRITERIA,
        on_low_traffic=st.sampled_from(LowTraffic),
        on_blind=st.sampled_from(Blind),
        steps=st.sampled_from([(), (0,), (1,), (0, 1)]),
        on_timeout=st.sampled_from(Unapproved),
        incidents=st.booleans(),
    )
    def begin(
        self,
        *,
        base: Plan,
        criterion: Criterion,
        on_low_traffic: LowTraffic,
        on_blind: Blind,
        steps: tuple[int, ...],
        on_timeout: Unapproved,
        incidents: bool,
    ) -> None:
        """A plan is accepted."""
        policy = replace(base.policy, on_low_traffic=on_low_traffic, on_blind=on_blind)
        criteria = (criterion, PAGED) if incidents else (criterion,)
        plan = replace(base, criteria=criteria, policy=policy)
        plan = asks(*steps, on_timeout=on_timeout, plan=plan, hours=1)
        self.entries = [RolloutStarted(at=T0, plan=plan)]
        self.state, self.traffic = start(self.entries[0]), plan.found

    # --- the world -----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 60, 600, 1800, 14400]), observed=st.booleans())
    def time_passes(self, seconds: float, observed: bool) -> None:
        """And may be observed."""
        self.now += seconds
        if observed:
            self.observed_until = self.now - 180

    @rule(outcome=st.sampled_from(Outcome), over=st.booleans(), blind=st.booleans())
    def the_metrics_say(self, outcome: Outcome, over: bool, blind: bool) -> None:
        """A verdict, which stays until the next."""
        lost = blind and outcome in (Outcome.ERROR, Outcome.NO_DATA)
        if self.state.first_shift_at is not None:
            since = self.now if lost else None
            self.verdicts = (verdict(outcome, over_limit=over, blind_since=since),)

    @rule(outcome=st.sampled_from(Outcome))
    def the_pagers_say(self, outcome: Outcome) -> None:
        """Of incidents, also before the first shift; a failure needs one."""
        if outcome is not Outcome.FAIL or self.state.first_shift_at is not None:
            lost = outcome in (Outcome.ERROR, Outcome.NO_DATA)
            since = self.now if lost else None
            self.incident = (verdict(outcome, PAGED.name, blind_since=since),)

    @rule(freeze=st.sampled_from([None, FROZEN, SPARING]))
    def a_person_freezes_or_thaws(self, freeze: Freeze | None) -> None:
        """Advances, or rollbacks too, or nothing."""
        self.freeze = freeze

    @rule(found=st.sampled_from([None, WayBack(), WayBack(problem="it was deleted")]))
    def stable_comes_and_goes(self, found: WayBack | None) -> None:
        """As far as anybody can say."""
        self.way_back = found

    @rule(hand=st.sampled_from(HANDS))
    def a_person_moves_traffic(self, hand: Traffic) -> None:
        """At the console; the stamp stays where it is."""
        self.traffic = hand

    @rule(
        kind=st.sampled_from(OrderKind),
        full=st.booleans(),
        subject=st.sampled_from(["error-rate", PAGED.name]),
    )
    def a_person_orders(self, kind: OrderKind, subject: str, *, full: bool) -> None:
        """Once of each kind at a time."""
        if kind not in [o.kind for o in self.orders]:
            new = order(kind, at=self.now, full=full, subject=subject)
            self.orders = (*self.orders, new)

    @rule()
    def another_process_takes_over(self) -> None:
        """It remembers nothing."""
        self.fenced = self.wrote = self.tried = False

    # --- the loop ------------------------------------------------------------------------------

    @rule(readable=st.booleans(), writable=st.booleans())
    def tick(self, readable: bool, writable: bool) -> None:
        """Observe, decide, record, act."""
        self.once(readable=readable, writable=writable)

    @precondition(lambda self: self.entries and self.state.live)
    @rule()
    def ticks_come_to_rest(self) -> None:
        """While nothing changes outside, a few ticks lead to a state that stays."""
        for _ in range(20):
            if not self.once(readable=True, writable=True):
                return
        raise AssertionError([type(e).__name__ for e in self.entries[-20:]])

    def once(self, *, readable: bool, writable: bool) -> bool:
        """One tick; whether anything was decided or written."""
        reading = Reading(traffic=self.traffic, revision="", stamp=self.stamp)
        seen = Observation(
            verdicts=self.judged(),
            observed_until=self.observed_until,
            reading=reading if readable else None,
            wrote=self.wrote,
            tried=self.tried,
            way_back=self.way_back,
            orders=self.orders,
            freeze=self.freeze,
        )
        decision = decide(self.state, seen, self.now)
        self.orders = tuple(o for o in self.orders if o.id not in answered(decision))
        if decision.entry is not None:
            self.record(decision.entry)
        acted = readable and self.act(reading, writable=writable)
        return acted or decision.entry is not None

    def judged(self) -> tuple[Verdict, ...]:
        """A verdict of each criterion that has one."""
        names = {c.name for c in self.state.plan.criteria}
        return tuple(v for v in (*self.verdicts, *self.incident) if v.criterion in names)

    def record(self, entry: Entry) -> None:
        """Through the one door, and checked."""
        before, self.state = self.state, apply(self.state, entry)
        check(before, entry, self.state)
        self.entries.append(entry)
        if (before.phase, before.step) != (self.state.phase, self.state.step):
            self.wrote = self.tried = False
        if (before.confirmed, before.step) != (self.state.confirmed, self.state.step):
            self.verdicts = self.incident = ()

    def act(self, reading: Reading, *, writable: bool) -> bool:
        """Write the desired traffic where it is due; whether it took effect."""
        wanted = must_write(self.state, reading, fenced=self.fenced, wrote=self.wrote)
        if wanted is None:
            return False
        plan = self.state.plan
        check_traffic(self.state, wanted.traffic)
        assert "43" not in reading.traffic.versions
        assert plan.drive is Drive.ROLLOUT or wanted.traffic == plan.snapshot.traffic
        self.tried = True
        if not writable:
            return False
        self.traffic = wanted.traffic
        self.stamp = Stamp(rollout=ROLLOUT_ID, epoch=1, stable="41") if wanted.stamped else None
        self.wrote = self.fenced = True
        return True

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def the_state_is_its_journal(self) -> None:
        """Folding what was written gives the state."""
        if self.entries:
            assert fold(self.entries) == self.state

    @precondition(lambda self: self.entries and self.state.phase is Phase.HELD)
    @invariant()
    def what_people_hold_wants_nothing(self) -> None:
        """No write is due in a hold."""
        reading = Reading(traffic=self.traffic, revision="", stamp=self.stamp)
        assert must_write(self.state, reading, fenced=False, wrote=False) is None

    @precondition(lambda self: self.entries)
    @invariant()
    def a_breach_is_answered(self) -> None:
        """A tick on a proven breach that takes back never leaves the release where it is."""
        back = {c.name for c in self.state.plan.criteria if c.on_fail is OnFail.ROLLBACK}
        back -= set(self.state.waived)
        failed = any(v.outcome is Outcome.FAIL and v.criterion in back for v in self.judged())
        judged = self.state.phase in (Phase.SHIFTING, Phase.BAKING, Phase.HELD)
        hold = self.state.hold
        stopped = hold is not None and hold.resume_to is Phase.ROLLING_BACK
        if not (failed and judged and self.state.step >= 0) or stopped:
            return
        seen = Observation(
            verdicts=self.judged(), observed_until=self.observed_until, freeze=self.freeze
        )
        entry = decide(self.state, seen, self.now).entry
        after = self.state if entry is None else apply(self.state, entry)
        if self.state.plan.restores and self.freeze is SPARING:
            assert after.hold is not None
            assert after.hold.rollback_withheld
        elif self.state.plan.restores:
            assert after.phase is Phase.ROLLING_BACK
        else:
            assert after.phase in (Phase.CANCELLED, Phase.HELD)

    @precondition(lambda self: self.entries and self.freeze is not None)
    @invariant()
    def a_freeze_lets_nothing_advance(self) -> None:
        """Whatever is seen, guardian itself neither enters a step nor completes a rollout."""
        if self.state.plan.drive is Drive.WATCH:
            return
        reading = Reading(traffic=self.traffic, revision="", stamp=self.stamp)
        seen = Observation(
            verdicts=self.judged(),
            observed_until=self.observed_until,
            reading=reading,
            freeze=self.freeze,
        )
        entry = decide(self.state, seen, self.now).entry
        assert not isinstance(entry, StepEntered | Completed)
        if self.freeze is SPARING:
            # What a person put back by hand is back: that is no rollback of guardian's own.
            assert not isinstance(entry, RollbackStarted) or entry.actor is not None

    @precondition(lambda self: self.entries and self.state.phase in OVER)
    @invariant()
    def what_is_over_stays_over(self) -> None:
        """An end decides nothing more."""
        seen = Observation(verdicts=self.judged(), gone_since=self.now - 600)
        assert decide(self.state, seen, self.now).entry is None


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
