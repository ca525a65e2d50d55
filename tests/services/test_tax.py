"""The sample statements' realised gains: the broker's own figures, and the list that a tax program reads."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.accounting.tax import realised
from fntx_dagster.accounting.tax_lots import Lineage
from fntx_dagster.cli import app
from fntx_dagster.model.period import Period
from fntx_dagster.report.spreadsheet import to_csv
from fntx_dagster.samples import SAMPLES
from fntx_dagster.services.tax import FORM_8949, form_table, tax_rows, tax_sales
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import AGG, SPY, bond, option
from fntx_dagster.simulate.delivery import ONE_PER_SECTION, QUERIES, deliver, delivered, write_document
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from fntx_dagster.store.accounting import tax
from fntx_dagster.store.accounting.fills import rebuild
from fntx_dagster.store.accounting.tax import tax_lots
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_file


@pytest.fixture
def samples(database: Database) -> Database:
    for file in sorted(SAMPLES.glob("*.xml")):
        load_file(database, file)
    rebuild(database, Period(date(2025, 7, 1), date(2025, 7, 18)), fallback={"USD/HKD": Decimal("7.8472")})
    return database


def test_every_gain_of_the_samples_is_the_brokers_to_the_last_digit(samples: Database) -> None:
    rows = tax_rows(tax_sales(Settings(), samples, 2025))
    known = [row for row in rows if row["broker_gain"] is not None]
    assert len(known) == len(rows) == 28
    assert [row for row in known if abs(row["fill_gain"] - row["broker_gain"]) > Decimal("1e-6")] == []
    assert sum(row["folded_premium"] != 0 for row in rows) == 2
    assert tax_sales(Settings(), samples, 2024) == []


def test_the_list_has_the_columns_of_the_form_and_adds_up_on_every_line(
    samples: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FNTX_DATABASE_URL", samples.url)
    written = CliRunner().invoke(app, ["tax", "--year", "2025", "--format", "csv"]).stdout
    assert written == to_csv(form_table(tax_sales(Settings(), samples, 2025)))
    lines = list(csv.DictReader(io.StringIO(written)))
    assert list(lines[0]) == list(FORM_8949)
    for line in lines:
        proceeds, cost, adjusted, gain = (
            Decimal(line[name] or 0)
            for name in ("Proceeds", "Cost or other basis", "Amount of adjustment", "Gain or (loss)")
        )
        assert proceeds - cost + adjusted == gain
        assert bool(adjusted) == (line["Code(s) from instructions"] == "W")
    shown = CliRunner().invoke(app, ["tax", "--year", "2025"]).stdout
    assert "By The Broker" in shown
    assert "+306.90" in shown


def test_what_corporate_actions_take_for_cash_is_in_the_list_with_the_fees_of_its_purchase(
    database: Database, tmp_path: Path
) -> None:
    """Shares that split and are sold, a company bought for cash, and a bond that matures; each fee is 1."""
    treasury = bond("9128", "T 4")
    account = Account("U4200001", base="USD", cash={"USD": "500000"})
    day = account.day("2025-07-14", {SPY: "600", AGG: "99", treasury: "98"})
    day.trade(SPY, 10, "600")
    day.trade(AGG, 10, "99")
    day.trade(treasury, 1000, "98")
    day = account.day("2025-07-15", {SPY: "301", AGG: "100"})
    day.splits(SPY, 2, 1)
    day.merges(AGG, cash="101")
    account.day("2025-07-16", {SPY: "302"}).trade(SPY, -20, "302")
    account["2025-07-16"].matures(treasury)
    load_file(database, deliver(tmp_path, "actions", account))
    rebuild(database, Period(date(2025, 7, 14), date(2025, 7, 16)), fallback={})
    rows = tax_rows(tax_sales(Settings(), database, 2025))
    assert [(sale["how_ended"], sale["opened"], sale["acquired"], sale["gain"]) for sale in rows] == [
        ("merged", date(2025, 7, 14), date(2025, 7, 14), 19),
        ("corporate_action", date(2025, 7, 14), date(2025, 7, 14), 19),
        ("traded", date(2025, 7, 14), date(2025, 7, 14), 38),
    ]


def test_two_contracts_whose_shares_come_in_two_fills_have_their_premium_once(
    database: Database, tmp_path: Path
) -> None:
    put = option("P", 600, "2025-07-14")

    def traded(number: int, contract: dict[str, str], quantity: int, price: str, at: str, kind: str) -> str:
        terms = {"quantity": str(quantity), "tradePrice": price, "buySell": "BUY" if quantity > 0 else "SELL"}
        moment = {"reportDate": at[:8], "tradeDate": at[:8], "dateTime": at, "transactionType": kind}
        return row(
            "Trade", **contract, **terms, **moment, transactionID=str(number), ibCommission="0", fxRateToBase="1"
        )

    rows = (
        traded(1, put.attributes, -2, "3", "20250714;100000", "ExchTrade"),
        traded(2, put.attributes, 2, "0", "20250714;162000", "BookTrade"),
        *(traded(n, SPY.attributes, 100, "600", "20250714;162000", "BookTrade") for n in (3, 4)),
        traded(5, SPY.attributes, -200, "599", "20250715;100000", "ExchTrade"),
    )
    information = row("AccountInformation", accountId="U4200002", currency="USD")
    written = statement(section("Trades", *rows), information, account="U4200002", first="20250714", last="20250715")
    load_file(database, write(tmp_path / "assigned.xml", document(written)))
    assert rebuild(database, Period(date(2025, 7, 14), date(2025, 7, 16)), fallback={}).failed == ()
    sales = tax_rows(tax_sales(Settings(), database, 2025))
    assert [sale["folded_premium"] for sale in sales] == [300, 300]
    assert sum(sale["gain"] for sale in sales) == 2 * 100 * (599 - 600) + 600


@pytest.mark.parametrize("seed", [3, 11])
def test_no_gain_of_generated_months_is_lost_or_counted_twice(database: Database, tmp_path: Path, seed: int) -> None:
    """What every closed lot made is in a sale, but for what goes on in lots that are open or were transferred out: the
    premiums of options in shares, and the fees of shares that a company's action carried on."""
    first, last = date(2025, 6, 16), date(2025, 7, 31)
    [books] = trade(seed, ["U4200003"], first, last, trades_per_day=12, kinds=EVERY_KIND)
    for query_id in ONE_PER_SECTION:
        pieces = delivered([books], QUERIES[query_id], first, last, as_of=last)
        assert pieces is not None
        load_file(database, write_document(tmp_path / f"{query_id}.xml", pieces))
    assert rebuild(database, Period(first, last), fallback={}).failed == ()
    lots, deliveries = tax_lots(database, "U4200003"), tax.deliveries(database, "U4200003")
    sales = realised(lots, deliveries)
    lineage, folded = Lineage(lots), {delivery.option_fill_id for delivery in deliveries}
    sold = {sale.lot.lot_id for sale in sales}
    gone = [lot for lot in lots if lot.closed_at and lot.how_ended != "transferred"]
    for lot in gone:
        is_in_shares = lot.how_ended in ("assigned", "exercised") and lot.close_fill_id in folded
        assert [lot.lot_id in sold, lot.lot_id in lineage.goes_on, is_in_shares].count(True) == 1, lot
    premium: dict[str, Decimal] = defaultdict(Decimal)
    for delivery in deliveries:
        made = [lot for lot in gone if lot.close_fill_id == delivery.option_fill_id]
        each = sum((lot.gross_pnl or 0) + lot.open_fee + (lot.close_fee or 0) for lot in made)
        premium[delivery.fill_id] += each / delivery.shares
    kept = sum(
        lineage.fees[lot.lot_id] + premium[lot.root] * lot.quantity * lineage.units[lot.lot_id]
        for lot in lots
        if lot not in gone
    )
    made = sum((lot.gross_pnl or 0) + lot.open_fee + (lot.close_fee or 0) for lot in gone)
    assert sum(sale.economic_gain or 0 for sale in sales) == pytest.approx(made - kept, abs=Decimal("1e-6"))
    assert {lot.how_ended for lot in gone if lot.lot_id in sold} >= {"traded", "expired", "delivered", "merged"}
    assert lineage.goes_on
    assert any(premium.values())
