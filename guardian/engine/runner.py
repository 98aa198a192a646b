"""Runs one rollout in this process: its state, its claim, and what was last seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from guardian.core.judging.judge import JudgeState, Window, judge
from guardian.core.judging.together import together
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Instant, Measurement, Query, Reason
from guardian.core.plan import Drive
from guardian.core.rollout.beside import beside
from guardian.core.rollout.decide import decide
from guardian.core.rollout.desired import (
    DesiredTraffic,
    Verb,
    desired_traffic,
    must_write,
    unknown_versions,
)
from guardian.core.rollout.entries import (
    Completed,
    Entry,
    Freeze,
    Order,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    StepEntered,
    Superseded,
    WeightConfirmed,
)
from guardian.core.rollout.machine import LIVE, Phase, Rollout, apply
from guardian.core.rollout.orders import Decision
from guardian.core.rollout.progress import Observation, observed_until, window_of
from guardian.core.status import RolloutStatus, status_of
from guardian.core.traffic import Reading, Stamp, WayBack
from guardian.core.verdict import Verdict
from guardian.engine.needs import (
    Views,
    judged,
    looks,
    merged,
    open_before,
    views,
    wanted,
)
from guardian.ports import Claim, EdgeError, Guard, Router, RouterError

STALE_S = 60.0
"""Where revisions may return, the one before is believed when it was shown for so long."""
CLEAN_UP_TRIES = 5
"""Attempts to take guardian's stamp off after the end; it moves no traffic."""


