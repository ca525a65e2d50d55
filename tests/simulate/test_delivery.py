"""What is delivered of the books: windows, queries, evenings, and corrections that come later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.adapters.flex.statements import Covered, FlexFile, Row, Statement
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SPY
from fntx_dagster.simulate.delivery import (
    ACCRUALS,
    ACTIVITY,
    CASH,
    NAV,
    ONE_PER_SECTION,
    QUERIES,
    TRADES,
    FlexQuery,
    answers,
    delivered,
    write_document,
)
from fntx_dagster.simulate.trading import trade

FIRST, LAST = date(2025, 6, 16), date(2025, 7, 22)
NUMBERS = ("U3000001", "U3000002")


@pytest.fixture(scope="module")
def accounts() -> list[Account]:
    return trade(1, NUMBERS, FIRST, LAST, trades_per_day=6)


def pieces(accounts: Sequence[Account], query_id: str, first: date, last: date, as_of: date = LAST) -> list[bytes]:
    return list(delivered(accounts, QUERIES[query_id], first, last, as_of=as_of) or [])


# -- windows


def test_two_halves_of_a_window_are_the_whole(accounts: list[Account]) -> None:
    for account in accounts:
        middle = date(2025, 7, 3)
        _, *whole, _ = pieces([account], ACTIVITY, FIRST, LAST)
        _, *first, _ = pieces([account], ACTIVITY, FIRST, middle)
        _, *second, _ = pieces([account], ACTIVITY, middle + timedelta(days=1), LAST)
        assert first + second == whole


def test_a_statement_for_every_weekday_and_account_in_the_window(accounts: list[Account], tmp_path: Path) -> None:
    file = write_document(tmp_path / "a.xml", pieces(accounts, ACTIVITY, date(2025, 7, 1), date(2025, 7, 6)))
    statements = [item for item in FlexFile(file) if isinstance(item, Statement)]
    weekdays = [date(2025, 7, day) for day in (1, 2, 3, 4)]
    assert [(each.account_id, each.from_date, each.to_date) for each in statements] == [
        (number, day, day) for number in NUMBERS for day in weekdays
    ]
    assert file.read_bytes().count(b'count="8"') == 1


def test_a_query_that_does_not_break_out_by_day_delivers_one_statement(accounts: list[Account], tmp_path: Path) -> None:
    query = FlexQuery("Month", by_day=False)
    file = write_document(tmp_path / "a.xml", delivered(accounts[:1], query, FIRST, LAST, as_of=LAST))
    (statement,) = [item for item in FlexFile(file) if isinstance(item, Statement)]
    assert (statement.from_date, statement.to_date) == (FIRST, LAST)


def test_nothing_is_delivered_of_a_day_that_has_not_ended(accounts: list[Account]) -> None:
    early = pieces(accounts, ACTIVITY, FIRST, LAST, as_of=date(2025, 6, 20))
    assert early[1:-1]
    assert b'toDate="20250623"' not in b"".join(early)
    assert b'whenGenerated="20250621;050000 EDT"' in early[1]


@pytest.mark.parametrize(
    ("first", "last", "as_of"),
    [
        (date(2025, 7, 5), date(2025, 7, 6), LAST),
        (date(2025, 8, 1), date(2025, 8, 31), date(2025, 8, 31)),
        (date(2025, 7, 1), date(2025, 7, 31), date(2025, 6, 30)),
        (date(2025, 7, 9), date(2025, 7, 8), LAST),
    ],
)
def test_a_window_without_a_day_delivers_nothing(accounts: list[Account], first: date, last: date, as_of: date) -> None:
    assert delivered(accounts, QUERIES[ACTIVITY], first, last, as_of=as_of) is None


# -- queries


def test_everything_in_one_is_what_the_single_queries_hold_together(accounts: list[Account], tmp_path: Path) -> None:
    def sections(query_id: str) -> set[str]:
        file = write_document(tmp_path / f"{query_id}.xml", pieces(accounts, query_id, FIRST, LAST))
        return {item.name for item in FlexFile(file) if isinstance(item, Covered)}

    single = [sections(query_id) for query_id in ONE_PER_SECTION]
    assert set().union(*single) == sections(ACTIVITY)
    assert sum(len(sections_of_one) for sections_of_one in single) == len(sections(ACTIVITY))


def test_the_platform_knows_everything_that_is_delivered(accounts: list[Account], tmp_path: Path) -> None:
    file = FlexFile(write_document(tmp_path / "a.xml", pieces(accounts, ACTIVITY, FIRST, LAST)))
    assert list(file)
    assert file.unknown_sections == set()
    assert file.unknown_attributes == {}
    assert file.query_name == "Activity"


def test_a_document_goes_out_statement_by_statement(accounts: list[Account]) -> None:
    whole = pieces(accounts, ACTIVITY, FIRST, LAST)
    assert len(whole) == 2 + sum(len(account.days) for account in accounts)


def test_interest_accruals_lead_from_balance_to_balance(accounts: list[Account], tmp_path: Path) -> None:
    rows = rows_of(accounts[:1], ACCRUALS, "interest_accruals", tmp_path)
    balance = Decimal(0)
    for row, day in zip(rows, accounts[0].days, strict=True):
        assert Decimal(row["startingAccrualBalance"]) == balance
        balance += Decimal(row["interestAccrued"]) + Decimal(row["accrualReversal"])
        assert Decimal(row["endingAccrualBalance"]) == balance == day.equity["interestAccruals"]
    assert any(Decimal(row["accrualReversal"]) for row in rows)


def rows_of(accounts: list[Account], query: str, table: str, folder: Path) -> list[Mapping[str, str]]:
    file = write_document(folder / "a.xml", pieces(accounts, query, FIRST, LAST))
    return [item.attributes for item in FlexFile(file) if isinstance(item, Row) and item.name == table]


def by_day(rows: list[Mapping[str, str]], day: str, amount: str) -> dict[str, Decimal]:
    """Day → the sum of an amount in base currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row[day]] += Decimal(row[amount]) * Decimal(row["fxRateToBase"])
    return {name: total for name, total in sums.items() if total}


