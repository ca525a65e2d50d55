"""What option selling made, as tables and as a document: cells and keys, of figures that a test makes up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.foreign import LONGEST_CELL
from fntx_dagster.metrics.edge import by_kind, by_underlying, outcomes
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.strategies import BothWays, EdgeTable, Leg, OptionSelling, Strategy
from fntx_dagster.report import strategies as shown
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.money import plain

PUT = Contract("1", "SPY P", "", "OPT", "SPY", Decimal(100), Decimal("620.5"), date(2025, 7, 18), "P")
CALL = Contract("2", "SPY C", "", "OPT", "SPY", Decimal(100), Decimal(630), date(2025, 7, 25), "C")


def strategy(number: int, net: str, kind: str = "strangle", premium: str = "100", **changed: object) -> Strategy:
    return Strategy(
        strategy_id=f"{number:04}",
        kind=kind,
        is_named=False,
        underlying="SPY",
        currency="USD",
        legs=(Leg(PUT, Decimal(-1)), Leg(CALL, Decimal(2))),
        trips=(f"{number:04}",),
        opened_at=datetime(2025, 7, 15, 3, 30, tzinfo=UTC),  # the evening before in New York
        closed_at=datetime(2025, 7, 15, 20, 20, tzinfo=UTC),
        trading_day=date(2025, 7, 16),
        gross_pnl=Decimal(net) + 2,
        fees=Decimal(-2),
        interest=Decimal(0),
        net_pnl=Decimal(net),
        premium=Decimal(premium),
        captured=float(Decimal(net) / Decimal(premium) * 100) if Decimal(premium) > 0 else None,
        days=0.7,
        is_known=True,
    )._replace(**changed)


def selling(*made: Strategy) -> OptionSelling:
    nets = [one.net_pnl for one in made]
    return OptionSelling(
        account_id="U1",
        base_currency="HKD",
        first_day=date(2025, 7, 14),
        last_day=date(2025, 7, 18),
        both=BothWays(outcomes("round trips", nets), outcomes("all-in", nets), Decimal("-5.5") if made else Decimal(0)),
        strategies=made,
        running=(),
        by_kind=by_kind(made),
        by_underlying=by_underlying(made),
        edge=(EdgeTable("Weekday", (outcomes("Monday", nets),)),) if made else (),
    )


def test_a_row_says_options_with_their_signs_and_days_of_new_york() -> None:
    table = shown.strategies_table([strategy(1, "80.126")], "HKD")
    row = ("strangle", "SPY 2025-07-18 -1 620.5 P; 2025-07-25 2 630 C", "2025-07-14", "2025-07-15", "0.7", "100.00")
    assert table.rows == ((*row, "80.13 %", "+80.13"),)
    assert (table.totals[-1], table.footnote) == ("+80.13", "")


def test_the_days_of_an_account_are_those_of_its_calendar() -> None:
    made = selling(strategy(1, "80.126"))._replace(zone=ZoneInfo("UTC"))
    [table] = [table for table in shown.selling_tables(made) if table.title.startswith("Strategies, ")]
    assert table.rows[0][2:4] == ("2025-07-15", "2025-07-15")


def test_what_traded_no_option_is_not_headed_option_selling() -> None:
    options, coins = (selling(made) for made in (strategy(1, "1"), strategy(1, "1", legs=())))
    assert "## Option Selling, amounts in HKD" in to_markdown([], account_label=None, selling=options)
    assert "## Trades, amounts in HKD" in to_markdown([], account_label=None, selling=coins)


def test_of_what_traded_no_option_no_table_has_a_premium() -> None:
    tables = shown.selling_tables(selling(strategy(1, "7", legs=(), premium="0")))
    titles = [table.title.partition(",")[0] for table in tables]
    assert titles[:4] == ["Round Trips", "Strategies by Kind", "Strategies by Underlying", "Strategies"]
    assert [len(table.rows) for table in tables[:2]] == [1, 1]
    assert tables[3].headers == ("Strategy", "Contract", "Opened", "Ended", "Days", "Net P&L (HKD)")
    assert tables[3].rows == (("strangle", "SPY", "2025-07-14", "2025-07-15", "0.7", "+7.00"),)
    assert tables[3].totals == ("Total", "", "", "", "", "+7.00")
    assert not any(word in f"{tables[:4]}" for word in ("Premium", "Captured", "premium", "All-in", "all-in"))


def test_of_many_options_those_that_find_room_stand_whole_and_the_others_are_counted() -> None:
    legs = tuple(Leg(each, Decimal(-2)) for each in (PUT, CALL) for _ in range(4))
    [row] = shown.strategies_table([strategy(1, "1", legs=legs)], "HKD").rows
    assert row[1] == "SPY 2025-07-18 -2 620.5 P, -2 620.5 P, -2 620.5 P, -2 620.5 P and 4 more"
    assert len(row[1]) <= LONGEST_CELL
    [row] = shown.strategies_table([strategy(1, "1", legs=())], "HKD").rows
    assert row[1] == "SPY"


def test_what_runs_is_said_to_be_counted_so_far() -> None:
    table = shown.running_table([strategy(1, "80", closed_at=None, trading_day=None, captured=None, days=None)], "HKD")
    assert table.title == "Strategies That Run"
    assert table.footnote == "Net P&L is that of what has ended so far; what is held is not valued in it."
    assert table.rows[0][3:] == ("", "–", "100.00", "–", "+80.00")


def test_a_percentage_above_a_thousand_is_grouped_as_money_is() -> None:
    [row] = shown.strategies_table([strategy(1, "-5251.26", premium="266.13")], "HKD").rows
    assert row[-2:] == ("-1,973.19 %", "-5,251.26")


def test_of_many_strategies_those_that_made_or_lost_most_are_listed_and_the_total_is_of_all() -> None:
    many = [strategy(number, "1") for number in range(shown.MOST_STRATEGIES)]
    table = shown.strategies_table([*many, strategy(999, "-7", is_named=True)], "HKD")
    assert len(table.rows) == shown.MOST_STRATEGIES
    assert table.rows[-1][0] == "strangle *"
    assert table.totals[-1] == "+243.00"
    assert table.footnote == "250 of 251, those that made or lost most. * grouped by a person."


def test_a_table_without_rows_is_left_out_and_what_is_undefined_is_a_dash() -> None:
    assert shown.selling_tables(selling()) == []
    tables = shown.selling_tables(selling(strategy(1, "0", "shares", "0")))
    titles = [table.title for table in tables]
    assert titles == [
        f"{title}, July 14 – July 18, 2025"
        for title in ("All-In", "Strategies by Kind", "Strategies by Underlying", "Strategies", "Where the Edge Is")
    ]
    both, kinds = tables[:2]
    assert both.rows[1] == ("all-in", "1", "0", "0", "–", "0.00", "0.00")
    assert both.footnote.endswith("Interest is in it with -5.50.")
    assert kinds.rows[0][-2:] == ("–", "–"), "no strategy received a premium"


def test_the_document_has_every_figure_exact_and_every_key_of_the_shapes() -> None:
    document = shown.selling_document(selling(strategy(1, "80.126")), plain)
    [one] = document["strategies"]
    assert (one["net_pnl"], one["premium"], one["trips"], one["trading_day"]) == (
        "80.126",
        "100",
        ["0001"],
        "2025-07-16",
    )
    assert (one["opened_at"], one["legs"][0]["quantity"]) == ("2025-07-15T03:30:00Z", "-1")
    assert one.keys() == {*Strategy._fields}
    assert document["all_in"]["interest"] == "-5.5"
    assert [row["name"] for row in document["by_kind"]] == ["strangle"]
    assert document["edge"][0]["classes"][0]["net_pnl"] == "80.126"
