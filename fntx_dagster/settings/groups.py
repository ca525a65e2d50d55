"""The settings in groups, one for each subject: what can be configured, its default and its meaning.

Every setting has a default that works, so that a fresh clone needs none. Secrets are typed as secrets and print as
asterisks. `names.py` holds how each is called in the environment.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

_Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
_Rate = Annotated[Decimal, Field(ge=Decimal("-0.1"), le=1)]
_Amount = Annotated[Decimal, Field(gt=0)]
_Yield = Annotated[Decimal, Field(ge=0, le=1)]
"""Ratios, so that 4.3 for 4.3 % is refused."""


CONNECTIONS = 8
"""How many connections one process opens to a database at most, unless the settings say otherwise."""


class Group(BaseModel):
    """Values that do not change; a name that no field has is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Group):
    """The platform's own PostgreSQL."""

    url: SecretStr | None = Field(default=None, description="PostgreSQL 15 or newer; unset: the embedded server")
    connections: int = Field(
        default=CONNECTIONS, ge=2, description="the most connections that one process opens to the database (8)"
    )


class UiSettings(Group):
    """Who may use the UI that `fntx ui` serves."""

    hosts: frozenset[str] = Field(
        default=frozenset(),
        description=(
            'hosts that the UI answers under beside those of this machine, as a JSON list (`["fntx.example.com"]`), '
            "each with its port where that is neither 80 nor 443"
        ),
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what the UI asks for, at least 16 characters; unset: your own user of this machine may use it",
    )
    url: str = Field(
        default="http://127.0.0.1:3000",
        pattern=r"^https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?$",
        description="where browsers reach the UI, which the dashboard links to (`https://dagster.example.com`)",
    )


class AccountingSettings(Group):
    """Exchange rates and capital that statements leave open."""

    fx_fallback: dict[str, Decimal] = Field(
        default={"USD/HKD": Decimal("7.8472")},
        description="rates used where a statement gives none, as JSON: currency/base",
    )
    realtime_rates: dict[str, Decimal] = Field(
        default={"USD/HKD": Decimal("7.8")},
        description='rates of the current day, as JSON: currency/base (`{"USD/HKD": "7.8"}`)',
    )
    withdrawal_fees: dict[_Currency, Annotated[Decimal, Field(gt=0)]] = Field(
        default={},
        description=(
            "flat fee of a withdrawal, where no row of a statement gives it, as JSON: base currency/fee "
            '(`{"HKD": "8"}`)'
        ),
    )
    initial_capital: dict[str, Decimal] = Field(
        default={}, description="paid-in capital before the first statement, per account, in base currency, as JSON"
    )


class OptionsSettings(Group):
    """How and when options end."""

    european_underlyings: frozenset[str] = Field(
        default=frozenset({"DJX", "MRUT", "NDX", "RUT", "SPX", "VIX", "XEO", "XND", "XSP"}),
        description=(
            "underlyings whose options can be exercised only when they end, and settle in cash, as a JSON "
            "list (the US indices: SPX, XSP, NDX, RUT, VIX …)"
        ),
    )
    late_underlyings: frozenset[str] = Field(
        default=frozenset({"DIA", "IWM", "QQQ", "SPY"}),
        description=(
            "underlyings whose options end at 16:15 New York on ordinary days, as a JSON list (SPY, QQQ, "
            "IWM, DIA); others end at 16:00"
        ),
    )


class RiskSettings(Group):
    """What Greeks, value at risk and the margin alert assume. Rates and yields are ratios per year."""

    risk_free_rates: dict[str, _Rate] = Field(
        default={"USD": Decimal("0.043")},
        description=(
            'risk-free rate per year and currency, as JSON (`{"USD": "0.043"}`: 4.3 %, continuously '
            "compounded); 0 for others"
        ),
    )
    dividend_yields: dict[str, _Yield] = Field(
        default={"SPY": Decimal("0.012")},
        description=(
            'dividend yield per year and underlying, as JSON (`{"SPY": "0.012"}`: 1.2 %, continuously '
            "compounded); 0 for others"
        ),
    )
    dividends: dict[str, dict[date, _Amount]] = Field(
        default={},
        description=(
            "known dividends by underlying and ex-date, per share in its currency, as JSON "
            '(`{"SPY": {"2025-09-19": "1.83"}}`); those that statements accrue are known without it'
        ),
    )
    margin_cushion: Decimal = Field(
        default=Decimal("0.10"),
        ge=0,
        description="part of the NAV that must be free of margin, or an alert is raised (0.10)",
    )


class PostingSettings(Group):
    """How signed days are posted: batches, fees, patience."""

    batch: int = Field(
        default=100, ge=1, le=150, description="the most days that one transaction posts (100; from 1 to 150)"
    )
    fee_cap_gwei: Decimal = Field(
        default=Decimal(500),
        gt=0,
        description="the most that a transaction pays per gas, in gwei (500); fees are never raised above it",
    )
    modest_tip_gwei: Decimal = Field(
        default=Decimal(1),
        gt=0,
        description=(
            "the highest tip per gas, in gwei, where the recent blocks show none (1); else it is three times theirs"
        ),
    )
    stuck_after: float = Field(
        default=90, gt=0, description="if a transaction is not mined within this many seconds, its fees are raised (90)"
    )
    mined_within: float = Field(
        default=300,
        gt=0,
        description=(
            "seconds that a run waits for the chain (300); a later run continues with what is not mined by then"
        ),
    )
    waiting_hours: float = Field(
        default=24,
        gt=0,
        description="a record that waits longer than this many hours to be posted raises an alert (24)",
    )

    @property
    def fee_cap(self) -> int:
        """`fee_cap_gwei` in wei per gas."""
        return int(self.fee_cap_gwei * 10**9)

    @property
    def modest_tip(self) -> int:
        """`modest_tip_gwei` in wei per gas."""
        return int(self.modest_tip_gwei * 10**9)


