"""Typed settings: the only room that reads the environment.

`load_settings` reads them, the environment before the files of the home. A `Settings` is a value: code and tests make
one without an environment.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from fntx_dagster.errors import Permanent, know_accounts
from fntx_dagster.settings import groups, sources
from fntx_dagster.settings.aggregation import AggregationSettings
from fntx_dagster.settings.audit import AuditSettings
from fntx_dagster.settings.backup import BackupSettings
from fntx_dagster.settings.chain import ChainSettings, KeysSettings
from fntx_dagster.settings.compliance import ComplianceSettings
from fntx_dagster.settings.environment import (
    child_environment,
    executable,
    export,
    logs_are_json,
    service_socket,
    settings_variables,
)
from fntx_dagster.settings.exchanges import ExchangesSettings
from fntx_dagster.settings.flex import FlexSettings, StoreUrl
from fntx_dagster.settings.forms import form_of
from fntx_dagster.settings.monitoring import MonitoringSettings
from fntx_dagster.settings.places import (
    CHECKOUT,
    CODE_LOCATION,
    DBT_PROJECT,
    DOCUMENTATION,
    PROJECT,
    SIGNING,
    VERIFYING,
    Paths,
    dagster_home,
    default_home,
)
from fntx_dagster.settings.privacy import make_private, write_privately
from fntx_dagster.settings.runs import DagsterSettings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.settings.web import WebSettings
from fntx_dagster.settings.witness import WitnessSettings
from fntx_dagster.settings.writing import WrittenSettings, write

__all__ = (
    "CHECKOUT",
    "CODE_LOCATION",
    "DBT_PROJECT",
    "DOCUMENTATION",
    "PROJECT",
    "SIGNING",
    "VERIFYING",
    "Paths",
    "Settings",
    "StoreUrl",
    "WrittenSettings",
    "child_environment",
    "dagster_home",
    "executable",
    "export",
    "home_folder",
    "known_settings",
    "load_settings",
    "logs_are_json",
    "secret_settings",
    "service_socket",
    "set_in_environment",
    "where_set",
    "write_privately",
    "write_settings",
)


class Settings(groups.Group):
    """What can be configured; `docs/settings.md` lists the same names for readers."""

    home: Path = Field(
        default_factory=default_home, description="folder of everything embedded: database, chain, keys, statements"
    )
    database: groups.DatabaseSettings = groups.DatabaseSettings()
    dagster: DagsterSettings = DagsterSettings()
    ui: groups.UiSettings = groups.UiSettings()
    web: WebSettings = WebSettings()
    flex: FlexSettings = FlexSettings()
    accounting: groups.AccountingSettings = groups.AccountingSettings()
    options: groups.OptionsSettings = groups.OptionsSettings()
    risk: groups.RiskSettings = groups.RiskSettings()
    chain: ChainSettings = ChainSettings()
    keys: KeysSettings = KeysSettings()
    posting: groups.PostingSettings = groups.PostingSettings()
    witness: WitnessSettings = WitnessSettings()
    gateway: groups.GatewaySettings = groups.GatewaySettings()
    report: groups.ReportSettings = groups.ReportSettings()
    orders: groups.OrdersSettings = groups.OrdersSettings()
    exchanges: ExchangesSettings = ExchangesSettings()
    aggregation: AggregationSettings = AggregationSettings()
    treasury: TreasurySettings = TreasurySettings()
    audit: AuditSettings = AuditSettings()
    backup: BackupSettings = BackupSettings()
    compliance: ComplianceSettings = ComplianceSettings()
    alerts: groups.AlertSettings = groups.AlertSettings()
    monitoring: MonitoringSettings = MonitoringSettings()

    @cached_property
    def paths(self) -> Paths:
        return Paths(self.home.expanduser().resolve())


def known_settings() -> dict[str, Any]:
    """Every setting → the type of its value: `home`, and `group.field` of all groups."""
    return {setting: field.annotation for setting, field in _fields().items()}


def secret_settings() -> set[str]:
    """The settings that hold secrets: a file of each can be named (FNTX_SALT_FILE)."""
    return {setting for setting, field in _fields().items() if _holds_secrets(field.annotation)}


def load_settings() -> Settings:
    """Settings from the environment and the files of the home; Permanent names what cannot be read, never its value.

    The files of that home are made their owner's alone where they are not.
    """
    settings = _settings_of(_given())
    make_private(settings.paths)
    traded = settings.gateway.order_accounts.values()
    know_accounts(
        [*settings.gateway.addresses, *traded, *settings.keys.keystores, *settings.accounting.initial_capital]
    )
    return settings


def where_set() -> dict[str, str]:
    """Setting → how the variable or the line that sets it is called, and its file. Raises what `load_settings` does."""
    return {setting: given.name for setting, given in _given().items()}


def set_in_environment() -> dict[str, object]:
    """Setting → its value in plain form, secrets too, for those that a variable of the environment sets; the home is
    left out."""
    known = known_settings()
    given = sources.from_variables(settings_variables(), {*known}, secrets=secret_settings())
    settings, values = _settings_of(given), {}
    for name in given.keys() - {"home"}:
        group, _, field = name.partition(".")
        value = getattr(getattr(settings, group), field)
        values[name] = value if isinstance(value, int | float) else sources.decoded(given[name], _is_json(known[name]))
    return values


def write_settings(values: dict[str, Any]) -> WrittenSettings:
    """Write settings (`group.field` → a plain value) into `fntx.toml` of the home, which is made where it is missing.

    What else the file holds stays, its comments too; the entries of a table (tokens, queries, gateways) are added to
    those that are there. The file is replaced in one step and is its owner's alone (0600). Permanent where a value
    does not have the form of its setting, or where the file cannot be read or written; then nothing is changed.
    """
    _settings_of({name: sources.Given(name, value, is_text=False) for name, value in values.items()})
    _given()  # what cannot be read now is not written over
    return write(home_folder() / sources.TOML_FILE, values)


def home_folder() -> Path:
    """The home that the environment names, or the usual one. Permanent where it cannot be a folder."""
    named = sources.from_variables(settings_variables(), {*known_settings()}, secrets=secret_settings()).get("home")
    home = Paths(Path(str(named.value)) if named else default_home()).home.expanduser()
    way_out = "Set FNTX_HOME to a folder, or to where one can be made"
    try:
        there = next((place for place in (home, *home.parents) if place.exists() or place.is_symlink()), None)
        if there is not None and not there.is_dir():
            below = "" if there == home else f"lies below {there}, which "
            kind = "a file" if there.exists() else "a symbolic link that leads nowhere"
            raise Permanent(f"the home {home} {below}is {kind}", way_out)
    except OSError as error:
        raise Permanent(f"cannot look into the home {home}: {error.strerror}", way_out) from None
    return home


def _given() -> dict[str, sources.Given]:
    known = {*known_settings()}
    secrets = secret_settings()
    in_files = sources.from_files(home_folder(), known - {"home"}, secrets)
    return in_files | sources.from_variables(settings_variables(), known, secrets=secrets)


def _settings_of(given: dict[str, sources.Given]) -> Settings:
    fields = _fields()
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for setting, raw in given.items():
        try:
            value = sources.decoded(raw, _is_json(fields[setting].annotation))
        except ValueError:
            wrong.append(setting)
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
        wrong += [".".join(map(str, problem["loc"][:2])) for problem in error.errors(include_input=False)]
    else:
        if not wrong:
            return settings
    forms = {given[setting].name: form_of(fields[setting]) for setting in wrong}
    raise sources.unreadable({name: forms[name] for name in sorted(forms)}) from None


def _fields() -> dict[str, FieldInfo]:
    fields = {"home": Settings.model_fields["home"]}
    for group, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, groups.Group):
            fields |= {f"{group}.{name}": field for name, field in info.annotation.model_fields.items()}
    return fields


def _holds_secrets(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_holds_secrets(field.annotation) for field in annotation.model_fields.values())
    return annotation is SecretStr or any(map(_holds_secrets, get_args(annotation)))


def _is_json(annotation: Any) -> bool:
    return get_origin(annotation) in (dict, list, frozenset)
