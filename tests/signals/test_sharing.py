"""The shares of an execution, step by step: sums to the cent, prices, fees, and what never changes."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.signals import sharing
from fntx_dagster.signals.amounts import ONE, minor_unit
from fntx_dagster.signals.sharing import (
    CLOSED,
    Got,
    Share,
    ShareTexts,
    charge,
    enter,
    finish_entry,
    leave,
    percent,
    texts,
)

CENT = ONE // 100
PRICES = st.integers(1, 10**7)


class Traded(NamedTuple):
    """A signal from its entry to its last exit: the shares, and what each step added."""

    shares: list[Share]
    entered: Got
    left: list[tuple[Got, int, int]]
    entry_fees: int


def got(lots: int, cents: int, fee: Fraction = Fraction(0)) -> Got:
    return Got(lots, lots * cents * CENT + (lots and 7), fee)


@st.composite
def traded(draw: st.DrawFn) -> Traded:
    wishes = draw(st.lists(st.integers(0, 9), min_size=1, max_size=7).filter(any))
    shares = [
        Share(f"user{place}", place, wish * ONE, wish, draw(st.integers(0, 50)) * ONE, draw(st.integers(0, 300)) * CENT)
        for place, wish in enumerate(wishes)
    ]
    entered = got(draw(st.integers(1, sum(wishes))), draw(PRICES), Fraction(draw(st.integers(0, 999)), 7))
    fees = enter(shares, entered, CENT).fees
    finish_entry(shares, "no_liquidity")
    short, left = draw(st.booleans()), []
    while any(share.lots > share.closed for share in shares):
        holding = [share for share in shares if share.lots > share.closed]
        leaving = draw(st.lists(st.sampled_from(holding), min_size=1, unique_by=id))
        lots = draw(st.integers(1, sum(share.lots - share.closed for share in leaving)))
        step = got(lots, draw(PRICES), Fraction(draw(st.integers(0, 999)), 7))
        before = {share.user_id: texts(share, ONE) for share in shares}
        added = leave(leaving, step, entered, CENT, short=short)
        names = {share.user_id for share in leaving}
        assert all(texts(share, ONE) == before[share.user_id] for share in shares if share.user_id not in names)
        left.append((step, added.pnl, added.fees))
    return Traded(shares, entered, left, fees)


@settings(max_examples=150)
@given(traded())
def test_the_users_make_the_whole_in_lots_money_profit_and_fees(done: Traded) -> None:
    shares = done.shares
    assert sum(share.lots for share in shares) == done.entered.lots
    assert sum(share.money_in for share in shares) == done.entered.money
    assert sum(share.closed for share in shares) == sum(step.lots for step, *_ in done.left)
    assert sum(share.money_out for share in shares) == sum(step.money for step, *_ in done.left)
    assert sum(share.pnl for share in shares) == sum(pnl for _, pnl, _ in done.left)
    fees = done.entry_fees + sum(fees for *_, fees in done.left)
    assert sum(share.entry_fee + share.exit_fee for share in shares) == fees
    assert all(share.status == CLOSED for share in shares if share.lots)
    assert all(not share.pnl % CENT for share in shares)


@settings(max_examples=100)
@given(traded())
def test_everybody_pays_the_average_and_gains_within_a_cent_of_each_exit(done: Traded) -> None:
    for share in done.shares:
        if share.lots:
            assert abs(share.money_in - Fraction(done.entered.money * share.lots, done.entered.lots)) < 1
            gain = abs(share.money_out - share.money_in)
            assert abs(abs(share.pnl) - gain) <= CENT * len(done.left)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7).filter(any), PRICES, PRICES, st.integers(1, 5))
def test_fills_in_any_partition_that_fill_all_give_the_same_end(
    wishes: list[int], first: int, last: int, parts: int
) -> None:
    def ended(steps: list[int]) -> list[tuple[int, int, int]]:
        shares = [Share(f"user{place}", place, wish * ONE, wish) for place, wish in enumerate(wishes)]
        entered = Got(sum(wishes), sum(wishes) * first * CENT)
        enter(shares, entered, CENT)
        for lots in steps:
            leave(
                [share for share in shares if share.lots > share.closed],
                Got(lots, lots * last * CENT),
                entered,
                CENT,
                short=False,
            )
        return [(share.closed, share.money_out, share.pnl) for share in shares]

    size = sum(wishes) // parts
    steps = [*([size] * (parts - 1)), sum(wishes) - size * (parts - 1)]
    assert ended([step for step in steps if step]) == ended([sum(wishes)])


def test_a_fixed_fee_is_paid_once_for_each_side_and_basis_points_of_each_sides_money() -> None:
    share = Share("a", 0, 4 * ONE, 4, fee_bps=10 * ONE, fee_fixed=ONE)
    enter([share], Got(4, 400 * ONE), CENT)
    assert share.entry_fee == ONE + 40 * CENT
    for lots in (1, 3):
        leave([share], Got(lots, lots * 101 * ONE), Got(4, 400 * ONE), CENT, short=False)
    assert share.exit_fee == ONE + 40 * CENT, "404 × 10 bps is 0.404"
    assert percent(share.pnl, share.money_in, share.closed, share.lots) == 10_000


def test_the_exchanges_fee_is_shared_like_cents() -> None:
    shares = [Share(name, place, ONE, 1) for place, name in enumerate("abc")]
    enter(shares, Got(3, 300 * ONE, Fraction("0.125")), CENT)
    assert [share.entry_fee // CENT for share in shares] == [4, 4, 4], "0.12 half to even"
    assert charge(shares, Fraction("0.10"), CENT) == 10 * CENT
    assert [share.entry_fee // CENT for share in shares] == [8, 7, 7]


@given(st.integers(0, 10**30), st.integers(1, 10**22), st.sampled_from(["USD", "JPY", "BTC"]))
def test_a_fee_in_basis_points_is_rounded_half_to_even_to_the_minor_unit(money: int, bps: int, currency: str) -> None:
    cent = minor_unit(currency)
    fee = sharing._by_bps(money, bps, cent)
    assert fee == round(Fraction(money * bps, sharing.BPS * ONE * cent)) * cent


def test_a_share_in_words_has_a_text_for_every_column() -> None:
    found = texts(Share("ada", 3, 2 * ONE, 2, reason="why", status="UNFILLED"), ONE)
    assert (found.user_id, found.place, found.requested_qty) == ("ada", "3", "2")
    assert (found.max_notional, found.closed_qty, found.money_out) == (None, "0", "0")
    assert (found.status, found.reason, len(found)) == ("UNFILLED", "why", len(ShareTexts._fields))
