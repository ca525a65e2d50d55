"""What programs do with cash and distributions over HTTP: read both, record what came in, compute and propose, set
payments aside and release them, take back what was wrong. To pay is a command: it writes files for signers."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.services.distributions.computing import distribute_next
from fntx_dagster.services.distributions.paying import look
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.reading import cash_of, progress_dict, receipt_dict
from fntx_dagster.services.distributions.receipts import receipt_by_evidence, receipt_of_transaction
from fntx_dagster.services.distributions.setting_aside import propose_set_aside, release
from fntx_dagster.services.distributions.withdrawing import void, withdraw
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.orders.fields import Fields
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.proposals import operator
from fntx_dagster.services.treasury.requests import read_once, reason_of

if TYPE_CHECKING:
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

_HASH = re.compile("[0-9a-fA-F]{64}").fullmatch
_HASH_WORDS = "64 hex digits"
_EVIDENCE = ("amount", "received_on", "evidence", "evidence_sha256", "reason")
_MOST_PERIODS = 10_000


class AskedReceipt(NamedTuple):
    """Cash to record: by the hash of the payment that brought it, or, where that is empty, by evidence."""

    tx_hash: str
    amount: str
    received_on: date | None
    evidence: str
    evidence_sha256: str
    reason: str


class AskedDistribution(NamedTuple):
    """A distribution to compute and propose: the period, else the one that is due, what the travel rule asks for, and
    whether it pays by the register whatever the ledger of the token says about who holds."""

    period: int | None
    travel: Any
    as_registered: bool = False


class AskedAside(NamedTuple):
    """Payments to set aside, by their numbers, and why."""

    payments: list[int]
    reason: str


class AskedRelease(NamedTuple):
    """What was set aside, to release: `address`, where another one than before is paid, and what the travel rule asks
    for."""

    payments: list[int]
    reason: str
    address: str | None
    travel: Any


def asked_receipt(body: bytes) -> AskedReceipt:
    """Cash to record. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    asked = AskedReceipt(
        fields.text("tx_hash", _HASH, _HASH_WORDS, optional=True),
        fields.words("amount") or "",
        fields.day("received_on"),
        fields.words("evidence") or "",
        fields.text("evidence_sha256", _HASH, _HASH_WORDS, optional=True).lower(),
        fields.words("reason") or "",
    )
    given = [name for name in _EVIDENCE if fields.has(name)]
    if not fields.is_wrong and (given if asked.tx_hash else len(given) < len(_EVIDENCE)):
        fields.fault("", "incomplete", f"give tx_hash alone, or all of {', '.join(_EVIDENCE)}")
    fields.finish()
    return asked


def asked_distribution(body: bytes) -> AskedDistribution:
    """A distribution to propose. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    period, travel = fields.take("period"), fields.take("travel_rule")
    if period is not None and not (type(period) is int and 0 < period < _MOST_PERIODS):
        fields.fault("period", "invalid", "not the number of a period of the schedule")
    as_registered = fields.take("as_registered")
    if as_registered is not None and type(as_registered) is not bool:
        fields.fault("as_registered", "invalid", "neither true nor false")
    fields.finish()
    return AskedDistribution(period, travel, bool(as_registered))


def asked_aside(body: bytes) -> AskedAside:
    """Payments to set aside. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    asked = AskedAside(_payments(fields), _reason(fields))
    fields.finish()
    return asked


def asked_release(body: bytes) -> AskedRelease:
    """Payments to release. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    asked = AskedRelease(_payments(fields), _reason(fields), fields.words("address"), fields.take("travel_rule"))
    fields.finish()
    return asked


def _reason(fields: Fields) -> str:
    reason = fields.words("reason") or ""
    if not reason.strip():
        fields.fault("reason", "missing", "the field is missing: why, in at most 500 characters")
    return reason


def _payments(fields: Fields) -> list[int]:
    given = fields.take("payments")
    if given is None:
        fields.fault("payments", "missing", "the field is missing: the numbers of the payments")
        return []
    if type(given) is not list or not given or any(type(each) is not int or each < 1 for each in given):
        fields.fault("payments", "invalid", "not a list of numbers of payments")
        return []
    return given


def receive(settings: Settings, db: Database, caller: Caller, bond_id: str, body: bytes) -> dict[str, Any]:
    """Record cash that came in on a bond; the receipt."""
    asked = asked_receipt(body)
    with declining(asks_ledgers=True):
        if asked.received_on is None:
            return receipt_dict(receipt_of_transaction(settings, db, bond_id, asked.tx_hash, operator(caller)))
        shown = (asked.evidence, asked.evidence_sha256)
        typed = (asked.amount, asked.received_on, shown, asked.reason)
        return receipt_dict(receipt_by_evidence(settings, db, bond_id, *typed, operator(caller)))


def distribute(settings: Settings, db: Database, caller: Caller, bond_id: str, body: bytes) -> dict[str, Any]:
    """Compute the distribution of a bond's cash and propose all its payments as one; or propose what is left of one
    that failed. The distribution then."""
    asked = asked_distribution(body)
    with declining(asks_ledgers=True):
        by, as_registered = operator(caller), asked.as_registered
        row = distribute_next(settings, db, bond_id, asked.period, by, as_registered=as_registered)
        if row.state != "confirmed":  # where all is retained, nobody is paid
            propose_distribution(settings, db, row.distribution_id, asked.travel, operator(caller))
        return _whole(db, row.distribution_id)


def set_aside(settings: Settings, db: Database, caller: Caller, distribution_id: UUID, body: bytes) -> dict[str, Any]:
    """Ask the signers to set payments aside; the proposal."""
    asked = asked_aside(body)
    with declining(asks_ledgers=True):
        by = operator(caller)
        return show(db, propose_set_aside(settings, db, distribution_id, asked.payments, asked.reason, by)).as_dict()


def released(settings: Settings, db: Database, caller: Caller, distribution_id: UUID, body: bytes) -> dict[str, Any]:
    """Ask the signers to pay what was set aside; the release."""
    asked = asked_release(body)
    with declining(asks_ledgers=True):
        row = release(settings, db, distribution_id, *asked, operator(caller))
        return _whole(db, row.distribution_id)


def withdrawn(settings: Settings, db: Database, caller: Caller, distribution_id: UUID, body: bytes) -> dict[str, Any]:
    """Withdraw a distribution; as it is then."""
    reason = reason_of(body)
    with declining(asks_ledgers=True):
        withdraw(settings, db, distribution_id, reason, operator(caller))
        return _whole(db, distribution_id)


def voided(settings: Settings, db: Database, caller: Caller, receipt_id: UUID, body: bytes) -> dict[str, Any]:
    """Void a receipt; it then, and why."""
    reason = reason_of(body)
    with declining():
        return receipt_dict(void(settings, db, receipt_id, reason, operator(caller))) | {"voided": reason}


def cash(db: Database, bond_id: str) -> dict[str, Any]:
    """The cash that came in on a bond, and its distributions."""
    with declining():
        return cash_of(db, bond_id).as_dict()


def one(db: Database, distribution_id: UUID) -> dict[str, Any]:
    """A distribution with its payments."""
    with declining():
        return _whole(db, distribution_id)


def _whole(db: Database, distribution_id: UUID) -> dict[str, Any]:
    whole = progress_dict(db, look(db, distribution_id))
    return {name: value for name, value in whole.items() if name not in ("files", "problems")}
