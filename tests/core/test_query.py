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
