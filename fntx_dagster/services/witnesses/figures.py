"""What a day's figures depend on beside its statements, from the trader's settings into the witness's; and a witness's
own figures of a day."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import DERIVED, Catalogue, scale
from fntx_dagster.settings.groups import AccountingSettings, OptionsSettings, RiskSettings
from fntx_dagster.witness.comparison import OwnDay

if TYPE_CHECKING:
    from fntx_dagster.services.signatures.values import Values
    from fntx_dagster.settings import Settings
    from fntx_dagster.witness.package import Package

_ACCOUNTING = ("fx_fallback", "withdrawal_fees")
_OPTIONS = ("european_underlyings", "late_underlyings")
_RISK = ("risk_free_rates", "dividend_yields", "dividends")
_CAPITAL = "initial_capital"
_MOST_ENTRIES = 1000
_NAME = re.compile(r"[ -~]{1,32}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,28})?(E(-1?[0-9]|\+[0-9]))?")


def of_settings(settings: Settings, account: str) -> dict[str, Any]:
    """The settings that an account's figures depend on, by name, in plain values."""
    groups = ((settings.accounting, _ACCOUNTING), (settings.options, _OPTIONS), (settings.risk, _RISK))
    plain: dict[str, Any] = {}
    for group, names in groups:
        plain |= group.model_dump(mode="json", include={*names})
    capital = settings.accounting.initial_capital.get(account)
    plain = {name: sorted(value) if isinstance(value, list) else value for name, value in plain.items()}
    return plain | {_CAPITAL: None if capital is None else str(capital)}


def groups_of(package: Package) -> dict[str, Any]:
    """The groups of settings with which the witness computes what the trader did. Permanent for a setting that a
    package does not have, or of another form."""
    given = dict(package.settings)
    capital = given.pop(_CAPITAL, None)
    unknown = given.keys() - {*_ACCOUNTING, *_OPTIONS, *_RISK}
    try:
        if unknown:
            raise ValueError
        _need_bounded(given)
        _need_bounded(capital)
        accounting = {name: given[name] for name in _ACCOUNTING if name in given}
        if capital is not None:
            accounting[_CAPITAL] = {package.account: capital}
        rates = AccountingSettings.model_validate(accounting)
        if any(rate <= 0 for rate in rates.fx_fallback.values()):
            raise ValueError
        return {
            "accounting": rates,
            "options": OptionsSettings.model_validate({name: given[name] for name in _OPTIONS if name in given}),
            "risk": RiskSettings.model_validate({name: given[name] for name in _RISK if name in given}),
        }
    except (ValueError, ValidationError, ArithmeticError):
        raise Permanent(
            "the package's settings are not those of FNTX, or not of their form", "Ask the trader to make it again"
        ) from None


def _need_bounded(value: Any) -> None:
    """ValueError for a name or a number that nobody sets, and that a database or a sum could break on."""
    if isinstance(value, dict | list):
        if len(value) > _MOST_ENTRIES or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in value):
            raise ValueError
        for each in value.values() if isinstance(value, dict) else ():
            _need_bounded(each)
    elif value is not None and (not isinstance(value, str) or not _NUMBER.fullmatch(value)):
        raise ValueError


def unlike(settings: Settings, package: Package) -> list[str]:
    """The names of the package's settings that are not the witness's own, for a person to look at: figures that differ
    by them agree."""
    own = of_settings(settings, package.account)
    return [name for name, value in package.settings.items() if json.dumps(own.get(name)) != json.dumps(value)]


def own_day(values: Values, catalogue: Catalogue, extension: Catalogue | None) -> OwnDay:
    """A witness's figures of a day by slot, as the catalogues scale them; those that are rebuilt are null."""
    return OwnDay(_scaled(values, catalogue), {} if extension is None else _scaled(values, extension))


def _scaled(values: Values, catalogue: Catalogue) -> Mapping[int, int | None]:
    return {
        metric.index: None if metric.name in DERIVED else scale(metric, values[metric.name])
        for metric in catalogue.metrics
    }
