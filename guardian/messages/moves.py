"""What people read about each entry: sentences for someone at 3 a.m. who knows nothing of it."""

from __future__ import annotations

from guardian.core.model import MINUTE_S
from guardian.core.plan import Drive
from guardian.core.reasons import duration, fails_on
from guardian.core.rollout import entries
from guardian.core.rollout.decide import PROMOTION_STUCK_AFTER_S, STUCK_AFTER_S
from guardian.core.rollout.entries import Cause
from guardian.core.rollout.machine import Rollout
from guardian.core.status import confirmed_weight, live_traffic
from guardian.core.wording import because, hour_minute, span
from guardian.messages import phrases

# --- the way forward ---------------------------------------------------------------------------


def started(after: Rollout) -> phrases.Words:
    """A plan was accepted."""
    plan = after.plan
    criteria = "; ".join(f"{c.name} {fails_on(c)}" for c in plan.criteria)
    judged = f"It fails on: {criteria}."
    by = f"Started by {plan.actor}" + (f": {plan.reason}." if plan.reason else ".")
    if plan.drive is Drive.WATCH:
        share = plan.found.share(plan.canary)
        bake = span(sum(s.bake_s for s in plan.steps))
        return phrases.words(
            f"guardian judges version {plan.canary} for {bake}, shifts no traffic,"
            f" and {phrases.cure(plan)}.",
            judged,
            by,
            title=f"watching version {plan.canary}, live with {share}",
            todo=phrases.take_back(plan),
        )
    steps = ", then ".join(f"{s.weight} for {span(s.bake_s)}" for s in plan.steps)
    return phrases.words(
        f"Nothing has moved yet. guardian gives version {plan.canary} {steps} of the traffic,"
        f" and {phrases.cure(plan)}.",
        judged,
        by,
        title=f"rollout of version {plan.canary} started, {plan.stable} is stable",
        todo=phrases.take_back(plan),
    )


def promoted(entry: entries.StepEntered, after: Rollout) -> phrases.Words:
    """A step that ends a hold, or that a person ordered."""
    plan, weight = after.plan, after.plan.steps[entry.step].weight
    over = f"Not passed at that time: {', '.join(entry.overridden)}." if entry.overridden else ""
    return phrases.words(
        f"guardian asks the router to give version {plan.canary} {weight} and reads it back.",
        over,
        phrases.numbers(entry.verdicts),
        title=f"version {plan.canary} goes on to {weight}"
        + (f", promoted by {entry.actor}" if entry.actor else ""),
        todo=phrases.take_back(plan),
    )


def baking(after: Rollout) -> phrases.Words:
    """A weight was confirmed."""
    plan, step = after.plan, after.plan.steps[after.step]
    if plan.drive is Drive.WATCH:
        weight = confirmed_weight(after)
        return phrases.words(
            f"The router shows {weight} of the traffic on version {plan.canary}."
            f" guardian judges it for {span(step.bake_s)}, and {phrases.cure(plan)}.",
            phrases.pre_existing(after),
            title=f"judging version {plan.canary} at {weight}",
            todo=phrases.take_back(plan),
        )
    follows = (
        f"version {plan.canary} becomes the primary one"
        if after.last_step
        else f"{plan.steps[after.step + 1].weight} follows"
    )
    return phrases.words(
        f"The router's read-back shows {step.weight} on version {plan.canary}."
        f" guardian bakes it for {span(step.bake_s)}; when every criterion passes, {follows}.",
        phrases.pre_existing(after),
        title=f"version {plan.canary} receives {step.weight}"
        f" (step {after.step + 1} of {len(plan.steps)})",
        todo=phrases.take_back(plan),
    )


def shifted(after: Rollout) -> phrases.Words:
    """Somebody else gave a watch's versions other weights."""
    plan, weight = after.plan, confirmed_weight(after)
    return phrases.words(
        f"The router shows {after.traffic}. A watch shifts nothing: guardian judges version"
        f" {plan.canary} at this weight from now on, and {phrases.cure(plan)}.",
        title=f"somebody else shifted, version {plan.canary} has {weight} now",
        todo=phrases.take_back(plan),
    )


def completed(entry: entries.Completed, after: Rollout) -> phrases.Words:
    """The last bake is over."""
    plan = after.plan
    proof = ""
    if entry.unproven:
        proof = f"Not proven healthy, for want of evidence: {', '.join(entry.unproven)}."
    if entry.overridden:
        proof = f"{entry.actor} ended it before these had passed: {', '.join(entry.overridden)}."
    outcome = "ended without enough evidence" if entry.unproven else "is healthy"
    if plan.drive is Drive.WATCH:
        return phrases.words(
            f"guardian left the traffic as it is: {live_traffic(after)}.",
            proof,
            phrases.numbers(entry.verdicts),
            title=f"the watch of version {plan.canary} {outcome}"
            if entry.unproven
            else f"version {plan.canary} {outcome}, the watch is over",
            todo=phrases.take_back(plan) if entry.unproven else "",
        )
    keep = span(plan.policy.keep_previous_s)
    proven = "completed without enough evidence" if entry.unproven else "completed"
    return phrases.words(
        f"guardian makes version {plan.canary} the primary one;"
        f" version {plan.stable} is kept for {keep}.",
        proof,
        phrases.numbers(entry.verdicts),
        title=f"rollout of version {plan.canary} {proven}",
        todo=f"`guardian rollback {plan.service}` still puts version {plan.stable} back.",
    )


