"""What `fntx chain status` shows a person: the records that wait for the chain, and what each trader has there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.table import Table

from fntx_dagster.cli.terminal import new_table, styled
from fntx_dagster.report.money import plain

if TYPE_CHECKING:
    from fntx_dagster.model.chain import Unfinished
    from fntx_dagster.services.chain import TraderState

_COUNTED = 10**30
"""An allowance above it was given without a limit."""


def queue_table(queue: Sequence[Unfinished]) -> Table | str:
    """The records that are not final."""
    if not queue:
        return "No record waits for the chain."
    table = new_table("account", "day", "version", "state", "queued (UTC)", right=())
    table.add_column("why", overflow="fold")
    for record in queue:
        state = styled(record.state, "red") if record.state == "failed" else record.state
        queued = f"{record.queued_at.astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(
            record.account_id, f"{record.trading_day}", f"{record.version}", state, queued, record.error or ""
        )
    return table


def traders_table(traders: Sequence[TraderState]) -> Table:
    """What each account's trader has on the chain."""
    table = new_table("account", "trader", right=("ether", "FNTX", "may be burned", "days paid for"))
    for trader in traders:
        if trader.wei is None or trader.fntx is None or trader.allowance is None:
            table.add_row(trader.account_id, styled(trader.problem or "", "red"))
        else:
            allowed = "without limit" if trader.allowance > _COUNTED else plain(trader.allowance)
            ether = f"{Decimal(trader.wei) / 10**18:.6f}"
            table.add_row(trader.account_id, trader.trader, ether, plain(trader.fntx), allowed, f"{trader.days}")
    return table
