"""The assets and checks of signals: they show each strategy's figures, find what does not add up, and name nobody."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fntx_dagster.defs import signal_settling, signals
from fntx_dagster.defs.definitions import defs
from fntx_dagster.services.alerting import open_alerts
from fntx_dagster.services.signals.settling import keep_settlement
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.services.signals.provider import STRIKE, Provider

from .around import Daemon, platform_of

CHECKS = {
    "allocations_sum_to_executions",
    "every_closed_execution_has_its_trade",
    "no_execution_is_open_past_its_expiry",
    "profits_sum_to_trades",
}


@pytest.fixture
def provider(database: Database) -> Provider:
    """A signal that is closed, one that is open and does not expire, one that failed."""
    provider = Provider(database)
    lasting: dict[str, Any] = {"strike_data": STRIKE | {"DOE": "2999-12-31"}}
    provider.enter("one", **lasting)
    provider.later(hours=1)
    provider.leave("one")
    provider.enter("two", **lasting)
    provider.enter("three", quote={"bid": "1"}, **lasting)
    return provider


def materialized(provider: Provider, folder: Path) -> dg.ExecuteInProcessResult:
    platform = platform_of(Settings(home=folder), provider.desk.db)
    return dg.materialize(signals.SIGNALS, resources={"platform": platform}, raise_on_error=True)


def failed(result: dg.ExecuteInProcessResult) -> dict[str, str | None]:
    checks = result.get_asset_check_evaluations()
    assert {check.check_name for check in checks} == CHECKS
    return {check.check_name: check.description for check in checks if not check.passed}


def test_the_assets_show_each_strategy_and_name_no_participant(provider: Provider, tmp_path: Path) -> None:
    result = materialized(provider, tmp_path)
    assert failed(result) == {}
    rows = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata["rows"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    cells = {name: f"{table}".splitlines()[-1].replace(" ", "").replace("\\", "") for name, table in rows.items()}
    assert cells["signal_executions"] == "|STRATEGY_001|paper|3|2|1|1|5|15|10|"
    assert cells["signal_performance"] == "|STRATEGY_001|paper|USDT|1|100||50|0|50|"
    assert "user1" not in repr([result.get_asset_materialization_events(), result.get_asset_check_evaluations()])


def test_without_a_signal_there_is_nothing_to_show_and_everything_holds(database: Database, tmp_path: Path) -> None:
    assert failed(materialized(Provider(database), tmp_path)) == {}


@pytest.mark.parametrize(
    ("table", "change", "check"),
    [
        ("user_signal_allocations", "pnl = pnl + 1 where user_id = 'user1'", "allocations_sum_to_executions"),
        ("trades", "fees_total = 1, net_pnl = net_pnl - 1", "profits_sum_to_trades"),
        ("signal_exits", "pnl = pnl - 1", "profits_sum_to_trades"),
        ("signal_executions", "status = 'CLOSING' where status = 'CLOSED'", "every_closed_execution_has_its_trade"),
        ("instruments", "expiry = '2026-03-26'", "no_execution_is_open_past_its_expiry"),
    ],
)
def test_what_does_not_add_up_fails_its_check(
    provider: Provider, tmp_path: Path, table: str, change: str, check: str
) -> None:
    with provider.desk.db.connect() as connection:
        connection.execute(f"alter table ledger.{table} disable trigger user")  # pyright: ignore[reportArgumentType, reportCallIssue]  # of the list above
        connection.execute(f"update ledger.{table} set {change}")  # pyright: ignore[reportArgumentType, reportCallIssue]  # of the list above
    found = failed(materialized(provider, tmp_path))
    assert found.keys() == {check}
    assert f"{found[check]}".startswith("execution ")
    assert "STRATEGY_001" in f"{found[check]}"


def test_what_expires_today_is_not_overdue_yet(database: Database, tmp_path: Path) -> None:
    provider = Provider(database)
    today = provider.desk.day(provider.desk.clock())
    for number, late in ((1, False), (2, True)):
        provider.later(minutes=1)
        strike = STRIKE | {"DOE": f"{today - timedelta(days=late)}"}
        provider.enter(f"{number}", strike_data=strike)
        assert (failed(materialized(provider, tmp_path)) != {}) == late


def test_the_daily_verification_of_the_ledger_checks_them_too() -> None:
    checks = defs.resolve_job_def("verify_ledger").asset_layer.asset_graph.asset_check_keys
    assert {check.name for check in checks} >= CHECKS


def test_what_has_expired_is_an_alert_without_a_price_and_settled_with_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    provider, settings = Provider(database), Settings(home=tmp_path)
    daemon = Daemon(settings, database, monkeypatch)
    assert daemon.tick(signal_settling.settlements_due) == "Nothing is open of an instrument that has expired."
    provider.enter("one", strike_data=STRIKE | {"DOE": "2026-03-26"})
    for _ in range(2):
        assert "has no settlement price" in f"{daemon.tick(signal_settling.settlements_due)}"
    assert [alert.kind for alert in open_alerts(database)] == ["settlement"]
    keep_settlement(provider.desk, STRIKE["token"], date(2026, 3, 26), Decimal(0), "the exchange")
    assert isinstance(daemon.tick(signal_settling.settlements_due), dg.RunRequest)
    assert open_alerts(database) == []
    shown = []
    for _ in range(2):
        result = dg.materialize([signal_settling.signal_settlements], resources=daemon.resources)
        [event] = result.get_asset_materialization_events()
        shown.append(event.step_materialization_data.materialization.metadata)
    assert "closed 5 at 0" in f"{shown[0]['rows'].value}"
    assert [metadata["dagster/row_count"].value for metadata in shown] == [1, 0]
    assert daemon.tick(signal_settling.settlements_due) == "Nothing is open of an instrument that has expired."
