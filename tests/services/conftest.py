"""Services on statements take the whole path that the tests of dbt take."""

from tests.dbt.conftest import built, platform, story_home  # noqa: F401 - fixtures
