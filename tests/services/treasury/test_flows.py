"""Tokens on simulated ledgers: trusted, authorised, issued, passed on, redeemed, frozen; and what would fail why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from stellar_sdk import Keypair
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.reading import list_proposals
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.treasury.flows import TokenAt, token_at, tokens, write_for_owner
from fntx_dagster.services.treasury.signing import read_signing_file
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import serve_horizon
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from tests.services.account_setup.desks import signed_by_master
from tests.services.transactions.worlds import XRPL_NAMES, begun, network, town
from tests.simulate.horizon.parts import HOLDER, LUMEN, TREASURY, line
from tests.simulate.xrpl.people import Town, address, signers, token

TWO = ("s1", "s3")


class FlowDesk(NamedTuple):
    """A treasury whose accounts its signers hold, on both ledgers."""

    settings: Settings
    db: Database
    town: Town
    network: StellarNetwork
    folder: Path

    def token(self, code: str) -> TokenAt:
        return token_at(self.settings, self.db, code)

    def refused(self, payload: dict[str, Any], *, by_owner: bool = False) -> str:
        """The code with which the ledger's way refuses; empty where it takes it."""
        with opened(self.settings, self.token("OPTKASUSD").config, payload["ledger"]) as ledger:
            try:
                ledger.terms(payload, 1, key=payload["intent"]["account"] if by_owner else None)
            except TransactionRefused as refusal:
                return refusal.code
        return ""


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[FlowDesk]:
    here, there = town(), network()
    assert here.does("treasury", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    with serve_xrpl(here.ledger) as server, serve_horizon(there, closes_every=0) as horizon:
        settings = begun(tmp_path / "home", database, xrpl=server.url, horizon=horizon.url)
        yield FlowDesk(settings, database, here, there, tmp_path / "out")


def test_each_branch_of_an_issue_on_the_xrp_ledger_is_refused_with_its_reason(desk: FlowDesk) -> None:
    bond, town = desk.token("OPTKAS.BOND"), desk.town
    stranger = address("stranger")
    assert desk.refused(bond.pay("12.5", "issuer", "treasury")) == ""
    assert desk.refused(bond.pay("12.5", "issuer", address("nobody"))) == "no_account"
    assert desk.refused(bond.pay("12.5", "issuer", stranger)) == "no_line"
    assert desk.refused(bond.authorize(stranger)) == "no_line"
    assert desk.refused(bond.freeze(stranger)) == "no_line"
    assert desk.refused(bond.distributor(stranger)) == "no_line"
    assert desk.refused(bond.pay("1000.1", "issuer", "treasury")) == "above_limit"
    assert desk.refused(bond.pay("1", "treasury", "issuer")) == "too_little"
    assert town.does("stranger", "TrustSet", LimitAmount=token("100", "issuer")) == "tesSUCCESS"
    assert desk.refused(bond.pay("12.5", "issuer", stranger)) == "not_authorized"
    assert desk.refused(bond.authorize(stranger)) == ""
    line = {**token("0", "issuer"), "issuer": stranger}
    assert town.does("issuer", "TrustSet", by=TWO, LimitAmount=line, Flags=0x10000) == "tesSUCCESS"
    assert (
        town.does("issuer", "Payment", by=TWO, Destination=address("treasury"), Amount=token("50", "issuer"))
        == "tesSUCCESS"
    )
    assert desk.refused(bond.pay("5", "treasury", stranger)) == "not_transferable"
    assert town.send("treasury", "Payment", by=TWO, Destination=stranger, Amount=token("5", "issuer")) == "tecPATH_DRY"
    ours = {**token("0", "issuer"), "issuer": address("treasury")}
    assert desk.refused(bond.distributor("treasury")) == ""
    assert town.does("issuer", "TrustSet", by=TWO, LimitAmount=ours, Flags=0x40000) == "tesSUCCESS"
    assert desk.refused(bond.pay("5", "treasury", stranger)) == ""
    assert town.does("treasury", "Payment", by=TWO, Destination=stranger, Amount=token("5", "issuer")) == "tesSUCCESS"
    assert town.does("issuer", "TrustSet", by=TWO, LimitAmount=line, Flags=0x100000) == "tesSUCCESS"
    assert desk.refused(bond.pay("5", "issuer", stranger)) == "frozen"
    assert desk.refused(bond.unfreeze(stranger)) == ""
    assert town.does("issuer", "TrustSet", by=TWO, LimitAmount=line, Flags=0x200000) == "tesSUCCESS"
    assert desk.refused(bond.pay("5", "issuer", stranger)) == ""
    assert town.does("issuer", "AccountSet", by=TWO, SetFlag=7) == "tesSUCCESS"
    assert desk.refused(bond.pay("5", "issuer", "treasury")) == "global_freeze"


def test_of_an_issuer_with_many_lines_only_those_of_the_holder_are_asked_for(
    desk: FlowDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for currency in ("AAA", "BBB", "CCC"):
        limit = {**token("100", "issuer"), "currency": currency}
        assert desk.town.does("stranger", "TrustSet", LimitAmount=limit) == "tesSUCCESS"
    monkeypatch.setattr("fntx_dagster.adapters.xrpl.accounts._PAGE", 1)
    monkeypatch.setattr("fntx_dagster.adapters.xrpl.accounts._MOST_PAGES", 2)
    assert desk.refused(desk.token("OPTKAS.BOND").distributor("treasury")) == ""


def test_a_line_that_the_account_cannot_pay_for_is_refused(desk: FlowDesk) -> None:
    bond, poor = desk.token("OPTKAS.BOND"), address("poor")
    payload = bond.trust(poor, "100")
    assert desk.refused(payload, by_owner=True) == "no_account"
    assert desk.town.does("stranger", "Payment", Destination=poor, Amount="1300000") == "tesSUCCESS"
    assert desk.town.does("poor", "TicketCreate", TicketCount=1) == "tesSUCCESS"
    assert desk.refused(payload, by_owner=True) == ""
    assert desk.town.does("stranger", "TicketCreate", TicketCount=2) == "tesSUCCESS"
    assert desk.town.does("stranger", "Payment", Destination=address("issuer"), Amount="997200000") == "tesSUCCESS"
    assert desk.refused(bond.trust(address("stranger"), "100"), by_owner=True) == "no_reserve"
    assert desk.town.send("stranger", "TrustSet", LimitAmount=token("100", "issuer")) == "tecNO_LINE_INSUF_RESERVE"


def test_each_branch_on_stellar_is_refused_with_its_reason(desk: FlowDesk) -> None:
    usd, network, holder = desk.token("OPTKASUSD"), desk.network, HOLDER.public_key
    assert desk.refused(usd.pay("1", "issuer", "distribution")) == ""
    assert desk.refused(usd.pay("1", "issuer", holder)) == "no_account"
    poor = AccountEntry(holder, balance=LUMEN, sequence=0)
    network.put(poor)
    assert desk.refused(usd.pay("1", "issuer", holder)) == "no_line"
    assert desk.refused(usd.authorize(holder)) == "no_line"
    assert desk.refused(usd.trust(holder, "100"), by_owner=True) == "no_reserve"
    network.put(AccountEntry(holder, balance=10 * LUMEN, sequence=0))
    assert desk.refused(usd.trust(holder, "100"), by_owner=True) == ""
    assert desk.refused(usd.trust(holder, "0"), by_owner=True) == "below_balance"
    network.put(AccountEntry(holder, balance=10 * LUMEN, sequence=0, **line(0, 100, 0)))
    assert desk.refused(usd.pay("1", "issuer", holder)) == "not_authorized"
    assert desk.refused(usd.authorize(holder)) == ""
    assert desk.refused(usd.freeze(holder)) == "no_freeze"
    network.put(AccountEntry(holder, balance=10 * LUMEN, sequence=0, **line(90, 100)))
    assert desk.refused(usd.pay("11", "issuer", holder)) == "above_limit"
    assert desk.refused(usd.pay("501", "distribution", "issuer")) == "too_little"
    native = usd.payload(TREASURY.public_key, "payment", destination=holder, asset="native", amount="99")
    assert desk.refused(native) == "no_reserve"
    back = usd.payload(usd.token.issuer_address, "clawback", **{"from": holder}, asset=usd.asset, amount="1")
    assert desk.refused(back) == "no_clawback"


def test_a_holder_outside_gets_a_file_that_he_signs_and_sends_himself(desk: FlowDesk) -> None:
    bond = desk.token("OPTKAS.BOND")
    path = write_for_owner(desk.settings, desk.db, bond.trust(address("stranger"), "100"), desk.folder)
    file = read_signing_file(path.read_bytes())
    assert (file["signing"], file["signers"]) == ("single", [{"id": "holder", "account": address("stranger")}])
    assert desk.town.submitted(signed_by_master(path, "stranger").decode().strip())["engine_result"] == "tesSUCCESS"
    desk.town.close_ledger()
    line = desk.town.line("stranger", "issuer")
    assert line
    assert line["limit"] == "100"
    key = Keypair.random()
    desk.network.put(AccountEntry(key.public_key, balance=10 * LUMEN, sequence=0))
    path = write_for_owner(desk.settings, desk.db, desk.token("OPTKASUSD").trust(key.public_key, "100"), desk.folder)
    assert read_signing_file(path.read_bytes())["signers"][0]["public_key"] == key.public_key


def test_the_commands_propose_what_the_ledger_would_take(desk: FlowDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    _used(desk, monkeypatch)
    made = _said("issue", "OPTKAS.BOND", "12.5", "--to", "treasury", "--party", "good")
    assert (made["kind"], made["state"], made["payload"]["intent"]["params"]["amount"]["value"]) == (
        *("iou.issue", "pending_approval"),
        "12.5",
    )
    assert _said("trust", "OPTKAS.ESCROW", "treasury", "--party", "good")["kind"] == "trustline.set"
    assert _said("authorize", "OPTKAS.BOND", "treasury", "--party", "good")["kind"] == "trustline.authorize"
    assert _said("freeze", "OPTKAS.BOND", "treasury")["kind"] == "freeze"
    assert _said("freeze", "OPTKAS.BOND", "--all")["payload"]["intent"]["params"] == {"set": "global_freeze"}
    assert _said("freeze", "OPTKAS.BOND", "--all", "--end")["payload"]["intent"]["params"] == {"clear": "global_freeze"}
    assert _said("freeze", "OPTKAS.BOND", "treasury", "--end")["payload"]["intent"]["op"] == "trustline.unfreeze"
    before = len(list_proposals(desk.db))
    done = CliRunner().invoke(
        app, ["treasury", "redeem", "OPTKAS.BOND", "12.5", "--from", "treasury", "--party", "good"]
    )
    assert "holds 0, less than 12.5" in str(done.exception)
    assert len(list_proposals(desk.db)) == before
    listed = _said("tokens")
    assert [(each["code"], each["supply"]) for each in listed] == [
        *(("OPTKAS.BOND", "0"), ("OPTKAS.ESCROW", "0")),
        ("OPTKASUSD", None),
    ]
    horizon = desk.settings.treasury.horizon_url
    assert horizon
    monkeypatch.setenv("FNTX_HORIZON_URL", horizon.get_secret_value())
    again = _said("freeze", "OPTKASUSD", "distribution", "--end", "--party", "good")
    assert (again["kind"], again["parties"]) == ("trustline.authorize", ["good"])
    assert "FNTX_HORIZON_URL" not in listed[0]["problem"]


def test_the_pages_file_of_the_travel_rule_lets_a_large_issue_be_proposed(
    desk: FlowDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "treasury.md").read_text(encoding="utf-8")
    [shown] = re.findall(r'```json\n(\{"originator".*?)```', page, re.DOTALL)
    sides = json.loads(shown)
    sides["originator"]["account"], sides["beneficiary"]["account"] = address("issuer"), address("treasury")
    (tmp_path / "travel.json").write_text(json.dumps(sides))
    monkeypatch.chdir(tmp_path)
    _used(desk, monkeypatch)
    monkeypatch.setenv("FNTX_TRAVEL_RULE_AMOUNT", "12")
    [command] = re.findall(r"^fntx treasury (issue .*)$", page, re.MULTILINE)
    words = command.replace("250000", "12.5").replace("--party house", "--party good").split()
    assert _said(*words)["state"] == "pending_approval"
    lacking = CliRunner().invoke(app, ["treasury", *words[: words.index("--travel-rule")]])
    assert "lacks originator name" in str(lacking.exception)


def test_what_is_out_is_asked_of_the_ledgers(desk: FlowDesk) -> None:
    bought = {"Destination": address("treasury"), "Amount": token("50", "issuer")}
    assert desk.town.does("issuer", "Payment", by=TWO, **bought) == "tesSUCCESS"
    assert {view.token.code: view.supply for view in tokens(desk.settings, desk.db)} == {
        "OPTKAS.BOND": 50,
        "OPTKAS.ESCROW": 0,
        "OPTKASUSD": 500,
    }


def _used(desk: FlowDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands find the treasury."""
    for name, value in (
        ("FNTX_HOME", desk.settings.home),
        ("FNTX_DATABASE_URL", desk.db.url),
        ("FNTX_XRPL_URL", desk.settings.treasury.xrpl_url.get_secret_value()),  # pyright: ignore[reportOptionalMemberAccess]  # it is set
        ("FNTX_TREASURY_CONFIG", desk.settings.treasury.config),
    ):
        monkeypatch.setenv(name, str(value))


def _said(*arguments: str) -> Any:
    done = CliRunner().invoke(app, ["treasury", *arguments, "--json"])
    assert done.exit_code == 0, done.output + str(done.exception)
    return json.loads(done.stdout)
