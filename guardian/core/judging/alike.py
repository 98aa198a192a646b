"""Trouble that both versions show alike at the same time: an outage, and not this release's doing.

Where the canary is proven to break its limit, stable is looked at over the very same periods. If it
breaks the limit there too, and the canary is not proven to be worse, these periods say nothing of
the release, and are left out of its evidence. Everything else is judged as ever: when stable
recovers and the canary does not, its next periods speak against it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from guardian.core.judging.counts import Counts
from guardian.core.judging.observed import total
from guardian.core.judging.sequential import CompareTest, Run
from guardian.core.judging.tally import Count
from guardian.core.model import Compare, Criterion, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The periods in which both sides were over the limit alike."""

    canary: tuple[Count, ...] = ()
    """As the source has them."""
    stable: tuple[Count, ...] = ()
    lasting: bool = False
    """Whether the newest period in which the canary was heard is one of them."""

    settled: tuple[Count, ...] = ()
    """Those of the canary's that no longer change."""

    @property
    def starts(self) -> frozenset[Instant]:
        """When they begin."""
        return frozenset(c.start for c in self.canary)


def alike(
    criterion: Criterion, test: CompareTest, canary: Sequence[Count], stable: Sequence[Count]
) -> bool:
    """Whether stable breaks the limit in these periods too, and the canary is not proven worse."""
    mine, other = total(canary), total(stable)
    if other.total < max(1, criterion.min_samples):
        return False
    if other.bad <= criterion.borne_rate * other.total:
        return False
    there = {c.start: c for c in stable}
    pairs = [(c, there[c.start]) for c in canary if c.start in there]
    run = Run(test=test).over(tuple((c.bad, c.total, s.bad, s.total) for c, s in pairs))
    least = (criterion.compare or Compare()).min_increase
    gap = mine.bad / mine.total - other.bad / other.total
    return not run.test.proven(run.track) or gap < least


def heard(counts: Counts) -> dict[Instant, Count]:
    """What was counted in each period, settled or not."""
    return {c.start: c for c in (*counts.settled, *counts.partial)}


def without(counts: Counts, starts: frozenset[Instant]) -> Counts:
    """The counts, with these periods as if nothing had been counted in them."""
    return replace(
        counts,
        settled=tuple(Count(c.start, 0.0, 0.0) if c.start in starts else c for c in counts.settled),
        partial=tuple(c for c in counts.partial if c.start not in starts),
    )
