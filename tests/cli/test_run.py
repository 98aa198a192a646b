"""`guardian run`: the daemon as a process of its own, against the simulator."""

from __future__ import annotations

import shutil
import signal
import socket
from collections import Counter
from pathlib import Path

import pytest

from guardian.clock import SystemClock
from guardian.core.rollout.entries import OrderKind
from guardian.engine.leadership import post
from tests.cli.stage import SERVICE, finish
from tests.cli.theatre import BAD, NEW, OLD, OTHERS, THREE, Theatre, stop, theatre
from tests.recorded import checked

SIGNED = """\
  - {to: webhook, url: "https://hooks.example/", secret: {env: A_SECRET}, on: [gate_failed]}
"""


def test_a_healthy_order_goes_live(tmp_path: Path) -> None:
    """A start that was ordered is answered with its rollout and driven to its end."""
    with theatre(tmp_path) as t:
        t.daemon()
        t.serves()
        begun = t.begin(SERVICE)
        assert t.rollout(SERVICE).plan.rollout == begun
        again = t.begin(SERVICE)
        assert again == begun
        t.wait_phase(SERVICE, "completed", 90)
        t.wait_for("the promotion", lambda: t.alias(SERVICE).version == "42")
        t.told()
        assert t.log().count("rollout_started") == 1


def test_three_at_once_over_a_stop_and_a_kill(tmp_path: Path) -> None:
    """Held, promoted, rolled back: each goes on where it was, and each message is sent once."""
    held, promoted, bad = THREE
    with theatre(tmp_path) as t:
        t.stage.simulator.traffic.behave(bad, NEW[bad], BAD)
        first = t.daemon()
        t.serves()
        rollouts = [t.begin(service) for service in THREE]
        t.wait_for("the first weights", lambda: all(t.alias(s).weights for s in THREE))
        assert stop(first) < 10.0
        assert first.returncode == 0, t.log()
        assert {s: t.alias(s).version for s in THREE} == OLD
        assert t.alias(held).weights == {"42": 0.1}
        assert "goes on with the next daemon" in t.log()

        second = t.daemon()
        assert not t.answer(t.order(held, OrderKind.HOLD)).refused
        t.wait_phase(held, "held")
        t.wait_phase(bad, "rolled_back")
        assert (t.alias(bad).version, t.alias(bad).weights) == (OLD[bad], {})
        t.told()
        second.kill()
        second.wait()

        t.daemon()
        t.serves()
        assert t.phase(held) == "held"
        t.wait_phase(promoted, "baking")
        assert not t.answer(t.order(promoted, OrderKind.PROMOTE)).refused
        t.wait_phase(promoted, "completed", 90)
        assert t.alias(held).weights == {"42": 0.1}
        assert not t.answer(t.order(held, OrderKind.ABORT)).refused
        t.wait_phase(held, "rolled_back")
        t.wait_for("the promotion", lambda: t.alias(promoted).version == NEW[promoted])
        t.told()
        assert [t.rollout(service).plan.rollout for service in THREE] == rollouts
        posts = Counter(e.data["text"] for e in t.stage.events("slack.post"))
        assert [text for text, count in posts.items() if count > 1] == []
        pages = Counter(e.data["key"] for e in t.stage.events("pagerduty.trigger"))
        assert sorted(pages.values()) == [1] * len(pages)
        assert any(bad in key for key in pages)


def test_an_order_acts_within_seconds_and_not_at_the_next_poll(tmp_path: Path) -> None:
    """On an unscaled clock a poll is 30 s away; the order is seen sooner."""
    with theatre(tmp_path, speed=1.0) as t:
        t.daemon()
        t.serves()
        t.begin(SERVICE)
        t.wait_phase(SERVICE, "baking")
        clock = SystemClock()
        began = clock.monotonic()
        t.answer(t.order(SERVICE, OrderKind.ABORT))
        t.wait_for("the way back", lambda: t.alias(SERVICE).weights == {})
        assert clock.monotonic() - began < 20.0
        t.wait_phase(SERVICE, "rolled_back")


