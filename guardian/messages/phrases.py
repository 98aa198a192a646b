"""Phrases that the sentences about entries share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guardian.core.plan import Drive, Plan
from guardian.core.reasons import against
from guardian.core.rollout.machine import Rollout
from guardian.core.rollout.pre_existing import broken, unseen
from guardian.core.verdict import Outcome, Verdict
from guardian.messages.verdict_lines import line


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A notice's three texts; each is whole sentences, `title` is one line."""

    title: str
    did: str
    todo: str = ""


def words(*did: str, title: str, todo: str = "") -> Words:
    """The texts of a notice; of the sentences on what was done, empty ones are left out."""
    return Words(title=title, did=joined(*did), todo=todo)


def joined(*sentences: str) -> str:
    """Sentences after one another; empty ones are left out."""
    return " ".join(s for s in sentences if s)


def breach_of(verdicts: Sequence[Verdict]) -> str:
    """The breach for a title, with both sides of its test: "error-rate 6.1% over 5%"; or ""."""
    return ", ".join(
        f"{v.criterion} {against(v.evidence) or 'without a value'}"
        for v in verdicts
        if v.outcome is Outcome.FAIL
    )


def numbers(verdicts: Sequence[Verdict]) -> str:
    """One sentence for each verdict that is not a pass."""
    return " ".join(
        f"{v.criterion} is {v.outcome.value}: {line(v).measured}."
        for v in verdicts
        if v.outcome is not Outcome.PASS
    )


def cure(plan: Plan) -> str:
    """What guardian does on a breach."""
    if plan.restores:
        return f"puts version {plan.stable} back on a breach"
    return "only reports a breach: nothing is rolled back"


def take_back(plan: Plan) -> str:
    """How a person takes the canary back."""
    if not plan.movable:
        return f"guardian moves no traffic here: put {plan.service} back the way it was deployed."
    if plan.restores:
        return f"`guardian rollback {plan.service}` puts version {plan.stable} back now."
    return f"`guardian rollback {plan.service} --to VERSION` puts another version back."


def other_way(rollout: Rollout) -> str:
    """What takes the traffic where stable cannot any more; empty while it can."""
    plan, found = rollout.plan, rollout.way_back
    if not found.problem:
        return ""
    last = f"Version {plan.stable} cannot take the traffic: {found.problem.rstrip('.')}."
    if not found.older:
        return f"{last} `guardian rollback {plan.service} --to VERSION` puts another version back."
    return (
        f"{last} `guardian rollback {plan.service} --to {found.older}` gives it to version"
        f" {found.older}, the newest before it that can serve."
    )


def other_driver(rollout: Rollout) -> str:
    """How to stop whoever else shifts under a watch; empty where nobody does."""
    plan = rollout.plan
    if not rollout.beside:
        return ""
    return (
        f"Stop what else shifts {plan.target}, or it brings version {plan.canary} back when"
        " guardian has gone: CodeDeploy, also behind SAM's and CDK's deployment groups"
        " (`aws deploy list-deployments --include-only-statuses InProgress`, then"
        " `aws deploy stop-deployment --deployment-id ID`), a pipeline, or a person."
    )


def try_again(plan: Plan) -> str:
    """How to give the same version traffic again; empty where it was no rollout's to give.

    What somebody else deployed may be no version that a rollout could start, like `$LATEST`.
    """
    if plan.drive is not Drive.ROLLOUT:
        return ""
    return (
        f'`guardian rollout start {plan.service} --to {plan.canary} --again --reason "…"`'
        " tries the same version again."
    )


def by_whom(actor: str | None) -> str:
    """Who did it, with a space before: "by alice"; empty where nobody is known."""
    return f" by {actor}" if actor else ""


def pre_existing(after: Rollout) -> str:
    """What stable itself breaks, or could not be judged by, before the first shift."""
    if after.step > 0:
        return ""
    plan, found = after.plan, broken(after.stable)
    compares = {c.name for c in plan.criteria if c.tolerated is not None}
    against = ", ".join(v.criterion for v in found if v.criterion in compares)
    told = ", ".join(v.criterion for v in found if v.criterion not in compares)
    unknown = ", ".join(v.criterion for v in unseen(after.stable))
    had = "; ".join(f"{v.criterion} {v.why}" for v in found)
    return joined(
        had and f"Pre-existing, on stable version {plan.stable} before the first shift: {had}.",
        against and f"Of {against} version {plan.canary} must only be no worse than stable.",
        told and f"{told} cannot be compared: it is told, and holds nothing.",
        unknown
        and f"How version {plan.stable} stood by {unknown} could not be seen: nothing is taken as"
        " pre-existing there.",
    )
