"""Reports say what happened and why, the same for the same facts, and obey nobody's text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from guardian.core.model import Datapoint, Incident, Measurement, Problem, Query, Reason
from guardian.core.rollout.entries import (
    Cancelled,
    Cause,
    Completed,
    Entry,
    GateFailed,
    RollbackStarted,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
)
from guardian.core.traffic import FULL
from guardian.core.verdict import Evidence, Outcome
from guardian.report.document import as_json
from guardian.report.facts import Readings
from guardian.report.markdown import as_markdown
from guardian.report.page import as_html
from guardian.report.replay import MOST_LOOKS
from guardian.report.text import as_text
from tests.core.rollouts import ALARMS, GATE, PAGED, PLAN, T0, TEN
from tests.report.cases import (
    BREACH_AT,
    CPU,
    CPU_SERIES,
    FAILED,
    breached,
    facts,
    planned,
    read,
    series,
)

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "report"
VOID = {"meta", "line", "circle", "path"}
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=https://evil.example/x onerror=1>[x](javascript:1)|`"
)


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, their text, and whether they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.unclosed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An element ends: it must be the innermost one."""
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += data

    def count(self, tag: str) -> int:
        """How many elements of a kind there are."""
        return sum(name == tag for name, _ in self.elements)


# --- the same for the same ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "write"),
    [("breach.txt", as_text), ("breach.md", as_markdown), ("breach.json", as_json)],
)
def test_a_report_is_written_as_it_always_was(name: str, write: object) -> None:
    """Text, Markdown and JSON are as in tests/data/report; delete a file there to write it anew."""
    assert callable(write)
    text = write(facts())
    assert text == write(facts())
    golden = GOLDEN / name
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden} was not there and is written now: look at it, and run again")
    assert text == golden.read_text(encoding="utf-8")


def test_a_page_is_the_same_for_the_same_facts() -> None:
    """Nothing in it depends on chance or on the time of day."""
    assert as_html(facts()) == as_html(facts())


# --- the page ----------------------------------------------------------------------------------


def test_a_page_is_whole_and_needs_nothing_else() -> None:
    """Every element closes; no script, no link, no image, no address to load from."""
    text = as_html(facts())
    page = Page(text)
    assert page.unclosed == []
    assert not {"script", "link", "img", "iframe", "object", "a", "base"} & {
        tag for tag, _ in page.elements
    }
    assert re.search(r"https?:|//|url\(|@import", text) is None
    assert [a for _, attrs in page.elements for a in attrs if a.startswith("on")] == []
    assert ("html", {"lang": "en"}) in page.elements
    policy = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert "prefers-color-scheme:dark" in text


def test_every_plot_has_a_title_and_a_description() -> None:
    """Of traffic, of each criterion's values, and of its evidence; ids are there once each."""
    page = Page(as_html(facts()))
    plots = [attrs for tag, attrs in page.elements if tag == "svg"]
    ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    assert len(ids) == len(set(ids)) == 2 * len(plots)
    named = [(attrs["aria-labelledby"] or "").split() for attrs in plots]
    assert [names[0] for names in named] == ["traffic-t", "value-0-t", "evidence-0-t", "value-1-t"]
    assert sorted(name for names in named for name in names) == sorted(str(i) for i in ids)
    assert page.count("title") == len(plots) + 1
    assert page.count("h1") == 1
    assert all(attrs.get("role") == "img" for attrs in plots)


def test_plots_show_limit_shifts_and_both_versions() -> None:
    """A line each, with their names beside them."""
    text = as_html(facts())
    assert text.count('class="limit"') == 3
    assert text.count('class="event"') == 8
    for said in (">to 10%<", ">rollback<", ">limit 5%<", "proof at 4.", "as recorded"):
        assert said in text, said
    assert text.count('<g class="stable">') == 1


