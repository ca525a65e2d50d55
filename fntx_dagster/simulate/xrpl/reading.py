"""Methods that read the state: accounts, their lines and objects, an issuer's balances, books, single entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.simulate.xrpl.amounts import DROPS, XRP, LedgerToken, amount_of, plus, value_text
from fntx_dagster.simulate.xrpl.entries import (
    ACCOUNT_FLAGS,
    AUTHORIZED,
    FROZEN,
    NO_RIPPLE,
    LedgerEntry,
    escrow_index,
    line_index,
    offer_index,
    root_index,
    signers_index,
    ticket_index,
)
from fntx_dagster.simulate.xrpl.ledger import XrplLedger
from fntx_dagster.simulate.xrpl.lines import balance_of, limit_of, peer_of, side_has
from fntx_dagster.simulate.xrpl.offers import book
from fntx_dagster.simulate.xrpl.refusals import MethodRefusedError, address_in, whole_in
from fntx_dagster.simulate.xrpl.view import TrialState

Params = dict[str, Any]
_KINDS = {"escrow": "Escrow", "offer": "Offer", "signer_list": "SignerList", "state": "RippleState", "ticket": "Ticket"}
_ROWS, _MOST_ROWS = 200, 400


class StateRead(NamedTuple):
    """A state, and where in the chain of ledgers it was read."""

    view: TrialState
    where: dict[str, Any]


def state_of(ledger: XrplLedger, params: Params) -> StateRead:
    """The state that a request names: `validated`, `closed`, `current`, a ledger's number or its hash."""
    wanted = params.get("ledger_hash") or params.get("ledger_index") or "current"
    if wanted == "current":
        return StateRead(ledger.open, {"ledger_current_index": ledger.last.ledger_index + 1, "validated": False})
    if wanted in ("validated", "closed"):
        wanted = ledger.last.ledger_index
    by_hash = {each.ledger_hash: each.ledger_index for each in ledger.ledgers}
    index = by_hash.get(str(wanted), wanted)
    if isinstance(index, str) and index.isdigit():
        index = int(index)
    header = ledger.header(index) if isinstance(index, int) else None
    state = ledger.states.get(header.ledger_index) if header else None
    if header is None or state is None:
        raise MethodRefusedError("lgrNotFound")
    where = {"ledger_hash": header.ledger_hash, "ledger_index": header.ledger_index, "validated": True}
    return StateRead(TrialState(state), where)


