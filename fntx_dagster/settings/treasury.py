"""Settings of the treasury: its configuration, the ledgers that it works on, and what a transaction may cost there."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fntx_dagster.settings.groups import Group


class TreasurySettings(Group):
    """The treasury on the XRP Ledger and on Stellar."""

    config: Path | None = Field(
        default=None,
        description="the treasury's configuration, a file in JSON or YAML: accounts, signers, thresholds, never a key; "
        "unset: there is no treasury",
    )
    xrpl_fee_cap: int = Field(
        default=5_000, ge=10, description="fee of a transaction on the XRP Ledger, in drops, at most (5000)"
    )
