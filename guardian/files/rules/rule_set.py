"""Rule files become criteria: found, read, changed by a service's overrides, checked, built."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guardian.core.model import Criterion
from guardian.files.findings import (
    Document,
    Finding,
    Mark,
    Node,
    SourceText,
    did_you_mean,
    finding,
    in_order,
    overlaid,
    refuse,
)
from guardian.files.references import Found, Lost, located, walked
from guardian.files.rules.build import build, measured
from guardian.files.rules.combine import REPLACED, composed
from guardian.files.rules.criterion import CriterionModel
from guardian.files.rules.lint import warnings, warnings_of_all
from guardian.files.rules.measure_form import Placed
from guardian.files.rules.model import Defaults, RuleFile
from guardian.files.rules.query import BuildContext, unrouted
from guardian.files.validation import validate
from guardian.messages.v1_files import FindingRecord, LintRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The criteria of one service; they still hold the rollout's placeholders."""

    criteria: tuple[Criterion, ...]
    files: tuple[str, ...]
    """As the user names them."""
    warnings: tuple[Finding, ...] = ()
    placed: tuple[Placed, ...] = ()
    """The criteria with where each stands."""


@dataclass(slots=True)
class _Request:
    """What a load was asked for, and what it found."""

    variables: Mapping[str, str] | None
    overrides: Node | None
    service: str | None
    findings: list[Finding] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)
    seen: dict[str, Mark] = field(default_factory=dict)
    """Where each criterion's name was first given."""


