"""Which prices of a feed are used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.feed import FeedRules, HeldPrice, weigh
from fntx_dagster.model.orders import Quote

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = FeedRules()


def quote(bid: str, ask: str | None = None, seconds: float = 0) -> Quote:
    return Quote(Decimal(bid), Decimal(ask or bid), None, None, NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(("bid", "used"), [("110", True), ("110.000001", False), ("90", True), ("89.999999", False)])
def test_a_price_exactly_at_the_band_is_used_and_one_beyond_is_held_back(bid: str, used: bool) -> None:
    said = weigh(quote("100"), None, quote(bid), NOON, RULES)
    assert said == (None if used else HeldPrice(Decimal(bid), Decimal(bid), NOON))


def test_the_first_price_of_a_symbol_is_used() -> None:
    assert weigh(None, None, quote("1"), NOON, RULES) is None


def test_a_level_that_lasts_is_used_after_half_a_minute_and_one_that_moves_on_begins_anew() -> None:
    held = weigh(quote("100"), None, quote("150"), NOON, RULES)
    assert isinstance(held, HeldPrice)
    later = NOON + timedelta(seconds=29.999)
    assert weigh(quote("100"), held, quote("151"), later, RULES) == held
    assert weigh(quote("100"), held, quote("151"), NOON + RULES.lasting, RULES) is None
    assert weigh(quote("100"), held, quote("200"), later, RULES) == HeldPrice(Decimal(200), Decimal(200), later)
    assert weigh(quote("100"), held, quote("101"), later, RULES) is None


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (quote("101", "100"), "no market: bid 101, ask 100"),
        (quote("0", "1"), "no market: bid 0, ask 1"),
        (quote("100", "101", 5.001), "its time is 5.001 s ahead of ours"),
    ],
)
def test_what_is_no_market_of_now_is_no_price(price: Quote, words: str) -> None:
    assert weigh(quote("100"), None, price, NOON, RULES) == words
    assert weigh(None, None, price, NOON, RULES) == words


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=60), st.integers(1, 10))
def test_no_used_price_is_beyond_the_band_of_the_one_before_unless_its_level_lasted(
    mids: list[int], seconds: int
) -> None:
    last: Quote | None = None
    held: HeldPrice | None = None
    now = NOON
    seen: list[tuple[datetime, Decimal]] = []
    for mid in mids:
        now += timedelta(seconds=seconds)
        price = quote(f"{mid}")
        said = weigh(last, held, price, now, RULES)
        seen.append((now, price.bid))
        if said is None:
            if last is not None and abs(price.bid - last.bid) > RULES.jump * last.bid:
                since = now - RULES.lasting
                lasting = [bid for at, bid in seen if at >= since]
                assert len(lasting) > 1
                assert held is not None
                assert held.since <= since
                assert all(abs(bid - held.bid) <= RULES.jump * held.bid for bid in lasting)
            last, held = price, None
        else:
            assert isinstance(said, HeldPrice)
            held = said
