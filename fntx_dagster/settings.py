"""Typed settings: the only reader of the environment.

Every setting has a default that works, so that a fresh clone needs none. Names in the environment carry the prefix
`FNTX_`; secrets are typed as secrets and print as asterisks. Nothing here opens a file or a connection.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from fntx_dagster.errors import Permanent

ROOT = Path(__file__).resolve().parents[1]
"""The folder of workspace.yaml."""


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
    fx_fallback: dict[str, Decimal] = Field(
        {"USD/HKD": Decimal("7.8472")}, description="rates used where a statement gives none, as JSON: currency/base"
    )
    initial_capital: dict[str, Decimal] = Field(
        {}, description="paid-in capital before the first statement, per account, in base currency, as JSON"
    )
    rpc_url: SecretStr | None = Field(None, description="EVM chain by RPC URL; unset: the embedded chain")
    contracts: Path | None = Field(
        None, description="JSON file with the addresses of FNTX and TrackRecord on that chain"
    )
    trader_key: SecretStr | None = Field(
        None, description="private key that signs on that chain; unset: a development key"
    )

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
    return Permanent(f"cannot read the setting {names}", "Correct or unset it; docs/settings.md shows the forms")


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process (dbt, the Dagster UI): this one with `extra` on top."""
    return {**os.environ, **extra}


def export(variables: Mapping[str, str]) -> None:
    """Put variables into this process's environment, for libraries that read only that (Dagster's `env:` fields)."""
    os.environ.update(variables)


def executable(name: str) -> str:
    """A program of this Python environment, whatever PATH says."""
    return str(Path(sys.executable).with_name(name))
