"""The ledger's assets, checks, schedule and sensors: they show what the books hold and name no user."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from fntx_dagster.defs import ledger_books as ledger
from fntx_dagster.defs.definitions import defs
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.settings import Settings
from fntx_dagster.store.alerts import open_alerts
from fntx_dagster.store.database import Database
from tests.services.orders.live_books import asked, bought, deposit

from .around import Daemon, platform_of

ASSETS = [ledger.ledger_balances, ledger.ledger_turnover, ledger.ledger_metrics]
USER = "ada-lovelace"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def daemon(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    return Daemon(settings, database, monkeypatch)


@pytest.fixture
def traded(database: Database) -> Database:
    """A live book with a deposit and a fill, and another user's with a deposit."""
    desk = Desk(database)
    deposit(desk)
    bought(desk, "2", "100")
    deposit(desk, "50", USER)
    return database


def materialized(settings: Settings, db: Database) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [*ASSETS, ledger.ledger_verification], resources={"platform": platform_of(settings, db)}, raise_on_error=True
    )


def shown(result: dg.ExecuteInProcessResult) -> str:
    """All metadata and descriptions of a run."""
    parts = [repr(event.step_materialization_data) for event in result.get_asset_materialization_events()]
    return "\n".join(parts + [repr(check) for check in result.get_asset_check_evaluations()])


def test_the_assets_show_balances_turnover_and_metrics_and_name_no_user(settings: Settings, traded: Database) -> None:
    result = materialized(settings, traded)
    said = shown(result)
    rows = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    balances = rows["ledger_balances"]["rows"].value
    assert "| book 1 (live) | USDT | 800 | 0 |" in " ".join(f"{balances}".split(" " * 2))
    assert rows["ledger_turnover"]["dagster/row_count"].value == 2
    assert rows["ledger_metrics"]["dagster/row_count"].value == 2
    assert USER not in said
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True, True]


def test_without_a_book_there_is_nothing_to_show_and_everything_holds(settings: Settings, database: Database) -> None:
    result = materialized(settings, database)
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True, True]


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ("update ledger.balances set amount = 5 where book_id = 1", "chain_holds"),
        ("update ledger.figures set wins = 9 where book_id = 1 and bot_id = ''", "replay_equals_tables"),
    ],
)
def test_what_was_altered_fails_its_check_and_is_one_alert(
    settings: Settings, traded: Database, change: str, failed: str
) -> None:
    with traded.connect() as connection:
        connection.execute(change)  # pyright: ignore[reportArgumentType, reportCallIssue]  # of the list above
    for _ in range(2):
        checks = materialized(settings, traded).get_asset_check_evaluations()
        assert [check.check_name for check in checks if not check.passed] == [failed]
    [alert] = open_alerts(traded)
    assert (alert.kind, alert.subject) == ("ledger", "book 1 (live)")
    assert USER not in alert.text


def test_the_ledger_is_verified_once_a_day() -> None:
    at = datetime(2026, 3, 2, 0, 15, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=at)
    [request] = ledger.verification_of_the_ledger(context)
    assert request.run_key == "2026-03-02"
    checks = defs.resolve_job_def("verify_ledger").asset_layer.asset_graph.asset_check_keys
    assert {check.name for check in checks} >= {"chain_holds", "replay_equals_tables"}


def test_the_sensors_say_what_nobody_knows_and_what_has_no_price(daemon: Daemon, traded: Database) -> None:
    desk = Desk(traded)
    assert daemon.tick(ledger.unknown_orders) == "No order has an unknown outcome."
    order = asked(desk, "BTC/USDT", state="unknown")
    for _ in range(2):
        assert order in f"{daemon.tick(ledger.unknown_orders)}"
        assert f"{daemon.tick(ledger.stale_prices)}".startswith("1: the price of BTC/USDT at binance never came")
    assert [alert.kind for alert in open_alerts(traded)] == ["unknown_order", "prices"]


def test_without_a_live_position_every_price_is_new_enough(daemon: Daemon) -> None:
    assert daemon.tick(ledger.stale_prices) == "Every price that a live book needs is new enough."
