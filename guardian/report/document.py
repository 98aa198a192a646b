"""A report as one JSON document for programs, with every datapoint and whole entries."""

from __future__ import annotations

import json
import math

from guardian.core.codec import encode_entry, plain, rfc3339
from guardian.core.model import Measurement, Query
from guardian.core.notices import Notice
from guardian.core.plan import Plan
from guardian.core.status import confirmed_weight
from guardian.messages import records, v1_report
from guardian.report.facts import DecisionFacts, Facts
from guardian.report.replay import PlottedPoint


def as_json(facts: Facts) -> str:
    """The document, indented, with a line end at its end; the same facts give the same text."""
    return json.dumps(document(facts), indent=1, allow_nan=False) + "\n"


def document(facts: Facts) -> v1_report.ReportRecord:
    """The document as JSON's own values."""
    plan, rollout, decisive = facts.plan, facts.rollout, facts.decisive
    return {
        "schema": "guardian/v1/report",
        "time": rfc3339(facts.made_at),
        "rollout": plan.rollout,
        "service": plan.service,
        "environment": plan.environment,
        "target": plan.target,
        "stable": plan.stable,
        "canary": plan.canary,
        "phase": rollout.phase.value,
        "live": rollout.live,
        "weight": confirmed_weight(rollout).ratio,
        "span": [rfc3339(facts.since), rfc3339(facts.until)],
        "decisive": None if decisive is None else decisive.seq,
        "metrics": {
            "read": bool(facts.readings.measurements),
            "missing": facts.readings.missing,
        },
        "weights": [{"time": rfc3339(at), "weight": w.ratio} for at, w in facts.weights],
        "decisions": [_decision(one) for one in facts.decisions],
        "criteria": [_criterion(facts, index) for index in range(len(plan.criteria))],
        "series": [_series(facts, query) for query in plan.queries()],
        "plan": _plan(plan),
    }


def _plan(plan: Plan) -> v1_report.PlanRecord:
    """As journalled, with weights as shares."""
    shown: v1_report.PlanRecord = plain(plan)
    shown["found"] = records.traffic(plan.found)
    shown["snapshot"] = records.snapshot(plan.snapshot)
    shown["steps"] = [records.step(one) for one in plan.steps]
    return shown


def _decision(one: DecisionFacts) -> v1_report.DecisionRecord:
    # The plan of the first one stands by itself in the document.
    entry = {
        key: part for key, part in json.loads(encode_entry(one.entry)).items() if key != "plan"
    }
    return {
        "seq": one.seq,
        "time": rfc3339(one.at),
        "event": one.event,
        "actor": one.actor,
        "text": one.text,
        "set_aside": one.set_aside,
        "verdicts": [records.verdict(v) for v in one.verdicts],
        "told": None if one.told is None else _told(one.told, one.receivers),
        "entry": entry,
    }


def _told(told: Notice, receivers: tuple[str, ...] | None) -> v1_report.TellingRecord:
    return {
        "event": told.event.value,
        "title": told.title,
        "did": told.did,
        "pages": [records.page(page) for page in told.pages],
        "to": None if receivers is None else list(receivers),
    }


def _criterion(facts: Facts, index: int) -> v1_report.CriterionRecord:
    criterion = facts.plan.criteria[index]
    found = facts.curves[index] if index < len(facts.curves) else None
    shown: v1_report.CriterionRecord = {
        "criterion": criterion.name,
        "limit": str(criterion.fail_if),
        "queries": [plain(query) for query in dict.fromkeys(criterion.queries())],
        "problem": found.problem if found is not None else "not read",
        "settled_at_decision": records.time_or_null(facts.settled_then(criterion.name)),
        "plotted": found is not None and not criterion.measure.any_of,
    }
    if found is not None:
        shown |= {
            "period_s": found.period_s,
            "unit": found.limit.unit.value,
            "limit_number": _number(found.limit.value),
            "log_e_limit": round(found.log_e_limit, 4),
            "values": [_point(p) for p in found.points],
            "stable": [_point(p) for p in found.stable],
            "evidence": [
                {"until": rfc3339(j.at), "verdict": j.outcome.value, "log_e": round(j.log_e, 4)}
                for j in found.looks
            ],
        }
    return shown


def _point(point: PlottedPoint) -> v1_report.PointRecord:
    return {
        "start": rfc3339(point.start),
        "number": _number(point.value),
        "bad": _number(point.bad),
        "samples": _number(point.samples),
        "over": point.over,
        "settled": point.settled,
    }


def _series(facts: Facts, query: Query) -> v1_report.SeriesRecord:
    found = facts.readings.measurements.get(query, Measurement())
    return {
        "query": plain(query),
        "read": query in facts.readings.measurements,
        "problem": None if found.problem is None else found.problem.detail,
        "settled_before": rfc3339(found.settled_before) if found.settled_before > 0 else None,
        "datapoints": [
            {
                "start": rfc3339(p.start),
                "number": _number(p.value),
                "settled": p.start + query.period_s <= found.settled_before,
            }
            for p in found.points
        ],
    }


def _number(value: float | None) -> float | None:
    """A number that JSON can hold; a vendor's NaN or infinity is null."""
    return value if value is not None and math.isfinite(value) else None
