"""From a specification to what it did: built here, signed elsewhere, combined here, submitted, and known by its hash;
and a server that says its answer byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest
from xrpl.core.keypairs import sign

from fntx_dagster.adapters.xrpl.accounts import account_lines, account_state
from fntx_dagster.adapters.xrpl.building import build
from fntx_dagster.adapters.xrpl.codec import decoded, multisigning_bytes, transaction_hash
from fntx_dagster.adapters.xrpl.combining import combine
from fntx_dagster.adapters.xrpl.network import base_fee_to_take, check_network, fees, validated_ledger
from fntx_dagster.adapters.xrpl.outcomes import outcome_of, undone_by
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.adapters.xrpl.submitting import XrplNextStep, submit
from fntx_dagster.errors import Transient
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from tests.simulate.xrpl.people import address, funded, signers, token, wallet


def test_an_issue_goes_from_its_specification_to_the_holders_line() -> None:
    town = funded("issuer", "holder")
    town.send("issuer", "SignerListSet", **signers(2, "s1", "s2-k1", "s3"))
    town.does("holder", "TrustSet", LimitAmount=token("1000", "issuer"))
    with serve_xrpl(town.ledger) as server:
        rpc = XrplRpc(server.url)
        check_network(rpc, 1)
        head = validated_ledger(rpc)
        issuer = account_state(rpc, address("issuer"), head.ledger_index)
        assert issuer is not None
        assert issuer.signer_list is not None
        amount = {"currency": "OPTKAS.BOND", "issuer": address("issuer"), "value": "12.5"}
        spec = {
            "ledger": "xrpl",
            "network_id": 1,
            "op": "payment",
            "account": address("issuer"),
            "params": {"destination": address("holder"), "amount": amount},
            "base_fee": base_fee_to_take(fees(rpc), 2, None, 5000),
            "signers": 2,
            "sequence": issuer.sequence,
            "last_ledger_sequence": head.ledger_index + 74_000,
        }
        unsigned = build(spec, 5000)
        listed = [{"account": each, "weight": weight} for each, weight in issuer.signer_list.weights.items()]
        case = {
            "unsigned_blob": unsigned.unsigned_blob,
            "signer_list": {"quorum": issuer.signer_list.quorum, "signers": listed},
            "parts": [_part(unsigned.unsigned_blob, name) for name in ("s3", "s2-k1")],
        }
        signed = combine(SpecFields(case))
        assert signed.hash == transaction_hash(signed.signed_blob)
        sent = submit(rpc, signed.signed_blob)
        assert (sent.step, sent.code) == (XrplNextStep.WATCH, "tesSUCCESS")
        town.close_ledger()
        outcome = outcome_of(rpc, signed.hash, head.ledger_index, head.ledger_index + 74_000)
        assert outcome.succeeded
        assert undone_by(unsigned.tx_json, outcome) == []
        [line] = account_lines(rpc, address("holder"), outcome.ledger_index)
        assert f"{line.balance}" == "12.5"
        server.fail(signer_list={"account": address("issuer"), "quorum": 3, "signers": listed})
        spec["sequence"] = issuer.sequence + 1
        again = build(spec, 5000).unsigned_blob
        case |= {"unsigned_blob": again, "parts": [_part(again, name) for name in ("s1", "s3")]}
        late = submit(rpc, combine(SpecFields(case)).signed_blob)
        assert (late.step, late.code) == (XrplNextStep.PREPARE_AGAIN, "tefBAD_QUORUM")


def _part(blob: str, name: str) -> dict[str, str]:
    """What a signer sends back."""
    payload = multisigning_bytes(decoded(blob), address(name))
    public, private = wallet(name).public_key, wallet(name).private_key
    return {"account": address(name), "public_key": public, "signature": sign(payload, private)}


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_trickle, args=(listener,), daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(Transient, match="does not end"):
            XrplRpc(f"http://127.0.0.1:{listener.getsockname()[1]}", 2, 1).ask("fee")
        assert time.monotonic() - began < 10
    thread.join(20)


def _trickle(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(200):
            connection.sendall(b" ")
            time.sleep(0.1)
