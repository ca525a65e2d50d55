"""The record over HTTP for programs: what each endpoint answers is what its command prints, for whom may read it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import requests

from fntx_dagster.client import ApiProblem, Client
from fntx_dagster.model.period import Period
from fntx_dagster.report.programs import json_text
from fntx_dagster.services import performance, reporting, risk, status
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.store.live.events import NewEvent, append
from fntx_dagster.store.shares.register import NewlyShown, register, registered
from fntx_dagster.web.asking import Site

DAY = date(2025, 7, 17)
JULY = (date(2025, 7, 1), date(2025, 7, 31))


@pytest.fixture(scope="module")
def reader(site: Site, address: str) -> Client:
    return Client(make_token(site.db, "reader", "reader"), address)


def plain(value: object) -> object:
    return json.loads(json_text(value))


def test_the_accounts_are_those_of_the_status_each_with_its_number(site: Site, reader: Client) -> None:
    rows = status.status(site.db).account_rows()
    assert reader.accounts()["accounts"] == plain([{"number": 1} | row for row in rows])


def test_the_days_of_a_range_are_the_rows_of_the_summary(site: Site, reader: Client) -> None:
    rows = performance.summary_rows(site.settings, site.db, Period(*JULY), "U1000001")
    assert reader.days(1, *JULY) == {"rows": plain(rows), "next": None}
    assert Decimal(reader.days(1, DAY, DAY)["rows"][0]["closing_nav_official"]) == Decimal("79754.81")


def test_a_day_is_the_document_of_the_report(site: Site, reader: Client) -> None:
    document = reporting.report(site.settings, site.db, Period.on(DAY), site.observer, "U1000001", "json")
    assert reader.day(1, DAY) == json.loads(document)


def test_metrics_and_positions_are_of_the_newest_day_where_none_is_named(site: Site, reader: Client) -> None:
    newest = reader.days(1)["rows"][-1]["trading_day"]
    on = Period.on(date.fromisoformat(newest))
    assert reader.metrics(1)["rows"] == plain(performance.rolling_metrics(site.db, on, "U1000001"))
    assert reader.metrics(1) == reader.metrics(1, on.first) != reader.metrics(1, DAY)
    rows = [each._asdict() for each in risk.closing_risk(site.settings, site.db, on.first, "U1000001")]
    assert reader.positions(1)["rows"] == plain(rows)


def test_signed_days_and_tables_are_bounded_to_their_range(reader: Client) -> None:
    (signed,) = reader.signatures(1, DAY, DAY)["rows"]
    assert (signed["trading_day"], signed["is_final"], signed["changed"]) == (f"{DAY}", True, [])
    assert {row["trading_day"] for row in reader.table(1, "events", DAY, DAY)["rows"]} == {f"{DAY}"}
    assert reader.table(1, "trades", date(2030, 1, 1))["rows"] == []
    assert reader.current(1)["days"] == []
    assert isinstance(reader.alerts()["alerts"], list)


def test_what_was_shown_is_the_register_newest_first(site: Site, reader: Client) -> None:
    shown = [NewlyShown("U1000001", Period.on(DAY), [1], ["delta"], "disclosure", who, "ada") for who in ("a", "b")]
    register(site.db, shown)
    rows = reader.shown(1)["rows"]
    assert rows == plain([row._asdict() for row in registered(site.db, {"U1000001"})])
    assert reader.shown(1, rows[0]["shown_id"])["rows"] == rows[1:]
    assert [(row["audience"], row["items"], row["versions"]) for row in rows[:2]] == [
        ("b", ["delta"], [1]),
        ("a", ["delta"], [1]),
    ]


def test_a_range_is_answered_from_its_first_day_until_next_is_null(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reader.days(1)["rows"]
    monkeypatch.setattr("fntx_dagster.services.record_reading.MOST_DAYS", 3)
    first, rows = None, []
    while (answer := reader.days(1, first)) and answer["next"]:
        rows += answer["rows"]
        first = date.fromisoformat(answer["next"])
    assert rows + answer["rows"] == whole


def test_the_events_behind_an_id_are_those_of_the_stream(site: Site, address: str, reader: Client) -> None:
    now = datetime.now(UTC)
    made = [
        NewEvent(account, DAY, "fill", f"execution {number}", now, now, False, True, {"price": "1.50"})
        for number, account in enumerate(("U1000001", "U1000001", "ledger:ada-live"))
    ]
    before = reader.events(limit=1000)["last"]
    append(site.db, made)
    behind = reader.events(before, limit=1000)["events"]
    assert [(event["account"], event["kind"], event["body"]) for event in behind[:2]] == [
        (1, "fill", {"price": "1.50"}),
        (1, "fill", {"price": "1.50"}),
    ]
    first = reader.events(before, limit=1)
    assert first["events"] == behind[:1]
    assert reader.events(first["last"], limit=1000)["events"] == behind[1:]
    assert reader.events(behind[-1]["id"])["events"] == []


def test_what_has_not_changed_is_not_sent_again(site: Site, address: str) -> None:
    token = make_token(site.db, "reader", "reader")
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{address}/api/v1/accounts/1/days"
    tag = requests.get(url, headers=headers, timeout=60).headers["ETag"]
    again = requests.get(url, headers=headers | {"If-None-Match": tag}, timeout=60)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("role", ["trader", "signal_source"])
def test_a_token_of_another_role_reads_no_record_and_is_told_which_does(site: Site, address: str, role: str) -> None:
    client = Client(make_token(site.db, "ada", role), address)
    for ask in (client.accounts, client.alerts, client.events, lambda: client.days(1), lambda: client.shown(1)):
        with pytest.raises(ApiProblem, match="403 forbidden") as refused:
            ask()
        assert "fntx api token --role reader" in f"{refused.value.errors}{refused.value.detail}"


def test_what_is_not_there_is_a_404_and_what_is_no_date_a_422(site: Site, address: str, reader: Client) -> None:
    before = date(1999, 7, 19)
    for asked in (
        lambda: reader.days(2),
        lambda: reader.shown(2),
        lambda: reader.day(1, before),
        lambda: reader.metrics(1, before),
    ):
        with pytest.raises(ApiProblem, match="404"):
            asked()
    headers = {"Authorization": f"Bearer {make_token(site.db, 'reader', 'reader')}"}
    for path in ("1/days?from=yesterday", "1/tables/salts", "99999999999/days", "1/days/2025-13-01"):
        assert requests.get(f"{address}/api/v1/accounts/{path}", headers=headers, timeout=60).status_code == 422
    assert requests.get(f"{address}/api/v1/accounts", timeout=60).status_code == 401
