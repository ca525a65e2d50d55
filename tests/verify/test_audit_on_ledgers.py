"""Anchors that simulated ledgers took, signed by unmodified libraries, and what both verifiers say of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from stellar_sdk import Account, TransactionBuilder
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.simulate.horizon.server import serve_horizon
from fntx_dagster.simulate.xrpl.ledger import XrplLedger
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from tests.simulate.horizon.parts import ISSUER, NOW, Desk
from tests.simulate.xrpl.people import address, funded, token
from tests.verify.audit_logs import Content, Log
from tests.verify.ledgers import MEMO_FORMAT, MEMO_TYPE
from verify import audit as script

LOG = Log()


class OnLedgers(NamedTuple):
    """The anchors of the checkpoints of 3, 5 and 8 events, the options that name the two servers, and the ledger. The
    payment of `failed` has the right memo and is in the ledger, but pays tokens that nobody has."""

    anchors: dict[int, list[Content]]
    urls: list[str]
    xrpl: XrplLedger
    failed: Content


@pytest.fixture
def on_ledgers() -> Iterator[OnLedgers]:
    town, desk = funded("attestation", "treasury"), Desk()
    anchors: dict[int, list[Content]] = {}
    for size in (3, 5, 8):
        memo = {"MemoType": MEMO_TYPE, "MemoFormat": MEMO_FORMAT, "MemoData": LOG.payload(size).hex().upper()}
        fields = {"Destination": address("treasury"), "Amount": "1", "Memos": [{"Memo": memo}]}
        tx_hash = town.submitted(town.signed("attestation", "Payment", **fields))["tx_json"]["hash"]
        town.close_ledger()
        index = town.ask("tx", transaction=tx_hash)["ledger_index"]
        on_xrpl = {**LOG.on_xrpl(size, tx_hash, index), "account": address("attestation")}

        source = Account(ISSUER.public_key, desk.account(ISSUER).sequence)
        builder = TransactionBuilder(source, desk.network.passphrase, 100).add_time_bounds(0, NOW + 3600)
        builder.append_manage_data_op("fntx.audit", LOG.payload(size)).add_hash_memo(LOG.root(size))
        envelope = builder.build()
        envelope.sign(ISSUER)
        assert desk.submit(envelope).code == "tx_success"
        found = desk.routes.get(f"/transactions/{envelope.hash_hex()}", {}).document
        on_stellar = LOG.on_stellar(size, envelope.hash_hex(), found["ledger"])
        account = {"account": ISSUER.public_key, "passphrase": desk.network.passphrase}
        anchors[size] = [on_xrpl, {**on_stellar, **account}]
    fields |= {"Amount": token("1", "treasury")}
    tx_hash = town.submitted(town.signed("attestation", "Payment", **fields))["tx_json"]["hash"]
    town.close_ledger()
    failed = {**on_xrpl, "tx_hash": tx_hash, "ledger_index": town.ask("tx", transaction=tx_hash)["ledger_index"]}
    with serve_xrpl(town.ledger) as rippled, serve_horizon(desk.network) as horizon:
        yield OnLedgers(anchors, ["--xrpl", rippled.url, "--horizon", horizon.url], town.ledger, failed)


def both(proof: Content, folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[str]]:
    """The exit code of the command, which is that of the script, and what each of them printed."""
    file = folder / "proof.json"
    file.write_text(json.dumps(proof))
    done = CliRunner().invoke(app, ["audit", "verify", str(file), *options])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["audit.py", str(file), *options])
        assert script.main() == done.exit_code, done.output
    return done.exit_code, [done.output, capsys.readouterr().out]


def test_what_the_ledgers_took_holds_and_so_does_the_whole_history(on_ledgers, tmp_path, capsys) -> None:
    cases = tmp_path / "consistency.json"
    cases.write_text(json.dumps({"cases": [LOG.case(3, 5), LOG.case(5, 8)]}))
    for size, anchors in on_ledgers.anchors.items():
        code, said = both(LOG.proof(2, size, anchors), tmp_path, capsys, *on_ledgers.urls)
        assert code == 0, said
        code, said = both(LOG.proof(2, size, anchors), tmp_path, capsys, *on_ledgers.urls, "--history", str(cases))
        assert code == 0, said


def test_what_the_ledgers_did_not_take_does_not_hold(on_ledgers, tmp_path, capsys) -> None:
    xrpl, stellar = on_ledgers.anchors[8]
    before_xrpl, before_stellar = on_ledgers.anchors[5]
    for anchor, words in (
        ({**xrpl, "tx_hash": before_xrpl["tx_hash"]}, "the transaction's memo is not that of the checkpoint"),
        ({**xrpl, "tx_hash": "0" * 64}, "does not hold the transaction"),
        ({**xrpl, "ledger_index": before_xrpl["ledger_index"]}, "the transaction is in ledger"),
        ({**xrpl, "account": address("treasury")}, "the transaction was sent by"),
        ({**stellar, "tx_hash": before_stellar["tx_hash"]}, "memo is not the root of the checkpoint"),
        ({**stellar, "tx_hash": "0" * 64}, "does not hold the transaction"),
        ({**stellar, "ledger_sequence": before_stellar["ledger_sequence"]}, "the transaction is in ledger"),
    ):
        code, said = both(LOG.proof(2, 8, [anchor]), tmp_path, capsys, *on_ledgers.urls)
        assert code == 1, said
        assert all(words in each for each in said)


def test_a_server_of_another_network_or_with_a_short_history_gives_no_verdict(on_ledgers, tmp_path, capsys) -> None:
    xrpl, stellar = on_ledgers.anchors[8]
    for anchor in (
        {**xrpl, "network_id": 0},
        {**stellar, "passphrase": "Public Global Stellar Network ; September 2015"},
    ):
        code, said = both(LOG.proof(2, 8, [anchor]), tmp_path, capsys, *on_ledgers.urls)
        assert code == 75, said
        assert all("is of another network" in each for each in said)
    on_ledgers.xrpl.first_kept = xrpl["ledger_index"] + 1
    code, said = both(LOG.proof(2, 8, [xrpl]), tmp_path, capsys, *on_ledgers.urls)
    assert code == 75, said
    assert all("the server does not have that ledger's transactions" in each for each in said)


def test_a_failed_payment_and_a_fork_are_seen(on_ledgers, tmp_path, capsys) -> None:
    xrpl, _ = on_ledgers.anchors[8]
    fork = Log(fork="x")
    cases = tmp_path / "consistency.json"
    cases.write_text(json.dumps({"cases": [LOG.case(3, 5), fork.case(5, 8)]}))
    proof = LOG.proof(2, 8, [xrpl])
    code, said = both(proof, tmp_path, capsys, *on_ledgers.urls, "--history", str(cases))
    assert code == 75, said
    assert all("no consistency proof from 5 to 8" in each for each in said)
    code, said = both(LOG.proof(2, 8, [on_ledgers.failed]), tmp_path, capsys, *on_ledgers.urls)
    assert code == 1, said
    assert all("the transaction failed with tec" in each for each in said)
