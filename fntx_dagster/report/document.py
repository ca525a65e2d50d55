"""The story as a JSON document, for programs and for anyone who wants every digit.

The document: {"format": "fntx.alm_report", "version": 1, "periods": [period, …], "days": [day, …]}

Every amount is {"amount": "79402.2222176", "display": "79,402.22"}: the exact value as a plain decimal string (no
exponent, no trailing zeros), and the text of the report (cents, half-even, thousands separators; a plus sign on
changes). Quantities, rates and multipliers are exact decimal strings. A value that does not exist is null. A moment is
{"utc": "2025-07-17T16:46:37Z", "new_york": "2025-07-17 12:46:37 EDT", "hong_kong": "2025-07-18 00:46:37 HKT"}, without
`new_york` where the account's market never closes, for its days are those of UTC; where another observer's zone is
asked for, the document names it in `observer` (IANA), and each moment has one more view, `observer`. Ratios are numbers
(0.01 is one per cent).

period: the official days of one account, where there are several: account_id; base_currency; first_day, last_day;
    sessions (how many); heading; lines (texts, in the order of the report); opening_nav, closing_nav, deposits,
    withdrawals, gross_pnl, commissions, interest, fees, broker_residual, net_pnl (amounts, summed);
    time_weighted_return (ratio); best_day, worst_day {trading_day, net_pnl, daily_return}; movers [{trading_day, title,
    nav_impact}], the blocks that moved the NAV most; positions_ended {expired, settled, assigned, exercised, closed,
    delivered, otherwise} (counts of round trips); positions_held, positions_open (counts, at the last close and after
    its night); difference, difference_parts, unexplained, released_marks: summed over the closes, as of a day;
    charges [{kind, currency, quantity, lowest_rate, highest_rate, amount, in_base}], the commissions and fees by kind.

day: account_id; trading_day (YYYY-MM-DD); base_currency; heading; provisional; as_of (moment; null unless provisional);
    gateway_nav; early_close; previous_close, opens_at, closes_at (moments); opening_nav_official,
    opening_nav_calculated, closing_nav_official, closing_nav_calculated, deposits, withdrawals, gross_pnl, commissions,
    interest, fees, broker_residual, net_pnl, difference, unexplained (amounts in base currency); difference_parts:
    [{name, label, amount, display}], those that are not zero, which sum with `unexplained` to `difference`;
    released_marks: the part of mark_to_market that trades took out of earlier marks;
    open_at_close: [{contract, quantity, opened_at, open_price, ends, ended_at, mark, market_value, currency}]; blocks.

    A provisional day is one that no statement covers yet, as IB Gateway sees it: closing_nav_official is the NAV now,
    gateway_nav {amount, display, currency, rate} at the real-time rate; the difference is one part, not_yet_attributed;
    open_at_close is what is held now, with the gateway's mark and market_value in `currency`. Deposits, withdrawals,
    interest, fees and net_pnl are null, and where no official opening NAV is known, what depends on it. Of an
    official day gateway_nav, mark, market_value and currency are null.

block: block_id; kind (previous_close, trades, assignment, exercise, expiration, corporate_action, transfer, cash,
    market_open, no_events, market_close, now); phase (overnight, pre_market, intraday, at_close); title; when (the text
    of its span); section (the heading above it); starts_at, ends_at (moments); summary; lines (texts, in the
    order of the report); closes; currency, fx_rate, gross_pnl, premium, premium_reversal, commissions (in `currency`;
    null where a block has several); nav_impact, nav_after (in base currency); events. Of these, the market's own
    moments have title, times, texts and nav_after only.

event: event_id; type; at (moment); time_assumed; contract; quantity; price; currency; fx_rate; fx_source;
    opening_quantity; closing_quantity; premium, premium_reversal, gross_realised, commission, amount (in `currency`);
    nav_impact, nav_after (in base currency); description.

option_selling: of several official days an entry per account: account_id, base_currency, first_day, last_day,
    round_trips and all_in (outcomes: number, won, lost, win_rate, net_pnl, average; all_in also interest), strategies
    and running, by_kind, by_underlying, edge [{property, classes}]; docs/strategies.md. Rates are in percent.

against_market: of several official days an entry per account: account_id, base_currency, first_day, last_day,
    comparison, distribution, costs {commissions, fees, premium, mean_nav, of_premium, of_nav}; docs/metrics.md.

risk: of several official days an entry per account at the last close: account_id, trading_day, base_currency, nav,
    stress [{spot_move, volatility_move, change}], cash_if_assigned {in_the_money, all_short, cash}, drawdowns, streaks
    {winning, losing, current}, margin; docs/risk.md. Moves are exact ratios as strings; what is unknown is null.

notes: what is missing behind the figures: an entry per account that has any: account_id, notes (sentences).

contract: contract_id; symbol; description; asset_category; underlying_symbol; multiplier; strike; expiry; put_call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.model.account_risk import AccountRisk
from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import AnyDay, Block, Day, Event, OpenPosition, ProvisionalDay
from fntx_dagster.model.strategies import OptionSelling
from fntx_dagster.report import clock, money
from fntx_dagster.report.account_risk import risk_document
from fntx_dagster.report.against_market import market_document
from fntx_dagster.report.charges import Charge
from fntx_dagster.report.market import nonzero_parts, part_label
from fntx_dagster.report.narrative import Paragraph, Story, StorySection
from fntx_dagster.report.period import DayResult, PeriodSummary, narrate_periods
from fntx_dagster.report.strategies import selling_document

FORMAT = "fntx.alm_report"
VERSION = 1

Json = dict[str, Any]


class _Zones(NamedTuple):
    """The zone of the reader, and that of the day's market."""

    observer: ZoneInfo
    market: ZoneInfo


