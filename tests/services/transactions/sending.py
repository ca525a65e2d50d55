"""What submitters do in the tests: processes that know the database and the servers, and are killed at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from pydantic import SecretStr

from fntx_dagster.errors import FntxError
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.store.database import Database


class Office(NamedTuple):
    """Where a submitter works."""

    home: str
    database: str
    xrpl: str | None = None
    horizon: str | None = None

    def opened(self) -> tuple[Settings, Database]:
        """Its settings and its database."""
        urls = {"xrpl_url": self.xrpl, "horizon_url": self.horizon}
        secret = {name: SecretStr(url) for name, url in urls.items() if url}
        config = Path(self.home) / "treasury.json"
        treasury = TreasurySettings(config=config, **secret)  # pyright: ignore[reportArgumentType]  # by name
        return Settings(home=Path(self.home), treasury=treasury), Database(self.database)


def sends(office: Office, proposals: Sequence[UUID], began: Connection) -> None:
    """Submit and confirm again and again, until somebody kills it."""
    settings, db = office.opened()
    began.send(None)
    while True:
        for each in proposals:
            try:
                submit(settings, db, each)
            except FntxError:
                continue
        confirm(settings, db, send_again=timedelta())
