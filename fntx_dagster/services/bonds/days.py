"""The date by which a bond is shown where nobody names one: that of its ledger, as far as anybody knows it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from fntx_dagster.errors import FntxError
from fntx_dagster.services.bonds.asking import ledger_day
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.store.treasury.bond_money import newest_ledger_date

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database, Readable


def shown_day(db: Readable, bond_id: str | None = None, today: date | None = None) -> date:
    """The UTC date by which a bond, None: all, is shown: `today`, this computer's where it is None, or the newest date
    that a ledger gave a payment or a step, where that is later."""
    with db.connect() as connection:
        newest = newest_ledger_date(connection, bond_id)
    day = today or datetime.now(UTC).date()
    return day if newest is None else max(day, newest)


def asked_day(settings: Settings, db: Database, bond_id: str) -> date:
    """The date of the last validated ledger on which a bond pays; what `shown_day` says where no server of it is named
    or it gives no answer. Raises NoSuchBond."""
    with db.connect() as connection:
        row = known_bond(connection, bond_id)
    try:
        day = ledger_day(settings, db, row)
    except FntxError:  # a look needs no ledger
        day = None
    return day or shown_day(db, bond_id)
