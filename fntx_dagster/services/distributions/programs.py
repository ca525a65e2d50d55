"""What programs do with cash and distributions over HTTP: read both, record what came in, compute and propose. To pay
is a command: it writes files for signers."""

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
from fntx_dagster.services.orders.fields import Fields
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.proposals import operator
from fntx_dagster.services.treasury.requests import read_once

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
