"""`guardian demo`: the whole story offline, by the real code, against simulated vendors."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from guardian.engine.outcome import Exit
    from guardian.sim.server import Simulator

RATE_PER_S = 20.0
SERVICE = "agents-api"
BAD_RATE = 0.12


def demo(*, speed: float) -> int:
    """`guardian demo`; the exit code."""
    from guardian.clock import ScaledClock, SystemClock
    from guardian.core.model import floor_to
    from guardian.sim.server import Simulator

    clock = ScaledClock(origin=floor_to(SystemClock().now(), 3600.0), speed=speed)
    with Simulator(clock) as simulator, tempfile.TemporaryDirectory() as folder:
        _set_the_stage(simulator)
        journal = Path(folder) / "guardian.db"
        journal.touch(mode=0o600)  # or it would be said that there was none
        environ = {
            **_bare(os.environ, Path(folder)),
            "AWS_ENDPOINT_URL": simulator.url,
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
            "GUARDIAN_JOURNAL": f"sqlite:{journal}",
            "GUARDIAN_SLACK_TOKEN": simulator.slack.token,
            "GUARDIAN_SLACK_BASE_URL": simulator.slack_url,
            "GUARDIAN_PAGERDUTY_ROUTING_KEY": simulator.pagerduty.routing_key,
            "GUARDIAN_PAGERDUTY_EVENTS_URL": simulator.pagerduty_events_url,
            "GUARDIAN_PAGERDUTY_API_TOKEN": simulator.pagerduty.api_token,
            "GUARDIAN_PAGERDUTY_API_URL": simulator.pagerduty_api_url,
            "GUARDIAN_SIMULATED_CLOCK": f"{clock.origin},{clock.speed},{clock.started}",
        }
        # botocore reads the process's own environment, so that has to be the demo's too.
        os.environ.clear()
        os.environ.update(environ)
        return _perform(simulator, environ, speed)


def _bare(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment without anybody's AWS, guardian and proxy settings."""
    ours = ("AWS_", "GUARDIAN_", "BOTO_", "ENVIRONMENT", "LOG_LEVEL")
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(ours) and not name.lower().endswith("_proxy")
    }
    none = str(folder / "no-aws-settings")
    nowhere = {"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none}
    return {**kept, **nowhere, "AWS_EC2_METADATA_DISABLED": "true"}


def _set_the_stage(simulator: Simulator) -> None:
    """One service with two new versions: 42 is as good as 41, 43 fails one request in eight."""
    from guardian.sim.simulated_traffic import Behaviour

    simulator.aliases.create_function(SERVICE, versions=("41", "42", "43"))
    simulator.aliases.create_alias(SERVICE, "live", version="41", description="made by CDK")
    simulator.traffic.send(SERVICE, "live", rate=RATE_PER_S, history_s=600.0)
    simulator.traffic.behave(SERVICE, "43", Behaviour(failure_rate=BAD_RATE))


def _perform(simulator: Simulator, environ: dict[str, str], speed: float) -> int:
    from guardian.engine.outcome import Exit
    from guardian.shipped import demo_config

    config = demo_config()
    _prologue(speed, environ)
    click.secho("\nPart 1: version 42 is a healthy release", bold=True)
    click.echo(f"$ guardian rollout start {SERVICE} --to 42 --wait\n")
    good = _release(simulator, config, environ, to="42")
    click.secho("\nPart 2: version 43 fails one request in eight", bold=True)
    click.echo(f"$ guardian rollout start {SERVICE} --to 43 --wait\n")
    bad = _release(simulator, config, environ, to="43")
    traffic = simulator.aliases.state(SERVICE, "live")
    lost = simulator.traffic.served["43", "failed"]
    total = simulator.traffic.served["43", "requests"]
    click.echo(
        f"\nNow live: version {traffic.version}, alone. Version 43 was seen by {total} requests, of"
        f" which {lost} failed;\nexit codes: {good.value} (healthy) and {bad.value} (breach: rolled"
        " back and confirmed)."
    )
    click.echo(
        "Next: README.md shows a rule file; `guardian watch --lambda FUNCTION:ALIAS --rollback-to"
        " VERSION`\nguards a real release for 30 minutes, without any file."
    )
    return 0 if (good, bad) == (Exit.HEALTHY, Exit.ROLLED_BACK) else 1


def _prologue(speed: float, environ: dict[str, str]) -> None:
    from guardian.shipped import demo_config
    from guardian.wiring import open_wiring

    click.secho("guardian takes a release back when it hurts users.", bold=True)
    click.echo(
        "What runs here is the real program with the shipped rules. Only the cloud is simulated,"
        " on 127.0.0.1:\nAWS Lambda and CloudWatch with 20 requests a second, Slack, and PagerDuty."
        f" The clock runs {speed:g} times as fast.\n"
    )
    click.echo(
        "Stable is the version that users have now; the canary is the new one. In each step the"
        " canary gets\na share of the traffic and bakes: it must stay healthy for some minutes. A"
        " minute counts as observed\nwhen CloudWatch no longer changes its numbers, a few minutes"
        " later. The verdict of a criterion is pass,\nfail, or inconclusive (`0 of 60 requests`: 60"
        " are needed). Only a proven breach fails: `log e`, the\nstrength of the evidence, has"
        " reached its limit.\n"
    )
    from guardian.core.reasons import fails_on

    with open_wiring(demo_config(), environ=environ) as wiring:
        service = wiring.service(SERVICE)
        click.echo(f"rules/production.yaml: a release of {SERVICE} is taken back when")
        for criterion in service.criteria:
            click.echo(f"  {criterion.name:20} {fails_on(criterion):18} {criterion.description}")
        steps = ", ".join(f"{s.weight} for {s.bake_s / 60:.0f} minutes" for s in service.steps)
        click.echo(f"config/demo.yaml: {steps}")


def _release(simulator: Simulator, config: Path, environ: dict[str, str], *, to: str) -> Exit:
    """What `guardian rollout start --wait` does, with a narrator in the place of its output."""
    from guardian.app.guarding import Caller, carry_out
    from guardian.app.start import StartRequest, planned
    from guardian.cli.story import Story
    from guardian.engine.in_process import Limits
    from guardian.wiring import open_wiring

    story = Story(lambda: simulator.events)
    with open_wiring(config, environ=environ) as wiring:
        order = StartRequest.of(SERVICE, to, actor="demo", reason="the demo").order
        narrator = Caller(actor="demo", owner="guardian demo", observer=story.report, say=story.say)
        task = planned(wiring, order)
        results = carry_out(wiring, [task], narrator, Limits())
        story.messages()
        return results[SERVICE][1]
