"""What one rollout was asked to do, resolved and journalled whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from guardian.core.model import MINUTE_S, Criterion, Query
from guardian.core.traffic import Snapshot, Step, Traffic


class Mode(Enum):
    """What guardian does for a service."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    """Judge what others deploy and tell, never write."""
    OFF = "off"


class Drive(Enum):
    """Who moves traffic."""

    ROLLOUT = "rollout"
    """guardian shifts, step by step."""
    WATCH = "watch"
    """Somebody else deployed; guardian judges what is live and only ever rolls back."""
    ROLLBACK = "rollback"
    """A person ordered a recorded version back: it has no steps, and nothing is judged."""


class LowTraffic(Enum):
    """What to do when a step saw too few samples by its `max_bake`."""

    HOLD = "hold"
    ADVANCE = "advance"
    ROLLBACK = "rollback"


class Blind(Enum):
    """What to do when guardian could not see for `max_blind`."""

    HOLD = "hold"
    ROLLBACK = "rollback"


class PreExisting(Enum):
    """What becomes of a criterion that stable itself breaks before the first shift."""

    COMPARE = "compare"
    """The canary must not be worse than stable; what cannot be compared is only told."""
    HOLD = "hold"
    """The rollout waits until stable is well, or a person says that it may begin."""


class Unapproved(Enum):
    """What becomes of a rollout that nobody approved in time."""

    ABORT = "abort"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person has to agree before a step begins."""

    before_step: int
    """Counted from 0: 0 is before the start."""
    timeout_s: float = 24 * 3600.0
    on_timeout: Unapproved = Unapproved.ABORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The knobs of a service that are neither steps nor criteria."""

    false_rollback: float = 0.05
    """Probability that a release within its limits is rolled back by chance, per rollout."""
    on_low_traffic: LowTraffic = LowTraffic.HOLD
    on_blind: Blind = Blind.HOLD
    pre_existing: PreExisting = PreExisting.COMPARE
    max_blind_s: float = 600.0
    max_hold_s: float = 4 * 3600.0
    keep_previous_s: float = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a target is reached, so that no file is needed to put its traffic back."""

    router: str
    """The router by its name in a file."""
    options: Mapping[str, str]
    """Its options, as a file would write them."""
    account_id: str
    region: str
    role_arn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A rollout's resolved plan; journalled whole, so that files may change under it."""

    rollout: str
    service: str
    environment: str
    target: str
    drive: Drive
    stable: str
    canary: str
    found: Traffic
    """The traffic when the plan was made."""
    snapshot: Snapshot
    """What a rollback restores."""
    restores: bool
    """Whether a breach is rolled back; False for a gate, and where it is only observed."""
    movable: bool = True
    """Whether the router can move traffic at all; False for a gate."""
    steps: tuple[Step, ...]
    criteria: tuple[Criterion, ...]
    policy: Policy
    actor: str
    reason: str = ""
    rules: tuple[str, ...] = ()
    """The rule files it came from, for people."""
    approvals: tuple[Approval, ...] = ()
    """At most one a step."""
    fixes: tuple[str, ...] = ()
    """Open incidents and alarms that this release is to mend: they neither hold nor fail it."""
    group: str = ""
    """The group whose members are rolled back together; empty for none."""
    open_pages: tuple[str, ...] = ()
    """Keys of pages from earlier rollouts that this one's completion resolves."""
    reach: Reach | None = None
    """None in a simulation, and in what was journalled before this was kept."""

    @property
    def alpha(self) -> float:
        """The false-alarm probability of each statistical test (Bonferroni)."""
        tests = sum(c.tests for c in self.criteria) or 1  # Those judged otherwise run none.
        return self.policy.false_rollback / tests

    @property
    def horizon(self) -> int:
        """The longest the rollout may last, in minutes."""
        return max(1, math.ceil(sum(s.max_bake_s for s in self.steps) / MINUTE_S))

    def queries(self) -> tuple[Query, ...]:
        """Every series the criteria read, once each, in a fixed order."""
        return tuple(dict.fromkeys(q for c in self.criteria for q in c.queries()))
