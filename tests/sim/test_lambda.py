"""The simulated Lambda keeps an alias's rules as AWS does, above all its revisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator

ALIAS = {"FunctionName": "agents-api", "Name": "live"}


@pytest.fixture
def lamb(aws: Callable[..., Any]) -> Any:
    """A boto3 Lambda client."""
    return aws("lambda")


def weights(**shares: float) -> dict[str, Any]:
    """A RoutingConfig from `v42=0.1`."""
    return {"AdditionalVersionWeights": {name[1:]: share for name, share in shares.items()}}


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, int]:
    """The error code and HTTP status with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_new_alias_shows_its_version_and_no_routing_config(lamb: Any) -> None:
    """GetAlias of an unweighted alias carries an ARN, a revision, and no RoutingConfig."""
    shown = lamb.get_alias(**ALIAS)
    assert shown["AliasArn"] == "arn:aws:lambda:us-east-1:333333333333:function:agents-api:live"
    assert (shown["Name"], shown["FunctionVersion"], shown["Description"]) == ("live", "41", "")
    assert shown["RevisionId"]
    assert "RoutingConfig" not in shown


def test_an_update_answers_what_a_read_then_shows(lamb: Any) -> None:
    """UpdateAlias returns the alias exactly as the next GetAlias does."""
    written = lamb.update_alias(**ALIAS, RoutingConfig=weights(v42=0.1))
    read = lamb.get_alias(**ALIAS)
    written.pop("ResponseMetadata")
    read.pop("ResponseMetadata")
    assert written == read
    assert read["RoutingConfig"] == weights(v42=0.1)


def test_every_write_changes_the_revision(lamb: Any) -> None:
    """Even a write that changes nothing gives a new RevisionId."""
    seen = {lamb.get_alias(**ALIAS)["RevisionId"]}
    for _ in range(3):
        seen.add(lamb.update_alias(**ALIAS, FunctionVersion="41")["RevisionId"])
    assert len(seen) == 4


def test_reads_do_not_change_the_revision(lamb: Any) -> None:
    """Two reads show the same RevisionId."""
    assert lamb.get_alias(**ALIAS)["RevisionId"] == lamb.get_alias(**ALIAS)["RevisionId"]


def test_a_stale_revision_is_refused_and_nothing_changes(lamb: Any) -> None:
    """A RevisionId from before another write is a 412 PreconditionFailedException."""
    old = lamb.get_alias(**ALIAS)["RevisionId"]
    lamb.update_alias(**ALIAS, Description="mine", RevisionId=old)
    stale = {**ALIAS, "RoutingConfig": weights(v42=0.5), "RevisionId": old}
    assert refusal(lamb.update_alias, **stale) == ("PreconditionFailedException", 412)
    assert "RoutingConfig" not in lamb.get_alias(**ALIAS)


def test_an_omitted_routing_config_keeps_the_weights(lamb: Any) -> None:
    """UpdateAlias without RoutingConfig leaves the weights as they were."""
    lamb.update_alias(**ALIAS, RoutingConfig=weights(v42=0.1))
    kept = lamb.update_alias(**ALIAS, Description="still shared")
    assert kept["RoutingConfig"] == weights(v42=0.1)


@pytest.mark.parametrize("empty", [{}, {"AdditionalVersionWeights": {}}])
def test_an_empty_routing_config_clears_the_weights(lamb: Any, empty: dict[str, Any]) -> None:
    """An empty RoutingConfig sends all traffic to the primary version."""
    lamb.update_alias(**ALIAS, RoutingConfig=weights(v42=0.1))
    assert "RoutingConfig" not in lamb.update_alias(**ALIAS, RoutingConfig=empty)


def test_an_omitted_description_is_kept_and_an_empty_one_clears(lamb: Any) -> None:
    """Description follows the same rule as the weights."""
    lamb.update_alias(**ALIAS, Description="stamp")
    assert lamb.update_alias(**ALIAS, RoutingConfig={})["Description"] == "stamp"
    assert lamb.update_alias(**ALIAS, Description="")["Description"] == ""


