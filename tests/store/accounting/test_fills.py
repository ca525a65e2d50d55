from __future__ import annotations

import re
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fntx_dagster.model.period import Period
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.store.accounting.fills import Changes, RebuildCounts, rebuild
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_file, load_paths

SAMPLES = Path(__file__).parents[3] / "fntx_dagster" / "samples"
NOTHING = Changes()
USD_IN_HKD = {"USD/HKD": Decimal("7.8472")}
TABLES = {
    "fills": "account_id, fill_id",
    "position_lots": "account_id, lot_id",
    "day_rates": "account_id, session, currency",
}


def query(database: Database, text: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(text, values).fetchall()


def run(database: Database, first: str, last: str = "2025-07-31", **fallback) -> RebuildCounts:
    return rebuild(
        database,
        Period(date.fromisoformat(first), date.fromisoformat(last)),
        fallback=fallback.get("fallback", USD_IN_HKD),
    )


def tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {name: query(database, f"SELECT * FROM alm_reporting.{name} ORDER BY {key}") for name, key in TABLES.items()}


def assert_equal_to_a_full_rebuild(database: Database) -> None:
    built = tables(database)
    with database.connect() as connection:
        connection.execute(f"TRUNCATE {', '.join(f'alm_reporting.{name}' for name in TABLES)}")
    run(database, "2025-07-01")
    assert built == tables(database)


def noted(database: Database) -> date | None:
    """The earliest stale day of the only account, whose note is removed."""
    with database.connect() as connection:
        notes = connection.execute("DELETE FROM alm_reporting.untold_changes RETURNING since").fetchall()
    return notes[0][0] if notes else None


def dated(database: Database) -> set[tuple[Any, ...]]:
    """Every row that has a session, with it."""
    days = {"fills": "session", "position_lots": "closed_session", "day_rates": "session"}
    return {
        (day, name, values)
        for name, column in days.items()
        for day, values in query(
            database, f"SELECT {column}, t::text FROM alm_reporting.{name} t WHERE {column} IS NOT NULL"
        )
    }


def assert_nothing_changes(counts: RebuildCounts) -> None:
    assert counts[:4] == (NOTHING, NOTHING, NOTHING, NOTHING)


class Broker:
    """Loads statements of one day each for one account; every one says that the base currency is HKD."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.files = 0

    def delivers(
        self, day: str, *trades: str, account: str = "U1000001", sections: tuple[str, ...] = (), currency: str = "HKD"
    ) -> None:
        self.files += 1
        plain = day.replace("-", "")
        delivered = statement(
            section("Trades", *trades),
            section("ChangeInNAV", row("ChangeInNAV", currency=currency, fromDate=plain, toDate=plain)),
            *sections,
            account=account,
            first=plain,
            generated=f"202508{self.files:02};050000 EDT",
        )
        load_file(self.database, write(self.folder / f"{self.files}.xml", document(delivered)))

    def fills(self, *columns: str) -> list[tuple[Any, ...]]:
        return query(
            self.database, f"SELECT {', '.join(columns)} FROM alm_reporting.fills ORDER BY executed_at, fill_id"
        )

    def lots(self, *columns: str) -> list[tuple[Any, ...]]:
        return query(self.database, f"SELECT {', '.join(columns)} FROM alm_reporting.position_lots ORDER BY lot_id")


@pytest.fixture
def broker(database: Database, tmp_path: Path) -> Broker:
    return Broker(database, tmp_path)


def trade(number: int, day: str, quantity: int, price: str = "620", **attributes: str) -> str:
    defaults = {
        "transactionID": str(number),
        "tradeID": f"7{number}",
        "conid": "756733",
        "symbol": "SPY",
        "currency": "USD",
        "fxRateToBase": "7.85",
        "reportDate": day.replace("-", ""),
        "dateTime": f"{day.replace('-', '')};100000 EDT",
        "transactionType": "ExchTrade",
        "quantity": str(quantity),
        "tradePrice": price,
        "ibCommission": "-1",
        "buySell": "BUY" if quantity > 0 else "SELL",
    }
    return row("Trade", **{name: value for name, value in (defaults | attributes).items() if value})


def call(number: int, day: str, quantity: int, price: str = "0", **attributes: str) -> str:
    defaults = {
        "conid": "794496281",
        "symbol": "SPY   250717C00628000",
        "underlyingSymbol": "SPY",
        "multiplier": "100",
        "strike": "628",
        "expiry": "20250717",
        "putCall": "C",
    }
    return trade(number, day, quantity, price, **(defaults | attributes))


BOOKED = {"transactionType": "BookTrade", "dateTime": "20250717;162000 EDT", "ibCommission": "0"}


# -- the role model


@pytest.fixture
def role_model(database: Database) -> Database:
    load_paths(database, [SAMPLES])
    return database


def test_the_role_model_is_built_and_building_it_again_writes_nothing(role_model):
    counts = run(role_model, "2025-07-01", "2025-07-18")
    assert (counts.fills, counts.position_lots) == (Changes(60), Changes(30))
    assert counts.unopened == ()
    assert_nothing_changes(run(role_model, "2025-07-01", "2025-07-18"))
    assert_nothing_changes(run(role_model, "2025-07-17", "2025-07-17"))


def test_the_role_models_lots_end_as_the_broker_says(role_model):
    run(role_model, "2025-07-01")
    ends = query(
        role_model, "SELECT how_ended, gross_pnl FROM alm_reporting.position_lots WHERE closed_session = '2025-07-18'"
    )
    assert sorted(ends) == [("assigned", 19), ("expired", 37), ("traded", -145)]
    (cover,) = query(
        role_model,
        "SELECT symbol, direction, quantity, open_price, how_opened, origin_fill_id, open_fx_rate, close_fx_rate"
        " FROM alm_reporting.position_lots WHERE close_fill_id = '3940000378'",
    )
    assert cover == ("SPY", "short", 100, 628, "assignment", "3940000385", Decimal("7.8472"), Decimal("7.8455"))


def test_a_days_rate_is_the_one_that_most_of_its_rows_carry(role_model):
    run(role_model, "2025-07-01")
    rates = query(role_model, "SELECT session, rate, source FROM alm_reporting.day_rates WHERE currency = 'USD'")
    assert len(rates) == 13
    assert (date(2025, 7, 18), Decimal("7.8472"), "row") in rates


def test_the_calendar_holds_every_statement_and_a_margin(role_model):
    run(role_model, "2025-07-01", "2025-07-18")
    days = [day for (day,) in query(role_model, "SELECT session FROM alm_reporting.trading_sessions ORDER BY 1")]
    assert days[0] < date(2025, 7, 1)
    assert days[-1] > date(2025, 7, 28)
    assert date(2025, 7, 4) not in days


# -- ranges


def test_a_later_day_starts_from_the_lots_that_were_open(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10), trade(2, "2025-07-14", -4, "630"))
    run(broker.database, "2025-07-14")
    broker.delivers("2025-07-15", trade(3, "2025-07-15", -5, "640"))
    counts = run(broker.database, "2025-07-15")
    assert (counts.fills, counts.position_lots) == (Changes(1), Changes(1, 1))
    assert broker.lots("lot_id", "quantity", "gross_pnl", "open_fee", "round_trip_id") == [
        ("1|2", 4, 40, Decimal("-0.4"), "1"),
        ("1|3", 5, 100, Decimal("-0.5"), "1"),
        ("1|open", 1, None, Decimal("-0.1"), "1"),
    ]
    assert_equal_to_a_full_rebuild(broker.database)


def test_a_day_that_closes_what_an_earlier_one_opened_is_stale_and_the_earlier_is_not(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    run(broker.database, "2025-07-14")
    broker.delivers("2025-07-15", trade(2, "2025-07-15", -4, "640"))
    noted(broker.database)
    run(broker.database, "2025-07-14")
    assert noted(broker.database) == date(2025, 7, 15)


def test_a_trade_of_an_earlier_day_than_its_report_makes_days_stale_from_its_own_session_on(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    broker.delivers("2025-07-16", trade(2, "2025-07-16", -10, "640"))
    run(broker.database, "2025-07-14")
    noted(broker.database)
    broker.delivers("2025-07-17", trade(3, "2025-07-15", -4, "630", reportDate="20250717"))
    run(broker.database, "2025-07-17")
    assert noted(broker.database) == date(2025, 7, 15)
    broker.delivers("2025-07-17", trade(3, "2025-07-16", -4, "630", reportDate="20250717"))  # its day was wrong
    run(broker.database, "2025-07-17")
    assert noted(broker.database) == date(2025, 7, 15)


def test_an_account_that_could_not_be_rebuilt_keeps_its_note_and_gets_no_other(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    run(broker.database, "2025-07-14")
    noted(broker.database)
    broker.delivers("2025-07-16", trade(2, "2025-07-15", 1, price="", reportDate="20250716"))
    assert run(broker.database, "2025-07-16").failed
    assert noted(broker.database) == date(2025, 7, 16)


def test_a_later_day_leaves_other_contracts_lots_alone(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10), trade(2, "2025-07-14", 3, conid="1", symbol="QQQ"))
    run(broker.database, "2025-07-14")
    broker.delivers("2025-07-15", trade(3, "2025-07-15", -10))
    counts = run(broker.database, "2025-07-15")
    assert counts.position_lots == Changes(inserted=1, deleted=1)
    assert broker.lots("lot_id") == [("1|3",), ("2|open",)]


def test_days_never_built_are_included_even_when_only_a_later_day_is_asked_for(broker):
    broker.delivers("2025-07-15", trade(2, "2025-07-15", -4, "630"))
    run(broker.database, "2025-07-15")
    assert broker.lots("lot_id", "direction") == [("2|open", "short")]
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    run(broker.database, "2025-07-16")
    assert broker.lots("lot_id", "direction") == [("1|2", "long"), ("1|open", "long")]
    assert_equal_to_a_full_rebuild(broker.database)


@pytest.mark.parametrize("seed", range(5))
def test_days_one_by_one_in_any_order_give_what_a_full_rebuild_gives(broker, seed):
    random = Random(seed)
    days = [f"2025-07-{day:02}" for day in (8, 9, 10, 11, 14, 15, 16)]
    random.shuffle(days)
    for day in days:
        numbers = [int(day[-2:]) * 100 + n for n in range(random.randint(0, 6))]
        trades = [
            trade(
                number,
                day,
                random.choice([-7, -3, -1, 1, 2, 3, 7]),
                str(random.randint(600, 640)),
                conid=random.choice(["1", "2"]),
                dateTime=f"{day.replace('-', '')};{random.choice(['040000', '110000', '120000', '161000'])} EDT",
            )
            for number in numbers
        ]
        if numbers and random.random() < 0.5:
            trades.append(
                trade(
                    numbers[0] + 90,
                    day,
                    1,
                    transactionType="TradeCancel",
                    origTransactionID=str(numbers[0]),
                    tradeID="",
                )
            )
        broker.delivers(day, *trades)
        noted(broker.database)
        before = dated(broker.database)
        run(broker.database, day, day)
        changed = {session for session, *_ in before ^ dated(broker.database)}
        assert noted(broker.database) == min(changed, default=None)
        assert_nothing_changes(run(broker.database, day, day))
        assert noted(broker.database) is None
    assert_equal_to_a_full_rebuild(broker.database)


# -- corrections


def test_a_row_that_a_newer_statement_no_longer_holds_loses_its_fill_and_the_rest_is_matched_again(broker):
    broker.delivers(
        "2025-07-14", trade(1, "2025-07-14", 10), trade(2, "2025-07-14", 10, "625", dateTime="20250714;110000 EDT")
    )
    broker.delivers("2025-07-15", trade(3, "2025-07-15", -10, "640"))
    run(broker.database, "2025-07-14")
    assert broker.lots("lot_id") == [("1|3",), ("2|open",)]
    broker.delivers("2025-07-14", trade(2, "2025-07-14", 10, "625", dateTime="20250714;110000 EDT"))
    counts = run(broker.database, "2025-07-16")
    assert counts.fills == Changes(updated=1, deleted=1)  # the sale realises something else now
    assert broker.lots("lot_id", "gross_pnl") == [("2|3", 150)]
    assert_equal_to_a_full_rebuild(broker.database)


def test_a_contract_whose_only_later_fill_is_withdrawn_is_open_again(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    broker.delivers("2025-07-15", trade(2, "2025-07-15", -4), trade(3, "2025-07-15", 1, conid="1", symbol="QQQ"))
    run(broker.database, "2025-07-14")
    broker.delivers("2025-07-15", trade(3, "2025-07-15", 1, conid="1", symbol="QQQ"))
    run(broker.database, "2025-07-15")
    assert broker.lots("lot_id", "quantity") == [("1|open", 10), ("3|open", 1)]
    assert_equal_to_a_full_rebuild(broker.database)


def test_a_row_that_changes_in_place_is_matched_again(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    broker.delivers("2025-07-15", trade(2, "2025-07-15", -10, "640"))
    run(broker.database, "2025-07-14")
    for change in ({"price": "621"}, {"price": "621", "ibCommission": "-2"}, {"price": "621", "fxRateToBase": "7.9"}):
        broker.delivers("2025-07-14", trade(1, "2025-07-14", 10, **change))
        assert run(broker.database, "2025-07-16").fills.updated
        assert_nothing_changes(run(broker.database, "2025-07-16"))
    assert broker.lots("gross_pnl", "open_fx_rate") == [(190, Decimal("7.9"))]
    assert_equal_to_a_full_rebuild(broker.database)


def test_a_cancel_of_a_later_day_reverses_the_fill_in_its_own_statement(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10), trade(2, "2025-07-14", -4, "630"))
    run(broker.database, "2025-07-14")
    taken_back = {"transactionType": "TradeCancel", "origTransactionID": "2", "tradeID": "", "buySell": "SELL (Ca.)"}
    broker.delivers("2025-07-16", trade(3, "2025-07-16", 4, "630", **taken_back), trade(4, "2025-07-16", -10, "640"))
    assert run(broker.database, "2025-07-16").fills == Changes(inserted=2)
    assert_nothing_changes(run(broker.database, "2025-07-16"))
    assert broker.fills("fill_id", "opening_quantity", "gross_realised") == [
        ("1", 10, 0),
        ("2", 0, 40),
        ("3", 4, 0),
        ("4", 0, 160),
    ]
    assert_equal_to_a_full_rebuild(broker.database)


@pytest.mark.parametrize(
    ("pattern", "left", "named"),
    [
        (r'( dateTime="[0-9]{8});[^"]*"', r'\1"', "no dateTime with a time of day"),
        (r' dateTime="[^"]*"', "", "no dateTime with a time of day"),
        (r' multiplier="[^"]*"', "", "no multiplier. Add the field multiplier to the section Trades"),
        (r' strike="[^"]*"', "", "no strike. Add the field strike to the section Trades"),
        (r' (strike|putCall|multiplier|expiry)="[^"]*"', "", "no strike. Add the field strike"),
    ],
)
def test_samples_that_lack_a_time_or_a_term_are_named_as_incomplete_and_hold_up_no_other_account(
    database: Database, tmp_path: Path, pattern: str, left: str, named: str
) -> None:
    whole = (SAMPLES / "Trades_MTD_20250719.xml").read_text(encoding="utf-8")
    lacking = re.sub(pattern, left, whole)
    assert lacking != whole
    nav = (SAMPLES / "NAV_MTD_20250719.xml").read_text(encoding="utf-8")
    for name, text in (("nav", nav), ("whole", whole)):
        write(tmp_path / f"{name}.xml", text.replace("U1000001", "U2000002"))
    write(tmp_path / "own nav.xml", nav)
    write(tmp_path / "lacking.xml", lacking)
    assert [load.status for load in load_paths(database, [tmp_path])] == ["loaded"] * 4
    [failed] = run(database, "2025-07-01", "2025-07-18").failed
    assert failed.account_id == "U1000001"
    assert named in str(failed.error)
    built = "SELECT account_id, count(*) FROM alm_reporting.fills GROUP BY 1"
    assert query(database, built) == [("U2000002", 60)]
    assert query(database, "SELECT count(*) FROM raw_flex.trades WHERE date_time::time = '00:00'") == [(0,)]


def test_option_eae_that_comes_later_relabels_what_the_rule_had_to_guess(broker):
    assigned = trade(2, "2025-07-17", -100, "628", **BOOKED)
    broker.delivers("2025-07-17", call(1, "2025-07-17", -1, "0.16"), call(3, "2025-07-17", 1, **BOOKED), assigned)
    run(broker.database, "2025-07-17")
    labels = ("fill_id", "event_type", "label_source")
    assert broker.fills(*labels)[1:] == [("2", "delivery", "leg_pairing"), ("3", "assignment", "leg_pairing")]
    exercises = section(
        "OptionEAE",
        row("OptionEAE", tradeID="73", transactionType="Assignment", conid="794496281", putCall="C", date="20250717"),
        row("OptionEAE", tradeID="72", transactionType="Sell", conid="756733", date="20250717"),
    )
    delivered = statement(exercises, first="20250717", generated="20250830;050000 EDT")
    load_file(broker.database, write(broker.folder / "eae.xml", document(delivered)))
    assert run(broker.database, "2025-07-21").fills == Changes(updated=2)
    assert broker.fills(*labels)[1:] == [("2", "delivery", "option_eae"), ("3", "assignment", "option_eae")]
    assert_nothing_changes(run(broker.database, "2025-07-21"))


def test_an_expiration_whose_opening_is_in_no_statement_is_reported_and_opens_nothing(broker):
    broker.delivers("2025-07-17", call(1, "2025-07-17", 2, **BOOKED))
    (unopened,) = run(broker.database, "2025-07-17").unopened
    assert (unopened.account, unopened.session, unopened.fill_id, unopened.quantity) == (
        "U…0001",
        date(2025, 7, 18),
        "1",
        2,
    )
    assert broker.lots("lot_id", "gross_pnl") == [("unstated:1|1", None)]
    assert broker.fills("event_type", "opening_quantity", "closing_quantity") == [("expiration", 0, 2)]


# -- transfers


def transfer(day: str, quantity: str, **attributes: str) -> str:
    defaults = {
        "transactionID": "5",
        "conid": "756733",
        "symbol": "SPY",
        "currency": "USD",
        "fxRateToBase": "7.85",
        "reportDate": day.replace("-", ""),
        "dateTime": f"{day.replace('-', '')};000000 EDT",
        "direction": "-",
        "quantity": quantity,
        "transferPrice": "620",
        "positionAmount": str(Decimal(quantity) * 620),
    }
    return row("Transfer", **{name: value for name, value in (defaults | attributes).items() if value})


@pytest.mark.parametrize(
    ("direction", "quantity", "kind"),
    [
        ("-", "-10", "transfer_out"),
        ("-", "10", "transfer_in"),
        ("", "-10", "transfer_out"),
        ("IN", "-10", "transfer_in"),
        ("OUT", "10", "transfer_out"),
    ],
)
def test_a_transfer_goes_where_the_broker_says_or_else_where_its_sign_points(broker, direction, quantity, kind):
    moved = transfer("2025-07-15", quantity, direction=direction)
    broker.delivers("2025-07-15", sections=(section("Transfers", moved),))
    run(broker.database, "2025-07-15")
    assert broker.fills("event_type", "quantity") == [(kind, Decimal(quantity))]


EARLIER = "20250505;202500 EDT"
"""Long before the first statement."""


def test_what_is_booked_long_before_the_first_statement_is_within_the_calendar(broker):
    renamed = [
        row(
            "CorporateAction",
            transactionID=str(number),
            actionID="9",
            conid=conid,
            symbol=conid,
            currency="USD",
            fxRateToBase="7.85",
            reportDate="20250714",
            dateTime=EARLIER,
            type="IC",
            quantity=quantity,
            proceeds="0",
        )
        for number, conid, quantity in ((1, "501", "-10"), (2, "502", "10"))
    ]
    broker.delivers("2025-07-14", sections=(section("CorporateActions", *renamed),))
    moved = transfer("2025-07-14", "10", dateTime=EARLIER)
    broker.delivers("2025-07-14", sections=(section("Transfers", moved),), account="U1000002")
    assert run(broker.database, "2025-07-14").failed == ()
    assert broker.fills("event_type", "session") == [
        ("symbol_change", date(2025, 5, 6)),
        ("symbol_change", date(2025, 5, 6)),
        ("transfer_in", date(2025, 7, 14)),
    ]


def test_a_transfer_alone_from_long_before_the_first_statement_is_within_the_calendar(broker):
    broker.delivers("2025-07-14", sections=(section("Transfers", transfer("2025-07-14", "10", dateTime=EARLIER)),))
    assert run(broker.database, "2025-07-14").failed == ()
    assert broker.fills("session") == [(date(2025, 7, 14),)]


def test_a_transfer_of_no_value_leaves_its_account_as_it_was_and_the_others_rebuilt(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    broker.delivers("2025-07-14", trade(2, "2025-07-14", 10), account="U1000002")
    unpriced = transfer("2025-07-15", "10", transferPrice="", positionAmount="")
    broker.delivers("2025-07-15", sections=(section("Transfers", unpriced),))
    [failed] = run(broker.database, "2025-07-14").failed
    assert failed.account_id == "U1000001"
    assert "has no positionAmount, and its transferPrice is missing" in str(failed.error)
    assert broker.fills("account_id") == [("U1000002",)]
    broker.delivers("2025-07-15", sections=(section("Transfers", transfer("2025-07-15", "10")),))
    assert run(broker.database, "2025-07-14").failed == ()


# -- rates


@pytest.mark.parametrize(
    ("sections", "extra", "rate", "source"),
    [
        ((), (), "7.8472", "configured"),
        ((), (row("AssetSummary", reportDate="20250714", quantity="10", proceeds="-48360"),), "7.8", "statement"),
        (
            (
                section(
                    "ConversionRates",
                    row("ConversionRate", reportDate="20250714", fromCurrency="USD", toCurrency="HKD", rate="7.81"),
                ),
            ),
            (row("AssetSummary", reportDate="20250714", quantity="10", proceeds="-48360"),),
            "7.81",
            "conversion_rates",
        ),
    ],
)
def test_a_row_without_a_rate_takes_the_next_source_and_so_does_its_day(broker, sections, extra, rate, source):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10, fxRateToBase=""), *extra, sections=sections)
    run(broker.database, "2025-07-14")
    assert broker.fills("fx_rate_to_base", "fx_source") == [(Decimal(rate), source)]
    rates = "SELECT rate, source FROM alm_reporting.day_rates WHERE currency = 'USD'"
    assert query(broker.database, rates) == [(Decimal(rate), source)]
    assert_nothing_changes(run(broker.database, "2025-07-14"))


def test_cash_in_a_currency_that_nothing_has_a_rate_for_is_named_with_the_way_out(broker):
    fee = row(
        "CashTransaction", transactionID="9", currency="CHF", amount="-2", type="Other Fees", reportDate="20250714"
    )
    broker.delivers("2025-07-14", sections=(section("CashTransactions", fee),))
    [failed] = run(broker.database, "2025-07-14").failed
    assert re.search("no rate for CHF/HKD on 2025-07-14.*FNTX_FX_FALLBACK", str(failed.error))
    assert run(broker.database, "2025-07-14", fallback={"CHF/HKD": Decimal("9.8")}).day_rates.inserted


def test_the_rate_of_a_session_is_not_that_of_the_holiday_before_it(broker):
    broker.delivers(
        "2025-07-04", *(trade(n, "2025-07-03", 1, reportDate="20250704", fxRateToBase="7.84") for n in (1, 2))
    )
    broker.delivers("2025-07-07", trade(3, "2025-07-07", 1, fxRateToBase="7.86"))
    run(broker.database, "2025-07-03")
    rates = "SELECT session, rate FROM alm_reporting.day_rates WHERE currency = 'USD'"
    assert query(broker.database, rates) == [(date(2025, 7, 7), Decimal("7.86"))]


def test_an_account_in_dollars_needs_no_rate(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10, fxRateToBase=""), currency="USD")
    run(broker.database, "2025-07-14", fallback={})
    assert broker.fills("base_currency", "fx_rate_to_base", "fx_source") == [("USD", 1, "base")]


def test_what_is_reported_on_a_holiday_belongs_to_the_next_session(broker):
    expired = trade(1, "2025-07-04", 10, dateTime="20250703;162000 EDT")
    broker.delivers("2025-07-04", expired)
    run(broker.database, "2025-07-04")
    monday = date(2025, 7, 7)
    assert broker.fills("session", "report_date", "report_session") == [(monday, date(2025, 7, 4), monday)]
    assert query(broker.database, "SELECT DISTINCT session FROM alm_reporting.day_rates") == [(monday,)]


# -- several accounts, and what goes wrong


def test_accounts_are_matched_apart(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    broker.delivers("2025-07-14", trade(2, "2025-07-14", -10), account="U1000002")
    run(broker.database, "2025-07-14")
    assert broker.lots("account_id", "lot_id") == [("U1000001", "1|open"), ("U1000002", "2|open")]


def test_one_accounts_bad_row_leaves_it_as_it_was_and_the_others_rebuilt(broker):
    broker.delivers("2025-07-14", trade(1, "2025-07-14", 10))
    broker.delivers("2025-07-14", trade(2, "2025-07-14", 10), account="U1000002")
    run(broker.database, "2025-07-14")
    broker.delivers("2025-07-15", trade(3, "2025-07-15", -10), trade(4, "2025-07-15", 1, price=""))
    broker.delivers("2025-07-15", trade(5, "2025-07-15", -10), account="U1000002")
    [failed] = run(broker.database, "2025-07-15").failed
    assert failed.account_id == "U1000001"
    assert "row 4 of 2025-07-15 in Trades has no tradePrice" in str(failed.error)
    assert "U1000001" not in str(failed.error)
    assert Counter(account for (account,) in broker.fills("account_id")) == {"U1000001": 1, "U1000002": 2}


def test_an_account_without_a_base_currency_is_an_error_that_names_what_to_load(broker):
    delivered = statement(section("Trades", trade(1, "2025-07-14", 10)), first="20250714")
    load_file(broker.database, write(broker.folder / "trades.xml", document(delivered)))
    [failed] = run(broker.database, "2025-07-14").failed
    assert re.search("no statement names the base currency.*Change in NAV", str(failed.error))


def test_the_nav_in_base_names_the_currency_where_change_in_nav_does_not(broker):
    delivered = statement(
        section("Trades", trade(1, "2025-07-14", 10)),
        section("EquitySummaryInBase", row("EquitySummaryByReportDateInBase", currency="EUR", reportDate="20250714")),
        first="20250714",
    )
    load_file(broker.database, write(broker.folder / "nav.xml", document(delivered)))
    run(broker.database, "2025-07-14")
    assert Counter(broker.fills("base_currency")) == {("EUR",): 1}


def test_an_empty_database_is_no_error(database):
    assert run(database, "2025-07-14").fills == NOTHING
