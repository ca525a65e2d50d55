"""The first settings of a user: what `fntx init` writes, and what is to be defined at the broker.

What is checked here is what a person types: names and forms. Whether servers answer is checked by `services.doctor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import SecretStr

from fntx_dagster.adapters.apprise import problem_of
from fntx_dagster.adapters.flex import query
from fntx_dagster.adapters.flex.query import QuerySection, query_sections
from fntx_dagster.adapters.flex.service import QUERY_NAME
from fntx_dagster.adapters.gateway.address import gateway_at
from fntx_dagster.errors import Permanent
from fntx_dagster.report import clock
from fntx_dagster.services.typed import require_account, require_query_number, require_token
from fntx_dagster.settings import WrittenSettings, load_settings, set_in_environment, where_set, write_settings
from fntx_dagster.settings.flex import FlexSettings

__all__ = ["LOGIN", "QUERY", "Broker", "QuerySection", "SetUp", "Wishes", "at_the_broker", "require_forms", "set_up"]

LOGIN, QUERY = "main", "Activity"
"""What a token and its query are called where nobody says otherwise."""


class Wishes(NamedTuple):
    """What is to be set; None and empty leave what is there."""

    time_zone: str | None = None
    token: str | None = None
    queries: Mapping[str, str] = {}
    """Query name → the broker's number."""
    gateways: Mapping[str, str] = {}
    """Account → host:port."""
    alert_urls: Sequence[str] = ()
    login: str = LOGIN
    """The name that the token and its queries are kept under."""
    is_from_environment: bool = False
    """Whether what variables of the environment set is written too."""


class SetUp(NamedTuple):
    """What was written, and which settings rank above it: setting → where it is set, in the environment or in .env."""

    written: WrittenSettings
    overruled: dict[str, str]
    there: dict[str, str]
    """Every setting that is set now → where."""

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs; no value of a setting is in it."""
        written = self.written
        return {
            "file": str(written.file),
            **{name: getattr(written, name) for name in ("added", "changed", "same")},
            "overruled": self.overruled,
            "settings": self.there,
        }


class Broker(NamedTuple):
    """What to define in Client Portal: one Activity Flex query and the web service that delivers it."""

    menu: str
    delivery: dict[str, str]
    sections: list[QuerySection]
    service_menu: str

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return self._asdict() | {"sections": [section._asdict() for section in self.sections]}


def set_up(wishes: Wishes) -> SetUp:
    """Write what is wished into fntx.toml of the home. A second call with the same wishes changes nothing.

    Permanent where a wish does not have its form, or settings that are there cannot be read; nothing is written then.
    """
    wished = _values(wishes)
    values = (set_in_environment() if wishes.is_from_environment else {}) | wished
    _require_pairs(values, wishes.login)
    written = write_settings(values)
    there = where_set()
    ours = f" in {written.file}"
    return SetUp(written, {name: there[name] for name in wished if not there[name].endswith(ours)}, there)


def require_forms(wishes: Wishes) -> None:
    """Raise Permanent where a wish does not have its form; nothing is written."""
    _values(wishes)


def at_the_broker() -> Broker:
    """What to click in Client Portal."""
    return Broker(query.MENU, query.DELIVERY, query_sections(), query.SERVICE_MENU)


def _values(wishes: Wishes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if wishes.time_zone is not None:
        values["report.time_zone"] = clock.zone(wishes.time_zone).key
    if wishes.token is not None:
        require_token(wishes.token)
        values["flex.tokens"] = {wishes.login: wishes.token}
    if wishes.queries:
        values["flex.queries"] = {wishes.login: dict(_query(*entry) for entry in wishes.queries.items())}
    if wishes.gateways:
        for account, address in wishes.gateways.items():
            require_account(account)
            gateway_at(address)
        values["gateway.addresses"] = dict(wishes.gateways)
    if wishes.alert_urls:
        for number, url in enumerate(wishes.alert_urls, 1):
            if problem := problem_of(SecretStr(url)):
                raise Permanent(f"destination {number} of alerts: {problem}", "For example mailto://… or tgram://…")
        values["alerts.urls"] = list(wishes.alert_urls)
    return values


def _require_pairs(values: Mapping[str, Any], login: str) -> None:
    flex = load_settings().flex
    tokens, queries = ({*there, *values.get(name, {})} for name, there in _pairs(flex))
    if login in tokens - queries:
        raise Permanent("a token without a query fetches nothing", "Give its query too: --query ID")
    if login in queries - tokens:
        raise Permanent("a query without a token cannot be fetched", "Give its token too: --token-file FILE")


def _pairs(flex: FlexSettings) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    return ("flex.tokens", flex.tokens), ("flex.queries", flex.queries)


def _query(name: str, number: str) -> tuple[str, str]:
    if not QUERY_NAME.fullmatch(name):
        raise Permanent(f"{name!r} is no name for a query", "Use letters, digits, - and _: files are named after it")
    require_query_number(number)
    return name, number
