"""A trader with a month at a simulated broker, signed and posted, for witnesses of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from typing import NamedTuple

import psycopg
import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.services.witnesses.posting import WITNESS
from fntx_dagster.services.witnesses.workspace import compute
from fntx_dagster.settings import Settings
from fntx_dagster.settings.flex import FlexSettings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, answers, delivered
from fntx_dagster.simulate.trading import trade
from fntx_dagster.simulate.webservice import WebService, serve
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_paths
from fntx_dagster.store.server import database_url
from tests.dbt.conftest import NAME, story_home  # noqa: F401 - fixtures

ACCOUNT, TOKEN = "U5000001", "4711000000009"
FIRST, LAST = date(2025, 7, 1), date(2025, 7, 9)
PERIOD = Period(FIRST, LAST)


class Trader(NamedTuple):
    """A trader whose days are on the chain of `settings`, and the witness's address there."""

    settings: Settings
    db: Database
    books: list[Account]
    witness: str


@contextmanager
def broker(books: list[Account]) -> Iterator[WebService]:
    """The broker's web service, which serves the witness's token."""
    with serve(answers({TOKEN: books}, lambda: LAST), {TOKEN: [ACTIVITY]}) as service:
        yield service


def with_token(trader: Trader, service: WebService) -> Settings:
    """The settings of a witness with a token for the account."""
    flex = FlexSettings(
        tokens={"mine": SecretStr(TOKEN)},
        queries={"mine": {"Activity": ACTIVITY}},
        url=service.url,
        hosts=frozenset({"127.0.0.1"}),
        wait=0.05,
        throttled_wait=0.1,
        deadline=3,
    )
    return trader.settings.model_copy(update={"flex": flex})


@pytest.fixture(scope="module")
def trader(
    postgres: str,
    story_home: Settings,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Trader]:
    folder = tmp_path_factory.mktemp("statements")
    books = trade(11, [ACCOUNT], FIRST, LAST, trades_per_day=4)
    document = delivered(books, QUERIES[ACTIVITY], FIRST, LAST, as_of=LAST)
    assert document is not None
    # the trader's query has another name than the witness's, so its file is another
    (folder / "July.xml").write_bytes(b"".join(document).replace(b'queryName="Activity"', b'queryName="Mine"'))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {NAME} TEMPLATE template_fntx STRATEGY file_copy")
    with closing(Database(database_url(postgres, NAME))) as db:
        settings = story_home.model_copy(update={"flex": story_home.flex.model_copy(update={"folder": folder})})
        assert not [load.error for load in load_paths(db, [folder]) if load.error]
        compute(settings, db, PERIOD)
        assert not sign(settings, db, PERIOD).refused
        with connect(settings) as chain:
            assert not post(settings, db, chain, PERIOD).refused
            witness = chain.trader(WITNESS).address
        yield Trader(settings, db, books, witness)
