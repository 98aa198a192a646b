"""What a report says: decisions, weights and judged values, from the journal and what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from guardian.core.model import Instant, Measurement, Query, ceil_to
from guardian.core.notices import Notice
from guardian.core.plan import Plan
from guardian.core.rollout.entries import (
    Completed,
    Entry,
    GateFailed,
    Held,
    Retired,
    RollbackStarted,
    StepEntered,
    Superseded,
    Waived,
    Warned,
)
from guardian.core.rollout.machine import Rollout, apply, fold, start
from guardian.core.status import confirmed_weight
from guardian.core.traffic import Weight
from guardian.core.verdict import Verdict
from guardian.messages.entry_lines import actor_of, event_of, sentence, verdicts_of
from guardian.messages.table import notice
from guardian.ports import Record
from guardian.report.replay import Curve, curve

PERIOD_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What was read again of the rollout's series."""

    measurements: Mapping[Query, Measurement] = field(default_factory=dict)
    missing: str = ""
    """Why some or all of it is not there, as a sentence; empty when all is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFacts:
    """One journalled entry."""

    seq: int
    entry: Entry
    text: str
    """What it says, in one line."""
    actor: str
    """Whose doing it is; empty for guardian's own judgement."""
    told: Notice | None
    """What people were told of it."""
    receivers: tuple[str, ...] | None
    """Who listens to that by the configuration; None where no configuration is known."""

    @property
    def at(self) -> Instant:
        """When it was recorded."""
        return self.entry.at

    @property
    def event(self) -> str:
        """Its name, as records have it."""
        return event_of(self.entry)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What it rests on."""
        return verdicts_of(self.entry)

    @property
    def set_aside(self) -> str:
        """Which criteria it passed over, and how; empty for none."""
        match self.entry:
            case StepEntered(overridden=names) if names:
                return f"overridden: {', '.join(names)}"
            case Completed(overridden=names, unproven=unproven) if names or unproven:
                return "; ".join(
                    f"{word}: {', '.join(found)}"
                    for word, found in (("overridden", names), ("not proven", unproven))
                    if found
                )
            case Waived(criterion=name):
                return f"waived: {name}"
            case Warned(about=names):
                return f"warned of: {', '.join(names)}"
            case _:
                return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a report says."""

    made_at: Instant
    rollout: Rollout
    since: Instant
    """The start of the plots."""
    until: Instant
    """Their end."""
    decisions: tuple[DecisionFacts, ...]
    weights: tuple[tuple[Instant, Weight], ...]
    """The canary's share as it was read back, each from its time on."""
    curves: tuple[Curve, ...]
    readings: Readings

    @property
    def plan(self) -> Plan:
        """What was asked for."""
        return self.rollout.plan

    @property
    def decisive(self) -> DecisionFacts | None:
        """The decision that the rollout's outcome rests on: the last of the gravest kind."""
        for kinds in ((RollbackStarted, GateFailed), (Superseded, Completed), (Held,)):
            found = [d for d in self.decisions if isinstance(d.entry, kinds)]
            if found:
                return found[-1]
        return None

    def settled_then(self, criterion: str) -> Instant | None:
        """Up to when datapoints were settled for the decisive verdict on a criterion.

        The start of the rollout where none was; None where no verdict was recorded.
        """
        verdicts = self.decisive.verdicts if self.decisive is not None else ()
        seen = [v.evidence for v in verdicts if v.criterion == criterion]
        return (seen[0].settled_until or self.since) if seen else None

    def first(self, kind: type[Entry]) -> DecisionFacts | None:
        """The first entry of a kind."""
        return next((d for d in self.decisions if isinstance(d.entry, kind)), None)


def gathered(
    records: Sequence[Record],
    *,
    listeners: Callable[[Notice], tuple[str, ...]] | None,
    readings: Readings,
    now: Instant,
) -> Facts:
    """The facts of one rollout's whole journal."""
    rollout = fold(record.entry for record in records)
    since, until = span_of(records, now)
    moved = [r.entry for r in records if isinstance(r.entry, RollbackStarted | GateFailed)]
    judged_until = moved[-1].at if moved else until
    return Facts(
        made_at=now,
        rollout=rollout,
        since=since,
        until=until,
        decisions=tuple(_decisions(records, listeners)),
        weights=tuple(_weights(records)),
        curves=tuple(
            curve(c, readings.measurements, rollout, until=until, judged_until=judged_until)
            for c in rollout.plan.criteria
        )
        if readings.measurements
        else (),
        readings=readings,
    )


def span_of(records: Sequence[Record], now: Instant) -> tuple[Instant, Instant]:
    """From the start to the last thing that happened, or to now while it is live; whole minutes."""
    rollout = fold(record.entry for record in records)
    happened = [r.entry.at for r in records if not isinstance(r.entry, Retired)]
    end = now if rollout.live else max(happened)
    since = rollout.started_at // PERIOD_S * PERIOD_S
    return since, max(ceil_to(end, PERIOD_S), since + PERIOD_S)


def _states(records: Sequence[Record]) -> Iterator[tuple[Rollout | None, Record, Rollout]]:
    before: Rollout | None = None
    for record in records:
        after = start(record.entry) if before is None else apply(before, record.entry)
        yield before, record, after
        before = after


def _weights(records: Sequence[Record]) -> Iterator[tuple[Instant, Weight]]:
    last: Weight | None = None
    for _, record, after in _states(records):
        weight = confirmed_weight(after)
        if weight != last:
            yield record.entry.at, weight
        last = weight


def _decisions(
    records: Sequence[Record],
    listeners: Callable[[Notice], tuple[str, ...]] | None,
) -> Iterator[DecisionFacts]:
    for before, record, after in _states(records):
        told = notice(before, record.entry, after)
        yield DecisionFacts(
            seq=record.seq,
            entry=record.entry,
            text=sentence(record.entry, after.plan),
            actor=actor_of(record.entry, after.plan),
            told=told,
            receivers=None if told is None or listeners is None else listeners(told),
        )
