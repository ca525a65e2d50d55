from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from fntx_dagster.accounting import fills as f
from fntx_dagster.accounting.classification import classify
from fntx_dagster.accounting.fx import Rates
from fntx_dagster.accounting.section_rows import asset_category
from fntx_dagster.accounting.trade_rows import ExerciseRow, TradeRow, cancellations, proceeds
from fntx_dagster.errors import Permanent
from tests.accounting.examples import USD_IN_HKD, at, golden_fills, golden_trades, july


def row(row_key: str, **given) -> TradeRow:
    defaults = {
        "row_date": date(2025, 7, 17),
        "report_date": date(2025, 7, 17),
        "date_time": at("2025-07-17 10:00"),
        "currency": "USD",
        "symbol": "SPY",
        "conid": "756733",
        "transaction_id": row_key,
        "trade_id": f"t{row_key}",
        "transaction_type": "ExchTrade",
        "quantity": Decimal(100),
        "trade_price": Decimal(620),
        "fx_rate_to_base": Decimal("7.8472"),
    }
    return TradeRow(row_key, **(defaults | given))


def option(row_key: str, **given) -> TradeRow:
    return row(
        row_key,
        **{
            "date_time": at("2025-07-17 16:20"),
            "symbol": "SPY   250717C00628000",
            "conid": "794496281",
            "underlying_symbol": "SPY",
            "multiplier": Decimal(100),
            "strike": Decimal(628),
            "expiry": date(2025, 7, 17),
            "put_call": "C",
            "transaction_type": "BookTrade",
            "quantity": Decimal(1),
            "trade_price": Decimal(0),
        }
        | given,
    )


def delivered(row_key: str, **given) -> TradeRow:
    return row(
        row_key,
        **{
            "date_time": at("2025-07-17 16:20"),
            "transaction_type": "BookTrade",
            "quantity": Decimal(-100),
            "trade_price": Decimal(628),
        }
        | given,
    )


def classified(*rows: TradeRow, exercises: tuple[ExerciseRow, ...] = (), rates: Rates = USD_IN_HKD):
    return {fill.fill_id: fill for fill in classify(rows, exercises, july(), rates)}


def test_the_role_models_rows_come_out_with_the_brokers_labels():
    fills = golden_fills()
    assert len(fills) == len(golden_trades()) == 60
    assert Counter(fill.event_type for fill in fills) == {
        "trade": 32,
        "expiration": 24,
        "assignment": 2,
        "delivery": 2,
    }
    assert {fill.label_source for fill in fills if fill.event_type != "trade"} == {"option_eae"}
    assert {fill.fx_source for fill in fills} == {"row"}


def test_without_option_eae_pairing_and_the_rule_find_the_same_labels():
    with_exercises, without = golden_fills(), golden_fills(exercises=False)
    assert [(x.event_type, x.linked_fill_id, x.delivered_by) for x in with_exercises] == [
        (x.event_type, x.linked_fill_id, x.delivered_by) for x in without
    ]
    assert Counter(fill.label_source for fill in without) == {"trade": 32, "book_trade_rule": 24, "leg_pairing": 4}


def test_the_assigned_call_of_17_july_is_linked_to_the_short_stock_of_the_same_night():
    fills = {fill.fill_id: fill for fill in golden_fills()}
    call, stock = fills["3940000385"], fills["3940000371"]
    assert (call.event_type, call.linked_fill_id) == ("assignment", stock.fill_id)
    assert (stock.event_type, stock.delivered_by, stock.linked_fill_id) == ("delivery", "assignment", call.fill_id)
    assert (stock.session, stock.phase, stock.report_session) == (date(2025, 7, 18), "overnight", date(2025, 7, 18))
    assert (stock.quantity, stock.price, stock.proceeds) == (Decimal(-100), Decimal(628), Decimal(62800))


def test_the_expiries_of_friday_18_july_are_the_next_sessions_events_and_that_fridays_official_business():
    call = {fill.fill_id: fill for fill in golden_fills()}["3940000413"]
    assert (call.event_type, call.session, call.report_session) == ("expiration", date(2025, 7, 21), date(2025, 7, 18))