def account_info(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    address, (view, where) = address_in(params), state_of(ledger, params)
    root = _there(view, address)
    answer = {
        "account_data": _shown(root),
        "account_flags": {name: bool(root["Flags"] & bit) for name, bit in ACCOUNT_FLAGS.items()},
    }
    if params.get("signer_lists"):
        listed = view.read(signers_index(address))
        answer["signer_lists"] = [] if listed is None else [_shown(listed)]
    return answer | where


def account_lines(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    address, (view, where) = address_in(params), state_of(ledger, params)
    _there(view, address)
    lines = [entry for entry in view.owned(address) if entry["LedgerEntryType"] == "RippleState"]
    if "peer" in params:
        lines = [line for line in lines if peer_of(line, address) == address_in(params, "peer")]
    rows, marker = _page(lines, params)
    return {"account": address, "lines": [_line(line, address) for line in rows]} | marker | where


def account_objects(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    address, (view, where) = address_in(params), state_of(ledger, params)
    _there(view, address)
    kind = params.get("type")
    if kind is not None and kind not in _KINDS:
        raise MethodRefusedError("invalidParams", "Invalid field 'type'.")
    objects = [entry for entry in view.owned(address) if kind is None or entry["LedgerEntryType"] == _KINDS[kind]]
    rows, marker = _page(objects, params)
    return {"account": address, "account_objects": [*map(_shown, rows)]} | marker | where


def account_offers(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    address, (view, where) = address_in(params), state_of(ledger, params)
    _there(view, address)
    offers = [entry for entry in view.owned(address) if entry["LedgerEntryType"] == "Offer"]
    rows, marker = _page(offers, params)
    shown = [
        {
            "flags": each["Flags"],
            "quality": each["_placed"][2],
            "seq": each["Sequence"],
            "taker_gets": each["TakerGets"],
            "taker_pays": each["TakerPays"],
        }
        for each in rows
    ]
    return {"account": address, "offers": shown} | marker | where


def gateway_balances(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    """What an issuer owes: to its hot wallets, to all others in sum, and what is locked in escrows."""
    address, (view, where) = address_in(params), state_of(ledger, params)
    _there(view, address)
    wallets = params.get("hotwallet") or []
    hot = {wallets} if isinstance(wallets, str) else {*wallets}
    owed: dict[str, Decimal] = defaultdict(Decimal)
    rows: dict[str, dict[str, list[dict[str, str]]]] = {"balances": {}, "assets": {}, "frozen_balances": {}}
    for line in (entry for entry in view.owned(address) if entry["LedgerEntryType"] == "RippleState"):
        peer, currency, balance = peer_of(line, address), line["Balance"]["currency"], balance_of(line, address)
        row = {"currency": currency, "value": value_text(abs(balance))}
        if balance > 0:
            rows["assets"].setdefault(peer, []).append(row)
        elif balance < 0 and peer in hot:
            rows["balances"].setdefault(peer, []).append(row)
        elif balance < 0 and side_has(line, address, FROZEN):
            rows["frozen_balances"].setdefault(peer, []).append(row)
        elif balance < 0:
            owed[currency] = plus(owed[currency], -balance)
    locked: dict[str, Decimal] = defaultdict(Decimal)
    for entry in view.owned(address):
        if entry["LedgerEntryType"] == "Escrow" and not isinstance(entry["Amount"], str):
            (currency, issuer), value = amount_of(entry["Amount"])
            if issuer == address:
                locked[currency] = plus(locked[currency], value)
    sums = {"obligations": owed, "locked": locked}
    said = {name: {each: value_text(value) for each, value in found.items()} for name, found in sums.items() if found}
    return {"account": address} | said | {name: each for name, each in rows.items() if each} | where


def ledger_entry(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    view, where = state_of(ledger, params)
    try:
        index = _named(params)
    except (KeyError, TypeError, ValueError, OverflowError):
        index = None
    except Exception:  # the codec's own errors about addresses
        index = None
    if not isinstance(index, str):
        raise MethodRefusedError("invalidParams")
    entry = view.read(index.upper())
    if entry is None:
        raise MethodRefusedError("entryNotFound")
    return {"index": index.upper(), "node": _shown(entry)} | where


def _named(params: Params) -> str | None:
    """The index of the entry that a request names."""
    if "index" in params:
        return params["index"]
    if "account_root" in params:
        return root_index(params["account_root"])
    if "ripple_state" in params:
        given = params["ripple_state"]
        one, other = given["accounts"]
        return line_index(one, other, given["currency"])
    named = (("escrow", "owner", "seq", escrow_index), ("offer", "account", "seq", offer_index))
    for kind, owner, number, index in (*named, ("ticket", "account", "ticket_seq", ticket_index)):
        if kind in params:
            given = params[kind]
            return given if isinstance(given, str) else index(given[owner], given[number])
    return None


def book_offers(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    view, where = state_of(ledger, params)
    gets, pays = (_token(params.get(name)) for name in ("taker_gets", "taker_pays"))
    rows = book(view, gets, pays)[: whole_in(params, "limit", 60)]
    return {"offers": [_shown(each) | {"quality": each["_placed"][2]} for each in rows]} | where


def _token(given: Any) -> LedgerToken:
    if isinstance(given, dict) and given.get("currency") == XRP and "issuer" not in given:
        return DROPS
    if not isinstance(given, dict) or not isinstance(given.get("currency"), str):
        raise MethodRefusedError("invalidParams")
    return LedgerToken(given["currency"], address_in(given, "issuer"))


def _there(view: TrialState, address: str) -> LedgerEntry:
    root = view.root(address)
    if root is None:
        raise MethodRefusedError("actNotFound")
    return root


def _shown(entry: LedgerEntry) -> dict[str, Any]:
    """An entry without the fields of our own, and with those of directories that a client may look at."""
    return {name: value for name, value in entry.items() if not name.startswith("_")}


def _page(rows: Sequence[LedgerEntry], params: Params) -> tuple[Sequence[LedgerEntry], dict[str, Any]]:
    """Some rows after the marker, and where the next page begins."""
    limit = whole_in(params, "limit", _ROWS)
    if limit < 1:
        raise MethodRefusedError("invalidParams", "Invalid field 'limit'.")
    limit = min(limit, _MOST_ROWS)
    marker = params.get("marker")
    if marker is not None and not isinstance(marker, str):
        raise MethodRefusedError("invalidParams", "Invalid field 'marker'.")
    left = rows if marker is None else [row for row in rows if row["index"] > marker]
    if len(left) <= limit:
        return left, {}
    return left[:limit], {"limit": limit, "marker": left[limit - 1]["index"]}


def _line(line: LedgerEntry, address: str) -> dict[str, Any]:
    peer = peer_of(line, address)
    row: dict[str, Any] = {
        "account": peer,
        "balance": value_text(balance_of(line, address)),
        "currency": line["Balance"]["currency"],
        "limit": value_text(limit_of(line, address)),
        "limit_peer": value_text(limit_of(line, peer)),
        "no_ripple": side_has(line, address, NO_RIPPLE),
        "no_ripple_peer": side_has(line, peer, NO_RIPPLE),
        "quality_in": 0,
        "quality_out": 0,
    }
    for name, bit in (("authorized", AUTHORIZED), ("freeze", FROZEN)):
        peers = "peer_authorized" if name == "authorized" else "freeze_peer"
        row |= {key: True for key, side in ((name, address), (peers, peer)) if side_has(line, side, bit)}
    return row
