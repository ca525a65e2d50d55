"""A broker's statements in the ledger: each row once, agreeing to the last digit, whatever the broker corrects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger import kinds, statements
from fntx_dagster.ledger.book import EntryRates
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill
from fntx_dagster.model.period import Period
from fntx_dagster.samples import SAMPLES
from fntx_dagster.services.bookkeeping.agreement import agreement
from fntx_dagster.services.bookkeeping.batch import BookOwner, batch
from fntx_dagster.services.bookkeeping.projecting import Projected, _Projection, assign, project
from fntx_dagster.services.bookkeeping.statement_items import Item
from fntx_dagster.services.bookkeeping.verifying import with_statements
from fntx_dagster.services.building.broker_ledger import project_and_compare
from fntx_dagster.services.orders.overview import overview
from fntx_dagster.services.orders.portfolio import summary
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, delivered, write_document
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from fntx_dagster.store.ledger import books, reading
from fntx_dagster.store.ledger.posted import PostedFill
from tests.dbt.conftest import Platform, fresh, story_home  # noqa: F401 - a fixture

SAMPLE, FIRST_ACCOUNT, SECOND_ACCOUNT = "U1000001", "U3000001", "U3000002"
FIRST, LAST = date(2024, 7, 1), date(2024, 8, 30)
ALL = Period(date(2024, 1, 1), date(2025, 12, 31))


@pytest.fixture(scope="module")
def platform(
    postgres: str,
    story_home: Settings,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """The bundled samples, and two accounts to which everything happens that can, for two months."""
    accounts = trade(41, (FIRST_ACCOUNT, SECOND_ACCOUNT), FIRST, LAST, trades_per_day=3, kinds=EVERY_KIND)
    document = delivered(accounts, QUERIES[ACTIVITY], FIRST, LAST, as_of=accounts[0].days[-1].date)
    with fresh(postgres, story_home) as platform:
        assert document is not None
        platform.load(*SAMPLES.glob("*.xml"), write_document(tmp_path_factory.mktemp("all") / "all.xml", document))
        assert platform.run().failed == ()
        yield platform


@pytest.fixture
def desk(platform: Platform) -> Desk:
    return Desk(platform.database)


def entries(desk: Desk, user: str) -> list[dict[str, Any]]:
    """Of the user's live book, oldest first."""
    book_id = books.book_of(desk.db, user, False)
    return [] if book_id is None else list(reading.all_entries(desk.db, book_id))


def holds(desk: Desk) -> None:
    assert [book.faults for book in with_statements(desk, verify(desk)) if book.faults] == []


def test_what_another_user_traded_through_the_broker_meets_the_statements(platform: Platform, desk: Desk) -> None:
    """Before the account's first projection: three fills of a bot as the executions told them."""
    told = platform.query(
        """select fill_id, symbol, currency, quantity, price, commission, executed_at, source_transaction_id
        from alm_reporting.fills where account_id = %s and event_type = 'trade' and asset_category = 'STK'
        order by executed_at limit 3""",
        SECOND_ACCOUNT,
    )
    assign(desk, SECOND_ACCOUNT, "ada")
    with pytest.raises(Permanent, match="belongs to another one"):
        assign(desk, FIRST_ACCOUNT, "ada")
    with desk.db.connect() as connection:
        connection.execute(
            """update raw_flex.trades set attributes = attributes || '{"ibExecID": "0001f4e8.6743a1b2.01.02"}'
            where account_id = %s and transaction_id = %s""",
            (SECOND_ACCOUNT, told[0][-1]),
        )
    ids = ("0001f4e8.6743a1b2.01.01", "without a row that names it", "0001f4e8.6743a1b9.01.01")
    with batch(desk, BookOwner("ada", False, "HKD")) as into:
        for name, (_, symbol, currency, quantity, price, commission, at, _) in zip(ids, told, strict=True):
            fee = -commission + (Decimal("0.01") if name == ids[2] else 0)
            side = "buy" if quantity > 0 else "sell"
            execution = OrderFill(name, side, abs(quantity), price, fee, currency, "taker", at)
            key, rates = Key("bot", "ibkr", f"{symbol}/{currency}"), EntryRates(Fraction(8), Fraction(8))
            into.add(
                kinds.fill(
                    f"00000000-0000-0000-0000-00000000000{len(into.drafts)}",
                    None,
                    key,
                    execution,
                    rates,
                    Fraction(0),
                    False,
                    into.recorded_at,
                )
            )
    [done] = project(desk, SECOND_ACCOUNT)
    assert (done.confirmed, done.changed) == (2, 1)
    booked = entries(desk, "ada")
    confirmed = [entry["confirms"] for entry in booked if entry["event_type"] == "confirmation"]
    [right] = [entry for entry in booked if entry.get("replaces") == 3]
    assert (confirmed, right["bot_id"], right["exchange_trade_id"]) == ([1, 2], "bot", ids[2])
    assert Decimal(right["fee"]) == -told[2][5]
    shown = [entry for entry in booked if entry["type"] == "fill" and entry["symbol"] == right["symbol"]]
    assert len({entry["exchange_trade_id"] for entry in shown}) == len(shown) - 1
    assert {entry["bot_id"] for entry in booked if "bot_id" in entry} >= {"bot", "statement"}
    assert project(desk, SECOND_ACCOUNT)[0].entries == 0
    assert agreement(desk, user_id="ada").differing == []
    holds(desk)


