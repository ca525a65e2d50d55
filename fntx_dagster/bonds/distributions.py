"""A distribution as it is frozen: what it was computed from, its lines, and what each payee is paid where.

The document holds everything that people approve, and its hash is in the proposal that they sign: nothing of it can
change afterwards without another hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.bonds.deals import amounts, distribution_document
from fntx_dagster.bonds.waterfall import RESIDUAL, HolderPayment, Waterfall, WaterfallDeal
from fntx_dagster.errors import Permanent

FORMAT = "fntx-distribution/1"
RELEASE_FORMAT = "fntx-release/1"
EQUITY_LINE = ""
"""Stands for the equity among the lines of payees: no tranche has such an id."""


class Payee(NamedTuple):
    """Who gets a payment: the party, and its account on the ledger of the cash."""

    party: str
    address: str


class PaymentDue(NamedTuple):
    """A payment of a distribution. `amount` has exactly the decimals of the currency."""

    number: int
    step: int
    kind: str
    line_id: str
    payee: Payee
    amount: str
    invoice_id: str


class FrozenDistribution(NamedTuple):
    """A distribution's document in canonical JSON (RFC 8785), the SHA-256 of its bytes in hex, and its payments."""

    document: str
    hash: str
    payments: Sequence[PaymentDue]


def frozen(
    head: Mapping[str, Any],
    inputs: Any,
    deal: WaterfallDeal,
    waterfall: Waterfall,
    payees: Mapping[tuple[str, str], Payee],
) -> FrozenDistribution:
    """A distribution as it is kept. `head`: what it belongs to, `distribution` among it; `inputs`: the document of the
    deal; `payees`: (line, holder) → who is paid; of a fee its id is both, of the equity the line is empty.
    Permanent where a holder has no payee."""
    kinds = {(line.step, line.id): line.kind for line in waterfall.lines}
    amount = amounts(deal.decimals)
    payments = [
        PaymentDue(
            number,
            each.step,
            kinds[each.step, each.id],
            each.id,
            _payee(payees, each, kinds[each.step, each.id]),
            amount(each.amount),
            invoice_id(str(head["distribution"]), number),
        )
        for number, each in enumerate(waterfall.payments, 1)
    ]
    document = {
        "format": FORMAT,
        **head,
        "deal": inputs,
        "result": distribution_document(deal, waterfall),
        "payments": [each._asdict() | {"payee": each.payee._asdict()} for each in payments],
    }
    written = canonical(document)
    return FrozenDistribution(written.decode(), hashlib.sha256(written).hexdigest(), payments)


def invoice_id(distribution: str, number: int) -> str:
    """The id that a payment's transaction carries: SHA-256 of the distribution's id, a slash and the number of the
    payment, in hex. Whoever looks for it finds whether it was paid."""
    return hashlib.sha256(f"{distribution}/{number}".encode()).hexdigest()


def release_id(distribution: str, number: int) -> str:
    """The same of the payment that releases one that was set aside. It is that of the payment that is released, however
    often that is tried: whoever looks for it finds whether it was paid, whatever the database knows."""
    return hashlib.sha256(f"{distribution}/{number}/release".encode()).hexdigest()


def frozen_release(
    head: Mapping[str, Any], currency: str, decimals: int, available: str, payments: Sequence[PaymentDue]
) -> FrozenDistribution:
    """A release of payments that were set aside, as it is kept. `head`: what it belongs to, which payments it releases,
    and why; `available`: the sum of its payments."""
    result = {"currency": currency, "decimals": decimals, "available": available, "lines": []}
    document = {
        "format": RELEASE_FORMAT,
        **head,
        "result": result | {"retained": amounts(decimals)(0)},
        "payments": [each._asdict() | {"payee": each.payee._asdict()} for each in payments],
    }
    written = canonical(document)
    return FrozenDistribution(written.decode(), hashlib.sha256(written).hexdigest(), payments)


def _payee(payees: Mapping[tuple[str, str], Payee], payment: HolderPayment, kind: str) -> Payee:
    payee = payees.get((EQUITY_LINE if kind == RESIDUAL else payment.id, payment.holder))
    if payee is None:
        raise Permanent(f"{payment.holder[:80]!r} of {payment.id[:80]!r} has no account to be paid at", "Enter it")
    return payee
