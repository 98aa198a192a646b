"""A rollout that was rolled back, with what was read of it, for the tests of reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from guardian.cloudwatch import metric_query
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import (
    Compare,
    Criterion,
    Datapoint,
    Direction,
    Instant,
    Judge,
    Limit,
    Measurement,
)
from guardian.core.notices import Notice
from guardian.core.plan import Plan
from guardian.core.rollout.entries import (
    Cause,
    Entry,
    Held,
    HoldReason,
    Resumed,
    RollbackConfirmed,
    RollbackStarted,
    RolloutStarted,
    StepEntered,
    Waived,
    WeightConfirmed,
)
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.ports import Record
from guardian.report.facts import Facts, Readings, gathered
from tests.core.builders import BAD, ERRORS, FIVE_PERCENT, STABLE_BAD, STABLE_TOTAL, TOTAL, share
from tests.core.rollouts import PAGED, PLAN, T0, TEN

BREACH_AT = T0 + 720.0
CPU_SERIES = metric_query(
    namespace="AWS/ECS", metric="CPUUtilization", stat="Average", unit="Percent"
)
CPU = Criterion(
    name="cpu",
    measure=Gauge(series=CPU_SERIES),
    judge=Judge.THRESHOLD,
    fail_if=Limit(direction=Direction.ABOVE, value=90.0, text="90%"),
    min_samples=0,
)
COMPARED = replace(
    ERRORS,
    description="Requests that fail.",
    compare=Compare(stable=Ratio(part=STABLE_BAD, total=STABLE_TOTAL, good=False)),
)
FAILED = Verdict(
    criterion="error-rate",
    outcome=Outcome.FAIL,
    evidence=Evidence(
        limit=FIVE_PERCENT,
        value=share(0.2),
        bad=80,
        samples=400,
        min_samples=60,
        all_samples=1000,
        window_start=T0 + 60,
        window_end=T0 + 600,
        settled_until=T0 + 600,
        log_e=12.5,
        log_e_limit=4.38,
    ),
    why="20.0% over 5%: proven (80 bad of 400 samples, log e 12.5 >= 4.4)",
)
MADE_AT = T0 + 3600.0


def planned(**changes: object) -> Plan:
    """10%, then 100%, with three criteria."""
    return replace(
        PLAN,
        criteria=(COMPARED, CPU, PAGED),
        reason="release 7",
        rules=("rules/production.yaml",),
        **changes,  # type: ignore[arg-type]
    )


def breached(plan: Plan | None = None) -> tuple[Entry, ...]:
    """Shifted, held and resumed by a person, a criterion waived, then a breach, and back."""
    return (
        RolloutStarted(at=T0, plan=plan or planned()),
        StepEntered(at=T0 + 1, step=0),
        WeightConfirmed(at=T0 + 30, weight=TEN),
        Held(at=T0 + 200, why=HoldReason.PERSON, detail="lunch", actor="bob"),
        Resumed(at=T0 + 260, detail="back from lunch", actor="bob"),
        Waived(at=T0 + 300, criterion="cpu", actor="eve", detail="known"),
        RollbackStarted(
            at=BREACH_AT, cause=Cause.BREACH, detail="error-rate is broken", verdicts=(FAILED,)
        ),
        RollbackConfirmed(at=BREACH_AT + 5, by_guardian=True, detail="41 100%"),
    )


def series(values: Sequence[float], *, settled: Instant = MADE_AT) -> Measurement:
    """One datapoint a minute from the first shift on."""
    points = tuple(Datapoint(T0 + 60.0 * n, float(v)) for n, v in enumerate(values))
    return Measurement(points=points, settled_before=settled)


def read() -> Readings:
    """Eight good minutes and four bad ones of the canary, twelve good ones of stable."""
    bad = [1, 2, 0, 1, 1, 2, 0, 1, 20, 20, 20, 20]
    found = {
        BAD: series(bad),
        TOTAL: series([100] * 12),
        STABLE_BAD: series([9] * 12),
        STABLE_TOTAL: series([900] * 12),
        CPU_SERIES: series([40 + n for n in range(12)]),
    }
    return Readings(measurements=found)


def facts(
    entries: Sequence[Entry] | None = None,
    readings: Readings | None = None,
    *,
    now: Instant = MADE_AT,
) -> Facts:
    """What there is to report of these entries."""
    found = breached() if entries is None else entries
    records = [Record(seq=n, epoch=1, entry=e, txid=f"t{n}") for n, e in enumerate(found, start=1)]
    return gathered(
        records,
        listeners=_listening,
        readings=read() if readings is None else readings,
        now=now,
    )


def _listening(told: Notice) -> tuple[str, ...]:
    return ("slack", "pagerduty") if told.pages else ("slack",)
