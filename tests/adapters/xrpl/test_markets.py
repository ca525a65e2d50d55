"""Markets of the ledger on loopback: books, open offers, and what each transaction did to an account."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from fntx_dagster.adapters.xrpl.markets import balances, market_book, open_offers, traces
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.errors import Transient
from fntx_dagster.execution.assets import XRP, LedgerAsset, LedgerPair
from fntx_dagster.execution.books import BookLevel, MarketBook
from fntx_dagster.execution.fills import AccountMoves, moves_of
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from tests.simulate.xrpl.people import XRP as DROPS
from tests.simulate.xrpl.people import Town, address, funded, token

IMMEDIATE, SELL = 0x20000, 0x80000
PEOPLE = ("desk", "maker", "other")


@pytest.fixture
def town() -> Town:
    """Three who hold 1,000 OPTKAS.BOND each, of an issuer that ripples."""
    town = funded("issuer", *PEOPLE)
    town.does("issuer", "AccountSet", SetFlag=8)
    for name in PEOPLE:
        town.does(name, "TrustSet", LimitAmount=token("100000", "issuer"))
        town.does("issuer", "Payment", Destination=address(name), Amount=token("1000", "issuer"))
    return town


@pytest.fixture
def served(town: Town) -> Iterator[XrplServer]:
    with serve_xrpl(town.ledger) as server:
        yield server


@pytest.fixture
def rpc(served: XrplServer) -> XrplRpc:
    return XrplRpc(served.url)


def bond() -> LedgerAsset:
    return LedgerAsset("OPTKAS.BOND", address("issuer"))


def pair() -> LedgerPair:
    return LedgerPair(bond(), XRP)


def offer(town: Town, name: str, gives: str, wants: str, **fields: Any) -> str:
    """`5 XRP` is so many, `5` so many bonds."""
    given, wanted = (
        str(int(float(each[:-4]) * DROPS)) if "X" in each else token(each, "issuer") for each in (gives, wants)
    )
    return town.does(name, "OfferCreate", TakerGets=given, TakerPays=wanted, **fields)


def moves(rpc: XrplRpc, town: Town, first: int) -> list[AccountMoves]:
    """What every transaction since a ledger did to the desk."""
    last = town.ledger.last.ledger_index
    return [moves_of(address("desk"), each) for each in traces(rpc, address("desk"), first, last)]


def test_a_book_is_read_with_the_best_price_first(town: Town, rpc: XrplRpc) -> None:
    for gives, wants in (("10", "30 XRP"), ("10", "20 XRP"), ("12 XRP", "10"), ("15 XRP", "10")):
        offer(town, "maker", gives, wants)
    book = market_book(rpc, pair(), town.ledger.last.ledger_index)
    assert book.asks == [BookLevel(Fraction(2), Fraction(10)), BookLevel(Fraction(3), Fraction(10))]
    assert book.bids == [BookLevel(Fraction(3, 2), Fraction(10)), BookLevel(Fraction(6, 5), Fraction(10))]
    assert book.mid == Fraction(7, 4)
    assert book.expected("buy", Fraction(15)) == Fraction(10 * 2 + 5 * 3, 15)
    assert book.expected("sell", Fraction(40)) == Fraction(15 + 12 + 20 * Fraction(6, 5)) / 40
    turned = market_book(rpc, pair().turned, town.ledger.last.ledger_index)
    assert turned.asks[0].price == 1 / book.bids[0].price


def test_an_empty_book_has_no_price() -> None:
    assert MarketBook((), ()).mid is None
    assert MarketBook((), ()).expected("buy", Fraction(1)) is None
    one_sided = MarketBook((), [BookLevel(Fraction(2), Fraction(1))])
    assert (one_sided.mid, one_sided.expected("buy", Fraction(1))) == (2, None)


def test_what_the_desk_took_is_a_fill_for_each_offer(town: Town, rpc: XrplRpc) -> None:
    offer(town, "maker", "10", "20 XRP")
    offer(town, "other", "10", "30 XRP")
    first = town.ledger.last.ledger_index + 1
    assert offer(town, "desk", "100 XRP", "15", Flags=IMMEDIATE) == "tesSUCCESS"
    [moved] = moves(rpc, town, first)
    assert {(each.got, each.gave, each.is_maker) for each in moved.fills} == {(10, 20, False), (5, 15, False)}
    assert {each.bought(pair()) for each in moved.fills} == {Fraction(10), Fraction(5)}
    assert {each.bought(pair().turned) for each in moved.fills} == {-20, -15}
    assert len({each.offer_index for each in moved.fills}) == 2
    assert (moved.fee, moved.flows, moved.transfer_fees) == (Fraction(10, DROPS), {}, {})


def test_what_somebody_took_of_the_desk_s_offer_is_a_fill(town: Town, rpc: XrplRpc) -> None:
    offer(town, "desk", "10", "20 XRP")
    [resting] = open_offers(rpc, address("desk"), town.ledger.last.ledger_index)
    first = town.ledger.last.ledger_index + 1
    offer(town, "other", "8 XRP", "4")
    offer(town, "other", "100 XRP", "6", Flags=IMMEDIATE)
    (one, two) = moves(rpc, town, first)
    assert [(*each.fills, each.fee, each.flows) for each in (one, two)] == [
        (one.fills[0], 0, {}),
        (two.fills[0], 0, {}),
    ]
    assert [(each.gave, each.got, each.is_maker) for each in (*one.fills, *two.fills)] == [(4, 8, True), (6, 12, True)]
    assert {each.own_sequence for each in (*one.fills, *two.fills)} == {resting.sequence}
    assert one.fills[0].tx_hash != two.fills[0].tx_hash
    assert open_offers(rpc, address("desk"), town.ledger.last.ledger_index) == []


def test_a_cancelled_offer_and_one_that_is_placed_are_no_fills(town: Town, rpc: XrplRpc) -> None:
    first = town.ledger.last.ledger_index + 1
    offer(town, "desk", "10", "20 XRP")
    [resting] = open_offers(rpc, address("desk"), town.ledger.last.ledger_index)
    town.does("desk", "OfferCancel", OfferSequence=resting.sequence)
    assert offer(town, "desk", "10", "20 XRP", Flags=IMMEDIATE) == "tecKILLED"
    found = moves(rpc, town, first)
    assert [(each.fills, each.flows) for each in found] == [((), {})] * 3
    assert [each.fee for each in found] == [Fraction(1, 100_000)] * 3


def test_money_that_comes_and_goes_is_a_flow(town: Town, rpc: XrplRpc) -> None:
    first = town.ledger.last.ledger_index + 1
    town.does("maker", "Payment", Destination=address("desk"), Amount=str(5 * DROPS))
    town.does("desk", "Payment", Destination=address("other"), Amount=token("7.5", "issuer"))
    came, went = moves(rpc, town, first)
    assert (came.fee, came.flows, went.flows) == (0, {XRP: 5}, {bond(): Fraction(-15, 2)})


def test_fills_fees_and_flows_are_all_that_changes_balances(town: Town, rpc: XrplRpc) -> None:
    """Two hundred random transactions of three accounts; the sums of the desk are its balances, to the last drop."""
    rng = random.Random(20)
    first = town.ledger.last.ledger_index + 1
    before = balances(rpc, address("desk"), first - 1)
    for _ in range(200):
        name, bonds, price = rng.choice(PEOPLE), rng.randint(1, 900_000), rng.randint(700_000, 1_300_000)
        given, wanted = str(bonds * price // 100_000 + 1), token(f"{bonds / 100_000}", "issuer")
        if rng.random() < 0.5:
            given, wanted = wanted, given
        flags = rng.choice([0, IMMEDIATE, SELL, IMMEDIATE | SELL])
        if rng.random() < 0.1:
            receiver = rng.choice([each for each in PEOPLE if each != name])
            town.send(name, "Payment", Destination=address(receiver), Amount=rng.choice([given, wanted]))
        else:
            town.send(name, "OfferCreate", TakerGets=given, TakerPays=wanted, Flags=flags)
        if rng.random() < 0.4:
            town.close_ledger()
    town.close_ledger()
    moved: defaultdict[LedgerAsset, Fraction] = defaultdict(Fraction)
    fills = 0
    for each in moves(rpc, town, first):
        moved[XRP] -= each.fee
        for fill in each.fills:
            moved[fill.got_asset] += fill.got
            moved[fill.gave_asset] -= fill.gave
            fills += 1
        for asset, value in each.flows.items():
            moved[asset] += value
        assert not each.transfer_fees
    after = balances(rpc, address("desk"), town.ledger.last.ledger_index)
    assert fills > 30
    assert {asset: before[asset] + moved[asset] for asset in before} == after


def test_a_server_whose_history_has_a_gap_decides_nothing(town: Town, rpc: XrplRpc) -> None:
    offer(town, "desk", "10", "20 XRP")
    last = town.ledger.last.ledger_index
    town.ledger.first_kept = last - 1
    with pytest.raises(Transient):
        list(traces(rpc, address("desk"), last - 2, last))
    assert list(traces(rpc, address("desk"), last - 1, last)) != []
