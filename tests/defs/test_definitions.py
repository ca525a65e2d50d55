"""The definitions that the UI serves: the graph explains the system."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import dagster as dg
import pytest

from fntx_dagster.definitions import defs
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.run import sessions_between
from fntx_dagster.errors import Permanent

GRAPH = defs.resolve_asset_graph()
STEPS = (
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


def ancestors(name: str) -> set[str]:
    return {found.to_user_string() for found in GRAPH.get_ancestor_asset_keys(key(name))}


def test_the_main_assets_are_there_by_their_tables_names() -> None:
    names = {found.to_user_string() for found in GRAPH.get_all_asset_keys()}
    assert {*STEPS, "classified_fills", "stock_positions", "nav_blocks", "official_days"} <= names


def test_each_step_of_the_main_path_stands_on_the_one_before() -> None:
    for before, after in pairwise(STEPS):
        assert before in ancestors(after), f"{after} does not follow {before}"


def test_every_asset_has_a_group_kinds_an_owner_and_a_description() -> None:
    for name in GRAPH.materializable_asset_keys:
        node = GRAPH.get(name)
        assert node.group_name not in (None, "default"), name
        assert node.kinds, name
        assert node.owners == ["team:fntx"], name
        assert (node.description or "").strip(), name


def test_every_asset_is_partitioned_by_session_and_backfilled_in_one_run() -> None:
    for name in GRAPH.materializable_asset_keys:
        node = GRAPH.get(name)
        assert node.partitions_def == SESSIONS, name
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), name


def test_mathematical_and_logical_checks_and_cross_references_block_and_historical_ones_warn() -> None:
    checks = {
        check.name: check.blocking
        for check in GRAPH.asset_check_keys
        for check in [GRAPH.get_check_spec(check)]
        if check.name.endswith("_verification")
    }
    assert checks == {
        "mathematical_verification": True,
        "logical_verification": True,
        "cross_reference_verification": True,
        "historical_verification": False,
    }


def test_only_the_steps_that_talk_to_the_chain_are_tried_again() -> None:
    tried_again = [asset.node_def.name for asset in defs.assets if asset.node_def.retry_policy]
    assert tried_again == ["daily_signature", "chain_receipt"]


@pytest.mark.parametrize("holiday", ["2025-07-04", "2025-06-19", "2025-04-18", "2025-12-25", "2025-07-05"])
def test_a_day_without_a_session_has_no_partition(holiday: str) -> None:
    assert not SESSIONS.has_partition_key(holiday)


def test_july_2025_up_to_the_18th_has_thirteen_partitions() -> None:
    assert len(sessions_between(date(2025, 7, 1), date(2025, 7, 18))) == 13


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
        sessions_between(first, last)
