"""What Horizon says of ledgers, accounts, assets and transactions, as JSON values in its own words.

Amounts are strings with seven decimals, sequences and paging tokens strings, times as `2026-11-29T01:02:03Z`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from stellar_sdk import HashMemo, IdMemo, ReturnHashMemo, TextMemo

from fntx_dagster.simulate.horizon.entries import AUTHORIZED, CLAWED, MAINTAINS, AccountEntry, HeldLine
from fntx_dagster.simulate.horizon.headers import MOST_TRANSACTIONS, PROTOCOL, TOTAL, StellarLedger
from fntx_dagster.simulate.horizon.network import HistoryEntry, StellarNetwork

Values = dict[str, Any]
ACCOUNT_FLAGS = {"auth_required": 1, "auth_revocable": 2, "auth_immutable": 4, "auth_clawback_enabled": 8}


def amount(stroops: int) -> str:
    """Stroops as Horizon writes amounts."""
    return f"{stroops // 10_000_000}.{stroops % 10_000_000:07d}"


def moment(seconds: int) -> str:
    """Seconds since 1970 as a time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def asset_fields(key: str) -> Values:
    """`CODE:ISSUER` in fields."""
    code, _, issuer = key.partition(":")
    return {
        "asset_type": "credit_alphanum4" if len(code) <= 4 else "credit_alphanum12",
        "asset_code": code,
        "asset_issuer": issuer,
    }


def root(network: StellarNetwork, url: str) -> Values:
    """The document at `/`."""
    last = network.last
    return {
        "_links": {"self": {"href": f"{url}/"}},
        "horizon_version": "23.0.0-simulated",
        "core_version": "v23.0.0-simulated",
        "ingest_latest_ledger": last.sequence,
        "history_latest_ledger": last.sequence,
        "history_latest_ledger_closed_at": moment(last.closed_at),
        "history_elder_ledger": 1,
        "core_latest_ledger": last.sequence,
        "network_passphrase": network.passphrase,
        "current_protocol_version": PROTOCOL,
        "supported_protocol_version": PROTOCOL,
        "core_supported_protocol_version": PROTOCOL,
    }


def ledger(closed: StellarLedger, url: str) -> Values:
    """A ledger."""
    return {
        "_links": {"self": {"href": f"{url}/ledgers/{closed.sequence}"}},
        "id": closed.hash,
        "paging_token": str(closed.sequence << 32),
        "hash": closed.hash,
        "prev_hash": closed.previous,
        "sequence": closed.sequence,
        "successful_transaction_count": closed.successful,
        "failed_transaction_count": closed.failed,
        "operation_count": closed.operations,
        "tx_set_operation_count": closed.all_operations,
        "closed_at": moment(closed.closed_at),
        "total_coins": amount(TOTAL),
        "fee_pool": amount(closed.fee_pool),
        "base_fee_in_stroops": closed.base_fee,
        "base_reserve_in_stroops": closed.base_reserve,
        "max_tx_set_size": MOST_TRANSACTIONS,
        "protocol_version": PROTOCOL,
        "header_xdr": closed.header_xdr,
    }


def account(entry: AccountEntry, network: StellarNetwork, url: str) -> Values:
    """An account. Its own key stands last among its signers, also where it weighs nothing."""
    own = {"weight": entry.master, "key": entry.account_id, "type": "ed25519_public_key"}
    signers = [{"weight": weight, "key": key, "type": "ed25519_public_key"} for key, weight in entry.signers.items()]
    changed = network.ledgers[min(entry.ledger, len(network.ledgers)) - 1]
    lines = [_line(key, line, entry.ledger) for key, line in sorted(entry.lines.items())]
    native = {"balance": amount(entry.balance), **_LIABILITIES, "asset_type": "native"}
    home = {"home_domain": entry.home_domain} if entry.home_domain else {}
    return {
        "_links": {"self": {"href": f"{url}/accounts/{entry.account_id}"}},
        "id": entry.account_id,
        "account_id": entry.account_id,
        "sequence": str(entry.sequence),
        "subentry_count": entry.subentries,
        **home,
        "last_modified_ledger": entry.ledger,
        "last_modified_time": moment(changed.closed_at),
        "thresholds": {"low_threshold": entry.low, "med_threshold": entry.med, "high_threshold": entry.high},
        "flags": _flags(entry),
        "balances": [*lines, native],
        "signers": [*signers, own],
        "data": {name: base64.b64encode(value).decode() for name, value in sorted(entry.data.items())},
        "num_sponsoring": 0,
        "num_sponsored": 0,
        "paging_token": entry.account_id,
    }


def assets(accounts: Mapping[str, AccountEntry], url: str) -> list[Values]:
    """Every asset that somebody has a line to, with how much of it is out, by what its issuer allows."""
    held: dict[str, list[HeldLine]] = {}
    for entry in accounts.values():
        for key, line in entry.lines.items():
            held.setdefault(key, []).append(line)
    return [_asset(key, held[key], accounts, url) for key in sorted(held)]


