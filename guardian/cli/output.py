"""What commands print: text for people, `json` and `jsonl` for programs, `github` for its logs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.lines import fitting
from guardian.cli.run_summary import WORDS, RunSummary
from guardian.cli.streams import drain, silence, write_line
from guardian.clock import SystemClock
from guardian.core import reasons
from guardian.core.codec import rfc3339
from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.plan import Drive
from guardian.core.rollout.entries import StepEntered
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.status import RolloutStatus
from guardian.core.verdict import Outcome, Verdict
from guardian.engine.outcome import Exit
from guardian.engine.tick_result import Recorded, TickResult
from guardian.messages import records
from guardian.messages.entry_lines import event_of, moment, spaced
from guardian.messages.v1 import EndRecord, EventRecord
from guardian.ports import GuardianError

if TYPE_CHECKING:
    from guardian.cli.github import GitHub

SILENT_S = 60.0
"""No rollout is silent for longer, even where nothing new is to be said."""
_COLOURS = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.NO_DATA: "yellow",
    Outcome.ERROR: "magenta",
}


class Output:
    """Prints reports as they come, and the end, and waits for no reader; each line is complete."""

    def __init__(
        self,
        form: str,
        *,
        quiet: bool = False,
        verbose: bool = False,
        junit: Path | None = None,
    ) -> None:
        self.form = form
        self._records = form in ("json", "jsonl")
        self._quiet = quiet
        self._verbose = verbose
        self._events: list[EventRecord] = []
        self._shown: dict[str, tuple[str, Instant]] = {}
        self._trouble = ""
        self._junit = junit if junit is None else _writable(junit)
        self._github = _github() if form == "github" else None
        self._print = write_line if self._github is None else self._github.say
        self._seen: dict[str, tuple[Verdict, ...]] = {}
        self._told: dict[str, list[Notice]] = {}

    @contextmanager
    def failing(self) -> Iterator[None]:
        """An error that ends the command is a record too, where a program reads the output."""
        try:
            yield
        except GuardianError as error:
            self._failed(error)
            if self._github is None:
                raise
            # It is told already, and the text of an outsider must not reach the runner unescaped.
            raise click.exceptions.Exit(error.exit_code) from None
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:
            if self._github is not None:
                self._github.failed(f"internal error: {type(error).__name__}: {error}", 1)
            raise

    def _failed(self, error: GuardianError) -> None:
        if self._github is not None:
            self._github.failed(str(error), error.exit_code)
        elif self._records:
            self._end([], error.exit_code, SystemClock().now(), error=str(error))
        self._report(error=str(error))
        drain()

    def say(self, text: str) -> None:
        """A remark for people; never mixed into machine-readable output."""
        if self._github is not None:
            self._github.say(f"guardian: {text}")
        else:
            write_line(f"guardian: {text}", err=True)

    def line(self, text: str) -> None:
        """A line of the output for people."""
        self._print(text)

    def report(self, report: TickResult) -> None:
        """One tick."""
        self._seen |= {p.id: p.verdicts for p in report.statuses}
        for item, status in report.news:
            self._recorded(item, status, report.at)
        if report.trouble and report.trouble != self._trouble:
            self.say(report.trouble)
        self._trouble = report.trouble
        if not report.polled:
            return
        for status in report.statuses:
            if self._records:
                self._event("tick", status, report.at)
            else:
                self._progress(status)

    def end(
        self,
        results: Sequence[tuple[Rollout, Exit]],
        code: int,
        now: Instant,
        *,
        driven: frozenset[str] = frozenset(),
    ) -> None:
        """The outcome of the whole command; another process still drives the `driven` services."""
        runs = [self._run_summary(rollout, exit_) for rollout, exit_ in results]
        if self._records:
            self._end(runs, code, now)
        for rollout, exit_ in results:
            if not self._records:
                self._print(summary(rollout, exit_, driven=rollout.plan.service in driven))
        if self._github is not None:
            self._github.end(runs, code)
        self._report(runs)
        if lost := drain():
            self.say(f"{lost} lines of this were not written: nobody reads them")

    def _run_summary(self, rollout: Rollout, exit_: Exit) -> RunSummary:
        name = rollout.plan.rollout
        told = tuple(self._told.get(name, ()))
        return RunSummary(rollout=rollout, exit=exit_, seen=self._seen.get(name, ()), notices=told)

    def _report(self, runs: Sequence[RunSummary] = (), *, error: str = "") -> None:
        """Write the report; a disk that is full by now never changes what the command found."""
        if self._junit is None:
            return
        from guardian.cli import junit

        try:
            junit.write(self._junit, junit.failure(error) if error else junit.report(runs))
        except OSError as why:
            self.say(f"--junit {self._junit} could not be written: {why}")

    def _end(
        self,
        runs: Sequence[RunSummary],
        code: int,
        now: Instant,
        *,
        error: str = "",
    ) -> None:
        last: EndRecord = {
            "schema": "guardian/v1/end",
            "time": rfc3339(now),
            "event": "end",
            "exit_code": code,
            "rollouts": [run.record for run in runs],
        }
        if error:
            last["error"] = error
        if self.form != "jsonl":
            last["events"] = self._events
        write_line(records.text(last))

    # --- text ----------------------------------------------------------------------------------

    def _recorded(self, item: Recorded, status: RolloutStatus, at: Instant) -> None:
        notice = item.notice
        if notice is not None:
            self._told.setdefault(item.rollout, []).append(notice)
        if isinstance(item.entry, StepEntered) and item.entry.step > 0 and not self._records:
            self._passed(item.entry.step, status, at)
        if self._records:
            self._event(event_of(item.entry), status, at, notice)
        elif notice is not None and self._github is not None:
            self._github.notice(notice, told(notice, at))
        elif notice is not None:
            write_line(told(notice, at))

    def _passed(self, step: int, status: RolloutStatus, at: Instant) -> None:
        """What a step rests on when it ends: the verdicts that let the next one begin."""
        lines = [
            f"{moment(at)}  {status.plan.service}: step {step} of {len(status.plan.steps)} is over"
        ]
        self.line("\n".join([*lines, *(f"             {long(v)}" for v in status.verdicts)]))

    def _progress(self, status: RolloutStatus) -> None:
        """A line for what is new, at least one a minute, and with -v one for every poll."""
        if self._quiet or status.rollout.phase not in (Phase.BAKING, Phase.HELD, Phase.SHIFTING):
            return
        verdicts = ", ".join(short(v) for v in status.verdicts) or "no verdict yet"
        service, canary = status.plan.service, status.plan.canary
        where = f"{canary} at {status.weight}"
        if status.plan.drive is Drive.ROLLOUT:
            where += f", step {status.step} of {len(status.plan.steps)}"
        line = f"{where}, {status.waiting_for}  |  {verdicts}"
        before, at = self._shown.get(status.id, ("", 0.0))
        if before != line or status.at - at >= SILENT_S or self._verbose:
            self._shown[status.id] = (line, status.at)
            shown = f"{moment(status.at)}  {service}: {line}"
            if self._github is not None:
                self._github.progress(shown, f"{service}: {canary} is watched")
            else:
                write_line(shown)

    # --- records -------------------------------------------------------------------------------

    def _event(
        self, event: str, status: RolloutStatus, at: Instant, notice: Notice | None = None
    ) -> None:
        record: EventRecord = {
            "schema": "guardian/v1/event",
            "time": rfc3339(at),
            "service": status.plan.service,
            "rollout": status.id,
            "event": event,
            "phase": status.rollout.phase.value,
            "weight": status.weight.ratio,
            "verdicts": [records.verdict(v) for v in status.verdicts],
        }
        if notice is not None:
            record |= {"title": notice.title, "did": notice.did}
        if self.form == "jsonl":
            write_line(records.text(record))
        else:
            self._events.append(record)


def printing(command: Callable[..., int]) -> Callable[..., int]:
    """The command with an Output of the options that say how it prints; it fails by that, too."""

    @wraps(command)
    def printed(
        *, form: str, quiet: bool, verbose: bool, junit: Path | None = None, **given: Any
    ) -> int:
        output = Output(form, quiet=quiet, verbose=verbose, junit=junit)
        with output.failing():
            return command(output=output, **given)

    return printed


def _github() -> GitHub:
    from guardian.cli.github import GitHub

    return GitHub(os.environ, write_line)


def _writable(path: Path) -> Path:
    from guardian.cli import whole_file

    return whole_file.writable(path, "--junit")


def show(text: str, *, err: bool = False) -> None:
    """Print a line; a reader that went away is told nothing more."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:
        return  # It was closed before guardian began.
    try:
        click.echo(fitting(text, stream), err=err)
    except (OSError, ValueError):
        silence(stream)


