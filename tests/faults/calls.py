"""Every outside call of every adapter over HTTP: how it is made, and what a success must mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from guardian.core.judging.kinds.incidents import incident_query
from guardian.core.model import Measurement, Query
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, Weight
from guardian.ports import Ask
from guardian.ports.health import Health, Level
from guardian.routers import lambda_alias
from guardian.sources import cloudwatch
from guardian.sources import pagerduty as incidents
from tests.contracts.adapters import account_for
from tests.faults.call import DONE, Asking, Call
from tests.faults.ground import FUNCTION, HASTY_S, INVOCATIONS, NOON, ROLE, Ground
from tests.faults.tellings import NOTIFIERS

TENTH: Final = Weight.percent(10)
SPLIT: Final = Traffic(primary="41", secondary="42", weight=TENTH)
STABLE: Final = Traffic(primary="41")

# --- the router --------------------------------------------------------------------------------


def _router(ground: Ground, hasty: bool) -> lambda_alias.LambdaAlias:
    options = lambda_alias.Options(function=FUNCTION, alias="live")
    return lambda_alias.build(options, ground.context(hasty=hasty))


def _routed(do: Callable[[lambda_alias.LambdaAlias], Any], expected: object) -> Any:
    """A call whose success is this value."""

    def begin(ground: Ground, hasty: bool) -> Asking:
        router = _router(ground, hasty)

        def ask() -> str:
            found = do(router)
            assert found == expected
            return DONE

        return ask

    return begin


def _written(
    do: Callable[[lambda_alias.LambdaAlias, Reading], Reading], desired: Traffic
) -> Callable[[Ground, bool], Asking]:
    """A write whose success is that the alias shows the desired traffic."""

    def begin(ground: Ground, hasty: bool) -> Asking:
        router = _router(ground, hasty)

        def ask() -> str:
            found = do(router, router.read()).traffic
            weights = {found.secondary: found.weight.ratio} if found.secondary else {}
            assert (ground.alias.version, dict(ground.alias.weights)) == (found.primary, weights)
            return DONE if found == desired else "not done"

        return ask

    return begin


def _shift(router: lambda_alias.LambdaAlias, after: Reading) -> Reading:
    return router.shift(SPLIT, stamp=Stamp(rollout="r-1", epoch=1, stable="41"), after=after)


def _restore(router: lambda_alias.LambdaAlias, after: Reading) -> Reading:
    snapshot = Snapshot(
        service=FUNCTION, target=router.target, traffic=STABLE, taken_at=NOON, taken_by="alice"
    )
    return router.restore(snapshot, stamp=None, after=after)


def _promote(router: lambda_alias.LambdaAlias, after: Reading) -> Reading:
    return router.promote("42", after=after, detail={})


def _examine(ground: Ground, hasty: bool) -> Asking:
    router = _router(ground, hasty)

    def ask() -> str:
        return _levels(router.examine())

    return ask


def _levels(found: list[Health]) -> str:
    for one in found:
        f"{one.what}{one.fix}".encode()
    return DONE if all(one.level is Level.OK for one in found) else "told"


def _writes(
    name: str,
    do: Callable[[lambda_alias.LambdaAlias, Reading], Reading],
    desired: Traffic,
    **more: Any,
) -> tuple[Call, ...]:
    """A write, what it reads back, and what it asks before."""
    begin = _written(do, desired)
    return (
        Call(
            name=f"UpdateAlias to {name}",
            service="lambda",
            operation="UpdateAlias",
            begin=begin,
            **more,
        ),
        Call(
            name=f"GetAlias after it, to {name}",
            service="lambda",
            operation="GetAlias",
            begin=begin,
            skip=1,
            **more,
        ),
        Call(
            name=f"GetCallerIdentity to {name}",
            service="sts",
            operation="GetCallerIdentity",
            begin=begin,
            **more,
        ),
    )


def _lambda(name: str, operation: str, begin: Any) -> Call:
    return Call(name=name, service="lambda", operation=operation, begin=begin)


ROUTER: Final = (
    _lambda("GetAlias to read", "GetAlias", _routed(lambda r: r.read().traffic, STABLE)),
    *_writes("shift", _shift, SPLIT),
    *_writes("go back", _restore, STABLE, weight=0.1),
    *_writes("promote", _promote, Traffic(primary="42"), weight=0.1, most=1.0),
    _lambda(
        "ListVersionsByFunction",
        "ListVersionsByFunction",
        _routed(lambda r: r.resolve("latest"), "42"),
    ),
    _lambda(
        "GetFunctionConfiguration to find a version",
        "GetFunctionConfiguration",
        _routed(lambda r: r.resolve("42"), "42"),
    ),
    _lambda(
        "GetFunctionConfiguration for time-outs",
        "GetFunctionConfiguration",
        _routed(
            lambda r: r.settles_later_s([INVOCATIONS], stable="41", canary="42"),
            {INVOCATIONS: 30.0},
        ),
    ),
    _lambda(
        "GetProvisionedConcurrencyConfig",
        "GetProvisionedConcurrencyConfig",
        _routed(lambda r: r.check(stable="41", canary="42"), []),
    ),
    *(
        Call(
            name=operation,
            service="cloudformation",
            operation=operation,
            begin=_examine,
        )
        for operation in ("DescribeStackResources", "GetTemplate")
    ),
)

# --- who we are --------------------------------------------------------------------------------


def _identity(ground: Ground, hasty: bool) -> Asking:
    account = ground.hasty if hasty else ground.patient

    def ask() -> str:
        account.check_account()
        return DONE

    return ask


def _role(ground: Ground, hasty: bool) -> Asking:
    sessions = ground.hasty_sessions if hasty else ground.sessions

    def ask() -> str:
        account_for(sessions, role_arn=ROLE).check_account()
        return DONE

    return ask


IDENTITY: Final = (
    Call(name="GetCallerIdentity", service="sts", operation="GetCallerIdentity", begin=_identity),
    Call(name="AssumeRole", service="sts", operation="AssumeRole", begin=_role),
)

# --- where numbers come from -------------------------------------------------------------------


def _read(source: Any, query: Query) -> Measurement:
    asked = Ask(query=query, start=NOON - 900.0, end=NOON, settle_s=180.0)
    found: Measurement = source.read([asked], now=NOON)[query]
    return found


def _metrics(ground: Ground, hasty: bool) -> Asking:
    truth = _read(cloudwatch.build(cloudwatch.Options(), ground.context(hasty=False)), INVOCATIONS)
    source = cloudwatch.build(cloudwatch.Options(), ground.context(hasty=hasty))

    def ask() -> str:
        found = _read(source, INVOCATIONS)
        if found.problem is not None:
            assert not found.points
            return found.problem.reason.value
        assert found == truth
        assert found.points
        return DONE

    return ask


def _known(ground: Ground, hasty: bool) -> Asking:
    source = cloudwatch.build(cloudwatch.Options(), ground.context(hasty=hasty))

    def ask() -> str:
        assert source.unknown([INVOCATIONS], now=NOON) == {}
        return DONE

    return ask


def _incidents(ground: Ground, hasty: bool) -> Asking:
    account = ground.simulator.pagerduty
    theirs = account.open_incident("checkout is down", priority="P0")
    options = incidents.Options(timeout_s=HASTY_S if hasty else 4.0)
    query = incident_query("pagerduty", ("P0",), (account.service,))

    def ask() -> str:
        # Names and owners are kept for a while: each time they are asked for anew.
        found = _read(incidents.build(options, ground.context(hasty=hasty)), query)
        if found.problem is not None:
            return found.problem.reason.value
        assert [one.id for one in found.incidents] == [theirs.id]
        return DONE

    return ask


SOURCES: Final = (
    Call(name="GetMetricData", service="cloudwatch", operation="GetMetricData", begin=_metrics),
    Call(name="ListMetrics", service="cloudwatch", operation="ListMetrics", begin=_known),
    *(
        Call(
            name=f"PagerDuty REST, {operation}",
            service="pagerduty_api",
            operation=operation,
            begin=_incidents,
        )
        for operation in ("priorities", "services", "incidents", "alerts")
    ),
)

CALLS: Final = (*ROUTER, *IDENTITY, *SOURCES, *NOTIFIERS)
