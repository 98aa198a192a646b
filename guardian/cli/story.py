"""The demo's narrator: the same reports that `watch` prints, told to somebody new to all of it."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from guardian.cli.output import long, short
from guardian.core.model import Instant
from guardian.core.rollout.entries import (
    Completed,
    Entry,
    PrimaryConfirmed,
    RollbackConfirmed,
    RollbackStarted,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
)
from guardian.core.status import RolloutStatus
from guardian.core.verdict import Verdict
from guardian.core.wording import hour_minute
from guardian.messages.entry_lines import sentence

if TYPE_CHECKING:
    from guardian.engine.tick_result import TickResult
    from guardian.sim.world import Event

PROGRESS_MIN = 2
"""Observed minutes between two lines of progress."""
WIDTH = 100
"""Characters of a message in a line."""


class Story:
    """Prints what guardian sees, decides and does, and what Slack and PagerDuty receive."""

    def __init__(self, events: Callable[[], Sequence[Event]]) -> None:
        self._events = events
        self._heard = len(events())
        self._told_min = -1
        self._breach_at: Instant = 0.0

    def report(self, report: TickResult) -> None:
        """One tick."""
        for item, status in report.news:
            self._entry(item.entry, status)
        if report.polled:
            for status in report.statuses:
                self._progress(status)
        self.messages()

    def messages(self) -> None:
        """What the simulated Slack and PagerDuty have received since the last look."""
        events = self._events()
        for event in events[self._heard :]:
            data = event.data
            match event.kind:
                case "slack.post":
                    where = "in its thread" if data.get("thread_ts") else data["channel"]
                    self._aside("Slack", f"{where}: {data['text']}")
                case "pagerduty.trigger":
                    self._aside("PagerDuty", f"pages ({data['severity']}): {data['summary']}")
                case "pagerduty.resolve":
                    self._aside("PagerDuty", f"resolved: {data['key']}")
                case "pagerduty.change":
                    self._aside("PagerDuty", f"change event: {data['summary']}")
        self._heard = len(events)

    def say(self, text: str) -> None:
        """A remark of guardian's."""
        click.echo(f"       {text}")

    def _entry(self, entry: Entry, status: RolloutStatus) -> None:
        plan_step = f"step {status.step} of {len(status.plan.steps)}"
        match entry:
            case RolloutStarted(plan=plan):
                self._line(
                    entry.at,
                    f"{plan.stable} is stable, {plan.canary} is the canary; nothing has moved yet",
                )
            case StepEntered():
                self._table(entry.verdicts)
                why = "every criterion passes, so " if entry.verdicts else ""
                self._decision(
                    entry.at, f"{why}{status.plan.canary} gets {status.wanted} ({plan_step})"
                )
                self._told_min = -1
            case WeightConfirmed():
                self._line(
                    entry.at,
                    f"AWS shows it, read back: {status.traffic}; the bake of"
                    f" {status.bake_min:.0f} minutes begins",
                )
            case RollbackStarted():
                self._breach_at = entry.at
                self._table(entry.verdicts)
                self._decision(entry.at, f"ROLL BACK: {entry.detail}", colour="red")
            case RollbackConfirmed():
                self._line(
                    entry.at,
                    f"AWS shows it, read back: {status.plan.stable} 100%,"
                    f" {entry.at - self._breach_at:.0f} s after the breach was proven",
                )
            case Completed():
                self._table(entry.verdicts)
                self._decision(
                    entry.at, f"every criterion passes: {status.plan.canary} becomes the version"
                )
            case PrimaryConfirmed():
                self._line(entry.at, f"AWS shows it, read back: {status.plan.canary} 100%")
            case _:
                self._line(entry.at, sentence(entry, status.plan))

    def _progress(self, status: RolloutStatus) -> None:
        observed = int(status.observed_min)
        if status.bake_min == 0 or not status.verdicts or status.rollout.phase.value != "baking":
            return
        if observed == self._told_min or observed % PROGRESS_MIN:
            return
        self._told_min = observed
        verdicts = ", ".join(short(v) for v in status.verdicts)
        self._line(status.at, f"{observed} of {status.bake_min:.0f} minutes observed: {verdicts}")

    def _table(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            click.echo(f"           {long(verdict)}")

    def _decision(self, at: Instant, text: str, *, colour: str = "green") -> None:
        self._line(at, click.style(f"decision: {text}", fg=colour, bold=True))

    def _line(self, at: Instant, text: str) -> None:
        click.echo(f"{hour_minute(at)}  {text}")

    def _aside(self, who: str, text: str) -> None:
        first, *rest = textwrap.wrap(html.unescape(text), WIDTH)
        click.echo(click.style(f"         {who:9}  ", fg="cyan") + first)
        for line in rest:
            click.echo(" " * 20 + line)