def promotion_stuck(entry: entries.PromotionStuck, after: Rollout) -> phrases.Words:
    """The canary passed, and is not the primary version."""
    plan = after.plan
    return phrases.words(
        f"Version {plan.canary} has passed everything and keeps its traffic; guardian goes on"
        f" asking {plan.target} to make it the primary version.",
        because(entry.detail),
        title=f"the promotion of version {plan.canary} is NOT confirmed after"
        f" {PROMOTION_STUCK_AFTER_S:.0f} seconds",
        todo=phrases.joined(
            f"Look at {plan.target} in AWS: can guardian write to it, is AWS throttling?"
            f" Or make version {plan.canary} the primary one by hand: guardian will see it.",
            phrases.take_back(plan),
        ),
    )


def promotion_confirmed(after: Rollout) -> phrases.Words:
    """A promotion that had been stuck was read back."""
    plan = after.plan
    return phrases.words(
        "The router's read-back shows the promotion that had been missing.",
        title=f"version {plan.canary} is the primary version now",
        todo=phrases.take_back(plan),
    )


# --- the way back ------------------------------------------------------------------------------


def _why_back(entry: entries.RollbackStarted) -> str:
    return {
        Cause.BREACH: phrases.breach_of(entry.verdicts) or "a breach",
        Cause.ABORTED: f"ordered{phrases.by_whom(entry.actor)}",
        Cause.INTERRUPTED: "the process that drove it was stopped",
        Cause.BLIND: "guardian could not see for too long",
        Cause.LOW_TRAFFIC: "too little traffic to judge it",
        Cause.HELD_TOO_LONG: "it was held for too long",
        Cause.UNAPPROVED: "nobody approved it in time",
        Cause.GROUP: "another service of its group went back",
    }[entry.cause]


def rolling_back(entry: entries.RollbackStarted, before: Rollout, after: Rollout) -> phrases.Words:
    """The recorded stable state is wanted."""
    plan = after.plan
    return phrases.words(
        f"guardian asks the router for the recorded stable traffic, {plan.snapshot.traffic},"
        " and retries until it reads it back.",
        because(entry.detail),
        title=f"rolling back version {plan.canary} at {confirmed_weight(before)}:"
        f" {_why_back(entry)}",
        todo=phrases.joined(
            "Nothing yet: the confirmation follows, or a page if it stays away for"
            f" {STUCK_AFTER_S[0]:.0f} seconds."
            if not after.guards_rollback
            else "",
            phrases.other_driver(after),
        ),
    )


def shifted_back(entry: entries.TrafficSeen, after: Rollout) -> phrases.Words:
    """Somebody else shifts what a watch rolls back; or it is back, and kept there."""
    plan = after.plan
    if after.kept_back:
        return phrases.words(
            "Somebody else shifts this target too, and may shift it again before that:"
            " guardian then puts it back again.",
            _rollback_began(after.rollback),
            title=f"version {plan.canary} was rolled back, traffic is now"
            f" {entry.traffic}; guardian keeps it there until {hour_minute(after.watched_until)}"
            " UTC",
            todo=phrases.other_driver(after),
        )
    return phrases.words(
        f"The router shows {entry.traffic}; guardian asks it for {plan.snapshot.traffic} again,"
        " until it stays.",
        title=f"somebody else shifted during the rollback, version {plan.canary}"
        f" has {entry.traffic.share(plan.canary)}",
        todo=phrases.other_driver(after),
    )


def stuck(entry: entries.RollbackStuck, before: Rollout, after: Rollout) -> phrases.Words:
    """A rollback stays unconfirmed."""
    plan, weight = after.plan, confirmed_weight(before)
    waited_s = STUCK_AFTER_S[entry.level - 1]
    how_long = duration(waited_s) if waited_s > MINUTE_S else f"{waited_s:.0f} seconds"
    return phrases.words(
        f"guardian keeps trying to put {plan.snapshot.traffic} back on {plan.target}."
        f" Until then users may still reach version {plan.canary}.",
        because(entry.detail),
        _rollback_began(after.rollback),
        title=f"the rollback to version {plan.stable} is NOT confirmed after"
        f" {how_long}, version {plan.canary} had {weight}",
        todo=phrases.other_way(after)
        or f"Look at {plan.target} in AWS: can guardian write to it, is AWS throttling?"
        f" `guardian rollback {plan.service}` tries from your own machine;"
        f" or set the traffic to {plan.snapshot.traffic} by hand: guardian will see it.",
    )


