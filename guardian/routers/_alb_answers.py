"""A load balancer's answers become readings, checked where they come in; and what is written."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guardian.core.model import Reason
from guardian.core.scrub import scrub
from guardian.core.traffic import NONE, Reading, Stamp, Traffic, Weight, Weights
from guardian.ports import RouterError

WEIGHTS: Final = Weights(parts=1000)
"""Two integer weights of 0 to 999 (API reference, TargetGroupTuple): each share of up to 1000
parts can be written."""
NAME: Final = re.compile(r"[A-Za-z0-9-]{1,32}")
VERSION: Final = re.compile(rf"{NAME.pattern}/[0-9a-f]{{16}}")
_MOST_GROUPS: Final = 5
"""Target groups in one forward action (quotas of Application Load Balancers)."""
_MOST_WEIGHT: Final = 999
_LONGEST_S: Final = 604_800
_STAMP: Final = re.compile(r"(?P<rollout>\S{1,128}) (?P<epoch>[0-9]{1,18}) (?P<stable>\S{1,64})")
TAG: Final = "guardian:rollout"
"""The tag that says which rollout wrote, under which epoch, and what stable is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardActions:
    """What a listener or a rule does with requests."""

    before: tuple[Mapping[str, Any], ...]
    """The actions before the forward: who logs in, and how. They are written back as they are."""
    forward: Mapping[str, Any]
    groups: tuple[tuple[str, int], ...]
    """Each target group that is listed, by its version, and its weight."""
    sticks_s: float
    stamp: Stamp | None

    @property
    def revision(self) -> str:
        """What tells one list of actions from another; AWS gives nothing to compare.

        Nor does it promise to list the groups in the order in which they were written.
        """
        config = {**self.forward.get("ForwardConfig", {}), "TargetGroups": sorted(self.groups)}
        forward = {**self.forward, "ForwardConfig": config}
        text = json.dumps([*self.before, forward], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def reading(self, where: str) -> Reading:
        """The traffic; a group without weight counts only where a rollout left it so.

        Primary is what the stamp calls stable, and else what has more weight: the order of the
        groups says nothing.
        """
        left = self.stamp.stable if self.stamp else ""
        in_order = sorted(self.groups, key=lambda group: (group[0] != left, -group[1]))
        shares = {version: weight for version, weight in in_order if weight or version == left}
        whole = sum(shares.values())
        if not whole or len(shares) > 2:
            raise RouterError(
                Reason.INVALID,
                f"{where} forwards to {len(shares)} target groups with a weight, and guardian moves"
                " traffic between two: give the others the weight 0",
            )
        primary, *rest = shares
        weight = Weight.ratio_of(shares[rest[0]] / whole) if rest else NONE
        secondary = rest[0] if weight > NONE else None
        return Reading(
            traffic=Traffic(primary=primary, secondary=secondary, weight=weight),
            revision=self.revision,
            stamp=self.stamp,
            sticks_s=self.sticks_s,
        )

    def outdates(self, stamp: Stamp | None) -> bool:
        """Whether a newer process of the same rollout has written: AWS itself fences nothing."""
        left = self.stamp
        if stamp is None or left is None or left.rollout != stamp.rollout:
            return False
        return left.epoch > stamp.epoch

    def actions(self, traffic: Traffic, arn_of: Callable[[str], str], *, back: bool) -> list[Any]:
        """The whole list of actions that sends traffic so; all else stays as it is.

        On the way back stickiness ends, since it outranks weights: where there was some, what has
        no weight any more is listed no longer, and never are more listed than AWS takes.
        """
        weights = _integers(traffic)
        beside = () if back and self.sticks_s else self.groups
        weights |= {version: 0 for version, _ in beside if version not in weights}
        forward = {k: v for k, v in self.forward.items() if k != "TargetGroupArn"}
        config = dict(forward.get("ForwardConfig", {}))
        config["TargetGroups"] = [
            {"TargetGroupArn": arn_of(version), "Weight": weight}
            for version, weight in list(weights.items())[: _MOST_GROUPS if back else None]
        ]
        if back:
            config["TargetGroupStickinessConfig"] = {"Enabled": False}
        return [*map(_kept, self.before), {**forward, "ForwardConfig": config}]


def found_in(actions: object, tags: object, *, where: str, arns: re.Pattern[str]) -> ForwardActions:
    """What DescribeListeners or DescribeRules says of the actions, and DescribeTags of the stamp.

    Raises RouterError: INVALID where nothing is forwarded, UNAVAILABLE for what no answer can be.
    """
    if not isinstance(actions, list) or not all(isinstance(a, Mapping) for a in actions):
        raise _strange(where, "no list of actions")
    listed = sorted(actions, key=lambda action: _integer(action.get("Order", 1), 50_000, where))
    forwards = [action for action in listed if action.get("Type") == "forward"]
    if len(forwards) != 1 or listed[-1] is not forwards[0]:
        kinds = ", ".join(scrub(str(action.get("Type")), 30) for action in listed[:5]) or "nothing"
        raise RouterError(
            Reason.INVALID,
            f"{where} does not forward to target groups ({kinds}): somebody changed it, or it is"
            " another one than was meant",
        )
    forward = forwards[0]
    config = forward.get("ForwardConfig") or {}
    groups = config.get("TargetGroups") or [{"TargetGroupArn": forward.get("TargetGroupArn")}]
    if len(groups) > _MOST_GROUPS:
        raise _strange(where, f"more than {_MOST_GROUPS} target groups")
    sticky = config.get("TargetGroupStickinessConfig") or {}
    lasts_s = _integer(sticky.get("DurationSeconds", _LONGEST_S), _LONGEST_S, where)
    return ForwardActions(
        before=tuple(listed[:-1]),
        forward=forward,
        groups=tuple(_group(group, where, arns) for group in groups),
        sticks_s=float(lasts_s) if sticky.get("Enabled") is True else 0.0,
        stamp=parsed_stamp(tags),
    )


def _group(group: Mapping[str, Any], where: str, arns: re.Pattern[str]) -> tuple[str, int]:
    arn = group.get("TargetGroupArn")
    named = arns.fullmatch(arn) if isinstance(arn, str) else None
    if named is None:
        raise _strange(where, f"a target group of elsewhere, {scrub(str(arn), 100)}")
    return named["version"], _integer(group.get("Weight", 1), _MOST_WEIGHT, where)


def _integer(value: object, most: int, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _strange(where, f"{scrub(str(value), 40)} where a number of 0 to {most} belongs")
    return value


def _strange(where: str, what: str) -> RouterError:
    return RouterError(
        Reason.UNAVAILABLE, f"the answer about {where} cannot be understood: it has {what}"
    )


def _integers(traffic: Traffic) -> dict[str, int]:
    """Each version's weight as a whole number, the primary one's first; percents where they do."""
    if traffic.secondary is None:
        return {traffic.primary: 100}
    share = WEIGHTS.nearest(traffic.weight)
    scale = 100 // share.denominator if 100 % share.denominator == 0 else 1
    canary, whole = share.numerator * scale, share.denominator * scale
    return {traffic.primary: whole - canary, traffic.secondary: canary}


def _kept(action: Mapping[str, Any]) -> Any:
    """An action as it was; AWS never shows a client's secret, and keeps it when told to."""
    kept = copy.deepcopy(dict(action))
    if "AuthenticateOidcConfig" in kept:
        kept["AuthenticateOidcConfig"]["UseExistingClientSecret"] = True
    return kept


def stamped(stamp: Stamp) -> str:
    """The stamp as a tag's value. Raises RouterError where it would not parse."""
    text = f"{stamp.rollout} {stamp.epoch} {stamp.stable}"
    if parsed_stamp([{"Key": TAG, "Value": text}]) != stamp:
        raise RouterError(Reason.INVALID, f"{scrub(text, 100)!r} cannot stand in a tag")
    return text


def parsed_stamp(tags: object) -> Stamp | None:
    """The stamp among a resource's tags, or None."""
    if not isinstance(tags, Sequence):
        return None
    values = (t.get("Value") for t in tags if isinstance(t, Mapping) and t.get("Key") == TAG)
    found = _STAMP.fullmatch(str(next(values, "")))
    if found is None or not found.string.isprintable():
        return None
    return Stamp(rollout=found["rollout"], epoch=int(found["epoch"]), stable=found["stable"])