def test_the_interest_of_the_nights_is_what_accrues_and_is_on_the_cash_that_there_was(tmp_path: Path) -> None:
    indebted = Account("U3000011", cash={"HKD": "20000", "USD": "-3000"})
    for day in ("2025-07-07", "2025-07-08"):
        nights = indebted.day(day, {SPY: "621"}, USD="7.8412")
        for currency, balance in nights.opening.cash.items():
            nights.accrues_night(currency, str(balance), "6.83" if balance < 0 else "1")
    indebted.days[-1].close()
    for account in (indebted, *trade(5, ["U3000012"], FIRST, LAST, trades_per_day=6)):
        tiers = rows_of([account], ACCRUALS, "tier_interest", tmp_path)
        accrued = rows_of([account], ACCRUALS, "interest_accruals", tmp_path)
        in_base = {row["toDate"]: Decimal(row["interestAccrued"]) for row in accrued if Decimal(row["interestAccrued"])}
        assert by_day(tiers, "reportDate", "totalInterest") == in_base != {}
        opened = {f"{day.date:%Y%m%d}": day.opening.cash for day in account.days}
        for row in tiers:
            assert Decimal(row["totalPrincipal"]) == opened[row["reportDate"]][row["currency"]]
            assert (row["interestType"] == "Debit Interest") == (Decimal(row["totalPrincipal"]) < 0)
    [cost, _] = [row for row in rows_of([indebted], ACCRUALS, "tier_interest", tmp_path) if row["currency"] == "USD"]
    assert Decimal(cost["totalInterest"]) == Decimal("-0.57")  # 3,000 at 6.83 % for a day of 360


def test_dividends_accrue_before_their_ex_date_and_go_as_they_are_paid(accounts: list[Account], tmp_path: Path) -> None:
    holder = Account("U3000013")
    first = holder.day("2025-06-18", {SPY: "597"}, USD="7.8500")
    first.trade(SPY, 90, "596")
    accrual = first.accrues_dividend(SPY, Decimal(90), "1.7612", date(2025, 6, 20), date(2025, 6, 23), tax="0.30")
    holder.day("2025-06-20", {SPY: "594"}, USD="7.8495")
    holder.day("2025-06-23", {SPY: "600"}, USD="7.8490").pays_dividend(accrual)
    holder.days[-1].close()
    posted, paid = rows_of([holder], CASH, "dividend_accruals", tmp_path)
    assert (posted["date"], posted["exDate"], posted["grossAmount"], posted["tax"]) == (
        *("20250618", "20250620"),
        *("158.51", "47.55"),
    )
    assert (paid["date"], paid["code"], paid["netAmount"]) == ("20250623", "Re", "-110.96")
    assert [day.equity["dividendAccruals"] for day in holder.days] == [Decimal("110.96") * Decimal("7.85")] * 2 + [0]
    for account in (holder, *accounts):
        rows = rows_of([account], CASH, "dividend_accruals", tmp_path)
        assert {row["code"] for row in rows} == {"Po", "Re"}
        assert by_day(rows, "date", "netAmount") == {
            f"{day.date:%Y%m%d}": day.components["changeInDividendAccruals"]
            for day in account.days
            if day.components["changeInDividendAccruals"]
        }
        assert all(row["exDate"] > row["date"] for row in rows if row["code"] == "Po")


