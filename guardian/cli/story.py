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
from guardian.core.status import Picture
from guardian.core.verdict import Verdict
from guardian.core.wording import hour_minute

if TYPE_CHECKING:
    from guardian.engine.tick import TickResult
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
        pictures = {p.rollout: p for p in report.pictures}
        for item in report.recorded:
            self._entry(item.entry, pictures[item.rollout])
        if report.polled:
            for picture in report.pictures:
                self._progress(picture)
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

    def _entry(self, entry: Entry, picture: Picture) -> None:
        plan_step = f"step {picture.step} of {picture.steps}"
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
                    entry.at, f"{why}{picture.canary} gets {picture.wanted} ({plan_step})"
                )
                self._told_min = -1
            case WeightConfirmed():
                self._line(
                    entry.at,
                    f"AWS shows it, read back: {picture.traffic}; the bake of"
                    f" {picture.bake_min:.0f} minutes begins",
                )
            case RollbackStarted():
                self._breach_at = entry.at
                self._table(entry.verdicts)
                self._decision(entry.at, f"ROLL BACK: {entry.detail}", colour="red")
            case RollbackConfirmed():
                self._line(
                    entry.at,
                    f"AWS shows it, read back: {picture.stable} 100%,"
                    f" {entry.at - self._breach_at:.0f} s after the breach was proven",
                )
            case Completed():
                self._table(entry.verdicts)
                self._decision(
                    entry.at, f"every criterion passes: {picture.canary} becomes the version"
                )
            case PrimaryConfirmed():
                self._line(entry.at, f"AWS shows it, read back: {picture.canary} 100%")
            case _:
                self._line(entry.at, type(entry).__name__)

    def _progress(self, picture: Picture) -> None:
        observed = int(picture.observed_min)
        if picture.bake_min == 0 or not picture.verdicts or picture.phase.value != "baking":
            return
        if observed == self._told_min or observed % PROGRESS_MIN:
            return
        self._told_min = observed
        verdicts = ", ".join(short(v) for v in picture.verdicts)
        self._line(picture.at, f"{observed} of {picture.bake_min:.0f} minutes observed: {verdicts}")

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
