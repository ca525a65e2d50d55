"""Expiry: what is open is settled once at the official price, and is an alert while nobody knows that."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.orders.alarms import observed
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.signals.overview import count_rows, is_overdue, list_executions, list_log
from fntx_dagster.services.signals.receiving import enter_signal
from fntx_dagster.services.signals.settling import due, keep_settlement, settle
from fntx_dagster.store.database import Database
from tests.services.signals.signalled import Clock, entry_of

EXPIRY = date(2026, 3, 26)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    desk = Desk(database, clock=clock)
    for unique_id, token in (("call", "1"), ("put", "2"), ("other", "3")):
        enter_signal(desk, "test", entry_of(unique_id, token, ask="100"), clock.now)
    return desk


def statuses(desk: Desk) -> list[tuple[str, str, Decimal]]:
    return [(row.unique_id, row.status, row.total_pnl) for row in reversed(list_executions(desk.db, "S", 10))]


def test_what_has_expired_is_settled_once_at_the_official_price_and_worthless_is_all_lost(
    desk: Desk, clock: Clock
) -> None:
    keep_settlement(desk, "1", EXPIRY, Decimal("152.35"), "the exchange")
    assert (settle(desk), due(desk)) == ([], 0)
    clock.now = datetime(2026, 3, 26, 12, tzinfo=UTC)
    keep_settlement(desk, "2", EXPIRY, Decimal(0), "the exchange")
    assert due(desk) == 2
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: settle(desk), range(4)))
    prices = {each.unique_id: each.price for one in done for each in one}
    assert prices == {"call": Decimal("152.35"), "put": Decimal(0)}
    open_part = ("other", "OPEN", Decimal(0))
    assert statuses(desk) == [("call", "CLOSED", Decimal("157.05")), ("put", "CLOSED", Decimal(-300)), open_part]
    assert settle(desk) == []
    clock.now = datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert [(each.unique_id, each.message) for each in settle(desk)] == [("other", None)]
    assert count_rows(desk.db, "S").trades == 2
    processed = [
        row for row in list_log(desk.db, "S", 100) if row.source == "settlement" and row.outcome == "processed"
    ]
    assert {(row.unique_id, row.signal_type) for row in processed} == {("call", "BUY_EXIT"), ("put", "BUY_EXIT")}
    assert len(processed) == 2
    assert [book.faults for book in verify(desk)] == [()]


def test_an_execution_past_its_expiry_without_a_price_is_one_alert_until_it_is_settled(
    desk: Desk, clock: Clock
) -> None:
    def alerts() -> list[str]:
        [found] = [each for each in observed(desk, clock.now) if each.kind == "settlement"]
        return [finding.text for finding in found.findings]

    clock.now = datetime(2026, 3, 26, 23, tzinfo=UTC)
    assert alerts() == []
    clock.now = datetime(2026, 3, 27, 1, tzinfo=UTC)
    assert len(alerts()) == 3
    assert "`fntx signals settlement 1 2026-03-26 PRICE`" in alerts()[0]
    assert all(is_overdue(desk, row) for row in list_executions(desk.db, "S", 10))
    keep_settlement(desk, "1", EXPIRY, Decimal(1), "the exchange")
    settle(desk)
    assert len(alerts()) == 2
    assert [is_overdue(desk, row) for row in list_executions(desk.db, "S", 10)] == [True, True, False]


def test_a_settlement_price_is_final_and_is_a_price(desk: Desk) -> None:
    keep_settlement(desk, "1", EXPIRY, Decimal("152.35"), "the exchange")
    keep_settlement(desk, "1", EXPIRY, Decimal("152.350"), "the exchange again")
    with pytest.raises(Permanent, match=r"is 152\.35 already"):
        keep_settlement(desk, "1", EXPIRY, Decimal(1), "somebody")
    for price, source in (("-1", "x"), ("0.0000000001", "x"), ("1", " ")):
        with pytest.raises(Permanent):
            keep_settlement(desk, "2", EXPIRY, Decimal(price), source)
    for token, day in (("9", EXPIRY), ("1", date(2026, 3, 27))):
        with pytest.raises(Permanent, match="expires on"):
            keep_settlement(desk, token, day, Decimal(1), "the exchange")


def test_an_entry_answers_as_it_did_after_its_settlement(desk: Desk, clock: Clock) -> None:
    clock.now = datetime(2026, 3, 26, 12, tzinfo=UTC)
    keep_settlement(desk, "1", EXPIRY, Decimal("152.35"), "the exchange")
    settle(desk)
    again = enter_signal(desk, "test", entry_of("call", "1", ask="100"), clock.now)
    assert again.replayed
    assert json.loads(again.body)["data"]["status"] == "OPEN"
