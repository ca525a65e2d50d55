from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting import fills as f
from fntx_dagster.accounting.bookings import ActionRow, TransferRow, booked_actions, booked_transfers
from fntx_dagster.accounting.fx import Rates
from fntx_dagster.accounting.matching import match_contracts
from fntx_dagster.errors import Permanent
from tests.accounting.examples import USD_IN_HKD, at, fill, july


def leg(row_key: str, symbol: str, quantity: str, **said) -> ActionRow:
    defaults = {
        "row_date": date(2025, 7, 17),
        "report_date": date(2025, 7, 17),
        "date_time": at("2025-07-16 20:25"),
        "currency": "USD",
        "symbol": symbol,
        "conid": f"{symbol}1",
        "asset_category": "STK",
        "transaction_id": row_key,
        "fx_rate_to_base": Decimal("7.85"),
        "quantity": Decimal(quantity),
        "proceeds": Decimal(said.pop("proceeds", "0")),
        "action_id": "9",
    }
    return ActionRow(row_key, **(defaults | said))


def actions(*rows: ActionRow) -> dict[str, f.Fill]:
    return {fill.fill_id: fill for fill in booked_actions(rows, july(), USD_IN_HKD)}


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        ("FS", "", f.SPLIT),
        ("RS", "", f.SPLIT),
        ("SD", "", f.SPLIT),
        ("TC", "", f.MERGER),
        ("TO", "", f.MERGER),
        ("SO", "", f.SPIN_OFF),
        ("IC", "", f.SYMBOL_CHANGE),
        ("HI", "", f.SPIN_OFF),
        ("HD", "", f.SPIN_OFF),
        ("CH", "", f.SPIN_OFF),
        ("PI", "", f.SPIN_OFF),
        ("SR", "", f.CORPORATE_ACTION),
        ("DW", "", f.CORPORATE_ACTION),
        ("BM", "", f.CORPORATE_ACTION),
        (None, "ACME(US1) SPLIT 4 FOR 1 (ACME)", f.SPLIT),
        (None, "ACME(US1) MERGED(Acquisition) WITH US2 1 FOR 2", f.MERGER),
        (None, "ACME(US1) SPINOFF 1 FOR 3", f.SPIN_OFF),
        (None, "ACME(US1) CUSIP/ISIN CHANGE TO (US2)", f.SYMBOL_CHANGE),
        (None, "something else", f.CORPORATE_ACTION),
    ],
)
def test_an_action_is_what_its_code_says_or_else_its_words(code, words, kind):
    (booked,) = actions(leg("1", "ACME", "30", type=code, action_description=words)).values()
    assert (booked.event_type, booked.label_source, booked.session) == (kind, "corporate_action", date(2025, 7, 17))


def test_a_split_in_place_is_linked_to_itself_and_keeps_the_brokers_ratio():
    (booked,) = actions(leg("1", "ACME", "30", type="FS", action_description="ACME(US1) SPLIT 4 FOR 1 (ACME)")).values()
    assert (booked.linked_fill_id, booked.ratio) == (booked.fill_id, (4, 1))


def test_the_legs_of_an_exchange_are_linked_and_cash_for_a_fraction_comes_after_them():
    linked = actions(
        leg("3", "NEW", "-0.5", type="RS", proceeds="10.50"),
        leg("1", "OLD", "-105", type="RS"),
        leg("2", "NEW", "10.5", type="RS"),
    )
    assert linked["action:1"].linked_fill_id == "action:2"
    assert linked["action:2"].linked_fill_id == "action:1"
    fraction = linked["action:3"]
    assert (fraction.linked_fill_id, fraction.price, fraction.proceeds) == (None, 21, Decimal("10.50"))
    assert fraction.executed_at > linked["action:2"].executed_at


