"""Rule files that ask Prometheus: what becomes of their expressions, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.files import rules
from guardian.ports import ConfigError

RATIO = """\
version: 1
name: shop
defaults: {source: prometheus}
criteria:
  - name: errors
    ratio:
      bad: {query: 'sum(increase(failed_total{version="${canary}", fn="${router.function}"}[1m]))'}
      total: {query: 'sum(increase(all_total{version="${canary}"}[1m]))', name: requests}
    fail_if: {above: 5%}
    compare: {to: stable}
  - name: age
    gauge: {query: max(age_seconds), unit: Seconds}
    fail_if: {above: 2m}
"""


def test_a_rule_file_may_ask_prometheus_for_all_of_it(tmp_path: Path) -> None:
    """The rollout's names are values of the query, so that the other version's can be put in."""
    path = tmp_path / "shop.yaml"
    path.write_text(RATIO, encoding="utf-8")
    errors, age = rules.load([path]).criteria
    part, total = errors.measure.queries
    assert part.labels == "canary=${canary}, router.function=${router.function}"
    assert part.word("query") == (
        'sum(increase(failed_total{version="$(canary)", fn="$(router.function)"}[1m]))'
    )
    assert (total.name, part.source, errors.settle_s) == ("requests", "prometheus", 120.0)
    assert errors.compare is not None
    assert errors.compare.stable is not None
    assert errors.compare.stable.queries[1].labels == "canary=${stable}"
    assert (age.fail_if.value, age.gating) == (120.0, False)


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("[1m]))', name", "[5m]))', name", "counts each event once: every range is as long"),
        ("[1m]))', name", "[1m30s]))', name", "counts each event once: every range is as long"),
        ("[1m]))', name", "[1w]))', name", "counts each event once: every range is as long"),
        ("    ratio:\n", "    ratio:\n      dimensions: {A: b}\n", "Prometheus has labels"),
        ("sum(increase(all", "sum(rate(all", "a rate is per second: write increase"),
        (
            "    fail_if: {above: 5%}",
            "      dimensions: {A: b}\n    fail_if: {above: 5%}",
            "labels",
        ),
        (
            "gauge: {query: max(age_seconds), unit: Seconds}",
            "latency: {percentile: 95, metric: {query: d_seconds}}",
            "Prometheus counts durations in buckets, so a latency is a ratio",
        ),
        ("{query: max(age", "{quarry: max(age", "unknown key 'quarry' (did you mean 'query'?)"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    tmp_path: Path, wrong: str, right: str, said: str
) -> None:
    """With what to write."""
    path = tmp_path / "shop.yaml"
    path.write_text(RATIO.replace(wrong, right), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        rules.load([path])
    assert said in str(refused.value)


def test_a_range_that_a_variable_gives_is_held_to_the_period_too(tmp_path: Path) -> None:
    """Once it has a value; a duration may have several parts."""
    path = tmp_path / "shop.yaml"
    text = RATIO.replace("name: shop\n", "name: shop\nvars: {span: {description: of a count}}\n")
    path.write_text(text.replace("[1m]", "[${span}]"), encoding="utf-8")
    assert rules.load([path], variables={"span": "0h60s"}).criteria
    with pytest.raises(ConfigError, match="every range is as long as the period"):
        rules.load([path], variables={"span": "5m"})
