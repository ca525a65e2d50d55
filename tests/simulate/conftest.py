"""Simulated accounts go the whole path that tests of the story go."""

from tests.story.conftest import platform, story_home  # noqa: F401 - fixtures
