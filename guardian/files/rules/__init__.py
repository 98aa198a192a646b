"""Rule files: text in, the core's criteria out, and every error with its place.

Nothing here knows a service or an adapter.
"""

from guardian.files.rules.files import RuleSet, Surveyed, lint, load, survey

__all__ = ["RuleSet", "Surveyed", "lint", "load", "survey"]