def test_two_runs_at_once_post_each_row_once_and_agree_with_the_statements(platform: Platform, desk: Desk) -> None:
    with ThreadPoolExecutor(2) as both:
        runs = [one.result() for one in [both.submit(project, desk) for _ in range(2)]]
    [rows] = platform.query("select count(distinct (book_id, source)), count(*) from ledger.statement_entries")
    assert rows[0] == rows[1]
    done = {one.account: one.posted for one in runs[0]}
    again = {one.account: one.posted for one in runs[1]}
    assert [sorted((done[account], again[account]))[0] for account in done] == [0, 0, 0]
    assert [one.entries for one in project(desk)] == [0, 0, 0]
    found = agreement(desk)
    assert found.differing == []
    assert found.compared > 300
    holds(desk)


def test_every_kind_of_row_is_in_the_ledger_and_no_account_number(desk: Desk) -> None:
    project(desk)
    booked = entries(desk, FIRST_ACCOUNT)
    causes = {(entry["event_type"], entry.get("cause")) for entry in booked}
    assert causes >= {
        ("fill", None),
        ("deposit", None),
        ("withdrawal", None),
        ("conversion", None),
        *(("booking", cause) for cause in ("assignment", "expiration", "exercise", "delivery", "spin_off")),
        *(("booking", cause) for cause in ("transfer_in", "transfer_out", "corporate_action")),
        *(("carry", cause) for cause in ("split", "merger", "symbol_change")),
        *(("income", cause) for cause in ("dividend", "interest", "fee", "tax", "other_cash")),
    }
    assert FIRST_ACCOUNT not in json.dumps(booked)
    option = next(entry for entry in booked if entry["event_type"] == "booking" and entry["cause"] == "expiration")
    assert len(option["symbol"].split("/")[0]) == len("SPY240701C00623000")
    assert Fraction(option["qty"]) % 100 == 0


def withdraw(platform: Platform, hidden: list[str], *, back: bool = False) -> None:
    """Let rows of the first account vanish from the statements, or come back; fills and lots follow."""
    with platform.database.connect() as connection:
        connection.execute(
            f"""update raw_flex.trades set withdrawn_at = {"null" if back else "now()"}
            where account_id = %s and transaction_id = any (%s)""",
            (FIRST_ACCOUNT, hidden),
        )
    platform.rebuild(FIRST, LAST)


