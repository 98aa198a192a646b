"""Broken files are refused with a position and a sentence, all errors in one run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from guardian.files import config, rules
from guardian.files.rules.kinds import FORMS
from guardian.files.rules.measure_form import listed
from guardian.ports import ConfigError
from guardian.wiring import services
from guardian.wiring.adapters import adapters
from guardian.wiring.journal_address import check_in_file

FOLDER = Path(__file__).parent.parent / "data" / "invalid"
PLACES = {
    "{kinds}": ", ".join(FORMS),
    "{one kind}": listed(list(FORMS)),
    "{journals}": ", ".join(adapters("journals")),
}
"""What a message lists because it lies in a folder."""


def of_rules(path: Path) -> None:
    """Load a rule file as a command without a service would."""
    rules.load([path])


def of_config(path: Path) -> None:
    """Load a configuration, and all that hangs on it."""
    loaded = config.load(path, environ={})
    check_in_file(loaded)
    for name, service in loaded.services.items():
        services.service_criteria(loaded, name)
        options = importlib.import_module(f"guardian.routers.{service.router.name}").Options
        service.router.options(options, environ={})
    wrong = []
    for receiver in loaded.receivers:
        options = importlib.import_module(f"guardian.notifiers.{receiver.to.name}").Options
        try:
            receiver.to.options(options, environ={})
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(wrong))


def said(path: Path) -> str:
    """What a person reads, with paths as if given from the folder of broken files."""
    load: Callable[[Path], None] = of_rules if path.parent.name == "rules" else of_config
    with pytest.raises(ConfigError) as raised:
        load(path)
    return str(raised.value).replace(f"{FOLDER}/", "").replace(str(FOLDER), ".")


def told(path: Path) -> str:
    """What stands beside a broken file, with the folders' modules in their places."""
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    for place, names in PLACES.items():
        text = text.replace(place, names)
    return text


FILES = sorted(FOLDER.glob("*/*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_broken_file_is_refused_in_these_words(path: Path) -> None:
    """The message is the one that stands beside the file."""
    assert said(path) + "\n" == told(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_message_speaks_of_pydantic_or_shows_a_secret(path: Path) -> None:
    """People read of keys and values, not of validators, and never a key that was pasted."""
    text = said(path)
    assert not any(word in text for word in ("pydantic", "Input should", "validation error"))
    assert "R0UT1NGK3Y" not in text


def test_there_are_many_broken_files() -> None:
    """At least thirty ways to be wrong are kept."""
    assert len(FILES) >= 30
    assert {path.parent.name for path in FILES} == {"rules", "config"}
