"""What happened in a rollout and why, from the journal and what the sources still have of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from guardian.app.acting import Services
from guardian.app.remembered import meant
from guardian.core.judging.counts import sought
from guardian.core.model import Instant, Measurement, Query, ceil_to, floor_to
from guardian.core.rollout.machine import Rollout, fold
from guardian.ports import Ask, ConfigError, GuardianError, Record
from guardian.report.facts import Facts, Readings, gathered, span_of

ALONE = (
    "This report is made from the journal alone, as asked for with --no-metrics: it has no"
    " datapoints and no plots of values."
)
_WITHOUT = "This report is made from the journal alone, without datapoints and plots of values"


def report(services: Services, name: str, *, metrics: bool = True) -> Facts:
    """The facts of the rollout that is meant. Without `metrics` no source is asked.

    ConfigError names what there is.
    """
    id_, now = meant(services, name), services.clock.now()
    if id_ is None:
        raise ConfigError(f"{name} has no rollout in the journal so far")
    records = services.journal.read(id_)
    rollout = fold(record.entry for record in records)
    read = readings(services, rollout, records, now=now) if metrics else Readings(missing=ALONE)
    return gathered(records, listeners=services.listeners(), readings=read, now=now)


def readings(
    services: Services, rollout: Rollout, records: Sequence[Record], *, now: Instant
) -> Readings:
    """What the sources still have of the rollout's time; never an error, but what is missing."""
    first = rollout.first_shift_at
    if first is None:
        return Readings(missing=f"{_WITHOUT}: no weight was ever confirmed, so nothing was judged.")
    asks = list(_asks(rollout, first, span_of(records, now)[1]))
    try:
        return _with_gaps(_read(services, rollout, asks, now))
    except GuardianError as error:
        return Readings(missing=f"{_WITHOUT}, which could not be read again: {error}")


def _asks(rollout: Rollout, first: Instant, until: Instant) -> Iterator[Ask]:
    """Every series of every criterion once, over its time; what was open is journalled."""
    settle: dict[Query, float] = {}
    for criterion in rollout.plan.criteria:
        if criterion.measure.any_of:
            continue
        for query in criterion.queries():
            settle[query] = max(settle.get(query, 0.0), criterion.settle_s)
    for query, settle_s in settle.items():
        yield Ask(
            query=query,
            start=floor_to(first, query.period_s),
            end=ceil_to(until, query.period_s),
            settle_s=settle_s,
        )


def _read(
    services: Services, rollout: Rollout, asks: Sequence[Ask], now: Instant
) -> Mapping[Query, Measurement]:
    """Ask the sources as the service has them today. Raises GuardianError."""
    plan = rollout.plan
    name = services.named(plan.service)
    target = services.service(name).router.target
    if target != plan.target:
        raise ConfigError(
            f"{plan.service} is {target} by now, and the rollout was on {plan.target}"
        )
    found: dict[Query, Measurement] = {}
    wanted = {query for criterion in plan.criteria for query in sought(criterion)}
    for source in dict.fromkeys(ask.query.source for ask in asks):
        mine, port = [a for a in asks if a.query.source == source], services.source(name, source)
        read = port.read(mine, now=now)
        silent = [q for q in wanted if q in read and not (read[q].points or read[q].problem)]
        unknown = port.unknown(silent, now=now)
        found |= {q: replace(m, known=q not in unknown) for q, m in read.items()}
    return found


def _with_gaps(found: Mapping[Query, Measurement]) -> Readings:
    """The readings, and in a sentence what is not in them."""
    failed = sum(m.problem is not None for m in found.values())
    missing = ""
    if failed:
        missing = (
            f"{failed} of {len(found)} series could not be read again: each says why under"
            " Criteria and their datapoints."
        )
    elif found and not any(m.points for m in found.values()):
        missing = "No series has a datapoint for the time of this rollout any more."
    return Readings(measurements=found, missing=missing)
