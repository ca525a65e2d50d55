"""The whole way on a simulated Stellar network, by commands; lost answers, surplus signatures, sequences in a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from stellar_sdk import TransactionEnvelope
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.services.transactions.confirming import SEND_AGAIN, confirm
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.horizon.faults import HorizonFault
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.transactions import LedgerTxRow, transaction_of
from tests.services.transactions.worlds import (
    SIGNERS,
    approved,
    begun,
    events,
    network,
    payment,
    refused_twice,
    signed_elsewhere,
)
from tests.simulate.horizon.parts import LUMEN, TREASURY, USD_KEY

NOW = SEND_AGAIN * 0


class Desk(NamedTuple):
    """A treasury at a simulated Horizon, where a ledger closes with every transaction."""

    settings: Settings
    db: Database
    network: StellarNetwork
    server: SimulatedHorizon
    folder: Path

    def exported(self, amount: str = "12.5") -> tuple[UUID, Path]:
        proposal = approved(self.settings, self.db, "iou.redeem", payment(amount))
        [file] = export_files(self.settings, self.db, proposal, self.folder)
        return proposal, file

    def signed(self) -> UUID:
        proposal, file = self.exported()
        for signer in SIGNERS:
            import_part(self.settings, self.db, signed_elsewhere(file, signer))
        return proposal

    def row(self, proposal: UUID) -> LedgerTxRow:
        with self.db.connect() as connection:
            row = transaction_of(connection, proposal)
        assert row
        return row

    def held(self) -> int:
        return self.network.accounts[TREASURY.public_key].lines[USD_KEY].balance

    def sequence(self) -> int:
        return self.network.accounts[TREASURY.public_key].sequence


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    here = network()
    with serve_horizon(here, closes_every=0, with_faults=True) as server:
        settings = begun(tmp_path / "home", database, horizon=server.url)
        yield Desk(settings, database, here, server, tmp_path / "out")


def test_a_payment_goes_the_whole_way_by_commands(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(desk.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", desk.db.url)
    monkeypatch.setenv("FNTX_HORIZON_URL", desk.server.url)
    monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(desk.settings.treasury.config))
    proposal = str(approved(desk.settings, desk.db, "iou.redeem", payment()))
    before = len(events(desk.db))
    [waiting] = _said("queue")
    assert (waiting["proposal_id"], waiting["next"]) == (proposal, "export")
    [name] = _said("export", proposal, "-o", str(tmp_path / "out"))["files"]
    file = json.loads(Path(name).read_text(encoding="utf-8"))
    assert (file["format"], [each["id"] for each in file["signers"]]) == ("fntx-signing/1", [*SIGNERS])
    assert _said("export", proposal, "-o", str(tmp_path / "out"))["files"] == [name]
    for signer in SIGNERS:
        (tmp_path / signer).write_bytes(signed_elsewhere(Path(name), signer))
    done = _said("import", str(tmp_path / "treasury"), str(tmp_path / "treasury"), code=1)["results"]
    assert [done[0]["result"]["state"], done[1]["error"]["code"]] == ["partially_signed", "duplicate_signer"]
    [done] = _said("import", str(tmp_path / "trustee"))["results"]
    assert done["result"]["state"] == "ready_to_submit"
    _said("import", str(tmp_path / "compliance"))
    [sent] = _said("submit", proposal)
    assert sent["state"] == "submitted"
    [settled] = _said("confirm", proposal)
    assert (settled["state"], settled["words"]) == ("confirmed", "tx_success")
    assert _said("confirm") == []
    assert _said("queue") == []
    assert desk.held() == 487_5 * LUMEN // 10
    said = events(desk.db)[before:]
    assert said.count("transaction_confirm") == said.count("proposal_confirm") == said.count("transaction_submit") == 1
    assert said.count("transaction_sign") == 3


def _said(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["treasury", *arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_exactly_as_many_signatures_as_are_needed_are_sent(desk: Desk) -> None:
    proposal = desk.signed()
    row = desk.row(proposal)
    envelope = TransactionEnvelope.from_xdr(row.signed or "", row.network)
    assert (row.needed, len(envelope.signatures), len(row.signers)) == (2, 2, 3)
    submit(desk.settings, desk.db, proposal)
    assert [each.state for each in confirm(desk.settings, desk.db, proposal)] == ["confirmed"]


def test_an_answer_that_is_lost_makes_nothing_happen_twice(desk: Desk) -> None:
    proposal, before = desk.signed(), desk.sequence()
    desk.server.faults.add(HorizonFault("POST", "/transactions_async", "cut", taken=True))
    assert submit(desk.settings, desk.db, proposal).state == "submitted"
    submit(desk.settings, desk.db, proposal)
    assert [each.state for each in confirm(desk.settings, desk.db, proposal)] == ["confirmed"]
    assert desk.sequence() == before + 1


def test_what_never_arrived_is_sent_again_with_the_same_bytes(desk: Desk) -> None:
    proposal = desk.signed()
    signed = desk.row(proposal).signed
    desk.server.faults.add(HorizonFault("POST", "/transactions_async", "cut"))
    submit(desk.settings, desk.db, proposal)
    assert [each.state for each in confirm(desk.settings, desk.db, send_again=NOW)] == ["submitted"]
    assert [each.state for each in confirm(desk.settings, desk.db, send_again=NOW)] == ["confirmed"]
    assert (desk.row(proposal).signed, desk.row(proposal).sent) == (signed, 2)


def test_one_sequence_after_the_other_is_given_out(desk: Desk) -> None:
    rows = [desk.row(desk.exported(amount)[0]) for amount in ("1", "2")]
    assert [row.sequence for row in rows] == [desk.sequence() + 1, desk.sequence() + 2]


def test_a_payment_of_more_than_there_is_is_refused_before_it_costs_a_fee(desk: Desk) -> None:
    assert refused_twice(desk.settings, desk.db, "iou.redeem", payment("500.1")) == "too_little"
