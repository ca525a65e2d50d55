"""The pages of escrows: what each shows, to whom, and what none of them shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.escrows.attesting import attest_document
from fntx_dagster.services.escrows.finishing import finish_escrow
from fntx_dagster.services.visitors.visitor import TRADER, Visitor
from fntx_dagster.store.database import Database
from fntx_dagster.web.asking import Site
from tests.services.escrows.harbour import DEED, TWO, Harbour, harbour_at
from tests.services.escrows.test_preimage import secret_of
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR, THE_OWNER


@pytest.fixture
def harbour(database: Database, tmp_path: Path) -> Iterator[Harbour]:
    with harbour_at(database, tmp_path / "home") as harbour:
        yield harbour


def shown(harbour: Harbour, address: str, visitor: Visitor = THE_OWNER) -> str:
    status, text = page(Site(harbour.settings, harbour.db, HONG_KONG), address, visitor)
    assert status == 200, text
    return text


def path_of(escrow_id: UUID) -> str:
    return f"/treasury/escrows/{escrow_id}"


def test_the_pages_say_where_an_escrow_stands_and_never_its_secret(harbour: Harbour) -> None:
    assert "No escrow is in this state." in words(shown(harbour, "/treasury/escrows"))
    escrow_id = harbour.active()
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "the <b>deed</b>")
    listed = words(shown(harbour, "/treasury/escrows?state=Active"))
    assert "bond funding" in listed
    assert "250.5 OPTKAS.BOND" in listed
    assert "No escrow is in this state." in words(shown(harbour, "/treasury/escrows?state=Released"))
    text = shown(harbour, path_of(escrow_id))
    said = words(text)
    assert "&lt;b&gt;deed" in text
    for part in ("prepare finish", "Finishing", "conditions met", "the ledger", "this gate alone", "confirm create"):
        assert part in said
    assert f"fntx escrow finish {escrow_id}" in said
    vote = finish_escrow(harbour.settings, harbour.db, escrow_id).vote
    assert vote is not None
    harbour.votes(vote, *TWO)
    finish = finish_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert finish is not None
    secret, site = secret_of(harbour, escrow_id), Site(harbour.settings, harbour.db, HONG_KONG)
    proposal = f"/treasury/proposals/{finish.proposal_id}"
    for address in (path_of(escrow_id), "/treasury/escrows", proposal, f"{proposal}/signing.json", "/treasury/queue"):
        status, text = page(site, address, THE_AUDITOR)
        assert status == (409 if address.endswith(".json") else 200)
        assert secret not in text.upper()
    assert "not given over HTTP" in words(shown(harbour, proposal))


def test_nobody_else_sees_an_escrow_and_what_there_is_not_is_not_found(harbour: Harbour) -> None:
    escrow_id, site = harbour.proposed(), Site(harbour.settings, harbour.db, HONG_KONG)
    for address in ("/treasury/escrows", path_of(escrow_id)):
        assert page(site, address, Visitor("ada", TRADER))[0] == 404
        assert page(site, address, THE_AUDITOR)[0] == 200
    for address in (path_of(uuid4()), "/treasury/escrows/nonsense"):
        assert page(site, address, THE_OWNER)[0] == 404
