"""How a bake stands: what was observed, how long it waited, what is short of a pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from guardian.core.entries import Order
from guardian.core.model import (
    MINUTE_S,
    Criterion,
    Evidence,
    Instant,
    OnFail,
    Outcome,
    Reading,
    Verdict,
    ceil_to,
)
from guardian.core.plan import Plan
from guardian.core.rollout import Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one tick observed of one rollout."""

    verdicts: tuple[Verdict, ...] = ()
    observed_until: Instant | None = None
    """The end of the newest settled period that every gating criterion could read."""
    reading: Reading | None = None
    """The traffic, read in this tick; None when it was not read or could not be."""
    gone: str | None = None
    """Why the target no longer exists, when the router said so."""
    wrote: bool = False
    """The last write of the present phase was acknowledged and read back."""
    tried: bool = False
    """A write of the present phase was tried, whatever became of it."""
    trouble: str = ""
    """The last router error, for people."""
    orders: tuple[Order, ...] = ()


def observed_s(rollout: Rollout, seen_until: Instant | None) -> float:
    """Observed seconds of the present step: settled whole minutes since its confirmed shift."""
    confirmed_at = rollout.step_confirmed_at
    if confirmed_at is None or seen_until is None:
        return 0.0
    return max(0.0, seen_until - ceil_to(confirmed_at, MINUTE_S))


def waited_s(rollout: Rollout, now: Instant) -> float:
    """Wall seconds since the present step's shift was confirmed, less what a person held."""
    confirmed_at = rollout.step_confirmed_at
    return 0.0 if confirmed_at is None else now - confirmed_at - rollout.person_held_s


def baked(rollout: Rollout, seen: Seen) -> bool:
    """Whether the present step's bake was observed in full."""
    return observed_s(rollout, seen.observed_until) >= rollout.plan.steps[rollout.step].bake_s


def gating(plan: Plan) -> dict[str, Criterion]:
    """The criteria a step waits for, by name."""
    return {c.name: c for c in plan.criteria if c.gating}


def short_of_pass(plan: Plan, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Gating criteria without a pass. With nothing that gates, nothing can ever pass."""
    gates = gating(plan)
    judged = {v.criterion: v for v in verdicts}
    missing = [name for name in gates if name not in judged]
    short = [judged[n] for n in gates if n in judged and judged[n].outcome is not Outcome.PASS]
    return (*short, *(_unjudged(n) for n in missing or ([] if gates else ["every criterion"])))


def _unjudged(name: str) -> Verdict:
    return Verdict(
        criterion=name,
        outcome=Outcome.INCONCLUSIVE,
        evidence=Evidence(limit=""),
        why="it has not been judged",
    )


def blinded(rollout: Rollout, seen: Seen) -> list[Verdict]:
    """Gating criteria that cannot be read, or are silent where there was traffic."""
    gates = gating(rollout.plan)
    return [v for v in seen.verdicts if v.criterion in gates and v.evidence.blind_since is not None]


def breaches(plan: Plan, verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Proven breaches of criteria that roll back."""
    on_fail = {c.name: c.on_fail for c in plan.criteria}
    return [
        v for v in verdicts if v.outcome is Outcome.FAIL and on_fail[v.criterion] is OnFail.ROLLBACK
    ]
