"""What can be used of a configuration in which something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.core.plan import Mode
from guardian.files import config
from guardian.files.config import Config
from guardian.ports import ConfigError

TEXT = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
journal: sqlite:/var/lib/guardian/guardian.db
services:
  agents-api:
    router: {type: lambda_alias, function: agents-api, alias: live}
    rules: [preset:lambda]
    steps: [{weight: 100%, bake: 10m}]
  billing-api:
    router: {type: lambda_alias, function: billing-api, alias: live}
    rules: [preset:lambda]
    mode: observe
    steps: [{weight: 100%, bake: 10m}]
notify:
  - {to: console, on: all}
"""


def usable(folder: Path, text: str, **environ: str) -> Config:
    """What can be used of that text, which is refused as a whole."""
    path = folder / "production.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        config.load(path, environ=environ)
    return config.usable(path, environ=environ)


def test_a_sound_file_has_no_trouble(tmp_path: Path) -> None:
    """And is the one that is loaded."""
    path = tmp_path / "production.yaml"
    path.write_text(TEXT)
    found = config.usable(path, environ={})
    assert (found.trouble, found.broken) == ("", {})
    assert list(found.services) == list(config.load(path, environ={}).services)


def test_a_broken_service_breaks_no_other(tmp_path: Path) -> None:
    """It keeps its mode, and the others all they have."""
    found = usable(tmp_path, TEXT.replace("mode: observe", "mode: observe\n    stepz: []"))
    assert list(found.services) == ["agents-api"]
    assert list(found.broken) == ["billing-api"]
    assert "stepz" in found.broken["billing-api"]
    assert found.mode("billing-api") is Mode.OBSERVE
    assert found.mode("agents-api") is Mode.ENFORCE
    assert len(found.receivers) == 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 1", "version: 1\nnonsense: 1"),
        ("- {to: console, on: all}", "- {to: console, on: [nothing]}"),
        ("version: 1", "version: 1\ninclude: services.d/*.yaml"),
    ],
)
def test_what_is_wrong_with_the_whole_concerns_every_service(
    tmp_path: Path, right: str, wrong: str
) -> None:
    """Nothing new begins, and everything else can be used."""
    found = usable(tmp_path, TEXT.replace(right, wrong))
    assert sorted(found.broken) == sorted(found.services) == ["agents-api", "billing-api"]
    assert set(found.broken.values()) == {found.trouble}
    assert found.environment == "production"


def test_a_wrong_key_hides_no_other(tmp_path: Path) -> None:
    """Of the file's own keys those that are right are used."""
    found = usable(tmp_path, TEXT.replace("sqlite:/var", ":/var"))
    assert (found.environment, found.journal) == (
        "production",
        ":/var/lib/guardian/guardian.db",
    )
    found = usable(tmp_path, TEXT.replace("us-east-1", "the-moon"))
    assert (found.aws, found.services) == (None, {})
    assert found.journal == "sqlite:/var/lib/guardian/guardian.db"


def test_a_text_that_is_no_yaml_still_says_where_its_journal_is(tmp_path: Path) -> None:
    """Line by line: what is live is found there."""
    found = usable(tmp_path, TEXT + "]\n")
    assert found.environment == "production"
    assert found.journal == "sqlite:/var/lib/guardian/guardian.db"
    assert (found.services, found.receivers, found.broken) == ({}, (), {})
    assert "production.yaml:17" in found.trouble


def test_of_a_file_that_is_gone_the_reason_is_left(tmp_path: Path) -> None:
    """The environment may still name its environment."""
    path = tmp_path / "production.yaml"
    found = config.usable(path, environ={"ENVIRONMENT": "production"})
    assert "no such file" in found.trouble
    assert (found.environment, found.journal, found.services) == ("production", None, {})
    assert config.absent(path, "nobody named one").trouble == "nobody named one"


def test_the_file_wins_over_what_a_platform_injects(tmp_path: Path) -> None:
    """Both are named, and nothing new begins until one of them is changed."""
    found = usable(tmp_path, TEXT, AWS_REGION="eu-west-1", ENVIRONMENT="lambda")
    assert found.environment == "production"
    assert found.services["agents-api"].aws.region == "us-east-1"
    assert "eu-west-1" in found.broken["agents-api"]
