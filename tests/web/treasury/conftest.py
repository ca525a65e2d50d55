"""A treasury at a simulated ledger, asked for its pages as a visitor of any role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.visitors.visitor import AUDITOR, OWNER, Visitor
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from fntx_dagster.web.asking import Site
from tests.services.governance.treasuries import REASON
from tests.services.transactions.worlds import begun, town
from tests.simulate.xrpl.people import Town
from tests.web.asking import ask
from tests.web.trading.pages import page

THE_OWNER, THE_AUDITOR = Visitor("olga", OWNER), Visitor("anna", AUDITOR)


class Desk(NamedTuple):
    """A treasury whose signers are enrolled, at a ledger that closes when it is told to."""

    site: Site
    town: Town
    folder: Path

    @property
    def settings(self) -> Settings:
        return self.site.settings

    @property
    def db(self) -> Database:
        return self.site.db

    def shown(self, address: str, visitor: Visitor = THE_OWNER) -> str:
        """A page that there is."""
        status, text = page(self.site, address, visitor)
        assert status == 200, text
        return text

    def sent(self, address: str, visitor: Visitor = THE_OWNER, **form: str) -> str:
        """Where a form that was taken leads."""
        answer = ask(self.site, address, visitor, form)
        assert answer.status_code == 303, bytes(answer.body).decode()
        return answer.headers["location"]

    def refused(self, address: str, visitor: Visitor = THE_OWNER, **form: str) -> str:
        """What a form that was refused is answered."""
        status, text = page(self.site, address, visitor, form)
        assert status == 422, text
        return text

    def paused(self, reason: str = REASON["reason"]) -> UUID:
        """A proposal of a pause, which waits for a decision."""
        return propose(self.settings, self.db, "emergency.pause", {"reason": reason})


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    here = town()
    with serve_xrpl(here.ledger) as server:
        settings = begun(tmp_path / "home", database, xrpl=server.url)
        yield Desk(Site(settings, database, HONG_KONG), here, tmp_path)
