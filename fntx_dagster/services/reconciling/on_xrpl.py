"""What the XRP Ledger shows of the treasury's accounts: one validated ledger for everything."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from fntx_dagster.adapters.xrpl.accounts import (
    XrplEscrow,
    XrplLine,
    account_escrows,
    account_lines,
    account_state,
    escrow_sequence,
    issuance,
)
from fntx_dagster.adapters.xrpl.codec import RIPPLE_EPOCH
from fntx_dagster.adapters.xrpl.history import XrplHistoryRow, account_history
from fntx_dagster.adapters.xrpl.network import check_network, first_ledger, validated_ledger
from fntx_dagster.adapters.xrpl.rpc import XrplRefusedError, XrplRpc
from fntx_dagster.errors import FntxError
from fntx_dagster.services.reconciling.anchored import anchored
from fntx_dagster.services.reconciling.views import THREADS, LedgerLook, LedgerView, Part, answered, away, is_error

_CONNECT, _ANSWER = 3, 10
_NOT_THERE = "actNotFound"
_ATTESTATION = "attestation"


def look_at_xrpl(look: LedgerLook) -> LedgerView:
    """Everything of one validated ledger. It raises nothing for what the server does."""
    rpc = XrplRpc(look.url, _CONNECT, _ANSWER, look.until)
    try:
        check_network(rpc, look.config.network_id)
        index = validated_ledger(rpc).ledger_index
    except FntxError as error:
        return away(error.message)
    accounts = look.config.xrpl_accounts
    asked = [*accounts] if look.deep else [_ATTESTATION] if look.with_anchors else []
    with ThreadPoolExecutor(THREADS) as pool:
        histories = {role: pool.submit(_history, rpc, accounts[role], index, look) for role in asked}
        states = {role: pool.submit(_account, rpc, address, index) for role, address in accounts.items()}
        issuer = accounts[look.config.document["xrpl"]["issuer_role"]]
        owed = pool.submit(answered, lambda: _obligations(rpc, issuer, index)) if look.deep else None
        begins = pool.submit(answered, lambda: first_ledger(rpc)) if look.deep else None
        seen = {role: each.result() for role, each in states.items()}
        told = {role: each.result() for role, each in histories.items()}
    state: Part = {
        "ledger_index": index,
        "accounts": {role: account for role, (account, _) in seen.items()},
        "escrows": _together([escrows for _, escrows in seen.values()]),
    }
    if owed is not None:
        state["obligations"] = owed.result()
    anchors = _anchors(told[_ATTESTATION]) if _ATTESTATION in told else {"error": "nobody asked for anchors"}
    transactions = _transactions(told, begins.result(), look.ids) if begins is not None else {"rows": []}
    return LedgerView(state, anchors, transactions)


def _account(rpc: XrplRpc, address: str, index: int) -> tuple[Part, Any]:
    """An account, and the escrows that it owns."""
    account = answered(lambda: _state(rpc, address, index))
    if account.get("found") is False:
        return account, []
    if not is_error(account):
        account["lines"] = answered(lambda: [_line(line) for line in account_lines(rpc, address, index)])
    return account, answered(lambda: _escrows(rpc, address, index))


def _state(rpc: XrplRpc, address: str, index: int) -> Part:
    found = account_state(rpc, address, index)
    if found is None:
        return {"found": False}
    listed = found.signer_list
    signers = [] if listed is None else [{"account": who, "weight": weight} for who, weight in listed.weights.items()]
    return {
        "found": True,
        "balance": f"{found.balance}",
        "owner_count": found.owner_count,
        "flags": sorted(found.flags),
        "signer_list": None if listed is None else {"quorum": listed.quorum, "signers": signers},
        "master_disabled": "disable_master" in found.flags,
        "regular_key": found.regular_key,
    }


def _line(line: XrplLine) -> Part:
    numbers = {"limit": f"{line.limit}", "balance": f"{line.balance}"}
    marks = {"authorized": line.authorized, "frozen": line.frozen}
    return {"currency": line.currency, "issuer": line.peer, **numbers, **marks}


def _escrows(rpc: XrplRpc, address: str, index: int) -> list[Part]:
    try:
        found = account_escrows(rpc, address, index)
    except XrplRefusedError as error:
        if error.name == _NOT_THERE:
            return []
        raise
    return [_escrow(each, escrow_sequence(rpc, each)) for each in found]


def _escrow(escrow: XrplEscrow, sequence: int) -> Part:
    return {
        "owner": escrow.owner,
        "sequence": sequence,
        "destination": escrow.destination,
        "amount": escrow.amount,
        "condition": escrow.condition,
        "finish_after": _moment(escrow.finish_after),
        "cancel_after": _moment(escrow.cancel_after),
    }


def _moment(seconds: int | None) -> str | None:
    """Seconds since 2000 as a time in UTC."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds + RIPPLE_EPOCH, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _together(found: list[Any]) -> Part:
    errors = [each for each in found if is_error(each)]
    return errors[0] if errors else {"rows": [row for each in found for row in each]}


def _obligations(rpc: XrplRpc, issuer: str, index: int) -> Part:
    try:
        owed = issuance(rpc, issuer, index)
    except XrplRefusedError as error:
        if error.name == _NOT_THERE:
            return {"found": False}
        raise
    tables = {"rows": owed.obligations, "locked": owed.locked}
    return {name: {code: f"{value}" for code, value in table.items()} for name, table in tables.items()}


def _history(rpc: XrplRpc, address: str, index: int, look: LedgerLook) -> Part:
    try:
        return {"rows": [*account_history(rpc, address, index, with_signers=look.deep)]}
    except FntxError as error:
        if isinstance(error, XrplRefusedError) and error.name == _NOT_THERE:
            return {"found": False, "rows": []}
        return {"error": error.message}


def _anchors(history: Part) -> Part:
    if is_error(history) or history.get("found") is False:
        return {name: value for name, value in history.items() if name != "rows"}
    rows: list[XrplHistoryRow] = history["rows"]
    return {"rows": anchored(row.memo for row in rows if row.succeeded and row.memo is not None)}


def _transactions(histories: Mapping[str, Part], begins: Any, ids: Mapping[str, str]) -> Part:
    errors = [each for each in (*histories.values(), begins) if is_error(each)]
    if errors:
        return {"error": errors[0]["error"]}
    rows: list[XrplHistoryRow] = [row for history in histories.values() for row in history["rows"]]
    return {
        "begins": begins,
        "rows": [
            {
                "hash": row.hash,
                "signers": [ids.get(address, address) for address in row.signers],
                "config_change": row.is_config,
            }
            for row in rows
        ],
    }
