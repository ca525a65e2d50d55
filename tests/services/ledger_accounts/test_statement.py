"""The statement of a day, by hand: each part from the entries and the prices, and nothing that is left over."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.adapters.flex.statements import FlexFile, Row
from fntx_dagster.errors import Permanent
from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.days import days_of
from fntx_dagster.ledger.entries import Entry
from fntx_dagster.ledger.kinds import Moments
from fntx_dagster.ledger.market import Prices, Symbol
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.ledger_accounts.following import follows
from fntx_dagster.services.ledger_accounts.statement import DayPrices, statement
from tests.ledger.test_days import BTC, LATER, at, book, deposit, trade

SATURDAY = date(2026, 3, 7)
ACCOUNT = "LEDGER-ada-paper"


def prices(**by_symbol: str) -> Prices:
    """`BTC="110"` is the price of BTC/USDT at the tests' exchange."""
    quotes = {
        ("binance", f"{name}/USDT"): Quote(Decimal(price), Decimal(price), None, None, at(7, 23))
        for name, price in by_symbol.items()
    }
    return Prices("USDT", quotes)


def document(entries: list[Entry], opening: Prices, closing: Prices, seen: datetime | None = None) -> str:
    """The statement of Saturday."""
    numbered = {entry["entry_no"]: entry for entry in entries}
    [day] = days_of(entries, SATURDAY, SATURDAY, numbered.__getitem__)
    seen_at: dict[Symbol, datetime] = dict.fromkeys(closing.quotes, seen or at(7, 23))
    return statement(ACCOUNT, day, DayPrices(opening, closing, seen_at), numbered.__getitem__)