def transaction(entry: HistoryEntry, url: str, digest: str | None = None) -> Values:
    """A transaction in a ledger. `digest`: the hash that was asked for; of a fee bump it may be the inner one."""
    submitted = entry.submitted
    inner, outer = submitted.transaction, submitted.outer
    digest = digest or submitted.hash
    asked_inner = outer is None or digest == submitted.inner_hash
    signatures = submitted.envelope.signatures if asked_inner or outer is None else outer.signatures
    return {
        "_links": {"self": {"href": f"{url}/transactions/{digest}"}},
        "id": digest,
        "paging_token": str(entry.token),
        "successful": entry.verdict.successful,
        "hash": digest,
        "ledger": entry.ledger,
        "created_at": moment(entry.closed_at),
        "source_account": submitted.source,
        "source_account_sequence": str(inner.sequence),
        "fee_account": submitted.fee_source,
        "fee_charged": str(entry.fee),
        "max_fee": str(submitted.fee),
        "operation_count": len(submitted.operations),
        "envelope_xdr": submitted.xdr,
        "result_xdr": entry.result_xdr(),
        **_memo(inner.memo),
        "signatures": _encoded(signatures),
        **_bounds(inner.preconditions),
        **_fee_bump(entry),
    }


def fee_stats(network: StellarNetwork) -> Values:
    """The fees of the last five ledgers, in stroops for an operation."""
    last = network.last
    recent = [entry for entry in network.history[-1000:] if entry.ledger > last.sequence - 5]
    charged = sorted(entry.fee // max(entry.submitted.counted_operations, 1) for entry in recent) or [last.base_fee]
    bids = sorted(entry.submitted.fee // max(entry.submitted.counted_operations, 1) for entry in recent)
    return {
        "last_ledger": str(last.sequence),
        "last_ledger_base_fee": str(last.base_fee),
        "ledger_capacity_usage": f"{last.all_operations / MOST_TRANSACTIONS:.2f}",
        "fee_charged": _spread(charged),
        "max_fee": _spread(bids or [last.base_fee]),
    }


_LIABILITIES = {"buying_liabilities": "0.0000000", "selling_liabilities": "0.0000000"}


def _line(key: str, line: HeldLine, changed: int) -> Values:
    clawed = {"is_clawback_enabled": True} if line.flags & CLAWED else {}
    return {
        "balance": amount(line.balance),
        "limit": amount(line.limit),
        **_LIABILITIES,
        "last_modified_ledger": changed,
        "is_authorized": bool(line.flags & AUTHORIZED),
        "is_authorized_to_maintain_liabilities": bool(line.flags & (AUTHORIZED | MAINTAINS)),
        **clawed,
        **asset_fields(key),
    }


def _flags(entry: AccountEntry | None) -> dict[str, bool]:
    return {name: bool(entry and entry.flags & flag) for name, flag in ACCOUNT_FLAGS.items()}


def _asset(key: str, lines: list[HeldLine], accounts: Mapping[str, AccountEntry], url: str) -> Values:
    kinds: dict[str, list[HeldLine]] = {
        "authorized": [line for line in lines if line.flags & AUTHORIZED],
        "authorized_to_maintain_liabilities": [line for line in lines if line.flags & MAINTAINS],
        "unauthorized": [line for line in lines if not line.flags & (AUTHORIZED | MAINTAINS)],
    }
    code, _, issuer = key.partition(":")
    fields = asset_fields(key)
    return {
        "_links": {"toml": {"href": ""}, "self": {"href": f"{url}/assets?asset_code={code}&asset_issuer={issuer}"}},
        **fields,
        "paging_token": f"{code}_{issuer}_{fields['asset_type']}",
        "accounts": {kind: len(found) for kind, found in kinds.items()},
        "num_claimable_balances": 0,
        "num_liquidity_pools": 0,
        "num_contracts": 0,
        "balances": {kind: amount(sum(line.balance for line in found)) for kind, found in kinds.items()},
        "claimable_balances_amount": amount(0),
        "liquidity_pools_amount": amount(0),
        "contracts_amount": amount(0),
        "flags": _flags(accounts.get(issuer)),
    }


def _memo(memo: object) -> Values:
    if isinstance(memo, TextMemo):
        text = memo.memo_text
        return {
            "memo_type": "text",
            "memo": text.decode(errors="replace"),
            "memo_bytes": base64.b64encode(text).decode(),
        }
    if isinstance(memo, IdMemo):
        return {"memo_type": "id", "memo": str(memo.memo_id)}
    if isinstance(memo, HashMemo):
        return {"memo_type": "hash", "memo": base64.b64encode(memo.memo_hash).decode()}
    if isinstance(memo, ReturnHashMemo):
        return {"memo_type": "return", "memo": base64.b64encode(memo.memo_return).decode()}
    return {"memo_type": "none"}


def _bounds(conditions: Any) -> Values:
    times = conditions.time_bounds if conditions else None
    if times is None:
        return {}
    latest = {"max_time": str(times.max_time)} if times.max_time else {}
    return {"preconditions": {"timebounds": {"min_time": str(times.min_time), **latest}}}


def _fee_bump(entry: HistoryEntry) -> Values:
    submitted = entry.submitted
    if submitted.outer is None:
        return {}
    inner = _encoded(submitted.envelope.signatures)
    max_fee = str(submitted.transaction.fee)
    return {
        "fee_bump_transaction": {"hash": submitted.hash, "signatures": _encoded(submitted.outer.signatures)},
        "inner_transaction": {"hash": submitted.inner_hash, "signatures": inner, "max_fee": max_fee},
    }


def _encoded(signatures: Iterable[Any]) -> list[str]:
    return [base64.b64encode(signature.signature).decode() for signature in signatures]


def _spread(fees: list[int]) -> Values:
    """The least, the most, the most frequent, and what so many percent of transactions paid at most."""
    percents = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
    at = {f"p{percent}": str(fees[min(len(fees) * percent // 100, len(fees) - 1)]) for percent in percents}
    return {"max": str(fees[-1]), "min": str(fees[0]), "mode": str(max(fees, key=fees.count)), **at}
