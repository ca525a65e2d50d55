"""What is signed, disclosed or proposed is read from one state of the tables, whatever is committed meanwhile."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.drifting import drifts
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import proposals, sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import summaries
from fntx_dagster.store.outbox import signatures
from tests import by_hand

ACCOUNT, DAY = "U7000001", date(2025, 7, 17)


def rebuild(db: Database, net_pnl: Decimal, total_return: float) -> None:
    """What another run commits: two tables of the day, both with other figures."""
    with db.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = %s", (net_pnl,))
        connection.execute("update alm_reporting.rolling_metrics set total_return = %s", (total_return,))


@pytest.fixture
def rebuilt_meanwhile(built: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A built day that another connection rebuilds each time between the reading of its metrics and its summary."""
    by_hand.build(built, ACCOUNT, DAY)
    rebuild(built, Decimal(100), 0.25)
    read = summaries.summary
    times = iter(range(1, 100))

    def after_a_rebuild(db: Any, period: Period, account: str | None = None) -> list[dict[str, Any]]:
        number = next(times)
        rebuild(built, Decimal(100 + number), 0.25 + number / 8)
        return read(db, period, account)

    monkeypatch.setattr(summaries, "summary", after_a_rebuild)
    return built


def test_a_signed_record_never_mixes_two_states_of_the_tables(rebuilt_meanwhile: Database, settings: Settings) -> None:
    [record] = sign(settings, rebuilt_meanwhile, Period.on(DAY)).new
    net_pnl, total_return = (record.values[name] for name in ("net_pnl", "total_return_mtd"))
    assert net_pnl is not None
    assert total_return is not None
    number = net_pnl // 10**8 - 100
    assert total_return == (2 + number) * 10**8 // 8


def test_a_proposed_version_never_mixes_two_states_of_the_tables(
    rebuilt_meanwhile: Database, settings: Settings, chain: Chain
) -> None:
    sign(settings, rebuilt_meanwhile, Period.on(DAY))
    post(settings, rebuilt_meanwhile, chain, Period.on(DAY))
    [proposal] = proposals(settings, rebuilt_meanwhile, ACCOUNT, Period.on(DAY))
    net_pnl, total_return = (proposal.values[name] for name in ("net_pnl", "total_return_mtd"))
    assert net_pnl is not None
    assert total_return == 0.25 + (int(net_pnl) - 100) / 8


def test_a_signed_day_is_compared_with_the_tables_of_the_moment_at_which_it_is_read(
    built: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a day that is rebuilt and amended in between would seem to have drifted."""
    by_hand.build(built, ACCOUNT, DAY)
    sign(settings, built, Period.on(DAY))
    read = signatures.signed_days

    def and_rebuild(*arguments: Any) -> Any:
        signed = read(*arguments)
        rebuild(built, Decimal(100), 0.25)
        return signed

    monkeypatch.setattr(signatures, "signed_days", and_rebuild)
    assert drifts(built) == ([], [])
    assert [drift.signed.trading_day for drift in drifts(built).drifted] == [DAY]


def test_a_snapshot_that_lacks_the_tables_says_so(database: Database, settings: Settings) -> None:
    with pytest.raises(Permanent, match="no trading day"):
        sign(settings, database, Period.on(DAY))
