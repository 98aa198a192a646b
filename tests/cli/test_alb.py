"""A whole rollout by a load balancer's weights: it goes live, or it comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.core.rollout.entries import WeightConfirmed
from guardian.sim.elbv2 import Door, Group, LoadBalancers
from tests.cli.stage import Stage, finish, stage

CONFIG = """\
version: 1
environment: production
aws: {{account_id: "333333333333", region: us-east-1}}
services:
  agents:
    router: {{type: alb, listener: "{listener}"}}
    rules: [preset:alb]
    vars: {{load_balancer: "${{router.load_balancer}}", target_group: "targetgroup/${{canary}}"}}
    steps:
      - {{weight: 10%, bake: 5m}}
      - {{weight: 50%, bake: 5m}}
      - {{weight: 100%, bake: 5m}}
"""
READS = 8
"""So many looks at the listener are over when the canary bakes at 10 %."""
START = ("rollout", "start", "agents", "--wait", "--to", "agents-green")


class House:
    """A stage with a load balancer: blue serves, green is new."""

    def __init__(self, a_stage: Stage) -> None:
        self.stage = a_stage
        self.balancers = a_stage.simulator.part(LoadBalancers)
        self.blue: Group = self.balancers.create_group("agents-blue")
        self.green: Group = self.balancers.create_group("agents-green")
        self.door: Door = self.balancers.create_listener("agents", self.blue, self.green)
        self.balancers.send(self.door, rate=20.0)
        a_stage.config.write_text(CONFIG.format(listener=self.door.arn))

    def weights(self) -> list[dict[str, int]]:
        """The weights of each write, by the groups' names."""
        return [
            {
                group["TargetGroupArn"].split("/")[1]: group["Weight"]
                for group in actions[-1]["ForwardConfig"]["TargetGroups"]
            }
            for _, actions in self.door.states[1:]
        ]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The load balancer, and the command line against it."""
    with stage(tmp_path) as a_stage:
        yield House(a_stage)


def test_a_healthy_release_goes_to_100_percent(house: House) -> None:
    """Blue stays listed without weight; no mark is left."""
    ended = house.stage.run(*START, timeout_s=120)
    assert ended.code == 0, ended.out + ended.err
    assert house.weights() == [
        {"agents-blue": 90, "agents-green": 10},
        {"agents-blue": 50, "agents-green": 50},
        {"agents-blue": 0, "agents-green": 100},
        {"agents-green": 100, "agents-blue": 0},
    ]
    assert house.door.tags == {}


def test_a_bad_release_is_taken_back_at_10_percent(house: House) -> None:
    """By the metrics of its own target group."""
    house.green.failure_rate = 0.5
    ended = house.stage.run(*START, timeout_s=120)
    assert ended.code == 4, ended.out + ended.err
    assert house.balancers.shares(house.door) == {house.blue.version: 1.0}
    assert house.weights()[0] == {"agents-blue": 90, "agents-green": 10}
    assert {"agents-blue": 50, "agents-green": 50} not in house.weights()
    assert house.door.tags == {}


def test_a_stale_read_is_nobody_elses_change(house: House) -> None:
    """AWS shows once what stood there before the shift: nobody has put it back."""
    house.stage.simulator.faults.add(
        kind="stale", service="elbv2", operation="DescribeListeners", times=1, skip=READS
    )
    ended = house.stage.run(*START, timeout_s=120)
    assert ended.code == 0, ended.out + ended.err
    assert house.balancers.shares(house.door) == {house.green.version: 1.0}


def test_what_somebody_puts_back_exactly_as_it_was_is_seen(house: House) -> None:
    """The same weights as before the shift, for good: that is no stale read."""
    process = house.stage.start(*START)
    house.stage.wait_for("the first shift", lambda: len(house.door.states) > 1)
    house.stage.wait_entry(WeightConfirmed)

    def put_back(actions: list[dict[str, Any]]) -> None:
        actions[:] = house.door.states[0][1]

    house.balancers.write_as_person(house.door, put_back)
    ended = finish(process)
    assert ended.code == 4, ended.out + ended.err
    assert "somebody else put all traffic back by hand" in ended.out


def test_a_bad_deploy_by_somebody_else_is_taken_back(house: House) -> None:
    """To the group that the snapshot names, by a watch."""
    taken = house.stage.run("snapshot", "agents")
    assert taken.code == 0, taken.err
    house.green.failure_rate = 0.5

    def deploy(actions: list[dict[str, Any]]) -> None:
        blue, green = actions[-1]["ForwardConfig"]["TargetGroups"]
        blue["Weight"], green["Weight"] = 0, 100

    house.balancers.write_as_person(house.door, deploy)
    ended = house.stage.run("watch", "agents", "--duration", "10m", timeout_s=120)
    assert ended.code == 4, ended.out + ended.err
    assert house.balancers.shares(house.door) == {house.blue.version: 1.0}


def test_a_listener_is_watched_with_no_file_at_all(house: House) -> None:
    """--alb takes the preset rules, the credentials' account and the ARN's region; it goes back."""
    house.stage.config.unlink()
    house.green.failure_rate = 0.5

    def split(actions: list[dict[str, Any]]) -> None:
        blue, green = actions[-1]["ForwardConfig"]["TargetGroups"]
        blue["Weight"], green["Weight"] = 50, 50

    house.balancers.write_as_person(house.door, split)
    watched = ("watch", "--alb", house.door.arn, "--duration", "10m")
    to = ("--rollback-to", house.blue.version)
    ended = house.stage.run(*watched, *to, AWS_REGION="", timeout_s=120)
    assert ended.code == 4, ended.out + ended.err
    assert "on alb:333333333333:us-east-1:listener/" in ended.err
    assert "alb-error-rate" in ended.out
    assert house.balancers.shares(house.door) == {house.blue.version: 1.0}


def test_doctor_finds_every_series_of_the_preset(house: House) -> None:
    """And the group that serves well."""
    ended = house.stage.run("doctor", "agents")
    assert ended.code == 0, ended.out + ended.err
    assert f"serves {house.blue.version} 100%" in ended.out
    assert re.search(r"UnHealthyHostCount Maximum: [56]\d datapoints", ended.out)


def test_a_weight_that_two_integers_cannot_give_is_refused_when_it_is_read(house: House) -> None:
    """At its place in the file, with the nearest one that they can."""
    config = house.stage.config
    config.write_text(config.read_text().replace("10%", "12.3456%"))
    ended = house.stage.run("config", "lint", str(config))
    assert ended.code == 3
    assert "production.yaml:10:" in ended.out + ended.err
    assert "the nearest is 12.3457%" in ended.out + ended.err
