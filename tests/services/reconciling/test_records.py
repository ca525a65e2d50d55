"""What went through this program is known again on the ledgers: its hash, its signers, what it issued, its event; and
anchors are the checkpoints that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.signers import enroll
from fntx_dagster.services.reconciling.running import Reconciliation, run
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import own_sql
from tests.services.anchoring.harbour import harbour
from tests.services.governance.treasuries import registered
from tests.services.reconciling.estates import Estate, estate
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.desks import SigningDesk
from tests.simulate.xrpl.people import address


@pytest.fixture
def here(database: Database, tmp_path: Path) -> Iterator[Estate]:
    with estate(tmp_path / "home", database) as whole:
        settings = whole.settings
        document = dict(configured(settings).document)
        assert enroll(settings, database, registered(settings, document)) == 1
        load_list(settings, database, write_list(settings.home / "list.csv", *ROWS), by=BY)
        set_party(settings, database, "good", "Helena Brightwater", "Person", by=BY)
        set_address(database, "good", address("stranger"), by=BY)
        yield whole


def found(done: Reconciliation, check: str) -> tuple[str, tuple[str, ...]]:
    [item] = [item for item in done.items if item.id == check]
    return item.status.value, item.details


def test_an_issue_is_known_by_its_hash_its_signers_its_amount_and_its_event(here: Estate) -> None:
    desk = SigningDesk("xrpl", here.settings, here.db, town=here.town, xrpl=here.xrpl)
    before = found(here.run("deep"), "ledger.signatures")
    proposal = desk.ready("5")
    submit(here.settings, here.db, proposal)
    desk.close()
    under_way = here.run("deep")
    assert found(under_way, "ledger.signatures") == before, "it is on the ledger, and not confirmed here yet"
    assert desk.settled(proposal).state == "confirmed"
    done = here.run("deep")
    assert found(done, "ledger.signatures") == before, "only what other means made is none of ours"
    assert found(done, "supply.xrpl") == ("MATCH", ())
    assert found(done, "audit.coverage") == ("MATCH", ())
    with here.db.connect() as connection:
        for table in ("ledger_signature", "ledger_tx"):
            connection.execute(own_sql(f"alter table treasury.{table} disable trigger user"))
            connection.execute(own_sql(f"delete from treasury.{table}"))
    lost = here.run("deep")
    [new] = {*found(lost, "ledger.signatures")[1]} - {*before[1]}
    assert new.endswith("is none of ours")
    assert found(lost, "supply.xrpl")[0] == "MISMATCH"


def test_anchors_are_checkpoints_of_ours_and_their_key_signs_alone_while_it_is_approved(
    database: Database, tmp_path: Path
) -> None:
    with harbour(tmp_path / "home", database) as desk:
        for ledger in ("xrpl", "stellar"):
            desk.stand(ledger)
        desk.anchor()
        desk.signed()
        desk.anchor()
        done = run(desk.settings, desk.db, "deep")
        assert found(done, "cross.attestation")[0] == "MATCH"
        governed = found(done, "cross.governance")[1]
        assert not any("attestation" in each and "regular key" in each for each in governed)
        mine = " ".join(found(done, "ledger.signatures")[1])
        with desk.db.connect() as connection:
            hashes = [
                row[0] for row in connection.execute("select hash from treasury.ledger_tx where hash is not null")
            ]
        assert len(hashes) == 2
        assert not any(each in mine for each in hashes)
