"""Anchors under standing approvals, on the pages: what waits for their key, how often it was used, where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.dashboard.treasury import needs_of
from fntx_dagster.store.database import Database
from fntx_dagster.web.asking import Site
from tests.services.anchoring.harbour import Harbour, harbour
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_OWNER


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Harbour]:
    with harbour(tmp_path / "home", database) as made:
        yield made


def test_an_anchor_waits_for_its_key_and_is_listed_where_it_is(desk: Harbour) -> None:
    site = Site(desk.settings, desk.db, HONG_KONG)

    def shown(address: str) -> str:
        status, text = page(site, address, THE_OWNER)
        assert status == 200, text
        return text

    for ledger in ("xrpl", "stellar"):
        desk.stand(ledger)
    desk.everywhere()
    needs = [(need.text, need.path) for need in needs_of(desk.settings, desk.db, site.clock())]
    assert ("2 anchors wait for the key that signs anchors", "/treasury/queue") in needs
    assert not any("signatures" in text for text, _ in needs)
    queued = shown("/treasury/queue")
    assert words(queued).count("Sign it with the key of anchors") == 2
    path = re.search(r'href="(/treasury/proposals/[0-9a-f-]+)#transaction"', queued)
    assert path
    anchor = shown(path[1])
    assert "waits for the anchor key, under a standing approval" in words(anchor)
    assert 'name="action" value="import"' not in anchor
    assert "It was approved with the proposal" in words(anchor)
    for word in ("approve", "reject"):
        assert page(site, f"{path[1]}/{word}.bin", THE_OWNER)[0] == 404
    desk.signed()
    assert "for the key that signs" not in words(shown("/treasury"))
    uses = words(shown("/treasury/signers"))
    assert ["} 1 3 1 100" in uses, "} 1 3 1 1000" in uses] == [True, True]
    log = words(shown("/audit"))
    for ledger in ("the XRP Ledger", "Stellar", "the EVM chain"):
        assert re.search(rf"On {ledger} Events Recorded", log), ledger