def test_fills_come_in_the_order_of_execution_and_of_transaction_ids_within_an_instant():
    assert list(classified(row("10"), row("9"), row("11", date_time=at("2025-07-17 09:59")))) == ["11", "9", "10"]


@pytest.mark.parametrize(
    ("put_call", "contracts", "stock", "event"),
    [
        ("C", 1, -100, "assignment"),
        ("P", 1, 100, "assignment"),
        ("C", -1, 100, "exercise"),
        ("P", -1, -100, "exercise"),
    ],
)
def test_a_short_option_is_assigned_and_a_long_one_exercised(put_call, contracts, stock, event):
    fills = classified(
        option("1", put_call=put_call, quantity=Decimal(contracts)), delivered("2", quantity=Decimal(stock))
    )
    assert (fills["1"].event_type, fills["2"].event_type, fills["2"].delivered_by) == (event, "delivery", event)


@pytest.mark.parametrize(
    "changed",
    [
        {"trade_price": Decimal("628.5")},
        {"date_time": at("2025-07-17 16:21")},
        {"quantity": Decimal(-200)},
        {"quantity": Decimal(100)},
        {"symbol": "QQQ"},
        {"transaction_type": "ExchTrade"},
    ],
)
def test_legs_pair_only_at_the_strike_in_the_minute_and_for_contracts_times_multiplier(changed):
    fills = classified(option("1"), delivered("2", **changed))
    assert (fills["1"].event_type, fills["2"].event_type) == ("expiration", "trade")
    assert fills["1"].label_source == "book_trade_rule"


def test_two_assigned_rows_share_one_delivery():
    fills = classified(option("1"), option("2"), delivered("3", quantity=Decimal(-200)))
    assert [fills[key].event_type for key in "123"] == ["assignment", "assignment", "delivery"]
    assert [fills[key].linked_fill_id for key in "123"] == ["3", "3", "1"]


def test_equal_legs_pair_one_by_one():
    fills = classified(option("1"), option("2"), delivered("3"), delivered("4"))
    assert [fills[key].linked_fill_id for key in "1234"] == ["3", "4", "1", "2"]


def test_option_eae_wins_over_a_pairing_by_chance():
    said = (ExerciseRow("t1", "Expiration", "794496281"),)
    fills = classified(option("1"), delivered("2"), exercises=said)
    assert (fills["1"].event_type, fills["1"].label_source, fills["2"].event_type) == (
        "expiration",
        "option_eae",
        "trade",
    )


def test_option_eae_of_another_contract_with_the_same_trade_id_says_nothing():
    fills = classified(option("1"), exercises=(ExerciseRow("t1", "Assignment", "1"),))
    assert fills["1"].label_source == "book_trade_rule"


def test_a_delivery_that_option_eae_names_needs_no_pair():
    fills = classified(delivered("2", notes="Ex;O"), exercises=(ExerciseRow("t2", "Sell", "756733"),))
    assert (fills["2"].event_type, fills["2"].label_source, fills["2"].delivered_by) == (
        "delivery",
        "option_eae",
        "exercise",
    )


@pytest.mark.parametrize(("notes", "event"), [("A;C", "assignment"), ("Ex", "exercise"), ("C;Ep", "expiration")])
def test_the_brokers_notes_label_what_nothing_else_does(notes, event):
    assert classified(option("1", notes=notes))["1"].event_type == event


def test_an_option_cannot_expire_before_its_expiry():
    assert classified(option("1", expiry=date(2025, 7, 18)))["1"].event_type == "assignment"


def test_a_book_trade_at_a_price_is_a_trade():
    assert classified(option("1", trade_price=Decimal(2)))["1"].event_type == "trade"


def test_a_currency_pair_is_a_conversion_even_where_no_category_is_delivered():
    assert classified(row("1", symbol="USD.HKD"))["1"].event_type == "fx_conversion"


