"""From a service and what its router shows to the plan of a rollout or a watch, or a refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from guardian.app.known import Request, Service, check_published, decided, history, known
from guardian.app.remembered import state
from guardian.app.series_choice import SeriesProbe, choose_series, countable
from guardian.core.binding import UnboundVariable, bind
from guardian.core.model import MINUTE_S, Criterion, Instant, Reason, Scope
from guardian.core.plan import Drive, Plan
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


class NoWayBack(ConfigError):
    """Nothing that is known says what a breach would restore."""


def plan_rollout(
    service: Service, request: Request, *, to: str, journal: Journal, probe: SeriesProbe
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
    _check_can_serve(router, f"cannot shift {router.target}", stable=traffic.primary, canary=canary)
    _refuse_rolled_back(past, canary, request)
    criteria = _bound(service, stable=traffic.primary, canary=canary)
    plan = _judged(
        service, request, reading, past, drive=Drive.ROLLOUT, back=traffic, canary=canary
    )
    return replace(
        plan,
        steps=tuple(
            _lengthened(step, service.criteria, criteria, router.capabilities.reaches_all_s)
            for step in service.steps
        ),
        criteria=countable(router, criteria, canary, traffic.primary, probe),
        approvals=service.approvals,
    )


def plan_watch(
    service: Service,
    request: Request,
    *,
    duration_s: float,
    rollback_to: str | None,
    journal: Journal,
    probe: SeriesProbe,
) -> Plan:
    """The plan of one constant step at the weight that is found; moves nothing but back.

    ConfigError, before any metric is read, when there is nothing to roll back to.
    """
    router, reading = service.router, service.router.read()
    past = history(journal, service.name)
    found = _watched(service, reading, rollback_to, journal, past=past, now=request.now)
    live, stable, restores = found
    criteria = _bound(service, stable=stable, canary=live)
    if reading.traffic == Traffic(primary=live):
        criteria = tuple(choose_series(router, c, live, stable, probe) for c in criteria)
    criteria = countable(router, criteria, live, stable, probe)
    if not router.capabilities.moves:
        criteria = tuple(replace(c, scope=Scope.CANARY) for c in criteria)
    settle_s = max((c.settle_s for c in criteria), default=0.0)
    step = Step(
        weight=reading.traffic.share(live),
        bake_s=max(MINUTE_S, duration_s - MINUTE_S),
        max_bake_s=duration_s + settle_s + WATCH_GRACE_S,
    )
    back = Traffic(primary=stable)
    plan = _judged(service, request, reading, past, drive=Drive.WATCH, back=back, canary=live)
    return replace(
        plan,
        restores=restores and plan.restores,
        movable=router.capabilities.moves,
        steps=(step,),
        criteria=criteria,
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
    stable = Traffic(primary=reading.traffic.primary)
    return service.snapshot(stable, at=now, by=actor, detail=reading.detail)


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
    on_record = known(journal, service, reading, past, now=now)
    found = decided(service, traffic, on_record, named=named)
    live, stable = found.live, found.stable
    if named is not None and named == (canary_by_shape(traffic, router.capabilities.age) or live):
        raise ConfigError(
            f"version {rollback_to} is the one to be judged on {router.target}, and nothing to go"
            " back to: name the version that was live before the deploy (--rollback-to)"
        )
    if stable is not None and stable.stable != live:
        refused = f"version {stable.stable} of {router.target} cannot take the traffic back"
        _check_can_serve(router, refused, stable=stable.stable, canary=live)
        return live, stable.stable, True
    if stable is not None or service.observe:
        return live, live, False
    raise NoWayBack(
        f"nothing to roll back to: {router.target} serves version {live} alone, and no snapshot of"
        f" service {service.name} from the last 24 hours says what was live before.\n"
        f"  before the next deploy, run `guardian snapshot {service.name}`; or name the version:"
        f" `guardian watch {service.name} --rollback-to VERSION`;\n"
        "  or judge without acting: `--observe`"
    )


def _check_can_serve(router: Router, refused: str, *, stable: str, canary: str) -> None:
    problems = router.check(stable=stable, canary=canary)
    if problems:
        raise ConfigError("\n  ".join([f"{refused}:", *problems]))


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


def _judged(
    service: Service,
    request: Request,
    reading: Reading,
    past: Sequence[Rollout],
    *,
    drive: Drive,
    back: Traffic,
    canary: str,
) -> Plan:
    """The plan of what is to be judged, still without criteria; a breach goes `back`."""
    detail = reading.detail
    if reading.stamp is not None:
        # An earlier rollout left its stamp: what stood there before is in that one's snapshot.
        earlier = [r for r in past if r.plan.rollout == reading.stamp.rollout]
        detail = earlier[0].plan.snapshot.detail if earlier else {}
    snapshot = service.snapshot(back, at=request.now, by=request.actor, detail=detail)
    plan = service.plan(request, drive, reading.traffic, snapshot, canary=canary)
    open_pages = _open_pages(past)
    return replace(plan, rules=service.rules, group=service.group, open_pages=open_pages)


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
    on_record = known(journal, service, reading, past, now=now)
    stable = decided(service, traffic, on_record).stable
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
            f" {detail}); if it is right to try again, say so and why (--again --reason WHY)"
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
