"""Queries in JSON: their words stand among their fields, and so they did before they had a name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from guardian.cloudwatch import metric_query
from guardian.core.codec import CodecError, decode, encode
from guardian.core.judging.kinds.incidents import incident_query
from guardian.core.model import Query
from tests.core.test_codec import CRITERION

OF_CLOUDWATCH = (
    '{"account_id":null,"dimensions":[["FunctionName","agents-api"]],"metric":"Errors",'
    '"namespace":"AWS/Lambda","period_s":60,"region":null,"source":"cloudwatch","stat":"Sum",'
    '"unit":"Count","versioned":["FunctionName"]}'
)
OF_PAGERDUTY = (
    '{"account_id":null,"dimensions":[["priority","P0"],["service","PABC123"]],"metric":"open",'
    '"namespace":"incidents","period_s":60,"region":null,"source":"pagerduty","stat":"open",'
    '"unit":null,"versioned":[]}'
)


def test_a_query_that_was_written_before_it_had_a_name_is_the_same_query() -> None:
    """Its words are CloudWatch's or PagerDuty's, and its name is what it always was."""
    dimensions = (("FunctionName", "agents-api"),)
    now = metric_query(
        namespace="AWS/Lambda", metric="Errors", stat="Sum", dimensions=dimensions, unit="Count"
    )
    found = decode(Query, OF_CLOUDWATCH)
    assert (found, found.name, found.versioned) == (now, "AWS/Lambda Errors", ("FunctionName",))
    incidents = decode(Query, OF_PAGERDUTY)
    assert incidents == incident_query("pagerduty", ("P0",), ("PABC123",))
    assert incidents.name == "incidents open"


@pytest.mark.parametrize("text", [OF_CLOUDWATCH, OF_PAGERDUTY])
def test_a_query_is_written_as_before_with_its_name(text: str) -> None:
    """Whoever reads the journal by its fields finds them."""
    written = json.loads(encode(decode(Query, text)))
    assert written.pop("name")
    assert written == json.loads(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "an object with the fields of Query is wanted, not a list"),
        ('{"metric":"m"}', r"Query\.source: this field is missing"),
        (
            '{"metric":7,"source":"s"}',
            r"Query\.words\[0\]\[1\]: text, null or a list of names and values",
        ),
    ],
)
def test_what_is_no_query_is_refused(text: str, said: str) -> None:
    """With what is wrong."""
    with pytest.raises(CodecError, match=said):
        decode(Query, text)


def test_only_a_query_is_written_as_one() -> None:
    """A bug is caught when it is written."""
    measure: Any = replace(CRITERION.measure, part="sum(errors)")  # type: ignore[call-arg]
    with pytest.raises(CodecError, match=r"part: a Query is wanted, not text"):
        encode(replace(CRITERION, measure=measure))
