"""The criterion kinds, a module each. What lies in this folder is what there is."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Final

from guardian.core.measure import Measure


def _found() -> tuple[type[Measure], ...]:
    """The measures that the modules of this folder define, in the order of their names."""
    modules = (import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__))
    return tuple(
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Measure)
        and each.__module__ == module.__name__
    )


KINDS: Final = _found()
"""Every measure that a criterion can have."""
