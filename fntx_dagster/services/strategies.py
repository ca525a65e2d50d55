"""What option selling made: all-in and by round trips, by strategy, and by what was known at the entry.

Every figure of an account is read from one snapshot. The rules are those of `metrics/strategies.py`,
`metrics/strategy_kinds.py` and `metrics/edge.py`; all-in trades are those of the mart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.edge import by_kind, by_underlying, edge_tables, outcomes
from fntx_dagster.metrics.strategies import Assigned, StrategyLots, grouped
from fntx_dagster.metrics.strategy_kinds import strategy_of
from fntx_dagster.model.data_table import Kind
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.model.session import ZONES
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.model.strategies import BothWays, OptionSelling, Strategy, TradedLot
from fntx_dagster.services.accounts import accounts, chosen_account
from fntx_dagster.services.entries import option_trades
from fntx_dagster.services.sessions import require_days
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting import assignments
from fntx_dagster.store.accounting.calendars import calendar_of
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts import strategies as rows
from fntx_dagster.store.marts.summaries import summary

LONGEST_KIND = 40
"""Characters of what a person calls a strategy."""

_MONEY = ("gross_pnl", "fees", "interest", "net_pnl", "premium")
STRATEGY_COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("account_id", "base_currency", "strategy_id", "kind"), "text"),
    "is_named": "boolean",
    **dict.fromkeys(("underlying", "currency"), "text"),
    **dict.fromkeys(("legs", "trips"), "json"),
    **dict.fromkeys(("opened_at", "closed_at"), "moment"),
    "trading_day": "date",
    **dict.fromkeys(_MONEY, "decimal"),
    **dict.fromkeys(("captured", "days"), "float"),
    "is_known": "boolean",
}
"""The columns of `strategy_rows`: those of `model.strategies.Strategy` with their account."""
EDGE_COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("account_id", "base_currency", "property", "class"), "text"),
    **dict.fromkeys(("trades", "won", "lost"), "integer"),
    "win_rate": "float",
    **dict.fromkeys(("net_pnl", "average"), "decimal"),
}
"""The columns of `edge_rows`."""


def option_selling(settings: Settings, db: Database, period: Period, account: str | None = None) -> list[OptionSelling]:
    """What each account's trading made in a range, of one account or of all that have a built day in it.

    Raises Permanent where the account is not loaded or nothing is built in the range.
    """
    with db.snapshot() as snapshot:
        known = accounts(snapshot) if account is None else [chosen_account(snapshot, account)]
        selling = [made for one in known if (made := selling_of(settings, snapshot, one, period))]
    require_days(selling, period, db, account)
    return selling


def selling_of(settings: Settings, db: Readable, account: str, period: Period) -> OptionSelling | None:
    """What one account's trading made in a range; None where no day of it is built."""
    days = summary(db, period, account)
    if not days:
        return None
    period = Period(days[0]["trading_day"], days[-1]["trading_day"])
    trades = rows.all_in_trades(db, account, period)
    strategies = _strategies(db, account, period)
    ended = tuple(one for one in strategies if one.trading_day and one.trading_day in period and one.is_known)
    return OptionSelling(
        account,
        days[-1]["base_currency"],
        *period,
        BothWays(
            outcomes("round trips", rows.round_trip_pnls(db, account, period)),
            outcomes("all-in", (trade.net_pnl for trade in trades)),
            sum((trade.interest for trade in trades), Decimal(0)),
        ),
        ended,
        tuple(one for one in strategies if one.trading_day is None),
        by_kind(ended),
        by_underlying(ended),
        edge_tables(option_trades(settings, db, account, trades)),
        ZONES[calendar_of(db, account)],
    )


def strategy_rows(selling: Iterable[OptionSelling]) -> list[dict[str, Any]]:
    """The strategies in one list, those that ended before those that run (without `closed_at` and `trading_day`):
    money in base currency, rates in percent; `legs` are the options with their signed quantities."""
    rows = []
    for made in selling:
        for one in (*made.strategies, *made.running):
            legs = [
                {name: getattr(leg.contract, name) for name in _LEG} | {"quantity": leg.quantity} for leg in one.legs
            ]
            values = one._asdict() | {"legs": legs, "trips": list(one.trips)}
            rows.append({"account_id": made.account_id, "base_currency": made.base_currency} | values)
    return rows