def told(notice: Notice, at: Instant) -> str:
    """A notice as a block of text."""
    lines = [f"{moment(at)}  {click.style(notice.title, bold=True)}"]
    lines += [f"           {text}" for text in (notice.did, notice.todo) if text]
    lines += [f"             {long(v)}" for v in notice.verdicts]
    return "\n".join(lines)


def short(verdict: Verdict) -> str:
    """A verdict in a few words."""
    word = click.style(spaced(verdict.outcome), fg=_COLOURS[verdict.outcome])
    if verdict.outcome is Outcome.PASS and verdict.evidence.value is not None:
        return f"{verdict.criterion} {reasons.value(verdict.evidence)} {word}"
    return f"{verdict.criterion} {word}: {verdict.why}"


def long(verdict: Verdict) -> str:
    """A verdict with what it rests on."""
    word = click.style(f"{verdict.outcome.value:12}", fg=_COLOURS[verdict.outcome])
    return f"{word} {verdict.criterion:22} {verdict.why}  (fails {reasons.limit(verdict.evidence)})"


def summary(rollout: Rollout, exit_: Exit, *, driven: bool) -> str:
    """The last words on one rollout: what happened, where traffic is, what to do."""
    plan = rollout.plan
    colour, word = WORDS[exit_]
    head = click.style(f"{plan.service}: {word}", fg=colour, bold=True)
    end = f"{head} ({spaced(rollout.phase)}, rollout {plan.rollout})"
    if not rollout.live or not rollout.moved:
        return end
    if driven:
        status = f"`guardian rollout status {plan.service}`"
        return f"{end}\n  another guardian goes on with it; {status} shows how it stands"
    return (
        f"{end}\n  this process ends here, and nothing guards version {plan.canary} from now on:"
        f" `guardian rollback {plan.service}` puts version"
        f" {plan.snapshot.traffic.primary} back"
    )