@pytest.mark.parametrize(
    ("given", "category"),
    [
        ({"asset_category": "FOP", "strike": Decimal(1)}, "FOP"),
        ({"strike": Decimal(1), "put_call": "P"}, "OPT"),
        ({"symbol": "SPY   250717C00628000", "expiry": date(2025, 7, 17)}, "OPT"),
        ({"expiry": date(2025, 9, 19)}, "FUT"),
        ({"symbol": "BRK.B"}, "STK"),
        ({"symbol": "EUR.USD"}, "CASH"),
    ],
)
def test_the_category_is_derived_from_the_contracts_terms(given, category):
    assert asset_category(row("1", **given)) == category


def test_a_cancel_removes_itself_and_what_it_cancels():
    bought = row("1")
    cancel = row("2", transaction_type="TradeCancel", trade_id=None, orig_transaction_id="1", quantity=Decimal(-100))
    assert cancellations([bought, cancel, row("3")]).struck_out == {"1", "2"}


def test_a_cancel_known_by_its_side_finds_its_original_by_trade_id_size_and_price():
    bought, corrected = row("1"), row("3", trade_id="t1", trade_price=Decimal(621))
    cancel = row("2", buy_sell="BUY (Ca.)", trade_id=None, orig_trade_id="t1", orig_transaction_id="0")
    assert cancellations([corrected, bought, cancel]).struck_out == {"1", "2"}


def test_a_cancel_of_a_later_day_strikes_out_nothing_and_may_open_again_what_its_original_closed():
    sold = row("1", quantity=Decimal(-100))
    later = {"report_date": date(2025, 7, 21), "transaction_type": "TradeCancel", "orig_transaction_id": "1"}
    cancel = row("2", trade_id=None, quantity=Decimal(100), **later)
    corrected = row("3", transaction_type="TradeCorrect", orig_transaction_id="1")
    cancelled = cancellations([sold, cancel, corrected])
    assert cancelled == (frozenset(), {"2"}, {"2", "3"})
    fills = {fill.fill_id: fill for fill in classify([sold, cancel, corrected], [], july(), USD_IN_HKD, cancelled)}
    assert fills["2"].closes == f.CLOSES_UNKNOWN
    assert (fills["1"].session, fills["2"].session) == (fills["3"].session, date(2025, 7, 21))
    assert fills["2"].phase == "pre_market", "it has its original's time, and counts in the session that undoes it"


@pytest.mark.parametrize(
    "given",
    [
        {"notes": "Ca", "trade_id": None, "buy_sell": "BUY", "quantity": Decimal(-100)},
        {"notes": "P;Ca", "orig_transaction_id": "1", "buy_sell": "SELL", "quantity": Decimal(-100), "trade_id": None},
        {"level_of_detail": "CANCEL", "buy_sell": "BUY", "quantity": Decimal(-100), "trade_id": None},
    ],
)
def test_a_cancel_known_by_its_code_or_its_level_takes_back_the_same_deal_the_other_way_round(given):
    bought = row("1", notes="Ca", buy_sell="BUY")  # what was cancelled may have the code, too
    assert cancellations([bought, row("2", **given), row("3", buy_sell="BUY", quantity=Decimal(50))]).struck_out == {
        "1",
        "2",
    }


def test_two_cancels_of_one_trade_take_back_two_rows_at_most():
    cancels = [
        row(key, transaction_type="TradeCancel", trade_id=None, orig_trade_id="t1", orig_transaction_id="1")
        for key in "23"
    ]
    assert cancellations([row("1"), *cancels]).struck_out == {"1", "2"}


def test_a_correction_replaces_its_original_with_or_without_a_cancel():
    bought = row("1")
    corrected = row("3", trade_id="t1", transaction_type="TradeCorrect", orig_transaction_id="1")
    cancel = row("2", transaction_type="TradeCancel", orig_transaction_id="1")
    assert cancellations([bought, corrected]).struck_out == {"1"}
    assert cancellations([bought, cancel, corrected]).struck_out == {"1", "2"}


@pytest.mark.parametrize(("side", "quantity"), [("BUY (Ca.)", -100), ("SELL (Ca.)", 100)])
def test_a_cancel_without_its_original_stands_as_a_reversing_trade_that_opens_nothing(side, quantity):
    cancel = row("2", transaction_type="TradeCancel", buy_sell=side, orig_transaction_id="77")
    assert cancellations([cancel]).struck_out == frozenset()
    fill = classified(cancel)["2"]
    assert (fill.event_type, fill.quantity, fill.closes) == ("trade", Decimal(quantity), f.CLOSES_ONLY)


