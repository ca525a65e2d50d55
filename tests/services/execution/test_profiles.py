"""Profiles of volume: read from the ledger by the hour, or from a file; a strategy by volume goes by one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.building.execution import profiled_markets
from fntx_dagster.services.execution.profiles import make_profile
from fntx_dagster.services.execution.starting import dry_run
from fntx_dagster.store.treasury.strategies import strategy
from tests.services.execution.desks import DexDesk
from tests.simulate.xrpl.people import address

HOUR = 3600


def market(**more: Any) -> dict[str, Any]:
    base = {"currency": "OPTKAS.BOND", "issuer": address("issuer")}
    return {"base": base, "quote": {"currency": "XRP"}} | more


def traded(desk: DexDesk) -> int:
    """Somebody buys 30 bonds, two hours later sells 12, and the same hour buys 8; the hour of the first."""
    hour = desk.now.hour
    desk.offer("maker", "30", "60 XRP")
    desk.offer("trading", "60 XRP", "30")
    desk.close(2 * HOUR)
    desk.offer("maker", "24 XRP", "12")
    desk.offer("trading", "12", "24 XRP")
    desk.offer("maker", "8", "16 XRP")
    desk.offer("trading", "16 XRP", "8")
    desk.offer("maker", "8", "99 XRP")  # this rests
    return hour


def test_what_was_traded_is_counted_by_the_hour_in_which_its_ledger_closed(desk: DexDesk) -> None:
    hour = traded(desk)
    kept = make_profile(desk.settings, desk.db, market())
    found = {at: each for at, each in enumerate(kept.row.hours) if each}
    assert found == {hour: Decimal(30), (hour + 2) % 24: Decimal(20)}
    assert make_profile(desk.settings, desk.db, market()) == (kept.row, False)
    turned = make_profile(desk.settings, desk.db, {"base": market()["quote"], "quote": market()["base"]})
    assert {each for each in turned.row.hours if each} == {Decimal(60), Decimal(40)}
    assert turned.row.hash != kept.row.hash
    desk.close(19 * 24 * HOUR)
    desk.offer("maker", "2 XRP", "1")
    assert sum(make_profile(desk.settings, desk.db, market()).row.hours) == 50
    desk.close(2 * 24 * HOUR)
    with pytest.raises(Permanent, match="nobody traded"):  # the last 20 days alone
        make_profile(desk.settings, desk.db, market())


def test_a_strategy_by_volume_goes_by_the_profile_whose_hash_it_keeps(desk: DexDesk) -> None:
    desk.lives()
    desk.offer("maker", "900 XRP", "450")
    whole = {**desk.document(strategy="vwap", slices=2), "quantity": "100"}
    with pytest.raises(Permanent, match="no volume profile"):
        dry_run(desk.settings, desk.db, whole)
    first = desk.now.hour
    hours = ["0"] * 24
    hours[first], hours[(first + 1) % 24], hours[(first + 2) % 24] = "59", "30", "10"
    file = market(hours=hours, first="2026-11-01T00:00:00Z", last="2026-11-21T00:00:00Z")
    kept = make_profile(desk.settings, desk.db, file)
    assert kept.is_new
    dry = dry_run(desk.settings, desk.db, whole)
    assert sum(Decimal(each["quantity"]) for each in dry.slices) == 100
    assert Decimal(dry.slices[0]["quantity"]) > Decimal(dry.slices[1]["quantity"])
    started = desk.start(strategy="vwap", slices=2)
    with desk.db.connect() as connection:
        row = strategy(connection, started)
    assert row
    assert row.profile_hash == kept.row.hash


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"hours": ["1"] * 23}, "list of 24"),
        ({"hours": ["-1"] * 24}, "hours.0"),
        ({"hours": ["0"] * 24}, "nobody traded"),
        ({"first": "2026-12-01T00:00:00Z"}, "last is not after"),
        ({"days": 20}, "no field"),
    ],
)
def test_a_file_that_is_no_profile_is_refused(desk: DexDesk, changed: dict[str, Any], word: str) -> None:
    whole = market(hours=["1"] * 24, first="2026-11-01T00:00:00Z", last="2026-11-21T00:00:00Z")
    with pytest.raises(Permanent, match=word):
        make_profile(desk.settings, desk.db, whole | changed)


def test_dagster_profiles_the_markets_of_strategies(desk: DexDesk) -> None:
    assert profiled_markets(desk.settings, desk.db) == ([], [])
    traded(desk)
    make_profile(desk.settings, desk.db, market())
    [row] = profiled_markets(desk.settings, desk.db).rows
    assert (row[0], row[3]) == ("OPTKAS.BOND/XRP", "50")