@pytest.mark.parametrize("held", ["10", "-10"])
@pytest.mark.parametrize(("new", "old"), [(4, 1), (1, 5), (3, 2)])
@pytest.mark.parametrize("known", ["1", "0.5"])
def test_a_split_that_is_taken_back_on_a_later_day_leaves_what_was_held_at_its_cost(held, new, old, known):
    more = Decimal(held) * new / old - Decimal(held)
    words = {"type": "FS", "action_description": f"ACME(US1) SPLIT {new} FOR {old} (ACME)"}
    later = {"row_date": date(2025, 7, 18), "report_date": date(2025, 7, 18), "date_time": at("2025-07-17 20:25")}
    booked = actions(leg("1", "ACME", str(more), **words), leg("2", "ACME", str(-more), code="Ca", **words, **later))
    bought = fill("0", Decimal(held) * Decimal(known), "90", contract_id="ACME1")
    matching = match_contracts([bought, *booked.values()])["ACME1"]
    assert [(_signed(lot), lot.open_price, lot.origin_fill_id) for lot in matching.open] == [(bought.quantity, 90, "0")]
    assert sum(lot.gross_pnl for lot in matching.closed) == 0


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("shares", ["7.5", "0.5"])
@pytest.mark.parametrize("numbers", [("1", "2"), ("2", "1")])
@pytest.mark.parametrize("proceeds", [10, 0])
def test_what_is_taken_for_a_fraction_of_a_spin_off_finds_the_shares_whichever_row_is_numbered_first(
    side, shares, numbers, proceeds
):
    given, fraction = numbers
    booked = actions(
        leg(given, "NEW", str(Decimal(shares) * side), type="SO"),
        leg(fraction, "NEW", str(Decimal("-0.5") * side), type="SO", proceeds=str(proceeds * side)),
    )
    matching = match_contracts(sorted(booked.values(), key=lambda fill: fill.order))["NEW1"]
    left = (Decimal(shares) - Decimal("0.5")) * side
    assert [(_signed(lot), lot.open_price) for lot in matching.open] == ([(left, 0)] if left else [])
    assert sum(lot.gross_pnl for lot in matching.closed) == proceeds * side
    assert matching.unopened == ()


@pytest.mark.parametrize("numbers", [("1", "2"), ("2", "1")])
def test_cash_for_a_fraction_of_a_split_in_place_comes_after_it(numbers):
    split, fraction = numbers
    words = {"type": "RS", "action_description": "ACME(US1) SPLIT 1 FOR 10 (ACME)"}
    booked = actions(leg(split, "ACME", "-94.5", **words), leg(fraction, "ACME", "-0.5", proceeds="10.50", **words))
    bought = fill("0", 105, "2", contract_id="ACME1")
    matching = match_contracts([bought, *sorted(booked.values(), key=lambda fill: fill.order)])["ACME1"]
    assert [(lot.quantity, lot.open_price) for lot in matching.open] == [(10, 20)]
    assert matching.closed[-1].gross_pnl == Decimal("0.50")
    assert matching.unopened == ()


def held_after(*booked: f.Fill) -> dict[str, list[tuple]]:
    matchings = match_contracts(sorted(booked, key=lambda fill: fill.order))
    return {
        contract: [(_signed(lot), lot.open_price, lot.how_opened) for lot in matching.open]
        for contract, matching in matchings.items()
    }


@pytest.mark.parametrize("code", ["HI", "HD", "CH", "PI", "SR", "GV", "DI", "FI", "XX"])
def test_what_an_action_brings_for_nothing_is_held_at_no_cost(code):
    words = f"ACME(US1) SPLIT 2 FOR 1 ({code})"
    booked = actions(leg("1", "NEW", "30", type=code, action_description=words))
    assert held_after(*booked.values()) == {"NEW1": [(30, 0, "spin_off")]}


@pytest.mark.parametrize("code", ["PI", "SR", "GV"])
def test_what_is_subscribed_costs_what_was_paid(code):
    booked = actions(leg("1", "NEW", "30", type=code, proceeds="-600"))
    assert held_after(*booked.values()) == {"NEW1": [(30, 20, "spin_off")]}


