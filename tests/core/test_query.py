"""A query in its source's own words, as people and other rooms see it."""

from __future__ import annotations

from guardian.core.model import Query

HITS = Query(
    source="log",
    name="web hits",
    words=(
        ("field", "hits"),
        ("since", None),
        ("tags", (("env", "prod"), ("v", "42"))),
        ("unit", "n"),
    ),
)


def test_a_query_is_told_by_its_name_its_labels_and_what_else_is_asked() -> None:
    """A word that its name says already is not said again."""
    assert HITS.labels == "env=prod, v=42"
    assert HITS.detail == "n"
    assert Query(source="log", name="hits", words=()).labels == "none"


def test_a_query_shows_each_of_its_texts() -> None:
    """Those of names too; what is not said is none."""
    assert list(HITS.texts()) == ["hits", "n", "prod", "42"]
    assert (HITS.word("field"), HITS.word("since"), HITS.word("other")) == ("hits", None, None)


def test_an_expression_is_told_with_its_values() -> None:
    """A text names them as `$(NAME)`; what is called as it reads then is not told twice."""
    words = (("query", 'rate(hits{v="$(canary)"}[1m])'), ("values", (("canary", "42"),)))
    told = 'rate(hits{v="42"}[1m])'
    assert Query(source="log", name="hits", words=words).detail == told
    assert Query(source="log", name=told, words=words).detail == ""
