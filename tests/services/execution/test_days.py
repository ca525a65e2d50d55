"""The desk is an account of the record: what the ledger moved is in its book once, and its days are explained, signed
and posted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from fntx_dagster.execution.assets import XRP
from fntx_dagster.model.period import Period
from fntx_dagster.services.bookkeeping.batch import Batch
from fntx_dagster.services.execution.asking import desk_ledger
from fntx_dagster.services.execution.entering import USER, enter_moves
from fntx_dagster.services.ledger_accounts.closing import close_days
from fntx_dagster.services.ledger_accounts.explaining import explain_days, prove_days
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.performance import summary_rows
from fntx_dagster.services.signatures.verifying import signed_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.marts.verification import verifications
from fntx_dagster.store.treasury.desks import moves
from tests.dbt.conftest import fresh
from tests.services.execution.desks import DexDesk, dex_desk
from tests.simulate.xrpl.people import XRP as DROPS
from tests.simulate.xrpl.people import address, token

ACCOUNT = "LEDGER-xrpl-desk-live"
KINDS = ("mathematical", "logical", "cross_reference")
"""Not historical: the price of a bond goes from 2 to 3 on one day, which it notes."""


def sold(desk: DexDesk) -> None:
    """The desk may trade, and sells 60 of 100 bonds in two slices; then XRP and bonds come and go without a trade."""
    desk.lives()
    desk.offer("maker", "80 XRP", "40")
    desk.start(slices=2, batch=1)
    desk.turn(60)
    desk.close()
    desk.offer("maker", "60 XRP", "20")
    desk.turn(7200)
    desk.turn()
    desk.town.does("maker", "Payment", Destination=address("trading"), Amount=str(7 * DROPS))
    desk.town.does("maker", "Payment", Destination=address("trading"), Amount=token("3", "issuer"))
    desk.offer("maker", "3 XRP", "1")
    desk.advance()


def test_the_book_has_what_the_ledger_has_and_entering_again_adds_nothing(desk: DexDesk) -> None:
    sold(desk)
    assert desk.advance().entered[:2] == (0, 0)
    with desk.db.connect() as connection:
        rows = moves(connection, address("trading"), 0, ["fill", "fee", "transfer_fee", "flow"])
        book_id = books.book_of(desk.db, USER, False)
        assert book_id
        book = books.read(connection, book_id, About(datetime.now(UTC))).book
    assert len({(row.tx_hash, row.name) for row in rows}) == len(rows)
    assert sum(row.kind == "fill" for row in rows) == 2
    assert all(row.strategy_id is not None for row in rows if row.kind == "fill")
    held = desk.holds()
    assert Fraction(book.balances["XRP"]) == held[XRP]
    assert sum(each.quantity for each in book.positions.values()) == held[desk.bond]
    assert [each.faults for each in verify(desk_of(desk.settings, desk.db)) if not each.faults] == [()]


def test_what_is_entered_and_how_far_it_is_read_is_one_transaction(
    desk: DexDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails after everything was written, as in a crash: nothing is left of it, and the next one adds all."""
    desk.lives()
    desk.offer("maker", "80 XRP", "40")
    desk.start(slices=1)
    desk.turn(60)
    desk.close()

    def lost(self: Batch) -> None:
        raise OSError("the process ends here")

    with desk_ledger(desk.settings) as at:
        with monkeypatch.context() as patched:
            patched.setattr(Batch, "store", lost)
            with pytest.raises(OSError, match="ends here"):
                enter_moves(desk.settings, desk.db, at)
        assert enter_moves(desk.settings, desk.db, at).fills == 1
        assert enter_moves(desk.settings, desk.db, at).fills == 0


@pytest.fixture(scope="module")
def closed(
    postgres: str, story_home: Settings, deployed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, Database, DexDesk, Period]]:
    """A desk that sold two days ago."""
    home = tmp_path_factory.mktemp("desk") / "home"
    shutil.copytree(story_home.home, home)
    shutil.copytree(deployed, home, dirs_exist_ok=True)
    day = (datetime.now(UTC) - timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)
    settings = Settings.model_validate(
        {"home": home, "database": story_home.database, "chain": {"embedded": True}, "keys": {"make": True}}
    )
    with fresh(postgres, settings) as platform, dex_desk(platform.database, home, day.timestamp()) as desk:
        sold(desk)
        yield settings, platform.database, desk, Period(day.date(), day.date() + timedelta(days=1))


@pytest.mark.slow
def test_the_desk_s_day_is_explained_signed_and_posted(closed: tuple[Settings, Database, DexDesk, Period]) -> None:
    settings, db, desk, days = closed
    close_days(settings, db, days.last)
    explained = explain_days(settings, db, days, lambda _words: None)
    assert (explained.days, explained.failed, explained.differing) == (2, [], [])
    first, second = summary_rows(settings, db, days, ACCOUNT)
    assert {row["unexplained"] for row in (first, second)} == {0}
    assert verifications(db, days, ACCOUNT, kinds=KINDS, failed_only=True) == []
    held = desk.holds()
    assert first["closing_nav_official"] == Decimal(held[XRP].numerator) / held[XRP].denominator + 943 * 3
    proved = prove_days(settings, db, days, lambda _words: None)
    assert (proved.signed, proved.posted, proved.refused) == (2, 2, [])
    record = signed_day(db, ACCOUNT, days.first)
    assert record.extension is not None
    assert (record.extension.values["ledger_entries"] or 0) > 0