def test_a_choice_of_shares_for_a_dividend_ends_the_right_and_brings_them():
    moment = {"date_time": at("2025-07-15 20:25"), "report_date": date(2025, 7, 16), "row_date": date(2025, 7, 16)}
    right = actions(leg("1", "RIGHT", "100", type="HI", action_id="8", **moment))
    chosen = actions(leg("2", "RIGHT", "-100", type="HD"), leg("3", "ACME", "3", type="HD"))
    assert held_after(*right.values(), *chosen.values()) == {"RIGHT1": [], "ACME1": [(3, 0, "spin_off")]}


@pytest.mark.parametrize(("code", "quantity"), [("GV", "-30"), ("XX", "-30"), ("DW", "30"), ("BM", "30"), ("ED", "30")])
def test_what_an_action_takes_or_ends_opens_nothing(code, quantity):
    for proceeds in ("0", str(-20 * int(quantity))):
        booked = actions(leg("1", "NEW", quantity, type=code, proceeds=proceeds))
        assert held_after(*booked.values()) == {"NEW1": []}


def test_only_an_issue_opens_where_a_split_finds_nothing_held_and_it_can_be_taken_back():
    words = {"action_description": "ACME(US1) SPLIT 2 FOR 1 (NEW)"}
    (split,) = actions(leg("1", "NEW", "30", type="FS", **words)).values()
    matching = match_contracts([split])["NEW1"]
    assert (matching.open, [unopened.quantity for unopened in matching.unopened]) == ((), [30])
    later = {"row_date": date(2025, 7, 18), "report_date": date(2025, 7, 18), "date_time": at("2025-07-17 20:25")}
    issue, back = actions(
        leg("1", "NEW", "30", type="FI", **words), leg("2", "NEW", "-30", type="FI", code="Ca", **words, **later)
    ).values()
    assert held_after(issue, back) == {"NEW1": []}
    held = fill("0", 30, "90", contract_id="NEW1")
    assert held_after(held, issue) == {"NEW1": [(60, 45, "split")]}
    assert held_after(held, issue, back) == {"NEW1": [(30, 90, "split")]}


def test_actions_without_an_id_are_distinguished_by_the_security_they_begin_with():
    linked = actions(
        *(
            leg(f"{n}{side}", symbol, quantity, type="IC", action_id=None, action_description=f"{first}(US1) CHANGE")
            for n, first in enumerate(("AB", "CD"))
            for side, symbol, quantity in (("a", first, "-10"), ("b", f"{first}N", "10"))
        )
    )
    assert {key: fill.linked_fill_id for key, fill in linked.items()} == {
        "action:0a": "action:0b",
        "action:0b": "action:0a",
        "action:1a": "action:1b",
        "action:1b": "action:1a",
    }


def test_an_action_that_the_broker_takes_back_the_same_day_is_gone():
    wrong = leg("1", "ACME", "30", type="FS")
    assert set(actions(wrong, leg("2", "ACME", "-30", type="FS", code="Ca"), leg("3", "ACME", "10", type="FS"))) == {
        "action:3"
    }


def test_a_row_without_a_contract_is_refused_with_the_way_out():
    with pytest.raises(Permanent, match=r"in Corporate Actions has no currency or no contract.*section Corporate Act"):
        actions(replace(leg("1", "ACME", "30", conid=None), symbol=None))


def transfer(**said) -> f.Fill:
    defaults = {
        "row_date": date(2025, 7, 17),
        "report_date": date(2025, 7, 17),
        "currency": "USD",
        "conid": "1",
        "symbol": "ACME",
        "quantity": Decimal(30),
        "direction": "IN",
        "position_amount": Decimal(1500),
    }
    (booked,) = booked_transfers([TransferRow("1", **(defaults | said))], july(), USD_IN_HKD)
    return booked


def test_a_transfer_comes_at_its_price_and_counts_with_its_value():
    assert transfer().price == 50
    dear = transfer(transfer_price=Decimal(40))
    assert (dear.price, dear.proceeds, dear.event_type) == (40, -1500, f.TRANSFER_IN)


