"""The canned CloudWatch, as a fixture."""

from tests.sources.cloudwatch_world import world as world  # noqa: PLC0414 - a fixture by its name
