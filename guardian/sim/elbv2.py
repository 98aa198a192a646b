"""Application Load Balancers: listeners, rules, target groups, their health, and their traffic."""

from __future__ import annotations

import bisect
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from guardian.core.model import MINUTE_S, Instant, floor_to
from guardian.sim import chance
from guardian.sim.faults import Fault
from guardian.sim.metric_store import Metrics, dimensions
from guardian.sim.publication import Publication
from guardian.sim.statistic import Bag
from guardian.sim.wire import Refusals, Refused, Reply, Request
from guardian.sim.world import World, seeded

VERSION = "2015-12-01"
NAMESPACE = "AWS/ApplicationELB"
SLICE_S = 10.0
_MOST_GROUPS = 5
_MOST_WEIGHT = 999


@dataclass(slots=True, kw_only=True)
class Group:
    """A target group: its targets by state, and how they answer."""

    arn: str
    states: tuple[str, ...] = ("healthy", "healthy")
    failure_rate: float = 0.002
    median_s: float = 0.4

    @property
    def version(self) -> str:
        """NAME/ID: the end of its ARN."""
        return self.arn.rpartition("targetgroup/")[2]


@dataclass(slots=True, kw_only=True)
class Door:
    """A listener's default actions, or a rule's, at each instant; and its callers."""

    arn: str
    states: list[tuple[Instant, list[dict[str, Any]]]]
    tags: dict[str, str] = field(default_factory=dict)
    rate: float = 0.0
    made_until: Instant = 0.0

    @property
    def actions(self) -> list[dict[str, Any]]:
        """Its actions now."""
        return self.states[-1][1]

    def weights(self, at: Instant) -> dict[str, int]:
        """The weight of each target group at an instant."""
        index = bisect.bisect_right(self.states, at, key=lambda state: state[0])
        forward = self.states[max(0, index - 1)][1][-1].get("ForwardConfig", {})
        return {g["TargetGroupArn"]: g["Weight"] for g in forward.get("TargetGroups", [])}


_REFUSALS: Refusals = {
    "throttle": ("Throttling", "Rate exceeded", 400),
    "access_denied": (
        "AccessDenied",
        "not authorized to perform: elasticloadbalancing:{operation}",
        403,
    ),
    "conflict": ("ResourceConflictException", "The resource is being changed", 409),
    "not_found": ("ListenerNotFound", "One or more listeners not found", 400),
    "bad_request": ("ValidationError", "A parameter is invalid", 400),
    "other": ("InternalFailure", "An internal error occurred.", 500),
}


