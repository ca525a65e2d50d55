"""What a proposal of a payment says of who pays and who is paid, above the amount of the travel rule."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fntx_dagster.compliance.travel_rule import TravelParty, TravelPayment, missing_fields, require_fields
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.fields import StrictFields

_PAYING = ("payment", "escrow.create")
_DROPS = Decimal(1_000_000)


def travelling(payload: Mapping[str, Any], document: Any, limit: Decimal) -> dict[str, Any] | None:
    """What the sealed event of a proposal says of both sides; None where nothing is said and nothing has to be. Raises
    Permanent for a payment above the limit that lacks a field, and for another account than the intent has."""
    if "intents" in payload:
        return _of_many(payload, document, limit)
    intent = payload.get("intent")
    if not isinstance(intent, dict) or intent["op"] not in _PAYING:
        if document is not None:
            raise Permanent("only a payment has fields of the travel rule", "Propose it without --travel-rule")
        return None
    params = intent["params"]
    payment = TravelPayment(_amount(payload["ledger"], params["amount"]), TravelParty(), TravelParty())
    if document is None:
        require_fields(payment, limit)
        return None
    fields = StrictFields(document, "")
    payment = payment._replace(originator=_side(fields, "originator"), beneficiary=_side(fields, "beneficiary"))
    fields.end()
    require_fields(payment, limit)
    sides = {"originator": (payment.originator, intent["account"])}
    sides["beneficiary"] = (payment.beneficiary, params["destination"])
    for side, (party, account) in sides.items():
        if party.account and party.account != account:
            raise Permanent(f"{side}.account is not that of the intent", f"It is {account}")
    return {side: party._asdict() for side, (party, _) in sides.items()}


def _of_many(payload: Mapping[str, Any], document: Any, limit: Decimal) -> dict[str, Any] | None:
    """The same of a distribution, whose document has `originator` once and `beneficiaries`: an account → its side."""
    originator, known = TravelParty(), dict[str, TravelParty]()
    if document is not None:
        fields = StrictFields(document, "")
        originator, sides = _side(fields, "originator"), fields.object("beneficiaries")
        known = {address: _side(sides, address) for address in sides.content}
        fields.end()
    paid = {intent["params"]["destination"] for intent in payload["intents"]}
    if strange := [address for address in known if address not in paid]:
        raise Permanent(f"beneficiaries names {strange[0][:70]!r}, which is not paid", "Name those who are")
    if strange := [address for address, party in known.items() if party.account and party.account != address]:
        raise Permanent("beneficiaries has another account than the one that is paid", f"It is {strange[0][:70]}")
    accounts = sorted({intent["account"] for intent in payload["intents"]})
    if originator.account and any(each != originator.account for each in accounts):
        raise Permanent("originator.account is not that of the intents", f"It is {', '.join(accounts)}")
    for intent in payload["intents"]:
        params = intent["params"]
        beneficiary = known.get(params["destination"], TravelParty())
        payment = TravelPayment(_amount(payload["ledger"], params["amount"]), originator, beneficiary)
        _require_of_many(payment, params["destination"], limit)
    if document is None:
        return None
    sides = {address: party._asdict() for address, party in known.items()}
    return {"originator": originator._asdict(), "beneficiaries": sides}


def _require_of_many(payment: TravelPayment, address: str, limit: Decimal) -> None:
    if missing := missing_fields(payment, limit):
        raise Permanent(
            f"a payment of more than {limit} lacks {', '.join(missing)}: that to {address}",
            'Add `--travel-rule FILE`, JSON of the form {"originator": {"name", "account", "address" or "birth_date"}, '
            f'"beneficiaries": {{"{address}": {{"name", "account", "address" or "birth_date"}}}}}}: the beneficiaries '
            "by their addresses on the ledger (FNTX_TRAVEL_RULE_AMOUNT sets the amount)",
        )


def _amount(ledger: str, amount: Any) -> Decimal:
    """In units of the token; XRP is written in drops, and Stellar writes the asset beside the amount."""
    if isinstance(amount, dict):
        return Decimal(amount["value"])
    return Decimal(amount) / _DROPS if ledger == "xrpl" else Decimal(amount)


def _side(fields: StrictFields, name: str) -> TravelParty:
    side = fields.object(name)
    party = TravelParty(*(side.text(each) if side.has(each) else "" for each in TravelParty._fields))
    side.end()
    return party