def test_hostile_text_stays_text() -> None:
    """Reasons, actors, versions and vendors' words are shown and never obeyed."""
    plan = replace(planned(), actor=HOSTILE, reason=HOSTILE, canary=HOSTILE)
    entries: list[Entry] = [*breached(plan)]
    entries[6] = RollbackStarted(
        at=BREACH_AT,
        cause=Cause.BREACH,
        detail=HOSTILE + "\x1b[2J\u202e\n# a heading",
        verdicts=(replace(FAILED, why=HOSTILE),),
    )
    found = facts(entries, replace(read(), missing=HOSTILE))
    text = as_html(found)
    page = Page(text)
    assert page.unclosed == []
    assert not {"script", "img", "a"} & {tag for tag, _ in page.elements}
    assert "alert(1)" in page.text
    assert "\x1b" not in text + as_text(found) + as_markdown(found)
    assert "\u202e" not in text + as_text(found) + as_markdown(found)
    markdown = as_markdown(found)
    for raw in ("<script", "https://evil", "[x](", "\n# a heading"):
        assert raw not in markdown, raw
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in rows if "rollback" in line]
    assert set(cells) <= {3, 6, 10}, cells


def test_what_is_no_text_at_all_can_be_written() -> None:
    """A lone surrogate in a name does not end the report."""
    plan = replace(planned(), reason="a \ud800 b")
    for write in (as_html, as_text, as_markdown, as_json):
        write(facts(breached(plan))).encode()


def test_a_long_rollout_stays_a_small_file() -> None:
    """Ten days of minutes: thinned in plots without losing the worst one, cut in tables."""
    minutes = 14_400
    entries = [*breached()[:3]]
    plan = replace(planned(), criteria=(CPU,))
    entries[0] = RolloutStarted(at=T0, plan=plan)
    values = [50.0] * minutes
    values[7_777] = 99.0
    readings = Readings(measurements={CPU_SERIES: series(values, settled=T0 + 60 * minutes)})
    found = facts(entries, readings, now=T0 + 60 * minutes)
    text = as_html(found)
    assert len(text) < 100_000
    assert "99.0% at" in text
    assert "the last 240 of" in text
    assert len(found.curves[0].looks) <= MOST_LOOKS


# --- what it says ------------------------------------------------------------------------------


def test_the_evidence_rises_where_the_release_went_bad() -> None:
    """Judged again minute by minute, up to the decision and not beyond it."""
    curve = facts().curves[0]
    looks = {round((look.at - T0) / 60): look for look in curve.looks}
    assert sorted(looks) == list(range(2, 13))
    assert looks[8].outcome is Outcome.PASS
    assert looks[8].log_e < 0 < curve.log_e_limit < looks[11].log_e
    assert looks[12].outcome is Outcome.FAIL


def test_datapoints_tell_what_was_settled_at_the_decision() -> None:
    """Those that the verdict could not rest on are marked; so are those that may still change."""
    rows = [row for row in as_text(facts()).splitlines() if "  20.0%" in row and "over" in row]
    assert [row.endswith("settled, not yet at the decision") for row in rows[-3:]] == [
        False,
        True,
        True,
    ]
    fresh = Readings(
        measurements={
            q: replace(m, settled_before=T0 + 600) for q, m in read().measurements.items()
        }
    )
    assert "not settled" in as_text(facts(readings=fresh))


def test_a_report_without_datapoints_says_so_and_keeps_the_rest() -> None:
    """Decisions, verdicts and traffic are the journal's."""
    alone = facts(readings=Readings(missing="made from the journal alone"))
    for write in (as_text, as_markdown, as_html):
        text = write(alone)
        assert "made from the journal alone" in text
        assert "80 bad of 400 samples" in text
        assert "they were not read again" in text
    assert as_html(alone).count("<svg") == 1
    found = json.loads(as_json(alone))
    assert found["metrics"] == {"read": False, "missing": "made from the journal alone"}


def test_a_series_that_was_not_read_says_why() -> None:
    """The other criteria keep their plots."""
    problem = Problem(reason=Reason.AUTH, detail="AccessDenied: no cloudwatch:GetMetricData")
    measurements = dict(read().measurements)
    measurements[CPU_SERIES] = Measurement(problem=problem)
    found = facts(readings=Readings(measurements=measurements))
    assert as_text(found).count("AccessDenied") == 2
    assert as_html(found).count("<svg") == 3


