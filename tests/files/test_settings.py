"""The process's settings come from variables that begin with GUARDIAN_."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardian.ports import ConfigError
from guardian.settings import load, usable


def test_nothing_set_gives_the_defaults() -> None:
    """An empty environment is enough."""
    settings = load({"HOME": "/home/ann"})
    assert (settings.config, settings.journal) == (None, None)
    assert settings.secret("slack_token") is None
    assert (settings.log_level, settings.log_format) == ("info", "text")
    assert settings.default_journal() == "sqlite:/home/ann/.local/state/guardian/guardian.db"


def test_every_setting_is_read_by_its_name() -> None:
    """The prefix and the name in capitals."""
    settings = load(
        {
            "GUARDIAN_CONFIG": "config/x.yaml",
            "GUARDIAN_JOURNAL": "sqlite:/tmp/x.db",
            "GUARDIAN_LOG_LEVEL": "DEBUG",
            "GUARDIAN_LOG_FORMAT": "json",
            "GUARDIAN_SLACK_TOKEN": "xoxb-hush",
            "GUARDIAN_SLACK_BASE_URL": "http://127.0.0.1:1/",
            "GUARDIAN_SIMULATED_CLOCK": "1700000000,60,5.5",
        }
    )
    assert settings.config == Path("config/x.yaml")
    assert settings.journal == "sqlite:/tmp/x.db"
    assert (settings.log_level, settings.log_format) == ("debug", "json")
    assert settings.secret("slack_token") == "xoxb-hush"
    assert settings.secret("pagerduty_routing_key") is None
    assert settings.secret("journal") is None
    assert load({"SLACK_TOKEN": "xoxb-another"}).secret("slack_token") is None
    assert settings.base_url("slack_base_url") == "http://127.0.0.1:1/"
    assert settings.base_url("slack_token") is None
    assert settings.simulated_clock == "1700000000,60,5.5"


def test_the_users_own_log_level_counts_where_ours_is_absent() -> None:
    """Also in the words of other programs."""
    assert load({"LOG_LEVEL": "WARN"}).log_level == "warning"
    assert load({"LOG_LEVEL": "error", "GUARDIAN_LOG_LEVEL": "info"}).log_level == "info"


def test_an_empty_variable_is_an_absent_one() -> None:
    """CI systems write absent secrets so."""
    settings = load({"GUARDIAN_SLACK_TOKEN": "", "GUARDIAN_LOG_LEVEL": ""})
    assert settings.secret("slack_token") is None


def test_only_the_given_variables_count() -> None:
    """A test or a demo is not disturbed by the shell it runs in."""
    assert "PATH" in os.environ
    assert (
        load({"XDG_STATE_HOME": "/state"}).default_journal() == "sqlite:/state/guardian/guardian.db"
    )
    assert load({"XDG_STATE_HOME": "here", "HOME": "/h"}).default_journal().startswith("sqlite:/h/")


def test_every_wrong_variable_is_named_in_one_run() -> None:
    """Each says what it is and what it must be."""
    with pytest.raises(ConfigError) as raised:
        load(
            {
                "GUARDIAN_LOG_LEVEL": "loud",
                "GUARDIAN_LOG_FORMAT": "xml",
                "GUARDIAN_SLACK_BASE_URL": "slack",
                "GUARDIAN_JOURNAL": "here",
                "GUARDIAN_SIMULATED_CLOCK": "now",
            }
        )
    assert raised.value.exit_code == 3
    assert str(raised.value).splitlines() == [
        "GUARDIAN_JOURNAL is 'here', and must be a journal like sqlite:PATH",
        "GUARDIAN_LOG_LEVEL is 'loud', and must be one of debug, info, warning, error",
        "GUARDIAN_LOG_FORMAT is 'xml', and must be one of text, json",
        (
            "GUARDIAN_SIMULATED_CLOCK is 'now', and must be written ORIGIN,SPEED,STARTED (three"
            " numbers)"
        ),
        (
            "GUARDIAN_SLACK_BASE_URL is 'slack', and must be an address like https://example.com/,"
            " without a user in it"
        ),
    ]


@pytest.mark.parametrize("word", ["verbose", "silly", "20", "off"])
def test_another_programs_log_level_is_a_warning(
    word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """LOG_LEVEL belongs to everybody: no command stops for it, and GUARDIAN_LOG_LEVEL wins."""
    assert load({"LOG_LEVEL": word}).log_level == "info"
    assert f"LOG_LEVEL is '{word}', which is no level of guardian's" in caplog.text
    caplog.clear()
    assert load({"LOG_LEVEL": word, "GUARDIAN_LOG_LEVEL": "debug"}).log_level == "debug"
    assert caplog.text == ""


def test_what_is_wrong_can_be_left_out() -> None:
    """Whoever puts traffic back is told of each, and goes on without it."""
    settings, wrong = usable(
        {"GUARDIAN_JOURNAL": "here", "GUARDIAN_LOG_LEVEL": "loud", "GUARDIAN_LOG_FORMAT": "json"}
    )
    assert (settings.journal, settings.log_level, settings.log_format) == (None, "info", "json")
    assert [sentence.split()[0] for sentence in wrong] == ["GUARDIAN_JOURNAL", "GUARDIAN_LOG_LEVEL"]
    assert usable({"GUARDIAN_LOG_FORMAT": "json"})[1] == []


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's uid has no passwd entry, and often no HOME."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 987_654)
    with pytest.raises(ConfigError, match="GUARDIAN_JOURNAL"):
        load({}).default_journal()


def test_no_secret_is_shown() -> None:
    """Not in a representation, and not in the error about an address that holds a password."""
    assert "hush" not in repr(load({"GUARDIAN_SLACK_TOKEN": "xoxb-hush"}))
    with pytest.raises(ConfigError) as raised:
        load({"GUARDIAN_SLACK_BASE_URL": "https://user:hush@example.com/"})
    assert "hush" not in str(raised.value)
