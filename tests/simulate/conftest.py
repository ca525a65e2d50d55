"""Simulated accounts are loaded and built as the accounts of tests/dbt are."""

from tests.dbt.conftest import platform, story_home  # noqa: F401 - fixtures