_LEG = ("contract_id", "symbol", "underlying_symbol", "expiry", "strike", "put_call")


def edge_rows(selling: Iterable[OptionSelling]) -> list[dict[str, Any]]:
    """The classes of each property in one list: of each property they sum to all trades that an option opened. Money
    in base currency, rates in percent."""
    return [
        {
            "account_id": made.account_id,
            "base_currency": made.base_currency,
            "property": table.property,
            "class": row.name,
            "trades": row.number,
            **{name: getattr(row, name) for name in ("won", "lost", "win_rate", "net_pnl", "average")},
        }
        for made in selling
        for table in made.edge
        for row in table.classes
    ]


def assign(db: Database, account: str | None, round_trips: Sequence[str], kind: str) -> None:
    """Put round trips into one strategy of a kind in a person's words; no run changes it. Raises Permanent where the
    account or one of the round trips is not known, or the kind is empty or too long."""
    name = " ".join(kind.split())
    if not 0 < len(name) <= LONGEST_KIND:
        raise Permanent(f"a strategy's kind has 1 to {LONGEST_KIND} characters", "Give it with --kind")
    account = _known(db, account, round_trips)
    assignments.assign(db, account, list(dict.fromkeys(round_trips)), name)


def reset(db: Database, account: str | None, round_trips: Sequence[str]) -> int:
    """Put the strategies that a person made of some round trips under the rule again; how many round trips they had.
    Raises Permanent where the account is not known, or no person grouped any of them."""
    with db.snapshot() as snapshot:
        account = chosen_account(snapshot, account)
    number = assignments.reset(db, account, round_trips)
    if not number:
        raise Permanent("nobody grouped these round trips", "`fntx strategies` marks what a person grouped")
    return number


def sums_that_differ(db: Database, period: Period, only: Accounts = None) -> list[Finding]:
    """The accounts whose strategies do not sum to what their fills realised in a range, after fees, to the cent."""
    findings = []
    with db.snapshot() as snapshot:
        labels = account_labels(snapshot)
        for account in accounts(snapshot):
            if not is_among(account, only):
                continue
            groups, _ = _groups(snapshot, account, period)
            by_strategy = sum((_realised(lot, period) for group in groups for lot in group.lots), Decimal(0))
            by_fills = rows.realised_by_fills(snapshot, account, period)
            if abs(by_strategy - by_fills) >= Decimal("0.005"):
                label = labels[account]
                text = f"{label}: the strategies of {period} realised {by_strategy}, the fills {by_fills}"
                findings.append(Finding(label, text, period.last))
    return findings


def _realised(lot: TradedLot, period: Period) -> Decimal:
    """What a lot adds to a range, after fees: its ending where that lies in the range, its opening fee likewise."""
    fee = lot.opening_fee_in_base
    opened = fee if lot.opened_day in period else Decimal(0)
    return opened + (lot.gross_in_base + lot.fees_in_base - fee if lot.closed_day in period else Decimal(0))


def _known(db: Database, account: str | None, round_trips: Sequence[str]) -> str:
    with db.snapshot() as snapshot:
        account = chosen_account(snapshot, account)
        known = {lot.round_trip_id for lot in rows.traded_lots(snapshot, account, EVER)}
    if missing := [trip for trip in round_trips if trip not in known]:
        raise Permanent(
            f"no round trip has the id {', '.join(missing)}", "`fntx strategies --json` lists them as `trips`"
        )
    return account


def _groups(db: Readable, account: str, period: Period) -> tuple[list[StrategyLots], Period]:
    """The lots that a range needs, by strategy, and the days from the opening of the first of them on."""
    lots = rows.traded_lots(db, account, period)
    known = Period(min((lot.opened_day for lot in lots), default=period.last), period.last)
    assigned = {trip: Assigned(*said) for trip, said in assignments.assignments(db, account).items()}
    return grouped(lots, rows.deliveries(db, account, known), assigned), known


def _strategies(db: Readable, account: str, period: Period) -> list[Strategy]:
    groups, known = _groups(db, account, period)
    navs = rows.opening_navs(db, account, known)
    charged = rows.interest_by_trade(db, account, known)
    return [
        strategy_of(
            group,
            navs.get(group.lots[0].opened_day),
            sum((charged.get(trip, Decimal(0)) for trip in {lot.round_trip_id for lot in group.lots}), Decimal(0)),
        )
        for group in groups
    ]