@dataclass(kw_only=True)
class RolloutRunner:
    """What the loop remembers of one rollout between ticks; everything vital is in the journal."""

    rollout: Rollout
    claim: Claim
    router: Router
    verdicts: tuple[Verdict, ...] = ()
    stable: tuple[Verdict, ...] | None = None
    """Before the first shift: how stable stands; None while that was not judged."""
    observed_until: Instant | None = None
    reading: Reading | None = None
    """As last read, in this tick or an earlier one."""
    replaced: set[str] = field(default_factory=set)
    """Revisions that a newer one has replaced: a reading that shows one is stale."""
    before: str = ""
    before_since: Instant | None = None
    """Since when the router shows the revision before the present one again."""
    unseen_since: Instant | None = None
    """Since when every read of the traffic failed."""
    gone_since: Instant | None = None
    """Since when every read said that the target does not exist."""
    way_back: WayBack | None = None
    """As last learned; written by the thread of the call that asks."""
    way_back_at: Instant = 0.0
    """When that was last asked."""
    read_trouble: str = ""
    write_trouble: str = ""
    beside: dict[str, Measure] = field(default_factory=dict)
    """By criterion, the same measure of stable: read where the limit seems broken."""
    judge_states: dict[str, JudgeState] = field(default_factory=dict)
    fenced: bool = False
    wrote: bool = False
    tried: bool = False
    tries: int = 0
    retry_at: float = 0.0
    """Monotonic time before which a failed write is not tried again."""
    lost: bool = False
    """Another process has taken over: stop acting."""
    freeze: Freeze | None = None
    """The one in force at the last tick."""
    aside: tuple[Entry, ...] = ()
    """A rollback that the journal could not take: its start, and what became of it since.

    It is carried out and told all the same, and recorded as a whole when the journal is back.
    """
    looked_at: float = 0.0
    """Monotonic time of the last look at it that was its turn."""
    look_first: bool = False
    """The next step waits for a look at the traffic: somebody may have changed it meanwhile."""
    set_ahead_at: Instant = 0.0
    """What the machine's clock showed after it was last set ahead; 0 where it never was."""
    unrecorded: WeightConfirmed | None = None
    """A weight that was read back and could not be recorded: it is judged all the same."""

    @property
    def id(self) -> str:
        """The rollout's id."""
        return self.rollout.plan.rollout

    @property
    def judged(self) -> Rollout:
        """The rollout as its traffic is, for judging: also where the journal is behind."""
        return self.rollout if self.unrecorded is None else apply(self.rollout, self.unrecorded)

    @property
    def failsafe(self) -> RollbackStarted | None:
        """The start of the rollback that is carried out without a record, if there is one."""
        started = self.aside[0] if self.aside else None
        return started if isinstance(started, RollbackStarted) else None

    @property
    def back(self) -> bool:
        """Whether the rollback that could not be recorded was read back."""
        return bool(self.aside) and isinstance(self.aside[-1], RollbackConfirmed)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do, the stamp's removal included."""
        if self.lost:
            return True
        if self.rollout.live:
            return False
        if self.rollout.phase is not Phase.ROLLED_BACK or self.reading is None:
            return True
        left = must_write(self.rollout, self.reading, fenced=True, wrote=True)
        return left is None or self.tries >= CLEAN_UP_TRIES

    def wants_reading(self, monotonic: float, *, polling: bool) -> bool:
        """Whether this tick has to look at the real traffic.

        A write that waits for its next try needs none, unless nobody answered the one before it.
        """
        if self.lost or self.over:
            return False
        if self.reading is not None and monotonic < self.retry_at:
            return polling or self.look_first
        unsafe = self.failsafe is not None and not self.back
        calm = self.rollout.phase in (Phase.BAKING, Phase.HELD) or self.rollout.kept_back
        return polling or unsafe or self.look_first or not calm

    @property
    def trouble(self) -> str:
        """The last router error that still stands, for people."""
        return self.write_trouble or self.read_trouble

    def saw(self, outcome: object, now: Instant) -> bool:
        """Take in what reading the router brought; whether it was read.

        After a failed read the older one stays: its guard token keeps a write made from it safe.
        """
        gone_since, self.gone_since = self.gone_since, None
        self.unseen_since = now if self.unseen_since is None else self.unseen_since
        if isinstance(outcome, Reading) and self._stale(outcome, now):
            self.read_trouble = "the router showed a state that was replaced before: a stale read"
        elif isinstance(outcome, Reading):
            self._replace(outcome)
            self.look_first = False
            self.unseen_since, self.read_trouble = None, ""
            return True
        elif isinstance(outcome, EdgeError):
            self.read_trouble = outcome.detail
            if outcome.reason is Reason.NOT_FOUND:
                self.gone_since = now if gone_since is None else gone_since
        else:
            self.read_trouble = f"the router gave {type(outcome).__name__}, not a reading"
        return False

    def _stale(self, found: Reading, now: Instant) -> bool:
        """Whether it is older than what is known; that a rollback is not there is never doubted."""
        back = self.rollout.plan.snapshot.traffic
        returning = self.rollout.phase is Phase.ROLLING_BACK or self.failsafe is not None
        if found.revision != self.before or (returning and found.traffic != back):
            return found.revision in self.replaced
        self.before_since = now if self.before_since is None else self.before_since
        return 0.0 <= now - self.before_since < STALE_S

    def _replace(self, newer: Reading) -> None:
        """Where the vendor compares revisions, each is given once: an older one never returns."""
        known, self.before_since = self.reading, None
        if known is not None and known.revision != newer.revision:
            hard = self.router.capabilities.guard is Guard.HARD
            self.before = "" if hard else known.revision
            self.replaced |= {known.revision} if hard else set()
        self.reading = newer

    def judge(self, measurements: Mapping[Query, Measurement], now: Instant) -> None:
        """Criteria -> verdicts, over everything since the first shift; incidents also before it."""
        rollout, plan = self.rollout, self.rollout.plan
        if rollout.phase not in LIVE:
            return
        window = self.window()
        self.stable = judged(self._views(), plan, measurements, now)
        if window is None:
            self.verdicts = open_before(rollout, measurements, now)
            return
        verdicts = []
        for criterion in plan.criteria:
            verdict, self.judge_states[criterion.name] = judge(
                criterion,
                measurements,
                window,
                now=now,
                judge_state=self.judge_states.get(criterion.name),
                beside=self.beside.get(criterion.name),
            )
            verdicts.append(verdict)
        self.verdicts = together(plan.criteria, verdicts, measurements)
        self.observed_until = observed_until(rollout, verdicts)

    def _views(self) -> tuple[Views, ...]:
        """What shows how stable stands, until the first step begins."""
        return views(self.rollout.plan, self.router) if self.rollout.step < 0 else ()

    def wanted(self, now: Instant) -> dict[Query, tuple[Instant, float]]:
        """Every query to be read: from when on, and how long until it is settled."""
        if not self.rollout.live:
            return {}
        criteria, since = self.judged_now, self.judged_since
        return merged((*wanted(criteria, self.beside, since), *looks(self._views(), now)))

    def doubts(self) -> bool:
        """Whether a broken limit may be an outage: stable's side is to be read before it counts."""
        before = len(self.beside)
        self.beside |= beside(self.rollout, self.verdicts)
        return len(self.beside) > before

    @property
    def judged_since(self) -> Instant:
        """From when on measurements matter: the first shift, or before it the start."""
        first_shift_at = self.judged.first_shift_at
        return self.rollout.started_at if first_shift_at is None else first_shift_at

    @property
    def judged_now(self) -> tuple[Criterion, ...]:
        """The criteria that can be judged already: before the first shift, what is open alone."""
        criteria = self.rollout.plan.criteria
        if self.judged.first_shift_at is not None:
            return criteria
        return tuple(c for c in criteria if c.measure.any_of)

    def window(self) -> Window | None:
        """What the evidence covers; None before the first confirmed shift."""
        found = window_of(self.judged)
        return found and replace(found, set_ahead_at=self.set_ahead_at)

    def seen(
        self, orders: tuple[Order, ...] = (), *, fresh: bool = True, freeze: Freeze | None = None
    ) -> Observation:
        """What the core may know of this tick; `fresh`: the router was read in it."""
        return Observation(
            verdicts=self.verdicts,
            stable=self.stable,
            observed_until=self.observed_until,
            reading=self.reading if fresh else None,
            unseen_since=self.unseen_since,
            gone_since=self.gone_since,
            wrote=self.wrote,
            tried=self.tried,
            trouble=self.trouble,
            way_back=self.way_back,
            orders=orders,
            freeze=freeze,
        )

    def decide(
        self,
        orders: tuple[Order, ...],
        now: Instant,
        *,
        fresh: bool,
        freeze: Freeze | None = None,
    ) -> Decision:
        """The next entry of this rollout, or none.

        A rollback that was carried out and could not be recorded comes before whatever else the
        rollout, whose traffic it has moved, would make of what it finds.
        """
        self.freeze = freeze
        decision = decide(self.rollout, self.seen(orders, fresh=fresh, freeze=freeze), now)
        entry = decision.entry
        advances = isinstance(entry, StepEntered | Completed) and entry.actor is None
        if not fresh and advances and self.rollout.plan.drive is Drive.ROLLOUT:
            self.look_first = True
            decision = replace(decision, entry=None)
        if self.failsafe is None or (isinstance(decision.entry, Superseded) and not self.back):
            return decision
        return Decision(entry=self.failsafe)

    def went_on(self, now: Instant, *, fresh: bool) -> None:
        """What became of a rollback that the journal cannot take: confirmed, or stuck."""
        if not self.aside or self.back:
            return
        as_if = reduce(apply, self.aside, self.rollout)
        entry = decide(as_if, self.seen(fresh=fresh), now).entry
        if isinstance(entry, RollbackStuck | RollbackConfirmed):
            self.aside = (*self.aside, replace(entry, at=max(now, as_if.last_at)))

    def advanced(self, after: Rollout) -> None:
        """An entry was recorded: forget what belonged to the phase before."""
        before, self.rollout, self.unrecorded = self.rollout, after, None
        if after.phase is Phase.ROLLING_BACK or not after.live:
            self.aside = ()
        if after.phase is not before.phase or after.step != before.step:
            self.wrote = self.tried = False
            self.tries, self.retry_at = 0, 0.0
        if after.confirmed != before.confirmed or after.step != before.step:
            self.verdicts, self.observed_until = (), None

    def due_write(self, monotonic: float) -> DesiredTraffic | None:
        """The desired traffic, if the router is to be written in this tick."""
        if self.lost or self.reading is None or monotonic < self.retry_at:
            return None
        if self.failsafe is not None:
            traffic = self.rollout.plan.snapshot.traffic
            done = self.wrote and self.reading.traffic == traffic
            if done or self.back or unknown_versions(self.rollout.plan, self.reading.traffic):
                return None
            return DesiredTraffic(verb=Verb.RESTORE, traffic=traffic, stamped=True)
        if self.over:
            return None
        return must_write(self.rollout, self.reading, fenced=self.fenced, wrote=self.wrote)

    @property
    def unsettled(self) -> bool:
        """Whether the router does not yet show what the state wants, or has to be looked at."""
        return self.look_first or (
            not (self.over or self.rollout.kept_back)
            and (
                self.rollout.phase in (Phase.PENDING, Phase.SHIFTING, Phase.ROLLING_BACK)
                or (
                    self.rollout.phase is not Phase.BAKING
                    and desired_traffic(self.rollout) is not None
                )
                or self.failsafe is not None
            )
        )

    def write(self, wanted: DesiredTraffic) -> Reading:
        """Ask the router for the desired traffic; returns its read-back. Runs in the pool."""
        reading, plan = self.reading, self.rollout.plan
        if reading is None:
            raise RouterError(Reason.UNKNOWN, "the traffic was not read")
        stamp = Stamp(rollout=plan.rollout, epoch=self.claim.epoch, stable=plan.stable)
        match wanted.verb:
            case Verb.SHIFT:
                return self.router.shift(wanted.traffic, stamp=stamp, after=reading)
            case Verb.PROMOTE:
                return self.router.promote(plan.canary, after=reading, detail=plan.snapshot.detail)
            case Verb.RESTORE:
                kept = stamp if wanted.stamped else None
                return self.router.restore(plan.snapshot, stamp=kept, after=reading)

    def wrote_it(
        self, wanted: DesiredTraffic, outcome: object, *, monotonic: float, jitter: float
    ) -> bool:
        """Take in what a write brought; whether it took effect."""
        self.tried = True
        self.write_trouble = outcome.detail if isinstance(outcome, EdgeError) else "no answer"
        if isinstance(outcome, Reading):
            if outcome.revision not in self.replaced:
                self._replace(outcome)
            self.wrote = self.fenced = True
            if outcome.traffic == wanted.traffic:
                self.write_trouble = ""
                self.tries = self.tries + 1 if self.rollout.phase is Phase.ROLLED_BACK else 0
                return True
            # Written again at once, this would be a storm of writes that change nothing.
            self.write_trouble = f"asked for {wanted.traffic}, read back {outcome.traffic}"
        self.look_first |= isinstance(outcome, EdgeError) and outcome.reason is Reason.TIMEOUT
        self.tries += 1
        back_off_s = min(30.0, 0.5 * 2.0 ** min(self.tries, 10))
        self.retry_at = monotonic + back_off_s * (0.5 + jitter / 2)
        return False

    def status(self, now: Instant) -> RolloutStatus:
        """How this rollout looks at `now`."""
        traffic = self.reading.traffic if self.reading else None
        return status_of(self.rollout, self.seen(freeze=self.freeze), now, traffic=traffic)
