"""What a transaction moved for an account: the cases that a ledger on loopback does not make."""

from __future__ import annotations

from fractions import Fraction

from fntx_dagster.execution.assets import XRP, LedgerAsset, decimal_text, short_name
from fntx_dagster.execution.fills import POOL, ConsumedOffer, LedgerTrace, moves_of

USD = LedgerAsset("USD", "rIssuer")
FEE = Fraction(1, 100_000)


def trace(*offers: ConsumedOffer, kind: str = "OfferCreate", **changes: object) -> LedgerTrace:
    found = {USD if name == "usd" else XRP: Fraction(str(value)) for name, value in changes.items()}
    return LedgerTrace("AB" * 32, 7, 0, 800_000_000, kind, "desk", 3, True, FEE, offers, found)


def offer(gave: int, got: int, owner: str = "maker") -> ConsumedOffer:
    """An offer that gave dollars for XRP."""
    return ConsumedOffer("CD" * 32, owner, 9, USD, Fraction(gave), XRP, Fraction(got))


def test_what_no_offer_gave_came_from_a_pool() -> None:
    moves = moves_of("desk", trace(offer(10, 20), usd=25, xrp=Fraction(-50) - FEE))
    assert [(each.offer_index, each.got, each.gave) for each in moves.fills] == [("CD" * 32, 10, 20), (POOL, 15, 30)]
    assert (moves.flows, moves.fee) == ({}, FEE)


def test_what_an_issuer_keeps_of_what_was_given_is_a_fee_of_the_transfer() -> None:
    gave = ConsumedOffer("CD" * 32, "maker", 9, XRP, Fraction(5), USD, Fraction(10))
    moves = moves_of("desk", trace(gave, usd="-10.02", xrp=Fraction(5) - FEE))
    assert moves.transfer_fees == {USD: Fraction(1, 50)}
    assert moves.flows == {}


def test_what_rounding_left_is_part_of_the_fill() -> None:
    moves = moves_of("desk", trace(offer(10, 20), usd="10.00000000000001", xrp=Fraction(-20) - FEE))
    assert [each.got for each in moves.fills] == [Fraction("10.00000000000001")]
    assert (moves.transfer_fees, moves.flows) == ({}, {})


def test_a_transaction_of_others_that_removes_their_offers_moves_nothing_here() -> None:
    moves = moves_of("stranger", trace(offer(10, 20))._replace(fee=Fraction(0)))
    assert (moves.fills, moves.flows, moves.fee) == ((), {}, 0)


def test_no_token_passes_for_another_of_the_same_code() -> None:
    known = frozenset({USD})
    assert short_name(USD, known) == "USD"
    assert short_name(XRP, known) == "XRP"
    other = short_name(LedgerAsset("USD", "rOther"), known)
    assert other.startswith("USD.")
    assert other != short_name(LedgerAsset("USD", "rThird"), known)
    assert len(short_name(LedgerAsset("A very long code ab!", "rOther"), known)) <= 20


def test_an_exact_amount_is_written_as_it_is() -> None:
    assert [decimal_text(Fraction(each)) for each in ("0", "1.50", "-0.25", "1e-7", "12e10")] == [
        *("0", "1.5", "-0.25", "0.0000001", "120000000000"),
    ]
    assert decimal_text(Fraction(2, 3), 4) == "0.6666"
