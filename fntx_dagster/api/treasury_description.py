"""What the OpenAPI document says of the bodies that the treasury takes."""

from typing import Any

from fntx_dagster.api.description import KEY, PARTIES, body_of

_HEX = {"type": "string", "pattern": "^[0-9A-Fa-f]+$"}

PROPOSAL = body_of(
    {
        "kind": {
            "type": "string",
            "description": "Such as iou.issue or emergency.pause (docs/treasury.md).",
        },
        "payload": {
            "type": "object",
            "description": "What the kind asks for: an intent `{ledger, network_id, intent: {op, account, params}}` of "
            "what moves on a ledger, `{reason}` of a pause. Amounts are texts; a number that is not whole is refused.",
        },
        "parties": PARTIES | {"description": "Ids of parties to screen beside those whose addresses the payload has."},
        "travel_rule": {
            "type": "object",
            "description": "Who pays and who is paid, above FNTX_TRAVEL_RULE_AMOUNT: originator and beneficiary.",
        },
        "idempotency_key": KEY,
    },
    ["kind", "payload"],
    {"kind": "emergency.pause", "payload": {"reason": "a key may be lost"}},
)
DECISION: dict[str, Any] = body_of(
    {
        "signer": {"type": "string", "description": "The id of the signer, as the signer set has it."},
        "decision": {"type": "string", "enum": ["approve", "reject"]},
        "signature": _HEX | {"description": "Over the bytes of `to_sign` of this decision, in hex."},
        "proposal": {"type": "string", "format": "uuid", "description": "Compared with that of the path."},
    },
    ["signer", "decision", "signature"],
    {"signer": "treasury", "decision": "approve", "signature": "3045022100C0FFEE"},
)
CANCELLATION = body_of(
    {"reason": {"type": "string", "minLength": 1, "maxLength": 500, "description": "Why; the audit log keeps it."}},
    ["reason"],
    {"reason": "the order was withdrawn"},
)
_REASON = {"type": "string", "minLength": 1, "maxLength": 500, "description": "Why, without names of people."}
ESCROW = body_of(
    {
        "escrow": {
            "type": "object",
            "description": "`template` (bond_funding or settlement), `destination`, `amount` (drops, or currency, "
            "issuer and value), and where needed `from`, `destination_tag`, `bond` (docs/escrows.md).",
        },
        "parties": PARTIES | {"description": "Ids of parties to screen beside the destination's: yourselves."},
        "travel_rule": {
            "type": "object",
            "description": "Who pays and who is paid, above FNTX_TRAVEL_RULE_AMOUNT: originator and beneficiary.",
        },
    },
    ["escrow"],
    {
        "escrow": {
            "template": "settlement",
            "destination": "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH",
            "amount": "25000000",
        },
        "parties": ["house"],
    },
)
ESCROW_REASON = body_of({"reason": _REASON}, ["reason"], {"reason": "the deed is contested"})
ESCROW_CANCELLATION = body_of({"reason": _REASON | {"minLength": 0}}, [], {})
DOCUMENT = body_of(
    {
        "sha256": {"type": "string", "pattern": "^[0-9A-Fa-f]{64}$", "description": "Of the document's bytes."},
        "title": {"type": "string", "minLength": 1, "maxLength": 200, "description": "What the document is."},
    },
    ["sha256", "title"],
    {"sha256": "ab" * 32, "title": "title deed"},
)
_STRATEGY = {
    "type": "object",
    "description": "strategy (twap, vwap or limit), side, base, quote, quantity, start, end, slices, and where needed "
    "decimals, batch, limit_price, profile (docs/execution.md).",
}
_SALE = {
    "strategy": "twap",
    "side": "sell",
    "base": {"currency": "OPTKAS.BOND", "issuer": "rsHYN6ndveeRbq23UJm3MjqSFv9h2ntdnh"},
    "quote": {"currency": "XRP"},
    "quantity": "1000",
    "start": "2027-01-04T09:00:00Z",
    "end": "2027-01-04T17:00:00Z",
    "slices": 8,
}
STRATEGY = body_of({"strategy": _STRATEGY, "idempotency_key": KEY}, ["strategy"], {"strategy": _SALE})
DRY_RUN = body_of({"strategy": _STRATEGY}, ["strategy"], {"strategy": _SALE})
DESK_REASON = body_of({"reason": _REASON}, ["reason"], {"reason": "prices are wrong"})
BOND_TERMS = body_of(
    {
        "terms": {
            "type": "object",
            "description": "id, name, issuer, token, cash, currency, decimals, notional, rate, day_count, cycle, "
            "start, maturity, and where needed funding, business_days, calendar, grace_days, cure_days, fees "
            "(docs/bonds.md).",
        }
    },
    ["terms"],
    {"terms": {"id": "BOND-2026-1", "name": "Solar park", "issuer": "house", "notional": "1500000.00"}},
)
BOND_STRUCTURE = body_of(
    {"structure": {"type": "object", "description": "series with their tranches and holders, and equity."}},
    ["structure"],
    {"structure": {"series": [{"id": "S1", "notional": "1500000.00", "tranches": []}], "equity": []}},
)
BOND_TRANSFER = body_of(
    {
        "transfer": {
            "type": "object",
            "description": "`transfers`: each `tranche` or `equity` (true), `from`, `to`, and where needed "
            "`units` and `address`; `record_date`, the ledger's date where it is left out; `reason`. With "
            "`from_ledger` (true) instead of `transfers`: what holders moved on the token's ledger.",
        }
    },
    ["transfer"],
    {"transfer": {"record_date": "2026-05-01", "transfers": [{"tranche": "A", "from": "ada", "to": "bob"}]}},
)
BOND_TRANSITION = body_of(
    {
        "event": {"type": "string", "description": "An event of `possible_events` of the bond, such as accelerate."},
        "reason": _REASON | {"minLength": 0},
    },
    ["event"],
    {"event": "pause", "reason": "the register of holders is wrong"},
)
BOND_RECEIPT = body_of(
    {
        "tx_hash": _HEX | {"minLength": 64, "maxLength": 64, "description": "Of the payment that brought it; alone."},
        "amount": {"type": "string", "description": "Where no ledger shows it: how much, such as 150000.00."},
        "received_on": {"type": "string", "format": "date", "description": "The day on which it came in."},
        "evidence": {"type": "string", "description": "The name of the document that shows it."},
        "evidence_sha256": _HEX | {"minLength": 64, "maxLength": 64, "description": "SHA-256 of its bytes."},
        "reason": _REASON,
    },
    [],
    {"tx_hash": "ab" * 32},
)
BOND_DISTRIBUTION = body_of(
    {
        "period": {"type": "integer", "minimum": 1, "description": "Of the schedule; left out, the one that is due."},
        "travel_rule": {
            "type": "object",
            "description": "Who pays and who is paid, above FNTX_TRAVEL_RULE_AMOUNT: originator and beneficiaries, an "
            "address to its side.",
        },
        "as_registered": {
            "type": "boolean",
            "description": "Pay by the register of holders, though the ledger of the token says otherwise.",
        },
    },
    [],
    {},
)
_PAYMENTS = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}, "description": "By number."}
ASIDE = body_of(
    {"payments": _PAYMENTS, "reason": _REASON},
    ["payments", "reason"],
    {"payments": [3], "reason": "the account is closed"},
)
RELEASE = body_of(
    {
        "payments": _PAYMENTS,
        "reason": _REASON,
        "address": {"type": "string", "description": "Another one of the payee, which the bond's register names."},
        "travel_rule": {"type": "object", "description": "As for a distribution."},
    },
    ["payments", "reason"],
    {"payments": [3], "reason": "it opened an account"},
)
BOND_REASON = body_of({"reason": _REASON}, ["reason"], {"reason": "the register was of the day before"})
SIGNATURES = body_of(
    {
        "blob": _HEX | {"description": "XRP Ledger: the blob that xrpl.transaction.sign(…, multisign=True) gives."},
        "xdr": {"type": "string", "description": "Stellar: the signed envelope, in base64."},
        "account": {"type": "string", "description": "XRP Ledger: who signed, beside public_key and signature."},
        "public_key": {"type": "string", "description": "Of one signature: in hex, on Stellar G…."},
        "signature": {"type": "string", "description": "One signature: in hex, on Stellar in base64."},
    },
    [],
    {"blob": "1200002200000000…"},
)
_CASE_PARTY = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "schema": {"type": "string", "description": "Person, Company, Organization, Vessel …; else not known."},
        "birth_date": {"type": "string", "description": "1961-04-02, 1961-04 or 1961."},
        "countries": {"type": "array", "items": {"type": "string", "description": "Two letters."}},
    },
    "required": ["name"],
}
SCREENING = body_of(
    {
        "parties": PARTIES | {"description": "Ids of known parties: each check is kept."},
        "cases": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "description": "In place of parties, names: nothing is kept.",
            "items": {
                "type": "object",
                "properties": {"id": {}, "kind": {"type": "string", "enum": ["screen"]}, "party": _CASE_PARTY},
                "required": ["kind", "party"],
            },
        },
        "party": _CASE_PARTY | {"description": "In place of cases, one of them."},
        "kind": {"type": "string", "enum": ["screen"], "description": "Beside party, as in a case."},
    },
    [],
    {"cases": [{"id": "a", "kind": "screen", "party": {"name": "Helena Brightwater", "birth_date": "1970"}}]},
)
_DISPOSITION = {
    "verdict": {"type": "string", "enum": ["false_positive", "true_match"]},
    "reason": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "Why, without names of people."},
    "entity": {"type": "string", "description": "The entity of the match; else all matches of the check."},
}
_SIGNED = {
    "signer": {"type": "string", "description": "A signer of the role compliance, with his signature."},
    "signature": _HEX | {"description": "Over the bytes of to-sign for the same words, in hex."},
}
_DECIDED = {"verdict": "false_positive", "reason": "Born in 1987 by the passport."}
DISPOSITION = body_of(_DISPOSITION | _SIGNED, ["verdict", "reason"], _DECIDED)
DISPOSITION_BYTES = body_of(_DISPOSITION, ["verdict", "reason"], _DECIDED)
