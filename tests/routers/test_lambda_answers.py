"""What Lambda says of an alias is believed only where an alias can be so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guardian.cloudwatch import metric_query
from guardian.core.model import Reason
from guardian.ports import RouterError
from tests.contracts.adapters import ACCOUNT, use_endpoint
from tests.contracts.canned import Answer, Asked, account_answer, canned
from tests.routers.test_lambda_alias import World
from tests.routers.test_lambda_alias_series import VERSIONED


@pytest.fixture
def lambdas(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A function with versions 5, 6 and 10, whose alias serves 6."""
    with canned(lambda _: account_answer(ACCOUNT)) as server:
        use_endpoint(monkeypatch, server.url)
        yield World(server)


@pytest.mark.parametrize("arn", [None, "x", "arn:aws:lambda:us-east-1:1:function:f:live"])
def test_an_alias_of_another_place_is_not_read(lambdas: World, arn: str | None) -> None:
    """The ARN that comes back must name the configured account and region."""
    lambdas.twin.change(AliasArn=arn or "arn:aws:lambda:us-east-1:111111111111:function:f:live")
    with pytest.raises(RouterError, match="use credentials of that account") as caught:
        lambdas.router().read()
    assert caught.value.reason is Reason.AUTH


@pytest.mark.parametrize(
    "fields",
    [
        {"RevisionId": ""},
        {"FunctionVersion": None},
        {"RevisionId": "r1\x1b[31m"},
        {"FunctionVersion": 6},
        {"FunctionVersion": "6\n"},
        {"FunctionVersion": "9" * 21},
        {"AliasArn": 7},
        {"RoutingConfig": {"AdditionalVersionWeights": {"5": 0.1, "6": 0.1}}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"10": 1.7}}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"10": -1}}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"10": float("nan")}}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"6": 0.1}}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"ten": 0.1}}},
    ],
)
def test_an_answer_that_makes_no_sense_is_not_traffic(
    lambdas: World, fields: dict[str, Any]
) -> None:
    """Nothing is guessed about who receives requests."""
    assert lambdas.twin.alias is not None
    lambdas.twin.alias.update(fields)
    with pytest.raises(RouterError) as caught:
        lambdas.router().read()
    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(
    "description",
    ["guardian r=r-1 e=99999999999999999999 s=6", "guardian r=\x1b[2J e=3 s=6", "half \ud83d"],
)
def test_a_description_that_is_no_stamp_is_only_text(lambdas: World, description: str) -> None:
    """An epoch that no journal can hold is none; and no text makes an alias unreadable."""
    lambdas.twin.change(Description=description)
    found = lambdas.router().read()
    assert found.stamp is None
    found.detail["description"].encode()


@pytest.mark.parametrize(("said", "seconds"), [(30, 30.0), (-1, 900.0), (10**9, 900.0)])
def test_a_time_out_is_one_that_lambda_allows(lambdas: World, said: int, seconds: float) -> None:
    """Else a rollout would wait for years until its minutes have settled."""
    router = lambdas.router()
    router.read()
    ours = lambdas.server.answer
    lambdas.server.answer = lambda asked: (
        Answer(body=f'{{"Timeout": {said}}}') if "/configuration" in asked.path else ours(asked)
    )
    found = router.settles_later_s([VERSIONED], stable="6", canary="10")
    assert found == {VERSIONED: seconds}


def test_lambdas_own_series_settle_by_the_longer_time_out_of_both_versions(lambdas: World) -> None:
    """However quick its requests were so far; and nobody is asked for other series."""
    lambdas.twin.versions["10"]["Timeout"] = 600
    other = metric_query(namespace="Shop/Api", metric="Requests", stat="Sum")
    found = lambdas.router().settles_later_s([VERSIONED, other], stable="6", canary="10")
    assert found == {VERSIONED: 600.0}
    asked = len(lambdas.server.asked)
    assert lambdas.router().settles_later_s([other], stable="6", canary="10") == {}
    assert len(lambdas.server.asked) == asked


def test_what_lambda_says_in_words_commands_nobody(lambdas: World) -> None:
    """A version's state, its reason and a role's name are shown, and are other people's text."""
    router = lambdas.router()
    ours = lambdas.server.answer
    hostile = "\\u001b]0;PWNED\\u0007\\u202e\\n::error::forged"
    body = f'{{"State": "Failed{hostile}", "StateReason": "{hostile}", "Role": "ROLE{hostile}"}}'

    def answer(asked: Asked) -> Answer:
        at_ten = "Qualifier=10" in asked.path
        return Answer(body=body) if at_ten and "/configuration" in asked.path else ours(asked)

    lambdas.server.answer = answer
    problems = router.check(stable="6", canary="10")
    assert len(problems) == 2
    assert all(problem.isprintable() for problem in problems)
