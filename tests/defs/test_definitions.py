"""The definitions that the UI serves: the graph explains the system."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import dagster as dg
import pytest

from fntx_dagster.defs.definitions import defs
from fntx_dagster.defs.partitions import DAYS, SESSIONS
from fntx_dagster.defs.run import days_between, sessions_between
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period

GRAPH = defs.resolve_asset_graph()
STEPS = (
    "flex_files",
    "raw_flex_xml",
    "position_lots",
    "chronological_events",
    "daily_summary",
    "rolling_metrics",
    "daily_verification",
    "daily_report",
    "daily_signature",
    "chain_receipt",
)


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name)


BOOKS = {
    key(name)
    for name in (
        "ledger_balances",
        "ledger_turnover",
        "ledger_metrics",
        "signal_executions",
        "signal_performance",
        "signal_settlements",
    )
}
"""They show the books as they are."""
TREASURY = {
    key(name)
    for name in (
        "audit_checkpoint",
        "anchor_payload_xrpl",
        "anchor_payload_stellar",
        "anchor_payload_evm",
        "sanctions_list",
        "party_rescreen",
        "cashflow_schedule",
        "accruals",
        "delinquency_status",
        "waterfall_distribution",
        "xrpl_state",
        "stellar_state",
        "reconciliation_report",
        "market_volume_profile",
    )
}
"""Of an hour, or of a file."""


def ancestors(name: str) -> set[str]:
    return {asset.to_user_string() for asset in GRAPH.get_ancestor_asset_keys(key(name))}


def test_the_main_assets_are_there_by_their_tables_names() -> None:
    names = {asset.to_user_string() for asset in GRAPH.get_all_asset_keys()}
    assert {*STEPS, "classified_fills", "stock_positions", "nav_blocks", "official_days", "round_trips"} <= names


def test_each_step_of_the_main_path_depends_on_the_step_before() -> None:
    for before, after in pairwise(STEPS):
        assert before in ancestors(after), f"{after} does not follow {before}"


def test_the_daily_job_materialises_every_asset_but_the_views_and_today() -> None:
    views = {name for name in GRAPH.get_all_asset_keys() if GRAPH.get(name).is_virtual}
    assert {"stg_fills", "stg_sessions"} <= {name.to_user_string() for name in views}
    built = defs.resolve_job_def("daily_run").asset_layer.executable_asset_keys
    assert built == GRAPH.materializable_asset_keys - views - {key("current_day")} - of_the_ledger() - TREASURY


def of_the_ledger() -> set[dg.AssetKey]:
    """The assets by days of UTC."""
    return {name for name in GRAPH.materializable_asset_keys if GRAPH.get(name).group_name == "ledger"}


def test_the_days_of_the_ledger_are_closed_explained_and_proved_by_days_of_utc() -> None:
    steps = ("ledger_statements", "ledger_days", "ledger_records")
    assert {key(name) for name in steps} <= of_the_ledger()
    assert ancestors("ledger_records") >= {"ledger_statements", "ledger_days"}
    job = defs.resolve_job_def("close_ledger_days")
    assert job.asset_layer.executable_asset_keys == {key(name) for name in steps}
    assert job.partitions_def == DAYS
    assert DAYS.has_partition_key("2026-03-07"), "a Saturday"
    assert days_between(Period(date(2026, 3, 7), date(2026, 3, 8))) == [date(2026, 3, 7), date(2026, 3, 8)]
    with pytest.raises(Permanent, match="FNTX_FIRST_SESSION"):
        days_between(Period(date(2014, 12, 1), date(2015, 1, 10)))


def test_every_asset_has_a_group_kinds_an_owner_and_a_description() -> None:
    for name in GRAPH.materializable_asset_keys:
        node = GRAPH.get(name)
        assert node.group_name not in (None, "default"), name
        assert node.kinds, name
        assert node.owners == ["team:fntx"], name
        assert (node.description or "").strip(), name


def test_every_asset_is_partitioned_by_session_and_backfilled_in_one_run() -> None:
    for name in GRAPH.materializable_asset_keys - {key("current_day")} - BOOKS - TREASURY:
        node = GRAPH.get(name)
        assert node.partitions_def == (DAYS if name in of_the_ledger() else SESSIONS), name
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), name


def test_no_check_of_one_account_stops_the_others() -> None:
    """A failed one keeps its account from being signed; only what is wrong with the tables themselves blocks."""
    checks = {check.name: check for check in map(GRAPH.get_check_spec, GRAPH.asset_check_keys)}
    of_accounts = {
        "mathematical_verification",
        "logical_verification",
        "cross_reference_verification",
        "historical_verification",
        "every_token_is_accepted",
        "every_query_is_fetched",
        "every_file_is_loaded",
        "latest_session_is_present",
        "statements_are_complete",
        "every_account_is_rebuilt",
        "every_account_is_signed",
        "every_day_is_posted",
        "signed_days_unchanged",
        "no_days_stand_alone",
        "attestations_stand",
        "roots_agree",
        "no_gap",
        "no_record_waits",
        "funds_last",
        "gateway_answers",
        "margin_is_ample",
        "chain_holds",
        "replay_equals_tables",
        "allocations_sum_to_executions",
        "every_closed_execution_has_its_trade",
        "no_execution_is_open_past_its_expiry",
        "profits_sum_to_trades",
        "log_holds",
        "anchors_are_recent",
        "every_list_file_is_loaded",
        "lists_are_recent",
        "every_match_is_decided",
    }
    assert of_accounts <= checks.keys()
    assert [name for name in of_accounts if checks[name].blocking] == []


def test_only_the_steps_that_talk_to_a_network_are_tried_again() -> None:
    tried_again = [asset.node_def.name for asset in defs.assets if asset.node_def.retry_policy]
    assert tried_again == ["flex_files", "chain_receipt"]


def test_schedules_and_sensors_run_without_anybody_turning_them_on() -> None:
    assert {schedule.name: schedule.cron_schedule for schedule in defs.schedules} == {
        "month_to_date": "0 17 * * *",
        "month_to_date_files": "0 17 * * *",
        "signature_of_the_day": "0 0 * * *",
        "ledger_days_of_the_night": "5 0 * * *",
        "verification_of_the_ledger": "15 0 * * *",
        "checkpoint_of_the_hour": "0 * * * *",
        "verification_of_the_log": "25 0 * * *",
        "reconciliation_of_the_day": "45 0 * * *",
        "profiles_of_the_day": "40 0 * * *",
        "bonds_of_the_day": "10 0 * * *",
    }
    assert {schedule.name: schedule.execution_timezone for schedule in defs.schedules} == {
        "month_to_date": "Asia/Hong_Kong",
        "month_to_date_files": "Asia/Hong_Kong",
        "signature_of_the_day": "UTC",
        "ledger_days_of_the_night": "UTC",
        "verification_of_the_ledger": "UTC",
        "checkpoint_of_the_hour": "UTC",
        "verification_of_the_log": "UTC",
        "reconciliation_of_the_day": "UTC",
        "profiles_of_the_day": "UTC",
        "bonds_of_the_day": "UTC",
    }
    asleep = [tick.name for tick in [*defs.schedules, *defs.sensors] if tick.default_status.value != "RUNNING"]
    assert asleep == []


@pytest.mark.parametrize("holiday", ["2025-07-04", "2025-06-19", "2025-04-18", "2025-12-25", "2025-07-05"])
def test_a_day_without_a_session_has_no_partition(holiday: str) -> None:
    assert not SESSIONS.has_partition_key(holiday)


def test_a_market_that_never_closes_has_a_partition_for_every_day_of_utc() -> None:
    week = [f"2025-07-{day:02}" for day in range(14, 21)]
    assert DAYS.get_partition_keys_in_range(dg.PartitionKeyRange(week[0], week[-1])) == week
    begins, ends = DAYS.time_window_for_partition_key("2025-07-19")
    assert (begins.isoformat(), ends.isoformat()) == ("2025-07-19T00:00:00+00:00", "2025-07-20T00:00:00+00:00")


def test_july_2025_up_to_the_18th_has_thirteen_partitions() -> None:
    assert len(sessions_between(Period(date(2025, 7, 1), date(2025, 7, 18)))) == 13


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2025, 7, 18), date(2025, 7, 1), "ends"),
        (date(2025, 7, 4), date(2025, 7, 6), "no session"),
        (date(2014, 12, 1), date(2015, 1, 10), "FNTX_FIRST_SESSION"),
        (date(2999, 1, 1), date(2999, 1, 31), "no session"),
    ],
)
def test_a_range_that_cannot_be_run_says_why_and_what_to_do(first: date, last: date, said: str) -> None:
    with pytest.raises(Permanent, match=said):
        sessions_between(Period(first, last))
