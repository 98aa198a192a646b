"""What there is to judge of one criterion: its counts, and where its tests stand."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from guardian.core.judging.alike import Shared, alike, heard, without
from guardian.core.judging.counts import Counts, Span, count
from guardian.core.judging.judge_state import JudgeState, blank, compare_test, sequential
from guardian.core.judging.observed import worst_stretch
from guardian.core.judging.points import points
from guardian.core.judging.sequential import Minute, RateTest, Run, Track
from guardian.core.judging.tally import Count, Tally, common
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Instant, Measurement, Query, Scope, ceil_to
from guardian.core.traffic import Weight
from guardian.core.verdict import Datapoints, Outcome

_start = attrgetter("start")

RECENT_PERIODS = 5
"""The busiest of this many settled periods tells what an unsettled one may still become."""
NO_TRACK = Track(())
"""Where a criterion stands that no sequential test judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where in its life a rollout is, and how sure a breach must be."""

    moving_since: Instant
    """From when on traffic may have moved: earlier than it was read back."""
    first_shift_at: Instant
    step_confirmed_at: Instant
    confirmed: tuple[tuple[Instant, Weight], ...]
    """Time and canary weight of every confirmed shift so far, in order."""
    alpha: float
    """The false-alarm probability of each statistical test."""
    horizon: int
    """The longest the rollout may last, in minutes."""
    bake_s: float = math.inf
    """Observed time that the present step must stay healthy."""
    fixes: tuple[str, ...] = ()
    """Incidents and alarms that this release is to mend: they never fail it."""
    watching: bool = False
    """Whether somebody else shifted, at a time that guardian does not know."""
    set_ahead_at: Instant = 0.0
    """What the machine's clock showed after it was last set ahead; 0 where it never was."""


class Growing(NamedTuple):
    """An unsettled period that speaks against the release."""

    seen: Count
    """As the source has it now; its two series may be skewed, so bad ones are cut to the total."""
    most: Count
    """With as many samples as it may come to have, which is what a proof may rest on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What an answer rests on, where that is not simply the step's settled periods."""

    settled: Sequence[Count]
    growing: Sequence[Growing] = ()
    stable: Sequence[Count] = ()
    """The other side, of a comparison."""
    datapoints: Datapoints | None = None
    value: float | None = None
    """The value to show, of what is judged by datapoints."""


class Ruling(NamedTuple):
    """What decides; its sentence is made of the figures."""

    outcome: Outcome
    detail: str = ""
    """What no figure says."""
    blind_since: Instant | None = None
    ground: Ground | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything the questions look at."""

    criterion: Criterion
    measure: Measure
    measurements: Mapping[Query, Measurement]
    window: Window
    now: Instant
    span: Span
    step_begin: Instant
    """The start of the present step's first whole period after its warm-up."""
    counts: Counts
    stable_counts: Counts | None
    judge_state: JudgeState
    track: Track
    """The limit test, with the partial periods that speak against the release."""
    growing: tuple[Growing, ...]
    """The partial periods in it."""
    shared: Shared
    """What stable shows alike; it is in none of the counts and tests but the comparison."""

    @property
    def settle_s(self) -> float:
        """The age from which a period no longer changes, by the rule and by what was seen."""
        return max(self.criterion.settle_s, *(m.lag_s for m in self.measurements.values()))

    @property
    def threshold(self) -> float:
        """The log evidence that proves a breach."""
        return -math.log(self.window.alpha)

    def sampled(self, tally: Tally) -> float:
        """How many samples, or how many datapoints of what has none."""
        return tally.heard if self.measure.timed else tally.total

    @property
    def step(self) -> Tally:
        """The settled periods of the present step, and their sums."""
        return self.judge_state.step

    @property
    def samples(self) -> float:
        """What is held against `min_samples`: the step's."""
        return self.sampled(self.step)

    @property
    def over(self) -> bool:
        """Whether the step's observed value is over the limit."""
        return self.step.total > 0 and self.measure.over(self.criterion.fail_if, self.step.sum)


def examine(
    criterion: Criterion,
    measure: Measure,
    measurements: Mapping[Query, Measurement],
    window: Window,
    *,
    now: Instant,
    judge_state: JudgeState | None,
    beside: Measure | None = None,
) -> Evaluation:
    """Count what the criterion measures, and bring the tests up to date."""
    span = Span.of(criterion, window.first_shift_at, [at for at, _ in window.confirmed])
    step_begin = ceil_to(window.step_confirmed_at + criterion.warm_up_s, span.period_s)
    judge_state = usable(judge_state, criterion, window) or blank(
        criterion, alpha=window.alpha, minutes=window.horizon, period_s=span.period_s
    )
    since = [measurements[q].since for q in criterion.queries() if q in measurements]
    read = span.read_since(max(since, default=0.0))
    ledger = judge_state.ledger.over(
        measure, measurements, read, direction=criterion.fail_if.direction
    )
    counts, other_side = ledger.counts, criterion.compare.stable if criterion.compare else None
    compare, stable, stable_counts = judge_state.compare, judge_state.stable, None
    if compare is not None and other_side is not None:
        stable = stable.over(other_side, measurements, read)
        stable_counts = stable.counts
        compare = compare.over(_paired(judge_state, compare, counts, stable_counts))
    seen = _Limited(judge_state.limit, counts)
    if judge_state.limit is not None:
        other = stable_counts
        if other is None and beside is not None and _readable(beside, measurements):
            other = count(beside, measurements, read)
        seen = _limited(criterion, window, judge_state.limit, counts, other)
    counts, settled = seen.counts, seen.counts.settled
    return Evaluation(
        criterion=criterion,
        measure=measure,
        measurements=measurements,
        window=window,
        now=now,
        span=span,
        step_begin=step_begin,
        counts=counts,
        stable_counts=stable_counts,
        judge_state=replace(
            judge_state,
            ledger=ledger,
            stable=stable,
            whole=judge_state.whole.over(settled),
            step=judge_state.step.over(settled[bisect_left(settled, step_begin, key=_start) :]),
            points=()
            if sequential(criterion)
            else points(criterion, measurements, ledger, judge_state.points),
            limit=seen.limit,
            compare=compare,
        ),
        track=seen.track,
        growing=seen.growing,
        shared=seen.shared,
    )


