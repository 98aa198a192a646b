"""The command `guardian`: its groups, its errors, its exit codes."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Sequence

import click

from guardian import __version__
from guardian.cli.lazy import LazyGroup
from guardian.cli.usage.rollout import ORDERS

COMMANDS = {
    "demo": "Show a healthy release go live and a bad one taken back.",
    "init": "Write a first config file and rule file here.",
    "watch": "Guard what is live now, and roll back on a breach.",
    "snapshot": "Record what stable is, so that `guardian watch` can restore it.",
    "rollout": "Drive a canary step by step, and give orders to it.",
    "rollback": "Put all traffic of SERVICE back on its stable version, now.",
    "freeze": "Stop all advances of SERVICE for a time.",
    "unfreeze": "End a freeze.",
    "run": "Drive rollouts for whoever orders them, until told to stop.",
    "healthcheck": "Ask the daemon on this machine whether it still moves.",
    "rules": "Check rule files, put them into words, describe them to editors.",
    "config": "Check a configuration, show what it comes to, describe it.",
    "journal": "Prepare the place where rollouts are recorded.",
    "iam": "Print the least IAM policy for SERVICES.",
    "doctor": "Look at credentials, permissions, metrics and notifiers.",
    "report": "What happened in a rollout and why, for a post-mortem.",
    "version": "Print guardian's version and Python's.",
}
"""Each command, and what the list says of it."""

GROUPS = frozenset({"rollout", "rules", "config", "journal"})
"""Those that have commands of their own."""
_VALUES = {"-c": 1, "--config": 1, "-o": 1, "--output": 1}
_COMMON = {**_VALUES, "-v": 0, "--verbose": 0, "-q": 0, "--quiet": 0, "--no-color": 0}
"""Options that may stand before the command as well, and how many words follow each."""


class Commands(LazyGroup):
    """Those of guardian itself: one that is not there may be another one's name."""

    def meant(self, word: str) -> str | None:
        """The command that a word is close to, below groups too."""
        if word in ORDERS:
            return f"guardian rollout {word}"
        near = difflib.get_close_matches(word, [*COMMANDS, *ORDERS], n=1)
        if not near:
            return None
        return f"guardian {'' if near[0] in COMMANDS else 'rollout '}{near[0]}"


@click.group(
    cls=Commands,
    lazy=COMMANDS,
    modules={"unfreeze": "freeze", "journal": "journal_making"},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: docs/cli.md. `guardian demo` shows all of it offline in about a minute.",
)
@click.version_option(__version__, prog_name="guardian")
def guardian() -> None:
    """Watch a release while it goes live on AWS, and take it back when it hurts users."""


_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, marks that reorder text, and bytes that are no text."""


def _unseen(arguments: Sequence[str]) -> str | None:
    """The first argument that cannot be shown as it is; only a reason may have several lines."""
    before = ""
    for argument in arguments:
        reason = before == "--reason" or argument.startswith("--reason=")
        if _UNSEEN.search(re.sub("[\t\n]", "", argument) if reason else argument):
            return argument
        before = argument
    return None


def _placed(arguments: list[str]) -> list[str]:
    """`guardian -c FILE run` is `guardian run -c FILE`: each command reads its own options."""
    at = 0
    while at < len(arguments) and (name := arguments[at].partition("=")[0]) in _COMMON:
        at += 1 if name != arguments[at] else 1 + _COMMON[name]
    before, rest = arguments[:at], arguments[at:]
    if not rest:
        return []
    words = 2 if rest[0] in GROUPS else 1
    return [*rest[:words], *before, *rest[words:]]


def run(argv: list[str] | None = None) -> None:
    """Run a command line and exit with its code; a person's mistake never shows a traceback."""
    arguments = sys.argv[1:] if argv is None else argv
    unseen = _unseen(arguments)
    if unseen is not None:
        _fail(
            f"the argument {ascii(unseen)[:100]} holds characters that cannot be seen:"
            " names, versions and paths are plain text"
        )
        sys.exit(2)
    try:
        code = guardian.main(args=_placed(arguments), prog_name="guardian", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.Abort:
        _fail("stopped")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output went away, and cannot know what was found: never a success.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from guardian.ports import GuardianError

        colour = not ("--no-color" in arguments or os.environ.get("NO_COLOR"))
        if isinstance(error, GuardianError):
            _fail(str(error), colour=colour)
            sys.exit(error.exit_code)
        if os.environ.get("GUARDIAN_LOG_LEVEL", "").upper() == "DEBUG":
            raise
        _fail(
            f"internal error: {type(error).__name__}: {error}\n"
            "  this is a bug in guardian; run again with GUARDIAN_LOG_LEVEL=DEBUG for the details",
            colour=colour,
        )
        sys.exit(1)


def _fail(text: str, *, colour: bool = True) -> None:
    """Say on stderr why the command ends, its first words in red on a terminal."""
    from guardian.cli.streams import drain, write_line

    head = click.style("guardian:", fg="red", bold=True) if colour else "guardian:"
    write_line(f"{head} {text}", err=True)
    drain()