def test_a_transfer_that_says_no_amount_is_worth_its_price_and_a_worthless_one_says_so():
    priced = transfer(position_amount=None, transfer_price=Decimal(40))
    assert (priced.price, priced.proceeds) == (40, -1200)
    terms = {"strike": Decimal(60), "put_call": "C", "expiry": date(2025, 9, 19), "multiplier": Decimal(10)}
    assert transfer(position_amount=None, transfer_price=Decimal(2), **terms).proceeds == -600
    assert transfer(position_amount=Decimal(0)).proceeds == 0


@pytest.mark.parametrize("price", [None, Decimal(0)])
def test_a_transfer_that_says_neither_amount_nor_price_is_refused_with_the_way_out(price):
    with pytest.raises(
        Permanent, match=r"row 1 of 2025-07-17 in Transfers.*Add the fields positionAmount and transfer"
    ):
        transfer(position_amount=None, transfer_price=price)


def test_a_transfer_of_cash_needs_no_amount_of_a_position():
    cash = TransferRow("1", date(2025, 7, 17), currency="USD", quantity=Decimal(0))
    assert booked_transfers([cash, replace(cash, quantity=None)], july(), USD_IN_HKD) == []


def test_a_transfer_without_a_rate_says_it_by_its_two_amounts():
    transferred = transfer(position_amount_in_base=Decimal("11775"))
    assert (transferred.fx_rate_to_base, transferred.fx_source) == (Decimal("7.85"), "row")
    assert transfer().fx_source == "configured"


def test_a_transfer_belongs_to_the_day_on_which_the_broker_counts_it():
    late = transfer(date_time=at("2025-07-15 11:00"), direction="OUT", quantity=Decimal(-30))
    assert (late.session, late.phase, late.event_type) == (date(2025, 7, 17), "at_close", f.TRANSFER_OUT)
    assert transfer(date_time=at("2025-07-17 11:00")).phase == "intraday"
    assert (transfer().executed_at, transfer().phase) == (at("2025-07-17 08:00"), "pre_market")


def test_no_rate_is_an_error_that_names_the_currency():
    rows = [leg("1", "SAP", "10", currency="EUR", fx_rate_to_base=None)]
    with pytest.raises(Permanent, match="no rate for EUR/HKD on 2025-07-17"):
        booked_actions(rows, july(), Rates("HKD"))


# -- what holds whatever happens

_START = datetime(2025, 7, 1, 14, tzinfo=UTC)
_PRICES = st.decimals("0.01", "900", places=2)
_RATIOS = st.sampled_from([(2, 1), (3, 2), (7, 3), (1, 10), (1, 3)])
_TRADES = st.tuples(st.just("trade"), st.sampled_from("AB"), st.integers(-60, 60).filter(bool), _PRICES)
_HAPPENINGS = st.lists(
    st.one_of(
        _TRADES,
        _TRADES,
        st.tuples(st.just("split"), st.sampled_from("AB"), _RATIOS, st.none()),
        st.tuples(st.just("exchange"), st.sampled_from(["AB", "BA"]), _RATIOS, st.decimals("0", "9", places=2)),
        st.tuples(st.just("taken"), st.sampled_from("AB"), st.none(), _PRICES),
        st.tuples(st.just("transfer"), st.sampled_from("AB"), st.integers(-40, 40).filter(bool), _PRICES),
    ),
    max_size=14,
)


