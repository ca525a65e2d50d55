"""A dry run: slices and unsigned transactions, and nothing kept; documents that are no strategy."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.xrpl.codec import decoded
from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import XRP, LedgerAsset, LedgerPair
from fntx_dagster.execution.offers import fitted, slice_offer
from fntx_dagster.governance.decisions import moment
from fntx_dagster.services.execution.starting import dry_run
from tests.services.execution.desks import DexDesk

BOND = LedgerAsset("OPTKAS.BOND", "rsHYN6ndveeRbq23UJm3MjqSFv9h2ntdnh")
END = moment("2026-12-01T10:00:00Z")


def test_a_dry_run_answers_with_unsigned_transactions_and_keeps_nothing(desk: DexDesk) -> None:
    desk.offer("maker", "400 XRP", "200")
    dry = dry_run(desk.settings, desk.db, desk.document())
    assert [each["quantity"] for each in dry.slices] == ["25.000000"] * 4
    said = [decoded(each["unsigned_blob"]) for each in dry.transactions]
    assert {each["TransactionType"] for each in said} == {"OfferCreate"}
    assert [each["Sequence"] for each in said] == [*range(said[0]["Sequence"], said[0]["Sequence"] + 4)]
    assert {(each["TakerGets"]["value"], each["TakerPays"], each["SigningPubKey"]) for each in said} == {
        ("25", "49000000", "")  # at 2 XRP less 2 %
    }
    assert {each["Flags"] for each in said} == {0x20000 | 0x80000}
    expirations = [each["Expiration"] for each in said]
    assert [later - first for first, later in pairwise(expirations)] == [3600] * 3
    with desk.db.connect() as connection:
        kept = connection.execute("select count(*) from treasury.strategy").fetchone()
    assert kept == (0,)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"side": "short"}, "side"),
        ({"quantity": 5}, "quantity"),
        ({"quote": {"currency": "XRP", "issuer": "rX"}}, "quote.issuer"),
        ({"base": {"currency": "XRP"}}, "same"),
        ({"strategy": "limit"}, "limit_price"),
        ({"limit_price": "0"}, "limit_price"),
        ({"decimals": 16}, "decimals"),
        ({"end": "2099-01-01T00:00:00Z"}, "30 days"),
        ({"batch": 0}, "batch"),
        ({"note": "x"}, "no field"),
        ({"slices": 1000, "end": "", "quantity": "1000"}, "end"),
    ],
)
def test_a_document_that_is_no_strategy_is_refused(desk: DexDesk, changed: dict[str, Any], word: str) -> None:
    with pytest.raises(Permanent, match=word):
        dry_run(desk.settings, desk.db, desk.document() | changed)


@given(
    st.sampled_from([LedgerPair(BOND, XRP), LedgerPair(XRP, BOND)]),
    st.sampled_from(["buy", "sell"]),
    st.fractions(Fraction(1, 1000), 10**9, max_denominator=10**6),
    st.fractions(Fraction(1, 1000), 1000, max_denominator=10**6),
)
def test_an_offer_states_no_more_than_the_quantity_and_no_worse_price(
    pair: LedgerPair, side: str, quantity: Fraction, price: Fraction
) -> None:
    offer = slice_offer(pair, "twap", side, quantity, price, END)
    given, wanted = (_amount(offer[name]) for name in ("taker_gets", "taker_pays"))
    base, money = (given, wanted) if side == "sell" else (wanted, given)
    assert base == fitted(pair.base, quantity) <= quantity
    assert base > quantity - max(Fraction(1, 10**6), quantity / 10**14)
    assert money >= quantity * price if side == "sell" else money <= quantity * price
    assert offer["flags"] == (["immediate_or_cancel", "sell"] if side == "sell" else ["immediate_or_cancel"])


def _amount(amount: Any) -> Fraction:
    return Fraction(int(amount), 10**6) if isinstance(amount, str) else Fraction(amount["value"])
