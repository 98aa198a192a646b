"""A verdict in words, for whoever lays them out: harmless texts, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from guardian.core.reasons import limit, sampled, value, window
from guardian.core.scrub import scrub
from guardian.core.verdict import Outcome, Verdict

NAME_CHARS: Final = 200
WHY_CHARS: Final = 500
_WORST_FIRST: Final = (
    Outcome.FAIL,
    Outcome.ERROR,
    Outcome.NO_DATA,
    Outcome.INCONCLUSIVE,
    Outcome.PASS,
)
_WORDS: Final = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.NO_DATA: "no data",
    Outcome.ERROR: "ERROR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLine:
    """What is told of one verdict; of no text more than can be shown."""

    outcome: str
    word: str
    """The outcome for people: "FAIL", "no data"."""
    criterion: str
    value: str
    limit: str
    samples: str
    """How much was seen: "480 samples in 10 minutes", or "12 of 60 samples" where more is due."""
    window: str
    """Limit and window are empty where there is none."""
    why: str

    @property
    def measured(self) -> str:
        """Value, limit, samples and window: "6.1%, limit above 5%, 480 samples, 03:10 to …"."""
        held_to = f"limit {self.limit}" if self.limit else ""
        return ", ".join(p for p in (self.value, held_to, self.samples, self.window) if p)


def lines(verdicts: Sequence[Verdict], most: int) -> tuple[list[VerdictLine], str]:
    """The worst of these, and a sentence of how many are not shown; "" where all are."""
    hidden = len(verdicts) - most
    more = f"{hidden} more criteria are not shown." if hidden > 0 else ""
    return [line(v) for v in worst_first(verdicts)[:most]], more


def line(verdict: Verdict) -> VerdictLine:
    """One verdict in words."""
    seen = verdict.evidence
    few = seen.samples < seen.min_samples
    return VerdictLine(
        outcome=verdict.outcome.value,
        word=_WORDS[verdict.outcome],
        criterion=scrub(verdict.criterion, NAME_CHARS),
        value=value(seen) or "no value",
        limit=limit(seen),
        samples=f"{seen.samples} of {seen.min_samples} samples" if few else sampled(seen),
        window=window(seen),
        why=scrub(verdict.why, WHY_CHARS),
    )


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Failures before everything else; the order of the rule file within one outcome."""
    return sorted(verdicts, key=lambda v: _WORST_FIRST.index(v.outcome))
