"""GitHub's rendering of a guarded rollout: log groups, annotations, step summary and outputs.

The forms are those of docs.github.com, "Workflow commands for GitHub Actions". Text from outside
(a vendor's error, a reason, a version) can hold what the runner would take for a command of ours,
so every line that is not meant as one is made harmless first.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import click

from guardian.cli.run_summary import ERRORS, WORDS, RunSummary
from guardian.core import reasons
from guardian.core.codec import rfc3339
from guardian.core.notices import Event, Notice
from guardian.core.scrub import visible
from guardian.core.verdict import Verdict
from guardian.engine.outcome import Exit
from guardian.messages.entry_lines import moment, spaced

_LEVELS = {
    Event.ROLLING_BACK: "warning",
    Event.HELD: "warning",
    Event.STUCK: "error",
    Event.BLIND: "error",
}
"""What is annotated while it happens; the ends are, by their exit. GitHub keeps ten a level."""
_WRONG = frozenset({Exit.ROLLED_BACK, Exit.STUCK, Exit.BLIND, Exit.GATE_FAILED})
_TOLD = 50
"""A summary shows so many notices at most; GitHub drops one that is larger than a mebibyte."""
_COMMAND = re.compile(r"\W*?::")
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$@]|^[#+=-])")
"""What Markdown gives a meaning to, inside a line or where one begins."""


# --- escaping ----------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Text for the log in which the runner finds no command.

    It looks for `::` where a line begins, blanks aside, and for the older `##[` anywhere; a
    carriage return begins a line, too. Colours are taken out first: they could hide either.
    """
    text = click.unstyle(text).replace("\r\n", "\n").replace("\r", "\n").replace("##[", "## [")
    return "\n".join(f"| {s}" if _COMMAND.match(s) else s for s in text.split("\n"))


