"""Our own records, as the calculator reads them: what should be on the ledgers by what was decided, confirmed, logged
and stated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.adapters.stellar.history import read_envelope
from fntx_dagster.adapters.xrpl.history import signers_of_blob
from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.reconciliation.cross_checks import ANCHOR_KEY
from fntx_dagster.reconciliation.xrpl_checks import OPEN_ESCROWS
from fntx_dagster.services.auditing.keys import key_of
from fntx_dagster.services.transactions.ledgers import operations_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.audit_log import lines_of_types, log_size, logged_at
from fntx_dagster.store.treasury.bonds import bonds
from fntx_dagster.store.treasury.escrows import EscrowRow, escrows
from fntx_dagster.store.treasury.ledger_anchors import ledger_anchors
from fntx_dagster.store.treasury.on_ledgers import (
    SentTransactionRow,
    anchored_sizes,
    checkpoint_marks,
    sent_transactions,
    standing_keys,
)
from fntx_dagster.store.treasury.reconciliations import newest_statement
from fntx_dagster.store.treasury.signer_sets import signer_sets, signers_of

XRP = "XRP"
_BEFORE_FUNDED = ("Draft", "Structuring", "Pending_Approval", "Active", "Rejected", "Funding", "Paused")
_IN_A_LEDGER = ("transaction_confirm", "transaction_fail")
Record = dict[str, Any]
SignerIds = Mapping[str, Mapping[str, str]]
"""Of each ledger, address → who signs with its key."""


class Issuance(NamedTuple):
    """How much of a token confirmed payments brought out, and how much came back."""

    issued: Decimal
    redeemed: Decimal


def signer_ids(connection: Connection, config: TreasuryConfig, now: datetime) -> dict[str, dict[str, str]]:
    """Of each ledger, who signs with which key: the signers of every version, and the keys of standing approvals."""
    known: dict[str, dict[str, str]] = {"xrpl": {}, "stellar": {}}
    for row in standing_keys(connection, now):
        known[json.loads(row.template)["ledger"]][row.key] = ANCHOR_KEY
    for version in reversed(signer_sets(connection)):
        for signer in signers_of(connection, version.version):
            known["xrpl"][signer.xrpl] = known["stellar"][signer.stellar] = signer.signer_id
    for each in config.signers:
        known["xrpl"][each.xrpl] = known["stellar"][each.stellar] = each.id
    return known


def records_of(
    settings: Settings,
    connection: Connection,
    config: TreasuryConfig,
    ids: Mapping[str, Mapping[str, str]],
    now: datetime,
) -> Record:
    """All records, at a time (aware). What cannot be read is `{"error": why}` in its place."""
    sent = sent_transactions(connection, [("xrpl", f"{config.network_id}"), ("stellar", config.passphrase)])
    there = [row for row in sent if row.outcome_ledger is not None]
    ours = [each for each in escrows(connection) if each.network_id == config.network_id]
    supplies = _issuances(row for row in there if row.state == "confirmed")
    statement = newest_statement(connection)
    return {
        "escrows": [
            _escrow(each) for each in ours if each.network_id == config.network_id and each.sequence is not None
        ],
        "checkpoints": [
            {"size": mark.size, "root": mark.root.hex(), "time_s": int(mark.made_at.timestamp())}
            for mark in checkpoint_marks(connection)
        ],
        **_supply(connection, config, supplies),
        "escrow_total": _total(ours, None if statement is None else statement.token),
        "custodian": None if statement is None else f"{statement.total:f}",
        "confirmed": [_transaction(row, ids) for row in there],
        "under_way": [_transaction(row, ids) for row in sent if row.outcome_ledger is None],
        "oldest": {ledger: _oldest(there, ledger) for ledger in ("xrpl", "stellar")},
        "audited": _audited(settings, connection),
        "first_unanchored_age_s": _unanchored_age(connection, config, now),
        "standing_keys": _standing(connection, config, now),
    }


def _escrow(row: EscrowRow) -> Record:
    return {
        "owner": row.owner,
        "sequence": row.sequence,
        "destination": row.destination,
        "amount": f"{row.amount:f}"
        if row.currency is None
        else {"currency": row.currency, "issuer": row.issuer, "value": f"{row.amount:f}"},
        "condition": row.condition,
        "finish_after": _moment(row.finish_after),
        "cancel_after": _moment(row.cancel_after),
        "state": row.state,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _total(ours: Iterable[EscrowRow], token: str | None) -> str:
    """What our open escrows hold of a token, or of all tokens where nobody stated one; XRP in drops."""
    held = [row for row in ours if row.state.lower() in OPEN_ESCROWS]
    of_token = [row for row in held if token is None or (row.currency or XRP) == token]
    return f"{sum((row.amount for row in of_token if token or row.currency), Decimal(0)):f}"


def _issuances(confirmed: Iterable[SentTransactionRow]) -> dict[tuple[str, str, str], Issuance]:
    """By ledger, code and issuer."""
    found: dict[tuple[str, str, str], Issuance] = {}
    for row in confirmed:
        intent = row.intent
        for operation in operations_of(intent):
            moved = _moved(row.ledger, operation.get("source", intent["account"]), operation)
            if moved is not None:
                token, issued, redeemed = moved
                before = found.get(token, Issuance(Decimal(0), Decimal(0)))
                found[token] = Issuance(before.issued + issued, before.redeemed + redeemed)
    return found


def _moved(ledger: str, by: str, operation: dict[str, Any]) -> tuple[tuple[str, str, str], Decimal, Decimal] | None:
    """What an operation brings out of a token and takes back; None where it moves none."""
    params = operation["params"]
    if operation["op"] not in ("payment", "clawback"):
        return None
    asset, value = params.get("asset"), params.get("amount")
    if ledger == "xrpl":
        asset, value = value, value.get("value") if isinstance(value, dict) else None
    if not isinstance(asset, dict) or value is None:
        return None  # XRP or lumens, which nobody issues
    token = (ledger, asset["currency" if ledger == "xrpl" else "code"], asset["issuer"])
    amount, nothing = Decimal(value), Decimal(0)
    if operation["op"] == "payment" and by == token[2]:
        return token, amount, nothing
    is_back = operation["op"] == "clawback" or params.get("destination") == token[2]
    return (token, nothing, amount) if is_back else None


def _supply(
    connection: Connection, config: TreasuryConfig, supplies: Mapping[tuple[str, str, str], Issuance]
) -> Record:
    issuer = config.xrpl_accounts[config.document["xrpl"]["issuer_role"]]
    known = {token.code for token in config.tokens if (token.ledger, token.issuer_address) == ("xrpl", issuer)}
    known |= {code for ledger, code, of in supplies if (ledger, of) == ("xrpl", issuer)}
    nothing = Issuance(Decimal(0), Decimal(0))
    of_issuer = {code: supplies.get(("xrpl", code, issuer), nothing) for code in sorted(known)}
    asset = config.document["stellar"]["asset"]
    on_stellar = supplies.get(("stellar", asset["code"], asset["issuer"]), nothing)
    return {
        "issued": {code: f"{each.issued:f}" for code, each in of_issuer.items()},
        "redeemed": {code: f"{each.redeemed:f}" for code, each in of_issuer.items()},
        "funded": {code: f"{amount:f}" for code, amount in _funded(connection, issuer, of_issuer).items()},
        "stellar_issued": f"{on_stellar.issued - on_stellar.redeemed:f}",
    }


def _funded(connection: Connection, issuer: str, of_issuer: Mapping[str, Issuance]) -> dict[str, Decimal]:
    """How much of each token is funded: of a bond's token the notional of its bonds that are; of another as much as was
    issued, because nothing has to fund it."""
    funded = {code: each.issued - each.redeemed for code, each in of_issuer.items()}
    ours = [row for row in bonds(connection) if (row.token_ledger, row.token_issuer) == ("xrpl", issuer)]
    for code in {row.token_code for row in ours}:
        notionals = [row.notional for row in ours if row.token_code == code and row.state not in _BEFORE_FUNDED]
        funded[code] = sum(notionals, Decimal(0))
    return funded


def _transaction(row: SentTransactionRow, ids: SignerIds) -> Record:
    if row.ledger == "xrpl":
        signers: Iterable[str] = signers_of_blob(row.signed)
    else:
        envelope = read_envelope(row.signed, _passphrase(row), row.signers)
        signers = () if envelope is None else envelope.signers
    record: Record = {"hash": row.hash, "signers": [ids[row.ledger].get(each, each) for each in signers]}
    if row.standing_id is not None:
        record["covered_by"] = "standing"
    elif [*row.signers] == [row.account]:
        record["covered_by"] = "setup"
    return record


def _passphrase(row: SentTransactionRow) -> str:
    return json.loads(row.payload)["network_id"]


def _oldest(rows: Iterable[SentTransactionRow], ledger: str) -> int | None:
    """The first ledger that holds a transaction of ours."""
    return min((row.outcome_ledger for row in rows if row.ledger == ledger and row.outcome_ledger), default=None)


def _audited(settings: Settings, connection: Connection) -> list[str] | Record:
    """The hashes of the transactions that an event of the log says a ledger holds."""
    found = []
    try:
        for line in lines_of_types(connection, 0, (), _IN_A_LEDGER):
            place = unsealed(line, key_of(settings, line.key_id).secret)["ledger"]
            found += [place["tx"]] if place else []
    except Permanent as error:
        return {"error": error.message}
    return found


def _unanchored_age(connection: Connection, config: TreasuryConfig, now: datetime) -> int | None:
    """How long the oldest event waits that no anchor covers, on each of the two ledgers: neither one that its ledger
    holds, nor one that was made in time and is on its way."""
    held = anchored_sizes(connection)
    covered = []
    accounts = {"xrpl": config.xrpl_accounts["attestation"], "stellar": config.stellar_anchor}
    for ledger, network in (("xrpl", f"{config.network_id}"), ("stellar", config.passphrase)):
        young = [
            row.size
            for row in ledger_anchors(connection, ledger, network, accounts[ledger])
            if row.is_open(now) and now - row.created_at < timedelta(seconds=config.anchor_every_s)
        ]
        covered.append(max([held.get(ledger, 0), *young]))
    first = min(covered)
    at = logged_at(connection, first) if first < log_size(connection) else None
    return None if at is None else max(0, int((now - at).total_seconds()))


def _standing(connection: Connection, config: TreasuryConfig, now: datetime) -> Record:
    """The keys that may sign alone now, by ledger and role."""
    roles = {
        "xrpl": {address: role for role, address in config.xrpl_accounts.items()},
        "stellar": {address: role for role, address in config.stellar_accounts.items()},
    }
    keys: Record = {ledger: {} for ledger in roles}
    for row in standing_keys(connection, now):
        template = json.loads(row.template)
        role = roles[template["ledger"]].get(template["intent"]["account"])
        if row.is_active and role is not None:
            keys[template["ledger"]].setdefault(role, []).append(row.key)
    return keys
