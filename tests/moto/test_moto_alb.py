"""The router of load balancers against moto's server: an AWS that this project did not write.

moto keeps action lists and tags as they are written. It knows no health (every target is healthy),
and takes weights above 999.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guardian.aws import Sessions
from guardian.core.model import Reason
from guardian.core.traffic import Snapshot, Stamp, Traffic, Weight
from guardian.ports import RouterError
from guardian.routers.alb import Alb, Options, build
from tests.contracts.adapters import account_for, context_for, use_endpoint
from tests.moto.emulator import ACCOUNT, Emulator, emulator


@pytest.fixture(scope="module")
def cloud() -> Iterator[Emulator]:
    """One server for this module."""
    with emulator() as started:
        started.reset()
        yield started


class Balancer:
    """A listener and a rule that log people in and forward to blue, with green beside it."""

    def __init__(self, cloud: Emulator) -> None:
        ec2 = cloud.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)
            for n, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        instance = ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnets[0]["Subnet"]["SubnetId"],
        )["Instances"][0]["InstanceId"]
        self.client = cloud.client("elbv2")
        made = self.client.create_load_balancer(
            Name="agents", Subnets=[subnet["Subnet"]["SubnetId"] for subnet in subnets]
        )
        balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.groups = [self._group(name, vpc, instance) for name in ("agents-blue", "agents-green")]
        self.actions = [self._login(), self._forward()]
        self.listener = self.client.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=self.actions
        )["Listeners"][0]["ListenerArn"]
        self.rule = self.client.create_rule(
            ListenerArn=self.listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/agents/*"]}],
            Actions=self.actions,
        )["Rules"][0]["RuleArn"]

    def _group(self, name: str, vpc: str, instance: str) -> str:
        made = self.client.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        self.client.register_targets(TargetGroupArn=arn, Targets=[{"Id": instance}])
        return arn

    def _login(self) -> dict[str, Any]:
        config = {
            "Issuer": "https://login.example",
            "AuthorizationEndpoint": "https://login.example/authorize",
            "TokenEndpoint": "https://login.example/token",
            "UserInfoEndpoint": "https://login.example/user",
            "ClientId": "guardian",
            "ClientSecret": "secret",
        }
        return {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config}

    def _forward(self) -> dict[str, Any]:
        listed = [
            {"TargetGroupArn": a, "Weight": w} for a, w in zip(self.groups, (1, 0), strict=True)
        ]
        sticky = {"Enabled": True, "DurationSeconds": 60}
        config = {"TargetGroups": listed, "TargetGroupStickinessConfig": sticky}
        return {"Type": "forward", "Order": 2, "ForwardConfig": config}

    def router(self, kind: str) -> Alb:
        """The router of the listener, or of the rule."""
        context = context_for(account_for(Sessions(), account_id=ACCOUNT))
        return build(Options.model_validate({kind: getattr(self, kind)}), context)

    def shown(self, kind: str) -> list[dict[str, Any]]:
        """The actions, as the emulator shows them to anybody."""
        found: list[dict[str, Any]]
        if kind == "rule":
            found = self.client.describe_rules(RuleArns=[self.rule])["Rules"][0]["Actions"]
        else:
            found = self.client.describe_listeners(ListenerArns=[self.listener])["Listeners"][0][
                "DefaultActions"
            ]
        return found

    def tags(self, kind: str) -> list[dict[str, str]]:
        """And the tags."""
        answer = self.client.describe_tags(ResourceArns=[getattr(self, kind)])
        found: list[dict[str, str]] = answer["TagDescriptions"][0]["Tags"]
        return found


@pytest.mark.parametrize("kind", ["listener", "rule"])
def test_traffic_goes_to_the_canary_and_back(
    cloud: Emulator, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Step by step, with the rest of the actions as it was, and the stamp as a tag."""
    cloud.reset()
    use_endpoint(monkeypatch, cloud.url)
    balancer = Balancer(cloud)
    router = balancer.router(kind)
    before = router.read()
    blue, green = (arn.partition("targetgroup/")[2] for arn in balancer.groups)
    assert before.traffic == Traffic(primary=blue)
    assert before.sticks_s == 60.0
    assert router.resolve("latest") == router.resolve("agents-green") == green
    assert router.check(stable=blue, canary=green) == []
    stamp = Stamp(rollout="agents-1", epoch=3, stable=blue)
    found = before
    for percent in (10, 33.3333, 100):
        wish = Traffic(primary=blue, secondary=green, weight=Weight.percent(percent))
        found = router.shift(wish, stamp=stamp, after=found)
        assert (found.traffic, found.stamp) == (wish, stamp)
    login, forward = balancer.shown(kind)
    assert login["AuthenticateOidcConfig"]["ClientId"] == "guardian"
    assert (login["Order"], forward["Order"]) == (1, 2)
    assert len(balancer.tags(kind)) == 1
    found = router.promote(green, after=found, detail={})
    assert (found.traffic, found.stamp) == (Traffic(primary=green), None)
    back = Snapshot(
        service="s", target=router.target, traffic=before.traffic, taken_at=0, taken_by="x"
    )
    found = router.restore(back, stamp=None, after=found)
    assert (found.traffic, found.sticks_s) == (before.traffic, 0.0)
    assert balancer.tags(kind) == []


def test_what_is_not_there_is_told(cloud: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that was deleted, and a target group that never was."""
    cloud.reset()
    use_endpoint(monkeypatch, cloud.url)
    balancer = Balancer(cloud)
    router = balancer.router("listener")
    with pytest.raises(RouterError, match="does not exist") as caught:
        router.resolve("agents-red")
    assert caught.value.reason is Reason.NOT_FOUND
    balancer.client.delete_listener(ListenerArn=balancer.listener)
    with pytest.raises(RouterError) as gone:
        router.read()
    assert gone.value.reason is Reason.NOT_FOUND
