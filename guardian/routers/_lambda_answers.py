"""Lambda's answers about an alias become readings, checked where they come in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from guardian.core.model import Reason
from guardian.core.scrub import scrub
from guardian.core.traffic import NONE, Reading, Stamp, Traffic, Weight
from guardian.ports import RouterError

MAX_DESCRIPTION: Final = 256
"""Characters in an alias's description (API reference)."""
LONGEST_TIMEOUT_S: Final = 900.0
"""A function's time-out at most (Lambda quotas)."""
VERSION: Final = re.compile(r"[1-9][0-9]{0,19}")
_SERVED: Final = re.compile(rf"\$LATEST|{VERSION.pattern}")
_REVISION: Final = re.compile(r"[\x21-\x7e]{1,128}")
_ALIAS_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):function:[^:]+:[^:]+"
)
_STAMP: Final = re.compile(
    r"guardian r=(?P<rollout>\S+) e=(?P<epoch>[0-9]{1,18}) s=(?P<stable>\S+)"
)


def reading_of(answer: Mapping[str, Any], *, name: str, account: str, region: str) -> Reading:
    """What GetAlias says. Raises RouterError: AUTH for another account's alias, UNAVAILABLE for
    what no alias can be.
    """
    _check_arn(answer.get("AliasArn", ""), name, account, region)
    primary, revision = answer.get("FunctionVersion") or "", answer.get("RevisionId") or ""
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    secondary, share = next(iter(weights.items()), (None, 0.0))
    sound = (
        _SERVED.fullmatch(primary)
        and _REVISION.fullmatch(revision)
        and len(weights) <= 1
        and (secondary is None or (_SERVED.fullmatch(secondary) and secondary != primary))
        and math.isfinite(share)
        and 0.0 <= share <= 1.0
    )
    if not sound:
        raise RouterError(
            Reason.UNAVAILABLE,
            f"Lambda's answer about alias {name} cannot be understood: it lacks the version or the"
            " revision, names more than one additional version, or a weight that is no share",
        )
    weight = Weight.ratio_of(share)
    if weight == NONE:
        secondary = None  # As a finished shift may leave it: it receives nothing.
    description = answer.get("Description") or ""
    stamp = parsed_stamp(description)
    return Reading(
        traffic=Traffic(primary=primary, secondary=secondary, weight=weight),
        revision=revision,
        stamp=stamp,
        detail={} if stamp else {"description": description[:MAX_DESCRIPTION]},
    )


def _check_arn(arn: str, name: str, account: str, region: str) -> None:
    """The alias's own ARN must name the configured account and region."""
    found = _ALIAS_ARN.fullmatch(arn)
    if found is None or (found["account"], found["region"]) != (account, region):
        said = repr(scrub(arn, 200)) if arn else "nowhere"
        raise RouterError(
            Reason.AUTH,
            f"alias {name} says it is {said}, and the configuration says account {account}, region"
            f" {region}: use credentials of that account",
        )


def stamped(stamp: Stamp) -> str | None:
    """The stamp as an alias's description, or None where it does not fit or would not parse."""
    text = f"guardian r={stamp.rollout} e={stamp.epoch} s={stamp.stable}"
    return text if len(text) <= MAX_DESCRIPTION and parsed_stamp(text) == stamp else None


def parsed_stamp(description: str) -> Stamp | None:
    """The stamp that a description is, or None."""
    found = _STAMP.fullmatch(description)
    if found is None or not description.isprintable():
        return None
    return Stamp(rollout=found["rollout"], epoch=int(found["epoch"]), stable=found["stable"])


def timeout_of(answer: Mapping[str, Any]) -> float:
    """A function's time-out in seconds; the longest there is where the answer says none."""
    said = answer.get("Timeout", LONGEST_TIMEOUT_S)
    return float(said) if 0 < said <= LONGEST_TIMEOUT_S else LONGEST_TIMEOUT_S