def test_no_value_of_a_vendor_breaks_a_report() -> None:
    """Not a number, infinity, and counts below zero."""
    for wrong in (float("nan"), float("inf"), -5.0, 1e300):
        measurements: dict[Query, Measurement] = dict(read().measurements)
        for query, found in list(measurements.items()):
            points = (*found.points[:3], Datapoint(found.points[3].start, wrong), *found.points[4:])
            measurements[query] = replace(found, points=points)
        report = facts(readings=Readings(measurements=measurements))
        drawn = re.findall(r"<svg.*?</svg>", as_html(report), flags=re.DOTALL)
        assert not re.search(r"(?i)\b(nan|inf)\b", "".join(drawn))
        json.loads(as_json(report))
        as_text(report)
        as_markdown(report)


@pytest.mark.parametrize(
    "entries",
    [
        (RolloutStarted(at=T0, plan=PLAN),),
        (RolloutStarted(at=T0, plan=PLAN), Cancelled(at=T0, detail="not now", actor="bob")),
        (
            RolloutStarted(at=T0, plan=GATE),
            StepEntered(at=T0, step=0),
            WeightConfirmed(at=T0, weight=FULL),
            GateFailed(at=T0 + 90, detail="broken", verdicts=(FAILED,)),
        ),
        (
            RolloutStarted(at=T0, plan=replace(PLAN, criteria=(PAGED,))),
            StepEntered(at=T0, step=0),
            WeightConfirmed(at=T0, weight=TEN),
            StepEntered(at=T0 + 1, step=1, actor="bob", overridden=("p0-incident",)),
            WeightConfirmed(at=T0 + 2, weight=FULL),
            Completed(at=T0 + 3, unproven=("p0-incident",)),
        ),
    ],
    ids=["just begun", "cancelled", "gate", "completed"],
)
def test_every_kind_of_end_can_be_told(entries: tuple[Entry, ...]) -> None:
    """Also a rollout that is hardly begun, and one that took no time at all."""
    found = facts(entries, Readings(), now=T0)
    assert Page(as_html(found)).unclosed == []
    assert json.loads(as_json(found))["rollout"] == PLAN.rollout
    text = as_text(found)
    assert as_markdown(found).startswith("# agents-api: ")
    for aside in ("overridden: p0-incident", "not proven: p0-incident"):
        assert (aside in text) is isinstance(entries[-1], Completed)


def test_what_was_open_is_told_in_the_words_of_its_kind() -> None:
    """Incidents and alarms that decided: a table for each, with columns that fit."""
    opened = Incident(id="A", title="why A", priority="P0", service="S", opened_at=T0 + 60)
    fired = replace(opened, id="checkout-5xx", priority="ALARM", title="why B")
    verdicts = tuple(
        replace(FAILED, criterion=c.name, evidence=Evidence(incidents=(one,)))
        for c, one in ((PAGED, opened), (ALARMS, fired))
    )
    found = facts(
        (
            RolloutStarted(at=T0, plan=replace(PLAN, criteria=(PAGED, ALARMS))),
            StepEntered(at=T0, step=0),
            RollbackStarted(at=T0 + 90, cause=Cause.BREACH, detail="open", verdicts=verdicts),
        ),
        Readings(),
        now=T0 + 90,
    )
    told = as_markdown(found)
    incidents, alarms = (
        told.index(f"criterion | {columns} |")
        for columns in (
            "incident | priority | opened | service | title",
            "alarm | state | fired | type | reason",
        )
    )
    assert told.index("Incidents") < incidents < told.index("why A") < told.index("Alarms")
    assert told.index("Alarms") < alarms < told.index("why B")
    assert "Incidents" not in as_markdown(facts())


def test_the_outcome_has_a_colour_and_every_cell_its_columns_name() -> None:
    """On a narrow page a row is a block, and each value says what it is."""
    page = as_html(facts())
    assert '<p class="end bad">' in page
    assert '<td data-of="verdict">' in page