class _Limited(NamedTuple):
    """Where the limit's test stands, over the periods that speak of the release."""

    limit: Run | None
    counts: Counts
    track: Track = NO_TRACK
    growing: tuple[Growing, ...] = ()
    shared: Shared = Shared()


def _limited(
    criterion: Criterion, window: Window, limit: Run, counts: Counts, other: Counts | None
) -> _Limited:
    """The limit's test; what proves it broken and stable shows alike is left out, again and again.

    `other` is what stable counts; None where that is not known.
    """
    busiest, all_counts, shared = _busiest(criterion, window, counts), counts, Shared()
    while True:
        limit = limit.over(counts.settled)
        track, growing = _with_partial(limit, counts, busiest)
        found = _Limited(limit, counts, track, growing, shared)
        if other is None or track.peak < -math.log(window.alpha):
            return found
        whole, there = heard(all_counts), heard(other)
        newest = max((c.start for c in whole.values() if c.total > 0), default=0.0)
        settled, late = worst(criterion, counts.settled, growing)
        mine = [whole[c.start] for c in (*settled, *(g.seen for g in late))]
        both = [there[c.start] for c in mine if c.start in there]
        test = compare_test(criterion, alpha=window.alpha, horizon=limit.test.horizon)
        if not mine or not alike(criterion, test, mine, both):
            return found
        shared = Shared(
            canary=(*shared.canary, *mine),
            settled=(*shared.settled, *settled),
            stable=(*shared.stable, *both),
            lasting=shared.lasting or newest in {c.start for c in mine},
        )
        counts = without(counts, shared.starts)


def worst(
    criterion: Criterion, settled: Sequence[Count], growing: Sequence[Growing]
) -> tuple[Sequence[Count], Sequence[Growing]]:
    """The stretch of periods, settled and growing ones, that is furthest over the limit."""
    timed = criterion.measure.timed
    stretch = worst_stretch(
        (*settled, *(g.most for g in growing)),
        criterion.fail_if.value if timed else criterion.borne_rate,
        fewer=timed and not criterion.fail_if.direction.rising,
    )
    late = slice(max(0, stretch.start - len(settled)), max(0, stretch.stop - len(settled)))
    return settled[stretch.start : stretch.stop], growing[late]


def _readable(measure: Measure, measurements: Mapping[Query, Measurement]) -> bool:
    """Whether all of a measure's series were read."""
    found = [measurements.get(query) for query in measure.queries]
    return all(m is not None and m.problem is None for m in found)


def usable(
    judge_state: JudgeState | None, criterion: Criterion, window: Window
) -> JudgeState | None:
    """The state, if it is of the very same tests."""
    same = judge_state is not None and (
        (judge_state.alpha, judge_state.horizon) == (window.alpha, window.horizon)
        and judge_state.criterion == criterion
    )
    return judge_state if same else None


def _paired(
    judge_state: JudgeState, run: Run, canary: Counts, stable: Counts
) -> tuple[Minute, ...]:
    """The periods that are settled on both sides; both count the same span.

    Those that are as they were at the last judgement are not put together again.
    """
    same = min(
        len(run.minutes),
        common(judge_state.ledger.counts.settled, canary.settled),
        common(judge_state.stable.counts.settled, stable.settled),
    )
    pairs = zip(canary.settled[same:], stable.settled[same:], strict=False)
    return (*run.minutes[:same], *((c.bad, c.total, s.bad, s.total) for c, s in pairs))


# --- bad news on periods that are not settled --------------------------------------------------


def _with_partial(run: Run, counts: Counts, busiest: float) -> tuple[Track, tuple[Growing, ...]]:
    """The track with every partial period that raises the evidence, and those periods.

    Bad events are only ever added to a period, and so are requests: the count of requests is taken
    as the larger of what is reported and what a busy period has.
    """
    track, kept, timed = run.track, [], isinstance(run.test, RateTest)
    for partial in counts.partial:
        most = max(partial.total, busiest)
        bad = partial.bad if timed else min(partial.bad, most)
        raised = run.next(track, (bad, most))
        if raised.log_e > track.log_e:
            track = raised
            seen = partial if timed else partial._replace(bad=min(partial.bad, partial.total))
            kept.append(Growing(seen, partial._replace(bad=bad, total=most)))
    return track, tuple(kept)


def _busiest(criterion: Criterion, window: Window, counts: Counts) -> float:
    """How many requests an unsettled period may come to have, at the present weight."""
    if not counts.partial or criterion.measure.timed:
        return 0.0
    recent = counts.settled[-RECENT_PERIODS:]
    if not recent:
        return counts.busiest_partial
    return max(c.total * growth(criterion, window, c.start) for c in recent)


def growth(criterion: Criterion, window: Window, then: Instant) -> float:
    """By how much the canary's share of traffic has grown since a period that began at `then`."""
    if criterion.scope is Scope.SERVICE:
        return 1.0
    before = window.confirmed[0][1]
    for at, weight in window.confirmed:
        if at <= then:
            before = weight
    present = window.confirmed[-1][1]
    return present.millionths / before.millionths if before.millionths else 1.0
