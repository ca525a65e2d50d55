"""Resources: thin, and handing out plain objects. Secrets stay in the settings and never become resource config."""

import dagster as dg
from dagster._utils.cached_method import cached_method

from fntx_dagster.services.database import Database, open_database
from fntx_dagster.settings import Settings, load_settings


class Platform(dg.ConfigurableResource):
    """The settings of the environment, as a run finds them, and the database they name."""

    @cached_method
    def settings(self) -> Settings:
        return load_settings()

    def database(self) -> Database:
        """Connected, migrated; the embedded server is started when it does not run."""
        return open_database(self.settings())
