"""Sequential e-tests: how strongly counts speak against a limit, valid at every look.

An e-value is the wealth of a gambler who bets against "the release is within its limit" at fair or
worse odds. Under that hypothesis it exceeds 1/alpha at any time with a probability of at most alpha
(Ville 1939), so `log e >= ln(1/alpha)` may be asked as often as one likes.

One formula serves both tests. Of `n` events, `x` are bad; a bad event has probability `p` at the
limit. The alternative that multiplies the odds of `p` by `g` gains, in logs,

    x ln(g) - n ln(1 + (g - 1) p)

Against a limit, `p` is the limit and `n` the requests. Canary against stable, `n` is the errors of
both sides and `p` the canary's share of the requests (Lindon and Malek 2022, conditional on the
minute's errors). Events a minute against a limit without a count of all events are Poisson: see
RateTest. The bets are mixed over a grid of `g`, and over the minute in which the release
went bad (weighted Shiryaev-Roberts; Shin, Ramdas and Rinaldo 2022), so that a good past does not
hide a late regression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, inf, log, log1p
from typing import ClassVar, Final, NamedTuple, TypeAlias

from guardian.core.judging.tally import common

ODDS_RATIOS: Final = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
"""Alternatives to a limit: the odds of an error are this many times those at the limit."""

RATE_RATIOS: Final = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Alternatives to "no worse than stable": the canary's error rate is this many times stable's."""

FIRST: Final = 0.5
"""Prior probability that a bad release is bad from its first minute."""

NEGLIGIBLE: Final = 40.0
"""In logs: what is so much smaller changes no digit of a sum."""

MARKED: Final = 60
"""A track is kept of each such minute: of every one it would be most of what guardian holds."""

Minute: TypeAlias = Sequence[float]
"""(errors, total), (events, minutes), or (errors, total, stable's errors, stable's total).

What stands before the first two, such as when the minute began, is passed over.
"""


# --- minute by minute --------------------------------------------------------------------------


class Track(NamedTuple):
    """Where a test stands after some minutes."""

    log_stakes: tuple[float, ...]
    """For each alternative, the log of what the bets are worth, as of the last that was placed."""
    minutes: int = 0
    placed: int = 0
    """How many minutes there were at the last bet. What was silent since is weighed with the next:
    silence costs nothing, however long it is and in how many looks it came."""
    log_e: float = 0.0
    peak: float = 0.0
    """The largest `log_e` so far: a breach that was proven once stays proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangePointTest(ABC):
    """A mixture over alternatives and over the minute of the change, with a cap on each minute.

    The bet on minute `t` gets the weight `first + (1 - first)/horizon` for the first minute and
    `(1 - first)/horizon` up to the horizon; what is not yet placed stays in the purse, so that the
    e-value starts at 1. No minute may multiply a bet by more than `exp(cap)`: with `sustain` of at
    least 2 a single minute, however bad, proves nothing.
    """

    alternatives: ClassVar[tuple[float, ...]] = ODDS_RATIOS

    horizon: int
    """The longest the rollout may last, in minutes; doubling it costs ln 2 of evidence."""
    alpha: float
    sustain: int = 2
    first: float = FIRST
    cluster_size: float = 1.0
    """How many errors one fault makes; divides every log likelihood ratio."""
    threshold: float = field(init=False, compare=False, repr=False)
    """ln(1/alpha)."""
    _cap: float = field(init=False, compare=False, repr=False)
    _log_later: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0:
            raise ValueError(f"alpha lies between 0 and 1, exclusive, not {self.alpha:g}")
        if self.horizon < 1 or self.sustain < 1 or self.cluster_size < 1:
            raise ValueError("horizon, sustain and cluster_size are at least 1")
        threshold = -log(self.alpha)
        cap = min(log(4 * self.horizon / self.alpha) / self.sustain, threshold)
        later = (1.0 - self.first) / self.horizon
        object.__setattr__(self, "threshold", threshold)
        object.__setattr__(self, "_cap", cap if self.sustain > 1 else inf)
        object.__setattr__(self, "_log_later", log(later) if later > 0 else -inf)

    def start(self) -> Track:
        """No evidence either way."""
        return Track(log_stakes=(-inf,) * len(self.alternatives))

    def proven(self, track: Track) -> bool:
        """Whether the breach was proven at some minute of the track."""
        return track.peak >= self.threshold

    def advance(self, track: Track, minute: Minute) -> Track:
        """The track after one more minute; one that says nothing changes no evidence."""
        ratios = self._ratios(minute)
        if ratios:
            return self._bet(track, ratios)
        return Track(track.log_stakes, track.minutes + 1, track.placed, track.log_e, track.peak)

    @abstractmethod
    def _ratios(self, minute: Minute) -> Sequence[float]:
        """Each alternative's log likelihood ratio; empty where the minute says nothing."""

    def _placed(self, track: Track) -> float:
        """The log of the weight of the minute after `track`, and of the silent ones before it."""
        if 0 < track.placed == track.minutes < self.horizon:
            return self._log_later
        placed = min(track.minutes + 1, self.horizon) - min(track.placed, self.horizon)
        if track.placed == 0:
            return log(self.first + placed * (1.0 - self.first) / self.horizon)
        return self._log_later + log(placed) if placed > 0 else -inf

    def _bet(self, track: Track, ratios: Sequence[float]) -> Track:
        """The track after a minute with these log likelihood ratios, one for each alternative."""
        placed, cap, scale = self._placed(track), self._cap, 1.0 / self.cluster_size
        minutes = track.minutes + 1
        stakes = []
        # This loop runs for each period of every rollout: it is written out.
        for stake, ratio in zip(track.log_stakes, ratios, strict=True):
            gap, gain = stake - placed, ratio * scale
            if gap > NEGLIGIBLE:
                worth = stake
            elif gap > 0.0:
                worth = stake + log1p(exp(-gap))
            elif gap > -NEGLIGIBLE:
                worth = placed + log1p(exp(gap))
            else:
                worth = placed
            gain = gain if gain < cap else cap  # noqa: FURB136 - min() is a call, and this is hot
            stakes.append(worth + gain)
        purse = (1.0 - self.first) * max(0, self.horizon - minutes) / self.horizon
        top = max(stakes)
        if purse > 0.0 > top:
            top = 0.0
        worth = sum(map(exp, stakes)) if top == 0.0 else sum([exp(s - top) for s in stakes])
        kept = purse * exp(-top) if purse > 0.0 else 0.0
        log_e = top + log(worth / len(stakes) + kept)
        return Track(tuple(stakes), minutes, minutes, log_e, max(track.peak, log_e))