def test_a_standby_takes_over(tmp_path: Path) -> None:
    """Two daemons: one serves; when it is killed the other goes on with what it drove."""
    with theatre(tmp_path) as t:
        first = t.daemon()
        t.serves()
        t.daemon()
        t.wait_for("a standby", lambda: t.log().count("standing by") == 3)
        begun = t.begin(SERVICE)
        t.wait_for("the first weight", lambda: bool(t.alias(SERVICE).weights))
        first.kill()
        first.wait()
        t.wait_for("the change of hands", lambda: "is taken up where it was left" in t.log())
        assert t.rollout(SERVICE).plan.rollout == begun
        assert not t.answer(t.order(SERVICE, OrderKind.ABORT)).refused
        t.wait_phase(SERVICE, "rolled_back")
        assert t.begin(OTHERS[0])


def test_a_start_that_cannot_be_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Live already, unknown, another version under way, rolled back before: each in a sentence."""
    with theatre(tmp_path) as t:
        t.daemon()
        t.serves()

        def refused(version: str) -> str:
            return t.answer(t.order(SERVICE, OrderKind.START, version)).refused

        assert "live at 100% already" in refused("41")
        assert "77" in refused("77")
        t.stage.simulator.aliases.publish(SERVICE)
        t.begin(SERVICE)
        assert "has a live rollout of version 42" in refused("43")
        assert not t.answer(t.order(SERVICE, OrderKind.ABORT)).refused
        t.wait_phase(SERVICE, "rolled_back")
        t.wait_for("the end", lambda: "rolled back before" in refused("42"))
        late = t.answer(t.order(SERVICE, OrderKind.ABORT))
        assert "is over" in late.refused


@pytest.mark.parametrize("spoilt", ["config", "gone", "secret"])
def test_a_restart_with_wrong_files_guards_what_is_live(tmp_path: Path, spoilt: str) -> None:
    """By the plan in the journal: a bad canary goes back, people are paged, and new ones wait."""
    bad = THREE[-1]
    with theatre(tmp_path) as t:
        t.stage.config.write_text(t.stage.config.read_text() + SIGNED)
        first = t.daemon(A_SECRET="0123456789abcdef")
        t.serves()
        t.begin(bad)
        t.wait_phase(bad, "baking")
        first.kill()
        first.wait()
        t.stage.simulator.traffic.behave(bad, NEW[bad], BAD)
        config = t.stage.config.read_text()
        if spoilt == "config":
            t.stage.config.write_text(config + "]\n")
        elif spoilt == "gone":
            t.stage.config.unlink()
        given = {} if spoilt == "secret" else {"A_SECRET": "0123456789abcdef"}
        t.daemon("-c", str(t.stage.config), **given)
        t.wait_phase(bad, "rolled_back")
        t.wait_for("the page", lambda: "guardian/production/files" in pages(t))
        t.wait_for("the other", lambda: any(k.endswith("/rolled_back") for k in pages(t)))
        assert "nothing new begins" in t.health("readyz")
        if spoilt == "config":
            t.stage.config.write_text(config)
            t.wait_for("the end of the page", lambda: "ok" in t.health("readyz"))
            assert t.begin(SERVICE)


def test_a_damaged_journal_at_the_start_is_paged_and_waited_for(tmp_path: Path) -> None:
    """Readyz says why; when the file is mended guardian begins, and the page is over."""
    with theatre(tmp_path) as t:
        path, aside = tmp_path / "guardian.db", tmp_path / "aside.db"
        t.journal.close()
        path.rename(aside)
        path.write_bytes(b"not a database, " * 1000)
        t.daemon()
        t.wait_for("the page", lambda: "guardian/production/journal" in pages(t))
        assert "it is no SQLite database" in t.health("readyz")
        assert t.health("livez") == "ok\n"
        aside.replace(path)
        t.reopen()
        t.serves()
        t.wait_for("the end of the page", lambda: t.stage.events("pagerduty.resolve"))


def test_a_lost_journal_is_noticed_by_the_stamp(tmp_path: Path) -> None:
    """A canary at 10 % that the journal does not know is paged, and left as it is."""
    with theatre(tmp_path) as t:
        first = t.daemon()
        t.serves()
        rollout = t.begin(SERVICE)
        t.wait_phase(SERVICE, "baking")
        first.kill()
        first.wait()
        t.journal.close()
        for path in tmp_path.glob("guardian.db*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        t.reopen()
        t.daemon()
        key = f"guardian/production/{SERVICE}/{rollout}/orphan"
        t.wait_for("the page", lambda: key in pages(t))
        assert t.alias(SERVICE).weights == {"42": 0.1}
        doctor = t.stage.run("doctor", SERVICE)
        assert doctor.code == 3
        assert f"guardian rollout recover {SERVICE}" in " ".join(doctor.out.split())


def test_a_target_that_cannot_be_seen_is_shown_from_the_start(tmp_path: Path) -> None:
    """In the log, at readyz, which stays as it is, and in the metrics."""
    with theatre(tmp_path) as t:
        t.stage.config.write_text(t.stage.config.read_text().replace(OTHERS[0], "typo-api", 2))
        t.daemon()
        t.wait_for("the look", lambda: "typo-api: its target cannot be seen" in t.log())
        t.wait_for(
            "the others",
            lambda: 'guardian_target_seen{service="agents-api"} 1.0' in t.health("metrics"),
        )
        assert t.health("readyz").startswith("ok\ntypo-api: its target cannot be seen: ")
        assert 'guardian_target_seen{service="typo-api"} 0.0' in t.health("metrics")


def pages(t: Theatre) -> set[str]:
    """The keys of all pages until now."""
    return {event.data["key"] for event in t.stage.events("pagerduty.trigger")}


def test_files_are_read_again(tmp_path: Path) -> None:
    """An invalid set keeps the old one and is said once; a valid one serves what is new."""
    with theatre(tmp_path) as t:
        config = t.stage.config
        text = config.read_text()
        process = t.daemon()
        t.serves()
        config.write_text(text + "nonsense: 1\n")
        t.wait_for("the refusal", lambda: "the old ones stay in force" in t.log(), timeout_s=20)
        assert "nonsense" in t.log()
        begun = t.begin(SERVICE)
        config.write_text(text.replace("billing-api:", "billing-api:\n    mode: observe", 1))
        process.send_signal(signal.SIGHUP)
        t.wait_for("the new files", lambda: "the files were read again" in t.log())
        assert t.log().count("the old ones stay in force") == 1
        config.write_text(text.replace("environment: production", "environment: staging"))
        process.send_signal(signal.SIGHUP)
        t.wait_for("its refusal", lambda: "this process serves production" in t.log())
        config.write_text(text.replace("billing-api:", "billing-api:\n    mode: observe", 1))
        refused = t.answer(t.order("billing-api", OrderKind.START, "52")).refused
        assert "is only observed" in refused
        assert t.rollout(SERVICE).plan.rollout == begun
        rules = t.stage.folder / "rules" / "production.yaml"
        rules.write_text(rules.read_text() + "\n# a remark\n")
        seen = t.log().count("the files were read again")
        t.wait_for(
            "the rule file", lambda: t.log().count("the files were read again") > seen, timeout_s=20
        )
        config.write_text(text + "journal: sqlite:elsewhere.db\n")
        process.send_signal(signal.SIGHUP)
        t.wait_for(
            "one more", lambda: t.log().count("the files were read again") > seen + 1, timeout_s=20
        )


def test_observe_judges_a_deploy_and_never_writes(tmp_path: Path) -> None:
    """A bad version that somebody deploys is told of; the alias is left alone."""
    with theatre(tmp_path) as t:
        t.stage.behave("42", BAD)
        t.daemon("--observe")
        seen = f'guardian_target_seen{{service="{SERVICE}"}} 1.0'
        t.wait_for("the first look", lambda: seen in t.health("metrics"))
        t.stage.deploy("42")
        t.wait_for("a watch", lambda: bool(t.journal.history(SERVICE, limit=1)))
        t.wait_phase(SERVICE, "cancelled")
        assert "GateFailed" in t.entries(SERVICE)
        assert t.alias(SERVICE).version == "42"
        assert t.stage.written() == []
        assert t.journal.holder(post("production", SERVICE)) is None


def test_health_metrics_and_the_log(tmp_path: Path) -> None:
    """Probes and Prometheus are answered; the log is JSON where that is asked for."""
    with theatre(tmp_path) as t:
        t.daemon(GUARDIAN_LOG_FORMAT="json")
        t.serves()
        assert t.health("livez") == "ok\n"
        t.wait_for("readiness", lambda: t.health("readyz") == "ok\n")
        t.begin(SERVICE)
        t.wait_for(
            "the phase",
            lambda: (
                'guardian_rollout_phase{phase="baking",service="agents-api"} 1.0'
                in t.health("metrics")
            ),
        )
        assert 'guardian_claim_held{service="agents-api"} 1.0' in t.health("metrics")
        events = [checked(line)["event"] for line in t.log().splitlines()]
        assert "weight_confirmed" in events


def test_an_address_in_use_is_a_plain_error(tmp_path: Path) -> None:
    """Exit 3 and the setting to change, before anything is claimed."""
    with theatre(tmp_path) as t:
        t.daemon()
        t.serves()
        address = t.log().splitlines()[0].rpartition(" ")[2]
        ended = finish(t.stage.start("run", "--metrics-listen", address))
        assert ended.code == 3, ended.err
        assert "GUARDIAN_METRICS_LISTEN" in ended.err
        refused = finish(t.stage.start("run", GUARDIAN_METRICS_LISTEN="nowhere"))
        assert refused.code == 3


def test_what_is_live_is_guarded_without_metrics_where_their_address_is_taken(
    tmp_path: Path,
) -> None:
    """A bad canary goes back, and people are paged that nobody sees it by metrics."""
    bad = THREE[-1]
    with theatre(tmp_path) as t, socket.create_server(("127.0.0.1", 0)) as taken:
        first = t.daemon()
        t.serves()
        t.begin(bad)
        t.wait_phase(bad, "baking")
        first.kill()
        first.wait()
        t.stage.simulator.traffic.behave(bad, NEW[bad], BAD)
        t.daemon("--metrics-listen", f"127.0.0.1:{taken.getsockname()[1]}")
        t.wait_phase(bad, "rolled_back")
        t.wait_for("the page", lambda: "guardian/production/metrics" in pages(t))
        assert "another program listens there already" in t.log()


def test_a_write_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """SIGTERM waits 5 s for it at most; the next daemon reads what became of it, and goes on."""
    with theatre(tmp_path) as t:
        first = t.daemon()
        t.serves()
        faults = t.stage.simulator.faults
        fault = faults.add(kind="slow", service="lambda", operation="UpdateAlias", delay_s=20.0)
        begun = t.begin(SERVICE)
        t.wait_for("the write", lambda: fault.hits > 0)
        assert stop(first) < 10.0
        assert first.returncode == 0
        faults.clear()
        t.daemon()
        t.wait_phase(SERVICE, "baking")
        assert t.rollout(SERVICE).plan.rollout == begun


def test_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    """Who is in haste does not wait for a write."""
    with theatre(tmp_path) as t:
        first = t.daemon()
        t.serves()
        faults = t.stage.simulator.faults
        fault = faults.add(kind="slow", service="lambda", operation="UpdateAlias", delay_s=20.0)
        t.begin(SERVICE)
        t.wait_for("the write", lambda: fault.hits > 0)
        first.send_signal(signal.SIGINT)
        assert stop(first, signal.SIGTERM) < 4.0
        assert first.returncode == 0


def test_the_members_of_a_group_go_back_together(tmp_path: Path) -> None:
    """One breaches; one at 10 % and one that had completed follow it."""
    with theatre(tmp_path) as t:
        done, live, bad = OTHERS[0], SERVICE, OTHERS[1]
        config = t.stage.config
        group = f"groups: {{platform: {{services: [{live}, {done}, {bad}], rollback: together}}}}\n"
        config.write_text(config.read_text() + group)
        t.stage.simulator.traffic.behave(bad, NEW[bad], BAD)
        t.daemon()
        t.serves()
        t.begin(done)
        for _ in range(3):
            t.wait_for("a step", lambda: t.phase(done) in ("baking", "completed"))
            t.answer(t.order(done, OrderKind.PROMOTE))
        t.wait_phase(done, "completed")
        t.wait_for("the promotion", lambda: t.alias(done).version == NEW[done])
        t.begin(live)
        t.wait_phase(live, "baking")
        t.begin(bad)
        for service in (bad, live, done):
            t.wait_phase(service, "rolled_back", 90)
        assert {s: t.alias(s).version for s in THREE} == OLD
        assert [t.alias(s).weights for s in THREE] == [{}] * 3
        assert "went back" in str(t.rollout(live).rollback)
        assert "went back" in str(t.rollout(done).rollback)
