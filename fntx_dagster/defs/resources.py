"""Resources: thin, and handing out plain objects. Secrets stay in the settings and never become resource config."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from fntx_dagster.defs.heartbeats import heartbeat
from fntx_dagster.defs.internals import keep_connections
from fntx_dagster.services.database import Database, open_database
from fntx_dagster.settings import Settings, load_settings


class Platform(dg.ConfigurableResource):
    """The settings of the environment, as a run finds them, and the database they name."""

    _settings: Settings | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Platform"]:
        """In a run, Dagster's own storage keeps its connections: it would open one for each of some hundred events. And
        a run is heard of while it lives."""
        if context.instance is None or context.run is None:
            yield self
            return
        keep_connections(context.instance)
        with heartbeat(self.settings(), self.database, context.instance, context.run):
            yield self

    def settings(self) -> Settings:
        """Read once."""
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

    def database(self) -> Database:
        """Connected, migrated; the embedded server is started when it does not run."""
        return open_database(self.settings())