def rows(text: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Tag → its rows, with numbers as numbers."""
    (file := folder / "day.xml").write_text(text, encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = {}
    for item in FlexFile(file):
        if isinstance(item, Row):
            names = (column.name for column in item.section.columns)
            found.setdefault(item.tag, []).append(item.attributes | dict(zip(names, item.values, strict=False)))
    return found


def parts_add_up(change: dict[str, Any]) -> bool:
    names = ("starting_value", "mtm", "fx_translation", "commissions", "deposits_withdrawals")
    return sum(Fraction(change[name]) for name in names) == Fraction(change["ending_value"])


def test_a_saturday_with_a_purchase_and_a_sale(tmp_path: Path) -> None:
    entries = book(
        deposit("1000", at(6)),
        trade("2", "100", at(6), "0.2"),
        trade("-0.5", "120", at(7, 9), "0.06"),
        deposit("50", at(7, 10), "withdrawal"),
    )
    found = rows(document(entries, prices(BTC="110"), prices(BTC="130")), tmp_path)
    [change] = found["ChangeInNAV"]
    # opening 1000 - 200.2 + 2 x 110; closing 799.8 + 59.94 - 50 + 1.5 x 130
    assert (change["starting_value"], change["ending_value"]) == (Decimal("1019.8"), Decimal("1004.74"))
    # 1.5 x 20 of what was held, 0.5 x 10 of what was sold
    assert (change["mtm"], change["commissions"], change["deposits_withdrawals"]) == (35, Decimal("-0.06"), -50)
    assert parts_add_up(change)
    [sale] = found["Trade"]
    assert (sale["symbol"], sale["quantity"], sale["proceeds"]) == ("BTC/USDT", Decimal("-0.5"), 60)
    assert (sale["ib_commission"], sale["date_time"]) == (Decimal("-0.06"), at(7, 9))
    [held] = found["OpenPosition"]
    assert (held["position"], held["mark_price"], held["position_value"]) == (Decimal("1.5"), 130, 195)
    [cash] = found["CashTransaction"]
    assert (cash["amount"], cash["type"], cash["description"]) == (-50, "Deposits/Withdrawals", None)
    [worth] = found["EquitySummaryByReportDateInBase"]
    assert (worth["cash"], worth["crypto"], worth["total"]) == (Decimal("809.74"), "195", Decimal("1004.74"))
    assert {row["currency"]: row["ending_cash"] for row in found["CashReportCurrency"]} == {
        "USDT": Decimal("809.74"),
        "BASE_SUMMARY": Decimal("809.74"),
    }


def test_a_fee_in_the_base_currency_is_a_disposal_and_an_expense_of_what_it_brings(tmp_path: Path) -> None:
    entries = book(deposit("1000", at(6)), trade("2", "100", at(7), "0.01", "BTC"))
    found = rows(document(entries, prices(), prices(BTC="100")), tmp_path)
    bought, disposed = found["Trade"]
    assert (bought["quantity"], bought["proceeds"], bought["ib_commission"]) == (2, -200, -1)
    assert (disposed["quantity"], disposed["proceeds"], disposed["ib_commission"]) == (Decimal("-0.01"), 1, 0)
    assert int(bought["transactionID"]) + 1 == int(disposed["transactionID"])
    [change] = found["ChangeInNAV"]
    assert (change["ending_value"], change["commissions"], change["mtm"]) == (999, -1, 0)
    assert parts_add_up(change)
    assert found["OpenPosition"][0]["position"] == Decimal("1.99")


def test_a_fee_in_a_third_currency_is_an_expense_in_it(tmp_path: Path) -> None:
    bnb = deposit("3", at(6)) | {"currency": "BNB", "rate": "600"}
    entries = book(deposit("1000", at(6)), bnb, trade("2", "100", at(7), "0.01", "BNB"))
    known = prices(BTC="100", BNB="610")
    found = rows(document(entries, prices(BNB="600"), known), tmp_path)
    assert (found["Trade"][0]["ib_commission"], found["Trade"][0]["ib_commission_currency"]) == (
        Decimal("-0.01"),
        "BNB",
    )
    [change] = found["ChangeInNAV"]
    # 3 BNB gained 10 each; 0.01 of them were paid at 610
    assert (change["fx_translation"], change["commissions"]) == (30, Decimal("-6.1"))
    assert change["ending_value"] == 800 + 200 + Decimal("2.99") * 610
    assert parts_add_up(change)
    assert [(row["from_currency"], row["rate"]) for row in found["ConversionRate"]] == [("BNB", 610)]


def test_money_and_positions_in_other_currencies_are_translated_and_named(tmp_path: Path) -> None:
    pair = Key("bot", "binance", "ETH/BTC")
    entry = trade("10", "0.05", at(7), "0.001", "BTC") | pair._asdict() | {"rate": "60000", "fee_rate": "60000"}
    btc = deposit("1", at(6)) | {"currency": "BTC", "rate": "59000"}
    entries = book(deposit("1000", at(6)), btc, entry)
    closing = prices(BTC="61000")
    closing = Prices("USDT", {**closing.quotes, ("binance", "ETH/BTC"): prices(X="0.06").quotes["binance", "X/USDT"]})
    found = rows(document(entries, prices(BTC="59000"), closing), tmp_path)
    [change] = found["ChangeInNAV"]
    assert change["starting_value"] == 60000
    assert change["mtm"] == 10 * Decimal("0.01") * 61000
    assert change["commissions"] == Decimal("-0.001") * 60000
    assert change["fx_translation"] == 1 * 2000 - Decimal("0.001") * 1000
    assert parts_add_up(change)


def test_a_reversal_cancels_the_row_of_a_fill_and_sends_money_back(tmp_path: Path) -> None:
    def back(number: int) -> dict[str, Any]:
        return kinds.event(kinds.REVERSAL, Moments(at(7), LATER), True, reverses=number, reason="a test")

    entries = book(deposit("1000", at(6)), trade("2", "100", at(6), "0.2"), deposit("5", at(6)), back(2), back(3))
    found = rows(document(entries, prices(BTC="110"), prices(BTC="130")), tmp_path)
    [cancel] = found["Trade"]
    assert (cancel["transactionType"], cancel["buySell"], cancel["origTransactionID"]) == (
        "TradeCancel",
        "BUY (Ca.)",
        "20",
    )
    assert (cancel["proceeds"], cancel["ib_commission"]) == (200, Decimal("0.2"))
    [sent_back] = found["CashTransaction"]
    assert (sent_back["amount"], sent_back["description"]) == (-5, "Reversal of entry 3: a test")
    [change] = found["ChangeInNAV"]
    assert change["ending_value"] == 1000
    assert parts_add_up(change)


def test_a_position_without_a_price_since_it_was_opened_is_refused_with_words() -> None:
    entries = book(deposit("1000", at(6)), trade("2", "100", at(7, 9)))
    with pytest.raises(Permanent, match=r"no price of BTC/USDT at binance is known since .* 2026-03-07T09:00:00Z"):
        document(entries, prices(), prices())
    with pytest.raises(Permanent, match="no price of BTC/USDT"):
        document(entries, prices(BTC="100"), prices(BTC="100"), seen=at(7, 8))
    euros = deposit("5", at(7)) | {"currency": "EUR"}
    with pytest.raises(Permanent, match="no quote says what EUR was worth in USDT"):
        document(book(euros), prices(), prices())


class TestFollowing:
    ENTRIES = book(deposit("1000", at(6)), trade("2", "100", at(7), "0.2"), deposit("1", at(8)))

    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path]:
        text, exported = tmp_path / "statement.xml", tmp_path / "entries.jsonl"
        text.write_text(document(self.ENTRIES, prices(), prices(BTC="110")), encoding="utf-8")
        exported.write_text("".join(json.dumps(entry) + "\n" for entry in self.ENTRIES), encoding="utf-8")
        return text, exported

    def test_a_stranger_makes_the_statement_anew_from_the_entries(self, files: tuple[Path, Path]) -> None:
        found = follows(*files)
        assert (found.account_id, found.head.entry_no, found.problems) == (ACCOUNT, 2, ())
        assert found.head.hash == self.ENTRIES[1]["hash"]

    @pytest.mark.parametrize(
        ("said", "instead"),
        [
            ('quantity="2"', 'quantity="3"'),
            ('endingValue="1019.8"', 'endingValue="1020"'),
            ('endingCash="799.8"', 'endingCash="800"'),
            ('ask="110"', 'ask="120"'),
            ("<Trades>\n", '<Trades>\n<Trade transactionID="99" />\n'),
        ],
    )
    def test_a_figure_that_does_not_follow_is_named(self, files: tuple[Path, Path], said: str, instead: str) -> None:
        text, exported = files
        assert said in text.read_text(encoding="utf-8")
        text.write_text(text.read_text(encoding="utf-8").replace(said, instead), encoding="utf-8")
        assert follows(text, exported).problems

    def test_other_entries_and_another_head_are_no_evidence(self, files: tuple[Path, Path]) -> None:
        text, exported = files
        lines = exported.read_text(encoding="utf-8").splitlines()
        exported.write_text("\n".join([lines[0].replace('"1000"', '"2000"'), *lines[1:]]), encoding="utf-8")
        assert "entry 1 was altered" in follows(text, exported).problems[0]
        exported.write_text(lines[0] + "\n", encoding="utf-8")
        assert "do not lead to the head" in follows(text, exported).problems[0]
        exported.write_text("no entry", encoding="utf-8")
        with pytest.raises(Permanent, match=r"line 1 of .* is no entry"):
            follows(text, exported)

    def test_a_brokers_statement_is_none_of_a_ledger(self, files: tuple[Path, Path]) -> None:
        from fntx_dagster.samples import SAMPLES

        with pytest.raises(Permanent, match="is no statement of a ledger"):
            follows(next(SAMPLES.glob("NAV*.xml")), files[1])

    def test_the_two_files_in_the_wrong_order_are_named_as_what_they_are_not(self, files: tuple[Path, Path]) -> None:
        with pytest.raises(Permanent, match=r"entries.jsonl is no statement of a ledger"):
            follows(*reversed(files))


def test_times_are_written_to_the_microsecond(tmp_path: Path) -> None:
    when = datetime(2026, 3, 7, 9, 0, 0, 42, tzinfo=UTC)
    found = rows(document(book(trade("2", "100", when)), prices(), prices(BTC="1")), tmp_path)
    assert found["Trade"][0]["date_time"] == when
    assert found["Trade"][0]["conid"] == ":".join(BTC)
