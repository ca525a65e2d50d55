"""How each setting is called in the environment.

Each setting of a group has a short name, FNTX_DATABASE_URL, which documents and messages use, and a grouped name,
FNTX_DATABASE__URL: the field `url` of the group `database`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

PREFIX = "FNTX_"
FILE = "_FILE"
"""The end of a variable that names the file of a secret: FNTX_SALT_FILE sets what FNTX_SALT sets."""

SHORT_NAMES = {
    "database_url": "database.url",
    "database_connections": "database.connections",
    "log": "monitoring.log",
    "metrics_token": "monitoring.token",
    "backup_passphrase": "backup.passphrase",
    "dagster_database_url": "dagster.database_url",
    "first_session": "dagster.first_session",
    "dagster_instance": "dagster.instance",
    "broker_url": "dagster.broker_url",
    "result_url": "dagster.result_url",
    "queue": "dagster.queue",
    "shards": "dagster.shards",
    "run_silence": "dagster.run_silence",
    "ui_hosts": "ui.hosts",
    "ui_token": "ui.token",
    "ui_url": "ui.url",
    "web_origin": "web.origin",
    "web_proxies": "web.proxies",
    "published_locally": "web.published_locally",
    "statements": "flex.folder",
    "flex_date_order": "flex.date_order",
    "keep_statements": "flex.keep_files",
    "flex_tokens": "flex.tokens",
    "flex_queries": "flex.queries",
    "flex_url": "flex.url",
    "flex_hosts": "flex.hosts",
    "flex_wait": "flex.wait",
    "flex_throttled_wait": "flex.throttled_wait",
    "flex_deadline": "flex.deadline",
    "fx_fallback": "accounting.fx_fallback",
    "realtime_rates": "accounting.realtime_rates",
    "withdrawal_fees": "accounting.withdrawal_fees",
    "initial_capital": "accounting.initial_capital",
    "european_underlyings": "options.european_underlyings",
    "late_underlyings": "options.late_underlyings",
    "risk_free_rates": "risk.risk_free_rates",
    "dividend_yields": "risk.dividend_yields",
    "dividends": "risk.dividends",
    "margin_cushion": "risk.margin_cushion",
    "rpc_url": "chain.rpc_url",
    "embedded_chain": "chain.embedded",
    "contracts": "chain.contracts",
    "confirmations": "chain.confirmations",
    "explorer_url": "chain.explorer_url",
    "salt": "keys.salt",
    "make_keys": "keys.make",
    "trader_key": "keys.trader_key",
    "keystores": "keys.keystores",
    "keystore_password": "keys.keystore_password",
    "batch": "posting.batch",
    "fee_cap_gwei": "posting.fee_cap_gwei",
    "modest_tip_gwei": "posting.modest_tip_gwei",
    "stuck_after": "posting.stuck_after",
    "mined_within": "posting.mined_within",
    "waiting_hours": "posting.waiting_hours",
    "witness_home": "witness.home",
    "witnesses": "witness.names",
    "gateways": "gateway.addresses",
    "gateway_client_id": "gateway.client_id",
    "gateway_live_client_id": "gateway.live_client_id",
    "gateway_timeout": "gateway.timeout",
    "order_accounts": "gateway.order_accounts",
    "order_client_id": "gateway.order_client_id",
    "benchmark": "report.benchmark",
    "time_zone": "report.time_zone",
    "reporting_currency": "orders.reporting_currency",
    "trading_day_zone": "orders.trading_day_zone",
    "simulated_time": "orders.simulated_time",
    "bot_daily_limit": "orders.bot_daily_limit",
    "user_daily_limit": "orders.user_daily_limit",
    "burst_limit": "orders.burst_limit",
    "drawdown_limit": "orders.drawdown_limit",
    "daily_loss_limit": "orders.daily_loss_limit",
    "losing_trips": "orders.losing_trips",
    "errors_per_hour": "orders.errors_per_hour",
    "min_edge_bps": "orders.min_edge_bps",
    "slippage_bps": "orders.slippage_bps",
    "safety_bps": "orders.safety_bps",
    "submit_wait": "orders.submit_wait",
    "price_seconds": "orders.price_seconds",
    "price_jump": "orders.price_jump",
    "exchange_fees": "orders.fees",
    "exchange_keys": "exchanges.keys",
    "exchange_urls": "exchanges.urls",
    "exchange_timeout": "exchanges.timeout",
    "price_band_bps": "exchanges.price_band_bps",
    "aggregator": "aggregation.aggregator",
    "trustee_file": "aggregation.trustee_file",
    "trustee_min_change": "aggregation.min_change",
    "xrpl_fee_cap": "treasury.xrpl_fee_cap",
    "treasury_config": "treasury.config",
    "xrpl_url": "treasury.xrpl_url",
    "horizon_url": "treasury.horizon_url",
    "stellar_fee_cap": "treasury.stellar_fee_cap",
    "audit_key": "audit.key",
    "anchor_every": "audit.anchor_every",
    "lists": "compliance.lists",
    "list_files": "compliance.list_files",
    "lists_max_age": "compliance.lists_max_age",
    "travel_rule_amount": "compliance.travel_rule_amount",
    "alert_urls": "alerts.urls",
}
"""Short name → group and field."""

_INTERNAL = ("FNTX_DAGSTER_STORAGE_URL", "FNTX_DAGSTER_FOLDER")
_INTERNAL_PREFIXES = ("FNTX_DBT_", "FNTX_TEST_")


def variable(setting: str) -> str:
    """The grouped name of a setting: `database.url` → FNTX_DATABASE__URL."""
    return PREFIX + setting.replace(".", "__").upper()


def variables(settings: set[str]) -> dict[str, str]:
    """Every variable that sets one of `settings` → that setting; those with two names are in it twice."""
    short = {f"{PREFIX}{name}".upper(): setting for name, setting in SHORT_NAMES.items()}
    return {variable(setting): setting for setting in settings} | short


def twins(name: str) -> set[str]:
    """The other variables that set what the variable `name` sets, those that name a file of it too; empty where it is
    no setting."""
    for short, setting in SHORT_NAMES.items():
        names = {f"{PREFIX}{short}".upper(), variable(setting)}
        names |= {other + FILE for other in names}
        if name.upper() in names:
            return names - {name.upper()}
    return set()


def is_internal(name: str) -> bool:
    """Whether the program itself sets this variable, for Dagster, dbt or a test."""
    return name in _INTERNAL or name.startswith(_INTERNAL_PREFIXES)


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that `name` is most likely a slip of; None where none is near. FNTX_ itself does not count."""
    rests = {other.removeprefix(PREFIX): other for other in sorted(known)}
    found = difflib.get_close_matches(name.removeprefix(PREFIX), rests, n=1, cutoff=0.7)
    return rests[found[0]] if found else None
