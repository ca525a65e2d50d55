"""Typed settings: the only room that reads the environment.

`load_settings` reads them, the environment before the files of the home. A `Settings` is a value: code and tests make
one without an environment.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, get_origin

from pydantic import Field, ValidationError

from fntx_dagster.errors import know_accounts
from fntx_dagster.settings import groups, sources
from fntx_dagster.settings.environment import child_environment, executable, export, settings_variables
from fntx_dagster.settings.places import (
    CHECKOUT,
    DBT_PROJECT,
    DOCUMENTATION,
    PROJECT,
    Paths,
    dagster_home,
    default_home,
)

__all__ = (
    "CHECKOUT",
    "DBT_PROJECT",
    "DOCUMENTATION",
    "PROJECT",
    "Paths",
    "Settings",
    "child_environment",
    "dagster_home",
    "executable",
    "export",
    "known_settings",
    "load_settings",
)


class Settings(groups.Group):
    """What can be configured; `docs/settings.md` lists the same names for readers."""

    home: Path = Field(
        default_factory=default_home, description="folder of everything embedded: database, chain, keys, statements"
    )
    database: groups.DatabaseSettings = groups.DatabaseSettings()
    dagster: groups.DagsterSettings = groups.DagsterSettings()
    ui: groups.UiSettings = groups.UiSettings()
    flex: groups.FlexSettings = groups.FlexSettings()
    accounting: groups.AccountingSettings = groups.AccountingSettings()
    options: groups.OptionsSettings = groups.OptionsSettings()
    risk: groups.RiskSettings = groups.RiskSettings()
    chain: groups.ChainSettings = groups.ChainSettings()
    keys: groups.KeysSettings = groups.KeysSettings()
    posting: groups.PostingSettings = groups.PostingSettings()
    gateway: groups.GatewaySettings = groups.GatewaySettings()
    report: groups.ReportSettings = groups.ReportSettings()
    alerts: groups.AlertSettings = groups.AlertSettings()

    @cached_property
    def paths(self) -> Paths:
        return Paths(self.home.expanduser().resolve())


def known_settings() -> dict[str, Any]:
    """Every setting → the type of its value: `home`, and `group.field` of all groups."""
    fields: dict[str, Any] = {"home": Path}
    for group, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, groups.Group):
            fields |= {f"{group}.{name}": field.annotation for name, field in info.annotation.model_fields.items()}
    return fields


def load_settings() -> Settings:
    """Settings from the environment and the files of the home; Permanent names what cannot be read, never its value."""
    known = known_settings()
    from_environment = sources.from_variables(settings_variables(), {*known})
    named = from_environment.get("home")
    home = Paths(Path(str(named.value)) if named else default_home()).home.expanduser()
    given = sources.from_files(home, {*known} - {"home"}) | from_environment
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for setting, raw in given.items():
        try:
            value = sources.decoded(raw, get_origin(known[setting]) in (dict, list, frozenset))
        except ValueError:
            wrong.append(raw.name)
            continue
        group, _, field = setting.partition(".")
        if field:
            values.setdefault(group, {})[field] = value
        else:
            values[group] = value
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        # what lies deeper than the field may be an account
        places = {".".join(map(str, problem["loc"][:2])) for problem in error.errors(include_input=False)}
        raise sources.unreadable([*wrong, *(given[place].name for place in places)]) from None
    if wrong:
        raise sources.unreadable(wrong)
    know_accounts([*settings.gateway.addresses, *settings.keys.keystores, *settings.accounting.initial_capital])
    return settings
