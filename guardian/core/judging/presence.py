"""Judging by presence: one that is open is enough, save those that the release is to mend."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from guardian.core.figures import Figure, Unit
from guardian.core.judging.counts import Counts, Uncounted
from guardian.core.judging.evaluation import Ruling, Window, usable
from guardian.core.judging.judge_state import JudgeState
from guardian.core.judging.observed import bound
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Incident, Instant, Measurement, Query
from guardian.core.reasons import duration
from guardian.core.verdict import Basis, Evidence, Outcome, Verdict
from guardian.core.wording import hour_minute

STALE_S = 120.0
"""An older answer of the tracker, beyond the criterion's settle time, is no answer any more."""


@dataclass(frozen=True, slots=True)
class Present(Measure):
    """Something that is open now or is not: it has no history, and no periods to be counted.

    Its first query asks for what is open.
    """

    began: ClassVar[str]
    lasts: ClassVar[str]
    """How one is told of, before the time at which it opened."""
    unit: ClassVar[Unit]

    @abstractmethod
    def called(self, one: Incident) -> str:
        """One of them, by its name."""

    @property
    @abstractmethod
    def nothing(self) -> str:
        """What is said where none is open."""

    def doubt(self, measurements: Mapping[Query, Measurement], fixes: Collection[str]) -> str:
        """Why that none is open shows no health; empty where it does."""
        return ""

    @property
    def heard_by(self) -> Query:
        """What asks for it."""
        return self.queries[0]

    @property
    def sought(self) -> tuple[Query, ...]:
        """None: that nothing is open is an answer."""
        return ()

    def counted(self, rest: Uncounted) -> Counts:
        """Nothing."""
        return Counts()

    def figure(self, value: float) -> Figure:
        """How many there are."""
        return Figure(value, self.unit)


def before_shift(
    criterion: Criterion,
    measure: Present,
    measurements: Mapping[Query, Measurement],
    *,
    now: Instant,
    fixes: Collection[str] = (),
    moving_since: Instant | None = None,
) -> Verdict:
    """Before a shift was confirmed: `pass` while nothing is open that the release does not mend.

    From `moving_since` on a write may have been sent: what opened since then is a breach.
    """
    return _judged(criterion, measure, measurements, now, fixes=fixes, since=moving_since)[0]


def presence(
    criterion: Criterion,
    measure: Present,
    measurements: Mapping[Query, Measurement],
    window: Window,
    *,
    now: Instant,
    judge_state: JudgeState | None,
) -> tuple[Verdict, JudgeState]:
    """After the first shift: one that opened since then is a breach, also once it is resolved.

    "Since" is the moment before the first write, not the one when it was read back. What opened
    before and was seen only now, or was raised to its priority, is not proven to be this rollout's
    doing: no step into it, and nothing goes back for it.
    """
    remembered = usable(judge_state, criterion, window)
    verdict, opened = _judged(
        criterion,
        measure,
        measurements,
        now,
        fixes=window.fixes,
        since=window.moving_since,
        window=window,
        remembered=remembered.incidents if remembered is not None else (),
    )
    return verdict, JudgeState(
        criterion=criterion, alpha=window.alpha, horizon=window.horizon, incidents=opened
    )


def _judged(
    criterion: Criterion,
    measure: Present,
    measurements: Mapping[Query, Measurement],
    now: Instant,
    *,
    fixes: Collection[str],
    since: Instant | None,
    window: Window | None = None,
    remembered: tuple[Incident, ...] = (),
) -> tuple[Verdict, tuple[Incident, ...]]:
    """The verdict, and what opened since traffic may have moved; no window before the shift."""
    found = measurements.get(measure.heard_by)
    open_now = found.incidents if found is not None else ()
    against = [i for i in open_now if i.id not in fixes]
    # Trackers tell whole seconds.
    fresh = [i for i in against if since is not None and i.opened_at >= math.floor(since)]
    seen = {i.id: i for i in (*remembered, *fresh)}
    opened = tuple(sorted(seen.values(), key=lambda i: i.opened_at))
    earlier = [i for i in against if i not in fresh]
    if opened:
        when = "while the first shift was made" if window is None else "after the first shift"
        answer = Ruling(Outcome.FAIL, f"{told(measure, opened, measure.began)}, {when}")
    elif unread := _unread(criterion, measure, measurements, now, window):
        answer = unread
    elif earlier:
        began = "the watch began" if window and window.watching else "the first shift"
        before = "" if window is None else f", before {began}"
        lasting = told(measure, earlier, measure.lasts)
        answer = Ruling(Outcome.INCONCLUSIVE, f"{lasting}{before}")
    elif doubt := measure.doubt(measurements, fixes):
        answer = Ruling(Outcome.NO_DATA if window is None else Outcome.INCONCLUSIVE, doubt)
    else:
        waived = ", ".join(i.id for i in open_now if i.id in fixes)
        known = f"waived, since this release is to fix it: {waived}" if waived else ""
        answer = Ruling(Outcome.PASS, known or measure.nothing)
    resting_on = tuple({i.id: i for i in (*opened, *open_now)}.values())
    bad = len(opened or earlier)
    return _verdict(criterion, answer, resting_on, measurements, window, bad=bad), opened


def _unread(
    criterion: Criterion,
    measure: Present,
    measurements: Mapping[Query, Measurement],
    now: Instant,
    window: Window | None,
) -> Ruling | None:
    """Is there no answer of its source, or an old one?"""
    since = None if window is None else window.moving_since
    for query in measure.queries:
        found = measurements.get(query)
        if found is None:
            why = f"{query.source} was never asked for {measure.any_of}s"
            return Ruling(Outcome.ERROR, why, since)
        if found.problem is not None:
            return Ruling(Outcome.ERROR, found.problem.detail, found.blind_since)
        age_s = now - found.settled_before
        if age_s > criterion.settle_s + STALE_S:
            why = f"{query.source} has not told of {measure.any_of}s for {duration(age_s)}"
            return Ruling(Outcome.NO_DATA, why, max(found.settled_before, since or 0.0))
    return None


# --- in words ----------------------------------------------------------------------------------


def told(measure: Present, incidents: Sequence[Incident], verb: str) -> str:
    """The oldest one, and how many more there are."""
    first, more = incidents[0], len(incidents) - 1
    also = f", and {more} more" if more else ""
    return f"{measure.called(first)} {verb} {hour_minute(first.opened_at)} UTC{also}"


def _verdict(
    criterion: Criterion,
    answer: Ruling,
    incidents: tuple[Incident, ...],
    measurements: Mapping[Query, Measurement],
    window: Window | None,
    *,
    bad: int,
) -> Verdict:
    read = [measurements[q].settled_before for q in criterion.queries() if q in measurements]
    until = read[0] if read and read[0] > 0 else None
    return Verdict(
        criterion=criterion.name,
        outcome=answer.outcome,
        evidence=Evidence(
            limit=bound(criterion),
            value=criterion.measure.figure(float(bad)) if read else None,
            basis=Basis.INCIDENTS,
            bad=bad,
            samples=len(incidents),
            all_samples=len(incidents),
            window_start=None if window is None else window.first_shift_at,
            window_end=until,
            settled_until=until,
            observed_until=until,
            blind_since=answer.blind_since,
            over_limit=bad > 0,
            incidents=incidents,
        ),
        why=f"{answer.detail}; {criterion.note}" if criterion.note else answer.detail,
    )
