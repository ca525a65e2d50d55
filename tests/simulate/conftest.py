"""Simulated accounts go the whole path that tests of the story go."""

from tests.dbt.conftest import platform, story_home  # noqa: F401 - fixtures