def test_income_is_part_of_the_net_result_and_not_of_fx_translation(desk: Desk) -> None:
    now = datetime(2024, 9, 2, tzinfo=UTC)
    stated = kinds.Moments(now, now).stated
    with batch(desk, BookOwner("eve", False, "USDT")) as into:
        into.add(statements.income(stated | {"is_paper": False}, "interest", Fraction(5), "USDT", Fraction(1), None))
    figures = summary(desk, "eve", False, now)
    assert (figures["net_pnl"], figures["equity"], figures["fx_translation"]) == ("5", "5", "0")


def test_the_status_of_the_books_names_no_account_number(desk: Desk) -> None:
    assert books.book_of(desk.db, FIRST_ACCOUNT, False)
    assert FIRST_ACCOUNT not in f"{overview(desk)}"


def test_rows_that_vanish_change_and_come_late_leave_a_ledger_that_agrees(platform: Platform, desk: Desk) -> None:
    project(desk)
    bought = platform.query(
        """select source_transaction_id from alm_reporting.fills where account_id = %s and event_type = 'trade'
            and asset_category = 'STK' and quantity > 0 order by executed_at limit 3""",
        FIRST_ACCOUNT,
    )
    hidden = [transaction for (transaction,) in bought]
    withdraw(platform, hidden)
    [vanished] = project(desk, FIRST_ACCOUNT)
    assert vanished.taken_back >= 3
    realised(desk)
    withdraw(platform, hidden, back=True)
    [returned] = project(desk, FIRST_ACCOUNT)
    assert returned.posted >= 3
    realised(desk)
    with platform.database.connect() as connection:
        connection.execute(
            """update raw_flex.trades set trade_price = trade_price + 1, ib_commission = -2.5
            where account_id = %s and transaction_id = %s""",
            (FIRST_ACCOUNT, hidden[1]),
        )
    platform.rebuild(FIRST, LAST)
    [changed] = project(desk, FIRST_ACCOUNT)
    assert changed.changed >= 1
    realised(desk)
    assert project(desk, FIRST_ACCOUNT)[0] == Projected(changed.account, stood=changed.stood + changed.changed)
    holds_alone(desk)


def realised(desk: Desk) -> None:
    """No session's P&L differs; cash does where a row of the statement is hidden, as its Cash Report still has it."""
    assert [one.words for one in agreement(desk).differing if one.what != "cash"] == []


def holds_alone(desk: Desk) -> None:
    faults = [fault for book in with_statements(desk, verify(desk)) for fault in book.faults]
    assert [fault for fault in faults if ": cash is " not in fault] == []


def test_a_difference_is_named_with_both_figures(platform: Platform, desk: Desk) -> None:
    """The statement's cash is what it was before the broker's price was amended in the rows alone."""
    found = project_and_compare(platform.settings, platform.database, ALL)
    assert found.compared > 300
    assert {finding.subject for finding in found.differing} == {"U…0001 (2)"}
    assert ": cash is " in found.differing[0].text
    assert "a difference of -" in found.differing[0].text
    assert project_and_compare(platform.settings, platform.database, Period.on(date(2024, 7, 1))).compared < 10
    assert any(": cash is " in fault for book in with_statements(desk, verify(desk)) for fault in book.faults)


@pytest.mark.parametrize(("named", "claimed"), [(None, True), ("00f.1.02", True), ("00e.1.01", False)])
def test_a_row_that_names_another_execution_claims_no_fill(named: str | None, claimed: bool) -> None:
    at = datetime(2024, 9, 2, 15, tzinfo=UTC)
    key = Key("bot", "ibkr", "AAPL/USD")
    execution = OrderFill("00f.1.01", "buy", Decimal(1), Decimal(2), Decimal(0), "USD", "taker", at)
    body = kinds.fill("", None, key, execution, EntryRates(None, None), Fraction(0), False, at)
    rows = object.__new__(_Projection)
    rows.unclaimed = [fill := PostedFill(1, None, key, execution)]
    assert rows._executed(Item("trade:1", at, at.date(), at.date(), body, named)) is (fill if claimed else None)


def test_an_account_without_fills_is_refused(desk: Desk) -> None:
    with pytest.raises(Permanent, match="has no fills"):
        project(desk, "U9999999")
