"""`guardian watch --duration 30m`, as a process of its own, over the wire."""

from __future__ import annotations

import signal
from pathlib import Path

from guardian.core.rollout.entries import WeightConfirmed
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.stage import SERVICE, Stage, finish, interrupt, stage
from tests.recorded import checked

PATIENT = ("--rollback-timeout", "10h")
"""The clock is fast, and a busy machine is slow."""
WATCH = ("watch", SERVICE, "--duration", "30m", *PATIENT)
BAD = Behaviour(failure_rate=0.3)


def deployed(a_stage: Stage, behaviour: Behaviour | None = None) -> None:
    """A snapshot of 41, then somebody else's deploy of 42."""
    taken = a_stage.run("snapshot", SERVICE)
    assert taken.code == 0, taken.err
    if behaviour is not None:
        a_stage.behave("42", behaviour)
    a_stage.deploy("42")


def test_a_healthy_release_exits_0_and_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written, and the end says healthy."""
    with stage(tmp_path) as s:
        deployed(s)
        ended = s.run(*WATCH)
        assert ended.code == 0, ended.out + ended.err
        assert s.written() == []
        assert "until" in ended.err.splitlines()[0]
        assert "healthy" in ended.out.splitlines()[-1]


def test_a_breach_is_rolled_back_and_told_after_traffic_moved(tmp_path: Path) -> None:
    """Restored and read back, one incident, Slack after the traffic, exit 4."""
    with stage(tmp_path) as s:
        deployed(s, BAD)
        ended = s.run(*WATCH)
        assert ended.code == 4, ended.out + ended.err
        assert s.alias.version == "41"
        assert s.alias.weights == {}
        assert s.alias.description == "by CDK"
        back = s.written()[0]
        told = [e for e in s.events("slack.post") if "rolling back" in e.data["text"].lower()]
        assert told
        assert back.seq < told[0].seq
        opened = s.events("pagerduty.trigger")
        assert len({e.data["key"] for e in opened}) == 1
        assert [i.status for i in s.simulator.pagerduty.incidents] == ["triggered"]


def test_no_traffic_is_neither_health_nor_harm(tmp_path: Path) -> None:
    """Exit 5, and nothing rolled back."""
    with stage(tmp_path, rate=0.0) as s:
        deployed(s)
        ended = s.run(*WATCH)
        assert ended.code == 5, ended.out + ended.err
        assert s.written() == []


def test_an_unreachable_cloudwatch_holds(tmp_path: Path) -> None:
    """Exit 8, a page that guardian is blind, and nothing rolled back."""
    with stage(tmp_path) as s:
        deployed(s, BAD)
        s.simulator.faults.add(kind="unreachable", service="cloudwatch")
        ended = s.run(*WATCH)
        assert ended.code == 8, ended.out + ended.err
        assert s.written() == []
        assert s.alias.version == "42"


def test_somebody_elses_change_is_never_overwritten(tmp_path: Path) -> None:
    """A third version during the watch: exit 7, no write."""
    with stage(tmp_path, versions=("41", "42", "43")) as s:
        deployed(s)
        process = s.start(*WATCH)
        s.wait_entry(WeightConfirmed)
        s.deploy("43")
        ended = finish(process)
        assert ended.code == 7, ended.out + ended.err
        assert s.written() == []
        assert s.alias.version == "43"


def test_somebody_elses_weight_is_judged_and_never_overwritten(tmp_path: Path) -> None:
    """The same versions with another weight are what the watch judges: told, exit 0, no write."""
    with stage(tmp_path) as s:
        deployed(s)
        process = s.start(*WATCH)
        s.wait_entry(WeightConfirmed)
        s.simulator.aliases.write_as_person(SERVICE, "live", version="42", weights={"41": 0.5})
        ended = finish(process)
        assert ended.code == 0, ended.out + ended.err
        assert "somebody else shifted, version 42 has 50% now" in ended.out
        assert s.written() == []
        assert s.alias.weights == {"41": 0.5}


def test_a_refused_rollback_is_tried_again_paged_and_exits_6(tmp_path: Path) -> None:
    """AccessDenied on the write: it keeps trying, pages, and says a person is needed."""
    with stage(tmp_path, speed=120.0) as s:
        deployed(s, BAD)
        s.simulator.faults.add(kind="access_denied", service="lambda", operation="UpdateAlias")
        ended = s.run(*WATCH, "--rollback-timeout", "5m")
        assert ended.code == 6, ended.out + ended.err
        assert s.alias.version == "42"
        assert s.simulator.calls("lambda", "UpdateAlias") >= 2
        keys = [e.data["key"] for e in s.events("pagerduty.trigger")]
        assert any(key.endswith("/stuck") for key in keys)
        assert "lambda:UpdateAlias" in ended.out


def test_a_rollback_that_is_refused_for_a_while_still_happens(tmp_path: Path) -> None:
    """Three refusals, then it lands: exit 4, and the stuck page is resolved."""
    with stage(tmp_path, speed=60.0) as s:
        deployed(s, Behaviour(failure_rate=0.9))
        fault = {"kind": "access_denied", "service": "lambda", "operation": "UpdateAlias"}
        s.simulator.faults.add(**fault, times=3)
        ended = s.run(*WATCH)
        assert ended.code == 4, ended.out + ended.err
        assert s.alias.version == "41"
        stuck = [i for i in s.simulator.pagerduty.incidents if i.key.endswith("/stuck")]
        assert [i.status for i in stuck] == ["resolved"]


def test_without_a_rollback_target_nothing_is_read(tmp_path: Path) -> None:
    """Exit 3 before the first read, naming the fixes."""
    with stage(tmp_path) as s:
        s.deploy("42")
        ended = s.run(*WATCH)
        assert ended.code == 3, ended.out + ended.err
        assert "guardian snapshot" in ended.err
        assert "--rollback-to" in ended.err
        assert "--observe" in ended.err
        assert s.simulator.cloudwatch.metrics_requested == 0


def test_observe_judges_and_never_acts(tmp_path: Path) -> None:
    """A breach under --observe exits 9."""
    with stage(tmp_path) as s:
        deployed(s, BAD)
        ended = s.run(*WATCH, "--observe")
        assert ended.code == 9, ended.out + ended.err
        assert s.written() == []


def test_a_weighted_alias_needs_no_snapshot(tmp_path: Path) -> None:
    """What is live is the second version; the primary one is restored."""
    with stage(tmp_path) as s:
        s.behave("42", BAD)
        s.simulator.aliases.write_as_person(SERVICE, "live", version="41", weights={"42": 0.5})
        ended = s.run(*WATCH)
        assert ended.code == 4, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})


def test_an_alias_without_weights_may_report_no_version(tmp_path: Path) -> None:
    """Then the whole alias's series is read, and every verdict says so."""
    with stage(tmp_path) as s:
        s.simulator.traffic.executed_version_on_unweighted = False
        deployed(s, Behaviour(crash_rate=0.4))
        ended = s.run(*WATCH)
        assert ended.code == 4, ended.out + ended.err
        assert "read from the whole target, since version 42 takes all of its traffic" in ended.out


