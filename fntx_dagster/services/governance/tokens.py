"""The tokens of the treasury as proposals meet them: one that is not configured, or that would go another way than its
own, is refused before anybody votes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.tokens import MOVES, OUTSIDE, TreasuryToken
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.transactions.ledgers import HeldEscrow


def check_token(payload: Mapping[str, Any], kind: str, config: TreasuryConfig) -> None:
    """Raise TransactionRefused for an issue or a redemption that is none, and unless what a proposal of a kind moves is
    a token of the configuration that may go this way; a configuration without a flow says nothing of ways."""
    ledger, intent = payload["ledger"], payload["intent"]
    found = _moved(ledger, intent["params"])
    if intent["op"] == "payment":
        _require_direction(kind, intent, found[1] if found else None)
    if found is None or kind not in MOVES or not any(token.flow for token in config.tokens):
        return
    code, issuer = found
    token = token_of(config, ledger, code, issuer)
    if token is None:
        raise TransactionRefused("unknown_token", f"{code} of {issuer} is no token of the configuration")
    source = role_of(config, ledger, intent["account"])
    to = role_of(config, ledger, str(intent["params"].get("destination")))
    if not token.may_go(kind, source, to):
        ways = [f"from {each.source} to {' or '.join(each.to)}" for each in token.flow if each.kind == kind]
        raise TransactionRefused(
            "not_in_flow",
            f"{code} does not go from {source} to {to} by {kind}: it goes {'; '.join(ways) or 'no way by that'}",
        )


def check_released(escrow: HeldEscrow, payload: Mapping[str, Any], config: TreasuryConfig) -> None:
    """The same for the token of an escrow that is finished: it goes to whom the ledger names, from the role of its
    owner, of the account that finishes it, or of the account for escrows."""
    if isinstance(escrow.amount, str) or not any(token.flow for token in config.tokens):
        return
    ledger, code, issuer = payload["ledger"], escrow.amount["currency"], escrow.amount["issuer"]
    token = token_of(config, ledger, code, issuer)
    if token is None:
        raise TransactionRefused("unknown_token", f"{code} of {issuer} is no token of the configuration")
    to = role_of(config, ledger, escrow.destination)
    sources = (*(role_of(config, ledger, each) for each in (escrow.owner, payload["intent"]["account"])), "escrow")
    if escrow.destination != issuer and not any(token.may_go("escrow.finish", each, to) for each in sources):
        ways = [" or ".join(each.to) for each in token.flow if each.kind == "escrow.finish"]
        raise TransactionRefused(
            "not_in_flow",
            f"the escrow pays {code} to {to}, and by escrow.finish it goes to {'; '.join(ways) or 'nobody'}",
        )


def _require_direction(kind: str, intent: Mapping[str, Any], issuer: str | None) -> None:
    """Who has to be among those who approve goes by the kind: so an issue is one, and a redemption."""
    if kind == "iou.issue" and issuer != intent["account"]:
        raise TransactionRefused("no_issue", "an issue is a payment of tokens by their issuer: this is none")
    if kind == "iou.redeem" and issuer != intent["params"].get("destination"):
        raise TransactionRefused("no_redemption", "a redemption is a payment of tokens to their issuer: this is none")


def token_of(config: TreasuryConfig, ledger: str, code: str, issuer: str | None = None) -> TreasuryToken | None:
    """The token of that code, and of an issuer's address where one is given."""
    for token in config.tokens:
        if (token.ledger, token.code) == (ledger, code) and issuer in (None, token.issuer_address):
            return token
    return None


def role_of(config: TreasuryConfig, ledger: str, address: str) -> str:
    """The role of an account of ours, or `outside`."""
    accounts = config.xrpl_accounts if ledger == "xrpl" else config.stellar_accounts
    return next((role for role, known in accounts.items() if known == address), OUTSIDE)


def _moved(ledger: str, params: Mapping[str, Any]) -> tuple[str, str] | None:
    """The code and the issuer of what an intent moves; None for the ledger's own coin."""
    named = params.get("amount") if ledger == "xrpl" else params.get("asset")
    if not isinstance(named, dict):
        return None
    return str(named.get("currency" if ledger == "xrpl" else "code")), str(named.get("issuer"))
