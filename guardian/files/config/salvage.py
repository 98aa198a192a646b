"""A file's own keys, as far as they can be used: a mistake in one must not hide the others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from guardian.files.config.config_keys import AwsModel, ConfigModel
from guardian.files.findings import Document, Finding
from guardian.files.validation import validate

_LINE: Final = r"""%s:\s+["']?([A-Za-z0-9][^\s"'#]*)["']?\s*(?:#.*)?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """The keys of the whole configuration that are values."""

    environment: str | None
    aws: AwsModel | None
    """None where what the file says cannot be used."""
    journal: str | None


def top(document: Document) -> tuple[Top, list[Finding]]:
    """A file's own keys, and everything that is wrong with them."""
    model, found = validate(ConfigModel, document)
    if model is not None:
        return Top(environment=model.environment, aws=model.aws, journal=model.journal), found
    aws: AwsModel | None = AwsModel() if isinstance(document.data, dict) else None
    if document.at(("aws",)) is not None:
        aws = validate(AwsModel, document, ("aws",))[0]
    journal = _written(document, "journal")
    return Top(
        environment=_written(document, "environment"),
        aws=aws,
        journal=journal if journal is not None and ":" in journal else None,
    ), found


def _written(document: Document, key: str) -> str | None:
    """What a file says under a key of its own, also where its text is no YAML."""
    if document.whole:
        value = document.at((key,))
        return value if isinstance(value, str) else None
    lines = (re.fullmatch(_LINE % key, line) for line in document.source.lines)
    return next((found[1] for found in lines if found), None)