def test_the_shares_that_options_are_on_pay_each_quarter(tmp_path: Path) -> None:
    [account] = trade(1, NUMBERS[:1], date(2025, 6, 16), LAST, trades_per_day=30)
    rows = rows_of([account], CASH, "dividend_accruals", tmp_path)
    assert {(row["exDate"], row["payDate"], row["quantity"]) for row in rows if row["symbol"] == "SPY"} == {
        ("20250620", "20250625", "40")
    }
    assert [cash.amount for cash in account["2025-06-25"].cash] == [Decimal("70.45"), Decimal("-21.14")]


def test_an_equity_summary_covers_the_day_before_too(accounts: list[Account], tmp_path: Path) -> None:
    file = write_document(tmp_path / "a.xml", pieces(accounts[:1], NAV, date(2025, 7, 7), date(2025, 7, 8)))
    rows = [item.attributes for item in FlexFile(file) if isinstance(item, Row) and item.name == "equity_summary"]
    assert [row["reportDate"] for row in rows] == ["20250704", "20250707", "20250707", "20250708"]
    assert rows[1] == rows[2]


# -- corrections


@pytest.fixture
def corrected() -> Account:
    account = Account("U3000009")
    account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620")
    account.corrects(account["2025-07-14"].fills[0], "619.5", date(2025, 7, 16))
    for day in ("2025-07-15", "2025-07-16"):
        account.day(day, {SPY: "622"}, USD="7.86")
    account.days[-1].close()
    return account


def test_a_correction_is_delivered_from_its_day_on_under_the_same_transaction_id(corrected: Account) -> None:
    def row(day: int) -> bytes:
        document = b"".join(pieces([corrected], TRADES, FIRST, LAST, as_of=date(2025, 7, day)))
        (trade_row,) = [line for line in document.splitlines() if line.startswith(b"<Trade ")]
        return trade_row

    before, after = row(15), row(16)
    assert (b'tradePrice="620"' in before, b'tradePrice="619.5"' in after) == (True, True)
    identity = b'transactionID="3000000001"'
    assert (identity in before, identity in after) == (True, True)


def test_a_correction_moves_the_nav_of_its_day_and_of_all_after_it(corrected: Account) -> None:
    as_delivered, as_known = corrected, corrected.as_of(date(2025, 7, 16))
    assert corrected.as_of(date(2025, 7, 15)) is as_delivered
    gained = [after.nav - before.nav for before, after in zip(as_delivered.days, as_known.days, strict=True)]
    assert gained == [5 * day.rates["USD"] for day in as_delivered.days]
    assert as_known.days[0].opening.nav == as_delivered.days[0].opening.nav


# -- what a web service answers


def test_a_request_without_a_window_is_for_the_month_to_date(accounts: list[Account]) -> None:
    statements = answers({"token": accounts}, lambda: date(2025, 7, 8))
    asked = b"".join(statements("token", NAV, None, None))
    assert asked == b"".join(pieces(accounts, NAV, date(2025, 7, 1), date(2025, 7, 8), as_of=date(2025, 7, 8)))


def test_each_token_gets_its_own_accounts(accounts: list[Account]) -> None:
    first, second = accounts
    statements = answers({"first": [first], "second": [second]}, lambda: LAST)
    for token, own, other in (("first", *NUMBERS), ("second", *reversed(NUMBERS))):
        document = b"".join(statements(token, ACTIVITY, None, None))
        assert (own.encode() in document, other.encode() in document) == (True, False)


def test_nobody_else_gets_anything(accounts: list[Account]) -> None:
    statements = answers({"token": accounts}, lambda: LAST)
    assert statements("other", ACTIVITY, None, None) is None
    assert statements("token", "1", None, None) is None
    assert statements("token", ACTIVITY, date(2025, 7, 5), date(2025, 7, 6)) is None


def test_the_evening_is_asked_for_at_every_request(accounts: list[Account]) -> None:
    evenings = iter([date(2025, 7, 1), date(2025, 7, 2)])
    statements = answers({"token": accounts[:1]}, lambda: next(evenings))
    assert [len(list(statements("token", NAV, None, None))) for _ in range(2)] == [3, 4]
