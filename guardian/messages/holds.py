"""What people read of a rollout that stands still, and of what is said meanwhile."""

from __future__ import annotations

from typing import assert_never

from guardian.core import reasons
from guardian.core.plan import Drive, Unapproved
from guardian.core.rollout.entries import Approved, Held, HoldReason, Resumed, Waived, Warned
from guardian.core.rollout.machine import Phase, Rollout, of_blindness
from guardian.core.rollout.preconditions import (
    approval_due,
    approval_of,
    kinds_of,
    stand_in_the_way,
)
from guardian.core.status import confirmed_weight
from guardian.core.wording import because, moment, span
from guardian.messages import phrases
from guardian.messages.entry_lines import spaced


def held(entry: Held, after: Rollout) -> phrases.Words:
    """Advancing stopped."""
    plan = after.plan
    return phrases.words(
        _stays(after),
        because(entry.detail),
        phrases.numbers(entry.verdicts),
        _until(entry.why, after),
        title=f"{_happened(entry, after)}",
        todo=phrases.joined(_unhold(entry.why, after), phrases.take_back(plan)),
    )


def _happened(entry: Held, after: Rollout) -> str:
    """The title: what happened, in a few words."""
    plan, weight = after.plan, confirmed_weight(after)
    breach = phrases.breach_of(entry.verdicts) or "a breach"
    if after.rollback_withheld:
        if entry.why is HoldReason.FREEZE:
            return f"the rollback of version {plan.canary} was stopped by a freeze"
        return f"a breach at {weight} is NOT rolled back, because of a freeze: {breach}"
    match entry.why:
        case HoldReason.PERSON:
            return f"held at {weight}{phrases.by_whom(entry.actor)}"
        case HoldReason.NO_EVIDENCE:
            return f"held at {weight}, not enough evidence to go on"
        case HoldReason.BLIND:
            return f"guardian is blind, version {plan.canary} stays at {weight}"
        case HoldReason.CONFLICT:
            return "held, somebody else changed the traffic"
        case HoldReason.BREACH:
            return f"held at {weight}: {breach}"
        case HoldReason.APPROVAL:
            return f"version {plan.canary} at {weight} waits for an approval of {_next(after)}"
        case HoldReason.FREEZE:
            return f"held at {weight} by a freeze"
        case HoldReason.INCIDENT:
            names = {v.criterion for v in stand_in_the_way(after, entry.verdicts)}
            why = " and ".join(kind.stands for kind in kinds_of(plan, names))
            return f"version {plan.canary} is not started: {why}"
        case HoldReason.PRE_EXISTING:
            return f"version {plan.canary} is not started: stable version {plan.stable} is not well"
        case _:
            assert_never(entry.why)


def _next(after: Rollout) -> str:
    """The step that is waited for: "50%"."""
    steps = after.plan.steps
    return str(steps[min(after.step + 1, len(steps) - 1)].weight)


def _stays(after: Rollout) -> str:
    """What guardian does about traffic and criteria while it holds."""
    plan = after.plan
    if after.rollback_withheld:
        return (
            f"While the freeze lasts guardian rolls nothing back by itself: version {plan.canary}"
            " KEEPS its traffic."
        )
    if after.leads_to is Phase.PENDING:
        return "Nothing has moved yet."
    traffic = f"leaves the traffic of version {plan.canary} as it is."
    if after.returning:
        return f"guardian stopped the rollback that was under way and {traffic}"
    return (
        f"guardian stopped advancing and {traffic} Criteria are still judged, as far as they can"
        f" be read: guardian {phrases.cure(plan)}."
    )


def _until(why: HoldReason, after: Rollout) -> str:
    """What ends a hold that nobody touches."""
    plan, due = after.plan, approval_due(after)
    asked = approval_of(plan, after.step + 1)
    if why is HoldReason.FREEZE or after.rollback_withheld:
        return ""
    if due is not None and asked is not None:
        if asked.on_timeout is Unapproved.HOLD:
            return "It waits for as long as it takes."
        back = "rolled back" if after.moved else "cancelled"
        return f"Without an approval it is {back} at {moment(due)}."
    if not (after.moved and plan.restores):
        return ""
    return f"A hold of {span(plan.policy.max_hold_s)} is rolled back."


