"""Traffic between two target groups of an Application Load Balancer, by their weights.

The weights stand in a listener's default actions or in a rule's. The list of actions is written
whole, so everything else in it is read just before and written back. AWS compares nothing: each
shift reads first, refuses where somebody else wrote, and is believed only when read back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from guardian.core.model import Query, Reason
from guardian.core.traffic import NONE, Reading, Snapshot, Stamp, Traffic, WayBack
from guardian.ports import Capabilities, ConfigError, Context, Guard, NotYet, RouterError
from guardian.ports.health import Health, Level
from guardian.routers._alb_address import BY_ARN, HERE, TAIL
from guardian.routers._alb_answers import TAG, VERSION, WEIGHTS, ForwardActions, found_in, stamped
from guardian.routers._alb_groups import (
    Targets,
    is_named,
    require_named,
    require_whole,
    targets_of,
    version_of,
)
from guardian.routers._writing import (
    ask,
    check_for_rollback,
    proven,
    read_back,
    require_pair,
    require_served,
    require_stable,
    same,
    unsure,
)

_WRITES: Final = tuple(
    f"elasticloadbalancing:{operation}"
    for operation in ("ModifyListener", "ModifyRule", "AddTags", "RemoveTags")
)
PERMISSIONS: tuple[str, ...] = (
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    *_WRITES,
)

VARIABLES: tuple[str, ...] = ("load_balancer",)
"""What rule files may name as `${router.NAME}`."""

UNLISTED: Final = BY_ARN

REACHES_ALL_S: Final = 10.0
"""AWS names no time after which every node has new weights; it is seconds."""


class Options(BaseModel):
    """Whose actions hold the weights, and how many healthy targets a canary needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listener: str | None = Field(
        default=None,
        pattern=rf"{HERE}listener{TAIL}$",
        description="The ARN of the listener whose default actions forward to the target groups.",
    )
    rule: str | None = Field(
        default=None,
        pattern=rf"{HERE}listener-rule{TAIL}/[0-9a-f]{{16}}$",
        description="Or the ARN of the listener rule whose actions do.",
    )
    healthy_targets: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="So many healthy targets a group needs before it is given traffic.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.listener is None) == (self.rule is None):
            raise ValueError("write either listener or rule: one of them holds the weights")
        return self

    @property
    def arn(self) -> str:
        """Of the listener or the rule."""
        return self.listener or self.rule or ""


def build(options: Options, context: Context) -> Alb:
    """The router of one listener or rule. ConfigError where that is in another account."""
    _, _, _, region, account, _ = options.arn.split(":", 5)
    if (account, region) != (context.account_id, context.region):
        raise ConfigError(
            f"{options.arn} is in account {account}, region {region}, and the service in account"
            f" {context.account_id}, region {context.region}: name the load balancer's own"
        )
    return Alb(options, context)


def resources(options: Options, *, account_id: str, region: str) -> dict[str, tuple[str, ...]]:
    """Writes are narrowed to the listener or the rule; descriptions cannot be."""
    del account_id, region
    return dict.fromkeys(_WRITES, (options.arn,))


