"""Looks at everything that guardian needs, before it is needed; changes and tells nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Final

from guardian.app.known import Service
from guardian.app.planning import names_of
from guardian.app.series_choice import SeriesProbe, choose_series
from guardian.core.binding import UnboundVariable, bind
from guardian.core.model import (
    Criterion,
    Instant,
    Measurement,
    Problem,
    Query,
    Reason,
    ceil_to,
    floor_to,
)
from guardian.core.reasons import duration
from guardian.core.traffic import Reading, Traffic
from guardian.engine.patrol import orphaned
from guardian.files.config import Config, ConfiguredReceiver
from guardian.ports import Ask, ConfigError, EdgeError, GuardianError
from guardian.ports.health import Examined, Health, Level
from guardian.wiring.process import Wiring
from guardian.wiring.receivers import receiver_of

_NETWORK: Final = "check the network up to it, and for AWS also AWS_ENDPOINT_URL if it is set"
_FIXES: Final = {
    Reason.AUTH: "use credentials that may do this; for AWS `guardian iam` prints the least policy",
    Reason.NOT_FOUND: "correct the name in the files, or the account and region",
    Reason.INVALID: "correct what the files say of it",
    Reason.THROTTLED: "try again later: others use up the quota there",
    Reason.TIMEOUT: _NETWORK,
    Reason.UNAVAILABLE: _NETWORK,
}
FEWEST_GAPS: Final = 3
"""Between fewer datapoints one that is missing decides."""
LOOK_BACK_S = 3600.0
"""How far back metrics are looked for."""


def examination(wiring: Wiring, services: Sequence[str]) -> Iterator[Health]:
    """One line after the other, as they are found; an adapter's failure is a line too."""
    configured = wiring.config
    if configured is not None:
        yield _files(wiring.trouble, configured)
    yield from _guarded("the journal", lambda: _journal(wiring))
    sources: set[tuple[str, str]] = set()
    for name in services:
        yield from _guarded(f"service {name}", partial(_service, wiring, name, sources))
    for receiver in configured.receivers if configured is not None else ():
        yield from _guarded(f"notifier {receiver.name}", partial(_notifier, wiring, receiver))
    if configured is None or not configured.receivers:
        yield Health(
            level=Level.WARN,
            what="nobody is told of anything: no configuration says whom",
            fix="add an entry like {to: slack, channel: '#deployments'} to its notify",
        )


def _files(trouble: str, configured: Config) -> Health:
    found = "\n".join(text for text in (trouble, configured.trouble) if text)
    if not found:
        return Health(level=Level.OK, what=f"{configured.path} is valid")
    return Health(
        level=Level.FAIL,
        what=f"the files are wrong:\n{found}",
        fix="correct them: until then `guardian run` only guards what is live already",
    )


def _notifier(wiring: Wiring, receiver: ConfiguredReceiver) -> Iterator[Health]:
    """What a notifier says of itself; ConfigError when its options do not fit."""
    found = receiver_of(wiring, receiver).notifier
    if isinstance(found, Examined):
        yield from found.examine()
    else:
        yield Health(
            level=Level.OK, what=f"notifier {receiver.name} is configured (nothing was sent)"
        )


def _guarded(what: str, look: Callable[[], Iterable[Health]]) -> Iterator[Health]:
    try:
        yield from look()
    except EdgeError as error:
        yield Health(
            level=Level.FAIL,
            what=f"{what}: {error.detail}",
            fix=_FIXES.get(error.reason, "try again; docs/operations.md says more"),
        )
    except GuardianError as error:
        yield Health(level=Level.FAIL, what=f"{what}: {error}", fix="correct what it names")


def _journal(wiring: Wiring) -> Iterator[Health]:
    lease = wiring.journal.open_lease("guardian doctor")
    wiring.journal.close_lease(lease)
    yield Health(level=Level.OK, what="the journal can be read and written")
    if wiring.journal_is_local:
        yield Health(
            level=Level.WARN,
            what="the journal is on this machine alone: no other machine can finish what a"
            " guardian here began",
            fix="run guardian in one place, on a disk that outlives the process",
        )


def _service(wiring: Wiring, name: str, asked: set[tuple[str, str]]) -> Iterator[Health]:
    """A service's router, its snapshot, its metrics and its other sources."""
    service = wiring.service(name)
    router = service.router
    if isinstance(router, Examined):
        for health in router.examine():
            yield replace(health, what=f"{name}: {health.what}")
    reading = router.read()
    if router.capabilities.moves:
        yield from _driven(wiring, name, router.target, reading)
        if not wiring.journal.snapshots(name, limit=1) and not service.steps:
            yield Health(
                level=Level.WARN,
                what=f"{name}: no snapshot says what to go back to",
                fix=f"run `guardian snapshot {name}` before each deploy",
            )
    criteria = _bound(wiring, service, reading.traffic)
    for source in dict.fromkeys(q.source for c in criteria for q in c.queries()):
        look = partial(_source, wiring, name, source, criteria, asked)
        yield from _guarded(f"{name}: source {source}", look)


