"""The pages of the desk: what they show of a desk that trades, and that owners halt it there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.desks import newest_moves
from fntx_dagster.web.asking import Site
from tests.services.execution.desks import DexDesk, dex_desk
from tests.services.execution.test_by_hand import KIND, SALE, order
from tests.services.execution.test_stopping import market
from tests.simulate.xrpl.people import address
from tests.web.asking import ask
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR, THE_OWNER

HERE = "/treasury/desk"


@pytest.fixture
def dex(database: Database, tmp_path: Path) -> Iterator[DexDesk]:
    with dex_desk(database, tmp_path / "home") as desk:
        yield desk


def shown(dex: DexDesk, path: str = HERE) -> str:
    status, text = page(site(dex), path, THE_OWNER)
    assert status == 200, text
    return words(text)


def site(dex: DexDesk) -> Site:
    return Site(dex.settings, dex.db, HONG_KONG)


def sent(dex: DexDesk, path: str = HERE, **form: str) -> str:
    answer = ask(site(dex), path, THE_OWNER, form)
    assert answer.status_code == 303, bytes(answer.body).decode()
    return answer.headers["location"]


def test_the_page_says_how_the_desk_stands_and_names_the_transaction_of_each_fill(dex: DexDesk) -> None:
    assert "may not trade live" in shown(dex)
    dex.lives(max_slippage_pct="20")
    market(dex, 5)
    strategy = dex.start(batch=1)
    dex.turn(60)
    dex.close()
    dex.advance()
    propose(dex.settings, dex.db, KIND, order(dex, SALE))
    with dex.db.connect() as connection:
        [fill] = newest_moves(connection, address("trading"), ["fill"], 9)
    text = shown(dex)
    for part in (fill.tx_hash, "active", "twap sell", "max single order 50000", "people"):
        assert part in text
    assert "gives 100 OPTKAS.BOND, wants 480000000 drops" in text
    assert "it was tried on paper" in text  # why it may trade
    one = shown(dex, f"{HERE}/{strategy}")
    for part in (fill.tx_hash, "Slices proposed at once 1", "running"):
        assert part in one
    assert page(site(dex), f"{HERE}/{fill.tx_hash}", THE_OWNER)[0] == 404


def test_an_owner_halts_at_once_and_proposes_what_others_decide(dex: DexDesk) -> None:
    dex.lives()
    market(dex, 5)
    strategy = dex.start(batch=1)
    assert 'method="post"' not in page(site(dex), HERE, THE_AUDITOR)[1]
    sent(dex, f"{HERE}/{strategy}", action="halt", reason="it was a mistake")
    assert "it was a mistake" in shown(dex, f"{HERE}/{strategy}")
    assert sent(dex, action="halt", reason="the market is <b>closed</b>") == HERE
    status, text = page(site(dex), HERE, THE_OWNER)
    assert (status, "the market is &lt;b&gt;closed" in text, "Halt now" in text) == (200, True, False)
    status, text = page(site(dex), HERE, THE_OWNER, {"action": "halt", "reason": "again"})
    assert (status, "halted already" in text) == (422, True)
    assert sent(dex, action="resume", reason="it is open").startswith("/treasury/proposals/")
    assert sent(dex, action="kill", reason="prices are wrong").startswith("/treasury/proposals/")
    kinds = [each.row.kind for each in list_proposals(dex.db)]
    assert kinds[:2] == ["trade.kill", "breaker.reset"]
    assert page(site(dex), HERE, THE_OWNER, {"action": "burn", "reason": "why"})[0] == 400
