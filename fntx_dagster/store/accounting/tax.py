"""What a tax list is made from: all lots of an account, which options brought or took which shares, and the broker's
own figures of the fills that closed something."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from fntx_dagster.accounting.tax import DeliveredOption, TaxLot
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns


def tax_lots(db: Readable, account: str) -> list[TaxLot]:
    """Every lot of an account, closed or open, in the order of opening."""
    with db.connect() as connection:
        rows = connection.execute(
            f"""select {columns(TaxLot._fields)} from alm_reporting.position_lots
            where account_id = %s and asset_category <> 'CASH' order by opened_at, lot_id""",
            [account],
        )
        return [TaxLot._make(row) for row in rows]


def deliveries(db: Readable, account: str) -> list[DeliveredOption]:
    """Each delivery of shares with an option that it ended."""
    with db.connect() as connection:
        rows = connection.execute(
            """select delivery.fill_id, ended.fill_id, abs(delivery.quantity)
            from alm_reporting.fills as delivery
            join alm_reporting.fills as ended on ended.account_id = delivery.account_id
                and (ended.fill_id = delivery.linked_fill_id or ended.linked_fill_id = delivery.fill_id)
            where delivery.account_id = %s and delivery.event_type = 'delivery' and delivery.quantity <> 0
                and ended.event_type in ('assignment', 'exercise')
            order by 1, 2""",
            [account],
        )
        return [DeliveredOption._make(row) for row in rows]


def broker_gains(db: Readable, account: str, first: date, last: date) -> dict[str, Decimal]:
    """Fill → the P&L that the broker says it realised, where it says one, in the fill's currency; of the sessions from
    `first` to `last`."""
    with db.connect() as connection:
        rows = connection.execute(
            """select fill_id, broker_realised from alm_reporting.fills
            where account_id = %s and session between %s and %s and broker_realised is not null""",
            (account, first, last),
        )
        return dict(rows.fetchall())