def load(
    references: Sequence[str | Path],
    *,
    base: Path = Path(),
    root: Path | None = None,
    variables: Mapping[str, str] | Node | None = None,
    overrides: Node | None = None,
    service: str | None = None,
    listed: Node | None = None,
) -> RuleSet:
    """The criteria of these rule files and presets, in order.

    A reference is a path from `base` (and below `root`, when given) or `preset:NAME`. `variables`
    fill the files' declared vars; a missing one is an error that names `service`, and with None all
    of them stay open. `overrides` maps
    a criterion's name to changes of it, as in a service's configuration. `listed` is where the
    references stand, for errors. Raises ConfigError with every error of all files.
    """
    given = (variables.data or {}) if isinstance(variables, Node) else variables
    request = _Request(variables=given, overrides=overrides, service=service)
    shown = []
    for index, reference in enumerate(references):
        found = located(str(reference), base, root)
        shown.append(found.shown)
        if isinstance(found, Lost):
            request.findings.append(_at_reference(listed, index, found))
            continue
        _collect(found, request)
    _unknown_overrides(request)
    if isinstance(variables, Node):
        _unknown_variables(variables, request)
    refuse(request.findings)
    if not request.placed:
        none = Lost(shown=", ".join(shown), why="no criterion is left to judge by")
        refuse([_at_reference(listed, 0, none)])
    doubts = [w for placed in request.placed for w in warnings(placed)]
    doubts.extend(warnings_of_all(request.placed))
    return RuleSet(
        criteria=tuple(p.criterion for p in request.placed),
        files=tuple(shown),
        placed=tuple(request.placed),
        warnings=tuple(in_order(doubts)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How much was checked, and what was found, file by file."""

    files: int
    criteria: int
    findings: tuple[Finding, ...]

    def record(self) -> LintRecord:
        """The report for JSON."""
        return {
            "schema": "guardian/v1/lint",
            "files": self.files,
            "criteria": self.criteria,
            "findings": [_finding(one) for one in self.findings],
        }


def _finding(one: Finding) -> FindingRecord:
    return {
        "path": one.path,
        "line": one.line,
        "column": one.column,
        "severity": one.severity,
        "message": one.message,
        "source": one.source,
    }


def lint(paths: Sequence[str | Path], *, routed: Collection[str] | None = None) -> Report:
    """Everything wrong or doubtful in rule files, presets and folders, each by itself.

    `routed` are the names that `${router.NAME}` may have; with None any will do.
    """
    files, criteria = list(walked(paths)), 0
    said: list[Finding] = []
    for given in files:
        if isinstance(given, Lost):
            said.append(_at_reference(None, 0, given))
            continue
        request = _Request(variables=None, overrides=None, service=None)
        _collect(given, request)
        doubts = [w for placed in request.placed for w in warnings(placed)]
        if given.path.parent.name != "presets":  # which are made to be combined
            doubts.extend(warnings_of_all(request.placed))
        if routed is not None:
            doubts.extend(f for placed in request.placed for f in unrouted(placed.node, routed))
        said += in_order([*request.findings, *doubts])
        criteria += len(request.seen)
    return Report(files=len(files), criteria=criteria, findings=tuple(dict.fromkeys(said)))


def _at_reference(listed: Node | None, index: int, lost: Lost) -> Finding:
    if listed is not None:
        return listed.finding((index,), lost.why)
    return finding(Mark(SourceText(lost.shown), 1, 1), lost.why)


# --- one file ----------------------------------------------------------------------------------


def _collect(file: Found, request: _Request) -> None:
    """Add a file's criteria and findings, with those of the files that it is made of."""
    for document in composed(file):
        _add(document, request)


def _add(document: Document, request: _Request) -> None:
    request.findings.extend(document.findings)
    if not document.whole:
        return
    if isinstance(document.data, dict) and "services" in document.data:
        other = "this is a configuration and no rule file: `guardian config lint` checks it"
        request.findings.append(document.finding(("services",), other))
        return
    head, found = validate(RuleFile, document)
    request.findings.extend(found)
    declared = document.at(("vars",))
    names = frozenset(declared) if isinstance(declared, dict) else frozenset()
    request.declared |= names
    if head is not None:
        _unset(head, document, request)
    criteria = document.at(("criteria",))
    keys = set(document.data) if isinstance(document.data, dict) else {"criteria"}
    unfinished = "extends" in keys and document.findings
    if not {"criteria", "include"} & keys and not unfinished:
        request.findings.append(document.finding((), "the key 'criteria' is missing"))
    for index in range(len(criteria) if isinstance(criteria, list) else 0):
        defaults = head.defaults if head is not None else Defaults()
        _criterion(Node(document, ("criteria", index)), defaults, names, request)


def _unset(head: RuleFile, document: Document, request: _Request) -> None:
    """Declared variables that have no value, where values are wanted at all."""
    if request.variables is None:
        return
    who = f"the service '{request.service}' does" if request.service else "the command does"
    for name, variable in head.vars.items():
        if name not in request.variables:
            what = f" ({variable.description})" if variable.description else ""
            say = f"{who} not set the variable '{name}'{what}: add it to its vars"
            request.findings.append(document.finding(("vars", name), say, key=True))


def _criterion(node: Node, defaults: Defaults, declared: frozenset[str], request: _Request) -> None:
    name = node.data.get("name") if isinstance(node.data, dict) else None
    if isinstance(name, str):
        _once(name, node.document.mark((*node.place, "name")), request)
        node = _overridden(node, name, request.overrides)
    model, found = validate(
        CriterionModel, node.document, node.place, context={"source": defaults.source}
    )
    request.findings.extend(found)
    if model is None or (found and not measured(model)):
        return
    context = BuildContext(
        node=node, defaults=defaults, declared=declared, values=request.variables or {}
    )
    criterion = build(model, context)
    request.findings.extend(context.findings)
    if criterion is not None and model.enabled:
        said = model.scope is not None
        request.placed.append(Placed(criterion=criterion, node=node, pooled_on_purpose=said))


def _overridden(node: Node, name: str, overrides: Node | None) -> Node:
    if overrides is None:
        return node
    over = Node(overrides.document, (*overrides.place, name))
    if not isinstance(over.data, dict):
        return node
    return Node(overlaid(node.document, node.place, over, whole=REPLACED), node.place)


def _once(name: str, mark: Mark, request: _Request) -> None:
    first = request.seen.setdefault(name, mark)
    if first is not mark:
        say = f"a criterion '{name}' stands in {first} already: rename one of them"
        request.findings.append(finding(mark, say))


# --- what a service says of files that it does not find there -----------------------------------


def _unknown_overrides(request: _Request) -> None:
    over = request.overrides
    if over is None:
        return
    if not isinstance(over.data, dict):
        request.findings.append(over.finding((), "override maps a criterion's name to its changes"))
        return
    for name, change in over.data.items():
        if name not in request.seen:
            known = (
                f"{did_you_mean(name, request.seen)}; known: {', '.join(request.seen) or 'none'}"
            )
            say = f"the rule files hold no criterion '{name}'{known}"
            request.findings.append(over.finding((name,), say, key=True))
        elif not isinstance(change, dict):
            say = "an override is a mapping, like {fail_if: {above: 2%}} or {enabled: false}"
            request.findings.append(over.finding((name,), say))
        elif "name" in change:
            say = "a criterion's name cannot be overridden"
            request.findings.append(over.finding((name, "name"), say, key=True))


def _unknown_variables(variables: Node, request: _Request) -> None:
    for name in variables.data or {}:
        if name not in request.declared:
            say = (
                f"the rule files declare no variable '{name}'{did_you_mean(name, request.declared)}"
            )
            request.findings.append(variables.finding((name,), say, key=True))
