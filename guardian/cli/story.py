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
        if isinstance(entry, StepEntered | RollbackStarted | Completed):
            for verdict in entry.verdicts:
                click.echo(f"           {long(verdict)}")
        self._line(entry.at, self._sentence(entry, status))

    def _sentence(self, entry: Entry, status: RolloutStatus) -> str:
        plan = status.plan
        match entry:
            case RolloutStarted():
                return (
                    f"{plan.stable} is stable, {plan.canary} is the canary; nothing has moved yet"
                )
            case StepEntered():
                self._told_min = -1
                why = "every criterion passes, so " if entry.verdicts else ""
                step = f"step {status.step} of {len(plan.steps)}"
                return _decision(f"{why}{plan.canary} gets {status.wanted} ({step})")
            case WeightConfirmed():
                bake = f"the bake of {status.bake_min:.0f} minutes begins"
                return f"AWS shows it, read back: {status.traffic}; {bake}"
            case RollbackStarted():
                self._breach_at = entry.at
                return _decision(f"ROLL BACK: {entry.detail}", colour="red")
            case RollbackConfirmed():
                took = f"{entry.at - self._breach_at:.0f} s after the breach was proven"
                return f"AWS shows it, read back: {plan.stable} 100%, {took}"
            case Completed():
                return _decision(f"every criterion passes: {plan.canary} becomes the version")
            case PrimaryConfirmed():
                return f"AWS shows it, read back: {plan.canary} 100%"
            case _:
                return sentence(entry, plan)

    def _progress(self, status: RolloutStatus) -> None:
        observed = int(status.observed_min)
        if status.bake_min == 0 or not status.verdicts or status.rollout.phase.value != "baking":
            return
        if observed == self._told_min or observed % PROGRESS_MIN:
            return
        self._told_min = observed
        verdicts = ", ".join(short(v) for v in status.verdicts)
        self._line(status.at, f"{observed} of {status.bake_min:.0f} minutes observed: {verdicts}")

    def _line(self, at: Instant, text: str) -> None:
        click.echo(f"{hour_minute(at)}  {text}")

    def _aside(self, who: str, text: str) -> None:
        first, *rest = textwrap.wrap(html.unescape(text), WIDTH)
        click.echo(click.style(f"         {who:9}  ", fg="cyan") + first)
        for line in rest:
            click.echo(" " * 20 + line)


def _decision(text: str, *, colour: str = "green") -> str:
    return click.style(f"decision: {text}", fg=colour, bold=True)
