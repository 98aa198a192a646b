"""A JUnit report of a watch: a suite for each service, a case for each criterion."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import click

from guardian.cli import whole_file
from guardian.cli.run_summary import WORDS, RunSummary
from guardian.core import reasons
from guardian.core.codec import rfc3339
from guardian.core.model import Criterion
from guardian.core.verdict import Outcome, Verdict

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document can hold, not even escaped: W3C XML 1.0, production 2."""
_ELEMENTS = {
    Outcome.FAIL: "failure",
    Outcome.INCONCLUSIVE: "skipped",
    Outcome.NO_DATA: "skipped",
    Outcome.ERROR: "error",
}


def write(path: Path, root: ET.Element) -> None:
    """Put a whole report in the path's place; OSError."""
    ET.indent(root)
    content = ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    whole_file.put(path, content)


def report(runs: Sequence[RunSummary]) -> ET.Element:
    """The report on all services."""
    root = ET.Element("testsuites", name="guardian")
    for run in runs:
        root.append(_suite(run))
    return root


def failure(error: str) -> ET.Element:
    """The report on a command that ended before it could guard anything."""
    root = ET.Element("testsuites", name="guardian")
    counts = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0"}
    suite = ET.SubElement(root, "testsuite", {"name": "guardian", **counts})
    case = ET.SubElement(suite, "testcase", name="start", classname="guardian")
    ET.SubElement(case, "error", message=_legal(error.partition("\n")[0])).text = _legal(error)
    return root


def _suite(run: RunSummary) -> ET.Element:
    rollout, plan = run.rollout, run.rollout.plan
    verdicts = {v.criterion: v for v in run.verdicts}
    counts = Counter(_element(verdicts.get(c.name)) for c in plan.criteria)
    suite = ET.Element(
        "testsuite",
        name=_legal(plan.service),
        tests=str(len(plan.criteria)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{rollout.last_at - rollout.started_at:.3f}",
        timestamp=rfc3339(rollout.started_at)[:19],
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in {
        "outcome": run.exit.name.lower(),
        "exit_code": str(run.exit.value),
        "rollout": plan.rollout,
        "phase": rollout.phase.value,
        "target": plan.target,
        "stable": plan.stable,
        "canary": plan.canary,
    }.items():
        ET.SubElement(properties, "property", name=name, value=_legal(value))
    for criterion in plan.criteria:
        suite.append(_case(run, criterion, verdicts.get(criterion.name)))
    told = "\n".join(f"{rfc3339(n.at)} {n.title} {n.did}" for n in run.notices)
    out = f"{plan.service}: {WORDS[run.exit][1]}\n{told}"
    ET.SubElement(suite, "system-out").text = _legal(out)
    return suite


def _case(run: RunSummary, criterion: Criterion, verdict: Verdict | None) -> ET.Element:
    plan = run.rollout.plan
    case = ET.Element(
        "testcase", name=_legal(criterion.name), classname=_legal(f"guardian.{plan.service}")
    )
    element = _element(verdict)
    if element:
        why = verdict.why if verdict is not None else "it was not judged"
        found = ET.SubElement(case, element, message=_legal(why))
        if verdict is not None:
            found.set("type", verdict.outcome.value)
            found.text = _legal(_evidence(verdict))
    return case


def _element(verdict: Verdict | None) -> str:
    """The element that says how a case ended; a pass has none, as has nothing to say."""
    return "skipped" if verdict is None else _ELEMENTS.get(verdict.outcome, "")


def _evidence(verdict: Verdict) -> str:
    evidence = verdict.evidence
    window = [
        "none" if at is None else rfc3339(at) for at in (evidence.window_start, evidence.window_end)
    ]
    return "\n".join(
        (
            f"value: {reasons.value(evidence) or 'none'}",
            f"fails: {reasons.limit(evidence)}",
            f"samples: {reasons.counted(evidence)} ({evidence.min_samples} needed)",
            f"window: {' to '.join(window)}",
        )
    )


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", click.unstyle(text))