@dataclass(frozen=True, slots=True, kw_only=True)
class _AgainstLimit(_ChangePointTest):
    """Against a limit: minutes are (what hurts, in how much)."""

    limit: float
    _each: tuple[tuple[float, float], ...] = field(init=False, compare=False, repr=False)
    """Of each alternative: what one that hurts gains, and what each of all of them costs."""

    def _ratios(self, minute: Minute) -> Sequence[float]:
        """A minute in which nothing was counted says nothing."""
        hurting, whole = minute[-2:]
        return [hurting * gain - whole * cost for gain, cost in self._each] if whole > 0 else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTest(_AgainstLimit):
    """Is the error rate above `limit`, a share from 0 to 1? Minutes are (errors, total)."""

    def __post_init__(self) -> None:
        # The name is spelled out because slots make dataclass build the class twice.
        _ChangePointTest.__post_init__(self)
        if not 0.0 <= self.limit <= 1.0:
            raise ValueError(f"a limit is a share between 0 and 1, not {self.limit:g}")
        each = tuple((log(g), log1p((g - 1) * self.limit)) for g in ODDS_RATIOS)
        object.__setattr__(self, "_each", each)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest(_AgainstLimit):
    """Are there more (or fewer) events a minute than `limit`? Minutes are (events, minutes).

    Of `x` Poisson events in `t` minutes, the alternative that multiplies the limit by `g` gains
    `x ln(g) - t (g - 1) limit` in logs: what LimitTest's formula becomes as shares go to zero.
    """

    fewer: bool
    """Whether too few events hurt."""

    def __post_init__(self) -> None:
        _ChangePointTest.__post_init__(self)
        if not 0.0 <= self.limit < inf:
            raise ValueError(f"a rate is 0 or more events a minute, not {self.limit:g}")
        times = [1.0 / g if self.fewer else g for g in ODDS_RATIOS]
        object.__setattr__(self, "_each", tuple((log(g), (g - 1.0) * self.limit) for g in times))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareTest(_ChangePointTest):
    """Is the canary's error rate over `margin_ratio` times stable's?

    Minutes are (canary's errors, canary's total, stable's errors, stable's total). A rate that both
    sides share, and so any outage that hits both, cancels.
    """

    alternatives = RATE_RATIOS
    margin_ratio: float = 1.0

    def _ratios(self, minute: Minute) -> Sequence[float]:
        """Without traffic on both sides, or without an error, a minute says nothing."""
        errors, total, stable_errors, stable_total = minute
        both = errors + stable_errors
        if total <= 0 or stable_total <= 0 or both <= 0:
            return ()
        share = self.margin_ratio * total / (self.margin_ratio * total + stable_total)
        return [errors * log(r) - both * log1p((r - 1) * share) for r in RATE_RATIOS]


# --- a list that grows -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A test over a growing list of minutes.

    When an earlier minute changes, only those from the mark before it on are gone through again.
    """

    test: LimitTest | RateTest | CompareTest
    minutes: tuple[Minute, ...] = ()
    marks: tuple[Track, ...] = ()
    """The track after each `MARKED` minutes."""
    newest: Track | None = None

    @property
    def track(self) -> Track:
        """Where the test stands now."""
        return self.newest or self.test.start()

    def over(self, minutes: tuple[Minute, ...]) -> Run:
        """The same test over these minutes instead."""
        same = common(self.minutes, minutes)
        if same == len(self.minutes) == len(minutes):
            return self
        marks = list(self.marks[: same // MARKED])
        done, track = same, self.track
        if same < len(self.minutes):
            done, track = MARKED * len(marks), marks[-1] if marks else self.test.start()
        for number, minute in enumerate(minutes[done:], done + 1):
            track = self.next(track, minute)
            if number % MARKED == 0:
                marks.append(track)
        newest = track if minutes else None
        return Run(test=self.test, minutes=minutes, marks=tuple(marks), newest=newest)

    def next(self, track: Track, minute: Minute) -> Track:
        """The track after one more minute; beyond the horizon, in a fresh test.

        A rollout that outlives its horizon has placed all its bets and would see nothing new. The
        bound of false alarms then holds for each horizon; what was proven stays proven.
        """
        if track.minutes == self.test.horizon:
            track = self.test.start()._replace(peak=track.peak)
        return self.test.advance(track, minute)