def test_promotion_swaps_the_version_and_clears_the_weights_in_one_call(lamb: Any) -> None:
    """FunctionVersion and an empty map together make the canary primary."""
    lamb.update_alias(**ALIAS, RoutingConfig=weights(v42=0.5))
    done = lamb.update_alias(
        **ALIAS, FunctionVersion="42", RoutingConfig={"AdditionalVersionWeights": {}}
    )
    assert done["FunctionVersion"] == "42"
    assert "RoutingConfig" not in done


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"RoutingConfig": weights(v42=1.5)}, "ValidationException", 400),
        ({"RoutingConfig": weights(v42=-0.1)}, "ValidationException", 400),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.1}}},
            "ValidationException",
            400,
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"beta": 0.1}}},
            "ValidationException",
            400,
        ),
        ({"RoutingConfig": weights(v41=0.1)}, "InvalidParameterValueException", 400),
        (
            {"RoutingConfig": weights(v42=0.1, v43=0.1)},
            "InvalidParameterValueException",
            400,
        ),
        ({"RoutingConfig": weights(v99=0.1)}, "ResourceNotFoundException", 404),
        ({"FunctionVersion": "99"}, "ResourceNotFoundException", 404),
        (
            {"FunctionVersion": "$LATEST", "RoutingConfig": weights(v42=0.1)},
            "InvalidParameterValueException",
            400,
        ),
        ({"Description": "x" * 257}, "ValidationException", 400),
    ],
)
def test_an_impossible_alias_is_refused(
    lamb: Any, change: dict[str, Any], code: str, status: int
) -> None:
    """Weights outside 0..1, a wrong, second, same or missing version: each has AWS's own code."""
    assert refusal(lamb.update_alias, **ALIAS, **change) == (code, status)
    assert lamb.get_alias(**ALIAS)["FunctionVersion"] == "41"


def test_versions_with_different_roles_cannot_share_an_alias(sim: Simulator, lamb: Any) -> None:
    """Both versions of a weighted alias need the same execution role."""
    sim.aliases.publish("agents-api", "43", role="arn:aws:iam::333333333333:role/other")
    shared = {**ALIAS, "RoutingConfig": weights(v43=0.1)}
    assert refusal(lamb.update_alias, **shared) == ("InvalidParameterValueException", 400)


@pytest.mark.parametrize(("function", "alias"), [("other", "live"), ("agents-api", "gone")])
def test_an_unknown_alias_or_function_is_not_found(lamb: Any, function: str, alias: str) -> None:
    """GetAlias answers 404 ResourceNotFoundException."""
    found = refusal(lamb.get_alias, FunctionName=function, Name=alias)
    assert found == ("ResourceNotFoundException", 404)


def test_the_error_type_travels_in_a_header(lamb: Any) -> None:
    """REST-JSON errors name their type in x-amzn-ErrorType."""
    with pytest.raises(ClientError) as caught:
        lamb.get_alias(FunctionName="agents-api", Name="gone")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert "live" not in caught.value.response["Error"]["Message"]


def test_versions_are_listed_latest_first_without_state_and_in_pages(lamb: Any) -> None:
    """ListVersionsByFunction begins with $LATEST, pages by marker, and shows no State."""
    pages = lamb.get_paginator("list_versions_by_function").paginate(
        FunctionName="agents-api", PaginationConfig={"PageSize": 2}
    )
    listed = [version for page in pages for version in page["Versions"]]
    assert [version["Version"] for version in listed] == ["$LATEST", "41", "42"]
    assert "State" not in listed[1]


def test_a_versions_configuration_shows_its_state(sim: Simulator, lamb: Any) -> None:
    """GetFunctionConfiguration with a qualifier shows State, Role and Timeout."""
    sim.aliases.publish("agents-api", "43", state="Pending", timeout_s=60)
    shown = lamb.get_function_configuration(FunctionName="agents-api", Qualifier="43")
    assert (shown["State"], shown["Timeout"], shown["Version"]) == ("Pending", 60, "43")


def test_a_function_may_be_named_by_its_arn(lamb: Any) -> None:
    """An ARN with a qualifier is the same as a name and a qualifier."""
    arn = "arn:aws:lambda:us-east-1:333333333333:function:agents-api:live"
    assert lamb.get_function_configuration(FunctionName=arn)["Version"] == "41"


def test_no_provisioned_concurrency_is_a_404_of_its_own(lamb: Any) -> None:
    """GetProvisionedConcurrencyConfig answers ProvisionedConcurrencyConfigNotFoundException."""
    asked = {"FunctionName": "agents-api", "Qualifier": "42"}
    code, status = refusal(lamb.get_provisioned_concurrency_config, **asked)
    assert (code, status) == ("ProvisionedConcurrencyConfigNotFoundException", 404)


def test_a_persons_change_moves_the_revision_and_is_told_apart(sim: Simulator, lamb: Any) -> None:
    """A console change makes guardian's revision stale and is logged with its actor."""
    before = lamb.get_alias(**ALIAS)["RevisionId"]
    sim.aliases.write_as_person("agents-api", "live", weights={"42": 0.3})
    lamb.update_alias(**ALIAS, Description="after")
    assert lamb.get_alias(**ALIAS)["RevisionId"] != before
    assert [event.data["actor"] for event in sim.events] == ["person", "api"]


def test_weights_are_remembered_with_the_instants_they_began(
    sim: Simulator, clock: HandClock, lamb: Any
) -> None:
    """The alias's history says which state held when."""
    lamb.update_alias(**ALIAS, RoutingConfig=weights(v42=0.1))
    began = clock.now()
    clock.advance(30)
    lamb.update_alias(**ALIAS, RoutingConfig={})
    history = [(at, dict(state.weights)) for at, state in sim.aliases.history("agents-api", "live")]
    assert history[1:] == [(began, {"42": 0.1}), (began + 30, {})]
