"""`fntx bond receipt`, `distribute`, `pay`, `cash`, `withdraw`, `void`: a bond's cash from the statement to the last
payment, and what was wrong taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.store.database import Database
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.simulate.xrpl.people import address, token


@pytest.fixture
def desk(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BondDesk]:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        treasury = desk.settings.treasury
        assert treasury.xrpl_url
        monkeypatch.setenv("FNTX_HOME", str(desk.settings.home))
        monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
        monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(treasury.config))
        monkeypatch.setenv("FNTX_XRPL_URL", treasury.xrpl_url.get_secret_value())
        monkeypatch.setenv("FNTX_TRAVEL_RULE_AMOUNT", "1000000")
        yield desk


def bond(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["bond", *words, "--json"])
    assert done.exit_code == code, (done.output, done.exception)
    return json.loads(done.stdout) if done.stdout else str(done.exception)


def test_cash_is_recorded_distributed_and_paid_by_commands(desk: BondDesk, tmp_path: Path) -> None:
    (tmp_path / "statement.pdf").write_bytes(b"150,000.00 came in")
    typed = ("--amount", "150000.00", "--received", "2026-04-01", "--evidence", str(tmp_path / "statement.pdf"))
    received = bond("receipt", BOND, *typed, "--reason", "by wire")
    assert (received["amount"], received["evidence"]) == ("150000.00", "statement.pdf")
    assert "is recorded already" in bond("receipt", BOND, *typed, "--reason", "by wire", code=1)
    made = bond("distribute", BOND, "--period", "1")
    assert (made["state"], made["next"], made["available"]) == ("proposed", "decide", "150000.00")
    assert made["lines"][1]["due"] == "12500.00"
    desk.decided(UUID(made["proposals"][0]))
    going = bond("pay", BOND, "-o", str(tmp_path / "to-sign"), "--wait", "0", code=75)
    assert (going["next"], len(going["files"]), len(going["tickets"])) == ("sign", 1, 1)
    desk.paid_out(UUID(going["distribution"]))
    done = bond("pay", made["distribution"])
    assert (done["state"], done["next"]) == ("confirmed", "nothing")
    assert {each["state"] for each in done["payments"]} == {"confirmed"}
    listed = bond("cash", BOND)
    assert [each["is_distributed"] for each in listed["receipts"]] == [True]
    assert [each["state"] for each in listed["distributions"]] == ["confirmed"]
    shown = CliRunner().invoke(app, ["bond", "pay", BOND])
    assert shown.exit_code == 0
    assert "Every payment is in a ledger." in shown.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("receipt", "none", "--tx", "0" * 64), "there is no bond 'none'"),
        (("receipt", BOND, "--tx", "zz"), "is no hash of a transaction"),
        (("receipt", BOND, "--tx", "0" * 64), "no validated ledger holds a payment"),
        (("distribute", BOND), "no cash came in on bond-1"),
        (("pay", BOND), "has no distribution yet"),
        (("pay", "0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11"), "there is no distribution"),
    ],
)
def test_what_is_not_there_is_said(desk: BondDesk, words: tuple[str, ...], said: str) -> None:
    assert said in bond(*words, code=1)


def test_a_payment_on_the_ledger_is_a_receipt_once(desk: BondDesk) -> None:
    assert desk.town
    blob = desk.town.signed("bank", "Payment", Destination=address("treasury"), Amount=token("250.5", "bank", "USD"))
    digest = desk.town.submitted(blob)["tx_json"]["hash"]
    desk.close()
    received = bond("receipt", BOND, "--tx", digest)
    assert (received["amount"], received["tx_hash"], received["ledger"]) == ("250.50", digest.lower(), "xrpl")
    assert "is recorded already" in bond("receipt", BOND, "--tx", digest, code=1)
    blob = desk.town.signed("bank", "Payment", Destination=address("h1"), Amount=token("1", "bank", "USD"))
    digest = desk.town.submitted(blob)["tx_json"]["hash"]
    desk.close()
    assert "The cash of holders is at" in bond("receipt", BOND, "--tx", digest, code=1)


def test_what_was_wrong_is_withdrawn_and_voided_by_commands(desk: BondDesk) -> None:
    desk.cash("15000.00")
    made = bond("distribute", BOND, "--period", "1")
    [receipt] = bond("cash", BOND)["receipts"]
    why = ("--reason", "it belongs to another bond")
    assert "a distribution distributes the receipt" in bond("void", receipt["receipt_id"], *why, code=1)
    gone = bond("withdraw", made["distribution"], *why)
    assert (gone["state"], gone["is_withdrawn"], gone["withdrawn"], gone["next"]) == ("failed", True, why[1], "nothing")
    assert "is withdrawn" in bond("withdraw", made["distribution"], *why, code=1)
    assert bond("void", receipt["receipt_id"], *why)["voided"] == why[1]
    listed = bond("cash", BOND)
    assert [(each["is_distributed"], each["voided"]) for each in listed["receipts"]] == [(False, why[1])]
    assert [each["is_withdrawn"] for each in listed["distributions"]] == [True]
    assert "no cash came in" in bond("distribute", BOND, code=1)
    for words, said in ((("pay", BOND), f"It was withdrawn: {why[1]}"), (("cash", BOND), "withdrawn")):
        shown = CliRunner().invoke(app, ["bond", *words])
        assert said in shown.stdout


def test_what_cannot_be_paid_is_set_aside_and_released_by_commands(desk: BondDesk) -> None:
    desk.cash("17500.00")
    made = bond("distribute", BOND, "--period", "1")
    asked = bond("set-aside", made["distribution"], "--payment", "3", "--reason", "the account is closed")
    assert (asked["kind"], asked["payload"]["payments"][0]["party"]) == ("distribution.set_aside", "h2")
    desk.decided(UUID(asked["proposal"]))
    held = bond("show", BOND)["set_aside"]
    assert (held["total"], held["holders"]) == ("6250.00", [{"party": "h2", "amount": "6250.00"}])
    assert held["payments"][0]["reason"] == "the account is closed"
    desk.decided(UUID(made["proposals"][0]))
    desk.paid_out(UUID(made["distribution"]))
    done = bond("pay", made["distribution"])
    assert (done["state"], done["payments"][2]["state"], done["next"]) == ("confirmed", "set aside", "nothing")
    for words, said in (
        (("pay", made["distribution"]), "Paid, with 1 set aside"),
        (("show", BOND), "Held for h2: USD 6,250.00"),
    ):
        assert said in CliRunner().invoke(app, ["bond", *words]).stdout
    again = bond("release", made["distribution"], "--payment", "3", "--reason", "it opened one")
    assert (again["kind"], again["available"], again["next"]) == ("release", "6250.00", "decide")
    assert "release" in CliRunner().invoke(app, ["bond", "cash", BOND]).stdout
    desk.decided(UUID(again["proposals"][0]))
    desk.paid_out(UUID(again["distribution"]))
    assert bond("show", BOND)["set_aside"]["total"] == "0.00"
    reconciled = bond("report", "payment_reconciliation", BOND)
    assert (reconciled["figures"]["differences"], reconciled["tables"]["held"]) == (0, [])
