"""Typed settings: the only reader of the environment.

Every setting has a default that works, so that a fresh clone needs none. Names in the environment carry the prefix
`FNTX_`; secrets are typed as secrets and print as asterisks. Nothing here opens a file or a connection.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from fntx_dagster.errors import Permanent

ROOT = Path(__file__).resolve().parents[2]
"""The folder of workspace.yaml."""


_Rate = Annotated[Decimal, Field(ge=Decimal("-0.1"), le=1)]
_Yield = Annotated[Decimal, Field(ge=0, le=1)]
"""Ratios, so that 4.3 for 4.3 % is refused."""


class _Environment(EnvSettingsSource):
    """Refuses JSON that says a name twice, which the parser would settle in silence."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: object) -> object:
        return json.loads(str(value), object_pairs_hook=_each_name_once)


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


class Settings(BaseSettings):
    """What can be configured; `docs/settings.md` lists the same names for readers."""

    model_config = SettingsConfigDict(env_prefix="FNTX_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(ROOT / ".fntx", description="folder of everything embedded: database, chain, keys, statements")
    database_url: SecretStr | None = Field(None, description="PostgreSQL 15 or newer; unset: the embedded server")
    dagster_database_url: SecretStr | None = Field(
        None, description="Dagster's storage; unset: the database `dagster` of the same server"
    )
    statements: Path | None = Field(None, description="folder of statement files; unset: `ibkr_flexquery` in the home")
    first_session: date = Field(date(2015, 1, 1), description="first day that Dagster has a partition for")
    time_zone: str = Field(
        "Asia/Hong_Kong", description="zone in which reports tell times, beside New York's: an IANA name"
    )
    fx_fallback: dict[str, Decimal] = Field(
        {"USD/HKD": Decimal("7.8472")}, description="rates used where a statement gives none, as JSON: currency/base"
    )
    initial_capital: dict[str, Decimal] = Field(
        {}, description="paid-in capital before the first statement, per account, in base currency, as JSON"
    )
    risk_free_rates: dict[str, _Rate] = Field(
        {"USD": Decimal("0.043")},
        description="risk-free rate per year and currency, continuously compounded, as JSON; 0 for others",
    )
    dividend_yields: dict[str, _Yield] = Field(
        {"SPY": Decimal("0.012")},
        description="dividend yield per year and underlying, continuously compounded, as JSON; 0 for others",
    )
    european_underlyings: frozenset[str] = Field(
        frozenset({"DJX", "MRUT", "NDX", "RUT", "SPX", "VIX", "XEO", "XND", "XSP"}),
        description="underlyings whose options are exercised at their end only and settle in cash, as JSON",
    )
    late_underlyings: frozenset[str] = Field(
        frozenset({"DIA", "IWM", "QQQ", "SPY"}),
        description="underlyings whose options end at 16:15 New York on ordinary days, as JSON; others end at 16:00",
    )
    rpc_url: SecretStr | None = Field(None, description="EVM chain by RPC URL; unset: the embedded chain")
    contracts: Path | None = Field(
        None, description="JSON file with the addresses of FNTX and TrackRecord on that chain"
    )
    trader_key: SecretStr | None = Field(
        None, description="private key that signs there for accounts without a keystore; unset: a development key"
    )
    keystores: dict[str, Path] = Field(
        {}, description="encrypted keystore file (V3 JSON) of each account's key, as JSON: account to file"
    )
    keystore_password: SecretStr | None = Field(None, description="password of those keystore files")
    confirmations: int = Field(
        12, ge=0, description="blocks on top of a record's until it is final; the embedded chain's are so at once"
    )
    batch: int = Field(100, ge=1, le=150, description="days that one transaction posts at most")
    fee_cap_gwei: Decimal = Field(
        Decimal(500), gt=0, description="what a transaction pays per gas at most, in gwei; fees are not raised beyond"
    )
    stuck_after: float = Field(
        90, gt=0, description="seconds that a transaction is not mined until its fees are raised"
    )
    mined_within: float = Field(300, gt=0, description="seconds that a run waits for the chain; it goes on later")
    waiting_hours: float = Field(24, gt=0, description="a record that waits longer to be posted raises an alert")
    explorer_url: str | None = Field(
        None, description="a block explorer's page of a transaction, with {tx_hash} in it: links in receipts"
    )
    flex_tokens: dict[str, SecretStr] = Field(
        {}, description="tokens of the Flex Web Service, each under a name of your choice, as JSON"
    )
    flex_queries: dict[str, dict[str, str]] = Field(
        {}, description="Flex queries of each of those names, as JSON: query name to query id"
    )
    flex_url: str = Field(
        "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService",
        description="address of the Flex Web Service",
    )
    flex_hosts: frozenset[str] = Field(
        frozenset({"ndcdyn.interactivebrokers.com", "gdcdyn.interactivebrokers.com"}),
        description="hosts that an answer of the service may point to, as JSON; the token goes there",
    )
    flex_wait: float = Field(20, gt=0, description="seconds between two questions whether a statement is ready")
    flex_throttled_wait: float = Field(60, gt=0, description="seconds to wait when the service says: too many requests")
    flex_deadline: float = Field(600, gt=0, description="seconds after which one statement is given up")
    keep_statements: bool = Field(False, description="keep every fetched file, not only the newest of each month")
    gateways: dict[str, str] = Field(
        {},
        description="IB Gateway of each account, as JSON: account to host:port (its defaults: 4001 live, 4002 paper)",
    )
    gateway_client_id: int = Field(71, ge=0, description="client id at IB Gateway")
    gateway_timeout: float = Field(15, gt=0, description="seconds after which IB Gateway is given up")
    realtime_rates: dict[str, Decimal] = Field(
        {"USD/HKD": Decimal("7.8")}, description="rates of the current day, as JSON: currency/base"
    )
    margin_cushion: Decimal = Field(
        Decimal("0.10"), ge=0, description="part of the NAV that must be free of margin, or an alert is raised"
    )
    alert_urls: list[SecretStr] = Field(
        [], description="where alerts go, as a JSON list of Apprise URLs (mail, Telegram, Slack, …); unset: log and UI"
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Environment(settings_cls)

    @property
    def fee_cap(self) -> int:
        """`fee_cap_gwei` in wei per gas."""
        return int(self.fee_cap_gwei * 10**9)

    @cached_property
    def paths(self) -> Paths:
        return Paths(self.home.expanduser().resolve())


class Paths:
    """Where things lie in the home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres = home / "postgres"
        self.chain = home / "chain"
        self.keys = home / "keys"
        self.statements = home / "ibkr_flexquery"
        self.reports = home / "reports"
        self.limits = home / "limits"
        self.dagster = home / "dagster"
        self.dbt_target = home / "dbt"


def load_settings() -> Settings:
    """Settings from the environment; Permanent names each variable that cannot be read, never its value."""
    try:
        return Settings()
    except ValidationError as error:
        # what lies deeper than the name may be an account
        names = sorted({f"FNTX_{problem['loc'][0]}".upper() for problem in error.errors(include_input=False)})
        raise _unreadable(", ".join(names)) from None
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        raise _unreadable(f"FNTX_{named[1]}".upper() if named else "of the environment") from None


def _unreadable(names: str) -> Permanent:
    return Permanent(
        f"cannot read the setting {names}",
        "Correct or unset it; docs/settings.md shows the forms (JSON names each thing once, ids stand in quotes)",
    )


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process (dbt, the Dagster UI): this one with `extra` on top."""
    return {**os.environ, **extra}


def export(variables: Mapping[str, str]) -> None:
    """Put variables into this process's environment, for libraries that read only that (Dagster's `env:` fields)."""
    os.environ.update(variables)


def executable(name: str) -> str:
    """A program of this Python environment, whatever PATH says."""
    return str(Path(sys.executable).with_name(name))