class GatewaySettings(Group):
    """IB Gateway, for the day that is not over."""

    addresses: dict[str, str] = Field(
        default={},
        description="IB Gateway of each account, as JSON: account to host:port (its own ports: 4001 live, 4002 paper)",
    )
    client_id: int = Field(
        default=71, ge=0, description="client id at IB Gateway (71; further accounts, then daily bars, take the next)"
    )
    live_client_id: int = Field(
        default=271,
        ge=1,
        description="client id that follows the first account (271; further accounts take the numbers after it)",
    )
    timeout: float = Field(default=15, gt=0, description="seconds that an answer of IB Gateway may take (15)")
    order_accounts: dict[str, str] = Field(
        default={},
        description=(
            "account at IB Gateway that the orders of each user go to, as JSON: user to account, whose gateway is in "
            "`FNTX_GATEWAYS`"
        ),
    )
    order_client_id: int = Field(
        default=171,
        ge=1,
        description="client id of orders at IB Gateway (171; prices take the next); nothing else may use them",
    )


class ReportSettings(Group):
    """How reports are written."""

    benchmark: str = Field(
        default="SPY",
        description=(
            "what returns are compared with: a symbol (SPY), by the daily bars of IB Gateway or as the statements "
            "price it; or a CSV file with the columns `date` and `close`, whose name ends with .csv"
        ),
    )
    time_zone: str = Field(
        default="Asia/Hong_Kong",
        description="zone in which reports show times, beside New York's: an IANA name (`Asia/Hong_Kong`)",
    )


class FeesSince(Group):
    """An exchange's fees in basis points of the amount paid, from a day on; a maker may be paid."""

    maker: Decimal
    taker: Decimal
    since: date = date.min


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict | FeesSince) else value


class OrdersSettings(Group):
    """The four gates that every order passes, and the ledger. Ratios are parts of 1; costs are in basis points."""

    reporting_currency: str = Field(
        default="USDT", pattern="^[A-Z0-9.]{1,20}$", description="currency that new ledger books are reported in (USDT)"
    )
    trading_day_zone: str = Field(
        default="UTC", description="zone in which a trading day of the ledger ends at midnight: an IANA name (`UTC`)"
    )
    simulated_time: bool = Field(
        default=False, description="let requests to paper books state their own time (`1`: the header FNTX-Now counts)"
    )
    bot_daily_limit: int = Field(default=50, ge=0, description="approved orders of a bot per trading day, at most (50)")
    user_daily_limit: int = Field(
        default=500, ge=0, description="approved orders of a user per trading day, at most (500)"
    )
    burst_limit: int = Field(
        default=10, ge=0, description="approved orders of a user at one exchange within 10 seconds, at most (10)"
    )
    drawdown_limit: Decimal = Field(
        default=Decimal("0.20"), gt=0, description="drawdown above which the breaker trips (0.20)"
    )
    daily_loss_limit: Decimal = Field(
        default=Decimal("0.10"), gt=0, description="loss of a day above which the breaker trips (0.10)"
    )
    losing_trips: int = Field(
        default=5, ge=1, description="losing round trips in a row at which a bot's breaker trips (5)"
    )
    errors_per_hour: int = Field(
        default=10, ge=1, description="errors within an hour at which a bot's breaker trips (10)"
    )
    min_edge_bps: Decimal = Field(
        default=Decimal(10), ge=0, description="what an order must earn beyond its costs (10)"
    )
    slippage_bps: Decimal = Field(default=Decimal(10), ge=0, description="slippage of an order that takes (10)")
    safety_bps: Decimal = Field(default=Decimal(5), ge=0, description="safety margin on the costs of an order (5)")
    submit_wait: float = Field(
        default=5, gt=0, description="seconds that the answer to a live order waits for the exchange (5)"
    )
    price_seconds: float = Field(
        default=2, gt=0, description="seconds between two rounds of the price feed of live books (2)"
    )
    price_jump: Decimal = Field(
        default=Decimal("0.10"),
        gt=0,
        description=(
            "how far a price of the feed may be from the one before, as a part of it (0.10); one that is further is "
            "held back until it has lasted 30 seconds"
        ),
    )
    fees: dict[str, Annotated[list[FeesSince], BeforeValidator(_as_list)]] = Field(
        default={},
        description=(
            "fees of your own accounts at exchanges, in basis points, as JSON "
            '(`{"luno": {"maker": "40", "taker": "60", "since": "2026-04-01"}}`, or a list of these; without `since` '
            "for every day); others have those of docs/ledger.md"
        ),
    )


class AlertSettings(Group):
    """Where alerts go."""

    urls: list[SecretStr] = Field(
        default=[],
        description=(
            "where alerts go, as a JSON list of Apprise URLs (mail, Telegram, Slack …); unset: the log and the UI"
        ),
    )