def to_json(
    stories: Sequence[Story],
    selling: Sequence[OptionSelling] = (),
    markets: Sequence[AgainstMarket] = (),
    risks: Sequence[AccountRisk] = (),
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The document as text, indented, with a final newline; characters beyond ASCII are not escaped. `notes` are
    sentences about the statements behind it, by account."""
    return json.dumps(to_document(stories, selling, markets, risks, notes), indent=2, ensure_ascii=False) + "\n"


def to_document(
    stories: Sequence[Story],
    selling: Sequence[OptionSelling] = (),
    markets: Sequence[AgainstMarket] = (),
    risks: Sequence[AccountRisk] = (),
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Json:
    """The document as plain dicts, lists and strings; its shape is the module's docstring."""
    other = {story.observer.key: story.observer for story in stories if story.observer.key != clock.HONG_KONG.key}
    return {
        "format": FORMAT,
        "version": VERSION,
        **({"notes": [{"account_id": name, "notes": [*own]} for name, own in notes.items()]} if notes else {}),
        **({"observer": next(iter(other))} if other else {}),
        "periods": [_period(period) for period in narrate_periods(stories)],
        "days": [_day(story) for story in stories],
        **({"option_selling": [selling_document(made, _shown) for made in selling]} if selling else {}),
        **({"against_market": [market_document(view, _shown) for view in markets]} if markets else {}),
        **({"risk": [risk_document(risk, _shown) for risk in risks]} if risks else {}),
    }


def _period(period: PeriodSummary) -> Json:
    return {
        "account_id": period.account_id,
        "base_currency": period.base_currency,
        "first_day": period.first_day.isoformat(),
        "last_day": period.last_day.isoformat(),
        "sessions": period.sessions,
        "heading": period.heading,
        "lines": [line.plain for line in period.lines],
        "opening_nav": _amount(period.opening_nav),
        "closing_nav": _amount(period.closing_nav),
        "deposits": _amount(period.deposits),
        "withdrawals": _amount(period.withdrawals),
        "gross_pnl": _change(period.gross_pnl),
        "commissions": _change(period.commissions),
        "interest": _change(period.interest),
        "fees": _change(period.fees),
        "broker_residual": _change(period.broker_residual),
        "net_pnl": _change(period.net_pnl),
        "time_weighted_return": period.time_weighted_return,
        "best_day": _result(period.best),
        "worst_day": _result(period.worst),
        "movers": [
            {
                "trading_day": mover.trading_day.isoformat(),
                "title": mover.title,
                "nav_impact": _change(mover.nav_impact),
            }
            for mover in period.movers
        ],
        "positions_ended": dict(period.endings),
        "positions_held": period.held_at_end,
        "positions_open": period.open_at_end,
        "difference": _change(period.difference),
        "difference_parts": _parts((name, amount) for name, amount in period.difference_parts.items() if amount),
        "unexplained": _change(period.unexplained),
        "released_marks": _change(period.released_marks),
        "charges": [_charge(charge) for charge in period.charges],
    }


def _charge(charge: Charge) -> Json:
    rates = {name: _exact(getattr(charge, name)) for name in ("quantity", "lowest_rate", "highest_rate")}
    amounts = {name: _change(getattr(charge, name)) for name in ("amount", "in_base")}
    return {"kind": charge.kind, "currency": charge.currency, **rates, **amounts}


def _result(result: DayResult | None) -> Json | None:
    if result is None:
        return None
    day = result.trading_day.isoformat()
    return {"trading_day": day, "net_pnl": _change(result.net_pnl), "daily_return": result.daily_return}


def _parts(parts: Iterable[tuple[str, Decimal]]) -> list[Json]:
    return [{"name": name, "label": part_label(name), **_shown(amount, signed=True)} for name, amount in parts]


def _day(story: Story) -> Json:
    day, zones = story.day, _Zones(story.observer, story.day.zone)
    return {
        "account_id": day.account_id,
        "trading_day": day.trading_day.isoformat(),
        "base_currency": day.base_currency,
        "heading": story.heading,
        "provisional": day.as_of is not None,
        "as_of": _moment(day.as_of, zones) if day.as_of else None,
        "gateway_nav": _gateway_nav(day) if isinstance(day, ProvisionalDay) else None,
        "early_close": day.early_close,
        "previous_close": _moment(day.previous_close, zones),
        "opens_at": _moment(day.opens_at, zones),
        "closes_at": _moment(day.closes_at, zones),
        **_day_amounts(day),
        "difference_parts": _parts(nonzero_parts(day)),
        "released_marks": _change(day.released_marks) if isinstance(day, Day) else None,
        "open_at_close": [_position(position, zones) for position in day.open_at_close],
        "blocks": [_block(section, paragraph, zones) for section in story.sections for paragraph in section.paragraphs],
    }


def _gateway_nav(day: ProvisionalDay) -> Json:
    return {**_shown(day.gateway_nav), "currency": day.gateway_currency, "rate": _exact(day.rate)}


def _day_amounts(day: AnyDay) -> Json:
    return {
        "opening_nav_official": _amount(day.opening_nav_official),
        "opening_nav_calculated": _amount(day.opening_nav_calculated),
        "closing_nav_official": _amount(day.closing_nav_official),
        "closing_nav_calculated": _amount(day.closing_nav_calculated),
        "deposits": _amount(day.deposits),
        "withdrawals": _amount(day.withdrawals),
        "gross_pnl": _change(day.gross_pnl),
        "commissions": _change(day.commissions),
        "interest": _change(day.interest),
        "fees": _change(day.fees),
        "broker_residual": _change(day.broker_residual),
        "net_pnl": _change(day.net_pnl),
        "difference": _change(day.difference),
        "unexplained": _change(day.unexplained),
    }


def _block(section: StorySection, paragraph: Paragraph, zones: _Zones) -> Json:
    return {
        "block_id": paragraph.source.block_id if paragraph.source else None,
        "kind": paragraph.kind,
        "phase": paragraph.phase,
        "title": paragraph.title,
        "when": paragraph.when,
        "section": section.heading,
        "starts_at": _moment(paragraph.starts_at, zones),
        "ends_at": _moment(paragraph.ends_at, zones),
        "summary": paragraph.summary or None,
        "lines": [line.plain for line in paragraph.lines],
        **_block_amounts(paragraph.source),
        "nav_after": _amount(paragraph.nav_after),
        "events": [_event(event, zones) for event in paragraph.source.events] if paragraph.source else [],
    }


def _block_amounts(block: Block | None) -> Json:
    return {
        "closes": block.closes if block else None,
        "currency": block.currency if block else None,
        "fx_rate": _exact(block.fx_rate) if block else None,
        "gross_pnl": _change(block.gross_pnl) if block else None,
        "premium": _change(block.premium) if block else None,
        "premium_reversal": _change(block.premium_reversal) if block else None,
        "commissions": _change(block.commissions) if block else None,
        "nav_impact": _change(block.nav_impact) if block else None,
    }


def _event(event: Event, zones: _Zones) -> Json:
    return {
        "event_id": event.event_id,
        "type": event.event_type,
        "at": _moment(event.at, zones),
        "time_assumed": event.time_assumed,
        "contract": _contract(event.contract) if event.contract else None,
        "quantity": _exact(event.quantity),
        "price": _price(event.price),
        "currency": event.currency,
        "fx_rate": _exact(event.fx_rate),
        "fx_source": event.fx_source,
        "opening_quantity": _exact(event.opening_quantity),
        "closing_quantity": _exact(event.closing_quantity),
        "premium": _change(event.premium),
        "premium_reversal": _change(event.premium_reversal),
        "gross_realised": _change(event.gross_realised),
        **({"unknown_quantity": _exact(event.unknown_quantity)} if event.unknown_quantity else {}),
        "commission": _change(event.commission),
        "amount": _change(event.amount),
        "nav_impact": _change(event.nav_impact),
        "nav_after": _amount(event.nav_after),
        "description": event.description,
    }


def _position(position: OpenPosition, zones: _Zones) -> Json:
    return {
        "contract": _contract(position.contract),
        "quantity": _exact(position.quantity),
        "opened_at": _moment(position.opened_at, zones) if position.opened_at else None,
        **({"opened_before": position.opened_before.isoformat()} if position.opened_before else {}),
        "open_price": _price(position.open_price),
        "ends": position.ends,
        "ended_at": _moment(position.ended_at, zones) if position.ended_at else None,
        "mark": _price(position.mark),
        "market_value": _amount(position.market_value),
        "currency": position.currency,
    }


def _contract(contract: Contract) -> Json:
    return {
        "contract_id": contract.contract_id,
        "symbol": contract.symbol,
        "description": contract.description,
        "asset_category": contract.asset_category,
        "underlying_symbol": contract.underlying_symbol,
        "multiplier": _exact(contract.multiplier),
        "strike": _exact(contract.strike),
        "expiry": contract.expiry.isoformat() if contract.expiry else None,
        "put_call": contract.put_call,
    }


def _moment(moment: datetime, zones: _Zones) -> Json:
    return {
        "utc": clock.utc_stamp(moment),
        **({"new_york": clock.zone_stamp(moment, zones.market)} if zones.market.key == clock.NEW_YORK.key else {}),
        "hong_kong": clock.zone_stamp(moment, clock.HONG_KONG),
        **({} if zones.observer.key == clock.HONG_KONG.key else {"observer": clock.zone_stamp(moment, zones.observer)}),
    }


def _amount(value: Decimal | None) -> Json | None:
    return None if value is None else _shown(value)


def _change(value: Decimal | None) -> Json | None:
    return None if value is None else _shown(value, signed=True)


def _shown(value: Decimal, *, signed: bool = False) -> Json:
    return {"amount": money.plain(value), "display": money.display(value, signed=signed)}


def _price(value: Decimal | None) -> Json | None:
    return None if value is None else {"amount": money.plain(value), "display": money.price(value)}


def _exact(value: Decimal | None) -> str | None:
    return None if value is None else money.plain(value)