def _unhold(why: HoldReason, after: Rollout) -> str:
    """What a person can do about a hold, by its reason."""
    plan = after.plan
    service, back = plan.service, after.returning
    waive = f'`guardian rollout waive {service} CRITERION --reason "…"`'
    match why:
        case HoldReason.NO_EVIDENCE:
            promote = f"`guardian rollout promote {service}` takes the next step without it."
            return phrases.joined(
                "It goes on by itself when the evidence comes: send it traffic, or wait; where a"
                " metric has never had a datapoint, correct its name (`guardian doctor` names those"
                " that exist).",
                promote if plan.drive is not Drive.WATCH else "",
            )
        case HoldReason.BLIND:
            return _for_sight(after)
        case HoldReason.CONFLICT:
            return (
                f"Find out who changed {plan.target}: guardian does not write over it."
                f" `guardian rollout retry {service}` asks for the step's own weight again."
            )
        case HoldReason.PERSON:
            on = "goes on with the rollback" if back else "goes on"
            return f"It stays so until a person decides: `guardian rollout resume {service}` {on}."
        case HoldReason.BREACH if not after.rollback_withheld:
            return f"It stays so until a person decides: {waive} lets it go on without that one."
        case HoldReason.BREACH | HoldReason.FREEZE:
            on = (
                "lets guardian roll it back"
                if after.rollback_withheld
                else "ends the freeze before that"
            )
            return (
                "It goes on by itself when the freeze is over;"
                f" `guardian unfreeze` {on}. `guardian rollout abort {service}` goes back in spite"
                " of a freeze."
            )
        case HoldReason.APPROVAL:
            return (
                f"`guardian rollout approve {service}` agrees to {_next(after)};"
                f" `guardian rollout abort {service}` ends the rollout."
            )
        case HoldReason.PRE_EXISTING:
            return (
                f"It goes on by itself when version {plan.stable} breaks none of the criteria. If"
                f" this release is to mend it: `guardian rollout resume {service}` starts it, and"
                " what is pre-existing is judged by comparison."
            )
        case HoldReason.INCIDENT:
            return (
                f"It goes on by itself when that is over. If this release is to mend it: {waive}."
            )
        case _:
            assert_never(why)


def _for_sight(after: Rollout) -> str:
    lasting = after.leads_to is Phase.BAKING and after.plan.drive is Drive.ROLLOUT
    check = (
        "Check that guardian's role may read the metrics and the router, and that AWS answers;"
        " it goes on by itself when it can see"
        + (", once that has lasted as long as this trouble did." if lasting else ".")
    )
    if after.leads_to is Phase.SHIFTING and after.plan.drive is Drive.ROLLOUT:
        retry = f"`guardian rollout retry {after.plan.service}`"
        return f"{check} The shift is not asked for again by itself: {retry} does that."
    return check


# --- a hold that ends --------------------------------------------------------------------------


def resumed(entry: Resumed, after: Rollout) -> phrases.Words:
    """Back to where the hold began."""
    plan, weight = after.plan, confirmed_weight(after)
    return phrases.words(
        f"guardian goes on where the hold began: {spaced(after.phase)}.",
        because(entry.detail),
        title=f"resumed at {weight}{phrases.by_whom(entry.actor)}",
        todo=phrases.take_back(plan),
    )


def approved(entry: Approved, after: Rollout) -> phrases.Words:
    """A person agreed to a step."""
    plan, steps = after.plan, after.plan.steps
    return phrases.words(
        "guardian takes that step as soon as nothing else stands before it.",
        because(entry.detail),
        title=f"step {entry.step + 1} of {len(steps)}"
        f" ({steps[entry.step].weight}) was approved by {entry.actor}",
        todo=phrases.take_back(plan),
    )


# --- what changes nothing, and is to be known --------------------------------------------------


def waived(entry: Waived, after: Rollout) -> phrases.Words:
    """One criterion counts no longer."""
    plan = after.plan
    return phrases.words(
        "For the rest of this rollout no step waits for it, and its breach rolls nothing back.",
        because(entry.detail),
        title=f"{entry.criterion} no longer counts for version {plan.canary},"
        f" waived by {entry.actor}",
        todo=phrases.take_back(plan),
    )


def way_back(after: Rollout) -> phrases.Words:
    """Stable can take the traffic back no longer, or can again."""
    plan = after.plan
    if not after.way_back.problem:
        return phrases.words(
            "guardian goes on as before, and rolls back to it on a breach.",
            title=f"version {plan.stable} can take the traffic back again",
            todo=phrases.take_back(plan),
        )
    return phrases.words(
        "guardian goes on judging, and tries to put it back on a breach all the same: until it"
        " can serve again, that will not succeed.",
        title=f"version {plan.stable} CANNOT take the traffic back from version {plan.canary}",
        todo=phrases.other_way(after),
    )


def warned(entry: Warned, after: Rollout) -> phrases.Words:
    """Something is to be known and stops nothing."""
    plan, weight = after.plan, confirmed_weight(after)
    names = ", ".join(entry.about)
    if of_blindness(plan, entry):
        return phrases.words(
            "The hold goes on; a breach of what cannot be read would not be seen.",
            because(entry.detail),
            title=f"guardian is blind while version {plan.canary} is held at {weight}: {names}",
            todo=phrases.joined(
                "Check that guardian's role may read the metrics, and that AWS answers.",
                phrases.take_back(plan),
            ),
        )
    values = ", ".join(
        f"{v.criterion} {reasons.warns(v) or 'without a value'}" for v in entry.verdicts
    )
    did = "It stops nothing: guardian goes on, and says this once."
    if any(v.outage for v in entry.verdicts):
        did = (
            "Stable shows the same trouble: it is not taken for this release's, nothing is rolled"
            " back for it, and no step is taken while it lasts. guardian says this once."
        )
    return phrases.words(
        did,
        because(entry.detail),
        phrases.numbers(entry.verdicts),
        title=f"warning for version {plan.canary} at {weight}: {values or names}",
        todo=phrases.take_back(plan),
    )
