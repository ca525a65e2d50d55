"""`/treasury/desk`: the desk on the XRP Ledger, its limits and what it went through, its strategies and fills; one
strategy with its slices. An owner halts at once here, and proposes a kill or its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.responses import RedirectResponse

from fntx_dagster.errors import FntxError
from fntx_dagster.services.dashboard.trading import (
    ACTIONS,
    HALT,
    DeskMoveRow,
    NoSuchStrategy,
    OpenOrder,
    act_on_desk,
    halt_strategy,
    strategy_shown,
    trading_shown,
)
from fntx_dagster.services.dashboard.treasury import is_begun
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link
from fntx_dagster.web.pages.treasury import no_treasury, operator, places, refused, spoken, typed

_HERE = "/treasury/desk"
_BAD = ("halted", "killed")
_LONGEST_REASON = 500


def show(asked: Asked) -> Answer:
    """The desk; with a form, what came of the action."""
    site, refusal = asked.site, None
    if asked.acts:
        action, reason = asked.form.get("action", ""), typed(asked, "reason", _LONGEST_REASON)
        if action not in ACTIONS:
            raise BadAddress(f"action is one of {', '.join(ACTIONS)}")
        try:
            made = act_on_desk(site.settings, site.db, action, reason, operator(asked))
            return RedirectResponse(f"/treasury/proposals/{made}?done=proposed" if made else _HERE, 303)
        except FntxError as error:
            refusal = refused(error)
    if not is_begun(site.db):
        return no_treasury(asked)
    found = trading_shown(site.db)
    desk = found.document["desk"]
    values = {
        "places": places(_HERE),
        "refusal": refusal,
        "address": found.document["account"],
        "desk": desk,
        "state": state_of(desk["state"]) if desk else None,
        "facts": _facts(desk) if desk else [],
        "may_act": asked.visitor.may_act,
        "limits": Grid("Limits", ("Limit", "At most"), _limits(desk) if desk else []),
        "strategies": Grid("Strategies", _STRATEGY, [_strategy(each) for each in found.document["strategies"]], 5),
        "orders": Grid("Orders that may still trade", _ORDER, [_order(each) for each in found.orders], len(_ORDER)),
        "fills": Grid("Fills", _FILL, [_fill(each) for each in found.fills], len(_FILL)),
        "events": Grid("History", _EVENT, [_event(each) for each in found.document["events"]], 5),
    }
    return Shown("trading.html.j2", "Trading on the XRP Ledger", values, 422 if refusal else 200)


def one(asked: Asked) -> Answer:
    """The strategy that the address names; with a form it is halted."""
    site, refusal = asked.site, None
    try:
        strategy_id = UUID(asked.part("strategy"))
        strategy_shown(site.db, strategy_id)
    except (ValueError, NoSuchStrategy):
        raise NotFound from None
    if asked.acts:
        if asked.form.get("action") != HALT:
            raise BadAddress(f"action is {HALT}")
        try:
            halt_strategy(site.settings, site.db, strategy_id, typed(asked, "reason", _LONGEST_REASON), operator(asked))
            return RedirectResponse(f"{_HERE}/{strategy_id}", 303)
        except FntxError as error:
            refusal = refused(error)
    found = strategy_shown(site.db, strategy_id)
    document = found.document
    values = {
        "places": places(_HERE),
        "refusal": refusal,
        "path": f"{_HERE}/{strategy_id}",
        "state": state_of(document["state"]),
        "document": document,
        "facts": _terms(document),
        "may_halt": asked.visitor.may_act and document["state"] in ("running", "halted"),
        "slices": Grid("Slices", _SLICE, [_slice(each, found.hashes) for each in document["slices"]], 7),
    }
    return Shown("trading_strategy.html.j2", f"Strategy {str(strategy_id)[:8]}", values, 422 if refusal else 200)


def state_of(state: str) -> Badge:
    """A state of the desk or a strategy as a cell."""
    return Badge(state, "bad" if state in _BAD else "good" if state in ("active", "running") else "")


def _facts(desk: Mapping[str, Any]) -> list[tuple[str, str]]:
    quote = desk["quote"]["currency"]
    return [
        (f"Equity, {quote}", _figure(desk["equity"])),
        (f"At the start of the day, {quote}", _figure(desk["equity_start"])),
        ("Loss of the day", f"{desk['loss_pct']} %" if desk["loss_pct"] is not None else words.NONE),
        ("Day, by the ledger’s time", words.day(desk["day"])),
        ("Read up to ledger", f"{desk['read_to']}"),
    ]


def _limits(desk: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    return [(spoken(name).replace(" pct", ", %"), f"{value}") for name, value in desk["limits"].items()]


_STRATEGY = ("Strategy", "Kind", "State", "Market", "Ends", "Quantity", "Traded", "Average price")


def _strategy(each: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        Link(str(each["strategy_id"])[:8], f"{_HERE}/{each['strategy_id']}"),
        f"{each['strategy']} {each['side']}",
        state_of(each["state"]),
        f"{each['base']['currency']}/{each['quote']['currency']}",
        words.moment(each["end"]),
        *(_figure(each[name]) for name in ("quantity", "filled", "average_price")),
    )


_ORDER = ("Order", "Of", "Proposal", "Sequence or ticket", "Transaction", "Ends")


def _order(each: OpenOrder) -> tuple[Cell, ...]:
    of = Link(f"slice {each.slice_n}", f"{_HERE}/{each.strategy_id}") if each.strategy_id else "people"
    return (
        each.what,
        of,
        Link(spoken(each.state), f"/treasury/proposals/{each.proposal_id}") if each.proposal_id else spoken(each.state),
        f"{each.turn}" if each.turn else words.NONE,
        each.tx_hash or words.NONE,
        words.moment(each.ends_at),
    )


_FILL = ("When", "Got", "Gave", "As", "Strategy", "Ledger", "Transaction")


def _fill(each: DeskMoveRow) -> tuple[Cell, ...]:
    of: Cell = words.NONE
    if each.strategy_id:
        of = Link(f"{str(each.strategy_id)[:8]}, slice {each.slice_n}", f"{_HERE}/{each.strategy_id}")
    return (
        words.moment(each.at),
        f"{_figure(each.got)} {each.got_code}",
        f"{_figure(each.gave)} {each.gave_code}",
        "maker" if each.is_maker else "taker",
        of,
        f"{each.ledger_index}",
        each.tx_hash,
    )


_EVENT = ("When", "What", "State from then on", "Why", "By", "Equity", "Loss, %")


def _event(each: Mapping[str, Any]) -> tuple[Cell, ...]:
    what = spoken(each["event"])
    return (
        words.moment(each["at"]),
        Link(what, f"/treasury/proposals/{each['proposal_id']}") if each["proposal_id"] else what,
        state_of(each["state"]),
        each["reason"],
        each["by"],
        _figure(each["equity"]),
        _figure(each["loss_pct"]),
    )


def _terms(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Kind", f"{document['strategy']} {document['side']}"),
        ("Market", f"{document['base']['currency']}/{document['quote']['currency']}"),
        ("Quantity", _figure(document["quantity"])),
        ("Traded", _figure(document["filled"])),
        ("Traded at most, with what is signed", _figure(document["committed"])),
        ("Average price", _figure(document["average_price"])),
        ("Limit price", _figure(document["limit_price"])),
        ("From", words.moment(document["start"])),
        ("Until", words.moment(document["end"])),
        ("Slices proposed at once", f"{document['batch']}"),
        ("Volume profile", document["profile"] or words.NONE),
        ("Started by", document["started_by"]),
    ]


_SLICE = ("Slice", "State", "From", "Until", "Proposal", "Transaction", "Held back by", "Planned", "Asked", "Traded")


def _slice(each: Mapping[str, Any], hashes: Mapping[int, str]) -> tuple[Cell, ...]:
    proposal = each["proposal_id"] or each["batch_id"]
    return (
        f"{each['n']}",
        each["state"],
        words.moment(each["at"]),
        words.moment(each["ends_at"]),
        Link(str(proposal)[:8], f"/treasury/proposals/{proposal}") if proposal else words.NONE,
        hashes.get(each["n"]) or words.NONE,
        each["words"] or words.NONE,
        *(_figure(each[name]) for name in ("planned", "asked", "filled")),
    )


def _figure(value: Any) -> str:
    return words.figure(None if value is None else f"{value:f}")
