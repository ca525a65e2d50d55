"""The settings of exchanges: whose keys work where, and how an exchange is reached.

Here belongs what an adapter of an exchange is opened with. What an order may cost is in the group `orders`.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, SecretStr

from fntx_dagster.settings.groups import Group


class ExchangeKeys(Group):
    """What an exchange gives out for its API. `password`: KuCoin's passphrase; others have none."""

    key: SecretStr = Field(min_length=1)
    secret: SecretStr = Field(min_length=1)
    password: SecretStr | None = None


class ExchangesSettings(Group):
    """Accounts at exchanges, and how they are reached."""

    keys: dict[str, dict[str, ExchangeKeys]] = Field(
        default={},
        description=(
            "keys of each user at each exchange, as JSON: "
            '`{"ada": {"kucoin": {"key": "…", "secret": "…", "password": "…"}}}`; only KuCoin has a password. '
            "Give them the right to trade, never the right to withdraw"
        ),
    )
    urls: dict[str, str] = Field(
        default={},
        description=(
            "address of an exchange's API instead of its own, for a sandbox or a proxy, as JSON: exchange to URL "
            '(`{"binance": "https://testnet.binance.vision"}`)'
        ),
    )
    timeout: float = Field(default=10, gt=0, description="seconds that an answer of an exchange may take (10)")
    price_band_bps: Decimal = Field(
        default=Decimal(50),
        ge=0,
        description=(
            "how far beyond the other side's best price the limit lies that a live market order is sent with, in basis "
            "points (50)"
        ),
    )

    def keys_of(self, user: str, exchange: str) -> ExchangeKeys | None:
        """The keys of a user at an exchange; None where there are none."""
        return self.keys.get(user, {}).get(exchange)
