"""Journal entries for people and programs: what happened, when, who, and why, a line each."""

from __future__ import annotations

from enum import Enum
from typing import assert_never

from guardian.core.codec import rfc3339, tag_of
from guardian.core.model import Instant
from guardian.core.plan import Plan
from guardian.core.rollout import entries
from guardian.core.rollout.entries import Entry
from guardian.core.verdict import Verdict


def sentence(entry: Entry, plan: Plan) -> str:
    """What an entry says, in one line."""
    match entry:
        case entries.RolloutStarted():
            began = f"{plan.drive.value} of version {plan.canary}, stable {plan.stable}"
            return _with(began, plan.reason)
        case entries.StepEntered(step=step, overridden=overridden):
            over = f", over {', '.join(overridden)}" if overridden else ""
            return f"step {step + 1} of {len(plan.steps)}: {plan.steps[step].weight} wanted{over}"
        case entries.WeightConfirmed():
            return f"version {plan.canary} at {entry.weight}, read back"
        case entries.TrafficSeen(traffic=traffic):
            back = traffic == plan.snapshot.traffic
            return f"{'back to' if back else 'somebody else shifted:'} {traffic}, read back"
        case entries.Approved(step=step):
            return _with(f"step {step + 1} approved", entry.detail)
        case entries.Waived(criterion=criterion):
            return _with(f"{criterion} counts no longer", entry.detail)
        case entries.Warned(about=about):
            return _with(f"warning on {', '.join(about)}", entry.detail)
        case entries.WayBackSeen(found=found):
            can = "can take the traffic back again"
            lost = _with("cannot take the traffic back", found.problem)
            return f"version {plan.stable} {lost if found.problem else can}"
        case entries.Held(why=why):
            return _with(f"held ({spaced(why)})", entry.detail)
        case entries.Sighted():
            return "the metrics can be read again, and it goes on if that lasts"
        case entries.RollbackStarted(cause=cause):
            return _with(f"rollback to {plan.snapshot.traffic} ({spaced(cause)})", entry.detail)
        case entries.Completed(unproven=unproven):
            short = f", without enough evidence for {', '.join(unproven)}" if unproven else ""
            return f"completed{short}"
        case entries.PrimaryConfirmed():
            return f"version {plan.canary} is the primary version, read back"
        case entries.RollbackStuck():
            return _with("the rollback is not confirmed", entry.detail)
        case entries.RollbackConfirmed():
            return _with("rolled back", entry.detail)
        case entries.GateFailed():
            return _with("breach, and on purpose not rolled back", entry.detail)
        case entries.PromotionStuck():
            return _with("the canary is not shown as the primary version", entry.detail)
        case entries.Resumed() | entries.Cancelled() | entries.Superseded() | entries.Retired():
            return _with(event_of(entry), entry.detail)
        case _:
            assert_never(entry)


def spaced(word: Enum) -> str:
    """A word of the journal's for people: `rolling back`."""
    return str(word.value).replace("_", " ")


def _with(what: str, detail: str) -> str:
    return f"{what}: {' '.join(detail.split())}" if detail else what


def actor_of(entry: Entry, plan: Plan) -> str:
    """Whose doing an entry is; empty for guardian's own judgement."""
    if isinstance(entry, entries.RolloutStarted):
        return plan.actor
    actor = getattr(entry, "actor", None)
    return actor if isinstance(actor, str) else ""


def verdicts_of(entry: Entry) -> tuple[Verdict, ...]:
    """The verdicts that an entry rests on."""
    found: tuple[Verdict, ...] = getattr(entry, "verdicts", ())
    return found


def event_of(entry: Entry) -> str:
    """An entry's name, as records have it: `step_entered`."""
    return tag_of(type(entry))


def line(entry: Entry, plan: Plan, *, date: bool = False) -> str:
    """One entry as a line of text; its actor is in the sentence where it is not guardian."""
    actor, what = actor_of(entry, plan), sentence(entry, plan)
    by = f"  [{actor}]" if actor and actor not in what else ""
    return f"{moment(entry.at, date=date)}  {what}{by}"


def date_time(at: Instant) -> str:
    """An instant for people, to the second: `2026-11-28 19:30:00Z`."""
    text = rfc3339(at)
    return f"{text[:10]} {text[11:19]}Z"


def moment(at: Instant, *, date: bool = False) -> str:
    """An instant for people: `19:30:00Z`, or with its date before it."""
    text = date_time(at)
    return text if date else text[11:]


def lasting(seconds: float) -> str:
    """A length of time for people: `8s`, `12m 23s`, `3h 5m`."""
    whole = round(max(0.0, seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {whole % 60}s" if minutes else f"{whole}s"
