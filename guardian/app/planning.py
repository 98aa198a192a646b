"""From a service and what its router shows to the plan of a rollout or a watch, or a refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from guardian.app.known import check_published, decided, history, known
from guardian.app.remembered import state
from guardian.app.series_choice import (
    HasData,
    PercentileOf,
    choose_series,
    percentile_fallback,
    uncountable,
)
from guardian.core.binding import UnboundVariable, bind
from guardian.core.model import MINUTE_S, Criterion, Instant, Reason, Scope
from guardian.core.plan import Approval, Drive, Plan, Policy, Reach
from guardian.core.rollout.entries import Cause
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.rollout.stable import canary_by_shape
from guardian.core.traffic import Reading, Snapshot, Step, Traffic
from guardian.core.wording import span
from guardian.engine.task import NothingToDo
from guardian.messages.page_keys import page_key
from guardian.ports import ConfigError, Journal, Router, RouterError

WATCH_GRACE_S = 2 * MINUTE_S
"""How long after the last watched minute should have settled a watch still waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as configured, with its router built and its criteria still unbound."""

    name: str
    environment: str
    router: Router
    criteria: tuple[Criterion, ...]
    rules: tuple[str, ...]
    steps: tuple[Step, ...]
    policy: Policy
    observe: bool = False
    approvals: tuple[Approval, ...] = ()
    """Steps of a rollout before which a person has to agree."""
    group: str = ""
    """The group whose members are rolled back together; empty for none."""
    reach: Reach | None = None
    """How its target is reached without a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks for what."""

    rollout: str
    actor: str
    reason: str
    now: Instant
    again: bool = False
    """Also start a version that was rolled back before."""
    fixes: tuple[str, ...] = ()
    """Ids of open incidents, or names of alarms, that this release is to mend."""


class NoWayBack(ConfigError):
    """Nothing that is known says what a breach would restore."""


def plan_rollout(
    service: Service,
    request: Request,
    *,
    to: str,
    journal: Journal,
    has_data: HasData,
    percentile: PercentileOf,
) -> Plan:
    """The plan that brings `to` live step by step; ConfigError when it must not start."""
    router = service.router
    if not router.capabilities.moves:
        raise ConfigError(
            f"service {service.name} has no router: guardian cannot shift its traffic;"
            f" guard a deploy with `guardian watch {service.name}` instead"
        )
    reading = router.read()
    canary = resolved(router, to)
    traffic = reading.traffic
    if traffic == Traffic(primary=canary):
        raise NothingToDo(f"version {canary} is live at 100% already: nothing to do")
    check_published(router, traffic)
    past = history(journal, service.name)
    _refuse_split(service, reading, past, journal, request.now)
    _refuse_sticky(service, reading)
    problems = router.check(stable=traffic.primary, canary=canary)
    if problems:
        raise ConfigError(
            f"cannot shift {router.target}:\n" + "\n".join(f"  {p}" for p in problems)
        )
    _refuse_rolled_back(past, canary, request)
    criteria = _bound(service, stable=traffic.primary, canary=canary)
    uncounted = uncountable(router, criteria, canary, traffic.primary, has_data)
    return Plan(
        rollout=request.rollout,
        service=service.name,
        environment=service.environment,
        target=router.target,
        drive=Drive.ROLLOUT,
        stable=traffic.primary,
        canary=canary,
        found=traffic,
        snapshot=_snapshot(service, reading, traffic, request, past),
        restores=not service.observe,
        steps=tuple(
            _lengthened(step, service.criteria, criteria, router.capabilities.reaches_all_s)
            for step in service.steps
        ),
        criteria=percentile_fallback(criteria, uncounted, percentile),
        policy=service.policy,
        actor=request.actor,
        reason=request.reason,
        rules=service.rules,
        approvals=service.approvals,
        fixes=request.fixes,
        group=service.group,
        open_pages=_open_pages(past),
        reach=service.reach,
    )


def plan_watch(
    service: Service,
    request: Request,
    *,
    duration_s: float,
    rollback_to: str | None,
    journal: Journal,
    has_data: HasData,
    percentile: PercentileOf,
) -> Plan:
    """The plan of one constant step at the weight that is found; moves nothing but back.

    ConfigError, before any metric is read, when there is nothing to roll back to.
    """
    reading = service.router.read()
    past = history(journal, service.name)
    found = _watched(service, reading, rollback_to, journal, past=past, now=request.now)
    live, stable, restores = found
    criteria = _bound(service, stable=stable, canary=live)
    if reading.traffic == Traffic(primary=live):
        criteria = tuple(choose_series(service.router, c, live, stable, has_data) for c in criteria)
    uncounted = uncountable(service.router, criteria, live, stable, has_data)
    criteria = percentile_fallback(criteria, uncounted, percentile)
    if not service.router.capabilities.moves:
        criteria = tuple(replace(c, scope=Scope.CANARY) for c in criteria)
    settle_s = max((c.settle_s for c in criteria), default=0.0)
    step = Step(
        weight=reading.traffic.share(live),
        bake_s=max(MINUTE_S, duration_s - MINUTE_S),
        max_bake_s=duration_s + settle_s + WATCH_GRACE_S,
    )
    return Plan(
        rollout=request.rollout,
        service=service.name,
        environment=service.environment,
        target=service.router.target,
        drive=Drive.WATCH,
        stable=stable,
        canary=live,
        found=reading.traffic,
        snapshot=_snapshot(service, reading, Traffic(primary=stable), request, past),
        restores=restores and not service.observe,
        movable=service.router.capabilities.moves,
        steps=(step,),
        criteria=criteria,
        policy=service.policy,
        actor=request.actor,
        reason=request.reason,
        rules=service.rules,
        fixes=request.fixes,
        group=service.group,
        open_pages=_open_pages(past),
        reach=service.reach,
    )


def resolved(router: Router, version: str) -> str:
    """The version that a person named; ConfigError when there is none of that name."""
    try:
        return router.resolve(version)
    except RouterError as error:
        if error.reason not in (Reason.NOT_FOUND, Reason.INVALID):
            raise
        raise ConfigError(error.detail) from error


def names_of(router: Router, *, stable: str, canary: str) -> Mapping[str, str]:
    """What `${...}` of a criterion may name where these versions are, with its values."""
    of_router = {f"router.{name}": value for name, value in router.variables().items()}
    return {"stable": stable, "canary": canary, **of_router}


def live_on(journal: Journal, target: str) -> Rollout | None:
    """The live rollout of a target, if there is one."""
    for head in journal.live():
        if head.target == target:
            return state(journal, head.rollout)
    return None


def take_snapshot(service: Service, *, actor: str, now: Instant) -> Snapshot:
    """What stable is now; ConfigError when the target is in the middle of a shift."""
    reading = service.router.read()
    check_published(service.router, reading.traffic)
    if reading.traffic.secondary is not None:
        raise ConfigError(
            f"{service.router.target} splits its traffic ({reading.traffic}): there is no single"
            " stable version to record; take the snapshot before the deploy"
        )
    return Snapshot(
        service=service.name,
        target=service.router.target,
        traffic=Traffic(primary=reading.traffic.primary),
        taken_at=now,
        taken_by=actor,
        detail=reading.detail,
    )


def _watched(
    service: Service,
    reading: Reading,
    rollback_to: str | None,
    journal: Journal,
    *,
    past: Sequence[Rollout],
    now: Instant,
) -> tuple[str, str, bool]:
    """(live, stable, whether a breach can be rolled back) of what a watch finds."""
    router, traffic = service.router, reading.traffic
    if not router.capabilities.moves:
        return traffic.primary, traffic.primary, False
    check_published(router, traffic)
    named = None if rollback_to is None else resolved(router, rollback_to)
    on_record = known(journal, service.name, router.target, reading, past, now=now)
    found = decided(service.name, router, traffic, on_record, named=named)
    live, stable = found.live, found.stable
    if named is not None and named == (canary_by_shape(traffic, router.capabilities.age) or live):
        raise ConfigError(
            f"--rollback-to {rollback_to} is the version to be judged on {router.target}: name the"
            " version that was live before the deploy"
        )
    if stable is not None and stable.stable != live:
        return live, _serviceable(router, stable.stable, live), True
    if stable is not None or service.observe:
        return live, live, False
    raise NoWayBack(
        f"nothing to roll back to: {router.target} serves version {live} alone, and no snapshot of"
        f" service {service.name} from the last 24 hours says what was live before.\n"
        f"  before the next deploy, run `guardian snapshot {service.name}`; or name the version:"
        f" `guardian watch {service.name} --rollback-to VERSION`;\n"
        "  or judge without acting: `--observe`"
    )


def _serviceable(router: Router, stable: str, live: str) -> str:
    problems = router.check(stable=stable, canary=live)
    if problems:
        raise ConfigError(
            f"version {stable} of {router.target} cannot take the traffic back:\n"
            + "\n".join(f"  {p}" for p in problems)
        )
    return stable


def _bound(service: Service, *, stable: str, canary: str) -> tuple[Criterion, ...]:
    if not service.criteria:
        raise ConfigError(
            f"service {service.name} has no criterion left ({', '.join(service.rules)}): what"
            " nothing judges can never be found healthy. Enable one (`enabled`, or `override`)"
        )
    router = service.router
    names = names_of(router, stable=stable, canary=canary)
    try:
        bound = tuple(bind(criterion, names) for criterion in service.criteria)
    except UnboundVariable as error:
        raise ConfigError(f"{', '.join(service.rules)}: {error}") from error
    queries = dict.fromkeys(query for criterion in bound for query in criterion.queries())
    later_s = router.settles_later_s(queries, stable=stable, canary=canary)
    return tuple(
        replace(
            criterion,
            warm_up_s=criterion.warm_up_s + router.capabilities.reaches_all_s,
            settle_s=criterion.settle_s + max(later_s.get(q, 0.0) for q in criterion.queries()),
        )
        for criterion in bound
    )


def _lengthened(
    step: Step, asked: Sequence[Criterion], bound: Sequence[Criterion], reaches_all_s: float
) -> Step:
    """A bake begins when everybody has the weight; what settles later is waited for longer."""
    later_s = max((b.settle_s - a.settle_s for a, b in zip(asked, bound, strict=True)), default=0)
    return replace(
        step,
        bake_s=step.bake_s + reaches_all_s,
        max_bake_s=step.max_bake_s + reaches_all_s + later_s,
    )


def _snapshot(
    service: Service,
    reading: Reading,
    traffic: Traffic,
    request: Request,
    past: Sequence[Rollout],
) -> Snapshot:
    detail = reading.detail
    if reading.stamp is not None:
        # An earlier rollout left its stamp: what stood there before is in that one's snapshot.
        earlier = [r for r in past if r.plan.rollout == reading.stamp.rollout]
        detail = earlier[0].plan.snapshot.detail if earlier else {}
    return Snapshot(
        service=service.name,
        target=service.router.target,
        traffic=traffic,
        taken_at=request.now,
        taken_by=request.actor,
        detail=detail,
    )


def _refuse_split(
    service: Service,
    reading: Reading,
    past: Sequence[Rollout],
    journal: Journal,
    now: Instant,
) -> None:
    """A rollout starts from one version; ConfigError names the one to put back."""
    router, traffic = service.router, reading.traffic
    if traffic.secondary is None:
        return
    on_record = known(journal, service.name, router.target, reading, past, now=now)
    stable = decided(service.name, router, traffic, on_record).stable
    version = traffic.primary if stable is None else stable.stable
    raise ConfigError(
        f"{router.target} already splits its traffic ({traffic}); a rollout starts from one"
        f" version: put it back (`guardian rollback {service.name} --to {version}`), or wait for"
        " whoever shifts it"
    )


def _refuse_sticky(service: Service, reading: Reading) -> None:
    """Weights mean little while clients stay: a bake would judge those who came first."""
    bake_s = min((step.bake_s for step in service.steps), default=math.inf)
    if reading.sticks_s > bake_s:
        raise ConfigError(
            f"clients of {service.router.target} stay for {span(reading.sticks_s)} with the version"
            f" that they were given first, and the shortest bake is {span(bake_s)}: a shift would"
            " not move them. Turn the stickiness off, or make it shorter than each bake"
        )


def _refuse_rolled_back(past: Sequence[Rollout], canary: str, request: Request) -> None:
    for rollout in past:
        taken_back = rollout.phase is Phase.ROLLED_BACK and rollout.rollback is not None
        if not (taken_back and rollout.plan.canary == canary) or request.again:
            continue
        cause = rollout.rollback.cause if rollout.rollback else Cause.BREACH
        detail = rollout.rollback.detail if rollout.rollback else ""
        raise ConfigError(
            f"version {canary} was rolled back before ({rollout.plan.rollout}, {cause.value}:"
            f" {detail}); if it is right to try again, add --again --reason WHY"
        )


def _open_pages(past: Sequence[Rollout]) -> tuple[str, ...]:
    """Keys of the pages that stayed open since the service last completed a rollout."""
    keys = []
    for rollout in past:
        if rollout.phase in (Phase.COMPLETED, Phase.RETIRED):
            break
        if rollout.phase is Phase.ROLLED_BACK:
            keys.append(page_key(rollout.plan, "rolled_back"))
    return tuple(keys)
