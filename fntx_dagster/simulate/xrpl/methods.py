"""The methods of the JSON-RPC: each reads parameters and gives the fields of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from xrpl.core.binarycodec import encode

from fntx_dagster.simulate.xrpl import reading
from fntx_dagster.simulate.xrpl.codes import number_of, words_of
from fntx_dagster.simulate.xrpl.engine import SentTransaction, read_blob, required_fee
from fntx_dagster.simulate.xrpl.ledger import EPOCH, ClosedLedger, FirstVerdict, ValidatedTransaction, XrplLedger
from fntx_dagster.simulate.xrpl.refusals import MethodRefusedError, address_in, text_in, whole_in

Params = dict[str, Any]
_VERSION = "3.1.0"
_WIDEST_RANGE = 1000
_MOST_TRANSACTIONS = 400
_DROPS = Decimal(1_000_000)


def answer(ledger: XrplLedger, method: str, params: Params) -> dict[str, Any]:
    """What the server answers. Raises MethodRefusedError."""
    known = _METHODS.get(method)
    if known is None:
        raise MethodRefusedError("unknownCmd")
    return known(ledger, params)


def server_info(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    rules = ledger.rules
    info = _server(ledger) | {
        "load_factor": 1,
        "validated_ledger": _last(ledger)
        | {
            "age": max(int(ledger.clock()) - EPOCH - ledger.last.close_time, 0),
            "base_fee_xrp": float(rules.base_fee / _DROPS),
            "reserve_base_xrp": float(rules.reserve_base / _DROPS),
            "reserve_inc_xrp": float(rules.reserve_inc / _DROPS),
        },
    }
    return {"info": info}


def server_state(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    rules, last = ledger.rules, _last(ledger)
    fees = {"base_fee": rules.base_fee, "reserve_base": rules.reserve_base, "reserve_inc": rules.reserve_inc}
    closed = last | fees | {"close_time": ledger.last.close_time}
    return {"state": _server(ledger) | {"load_base": 256, "load_factor": 256, "validated_ledger": closed}}


def _server(ledger: XrplLedger) -> dict[str, Any]:
    return {
        "build_version": _VERSION,
        "complete_ledgers": f"{ledger.first_kept}-{ledger.last.ledger_index}",
        "network_id": ledger.rules.network_id,
        "peers": 0,
        "server_state": "full",
    }


def _last(ledger: XrplLedger) -> dict[str, Any]:
    return {"hash": ledger.last.ledger_hash, "seq": ledger.last.ledger_index}


def fee(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    base = ledger.rules.base_fee
    drops = {
        "base_fee": base,
        "minimum_fee": base,
        "median_fee": base * 500,
        "open_ledger_fee": ledger.open_fee or base,
    }
    return {
        "current_ledger_size": str(len(ledger.waiting)),
        "current_queue_size": "0",
        "drops": {name: str(value) for name, value in drops.items()},
        "expected_ledger_size": "1000",
        "ledger_current_index": ledger.last.ledger_index + 1,
        "levels": {
            "median_level": "128000",
            "minimum_level": "256",
            "open_ledger_level": "256",
            "reference_level": "256",
        },
        "max_queue_size": "20000",
    }


def ledger_method(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    """`ledger`: a validated one by its number, or the one that is open."""
    wanted = params.get("ledger_hash") or params.get("ledger_index", "current")
    if wanted == "current":
        index = ledger.last.ledger_index + 1
        open_one = {"closed": False, "ledger_index": index, "parent_hash": ledger.last.ledger_hash}
        return {"ledger": open_one, "ledger_current_index": index, "validated": False}
    header = _header(ledger, wanted)
    shown = {
        "account_hash": "0" * 64,
        "close_flags": 0,
        "close_time": header.close_time,
        "close_time_iso": _iso(header),
        "close_time_resolution": 1,
        "closed": True,
        "ledger_hash": header.ledger_hash,
        "ledger_index": header.ledger_index,
        "parent_close_time": getattr(ledger.header(header.ledger_index - 1), "close_time", 0),
        "parent_hash": header.parent_hash,
        "total_coins": str(header.total_drops),
        "transaction_hash": "0" * 64,
    }
    if params.get("transactions"):
        shown["transactions"] = list(header.transactions)
    where = {"ledger_hash": header.ledger_hash, "ledger_index": header.ledger_index, "validated": True}
    return {"ledger": shown} | where


def _header(ledger: XrplLedger, wanted: Any) -> ClosedLedger:
    if wanted in ("validated", "closed"):
        return ledger.last
    if isinstance(wanted, str) and not wanted.isdigit():
        wanted = next((each.ledger_index for each in ledger.ledgers if each.ledger_hash == wanted), -1)
    header = ledger.header(int(wanted)) if isinstance(wanted, str | int) else None
    if header is None:
        raise MethodRefusedError("lgrNotFound")
    return header


def _iso(header: ClosedLedger) -> str:
    return datetime.fromtimestamp(header.close_time + EPOCH, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def submit(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    return _submitted(ledger, text_in(params, "tx_blob"), params)


def submit_multisigned(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    return _submitted(ledger, _encoded(params), params)


def _encoded(params: Params) -> str:
    tx = params.get("tx_json")
    try:
        return encode(tx) if isinstance(tx, dict) else text_in(params, "tx_blob")
    except MethodRefusedError:
        raise
    except Exception as error:  # the codec raises errors of many kinds
        raise MethodRefusedError("invalidParams", "The transaction cannot be encoded.") from error


def _submitted(ledger: XrplLedger, blob: str, params: Params) -> dict[str, Any]:
    try:
        done = ledger.submit(blob, fail_hard=params.get("fail_hard") is True)
    except ValueError as error:
        raise MethodRefusedError("invalidTransaction", f"{error}") from error
    root = ledger.open.root(done.sent.tx["Account"]) if "Account" in done.sent.tx else None
    number = root["Sequence"] if root else 0
    return {
        "accepted": done.applied or done.queued or done.kept,
        "account_sequence_available": number,
        "account_sequence_next": number,
        "applied": done.applied,
        "broadcast": done.applied,
        "kept": done.kept or done.applied,
        "open_ledger_cost": str(ledger.open_fee or ledger.rules.base_fee),
        "queued": done.queued,
        "tx_blob": done.sent.blob,
        "tx_json": done.sent.tx | {"hash": done.sent.transaction_id},
        "validated_ledger_index": ledger.last.ledger_index,
    } | _result(done)


def _result(done: FirstVerdict) -> dict[str, Any]:
    return {
        "engine_result": done.code,
        "engine_result_code": number_of(done.code),
        "engine_result_message": words_of(done.code),
    }


def simulate(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    """What a transaction would do; it has no signature, and fee and sequence may be left out."""
    tx = params.get("tx_json")
    if not isinstance(tx, dict):
        tx = read_blob(_encoded(params)).tx
    root = ledger.open.root(address_in(tx, "Account"))
    filled = {"SigningPubKey": "", "Flags": 0, "Sequence": root["Sequence"] if root else 0} | tx
    filled = {"Fee": str(required_fee(filled, ledger.rules))} | filled
    try:
        sent: SentTransaction = read_blob(encode(filled))
    except Exception as error:  # the codec raises errors of many kinds
        raise MethodRefusedError("invalidParams", "The transaction cannot be encoded.") from error
    verdict = ledger.simulate(sent)
    answer = {"applied": False, "ledger_index": ledger.coming.ledger_index, "tx_json": sent.tx}
    answer |= _result(FirstVerdict(sent, verdict.code))
    if verdict.is_in:
        meta = ValidatedTransaction("", 0, 0, verdict.code, verdict.nodes, verdict.delivered).meta
        answer["meta"] = meta
    return answer


def tx(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    """A transaction by its hash. Where it is not there and a range was asked for, whether all of the range is here."""
    name = text_in(params, "transaction").upper()
    ranged = "min_ledger" in params or "max_ledger" in params
    first, last = whole_in(params, "min_ledger", 0), whole_in(params, "max_ledger", -1)
    if ranged and not 0 < first <= last:
        raise MethodRefusedError("invalidLgrRange")
    if ranged and last - first > _WIDEST_RANGE:
        raise MethodRefusedError("excessiveLgrRange")
    found = ledger.transactions.get(name)
    if found is not None and found.ledger_index >= ledger.first_kept:
        return {"meta": found.meta} | _transaction(ledger, name, found)
    if name in ledger.waiting:
        sent = read_blob(ledger.waiting[name])
        return {"hash": name, "tx_json": sent.tx, "validated": False}
    more = {"searched_all": ledger.first_kept <= first and last <= ledger.last.ledger_index} if ranged else {}
    raise MethodRefusedError("txnNotFound", "", **more)


def _transaction(ledger: XrplLedger, name: str, found: ValidatedTransaction) -> dict[str, Any]:
    header = _header(ledger, found.ledger_index)
    return {
        "close_time_iso": _iso(header),
        "hash": name,
        "ledger_hash": header.ledger_hash,
        "ledger_index": found.ledger_index,
        "tx_json": read_blob(found.blob).tx | {"date": header.close_time, "ledger_index": found.ledger_index},
        "validated": True,
    }


def account_tx(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    """The transactions that changed an account, the newest first unless `forward`."""
    address = address_in(params)
    first, last = whole_in(params, "ledger_index_min", -1), whole_in(params, "ledger_index_max", -1)
    first = max(first, ledger.first_kept)
    last = ledger.last.ledger_index if last < 0 else min(last, ledger.last.ledger_index)
    if first > last:
        raise MethodRefusedError("lgrIdxsInvalid")
    forward, limit = params.get("forward") is True, whole_in(params, "limit", 200)
    limit = max(1, min(limit, _MOST_TRANSACTIONS))
    found = [
        ((each.ledger_index, each.position), name, each)
        for name, each in ledger.transactions.items()
        if first <= each.ledger_index <= last and _touches(each, address)
    ]
    found.sort(reverse=not forward)
    marker = params.get("marker")
    if isinstance(marker, Mapping):
        after = (whole_in(dict(marker), "ledger", 0), whole_in(dict(marker), "seq", 0))
        found = [each for each in found if (each[0] > after if forward else each[0] < after)]
    elif marker is not None:
        raise MethodRefusedError("invalidParams", "Invalid field 'marker'.")
    rows = [{"meta": each.meta} | _transaction(ledger, name, each) for _, name, each in found[:limit]]
    answer: dict[str, Any] = {
        "account": address,
        "ledger_index_max": last,
        "ledger_index_min": first,
        "limit": limit,
        "transactions": rows,
        "validated": True,
    }
    if len(found) > limit:
        index, position = found[limit - 1][0]
        answer["marker"] = {"ledger": index, "seq": position}
    return answer


def _touches(found: ValidatedTransaction, address: str) -> bool:
    """Whether an account is named in what a transaction changed."""
    for node in found.nodes:
        for change in node.values():
            fields = change.get("FinalFields") or change.get("NewFields") or {}
            names = [fields.get("Account"), fields.get("Destination")]
            names += [fields.get(name, {}).get("issuer") for name in ("LowLimit", "HighLimit")]
            if address in names:
                return True
    return False


def ledger_accept(ledger: XrplLedger, params: Params) -> dict[str, Any]:
    """Close the open ledger now, as a server that stands alone does when it is told to."""
    ledger.close()
    return {"ledger_current_index": ledger.last.ledger_index + 1}


_METHODS: dict[str, Callable[[XrplLedger, Params], dict[str, Any]]] = {
    "account_info": reading.account_info,
    "account_lines": reading.account_lines,
    "account_objects": reading.account_objects,
    "account_offers": reading.account_offers,
    "account_tx": account_tx,
    "book_offers": reading.book_offers,
    "fee": fee,
    "gateway_balances": reading.gateway_balances,
    "ledger": ledger_method,
    "ledger_accept": ledger_accept,
    "ledger_entry": reading.ledger_entry,
    "server_info": server_info,
    "server_state": server_state,
    "simulate": simulate,
    "submit": submit,
    "submit_multisigned": submit_multisigned,
    "tx": tx,
    "ping": lambda ledger, params: {},
    "ledger_current": lambda ledger, params: {"ledger_current_index": ledger.last.ledger_index + 1},
    "ledger_closed": lambda ledger, params: {
        "ledger_hash": ledger.last.ledger_hash,
        "ledger_index": ledger.last.ledger_index,
    },
}
CHANGING = frozenset({"ledger_accept", "submit", "submit_multisigned"})
"""After these the state is another one."""
