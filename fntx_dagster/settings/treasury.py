"""Settings of the treasury: its configuration, the ledgers that it works on, and what a transaction may cost there."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

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
    xrpl_url: SecretStr | None = Field(
        default=None, description="JSON-RPC of a server of the XRP Ledger, of the network that the configuration names"
    )
    horizon_url: SecretStr | None = Field(
        default=None, description="a Horizon of the Stellar network that the configuration names"
    )
    stellar_fee_cap: int = Field(
        default=100_000, ge=100, description="fee of an operation on Stellar, in stroops, at most (100000)"
    )
