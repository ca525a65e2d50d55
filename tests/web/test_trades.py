"""The pages of round trips: filters, orders, pages by key, sums, the file, and one trip with its fills."""

from __future__ import annotations

import csv
import re
from datetime import date
from decimal import Decimal
from html import unescape
from io import StringIO
from typing import Any

import pytest
import requests

from fntx_dagster.model.period import EVER, Period
from fntx_dagster.model.round_trips import ORDERS, TripsAsked
from fntx_dagster.report import money
from fntx_dagster.services.dashboard import trades
from fntx_dagster.services.dashboard.trades import trade_of, trades_csv, trades_of
from fntx_dagster.services.data_tables import data_table
from fntx_dagster.web.asking import Site

ACCOUNT = "U1000001"


def page(address: str, query: str = "") -> str:
    """The text of the page, with a bar for each run of tags."""
    answer = requests.get(f"{address}/a/1/trades{query}", timeout=60)
    assert answer.status_code == 200, answer.text
    return unescape(re.sub(r"(<[^>]*>\s*)+", "|", answer.text))


def rows(site: Site) -> list[dict[str, object]]:
    """All round trips, as `fntx tables round_trips` has them."""
    table = data_table(site.db, "round_trips")
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_sums_are_those_of_the_whole_table(site: Site, address: str) -> None:
    nets = [row["net_pnl"] for row in rows(site)]
    assert all(isinstance(net, Decimal) for net in nets)
    total = sum(nets, Decimal(0))  # pyright: ignore[reportArgumentType,reportCallIssue]  # shown above
    won = sum(net > 0 for net in nets)  # pyright: ignore[reportOperatorIssue]  # shown above
    text = page(address)
    assert f"|all that match|{len(nets)}|{won}|{len(nets) - won}|0|" in text
    assert f"|{money.display(total, signed=True)}|" in text


@pytest.mark.parametrize("order", ORDERS)
def test_pages_by_key_hold_every_round_trip_once_in_its_order(
    site: Site, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trades, "PAGE", 5)
    asked = TripsAsked(EVER, order=order)
    found, after = [], None
    while True:
        shown = trades_of(site.db, ACCOUNT, asked, after)
        assert len(shown.trips) <= 5
        assert shown.matching.number == 28
        found += shown.trips
        after = shown.next
        if after is None:
            break
    expected = sorted(
        rows(site),
        key=lambda row: (row["closed_at" if order in ("newest", "oldest") else "net_pnl"], row["round_trip_id"]),
        reverse=order in ("newest", "best"),
    )
    assert [each.round_trip_id for each in found] == [row["round_trip_id"] for row in expected]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("?result=won", 24),
        ("?result=lost", 4),
        ("?result=even", 0),
        ("?ended=assigned", 2),
        ("?ended=traded&result=lost", 4),
        ("?ended=otherwise", 0),
        ("?underlying=spy", 28),
        ("?underlying=QQQ", 0),
        ("?from=2025-07-18&to=2025-07-18", 3),
        ("?from=2019-01-01&to=2019-12-31", 0),
    ],
)
def test_filters_count_what_they_say(address: str, query: str, number: int) -> None:
    text = page(address, query)
    assert f"|all that match|{number}|" in text
    assert ("No round trip matches." in text) == (number == 0)


def test_the_file_is_the_table_without_the_account(site: Site, address: str) -> None:
    answer = requests.get(f"{address}/a/1/trades.csv?order=oldest", timeout=60)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="trades-1-2024-07-19-2025-07-18.csv"'
    delivered = list(csv.DictReader(StringIO(answer.text)))
    assert ACCOUNT not in answer.text
    assert [(row["round_trip_id"], Decimal(row["net_pnl"])) for row in delivered] == [
        (row["round_trip_id"], row["net_pnl"])
        for row in sorted(rows(site), key=lambda row: (row["closed_at"], row["round_trip_id"]))
    ]


def test_a_file_that_is_read_in_pieces_is_the_same(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = TripsAsked(EVER, order="best")
    whole = "".join(trades_csv(site.db, ACCOUNT, asked))
    monkeypatch.setattr(trades, "_PIECE", 3)
    monkeypatch.setattr(trades, "_PIECE_LENGTH", 1000)
    pieces = list(trades_csv(site.db, ACCOUNT, asked))
    assert max(map(len, pieces)) == 1000
    assert "".join(pieces) == whole


def test_a_rebuild_during_an_export_changes_nothing_in_the_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = TripsAsked(EVER, order="oldest")
    whole = "".join(trades_csv(site.db, ACCOUNT, asked))
    monkeypatch.setattr(trades, "_PIECE", 3)
    read, renamed = trades.trips.exported_trips, []

    def rebuilt_after_reading(*given: Any) -> list[tuple[Any, ...]]:
        rows = read(*given)
        if not renamed:  # a rebuild gives the last of the first piece another id
            renamed.append(rows[-1][0])
            _rename(site, renamed[0], "rebuilt")
        return rows

    monkeypatch.setattr(trades.trips, "exported_trips", rebuilt_after_reading)
    try:
        assert "".join(trades_csv(site.db, ACCOUNT, asked)) == whole
    finally:
        _rename(site, "rebuilt", renamed[0])


def _rename(site: Site, old: str, new: str) -> None:
    with site.db.connect() as connection:
        connection.execute(
            "update alm_reporting.round_trips set round_trip_id = %s where round_trip_id = %s", (new, old)
        )


def test_a_round_trip_opens_into_its_fills_and_their_blocks(site: Site, address: str) -> None:
    (trip,) = (row for row in rows(site) if row["contract_id"] == "756733" and row["trading_day"] == date(2025, 7, 18))
    found = trade_of(site.db, ACCOUNT, f"{trip['round_trip_id']}")
    assert found
    opened, base_currency = found
    assert base_currency == "HKD"
    assert [fill.event and fill.event.event_type for fill in opened.fills] == ["delivery", "trade"]
    text = requests.get(f"{address}/a/1/trades/{trip['round_trip_id']}", timeout=60).text
    assert money.display(Decimal("-1145.443"), signed=True) in text
    for fill in opened.fills:
        number = (fill.block_id or "").rpartition(":")[2]
        assert f'href="/a/1/day/{fill.trading_day}#block-{number}"' in text
        assert f'href="/a/1/day/{fill.trading_day}/fills#block-{number}"' in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("trades?order=random", 400),
        ("trades?result=good", 400),
        ("trades?underlying=%00", 400),
        ("trades?underlying=" + "A" * 65, 400),
        ("trades?after=%E2%80%AE", 400),
        ("trades?from=2025-07-18&to=2025-07-17", 400),
        ("trades/1' or '1'='1", 404),
        ("trades/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("trades/%00", 404),
        ("trades.csv?ended=bad", 400),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_words(address: str, path: str, status: int) -> None:
    answer = requests.get(f"{address}/a/1/{path}", timeout=60)
    assert answer.status_code == status
    assert "To the accounts" in answer.text


def test_markup_in_a_filter_is_shown_as_text(address: str) -> None:
    text = requests.get(f"{address}/a/1/trades", params={"underlying": '"><script>x</script>'}, timeout=60).text
    assert "<script>x" not in text
    assert "&#34;&gt;&lt;script&gt;x" in text


def test_a_page_after_a_round_trip_that_is_none_is_empty(site: Site) -> None:
    shown = trades_of(site.db, ACCOUNT, TripsAsked(Period(date(2025, 7, 1), date(2025, 7, 31))), "nothing")
    assert (list(shown.trips), shown.next, shown.matching.number) == ([], None, 28)
