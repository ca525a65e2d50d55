"""Signed and posted days of an account whose marts are written by hand, for what is shown of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from fntx_dagster.adapters.evm.client import Chain, connect
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.refusals import Beginning
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand

ACCOUNT = "U7000001"
DAYS = [date(2025, 7, day) for day in (15, 16, 17)]
PERIOD = Period(date(2025, 7, 14), date(2025, 7, 18))


class Owner(NamedTuple):
    """The home and the database of somebody who has signed and posted three days."""

    settings: Settings
    db: Database
    chain: Chain


@pytest.fixture
def owner(database: Database, home: Path) -> Iterator[Owner]:
    settings = Settings(home=home)
    by_hand.create_marts(database)
    for number, day in enumerate(DAYS):
        by_hand.build(database, ACCOUNT, day, net_pnl=f"{number + 1}2.5", closing_nav=f"{1000 + number}")
    with connect(settings) as chain:
        period = Period(DAYS[0], DAYS[-1])
        sign(settings, database, period, beginning=Beginning.ALL)
        post(settings, database, chain, period)
        yield Owner(settings, database, chain)
