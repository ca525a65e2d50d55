"""Settings of the treasury: the ledgers that it works on, and what a transaction may cost there."""

from __future__ import annotations

from pydantic import Field

from fntx_dagster.settings.groups import Group


class TreasurySettings(Group):
    """The treasury on the XRP Ledger and on Stellar."""

    xrpl_fee_cap: int = Field(
        default=5_000, ge=10, description="fee of a transaction on the XRP Ledger, in drops, at most (5000)"
    )