class LoadBalancers:
    """Serves the query protocol of Elastic Load Balancing v2, as far as weights need it."""

    name = "elbv2"
    refusals = _REFUSALS

    def __init__(self, world: World, metrics: Metrics, publication: Publication) -> None:
        self._world = world
        self._metrics = metrics
        self._publication = publication
        self.groups: dict[str, Group] = {}
        """By ARN."""
        self.doors: dict[str, Door] = {}
        """Listeners and rules by ARN."""

    # --- what a test or the demo sets up ---------------------------------------------------------

    def create_group(self, name: str, *states: str) -> Group:
        """A target group with targets in these states; two healthy ones by default."""
        with self._world.lock:
            arn = self._arn(f"targetgroup/{name}/{len(self.groups) + 1:016x}")
            self.groups[arn] = Group(arn=arn, states=states or ("healthy", "healthy"))
            return self.groups[arn]

    def create_listener(self, balancer: str, *groups: Group, rule: bool = False) -> Door:
        """A listener, or a rule of one, that forwards to the first of these; the rest have 0."""
        with self._world.lock:
            n = len(self.doors) + 1
            tail = f"app/{balancer}/{1:016x}/{n:016x}"
            door = Door(
                arn=self._arn(f"listener-rule/{tail}/{n:016x}" if rule else f"listener/{tail}"),
                states=[],
            )
            listed = [
                {"TargetGroupArn": group.arn, "Weight": 0 if index else 1}
                for index, group in enumerate(groups)
            ]
            sticky = {"Enabled": False}
            forward = {"TargetGroups": listed, "TargetGroupStickinessConfig": sticky}
            self.doors[door.arn] = door
            self._put(door, [{"Type": "forward", "Order": 1, "ForwardConfig": forward}])
            return door

    def write_as_person(self, door: Door, change: Callable[[list[dict[str, Any]]], None]) -> None:
        """A change of the actions at the console."""
        with self._world.lock:
            actions = copy.deepcopy(door.actions)
            change(actions)
            self._put(door, actions)

    def send(self, door: Door, *, rate: float, history_s: float = 3600.0) -> None:
        """Call it `rate` times a second, from `history_s` ago on."""
        with self._world.lock:
            door.rate = rate
            door.made_until = floor_to(self._world.clock.now() - history_s, MINUTE_S)

    def shares(self, door: Door) -> dict[str, float]:
        """The share of traffic of each target group now, by NAME/ID; none for those without."""
        weights = door.weights(self._world.clock.now())
        whole = sum(weights.values())
        return {self.groups[arn].version: w / whole for arn, w in weights.items() if w}

    def _arn(self, tail: str) -> str:
        return f"arn:aws:elasticloadbalancing:{self._world.region}:{self._world.account_id}:{tail}"

    def _put(self, door: Door, actions: list[dict[str, Any]]) -> None:
        door.states.append((self._world.clock.now(), actions))

    # --- traffic ---------------------------------------------------------------------------------

    def advance(self, now: Instant) -> None:
        """Make what was called by `now`, in slices that have ended."""
        for door in self.doors.values():
            while door.rate and door.made_until + SLICE_S <= now:
                self._slice(door, door.made_until)
                door.made_until += SLICE_S

    def _slice(self, door: Door, start: Instant) -> None:
        weights = door.weights(start)
        whole = sum(weights.values()) or 1
        for arn, weight in weights.items():
            group = self.groups[arn]
            rng = seeded(self._world.seed, door.arn, start, arn)
            requests = chance.poisson(rng, door.rate * SLICE_S * weight / whole)
            failed = chance.binomial(rng, requests, group.failure_rate)
            took = chance.lognormal(
                rng, requests, median=group.median_s, sigma=0.6, offset=rng.random()
            )
            places = {
                "LoadBalancer": "/".join(door.arn.partition("/")[2].split("/")[:3]),
                "TargetGroup": f"targetgroup/{group.version}",
            }
            for metric, unit, values in (
                ("RequestCount", "Count", {1.0: requests}),
                ("HTTPCode_Target_5XX_Count", "Count", {1.0: failed}),
                ("TargetResponseTime", "Seconds", took),
                ("UnHealthyHostCount", "Count", {float(group.states.count("unhealthy")): 1}),
            ):
                bag = Bag.of(values)
                if bag.n:
                    lag_s = self._publication.lag_s(NAMESPACE, metric, int(start))
                    key, shown = (NAMESPACE, metric, dimensions(places)), start + SLICE_S + lag_s
                    self._metrics.put(key, at=start, visible_at=shown, bag=bag, unit=unit)

    # --- the wire --------------------------------------------------------------------------------

    def asked(self, request: Request) -> bool:
        """A form that names the API's version."""
        return request.path == "/" and f"Version={VERSION}".encode() in request.body

    def operation(self, request: Request) -> str:
        """The name of the operation that a request asks for."""
        return str(request.mapping().get("Action", "Unknown"))

    def error(self, refused: Refused) -> Reply:
        """An error as the query protocol puts it on the wire."""
        kind = "Receiver" if refused.status >= 500 else "Sender"
        told = {"Type": kind, "Code": refused.code, "Message": refused.message}
        body = f"<ErrorResponse><Error>{_xml(told)}</Error></ErrorResponse>"
        return Reply(status=refused.status, body=body.encode(), content_type="text/xml")

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        asked = _nested(request.body.decode())
        rule = operation.endswith(("Rule", "Rules"))
        match operation:
            case "DescribeListeners" | "DescribeRules":
                stale = fault is not None and fault.kind == "stale"
                return _result(operation, self._shown(asked, rule=rule, stale=stale))
            case "DescribeTags" | "AddTags" | "RemoveTags":
                return _result(operation, self._tagged(asked))
            case "DescribeTargetGroups":
                return _result(operation, {"TargetGroups": self._described(asked)})
            case "DescribeTargetHealth":
                group = self._group(asked["TargetGroupArn"])
                listed = [{"TargetHealth": {"State": state}} for state in group.states]
                return _result(operation, {"TargetHealthDescriptions": listed})
            case "ModifyListener" | "ModifyRule":
                door = self._door(asked["RuleArn" if rule else "ListenerArn"])
                if fault is None or fault.kind != "ignored":
                    self._put(door, self._checked(asked["Actions" if rule else "DefaultActions"]))
                return _result(operation, {})
        raise Refused("InvalidAction", f"The simulator does not know the action {operation}.")

    def _shown(self, asked: Mapping[str, Any], *, rule: bool, stale: bool) -> dict[str, Any]:
        key, actions = ("RuleArn", "Actions") if rule else ("ListenerArn", "DefaultActions")
        doors = [self._door(arn) for arn in asked[f"{key}s"]]
        listed = [{key: door.arn, actions: _actions(door, stale=stale)} for door in doors]
        return {"Rules" if rule else "Listeners": listed}

    def _tagged(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The tags of each, once those that are given are there and those that are named gone."""
        found = []
        for door in map(self._door, asked["ResourceArns"]):
            door.tags |= {tag["Key"]: tag["Value"] for tag in asked.get("Tags", [])}
            for key in asked.get("TagKeys", []):
                door.tags.pop(key, None)
            tags = [{"Key": key, "Value": value} for key, value in door.tags.items()]
            found.append({"ResourceArn": door.arn, "Tags": tags})
        return {"TagDescriptions": found}

    def _door(self, arn: str) -> Door:
        if arn not in self.doors:
            what = "Rule" if "listener-rule" in arn else "Listener"
            raise Refused(f"{what}NotFound", f"'{arn}' not found")
        return self.doors[arn]

    def _group(self, arn: str) -> Group:
        if arn not in self.groups:
            raise Refused("TargetGroupNotFound", "One or more target groups not found")
        return self.groups[arn]

    def _described(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        names = asked.get("Names", [])
        by_name = [g for g in self.groups.values() if g.version.partition("/")[0] in names]
        found = by_name or [self._group(arn) for arn in asked.get("TargetGroupArns", [])]
        if not found:
            raise Refused("TargetGroupNotFound", "One or more target groups not found")
        return [
            {
                "TargetGroupArn": group.arn,
                "TargetGroupName": group.version.partition("/")[0],
                "LoadBalancerArns": self._balancers(group),
            }
            for group in found
        ]

    def _balancers(self, group: Group) -> list[str]:
        """The load balancers that list the group somewhere."""
        tails = (
            "/".join(door.arn.partition("/")[2].split("/")[:3])
            for door in self.doors.values()
            if group.arn in door.weights(1e12)
        )
        return sorted({self._arn(f"loadbalancer/{tail}") for tail in tails})

    def _checked(self, actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The actions as they will be shown; Refused for what AWS would refuse."""
        *before, last = actions
        if last.get("Type") != "forward" or any(a["Type"] == "forward" for a in before):
            raise Refused("InvalidLoadBalancerAction", "An action list ends in one forward action")
        if any("AuthenticateOidcConfig" in a and not _keeps_secret(a) for a in before):
            raise Refused("InvalidLoadBalancerAction", "A client secret must be specified")
        groups = last["ForwardConfig"]["TargetGroups"]
        if "TargetGroupArn" in last or not 1 <= len(groups) <= _MOST_GROUPS:
            raise Refused("ValidationError", "One to five target groups must be specified")
        for group in groups:
            self._group(group["TargetGroupArn"])
            group["Weight"] = int(group["Weight"])
            if not 0 <= group["Weight"] <= _MOST_WEIGHT:
                raise Refused("ValidationError", "A weight lies between 0 and 999")
        return actions


def _keeps_secret(action: dict[str, Any]) -> bool:
    """Whether it goes on with the secret that it has, which is never shown."""
    return bool(action["AuthenticateOidcConfig"].pop("UseExistingClientSecret", "") == "true")


def _actions(door: Door, *, stale: bool) -> list[dict[str, Any]]:
    """Its actions; of an only target group the ARN stands beside the list, too."""
    *before, last = door.states[-2:][0][1] if stale else door.actions
    groups = last.get("ForwardConfig", {}).get("TargetGroups", [])
    alone = {"TargetGroupArn": groups[0]["TargetGroupArn"]} if len(groups) == 1 else {}
    return [*before, {**last, **alone}]


def _nested(form: str) -> dict[str, Any]:
    """`A.member.1.B=x` as `{"A": [{"B": "x"}]}`."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        *way, last = name.split(".")
        here = root
        for step in way:
            here = here.setdefault(step, {})
        here[last] = value
    found: dict[str, Any] = _listed(root)
    return found


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {"member"}:
        return [_listed(value["member"][n]) for n in sorted(value["member"], key=int)]
    return {key: _listed(inner) for key, inner in value.items()}


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{key}>{_xml(inner)}</{key}>" for key, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(inner)}</member>" for inner in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def _result(operation: str, value: Mapping[str, Any]) -> Reply:
    body = (
        f'<{operation}Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/{VERSION}/">'
        f"<{operation}Result>{_xml(value)}</{operation}Result></{operation}Response>"
    )
    return Reply(body=body.encode(), content_type="text/xml")


PART = LoadBalancers