class Alb:
    """The router of one listener's or rule's actions. Versions are target groups, as NAME/ID."""

    capabilities = Capabilities(guard=Guard.NONE, weights=WEIGHTS, reaches_all_s=REACHES_ALL_S)

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        self._base, _, self._tail = options.arn.partition("listener")
        self._name = f"{'rule' if options.rule else 'listener'} {options.arn.partition('/app/')[2]}"
        self._groups = re.compile(
            rf"{re.escape(self._base)}targetgroup/(?P<version>{VERSION.pattern})"
        )
        what = options.arn.partition(f"{context.account_id}:")[2]
        self.target = f"alb:{context.account_id}:{context.region}:{what}"

    # --- reading ---------------------------------------------------------------------------

    def read(self) -> Reading:
        """The weights now; target groups without one are left out."""
        return self._found().reading(self._name)

    def _found(self) -> ForwardActions:
        """The actions and the stamp."""
        arn, rule = self._options.arn, self._options.rule is not None
        with proven(self._context):
            if rule:
                (shown,) = self._list("DescribeRules", "Rules", RuleArns=[arn])
            else:
                (shown,) = self._list("DescribeListeners", "Listeners", ListenerArns=[arn])
            (tagged,) = self._list("DescribeTags", "TagDescriptions", ResourceArns=[arn])
        if (
            shown.get("RuleArn" if rule else "ListenerArn") != arn
            or tagged.get("ResourceArn") != arn
        ):
            raise RouterError(
                Reason.AUTH,
                f"the answer about {self._name} is about something else: use credentials of account"
                f" {self._context.account_id}, and no proxy that answers in AWS's place",
            )
        actions = shown.get("Actions" if rule else "DefaultActions")
        return found_in(actions, tagged.get("Tags"), where=self._name, arns=self._groups)

    def resolve(self, version: str) -> str:
        """NAME/ID of a group by its name; `latest` is the one that is listed without weight."""
        if version == "latest":
            return self._idle()
        require_named(version)
        by = (
            {"TargetGroupArns": [self._arn(version)]}
            if VERSION.fullmatch(version)
            else {"Names": [version]}
        )
        try:
            with proven(self._context):
                return version_of(self._ask("DescribeTargetGroups", version, **by), version)
        except RouterError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            raise RouterError(
                Reason.NOT_FOUND,
                f"target group {version} does not exist in {self._context.account_id}"
                f" {self._context.region}, so it can take no traffic: name another one",
            ) from None

    def _idle(self) -> str:
        idle = [version for version, weight in self._found().groups if not weight]
        if len(idle) != 1:
            raise RouterError(
                Reason.INVALID,
                f"{self._name} lists {len(idle)} target groups with the weight 0, so `latest` does"
                " not say which one is meant: name it",
            )
        return idle[0]

    def examine(self) -> list[Health]:
        """Whether the actions can be read, and the group that serves has healthy targets."""
        traffic = self.read().traffic
        problems = self.check(stable=traffic.primary, canary=traffic.primary)
        return [
            Health(
                level=Level.WARN if problems else Level.OK,
                what=f"{self.target} serves {traffic}",
                fix="; ".join(problems),
            )
        ]

    def check(self, *, stable: str, canary: str) -> list[str]:
        """Groups that do not exist, or have too few healthy targets."""
        self.read()
        problems, starting = [], []
        for version in dict.fromkeys((stable, canary)):
            try:
                targets = self._targets(self.resolve(version))
            except RouterError as error:
                if error.reason is not Reason.NOT_FOUND and is_named(version):
                    raise
                problems.append(error.detail)
                continue
            problem = targets.problem(self._options.healthy_targets)
            if problem and targets.initial:
                starting.append(problem)
            elif problem:
                problems.append(problem)
        if starting and not problems:
            raise NotYet(Reason.UNAVAILABLE, "; ".join(starting))
        return [*problems, *starting]

    def way_back(self, *, stable: str, canary: str) -> WayBack:
        """Whether stable has healthy targets, and else another listed group that has."""
        problem = self._unable(stable)
        if not problem:
            return WayBack()
        try:
            others = [v for v, _ in self._found().groups if v not in (stable, canary)]
            older = next((v for v in others if not self._unable(v)), "")
        except RouterError:
            older = ""  # What is told of stable does not wait for it.
        return WayBack(problem=problem, older=older)

    def _unable(self, version: str) -> str:
        """Why a group cannot take traffic back: one healthy target is better than none."""
        try:
            targets = self._targets(self.resolve(version))
        except RouterError as error:
            if error.reason is not Reason.NOT_FOUND and is_named(version):
                raise
            return error.detail
        return "" if targets.initial else targets.problem(1)

    def variables(self) -> Mapping[str, str]:
        """`${router.load_balancer}`, as CloudWatch names it: `app/NAME/ID`."""
        return {"load_balancer": "/".join(self._tail.split("/")[1:4])}

    def settles_later_s(
        self, queries: Collection[Query], *, stable: str, canary: str
    ) -> Mapping[Query, float]:
        """None: a load balancer stamps a request when it is answered."""
        del queries, stable, canary
        return {}

    def fallback_query(self, query: Query, *, live: str) -> Query | None:
        """None: each target group always has series of its own."""
        del query, live
        return None

    # --- writing ---------------------------------------------------------------------------

    def shift(self, traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
        """The canary's weight beside stable's. A canary without healthy targets gets none."""
        require_pair(traffic, require_whole)
        require_stable(traffic, stamp)
        self._context.check_account()
        found = self._unchanged(traffic, stamp, after)
        canary = next(iter(traffic.versions - {stamp.stable}), stamp.stable)
        if after.traffic.share(canary) == NONE < traffic.share(canary):
            problem = self._targets(canary).problem(self._options.healthy_targets)
            if problem:
                raise RouterError(Reason.UNAVAILABLE, f"{problem}; nothing was written")
        return self._write(found, traffic, stamp)

    def promote(self, canary: str, *, after: Reading, detail: Mapping[str, str]) -> Reading:
        """The canary alone; the other group stays listed, so that its health is still checked."""
        del detail
        require_served(canary, after, self._name)
        self._context.check_account()
        desired = Traffic(primary=canary)
        return self._write(self._unchanged(desired, None, after), desired, None)

    def restore(self, snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        """The snapshot's weights, whatever stands there now; stickiness ends with it."""
        del after
        require_pair(snapshot.traffic, require_whole)
        check_for_rollback(self._context)
        return self._write(self._found(), snapshot.traffic, stamp, back=True)

    def _unchanged(self, desired: Traffic, stamp: Stamp | None, after: Reading) -> ForwardActions:
        """The actions as they are; CONFLICT when they are neither as read nor as desired."""
        found = self._found()
        now = found.reading(self._name)
        changed = found.revision != after.revision and not same(now.traffic, desired)
        if changed or found.outdates(stamp):
            raise RouterError(
                Reason.CONFLICT,
                f"somebody changed {self._name} since it was read: it now serves {now.traffic}, and"
                " nothing was written",
            )
        return found

    def _write(
        self, found: ForwardActions, traffic: Traffic, stamp: Stamp | None, *, back: bool = False
    ) -> Reading:
        """The stamp and the actions, and what stands there afterwards.

        Nothing goes forward without a stamp, and no way back waits for one.
        """
        actions = found.actions(traffic, self._arn, back=back)
        forward = stamp is not None and not back
        try:
            if forward:
                self._mark(stamp)
            if self._options.rule is not None:
                self._ask("ModifyRule", self._name, RuleArn=self._options.rule, Actions=actions)
            else:
                listener = self._options.listener
                self._ask(
                    "ModifyListener", self._name, ListenerArn=listener, DefaultActions=actions
                )
            if not forward:
                self._mark(stamp)
        except RouterError as error:
            return self._after_failure(error, traffic, stamp, before=found.stamp, back=back)
        return read_back(self.read, self._name)

    def _mark(self, stamp: Stamp | None) -> None:
        """Leave the stamp as a tag, or take it away."""
        arns = [self._options.arn]
        if stamp is None:
            self._ask("RemoveTags", self._name, ResourceArns=arns, TagKeys=[TAG])
        else:
            tag = {"Key": TAG, "Value": stamped(stamp)}
            self._ask("AddTags", self._name, ResourceArns=arns, Tags=[tag])

    def _after_failure(
        self,
        error: RouterError,
        desired: Traffic,
        stamp: Stamp | None,
        *,
        before: Stamp | None,
        back: bool,
    ) -> Reading:
        """Read before judging: the write may have been applied and only its answer lost.

        Where it was refused, the stamp that went before it is taken back; where it may still be
        applied, nobody's canary must be without one. A way back is done when the traffic is
        there, whatever came of a stamp.
        """
        try:
            reading = self.read()
        except RouterError:
            raise unsure(error) from None
        as_marked = reading.stamp == stamp or (back and stamp is not None)
        if same(reading.traffic, desired) and as_marked:
            return reading
        told = unsure(error)
        refused = told is error and not same(reading.traffic, desired)
        if refused and reading.stamp == stamp != before:
            with suppress(RouterError):
                self._mark(before)
        raise told from None

    # --- the API ---------------------------------------------------------------------------

    def _arn(self, version: str) -> str:
        return f"{self._base}targetgroup/{version}"

    def _targets(self, version: str) -> Targets:
        arn = self._arn(version)
        with proven(self._context):
            answer = self._ask("DescribeTargetHealth", version, TargetGroupArn=arn)
        return targets_of(version, answer)

    def _list(self, operation: str, key: str, **arguments: Any) -> list[Mapping[str, Any]]:
        """What was asked for by one ARN: one thing."""
        found = self._ask(operation, self._name, **arguments).get(key)
        if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], Mapping):
            raise RouterError(
                Reason.UNAVAILABLE, f"the answer about {self._name} does not say what it is"
            )
        return found

    def _ask(self, operation: str, what: str, **arguments: Any) -> Mapping[str, Any]:
        """One call. Raises RouterError with a sentence."""
        action = f"elasticloadbalancing:{operation}"
        return ask(self._context, "elbv2", action, what, **arguments)
