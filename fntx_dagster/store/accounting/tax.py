"""What a tax list is made from: all lots of an account, which options brought or took which shares, and the broker's
own figures of the fills that closed something."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from fntx_dagster.accounting.tax import DeliveredOption
from fntx_dagster.accounting.tax_lots import TaxLot
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
    """Each delivery of shares with the options that ended with it. Options and deliveries that only agree in their sums
    are one bundle: the deliveries are all linked to one of the options, and the options to one of the deliveries."""
    with db.connect() as connection:
        rows = connection.execute(
            """with moved as (
                select fill_id, linked_fill_id as bundle,
                    sum(abs(quantity)) over (partition by linked_fill_id) as shares
                from alm_reporting.fills
                where account_id = %(account)s and event_type = 'delivery' and quantity <> 0
            ),
            ended as (
                select option.fill_id, coalesce(delivery.linked_fill_id, option.fill_id) as bundle
                from alm_reporting.fills as option
                left join alm_reporting.fills as delivery
                    on delivery.account_id = option.account_id and delivery.fill_id = option.linked_fill_id
                where option.account_id = %(account)s and option.event_type in ('assignment', 'exercise')
            )
            select moved.fill_id, ended.fill_id, moved.shares from moved join ended using (bundle) order by 1, 2""",
            {"account": account},
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
