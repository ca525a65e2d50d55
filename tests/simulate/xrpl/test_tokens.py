"""Issue, redeem, and what the ledger refuses of a token, with its own codes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulate.xrpl.people import BOND, Town, address, funded, token

SET_AUTH, CLEAR_NO_RIPPLE, FREEZE, CLEAR_FREEZE = 0x10000, 0x40000, 0x100000, 0x200000
PARTIAL = 0x20000


@pytest.fixture
def town() -> Town:
    """A ledger on which two hold lines to an issuer that wants to be asked; the first is authorised and holds 100."""
    town = funded("issuer", "holder", "second", "third")
    town.does("issuer", "AccountSet", SetFlag=2)
    for name in ("holder", "second"):
        town.does(name, "TrustSet", LimitAmount=token("1000", "issuer"))
    town.does("issuer", "TrustSet", LimitAmount=token("0", "holder"), Flags=SET_AUTH)
    assert pay(town, "issuer", "holder", "100") == "tesSUCCESS"
    return town


def pay(town: Town, sender: str, receiver: str, value: str, **fields: Any) -> str:
    return town.does(sender, "Payment", Destination=address(receiver), Amount=token(value, "issuer"), **fields)


def balance(town: Town, name: str) -> str | None:
    line = town.line(name, "issuer")
    return line["balance"] if line else None


def test_an_issue_before_the_line_is_authorised_is_dry_and_costs_the_fee_and_the_sequence(town: Town) -> None:
    before, sequence = town.drops("issuer"), town.info("issuer")["account_data"]["Sequence"]
    assert pay(town, "issuer", "second", "1") == "tecPATH_DRY"
    assert town.drops("issuer") == before - 10
    assert town.info("issuer")["account_data"]["Sequence"] == sequence + 1
    town.does("issuer", "TrustSet", LimitAmount=token("0", "second"), Flags=SET_AUTH)
    assert pay(town, "issuer", "second", "1") == "tesSUCCESS"


def test_an_issue_without_a_line_above_the_limit_or_to_a_full_line_fails(town: Town) -> None:
    assert pay(town, "issuer", "third", "1") == "tecPATH_DRY"
    assert pay(town, "issuer", "holder", "900.000001") == "tecPATH_PARTIAL"
    assert pay(town, "issuer", "holder", "900") == "tesSUCCESS"
    assert pay(town, "issuer", "holder", "1") == "tecPATH_DRY"
    assert balance(town, "holder") == "1000"


def test_a_redemption_is_a_payment_to_the_issuer_and_never_more_than_is_held(town: Town) -> None:
    assert pay(town, "holder", "issuer", "40") == "tesSUCCESS"
    assert balance(town, "holder") == "60"
    assert town.ask("gateway_balances", account=address("issuer"))["obligations"] == {BOND: "60"}
    assert pay(town, "holder", "issuer", "61") == "tecPATH_PARTIAL"
    assert pay(town, "holder", "issuer", "60") == "tesSUCCESS"
    assert "obligations" not in town.ask("gateway_balances", account=address("issuer"))


def authorise(town: Town, name: str) -> None:
    town.does("issuer", "TrustSet", LimitAmount=token("0", name), Flags=SET_AUTH)


def test_from_holder_to_holder_nothing_moves_while_the_issuer_does_not_ripple(town: Town) -> None:
    authorise(town, "second")
    assert pay(town, "holder", "second", "5") == "tecPATH_DRY"
    town.does("issuer", "TrustSet", LimitAmount=token("0", "holder"), Flags=CLEAR_NO_RIPPLE)
    assert pay(town, "holder", "second", "5") == "tesSUCCESS"
    assert (balance(town, "holder"), balance(town, "second")) == ("95", "5")


def test_with_default_ripple_a_token_moves_between_holders() -> None:
    town = funded("issuer", "holder", "second")
    town.does("issuer", "AccountSet", SetFlag=8)
    for name in ("holder", "second"):
        town.does(name, "TrustSet", LimitAmount=token("1000", "issuer"))
    pay(town, "issuer", "holder", "10")
    assert pay(town, "holder", "second", "4") == "tesSUCCESS"
    town.does("issuer", "AccountSet", TransferRate=1_100_000_000)
    assert pay(town, "holder", "second", "1") == "tecPATH_PARTIAL"  # 1.1 would be spent, and no SendMax allows it
    assert pay(town, "holder", "second", "1", SendMax=token("1.1", "issuer")) == "tesSUCCESS"
    assert (balance(town, "holder"), balance(town, "second")) == ("4.9", "5")
    assert pay(town, "holder", "second", "10", Flags=PARTIAL) == "tesSUCCESS"
    assert balance(town, "holder") == "0"


def test_a_frozen_line_moves_to_and_from_the_issuer_alone(town: Town) -> None:
    authorise(town, "second")
    pay(town, "issuer", "second", "1")
    for name in ("holder", "second"):
        town.does("issuer", "TrustSet", LimitAmount=token("0", name), Flags=CLEAR_NO_RIPPLE)
    town.does("issuer", "TrustSet", LimitAmount=token("0", "holder"), Flags=FREEZE)
    line = town.line("holder", "issuer")
    assert line is not None
    assert line["freeze_peer"]
    assert pay(town, "holder", "second", "5") == "tecPATH_DRY"
    assert pay(town, "holder", "issuer", "5") == "tesSUCCESS"
    town.does("issuer", "TrustSet", LimitAmount=token("0", "holder"), Flags=CLEAR_FREEZE)
    assert pay(town, "holder", "second", "5") == "tesSUCCESS"
    town.does("issuer", "AccountSet", SetFlag=7)
    assert pay(town, "holder", "second", "5") == "tecPATH_DRY"


def test_an_account_that_froze_its_own_line_is_not_paid_by_the_issuer_through_another(town: Town) -> None:
    authorise(town, "second")
    for name in ("holder", "second"):
        town.does("issuer", "TrustSet", LimitAmount=token("0", name), Flags=CLEAR_NO_RIPPLE)
    town.does("second", "TrustSet", LimitAmount=token("1000", "issuer"), Flags=FREEZE)
    assert pay(town, "holder", "second", "5") == "tecPATH_DRY"


def test_authorisation_is_the_issuers_and_only_where_it_is_asked_for(town: Town) -> None:
    assert town.does("holder", "TrustSet", LimitAmount=token("0", "second"), Flags=SET_AUTH) == "tefNO_AUTH_REQUIRED"
    authorise(town, "third")  # before the holder has a line: the issuer opens it, and pays its reserve
    assert town.info("issuer")["account_data"]["OwnerCount"] == 1
    line = town.line("third", "issuer")
    assert line is not None
    assert line["peer_authorized"]
    assert (line["limit"], line["balance"]) == ("0", "0")


def test_the_first_two_lines_of_an_account_need_no_reserve() -> None:
    town = funded("issuer", "a", "b", drops=1_000_000_000)
    poor = funded("poor", "i1", "i2", "i3", drops=1_000_100)
    for name in ("i1", "i2"):
        assert poor.does("poor", "TrustSet", LimitAmount=token("5", name)) == "tesSUCCESS"
    assert poor.does("poor", "TrustSet", LimitAmount=token("5", "i3")) == "tecNO_LINE_INSUF_RESERVE"
    assert poor.info("poor")["account_data"]["OwnerCount"] == 2
    assert poor.info("i1")["account_data"]["OwnerCount"] == 0
    assert town.does("a", "TrustSet", LimitAmount=token("0", "issuer")) == "tecNO_LINE_REDUNDANT"
    assert town.does("a", "TrustSet", LimitAmount=token("5", "nobody")) == "tecNO_DST"
    assert town.does("a", "TrustSet", LimitAmount=token("5", "a")) == "temDST_IS_SRC"


def test_a_line_that_nobody_needs_any_more_is_gone_with_its_reserve(town: Town) -> None:
    assert town.does("second", "TrustSet", LimitAmount=token("0", "issuer"), Flags=0x20000) == "tesSUCCESS"
    assert town.line("second", "issuer") is None
    assert town.info("second")["account_data"]["OwnerCount"] == 0
    assert town.does("holder", "TrustSet", LimitAmount=token("0", "issuer"), Flags=0x20000) == "tesSUCCESS"
    assert balance(town, "holder") == "100"
    assert pay(town, "holder", "issuer", "100") == "tesSUCCESS"
    assert town.line("holder", "issuer") is None
    assert town.info("holder")["account_data"]["OwnerCount"] == 0


def test_a_token_called_xrp_and_a_payment_to_oneself_are_malformed(town: Town) -> None:
    assert pay(town, "holder", "holder", "1") == "temREDUNDANT"
    assert town.does("holder", "TrustSet", LimitAmount=token("1", "issuer", "XRP")) == "temBAD_CURRENCY"


def test_large_and_small_values_are_written_as_rippled_writes_them() -> None:
    town = funded("issuer", "holder")
    town.does("holder", "TrustSet", LimitAmount=token("1e20", "issuer"))
    pay(town, "issuer", "holder", "100000000000")
    assert balance(town, "holder") == "1000000000000000e-4"
    pay(town, "holder", "issuer", "99999999999")
    assert balance(town, "holder") == "1"
    pay(town, "holder", "issuer", "0.9999999999999999")
    assert balance(town, "holder") == "1000000000000000e-31"
