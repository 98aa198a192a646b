"""Judging by presence: one that is open is enough, save those that the release is to mend."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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

STALE_S = 120.0
"""An older answer of the tracker, beyond the criterion's settle time, is no answer any more."""


@dataclass(frozen=True, slots=True)
class Present(Measure):
    """Something that is open now or is not: it has no history, and no periods to be counted.

    Its first query asks for what is open.
    """

    began: ClassVar[str] = "opened at"
    lasts: ClassVar[str] = "is open since"
    """How one is told of, before the time at which it opened."""
    unit: ClassVar[Unit] = Unit.INCIDENTS

    @abstractmethod
    def called(self, one: Incident) -> str:
        """One of them, by its name."""

    @property
    @abstractmethod
    def nothing(self) -> str:
        """What is said where none is open."""

    def doubt(self, measurements: Mapping[Query, Measurement], fixes: Collection[str]) -> str:
        """Why that none is open shows no health; empty where it does."""
        del measurements, fixes
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
        del rest
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
    found = measurements.get(measure.heard_by)
    open_now = found.incidents if found is not None else ()
    against = tuple(i for i in open_now if i.id not in fixes)
    opened = tuple(i for i in against if _opened_since(i, moving_since))
    answer = _unread(criterion, measure, measurements, now, since=None)
    if opened:
        against = opened
        first = told(measure, opened, measure.began)
        answer = Ruling(Outcome.FAIL, f"{first}, while the first shift was made")
    if answer is None and against:
        answer = Ruling(Outcome.INCONCLUSIVE, told(measure, against, measure.lasts))
    if answer is None and (doubt := measure.doubt(measurements, fixes)):
        answer = Ruling(Outcome.NO_DATA, doubt)
    answer = answer or Ruling(Outcome.PASS, _nothing(measure, open_now, fixes))
    return _verdict(criterion, answer, open_now, against, measurements, begin=None)


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

    "Since" is the moment before the first write, not the one when it was read back.
    """
    found = measurements.get(measure.heard_by)
    open_now = found.incidents if found is not None else ()
    since = window.moving_since
    remembered = usable(judge_state, criterion, window)
    seen = {i.id: i for i in (remembered.incidents if remembered is not None else ())}
    against = [i for i in open_now if i.id not in window.fixes]
    seen |= {i.id: i for i in against if _opened_since(i, since)}
    opened = tuple(sorted(seen.values(), key=lambda i: i.opened_at))
    earlier = tuple(i for i in against if not _opened_since(i, since))
    answer: Ruling | None = None
    if opened:
        first = told(measure, opened, measure.began)
        answer = Ruling(Outcome.FAIL, f"{first}, after the first shift")
    answer = answer or _unread(criterion, measure, measurements, now, since=since)
    if answer is None and earlier:
        answer = _earlier(measure, earlier, watching=window.watching)
    if answer is None and (doubt := measure.doubt(measurements, window.fixes)):
        answer = Ruling(Outcome.INCONCLUSIVE, doubt)
    answer = answer or Ruling(Outcome.PASS, _nothing(measure, open_now, window.fixes))
    after = JudgeState(
        criterion=criterion, alpha=window.alpha, horizon=window.horizon, incidents=opened
    )
    resting_on = tuple({i.id: i for i in (*opened, *open_now)}.values())
    verdict = _verdict(
        criterion, answer, resting_on, opened or earlier, measurements, begin=window.first_shift_at
    )
    return verdict, after


def _opened_since(incident: Incident, since: Instant | None) -> bool:
    """Whether it opened in the second of an instant or later: trackers tell whole seconds."""
    return since is not None and incident.opened_at >= math.floor(since)


# --- the questions -----------------------------------------------------------------------------


def _unread(
    criterion: Criterion,
    measure: Present,
    measurements: Mapping[Query, Measurement],
    now: Instant,
    *,
    since: Instant | None,
) -> Ruling | None:
    """Is there no answer of its source, or an old one?"""
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


def _earlier(measure: Present, incidents: Sequence[Incident], *, watching: bool) -> Ruling:
    """What opened before and was seen only now, or was raised to its priority: no step into it.

    It is not proven to be this rollout's doing, so nothing goes back for it.
    """
    why = told(measure, incidents, measure.lasts)
    began = "the watch began" if watching else "the first shift"
    return Ruling(Outcome.INCONCLUSIVE, f"{why}, before {began}")


# --- in words ----------------------------------------------------------------------------------


def told(measure: Present, incidents: Sequence[Incident], verb: str) -> str:
    """The oldest one, and how many more there are."""
    first, more = incidents[0], len(incidents) - 1
    opened = datetime.fromtimestamp(first.opened_at, UTC).strftime("%H:%M UTC")
    also = f", and {more} more" if more else ""
    return f"{measure.called(first)} {verb} {opened}{also}"


def _nothing(measure: Present, open_now: Sequence[Incident], fixes: Collection[str]) -> str:
    waived = [i.id for i in open_now if i.id in fixes]
    if waived:
        return f"waived, since this release is to fix it: {', '.join(waived)}"
    return measure.nothing


def _verdict(
    criterion: Criterion,
    answer: Ruling,
    incidents: tuple[Incident, ...],
    against: tuple[Incident, ...],
    measurements: Mapping[Query, Measurement],
    *,
    begin: Instant | None,
) -> Verdict:
    read = [measurements[q].settled_before for q in criterion.queries() if q in measurements]
    until = read[0] if read and read[0] > 0 else None
    return Verdict(
        criterion=criterion.name,
        outcome=answer.outcome,
        evidence=Evidence(
            limit=bound(criterion),
            value=criterion.measure.figure(float(len(against))) if read else None,
            basis=Basis.INCIDENTS,
            bad=len(against),
            samples=len(incidents),
            all_samples=len(incidents),
            window_start=begin,
            window_end=until,
            settled_until=until,
            observed_until=until,
            blind_since=answer.blind_since,
            over_limit=bool(against),
            incidents=incidents,
        ),
        why=f"{answer.detail}; {criterion.note}" if criterion.note else answer.detail,
    )
