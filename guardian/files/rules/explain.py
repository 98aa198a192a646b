"""Rule files in plain English: what each criterion reads, when it fails, what is a default."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from guardian.core.model import Criterion, Direction, Judge, Missing, OnFail, Query
from guardian.core.plan import Policy, PreExisting
from guardian.core.wording import span
from guardian.files.findings import Mark, SourceText, finding, refuse
from guardian.files.references import Lost, walked
from guardian.files.rules.kinds import form_of
from guardian.files.rules.measure_form import Placed
from guardian.files.rules.provenance import asked, at_line, values
from guardian.files.rules.rule_set import RuleSet, load
from guardian.messages.v1_files import ExplainedRecord, ExplanationRecord, ValueRecord

WIDTH: Final = 100
_PLACEHOLDER: Final = re.compile(r"\$\{[^{}]*\}")
_OF_THE_ROLLOUT: Final = re.compile(r"\$\{(canary|stable|router)[.}]")
_THAN: Final = {
    Direction.ABOVE: "more than {}",
    Direction.AT_OR_ABOVE: "{} or more",
    Direction.BELOW: "less than {}",
    Direction.AT_OR_BELOW: "{} or less",
}
_THEN: Final = {
    OnFail.ROLLBACK: "the release is rolled back",
    OnFail.HOLD: "the rollout is held for a person",
    OnFail.NOTIFY: "people are told, and nothing else happens",
}
_PRE_EXISTING: Final = {
    PreExisting.COMPARE: "What stable itself breaks before the first shift is compared with stable"
    " where it can be, else only told: pre_existing: compare",
    PreExisting.HOLD: "What stable itself breaks before the first shift lets no rollout begin until"
    " it is over: pre_existing: hold",
}
_MISSING: Final = {
    Missing.MISSING: "A missing datapoint is passed over",
    Missing.IGNORE: "A missing datapoint repeats the one before it",
    Missing.BREACHING: "A missing datapoint counts as over the limit",
    Missing.NOT_BREACHING: "A missing datapoint counts as within the limit",
}


def explained(paths: Sequence[str | Path]) -> list[ExplanationRecord]:
    """Each rule file, preset and folder of rule files by itself. Raises ConfigError."""
    found = list(walked(paths))
    lost = [finding(Mark(SourceText(f.shown), 1, 1), f.why) for f in found if isinstance(f, Lost)]
    refuse(lost)
    return [explain(load([f.shown])) for f in found]


def explain(rules: RuleSet, *, policy: Policy | None = None) -> ExplanationRecord:
    """The criteria of a service, or of files as if they were a service's.

    `policy` is the service's; None for what a service has that says nothing else.
    """
    usual = policy or Policy()
    chance = usual.false_rollback
    tests = sum(c.tests for c in rules.criteria)
    return {
        "files": list(rules.files),
        "criteria": [_explained(p, chance / (tests or 1)) for p in rules.placed],
        "all": list(_together(rules.criteria, usual, tests, given=policy is not None)),
    }


def _explained(placed: Placed, alpha: float) -> ExplainedRecord:
    criterion = placed.criterion
    return {
        "name": criterion.name,
        "where": at_line(placed.node, ("name",)),
        "description": criterion.description,
        "sentences": [
            _fails(placed),
            *_judged(criterion, alpha),
            *_passes(criterion),
            *_silence(criterion),
        ],
        "reads": list(asked(placed)),
        "values": list(values(placed)),
    }


# --- when it fails -----------------------------------------------------------------------------


def _fails(placed: Placed) -> str:
    criterion, limit = placed.criterion, placed.criterion.fail_if
    than = _THAN[limit.direction].format(limit.text)
    at = at_line(placed.node, ("fail_if",))
    subject = form_of(criterion.measure).subject(criterion.measure, than)
    return f"Fails when {subject} ({at}): {_THEN[criterion.on_fail]}."


# --- how it is judged --------------------------------------------------------------------------


def _judged(criterion: Criterion, alpha: float) -> Iterator[str]:
    match criterion.judge:
        case Judge.PRESENCE:
            yield f"Judged by presence: one is enough. {form_of(criterion.measure).never}".rstrip()
            yield "One that is open before the first shift holds the start instead of failing it."
        case Judge.THRESHOLD:
            yield from _by_threshold(criterion)
        case Judge.SEQUENTIAL:
            yield (
                "Judged by the sequential test: all settled minutes since the first shift weigh"
                f" together, of which at least {criterion.sustain} must be bad. A release within"
                f" the limit fails it by chance in at most {_percent(alpha)} of rollouts."
            )
    if criterion.compare is not None:
        ratio, least = criterion.compare.max_ratio, criterion.compare.min_increase
        times = "" if ratio == 1 else f"{ratio:g} times "
        yield (
            f"Judged against stable as well: it also fails when its rate is above {times}stable's"
            f" and the difference is at least {_percent(least)}."
        )


def _by_threshold(criterion: Criterion) -> Iterator[str]:
    m, n = criterion.datapoints
    yield (
        f"Judged by threshold: {m} of the last {n} datapoints are over the limit. The chance of a"
        " false alarm is not bounded."
    )
    if criterion.min_samples > 1:
        yield f"A datapoint counts when it rests on at least {criterion.min_samples} samples."
    if form_of(criterion.measure).fills:
        yield f"{_MISSING[criterion.treat_missing]}, where its neighbours are there."


def _passes(criterion: Criterion) -> Iterator[str]:
    waits = "a step waits for that" if criterion.gating else "no step waits for that"
    fewer = "With fewer it is inconclusive, which is no pass and no breach."
    match criterion.judge:
        case Judge.PRESENCE:
            yield f"Passes while there is none; {waits}."
        case Judge.THRESHOLD:
            within = "within the limit" if criterion.fail_if.direction.rising else "not under it"
            yield f"Passes with enough datapoints in the step that are {within}; {waits}. {fewer}"
        case Judge.SEQUENTIAL:
            count = _number(criterion.min_samples, "sample", "samples")
            yield (
                f"Passes with {count} in the step and the observed value within the limit; {waits}."
                f" {fewer}"
            )


def _silence(criterion: Criterion) -> Iterator[str]:
    form = form_of(criterion.measure)
    yield from form.silence(criterion.measure)
    if criterion.judge is Judge.PRESENCE:
        yield "Unreadable is an error: it neither passes nor fails."
        return
    warm = f" The first {span(criterion.warm_up_s)} after each shift are left out."
    yield (
        f"A datapoint is taken as final {span(criterion.settle_s)} after its period ends;"
        f" {form.unheard(criterion)}.{warm if criterion.warm_up_s else ''}"
    )


# --- what holds for all ------------------------------------------------------------------------


def _together(
    criteria: Sequence[Criterion], policy: Policy, tests: int, *, given: bool
) -> Iterator[str]:
    origin = "the service's" if given else "the default of a service"
    chance = policy.false_rollback
    if tests:
        each = f"{_number(tests, 'test', 'tests')}, {_percent(chance / tests)} each"
        yield (
            f"A release within its limits is taken back by chance in at most {_percent(chance)} of"
            f" rollouts: false_rollback ({origin}), split evenly over {each}."
        )
    bare = [c.name for c in criteria if not c.tests]
    if bare:
        yield f"false_rollback does not cover {', '.join(bare)}: no statistical test judges them."
    elif tests:
        yield "It covers every criterion."
    yield f"{_PRE_EXISTING[policy.pre_existing]} ({origin})."
    names = sorted({name for c in criteria for q in c.queries() for name in _placeholders(q)})
    own = [name for name in names if not _OF_THE_ROLLOUT.match(name)]
    if own:
        yield f"Filled in by each service, in its vars: {', '.join(own)}."
    if len(names) > len(own):
        bound = ", ".join(name for name in names if name not in own)
        yield f"Filled in when a rollout or a watch begins: {bound}."


def _placeholders(query: Query) -> Iterator[str]:
    for text in query.texts():
        yield from _PLACEHOLDER.findall(text)


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


# --- lines -------------------------------------------------------------------------------------


def in_words(explanation: ExplanationRecord) -> str:
    """The same for people."""
    criteria = explanation["criteria"]
    parts = ["\n".join(_lines(criterion)) for criterion in criteria]
    together = "\n".join(["All of them together", *_filled(explanation["all"])])
    counted = _number(len(criteria), "criterion", "criteria")
    head = f"{', '.join(explanation['files'])}: {counted}"
    return "\n\n".join([head, *parts, together]) + "\n"


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _filled(sentences: Sequence[str]) -> Iterator[str]:
    for sentence in sentences:
        yield textwrap.fill(
            sentence,
            WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _lines(criterion: ExplainedRecord) -> Iterator[str]:
    yield f"{criterion['name']} ({criterion['where']})"
    if criterion["description"]:
        yield from _filled([criterion["description"]])
    yield from _filled(criterion["sentences"])
    for query in criterion["reads"]:
        yield f"  Reads {query['for']}:"
        yield from _table(query["keys"], "    ")
    yield "  Values in force:"
    yield from _table(criterion["values"], "    ")


def _table(rows: Sequence[ValueRecord], indent: str) -> Iterator[str]:
    keys = max(len(row["key"]) for row in rows)
    texts = max((len(row["value"]) for row in rows if len(row["value"]) <= 40), default=0)
    for row in rows:
        why = f": {row['why']}" if "why" in row else ""
        origin = row.get("where", f"default{why}")
        yield f"{indent}{row['key']:{keys}}  {row['value']:{texts}}  {origin}"