def test_a_healthy_alias_without_versions_passes(tmp_path: Path) -> None:
    """Silence of the per-version series does not end in exit 5 for ever."""
    with stage(tmp_path) as s:
        s.simulator.traffic.executed_version_on_unweighted = False
        deployed(s)
        ended = s.run(*WATCH)
        assert ended.code == 0, ended.out + ended.err


def test_a_poll_is_one_call(tmp_path: Path) -> None:
    """Every poll of one service asks once; the start and every ten minutes a few times more.

    Older minutes are read again in two parts: AWS's own metrics settle at another age than others.
    """
    with stage(tmp_path) as s:
        deployed(s)
        ended = s.run(*WATCH, "-o", "jsonl")
        polls = [r for r in ended.records() if r["event"] == "tick"]
        again = 2 * (len(polls) // 20)  # every ten minutes
        assert s.simulator.calls("cloudwatch", "GetMetricData") <= len(polls) + again + 4


def test_an_alias_is_watched_with_no_file_at_all(tmp_path: Path) -> None:
    """--lambda takes the preset rules and the credentials' account."""
    with stage(tmp_path) as s:
        s.behave("42", Behaviour(crash_rate=0.5))
        s.simulator.aliases.write_as_person(SERVICE, "live", version="41", weights={"42": 0.5})
        ended = s.run(
            "watch", "--lambda", f"{SERVICE}:live", "--duration", "30m", AWS_REGION="us-east-1"
        )
        assert ended.code == 4, ended.out + ended.err
        assert "333333333333" in ended.err
        s.deploy("42")
        name = f"{SERVICE}:live"
        assert f"`guardian rollback {name}`" in ended.out
        back = s.run("rollback", name, "--to", "41", "--yes", AWS_REGION="us-east-1")
        assert back.code == 0, back.out + back.err
        assert s.alias.version == "41"


def test_the_wrong_account_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """Credentials of another account than the file's: exit 3, both named."""
    with stage(tmp_path, account_id="999999999999") as s:
        ended = s.run(*WATCH, "--rollback-to", "41")
        assert ended.code == 3, ended.out + ended.err
        assert "999999999999" in ended.err
        assert "333333333333" in ended.err
        assert s.written() == []


def test_jsonl_is_one_record_a_line(tmp_path: Path) -> None:
    """Every record has the promised keys, and the last one the exit code."""
    with stage(tmp_path) as s:
        deployed(s, BAD)
        ended = s.run(*WATCH, "-o", "jsonl")
        records = ended.records()
        for record in records[:-1]:
            promised = {"schema", "time", "service", "rollout", "event", "phase", "weight"}
            assert promised <= set(record)
            assert isinstance(record["verdicts"], list)
        assert records[-1]["event"] == "end"
        assert records[-1]["exit_code"] == ended.code == 4
        assert {"rollback_started", "rollback_confirmed"} <= {r["event"] for r in records}


def test_json_is_one_document(tmp_path: Path) -> None:
    """The outcome and every event."""
    with stage(tmp_path) as s:
        deployed(s, BAD)
        ended = s.run(*WATCH, "-o", "json")
        document = checked(ended.out)
        assert document["exit_code"] == 4
        assert document["rollouts"][0]["phase"] == "rolled_back"
        assert document["events"]


def test_allow_turns_5_into_0_with_a_warning(tmp_path: Path) -> None:
    """Only inconclusive and waiting can be allowed."""
    with stage(tmp_path, rate=0.0) as s:
        deployed(s)
        ended = s.run(*WATCH, "--allow", "inconclusive")
        assert ended.code == 0, ended.out + ended.err
        assert "--allow" in ended.err
        assert s.run(*WATCH, "--allow", "breach").code == 2


def test_sigint_leaves_traffic_as_it_is(tmp_path: Path) -> None:
    """A watch did not move traffic, so it does not when it is stopped: 130."""
    with stage(tmp_path) as s:
        deployed(s)
        process = s.start(*WATCH)
        s.wait_entry(WeightConfirmed)
        interrupt(process, signal.SIGINT)
        ended = finish(process)
        assert ended.code == 130, ended.out + ended.err
        assert s.written() == []


def test_a_second_watch_follows_the_first(tmp_path: Path) -> None:
    """Another process holds the target: the second follows and ends with its outcome."""
    with stage(tmp_path, speed=40.0) as s:
        deployed(s)
        first = s.start(*WATCH)
        s.wait_entry(WeightConfirmed)
        log = s.folder / "second"
        second = s.start(*WATCH, to=log)
        s.wait_for("the second", lambda: "following" in log.read_text())
        s.simulator.traffic.behave(SERVICE, "42", BAD, since=s.clock.now())
        assert finish(first).code == 4
        assert finish(second).code == 4, log.read_text()
        assert len({e.data["key"] for e in s.events("pagerduty.trigger")}) == 1


def test_a_gate_is_always_watched(tmp_path: Path) -> None:
    """There is no version to compare with a snapshot: it must not end as nothing to watch."""
    with stage(tmp_path, rate=0.0) as s:
        gate = s.config.read_text().replace(
            "{type: lambda_alias, function: agents-api, alias: live}", "{type: none}"
        )
        rules = s.folder / "rules" / "production.yaml"
        text = rules.read_text().replace("${router.function}", "agents-api")
        rules.write_text(text.replace("${router.alias}", "live"))
        s.config.write_text(gate)
        taken = s.run("snapshot", "--all")
        assert taken.code == 0, taken.err
        assert "nothing to record" in taken.err
        ended = s.run("watch", "--duration", "5m")
        assert ended.code == 5, ended.out + ended.err


def test_a_gate_in_the_wrong_account_says_so_at_once(tmp_path: Path) -> None:
    """Nothing there asks a router, so that only its metrics would tell, after the whole time."""
    with stage(tmp_path, account_id="999999999999") as s:
        text = s.config.read_text(encoding="utf-8")
        lines = [
            "    router: {type: none}" if "type: lambda_alias" in line else line
            for line in text.splitlines()
        ]
        s.config.write_text("\n".join(lines), encoding="utf-8")
        ended = s.run(*WATCH)
        assert ended.code == 3, ended.out + ended.err
        assert "999999999999" in ended.err


def test_an_alias_that_is_not_there_is_a_mistake_and_no_outage(tmp_path: Path) -> None:
    """Exit 3, as for a service that the file does not know."""
    with stage(tmp_path) as s:
        function = ("--lambda", "agents-api:lvie")
        ended = s.run("watch", *function, "--duration", "5m", AWS_REGION="us-east-1")
        assert ended.code == 3, ended.out + ended.err
        assert "agents-api:lvie" in ended.err


def test_without_a_way_back_the_journal_that_was_asked_is_named(tmp_path: Path) -> None:
    """The job that took the snapshot may have written another one."""
    with stage(tmp_path) as s:
        ended = s.run(*WATCH)
        assert ended.code == 3, ended.out + ended.err
        assert f"looked for in the journal sqlite:{s.folder}" in ended.err
        assert "GUARDIAN_JOURNAL" in ended.err