def data(text: str) -> str:
    """Text as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def prop(text: str) -> str:
    """Text as a property of a workflow command, e.g. its title."""
    return data(text).replace(":", "%3A").replace(",", "%2C")


def command(name: str, message: str = "", **properties: str) -> str:
    """A workflow command: one line, whatever the texts hold."""
    given = ",".join(f"{key}={prop(value)}" for key, value in properties.items())
    return f"::{name}{' ' if given else ''}{given}::{data(message)}"


def markdown(text: str) -> str:
    """Text in a Markdown paragraph or table cell; what is in back quotes becomes code."""
    parts = re.split(r"`([^`]+)`", " ".join(click.unstyle(text).split()))
    shown = [_escaped(part) for part in parts]
    shown[1::2] = [f"<code>{part}</code>" for part in shown[1::2]]
    return "".join(shown)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


# --- the rendering -----------------------------------------------------------------------------


class GitHub:
    """Writes one command's story where GitHub shows it; what cannot be written is said."""

    def __init__(self, environ: Mapping[str, str], show: Callable[[str], None]) -> None:
        self._environ = environ
        self._show = show
        self._group = False

    def say(self, text: str) -> None:
        """Text for the log, outside any group."""
        self._close()
        self._show(plain(text))

    def progress(self, text: str, title: str) -> None:
        """A line that only the curious read: inside the group of that title."""
        if not self._group:
            self._show(command("group", click.unstyle(title)))
            self._group = True
        self._show(plain(text))

    def notice(self, notice: Notice, text: str) -> None:
        """Something told: `text` for the log, and an annotation where somebody should look."""
        self.say(text)
        level = _LEVELS.get(notice.event)
        if level is not None:
            self._annotate(level, notice.title, notice.did)

    def end(self, runs: Sequence[RunSummary], code: int) -> None:
        """The end: an annotation a service, the summary, the outputs."""
        self._close()
        for run in runs:
            told = run.notices[-1].did if run.notices else ""
            level = "error" if run.exit in _WRONG else "warning"
            level = "notice" if run.exit is Exit.HEALTHY else level
            self._annotate(level, _headline(run), told or _headline(run))
        worst = _worst(runs)
        self._append("GITHUB_STEP_SUMMARY", summary(runs))
        self._outputs(
            {
                "exit_code": str(code),
                "outcome": (worst.exit if worst is not None else Exit.HEALTHY).name.lower(),
                **_facts(worst),
                "rollouts": json.dumps([run.record for run in runs]),
            }
        )

    def failed(self, error: str, code: int) -> None:
        """A command that ended before it could guard anything."""
        self._close()
        self._annotate("error", "guardian could not guard", error)
        self._append("GITHUB_STEP_SUMMARY", f"## guardian: nothing was guarded\n\n{_quoted(error)}")
        facts = {"exit_code": str(code), "outcome": ERRORS.get(code, "internal_error")}
        self._outputs({**facts, **_facts(None), "rollouts": "[]"})

    def _close(self) -> None:
        if self._group:
            self._show(command("endgroup"))
            self._group = False

    def _annotate(self, level: str, title: str, message: str) -> None:
        self._show(command(level, click.unstyle(message), title=click.unstyle(title)))

    def _outputs(self, values: Mapping[str, str]) -> None:
        self._append("GITHUB_OUTPUT", "".join(output(name, v) for name, v in values.items()))

    def _append(self, variable: str, text: str) -> None:
        """Append to the file that a variable names; one that refuses never stops the guarding."""
        path = self._environ.get(variable)
        if not path:
            return
        try:
            with Path(path).open("a", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(visible(text) + "\n" * (not text.endswith("\n")))
        except OSError as error:
            self._annotate("warning", "guardian", f"{variable} cannot be written: {error}")


def output(name: str, value: str) -> str:
    """One output of a step, in the form that takes any value.

    The delimiter is new each time and random: no value can end early and smuggle in another.
    """
    delimiter = f"guardian_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


# --- the step summary --------------------------------------------------------------------------


def summary(runs: Sequence[RunSummary]) -> str:
    """What happened to each service, as a page of Markdown."""
    if not runs:
        return "## guardian: nothing to do\n"
    return "\n".join(_section(run) for run in runs)


def _section(run: RunSummary) -> str:
    lines = [f"## guardian: {markdown(_headline(run))}", "", *_table(run), ""]
    verdicts = run.verdicts
    if verdicts:
        lines += [
            "| criterion | verdict | value | limit | samples | why |",
            "|---|---|---|---|---|---|",
            *(_row(verdict) for verdict in verdicts),
        ]
    else:
        lines.append("No criterion was judged by this process.")
    told = run.notices[-_TOLD:]
    if told:
        lines += ["", "### What guardian did", ""]
        lines += [f"- {moment(n.at)} **{markdown(n.title)}** {markdown(n.did)}" for n in told]
    if run.next:
        lines += ["", "### What you can do", "", markdown(run.next)]
    return "\n".join([*lines, ""])


def _table(run: RunSummary) -> list[str]:
    rollout, plan = run.rollout, run.rollout.plan
    facts = {
        "canary": plan.canary,
        "stable": plan.stable,
        "target": plan.target,
        "rollout": f"{plan.rollout}, {spaced(rollout.phase)}",
        "time": f"{rfc3339(rollout.started_at)} to {rfc3339(rollout.last_at)}",
        "exit code": f"{run.exit.value} ({run.exit.name.lower()})",
    }
    rows = [f"| {name} | {markdown(value)} |" for name, value in facts.items()]
    return ["| | |", "|---|---|", *rows]


def _row(verdict: Verdict) -> str:
    evidence = verdict.evidence
    needed = f" ({evidence.min_samples} needed)" if evidence.min_samples else ""
    cells = (
        verdict.criterion,
        spaced(verdict.outcome),
        reasons.value(evidence),
        reasons.limit(evidence),
        f"{evidence.samples}{needed}",
        verdict.why,
    )
    return f"| {' | '.join(markdown(cell) for cell in cells)} |"


def _quoted(text: str) -> str:
    return "\n".join(f"> {markdown(line)}" for line in text.splitlines())


def _headline(run: RunSummary) -> str:
    return f"{run.rollout.plan.service}: {WORDS[run.exit][1]}"


# --- the outputs -------------------------------------------------------------------------------


def _worst(runs: Sequence[RunSummary]) -> RunSummary | None:
    """The service whose exit decides that of the command."""
    return min(runs, key=lambda run: list(Exit).index(run.exit), default=None)


def _facts(run: RunSummary | None) -> dict[str, str]:
    """The single outputs: of the service that decided, where there are several."""
    names: tuple[Literal["service", "rollout", "phase", "stable", "canary"], ...]
    names = ("service", "rollout", "phase", "stable", "canary")
    return {name: run.record[name] if run is not None else "" for name in names}