@st.composite
def histories(draw):
    """Fills of two contracts, with positions kept beside them: quantities by contract, money in and out."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    executed: list[f.Fill] = []
    for n, (what, where, how, money) in enumerate(draw(_HAPPENINGS)):
        moment = {"executed_at": _START + timedelta(hours=n)}

        def booked(name, contract, quantity, proceeds, kind, moment=moment, **more):
            units = abs(quantity) or Decimal(1)
            price = (abs(proceeds) / units).quantize(Decimal("1E-12"))
            held[contract] += quantity
            said = {"contract_id": contract, "event_type": kind, "booked": proceeds} | moment | more
            executed.append(fill(name, quantity, price, **said))

        if what in ("trade", "transfer"):
            kind = f.TRADE if what == "trade" else f.TRANSFER_IN if how > 0 else f.TRANSFER_OUT
            fee = Decimal(draw(st.integers(-300, 0))).scaleb(-2) if what == "trade" else Decimal(0)
            said = {"contract_id": where, "event_type": kind, "commission": fee} | moment
            held[where] += how
            executed.append(fill(str(n), Decimal(how), money, **said))
        elif what == "split" and held[where]:
            more = (held[where] * how[0] / how[1]).quantize(Decimal("0.0001")) - held[where]
            ratio = (Decimal(how[0]), Decimal(how[1]))
            booked(
                str(n),
                where,
                more,
                Decimal(0),
                f.SPLIT,
                linked_fill_id=str(n),
                ratio=draw(st.sampled_from([ratio, None])),
            )
        elif what == "exchange" and held[where[0]] and held[where[0]] * held[where[1]] >= 0:
            source, target = where
            taken = held[source]
            given = (taken * how[0] / how[1]).quantize(Decimal("0.0001"))
            if given:
                booked(f"{n}000", source, -taken, taken * money, f.MERGER, linked_fill_id=f"{n}001")
                booked(f"{n}001", target, given, Decimal(0), f.MERGER, linked_fill_id=f"{n}000")
        elif what == "taken" and held[where]:
            booked(str(n), where, -held[where], held[where] * money, f.MERGER, closes=f.CLOSES_ONLY)
    return executed, held


def _signed(lot) -> Decimal:
    return lot.quantity if lot.direction == "long" else -lot.quantity


@given(histories())
def test_quantities_money_and_fees_are_conserved_through_splits_mergers_and_transfers(history):
    fills, held = history
    matchings = match_contracts(fills)
    open_lots = {contract: matching.open for contract, matching in matchings.items()}
    closed = [lot for matching in matchings.values() for lot in matching.closed]
    for contract, lots in open_lots.items():
        assert sum(map(_signed, lots)) == held[contract]
        assert len({lot.direction for lot in lots}) <= 1
    left = [lot for lots in open_lots.values() for lot in lots]
    cost = sum(_signed(lot) * lot.open_price * lot.multiplier for lot in left)
    gross = sum(lot.gross_pnl for lot in closed)
    assert abs(gross - cost - sum(fill.proceeds for fill in fills)) <= Decimal("1e-9")
    fees = sum(lot.open_fee + (lot.close_fee or 0) for lot in (*closed, *left))
    assert fees == sum(fill.commission for fill in fills)
    assert not [unopened for matching in matchings.values() for unopened in matching.unopened]
    effects = [effect for matching in matchings.values() for effect in matching.effects.values()]
    # sums are of 28 digits, and a carried lot's money has 24 places: the order of adding may show in the last digit
    assert abs(sum(effect.gross_realised for effect in effects) - gross) <= Decimal("1e-18")
    ids = [lot.lot_id for lot in (*closed, *left)]
    assert len(ids) == len(set(ids))


@given(histories(), st.integers(0, 20))
def test_a_range_from_the_lots_open_before_it_goes_on_as_if_all_were_matched_at_once(history, cut):
    fills, _ = history
    moments = sorted({fill.executed_at for fill in fills})
    start = moments[min(cut, len(moments) - 1)] if moments else _START
    before, after = (
        [fill for fill in fills if fill.executed_at < start],
        [fill for fill in fills if fill.executed_at >= start],
    )
    whole, first = match_contracts(fills), match_contracts(before)
    rest = match_contracts(after, [(contract, lot) for contract, matching in first.items() for lot in matching.open])
    for contract, matching in whole.items():
        closed = first[contract].closed if contract in first else ()
        assert closed + (rest[contract].closed if contract in rest else ()) == matching.closed
        assert (rest[contract].open if contract in rest else ()) == matching.open
