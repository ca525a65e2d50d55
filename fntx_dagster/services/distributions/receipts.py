"""Cash that came in on a bond, recorded: from a validated transaction of its ledger, or typed with evidence."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

from fntx_dagster.audit.event import EventSubject, LedgerPlace, NewAuditEvent
from fntx_dagster.bonds.deals import minor_units
from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.bonds.steps import held_bond, known_bond
from fntx_dagster.services.distributions.accounts import paying_account
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.cash_receipts import CashReceiptRow, add_receipt
from fntx_dagster.store.treasury.platform import entered

if TYPE_CHECKING:
    from fntx_dagster.services.transactions.ledgers import LedgerPayment
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.treasury.bonds import BondRow

_HASH = re.compile("[0-9a-fA-F]{64}").fullmatch
_LONGEST = 70
_TOO_MUCH = 10**28
"""Minor units: sums of so many digits would be rounded."""


def receipt_of_transaction(
    settings: Settings, db: Database, bond_id: str, tx_hash: str, by: str = TERMINAL
) -> CashReceiptRow:
    """Record the cash of a validated payment to the account that pays the bond's holders. Raises Permanent where no
    such payment is in a ledger, where it is of another asset or to another account, and where it counts already;
    Transient where the server does not answer."""
    if not _HASH(tx_hash):
        raise Permanent(f"{tx_hash[:_LONGEST]!r} is no hash of a transaction", "It has 64 digits of hex")
    with db.connect() as connection:
        bond = known_bond(connection, bond_id)
        config = approved_config(settings, connection)
    with opened(settings, config, bond.cash_ledger) as ledger:
        paid = ledger.payment(tx_hash.lower())
    if paid is None:
        raise Permanent(
            f"no validated ledger holds a payment {tx_hash} that arrived",
            "Wait until it is validated, or copy it whole",
        )
    _require_fits(bond, paid, paying_account(config, bond))
    network = config.network_id if bond.cash_ledger == "xrpl" else config.passphrase
    place = LedgerPlace(bond.cash_ledger, network, paid.hash, paid.ledger)
    row = _row(bond, _amount(bond, f"{paid.amount:f}"), paid.closed_at.astimezone(UTC).date(), by)
    return _recorded(settings, db, row._replace(ledger=place.name, tx_hash=paid.hash, ledger_index=paid.ledger), place)


def receipt_by_evidence(
    settings: Settings,
    db: Database,
    bond_id: str,
    amount: str,
    received_on: date,
    evidence: tuple[str, str],
    reason: str,
    by: str = TERMINAL,
) -> CashReceiptRow:
    """Record cash that no transaction of the bond's ledger shows. `evidence`: the name of the document that does, and
    the SHA-256 of its bytes in hex. Raises Permanent for an amount that is none, and for evidence that counts
    already."""
    name, digest = evidence
    for field, text in (("evidence", name), ("reason", reason)):
        if not text.strip():
            raise Permanent(f"a receipt that is typed needs its {field}", "Say what shows that the cash came in")
        require_plain(field, text)
    name = cleaned(name)  # a file's name may have bytes that are no text
    with db.connect() as connection:
        bond = known_bond(connection, bond_id)
    if received_on > datetime.now(UTC).date():
        raise Permanent(f"received on {received_on}, which is to come", "Record cash when it has come in")
    row = _row(bond, _amount(bond, amount), received_on, by)
    return _recorded(settings, db, row._replace(evidence=name, evidence_sha256=digest, reason=reason), None)


def _require_fits(bond: BondRow, paid: LedgerPayment, account: str) -> None:
    if (paid.code, paid.issuer) != (bond.cash_code, bond.cash_issuer):
        raise Permanent(
            f"the payment {paid.hash} is of {paid.code or 'the own coin'} of {paid.issuer or 'the ledger'}",
            f"The bond {bond.bond_id} is paid in {bond.cash_code} of {bond.cash_issuer}",
        )
    if paid.destination != account:
        raise Permanent(f"the payment {paid.hash} went to {paid.destination}", f"The cash of holders is at {account}")
    if paid.source == account:
        raise Permanent(
            f"the payment {paid.hash} is one of {account} to itself", "Nothing came in by it: record what others paid"
        )


def _amount(bond: BondRow, text: str) -> Decimal:
    units = minor_units(text.rstrip("0").rstrip(".") if "." in text else text, bond.decimals)
    if not units or units >= _TOO_MUCH:
        raise Permanent(
            f"{text[:_LONGEST]!r} is no amount of {bond.currency} above 0 with {bond.decimals} decimals at most",
            "Write it as 150000.00",
        )
    return Decimal(units).scaleb(-bond.decimals)


def _row(bond: BondRow, amount: Decimal, day: date, by: str) -> CashReceiptRow:
    now = datetime.now(UTC)
    return CashReceiptRow(uuid4(), bond.bond_id, amount, day, None, None, None, "", None, "", by, now)


def _recorded(settings: Settings, db: Database, row: CashReceiptRow, place: LedgerPlace | None) -> CashReceiptRow:
    with entered(db) as connection:
        bond = held_bond(connection, row.bond_id)
        if not add_receipt(connection, row):
            what = f"the transaction {row.tx_hash}" if row.tx_hash else f"the evidence {row.evidence_sha256}"
            raise Permanent(f"{what} is recorded already", "Cash counts once: `fntx bond cash` lists what came in")
        told = {
            "bond": bond.bond_id,
            "amount": f"{row.amount:f}",
            "currency": bond.currency,
            "received_on": str(row.received_on),
        }
        if row.evidence_sha256:
            told |= {"sha256": row.evidence_sha256, "reason": row.reason}
        subject = EventSubject("cash_receipt", str(row.receipt_id))
        append(settings, connection, NewAuditEvent("document_attested", row.recorded_by, subject, told, place))
    return row
