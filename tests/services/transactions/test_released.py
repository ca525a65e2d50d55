"""Escrows that a proposal only points at: whom the ledger says they pay is screened, before the vote and again."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.screening.addresses import drop_address, set_address
from fntx_dagster.services.screening.gating import NotCleared
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions import on_xrpl
from fntx_dagster.services.transactions.ledgers import HeldEscrow
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from tests.services.governance.treasuries import decision
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.desks import TWO, SigningDesk
from tests.services.transactions.walks import opened_events
from tests.services.transactions.worlds import approved
from tests.simulate.xrpl.people import XRP, address

LATER = 10_000
SIGNED_BY = ("s1", "s3")


def intended(op: str, account: str = "issuer", **params: Any) -> dict[str, Any]:
    intent = {"op": op, "account": address(account), "params": params}
    return {"ledger": "xrpl", "network_id": 1, "intent": intent}


def finish(number: int, owner: str = "issuer", account: str = "issuer") -> dict[str, Any]:
    return intended("escrow.finish", account, owner=address(owner), offer_sequence=number)


def locked(
    desk: SigningDesk, destination: str, *, owner: str = "stranger", by: tuple[str, ...] = (), **times: int
) -> int:
    """The number of an escrow that is on the ledger."""
    assert desk.town
    number = desk.town.info(owner)["account_data"]["Sequence"]
    now = desk.town.ledger.last.close_time
    fields = {"FinishAfter": now + 2, "CancelAfter": now + LATER} | {name: now + at for name, at in times.items()}
    own = {"Destination": address(destination), "Amount": str(XRP), **fields}
    assert desk.town.does(owner, "EscrowCreate", by=by, **own) == "tesSUCCESS"
    desk.close(4)
    return number


def ours(desk: SigningDesk, destination: str, **times: int) -> int:
    return locked(desk, destination, owner="issuer", by=SIGNED_BY, **times)


def listed(desk: SigningDesk, name: str) -> None:
    """A person of the sanctions list, whose address it is."""
    set_party(desk.settings, desk.db, "listed", "VANTROSK, Aurelio", "Person", "1961", by=BY)
    set_address(desk.db, "listed", address(name), by=BY)


def test_whom_the_escrow_on_the_ledger_pays_is_screened_although_no_payload_names_him(at_xrpl: SigningDesk) -> None:
    desk = at_xrpl
    drop_address(desk.db, "good", address("stranger"))
    number = ours(desk, "stranger")
    with pytest.raises(Permanent, match="address of no party that is known") as unknown:
        propose(desk.settings, desk.db, "escrow.finish", finish(number), ["good"])
    assert address("stranger") in str(unknown.value)
    listed(desk, "stranger")
    proposal = propose(desk.settings, desk.db, "escrow.finish", finish(number), ["good"])
    row = show(desk.db, proposal).row
    assert (row.state, row.parties) == ("blocked", ["good", "listed"])


def test_an_escrow_of_a_known_party_is_finished_and_the_log_says_whom_it_pays(at_xrpl: SigningDesk) -> None:
    desk = at_xrpl
    proposal = approved(desk.settings, desk.db, "escrow.finish", finish(ours(desk, "stranger")))
    assert show(desk.db, proposal).row.parties == ["good"]
    [details] = [event["details"] for event in opened_events(desk.settings, desk.db) if "escrow" in event["details"]]
    assert details["escrow"] == {"owner": address("issuer"), "destination": address("stranger"), "amount": str(XRP)}
    prepare(desk.settings, desk.db, proposal)
    desk.signed(proposal, *TWO)
    submit(desk.settings, desk.db, proposal)
    desk.close()
    assert desk.settled(proposal).state == "confirmed"


def test_who_came_onto_a_list_after_the_vote_is_found_when_the_escrow_is_prepared(at_xrpl: SigningDesk) -> None:
    desk = at_xrpl
    set_party(desk.settings, desk.db, "payee", "Ada Holder", "Person", by=BY)
    drop_address(desk.db, "good", address("stranger"))
    set_address(desk.db, "payee", address("stranger"), by=BY)
    proposal = approved(desk.settings, desk.db, "escrow.finish", finish(ours(desk, "stranger")))
    newer = write_list(desk.settings.home / "newer.csv", *ROWS, "NK-9,Person,Ada Holder,,,zz")
    load_list(desk.settings, desk.db, newer, by=BY)
    with pytest.raises(NotCleared):
        prepare(desk.settings, desk.db, proposal)
    assert show(desk.db, proposal).row.state == "blocked"


def test_a_server_that_names_somebody_harmless_before_the_vote_is_caught_when_it_is_prepared(
    at_xrpl: SigningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = at_xrpl
    number = ours(desk, "stranger")
    drop_address(desk.db, "good", address("stranger"))
    listed(desk, "stranger")
    lie = HeldEscrow(address("issuer"), address("nobody"), str(XRP))
    with monkeypatch.context() as lying:
        lying.setattr(on_xrpl.XrplTreasury, "escrow", lambda *_: lie)
        proposal = propose(desk.settings, desk.db, "escrow.finish", finish(number))
    for signer in ("treasury", "trustee"):
        decide(desk.settings, desk.db, proposal, decision(desk.db, proposal, signer))
    with pytest.raises(TransactionRefused) as refused:
        prepare(desk.settings, desk.db, proposal)
    assert (refused.value.code, desk.is_prepared(proposal)) == ("other_destination", False)


def test_without_a_ledger_that_answers_no_finish_is_proposed(at_xrpl: SigningDesk) -> None:
    desk = at_xrpl
    number = ours(desk, "stranger")
    treasury = desk.settings.treasury
    unnamed = desk.settings.model_copy(update={"treasury": treasury.model_copy(update={"xrpl_url": None})})
    with pytest.raises(Permanent, match="FNTX_XRPL_URL"):
        propose(unnamed, desk.db, "escrow.finish", finish(number), ["good"])
    away = treasury.model_copy(update={"xrpl_url": SecretStr("http://127.0.0.1:9")})
    with pytest.raises(Transient, match="Ask again"):
        propose(desk.settings.model_copy(update={"treasury": away}), desk.db, "escrow.finish", finish(number), ["good"])
    assert list_proposals(desk.db, "all") == []


def test_a_finish_or_a_cancellation_that_would_fail_is_refused_before_the_vote(at_xrpl: SigningDesk) -> None:
    desk = at_xrpl
    days = 24 * 3600

    def code(kind: str, payload: dict[str, Any]) -> str:
        with pytest.raises(TransactionRefused) as refused:
            propose(desk.settings, desk.db, kind, payload, ["good"])
        return refused.value.code

    def cancel(number: int) -> dict[str, Any]:
        return intended("escrow.cancel", owner=address("issuer"), offer_sequence=number)

    assert code("escrow.finish", finish(77)) == "no_escrow"
    assert code("escrow.cancel", cancel(77)) == "no_escrow"
    late = ours(desk, "stranger", FinishAfter=4 * days, CancelAfter=5 * days)
    assert code("escrow.finish", finish(late)) == "too_early"
    assert code("escrow.cancel", cancel(late)) == "too_early"
    over = ours(desk, "stranger", FinishAfter=2, CancelAfter=3)
    assert code("escrow.finish", finish(over)) == "too_late"
    assert show(desk.db, propose(desk.settings, desk.db, "escrow.cancel", cancel(over))).row.state == "pending_approval"


def test_only_what_comes_back_to_us_is_cancelled(at_xrpl: SigningDesk) -> None:
    number = locked(at_xrpl, "treasury", FinishAfter=2, CancelAfter=3)
    payload = intended("escrow.cancel", owner=address("stranger"), offer_sequence=number)
    with pytest.raises(TransactionRefused, match="its owner") as refused:
        propose(at_xrpl.settings, at_xrpl.db, "escrow.cancel", payload)
    assert refused.value.code == "not_ours"


def test_a_token_leaves_an_escrow_for_those_alone_to_whom_the_configuration_lets_it_go() -> None:
    from fntx_dagster.governance.config import read_config
    from fntx_dagster.services.governance.tokens import check_released
    from tests.services.transactions.worlds import platform

    ways = [{"kind": "escrow.finish", "from": "escrow", "to": ["outside"]}]
    config = read_config(platform() | {"tokens": [known("OPTKAS.BOND", ways), known("OPTKAS.ESCROW", [])]})
    payload = finish(1, owner="treasury", account="treasury")

    def code(destination: str, currency: str = "OPTKAS.BOND", issuer: str = "issuer") -> str:
        amount = {"currency": currency, "issuer": address(issuer), "value": "1"}
        try:
            check_released(HeldEscrow(address("treasury"), address(destination), amount), payload, config)
        except TransactionRefused as refusal:
            return refusal.code
        return ""

    assert [code("stranger"), code("issuer"), code("trading")] == ["", "", "not_in_flow"]
    assert code("stranger", issuer="stranger") == "unknown_token"


def known(code: str, flow: list[dict[str, Any]]) -> dict[str, Any]:
    own = {"code": code, "ledger": "xrpl", "issuer": "issuer", "transferable": False, "limit": "100"}
    return own | {"flow": flow or [{"kind": "iou.issue", "from": "issuer", "to": ["treasury"]}]}