def by_hand(rollout: Rollout) -> bool:
    """Whether a person ordered the rollback: whoever typed it is not woken for it."""
    return rollout.rollback is not None and rollout.rollback.cause is Cause.ABORTED


def _rollback_began(entry: entries.RollbackStarted | None) -> str:
    """When and why a rollback under way began."""
    if entry is None:
        return ""
    return f"The rollback began at {hour_minute(entry.at)} UTC: {_why_back(entry)}."


def rolled_back(entry: entries.RollbackConfirmed, after: Rollout) -> phrases.Words:
    """The stable state was read back."""
    plan = after.plan
    who = "rolled back by somebody else" if not after.never_seen else "never seen with traffic"
    became = "rolled back" if entry.by_guardian else who
    page = (
        f"The page stays open until a person resolves it or a later rollout of {plan.service}"
        " completes."
        if entry.by_guardian and not by_hand(after)
        else ""
    )
    return phrases.words(
        f"The router shows the stable traffic since {hour_minute(after.last_at)} UTC"
        f" ({entry.detail}).",
        _rollback_began(after.rollback),
        title=f"version {plan.canary} was {became}, traffic is now {plan.snapshot.traffic}",
        todo=phrases.joined(
            f"What deployed version {plan.canary} was not told: a stack or a pipeline that still"
            " names it may put it back with its next deploy. Fix or revert the change before it.",
            phrases.other_driver(after),
            phrases.try_again(plan),
            page,
        ),
    )


def gate_failed(entry: entries.GateFailed, after: Rollout) -> phrases.Words:
    """A breach that is on purpose not rolled back."""
    plan, breach = after.plan, phrases.breach_of(entry.verdicts) or "a breach"
    return phrases.words(
        f"guardian did NOT roll back, as configured: the traffic stays {live_traffic(after)}.",
        because(entry.detail),
        phrases.numbers(entry.verdicts),
        title=f"gate failed for version {plan.canary}: {breach}",
        todo=f"Version {plan.canary} is still live. {phrases.take_back(plan)}",
    )


def cancelled(entry: entries.Cancelled, after: Rollout) -> phrases.Words:
    """Ended without having moved traffic."""
    plan = after.plan
    return phrases.words(
        f"guardian moved no traffic: {live_traffic(after)}.",
        because(entry.detail),
        title=f"the {plan.drive.value} of version {plan.canary} was cancelled"
        + phrases.by_whom(entry.actor),
    )


def superseded(entry: entries.Superseded, before: Rollout, after: Rollout) -> phrases.Words:
    """Somebody else changed the versions, or the target is gone."""
    plan = after.plan
    if entry.actor is not None:
        return phrases.words(
            f"When guardian last looked, version {plan.canary} had {confirmed_weight(before)}.",
            because(entry.detail),
            title=f"{entry.actor} ordered another version, and the rollout of"
            f" version {plan.canary} ends",
        )
    cut = f"The rollback to version {plan.stable} was under way and is NOT finished by guardian."
    what = f"{plan.target} is gone" if entry.gone else f"somebody else changed {plan.target}"
    return phrases.words(
        f"guardian writes nothing any more; when it last looked, version {plan.canary} had"
        f" {confirmed_weight(before)}.",
        cut if before.returning else "",
        because(entry.detail),
        _rollback_began(before.rollback) if before.returning else "",
        title=f"{what}, guardian lets go"
        + (" in the middle of a rollback" if before.returning else ""),
        todo=f"Look at what is live on {plan.target} now."
        f" `guardian rollback {plan.service} --to {plan.stable}` puts version {plan.stable} back.",
    )


def quarantined(rollout: Rollout, why: str) -> phrases.Words:
    """A rollout that guardian can no longer handle."""
    plan = rollout.plan
    return phrases.words(
        f"A bug in guardian, or a damaged journal: it neither advances rollout {plan.rollout}"
        " nor rolls it back any more. Its other rollouts go on.",
        because(why),
        title=f"guardian has put the rollout of version {plan.canary} aside,"
        f" a person is needed; it had {confirmed_weight(rollout)}",
        todo=f"Look at what is live on {plan.target} now."
        f" `guardian rollback {plan.service} --to {plan.stable}` puts version {plan.stable} back."
        " Report the reason above as a bug.",
    )


def unguarded(rollout: Rollout, why: str) -> phrases.Words:
    """A rollout that no process drives, although its version has traffic."""
    plan = rollout.plan
    return phrases.words(
        f"Rollout {plan.rollout} has moved traffic, no process drives it, and this daemon"
        " leaves it alone: it is neither judged nor rolled back.",
        because(why),
        title=f"nobody guards version {plan.canary}, a person is needed; it had"
        f" {confirmed_weight(rollout)}",
        todo=f"Put right what is named above, and it is taken up where it was left. Or put"
        f" {plan.snapshot.traffic} back on {plan.target}: with files that name {plan.service},"
        f" `guardian rollback {plan.service} --to {plan.stable}` does it, else AWS by hand.",
    )
