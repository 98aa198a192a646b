"""The words for a verdict, made of its evidence: its value, what that was held against, and why."""

from __future__ import annotations

from dataclasses import replace

from guardian.core import figures
from guardian.core.figures import Unit
from guardian.core.judging.observed import bound
from guardian.core.model import MINUTE_S, Criterion
from guardian.core.verdict import Basis, Datapoints, Evidence, Outcome, Verdict
from guardian.core.wording import hour_minute


def value(seen: Evidence) -> str:
    """The observed value, in as many digits as tell it from what it was held against; or ""."""
    if seen.value is None:
        return ""
    beside = seen.limit.figure if seen.limit is not None else None
    text = figures.text(seen.value, seen.stable.value if seen.stable is not None else beside)
    if seen.slower_than is None:
        return text
    return f"{text} slower than {figures.exact(seen.slower_than)}"


def limit(seen: Evidence) -> str:
    """What the value was held against, with the direction that hurts: "above 5%"; or ""."""
    if seen.limit is None:
        return ""
    if seen.basis is Basis.INCIDENTS:
        return "any"
    if seen.stable is not None:
        times = f"{seen.stable.max_ratio:g} x " if seen.stable.max_ratio != 1.0 else ""
        side = "above" if seen.limit.direction.rising else "below"
        return f"{side} {times}stable's {_stable(seen)}"
    if seen.slower_than is not None:
        return figures.bound(replace(seen.limit, figure=seen.slower_than))
    return figures.bound(seen.limit)


def fails_on(criterion: Criterion) -> str:
    """What a criterion fails on, before there is any evidence: "above 5%, or worse than stable"."""
    if criterion.measure.any_of:
        return f"any {criterion.measure.any_of}"
    slower_than = criterion.measure.slower_than(criterion.fail_if)
    held_to = limit(Evidence(limit=bound(criterion), slower_than=slower_than))
    compared = criterion.compare is not None and criterion.compare.stable is not None
    return f"{held_to}, or worse than stable" if compared else held_to


def against(seen: Evidence, *, over: bool = True) -> str:
    """Both sides of what decided: "6.1% over 5%", "4.0% against 1.0% on stable"."""
    if seen.value is None or seen.limit is None or seen.basis is Basis.INCIDENTS:
        return value(seen)
    if seen.stable is not None:
        return f"{value(seen)} against {_stable(seen)} on stable"
    side = figures.side(seen.limit, over=over or seen.datapoints is not None)
    if seen.datapoints is not None:
        return f"{seen.datapoints.over} of {seen.datapoints.of} datapoints {side}"
    comma = "" if over and seen.slower_than is None else ","
    return f"{value(seen)}{comma} {side}"


def warns(verdict: Verdict) -> str:
    """What is to be known of a verdict that stops nothing: "4.01% over 4%", the nearer limit."""
    seen = verdict.evidence
    if verdict.outcome is Outcome.FAIL:
        return against(seen)
    if seen.warned is None:
        return value(seen)
    return against(replace(seen, limit=seen.warned, datapoints=None))


def why(outcome: Outcome, seen: Evidence, detail: str = "") -> str:
    """One sentence of what decided; `detail` is what no figure says."""
    said = _why(outcome, seen, detail)
    if not seen.shared_minutes or (outcome is Outcome.INCONCLUSIVE and seen.stable is not None):
        return said
    lasted = duration(seen.shared_minutes * MINUTE_S)
    return f"{said}; without {lasted} in which stable showed the same"


def _why(outcome: Outcome, seen: Evidence, detail: str) -> str:
    if outcome in (Outcome.ERROR, Outcome.NO_DATA) or seen.value is None:
        return detail
    if seen.datapoints is not None:
        return _by_datapoints(outcome, seen, seen.datapoints, detail)
    if outcome is Outcome.PASS:
        return f"{against(seen, over=seen.over_limit)} ({counted(seen)})"
    if outcome is Outcome.FAIL:
        needed = f"log e {seen.log_e:.1f} >= {seen.log_e_limit:.1f}"
        worse = " worse" if seen.stable is not None else ""
        return f"{against(seen)}: proven{worse} ({counted(seen, dated=True)}; {needed})"
    if seen.stable is not None:
        return f"{against(seen)}: not attributed to this release ({counted(seen)})"
    if seen.basis is Basis.THRESHOLD or not seen.over_limit:
        return detail
    few = f"; {detail}" if detail else ""
    return f"{against(seen)}, not yet proven ({counted(seen)}{few})"


def counted(seen: Evidence, *, dated: bool = False) -> str:
    """How many of how many were bad in what time, on each side; of a count, how many there were."""
    when = f", {window(seen)}" if dated else ""
    if seen.value is not None and seen.value.unit is Unit.PER_MINUTE:
        return f"{seen.bad} in {duration(_minutes(seen) * MINUTE_S)}{when}{_growing(seen)}"
    other = f" against {seen.stable.bad} of {seen.stable.samples}" if seen.stable else ""
    return f"{seen.bad} bad of {sampled(seen)}{other}{when}{_growing(seen)}"


def sampled(seen: Evidence) -> str:
    """How much was seen in what time: "480 samples in 10 minutes"."""
    lasted = f" in {duration(_minutes(seen) * MINUTE_S)}" if _minutes(seen) else ""
    return f"{seen.samples} samples{lasted}"


def duration(seconds: float) -> str:
    """Whole minutes, or seconds below one."""
    if seconds < MINUTE_S:
        return f"{seconds:.0f} seconds"
    minutes = int(seconds // MINUTE_S)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _minutes(seen: Evidence) -> float:
    """Settled and unsettled ones."""
    return seen.minutes + (seen.unsettled.minutes if seen.unsettled is not None else 0.0)


def _growing(seen: Evidence) -> str:
    """What of the counts may still grow, and what the value is at least when it has."""
    late = seen.unsettled
    if late is None or seen.limit is None:
        return ""
    of = "" if late.bound is None else f" of {late.samples}"
    part = f"{late.bad}{of} in {duration(late.minutes * MINUTE_S)} not settled yet"
    text = f"; {part if seen.minutes else 'none of them settled yet'}"
    if late.bound is None or late.most == late.samples:
        return text
    least = figures.text(late.bound, seen.limit.figure)
    return f"{text}: at least {least} should they grow to {late.most}"


def _stable(seen: Evidence) -> str:
    return figures.text(seen.stable.value, seen.value) if seen.stable is not None else ""


def _by_datapoints(outcome: Outcome, seen: Evidence, of: Datapoints, detail: str) -> str:
    """What M of N datapoints show, with the newest of them; of a breach, with the worst."""
    rising = seen.limit is None or seen.limit.direction.rising
    which = ("highest" if rising else "lowest") if outcome is Outcome.FAIL else "newest"
    breach = f", a breach at {of.needed[0]} of {of.needed[1]}"
    also = f"; {detail}" if detail else ""
    also += f", {window(seen)}" if outcome is Outcome.FAIL else ""
    return (
        f"{against(seen)}{'' if outcome is Outcome.PASS else breach} ({which} {value(seen)}{also})"
    )


def window(evidence: Evidence) -> str:
    """The span of time that the evidence covers, "03:10 to 03:20 UTC"; "" when there is none."""
    if evidence.window_start is None or evidence.window_end is None:
        return ""
    return f"{hour_minute(evidence.window_start)} to {hour_minute(evidence.window_end)} UTC"
