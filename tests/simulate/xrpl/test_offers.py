"""The book: offers rest, cross at the resting price, and do what their flags say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulate.xrpl.people import XRP, Town, address, funded, token

PASSIVE, IMMEDIATE, FILL_OR_KILL, SELL = 0x10000, 0x20000, 0x40000, 0x80000
USD = "USD"


@pytest.fixture
def town() -> Town:
    """A ledger on which two hold 1,000 USD each, of an issuer that ripples."""
    town = funded("issuer", "maker", "taker")
    town.does("issuer", "AccountSet", SetFlag=8)
    for name in ("maker", "taker"):
        town.does(name, "TrustSet", LimitAmount=token("100000", "issuer", USD))
        town.does("issuer", "Payment", Destination=address(name), Amount=token("1000", "issuer", USD))
    return town


def offer(town: Town, name: str, gives: str, wants: str, **fields: Any) -> str:
    """Offer XRP for USD or USD for XRP: `5 XRP` is so many, `5` is USD."""
    return town.does(name, "OfferCreate", TakerGets=amount(gives), TakerPays=amount(wants), **fields)


def amount(text: str) -> Any:
    return str(int(float(text[:-4]) * XRP)) if text.endswith(" XRP") else token(text, "issuer", USD)


def usd(town: Town, name: str) -> str:
    line = town.line(name, "issuer", USD)
    assert line is not None
    return line["balance"]


def resting(town: Town, name: str) -> list[dict[str, Any]]:
    return town.ask("account_offers", account=address(name))["offers"]


def test_an_offer_rests_and_is_taken_in_parts_at_its_own_price(town: Town) -> None:
    assert offer(town, "maker", "100", "200 XRP") == "tesSUCCESS"
    before = town.drops("maker")
    assert offer(town, "taker", "90 XRP", "30") == "tesSUCCESS"  # would pay 3 XRP each, and pays 2
    assert (usd(town, "maker"), usd(town, "taker")) == ("970", "1030")
    assert town.drops("maker") == before + 60 * XRP
    [left] = resting(town, "maker")
    assert (left["taker_gets"]["value"], left["taker_pays"]) == ("70", str(140 * XRP))
    assert resting(town, "taker") == []


def test_the_cheapest_and_then_the_oldest_offer_comes_first(town: Town) -> None:
    offer(town, "maker", "10", "30 XRP")
    offer(town, "maker", "10", "20 XRP")
    offer(town, "maker", "10", "20 XRP")
    offer(town, "taker", "100 XRP", "15")
    rows = town.ask(
        "book_offers", taker_gets={"currency": USD, "issuer": address("issuer")}, taker_pays={"currency": "XRP"}
    )
    assert [row["TakerGets"]["value"] for row in rows["offers"]] == ["5", "10"]
    assert [row["TakerPays"] for row in rows["offers"]] == [str(10 * XRP), str(30 * XRP)]


def test_a_worse_price_rests_on_the_other_side(town: Town) -> None:
    offer(town, "maker", "100", "200 XRP")
    offer(town, "taker", "199 XRP", "100")
    assert len(resting(town, "maker")) == len(resting(town, "taker")) == 1
    assert usd(town, "taker") == "1000"


def test_a_passive_offer_does_not_take_its_own_price(town: Town) -> None:
    offer(town, "maker", "100", "200 XRP")
    assert offer(town, "taker", "200 XRP", "100", Flags=PASSIVE) == "tesSUCCESS"
    assert len(resting(town, "taker")) == 1
    assert offer(town, "taker", "201 XRP", "100", Flags=PASSIVE) == "tesSUCCESS"
    assert usd(town, "taker") == "1100"


def test_an_immediate_offer_never_rests_and_one_to_fill_or_kill_is_all_or_nothing(town: Town) -> None:
    assert offer(town, "taker", "90 XRP", "30", Flags=IMMEDIATE) == "tecKILLED"
    offer(town, "maker", "20", "40 XRP")
    assert offer(town, "taker", "90 XRP", "30", Flags=FILL_OR_KILL) == "tecKILLED"
    assert usd(town, "taker") == "1000"
    assert offer(town, "taker", "90 XRP", "30", Flags=IMMEDIATE) == "tesSUCCESS"
    assert usd(town, "taker") == "1020"
    assert resting(town, "taker") == []
    assert offer(town, "taker", "1 XRP", "1", Flags=IMMEDIATE | FILL_OR_KILL) == "temINVALID_FLAG"


def test_one_that_sells_gives_all_and_takes_more_than_it_asked_for(town: Town) -> None:
    offer(town, "maker", "100", "100 XRP")
    assert offer(town, "taker", "60 XRP", "30", Flags=SELL) == "tesSUCCESS"
    assert usd(town, "taker") == "1060"


def test_an_offer_is_cancelled_or_replaced_by_its_sequence(town: Town) -> None:
    offer(town, "maker", "10", "20 XRP")
    [first] = resting(town, "maker")
    assert offer(town, "maker", "10", "30 XRP", OfferSequence=first["seq"]) == "tesSUCCESS"
    [second] = resting(town, "maker")
    assert second["taker_pays"] == str(30 * XRP)
    assert town.does("maker", "OfferCancel", OfferSequence=second["seq"]) == "tesSUCCESS"
    assert resting(town, "maker") == []
    assert town.info("maker")["account_data"]["OwnerCount"] == 1  # its line


def test_what_is_not_there_cannot_be_offered(town: Town) -> None:
    town.does("maker", "Payment", Destination=address("issuer"), Amount=token("1000", "issuer", USD))
    assert offer(town, "maker", "1", "1 XRP") == "tecUNFUNDED_OFFER"
    assert offer(town, "taker", "1 XRP", "1 XRP") == "temBAD_OFFER"
    assert offer(town, "taker", "1", "2") == "temREDUNDANT"
    assert offer(town, "taker", "0 XRP", "2") == "temBAD_OFFER"


def test_an_offer_whose_funds_went_away_is_removed_when_it_is_met(town: Town) -> None:
    offer(town, "maker", "100", "100 XRP")
    town.does("maker", "Payment", Destination=address("issuer"), Amount=token("990", "issuer", USD))
    assert offer(town, "taker", "50 XRP", "50", Flags=IMMEDIATE) == "tesSUCCESS"
    assert (usd(town, "taker"), usd(town, "maker")) == ("1010", "0")
    assert resting(town, "maker") == []


def test_a_line_that_does_not_ripple_keeps_its_token_from_the_book() -> None:
    town = funded("issuer", "maker", "taker")
    for name in ("maker", "taker"):
        town.does(name, "TrustSet", LimitAmount=token("100000", "issuer", USD))
        town.does("issuer", "Payment", Destination=address(name), Amount=token("1000", "issuer", USD))
    offer(town, "maker", "100 XRP", "100")
    assert offer(town, "taker", "10", "10 XRP", Flags=IMMEDIATE) == "tecKILLED"
    town.does("issuer", "TrustSet", LimitAmount=token("0", "taker", USD), Flags=0x40000)
    assert offer(town, "taker", "10", "10 XRP", Flags=IMMEDIATE) == "tesSUCCESS"


def test_a_holder_who_is_not_authorised_cannot_ask_for_the_token() -> None:
    town = funded("issuer", "taker")
    town.does("issuer", "AccountSet", SetFlag=2)
    assert offer(town, "taker", "10 XRP", "10") == "tecNO_LINE"
    town.does("taker", "TrustSet", LimitAmount=token("100000", "issuer", USD))
    assert offer(town, "taker", "10 XRP", "10") == "tecNO_AUTH"