@pytest.mark.parametrize(("side", "delivered_quantity"), [("SELL", "4"), ("SELL", "-4"), (None, "-4")])
def test_the_side_decides_the_sign_of_the_quantity(side, delivered_quantity):
    assert classified(row("1", buy_sell=side, quantity=Decimal(delivered_quantity)))["1"].quantity == -4


@pytest.mark.parametrize(
    ("given", "closes"),
    [
        ({"open_close_indicator": "C"}, f.CLOSES_ONLY),
        ({"notes": "P;C"}, f.CLOSES_ONLY),
        ({"open_close_indicator": "C;O", "fifo_pnl_realized": Decimal(5)}, f.CLOSES_UNKNOWN),
        ({"open_close_indicator": "O"}, f.CLOSES_UNKNOWN),
        ({"fifo_pnl_realized": Decimal(5)}, f.CLOSES_SOME),
        ({"fifo_pnl_realized": Decimal(0)}, f.CLOSES_UNKNOWN),
        ({"notes": "Co"}, f.CLOSES_UNKNOWN),
    ],
)
def test_what_the_broker_says_about_closing_is_kept(given, closes):
    assert classified(row("1", **given))["1"].closes == closes


def test_commission_and_taxes_are_one_cost():
    assert classified(row("1", ib_commission=Decimal(-1), taxes=Decimal("-0.5")))["1"].commission == Decimal("-1.5")


def test_a_commission_charged_in_base_currency_is_turned_into_the_fills():
    charged = row("1", ib_commission=Decimal("-15.6944"), ib_commission_currency="HKD")
    assert classified(charged)["1"].commission == Decimal(-2)


@pytest.mark.parametrize(
    ("given", "multiplier"),
    [
        ({"multiplier": Decimal(50), "asset_category": "FUT"}, 50),
        ({"put_call": "C", "strike": Decimal(1), "expiry": date(2025, 9, 19), "multiplier": Decimal(10)}, 10),
        ({}, 1),
        ({"asset_category": "BOND", "multiplier": Decimal(1)}, Decimal("0.01")),
    ],
)
def test_the_multiplier_is_the_rows_or_the_categorys(given, multiplier):
    fill = classified(row("1", **given))["1"]
    assert fill.multiplier == multiplier
    assert fill.proceeds == -100 * 620 * multiplier == proceeds(row("1", **given))


@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        ({"quantity": None}, "quantity"),
        ({"trade_price": None}, "tradePrice"),
        ({"currency": None}, "currency"),
        ({"conid": None, "symbol": None}, "conid"),
        ({"asset_category": "FUT", "multiplier": None}, "multiplier"),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_that_names_row_field_and_way_out(given, attribute):
    with pytest.raises(
        Permanent, match=rf"row 9 of 2025-07-17 in Trades has no {attribute}\. Add the field {attribute}"
    ):
        classified(row("9", **given))


@pytest.mark.parametrize("category", ["OPT", "FOP", None])
@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        ({"multiplier": None}, "multiplier"),
        ({"strike": None}, "strike"),
        ({"expiry": None}, "expiry"),
        ({"put_call": None}, "putCall"),
        ({"strike": None, "put_call": None, "expiry": None, "multiplier": None}, "strike"),
    ],
)
@pytest.mark.parametrize("kind", ["ExchTrade", "BookTrade"])
def test_an_option_without_one_of_its_terms_is_named_with_the_field_to_add(category, given, attribute, kind):
    incomplete = option("9", asset_category=category, transaction_type=kind, trade_price=Decimal(1), **given)
    with pytest.raises(
        Permanent, match=rf"row 9 of 2025-07-17 in Trades has no {attribute}\. Add the field {attribute}"
    ):
        classified(incomplete)


def test_a_trade_without_a_time_of_day_is_named_with_what_to_set():
    with pytest.raises(
        Permanent, match=r"row 9 of .* has no dateTime with a time of day\. Add .* time format to HHmmss"
    ):
        classified(row("9", date_time=None))
