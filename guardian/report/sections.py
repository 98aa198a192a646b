"""The report as blocks: what happened, why, traffic, decisions, evidence, and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from guardian.core import reasons
from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.plan import Drive
from guardian.core.rollout import entries
from guardian.core.rollout.machine import Rollout
from guardian.core.rollout.preconditions import kinds_of
from guardian.core.verdict import Outcome, Verdict
from guardian.core.wording import span as length
from guardian.messages.entry_lines import date_time, spaced
from guardian.messages.verdict_lines import worst_first
from guardian.report.blocks import Block, Heading, Line, Paragraph, Plot, Table
from guardian.report.criteria import criterion_blocks
from guardian.report.facts import DecisionFacts, Facts

EVIDENCE = ("criterion", "verdict", "value", "limit", "bad", "samples", "log e", "window", "why")


def blocks(facts: Facts) -> Iterator[Block]:
    """The whole report."""
    plan, phase = facts.plan, spaced(facts.rollout.phase)
    yield Heading(1, f"{plan.service}: {plan.drive.value} of version {plan.canary}, {phase}")
    yield Paragraph(_headline(facts), tone=_tone(facts.rollout))
    if facts.readings.missing:
        yield Paragraph(facts.readings.missing, alert=True)
    yield Table(caption="The rollout", rows=tuple(_summary(facts)))
    yield from _why(facts)
    yield from _traffic(facts)
    yield from _decisions(facts)
    yield from _criteria(facts)
    yield from _plan(facts)


# --- what happened -----------------------------------------------------------------------------


def _tone(rollout: Rollout) -> Literal["good", "bad", "unsure"]:
    if rollout.rollback is not None or isinstance(rollout.end, entries.GateFailed):
        return "bad"
    done = rollout.completed
    return "good" if done is not None and not done.unproven else "unsure"


def _headline(facts: Facts) -> str:
    decisive = facts.decisive
    if decisive is None:
        return f"{facts.decisions[-1].text}."
    by = f", by {decisive.actor}" if decisive.actor and decisive.actor not in decisive.text else ""
    return f"{date_time(decisive.at)}: {decisive.text}{by}."


def _summary(facts: Facts) -> Iterator[tuple[str, str]]:
    plan, rollout = facts.plan, facts.rollout
    yield "rollout", plan.rollout
    yield "service", f"{plan.service} ({plan.environment})"
    yield "target", plan.target
    yield "versions", f"{plan.canary} canary, {plan.stable} stable"
    yield "started", f"{date_time(rollout.started_at)} by {plan.actor}"
    if plan.reason:
        yield "reason", plan.reason
    if rollout.first_shift_at is not None:
        watched = plan.drive is Drive.WATCH
        yield (
            "watch began" if watched else "first shift",
            f"{date_time(rollout.first_shift_at)}, read back",
        )
    for what, kind in (
        ("breach", entries.GateFailed),
        ("rollback", entries.RollbackStarted),
        ("confirmed", entries.RollbackConfirmed),
    ):
        found = facts.first(kind)
        if found is not None:
            yield what, f"{date_time(found.at)}{_after(facts, found.at)}"
    yield from _exposed(facts)
    held = f": {rollout.hold.detail}" if rollout.hold is not None else ""
    yield "now", f"{spaced(rollout.phase)}{held}"
    yield "report made", date_time(facts.made_at)


def _exposed(facts: Facts) -> Iterator[tuple[str, str]]:
    """For how long users met the canary, once it was taken back; a watch begins after a deploy."""
    first, entered = facts.rollout.first_shift_at, facts.first(entries.StepEntered)
    back = facts.first(entries.RollbackConfirmed)
    if first is not None and entered is not None and back is not None:
        # The router may have had the weight from the moment it was asked for it.
        lasted = _minutes(back.at - min(first, entered.at))
        watched = facts.plan.drive is Drive.WATCH
        how = " and more: it was deployed before the watch" if watched else " at most"
        yield "exposed", f"version {facts.plan.canary} had traffic for {lasted}{how}"


def _after(facts: Facts, at: Instant) -> str:
    first = facts.rollout.first_shift_at
    if first is None:
        return ""
    since = "the watch began" if facts.plan.drive is Drive.WATCH else "the first shift"
    return f", {_minutes(at - first)} after {since}"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


# --- why ---------------------------------------------------------------------------------------


def _why(facts: Facts) -> Iterator[Block]:
    decisive = facts.decisive
    if decisive is None:
        return
    yield Heading(2, "Why")
    yield Paragraph(_reason(decisive))
    if decisive.verdicts:
        caption = f"The verdicts that entry {decisive.seq} rests on"
        yield _evidence(caption, decisive.verdicts)
    for kind in kinds_of(facts.plan, {v.criterion for v in decisive.verdicts}):
        of_kind = {c.name for c in facts.plan.criteria if type(c.measure) is kind}
        rows = tuple(
            (v.criterion, i.id, i.priority, date_time(i.opened_at), i.service, i.title)
            for v in decisive.verdicts
            if v.criterion in of_kind
            for i in v.evidence.incidents
        )
        if rows:
            caption = f"{kind.columns[0]}s".capitalize()
            yield Table(caption=caption, head=("criterion", *kind.columns), rows=rows)


def _reason(decisive: DecisionFacts) -> str:
    failed = [v for v in decisive.verdicts if v.outcome is Outcome.FAIL]
    if failed:
        return " ".join(
            f"{v.criterion} failed: {v.why}. It fails {reasons.limit(v.evidence)}." for v in failed
        )
    by = f" It was the order of {decisive.actor}." if decisive.actor else ""
    if isinstance(decisive.entry, entries.Completed) and not decisive.set_aside:
        return f"The last bake was over, and every criterion that it waits for had passed.{by}"
    return f"{decisive.text}.{by}"


def _evidence(caption: str, verdicts: tuple[Verdict, ...]) -> Table:
    return Table(
        caption=caption,
        head=EVIDENCE,
        rows=tuple(_evidence_row(v) for v in worst_first(verdicts)),
    )


def _evidence_row(verdict: Verdict) -> tuple[str, ...]:
    seen = verdict.evidence
    tested = seen.log_e_limit > 0
    return (
        verdict.criterion,
        spaced(verdict.outcome),
        reasons.value(seen) or "none",
        reasons.limit(seen),
        str(seen.bad),
        f"{seen.samples} (of {seen.min_samples} needed)",
        f"{seen.log_e:.2f} (proof at {seen.log_e_limit:.2f})" if tested else "not tested",
        reasons.window(seen) or "nothing settled",
        verdict.why,
    )


# --- traffic and decisions ---------------------------------------------------------------------


def _traffic(facts: Facts) -> Iterator[Block]:
    plan = facts.plan
    yield Heading(2, "Traffic")
    shares = ", then ".join(f"{weight} from {date_time(at)}" for at, weight in facts.weights)
    yield Plot(
        name="traffic",
        title=f"Share of traffic on version {plan.canary}",
        text=f"As the router showed it: {shares}.",
        since=facts.since,
        until=facts.until,
        lines=(
            Line(
                label=f"version {plan.canary}",
                look="weight",
                points=tuple((at, weight.ratio) for at, weight in facts.weights),
                stepped=True,
            ),
        ),
        events=shifts(facts),
        shown=lambda share: f"{100 * share:g}%",
    )
    yield Table(
        caption="The canary's share of traffic, as it was read back",
        head=("from", "share"),
        rows=tuple((date_time(at), str(weight)) for at, weight in facts.weights),
    )


def shifts(facts: Facts) -> tuple[tuple[Instant, str], ...]:
    """What a plot marks: each confirmed weight, and when traffic went back."""
    plan, found = facts.plan, []
    for step, at in facts.rollout.confirmed:
        watched = plan.drive is Drive.WATCH
        found.append((at, "watch begins" if watched else f"to {plan.steps[step].weight}"))
    for kind, label in ((entries.GateFailed, "breach"), (entries.RollbackStarted, "rollback")):
        found += [(d.at, label) for d in facts.decisions if isinstance(d.entry, kind)]
    return tuple(sorted(found))


def _decisions(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "Decisions")
    yield Table(
        caption="Every entry of the journal",
        head=("no.", "time", "what", "by", "set aside"),
        rows=tuple(
            (str(d.seq), date_time(d.at), d.text, d.actor or "guardian", d.set_aside)
            for d in facts.decisions
        ),
    )
    told = [d for d in facts.decisions if d.told is not None]
    if told:
        yield Heading(3, "Who was told")
        if all(d.receivers is None for d in told):
            yield Paragraph("Who listens is not known here: no config file was read.")
        yield Table(
            caption="Notices, and who listens to them by the present configuration",
            head=("no.", "event", "to", "incident", "title"),
            rows=tuple(_told_row(d, d.told) for d in told if d.told is not None),
        )
    decisive = facts.decisive
    for one in facts.decisions:
        # A step's entry says what the bake before it rests on; the decisive one stands above.
        if one.verdicts and one is not decisive:
            yield Heading(3, f"Evidence of entry {one.seq}: {one.event.replace('_', ' ')}")
            then = (
                "before the step" if isinstance(one.entry, entries.StepEntered) else "at the time"
            )
            yield _evidence(f"The verdicts {then}, {date_time(one.at)}", one.verdicts)


def _told_row(one: DecisionFacts, told: Notice) -> tuple[str, ...]:
    to = "unknown" if one.receivers is None else ", ".join(one.receivers) or "nobody"
    pages = ", ".join(f"{page.severity.value} {page.key}" for page in told.pages)
    return (str(one.seq), told.event.value, to, pages or "none", told.title)


# --- criteria and plan -------------------------------------------------------------------------


def _criteria(facts: Facts) -> Iterator[Block]:
    yield Heading(2, "Criteria and their datapoints")
    yield Paragraph(
        "log e is the evidence that the limit is broken; a breach is proven where it reaches its"
        " own limit, at whatever time one looks. It is judged again here from the datapoints as"
        " they stand now; what was recorded at the time is under Why and Decisions."
    )
    for index, criterion in enumerate(facts.plan.criteria):
        yield from criterion_blocks(facts, index, criterion, shifts(facts))


def _plan(facts: Facts) -> Iterator[Block]:
    plan, policy, snapshot = facts.plan, facts.plan.policy, facts.plan.snapshot
    recorded = f"recorded {date_time(snapshot.taken_at)} by {snapshot.taken_by}"
    yield Heading(2, "The plan")
    rows = [
        (
            f"step {n}",
            f"{s.weight} for {length(s.bake_s)} observed, {length(s.max_bake_s)} at most",
        )
        for n, s in enumerate(plan.steps, start=1)
    ]
    rows += [
        (f"approval before step {a.before_step + 1}", f"within {length(a.timeout_s)}")
        for a in plan.approvals
    ]
    rows += [
        ("a breach", "is rolled back" if plan.restores else "is told and not rolled back"),
        ("a rollback restores", f"{snapshot.traffic}, {recorded}"),
        ("false_rollback", f"{policy.false_rollback:g}"),
        ("on_low_traffic", policy.on_low_traffic.value),
        ("on_blind", f"{policy.on_blind.value} after {length(policy.max_blind_s)}"),
        ("pre_existing", policy.pre_existing.value),
        ("max_hold", length(policy.max_hold_s)),
        ("rule files", ", ".join(plan.rules) or "none"),
    ]
    optional = (("fixes", ", ".join(plan.fixes)), ("group", plan.group))
    rows += [(name, value) for name, value in optional if value]
    yield Table(caption="What was asked for, as journalled at the start", rows=tuple(rows))
