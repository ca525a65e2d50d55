"""Services on statements take the whole path that the tests of dbt take."""

from tests.dbt.conftest import platform, story_home, told  # noqa: F401 - fixtures
