"""A target that no file names is known by what its router says of it."""

from __future__ import annotations

import pytest

from guardian.ports import UsageError
from guardian.wiring.adapters import router_at


def test_the_parts_of_an_address_are_options_of_its_router() -> None:
    """`FUNCTION:ALIAS` is what the router of Lambda aliases declares."""
    module, options = router_at("agents-api:live")
    assert module.__name__ == "guardian.routers.lambda_alias"
    assert module.Options.model_validate(options).alias == "live"


@pytest.mark.parametrize("address", ["agents-api:", ":live", "a:b:c"])
def test_what_is_no_address_is_told_how_to_write_one(address: str) -> None:
    """Nothing is made of half of one."""
    with pytest.raises(UsageError, match=f"names {address}: .* write it as .*FUNCTION:"):
        router_at(address)


@pytest.mark.parametrize(("what", "option"), [("listener", "listener"), ("listener-rule", "rule")])
def test_a_listener_or_a_rule_is_known_by_its_arn(what: str, option: str) -> None:
    """The option follows from what stands in the ARN."""
    arn = f"arn:aws:elasticloadbalancing:us-east-1:333333333333:{what}/app/agents/1/2"
    module, options = router_at(arn)
    assert module.__name__ == "guardian.routers.alb"
    assert options == {option: arn}