def _source(
    wiring: Wiring,
    name: str,
    source: str,
    criteria: Sequence[Criterion],
    asked: set[tuple[str, str]],
) -> Iterator[Health]:
    """What a source says of itself, once a plane, and what it says of a service's criteria."""
    port, now = wiring.source(name, source), wiring.clock.now()
    if (source, wiring.plane(name)) not in asked:
        asked.add((source, wiring.plane(name)))
        if isinstance(port, Examined):
            yield from port.examine()
    queries = dict.fromkeys(q for c in criteria for q in c.queries() if q.source == source)
    found = port.read([_ask(query, now) for query in queries], now=now)
    if port.has_history:
        silent = [q for q, m in found.items() if m.problem is None and not m.points]
        unknown = port.unknown(silent, now=now)
        for criterion in criteria:
            yield from _metrics(name, criterion, found, unknown, now)
        return
    what = f"{name}: source {source}"
    problems = dict.fromkeys(m.problem for m in found.values() if m.problem is not None)
    yield from (_unread(what, problem) for problem in problems)
    if not problems:
        yield Health(level=Level.OK, what=f"{what}: answers")


def _unread(what: str, problem: Problem) -> Health:
    fix = _FIXES.get(problem.reason, "see its source's page in docs/sources")
    return Health(level=Level.FAIL, what=f"{what}: {problem.detail}", fix=fix)


def _driven(wiring: Wiring, name: str, target: str, reading: Reading) -> Iterator[Health]:
    """Whether a canary that receives traffic under guardian's stamp is known to the journal."""
    stamp = orphaned(wiring.journal, target, reading)
    if stamp is not None:
        yield Health(
            level=Level.FAIL,
            what=f"{name}: serves {reading.traffic} under the stamp of rollout {stamp.rollout}, and"
            " this journal knows nothing of it: nobody here guards it",
            fix=f"if no process elsewhere drives it, `guardian rollout recover {name}` puts version"
            f" {stamp.stable} back",
        )


def _bound(wiring: Wiring, service: Service, live: Traffic) -> Sequence[Criterion]:
    """The criteria about what is live now, on the series that a watch would read."""
    router, alone = service.router, live.primary
    names = names_of(router, stable=alone, canary=live.secondary or alone)
    try:
        bound = [bind(criterion, names) for criterion in service.criteria]
    except UnboundVariable as error:
        raise ConfigError(str(error)) from error
    if live.secondary is not None:
        return bound
    probe = SeriesProbe.of(partial(wiring.source, service.name), now=wiring.clock.now())
    return [choose_series(router, each, alone, alone, probe) for each in bound]


def _ask(query: Query, now: Instant) -> Ask:
    period = query.period_s
    start = floor_to(now - LOOK_BACK_S, period)
    return Ask(query=query, start=start, end=ceil_to(now, period), settle_s=0.0)


def _metrics(
    name: str,
    criterion: Criterion,
    found: Mapping[Query, Measurement],
    unknown: Mapping[Query, str],
    now: Instant,
) -> Iterator[Health]:
    """Whether a criterion's series exist, can be read, and are fresh."""
    measure = criterion.measure
    for query in criterion.queries():
        if query not in found:
            continue
        what = " ".join(filter(None, (f"{name}: {criterion.name}: {query.name}", query.detail)))
        measurement = found[query]
        problem = measurement.problem
        if problem is not None:
            yield _unread(what, problem)
        elif query in unknown and query in measure.sought:
            yield Health(
                level=Level.FAIL,
                what=f"{what}: {unknown[query]}",
                fix="correct what the rule file asks for; a metric that is published only when"
                " there is something to count takes absent: zero",
            )
        elif not measurement.points:
            yield Health(
                level=Level.WARN,
                what=f"{what} has no datapoint in the last hour",
                fix=f"check its name and what it is asked with ({query.labels});"
                " a metric of failures may be absent while nothing fails",
            )
        elif not measure.sampled and (every_s := _apart_s(measurement)) > query.period_s:
            yield Health(
                level=Level.WARN,
                what=f"{what} has a datapoint every {duration(every_s)}, and the rule reads one"
                f" every {duration(query.period_s)}: most windows are short of data",
                fix=f"write period: {every_s / 60:.0f}m",
            )
        else:
            age = (now - measurement.points[-1].start) / 60
            yield Health(
                level=Level.OK,
                what=f"{what}: {len(measurement.points)} datapoints in the last hour,"
                f" the newest {age:.0f} minutes old",
            )


def _apart_s(measurement: Measurement) -> float:
    """How far apart datapoints mostly are; 0 where too few tell."""
    starts = [point.start for point in measurement.points]
    gaps = [later - before for before, later in pairwise(starts)]
    return median(gaps) if len(gaps) >= FEWEST_GAPS else 0.0
