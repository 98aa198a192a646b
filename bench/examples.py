"""A criterion, a rollout's plan and its first entry, as the benchmarks use them."""

from __future__ import annotations

from guardian.cloudwatch import changed, metric_query
from guardian.core.judging.judge import Window
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import Criterion, Direction, Instant, Limit
from guardian.core.plan import Drive, Plan, Policy
from guardian.core.traffic import Snapshot, Step, Traffic, Weight

ORIGIN: Instant = 1_800_000_000.0
TARGET = "lambda_alias:333333333333:us-east-1:agents-api:live"
STEPS = tuple(
    Step(weight=Weight.percent(share), bake_s=60.0 * bake, max_bake_s=180.0 * bake)
    for share, bake in ((10, 10), (50, 10), (100, 30))
)


def crash_rate(version: str = "42") -> Criterion:
    """`Errors` over `Invocations` of one version, above 5 %."""
    errors = metric_query(
        namespace="AWS/Lambda",
        metric="Errors",
        stat="Sum",
        dimensions=(
            ("ExecutedVersion", version),
            ("FunctionName", "agents-api"),
            ("Resource", "agents-api:live"),
        ),
    )
    return Criterion(
        name="crash-rate",
        measure=Ratio(part=errors, total=changed(errors, metric="Invocations"), good=False),
        fail_if=Limit(direction=Direction.ABOVE, value=0.05, text="5%"),
        min_samples=60,
        settle_s=180.0,
    )


def plan(rollout: str = "r-bench") -> Plan:
    """10 %, 50 %, 100 % of version 42 over version 41."""
    stable = Traffic(primary="41")
    return Plan(
        rollout=rollout,
        service="agents-api",
        environment="bench",
        target=TARGET,
        drive=Drive.ROLLOUT,
        stable="41",
        canary="42",
        found=stable,
        snapshot=Snapshot(
            service="agents-api", target=TARGET, traffic=stable, taken_at=ORIGIN, taken_by="bench"
        ),
        restores=True,
        steps=STEPS,
        criteria=(crash_rate(),),
        policy=Policy(),
        actor="bench",
    )


def window(*, tests: int = 1) -> Window:
    """The first step at 10 %, confirmed at ORIGIN, with `tests` sharing the false alarms."""
    whole = plan()
    return Window(
        moving_since=ORIGIN,
        first_shift_at=ORIGIN,
        step_confirmed_at=ORIGIN,
        confirmed=((ORIGIN, Weight.percent(10)),),
        alpha=whole.alpha / tests,
        horizon=whole.horizon,
    )
