"""Where the rule files and the demo's configuration are that come with guardian."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """`rules` or `config`: inside an installed package, or beside it in a checkout."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def presets() -> dict[str, Path]:
    """The presets by name."""
    return {path.stem: path for path in sorted((folder("rules") / "presets").glob("*.yaml"))}


def demo_config() -> Path:
    """The configuration that `guardian demo` runs."""
    return folder("config") / "demo.yaml"
