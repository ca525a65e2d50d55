"""The travel rule: what a payment says of who pays and who is paid, above an amount."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.errors import Permanent


class TravelParty(NamedTuple):
    """What a payment says of one side; what it does not say is empty."""

    name: str = ""
    account: str = ""
    address: str = ""
    birth_date: str = ""


class TravelPayment(NamedTuple):
    """A payment: its amount in the currency of the token, who pays and who is paid."""

    amount: Decimal
    originator: TravelParty
    beneficiary: TravelParty


def missing_fields(transfer: TravelPayment, limit: Decimal) -> list[str]:
    """What a payment of more than `limit` must say and does not; nothing where it is not more."""
    if transfer.amount <= limit:
        return []
    sides = {"originator": transfer.originator, "beneficiary": transfer.beneficiary}
    return [f"{side} {field}" for side, party in sides.items() for field in _missing(party)]


def require_fields(transfer: TravelPayment, limit: Decimal) -> None:
    """Raise Permanent with every field of the travel rule that a payment lacks."""
    if missing := missing_fields(transfer, limit):
        raise Permanent(
            f"a payment of more than {limit} lacks {', '.join(missing)}",
            'Add `--travel-rule FILE`, JSON of the form {"originator": {"name", "account", "address" or "birth_date"}, '
            '"beneficiary": {…}}: account is the address on the ledger (FNTX_TRAVEL_RULE_AMOUNT sets the amount)',
        )


def _missing(party: TravelParty) -> list[str]:
    missing = [field for field in ("name", "account") if not getattr(party, field).strip()]
    return missing if party.address.strip() or party.birth_date.strip() else [*missing, "address or date of birth"]
