"""A simulated load balancer as the router contract needs it: a listener, or one of its rules."""

from __future__ import annotations

from typing import Any

from guardian.aws import Account, Sessions
from guardian.core.traffic import Stamp, Traffic, Weight
from guardian.routers.alb import Alb, Options, build
from guardian.sim.elbv2 import Door, LoadBalancers
from guardian.sim.server import Simulator
from tests.contracts.adapters import SECRET_KEY, TOKEN, account_for, context_for
from tests.contracts.router_contract import STAMP_ROLLOUT

KINDS = {
    400: "bad_request",
    403: "access_denied",
    409: "conflict",
    429: "throttle",
    500: "server_error",
}


class World:
    """The contract's world over the simulated load balancer."""

    secrets: tuple[str, ...] = (TOKEN, SECRET_KEY, "AKIAIOSFODNN7EXAMPLE")

    def __init__(self, simulator: Simulator, *, rule: bool, account: Account | None = None) -> None:
        self.simulator = simulator
        self.account = account
        self.balancers = simulator.part(LoadBalancers)
        self.blue = self.balancers.create_group("agents-blue")
        self.green = self.balancers.create_group("agents-green")
        self.door: Door = self.balancers.create_listener("agents", self.blue, self.green, rule=rule)
        self.rule = rule
        self.stable, self.canary = self.blue.version, self.green.version
        self.stamp = Stamp(rollout=STAMP_ROLLOUT, epoch=1, stable=self.stable)
        self.ten = Traffic(primary=self.stable, secondary=self.canary, weight=Weight.percent(10))

    def router(self, **options: Any) -> Alb:
        """The router, with fresh clients but for an account that is given."""
        key = "rule" if self.rule else "listener"
        clock = self.simulator.world.clock
        context = context_for(self.account or account_for(Sessions()), clock=clock)
        return build(Options.model_validate({key: self.door.arn, **options}), context)

    def stranger(self) -> Alb:
        """STS names another account once the clients are made."""
        router = self.router()
        router.read()
        self.simulator.faults.add(
            kind="wrong_account", service="sts", operation="GetCallerIdentity"
        )
        return router

    def writes(self) -> int:
        """Changes of the actions so far."""
        return self.simulator.calls("elbv2", self._write)

    def somebody_changes(self) -> None:
        """The console: another weight."""
        self.change(lambda groups: groups[1].update(Weight=25))

    def change(self, groups: Any) -> None:
        """Somebody changes the listed target groups."""
        self.balancers.write_as_person(
            self.door, lambda actions: groups(actions[-1]["ForwardConfig"]["TargetGroups"])
        )

    def sticky(self, seconds: int) -> None:
        """Somebody turns stickiness on."""
        config = {"Enabled": True, "DurationSeconds": seconds}
        self.balancers.write_as_person(
            self.door,
            lambda actions: actions[-1]["ForwardConfig"].update(TargetGroupStickinessConfig=config),
        )

    def lose_answer(self) -> None:
        """The next write is applied and hangs up."""
        self.trouble("lost_answer")

    def fail_write(self, status: int, code: str) -> None:
        """The next write is refused."""
        del code
        self.trouble(KINDS[status])

    def break_reads(self) -> None:
        """The actions can be read once more, just before the next write."""
        operation = "DescribeRules" if self.rule else "DescribeListeners"
        self.simulator.faults.add(kind="server_error", service="elbv2", operation=operation, skip=1)

    def remove_target(self) -> None:
        """The listener is deleted."""
        del self.balancers.doors[self.door.arn]

    def trouble(self, kind: str) -> None:
        """The next change of the actions goes wrong."""
        self.simulator.faults.add(kind=kind, service="elbv2", operation=self._write, times=1)

    def listed(self) -> dict[str, int]:
        """Every listed group with its weight."""
        weights = self.door.weights(float("inf"))
        return {self.balancers.groups[arn].version: weight for arn, weight in weights.items()}

    @property
    def _write(self) -> str:
        return "ModifyRule" if self.rule else "ModifyListener"
