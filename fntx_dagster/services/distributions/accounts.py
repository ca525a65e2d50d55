"""Which account of ours pays a bond's cash, and gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fntx_dagster.services.governance.tokens import token_of

if TYPE_CHECKING:
    from fntx_dagster.governance.config import TreasuryConfig
    from fntx_dagster.store.treasury.bonds import BondRow

PAY = "distribution.pay"
_USUAL = {"xrpl": "treasury", "stellar": "distribution"}


def paying_account(config: TreasuryConfig, bond: BondRow) -> str:
    """The account that the configuration's flow of the cash names as the source of distributions; where it names none,
    or several, the treasury's on the XRP Ledger, the distribution account on Stellar."""
    token = token_of(config, bond.cash_ledger, bond.cash_code, bond.cash_issuer)
    sources = {each.source for each in token.flow if each.kind == PAY} if token else set[str]()
    role = sources.pop() if len(sources) == 1 else _USUAL[bond.cash_ledger]
    accounts = config.xrpl_accounts if bond.cash_ledger == "xrpl" else config.stellar_accounts
    return accounts[role]


def payment_intent(bond: BondRow, account: str, address: str, amount: str, invoice: str) -> dict[str, Any]:
    """What a payment of a bond's cash does. Its invoice is the InvoiceID on the XRP Ledger, the memo's hash on
    Stellar."""
    if bond.cash_ledger == "xrpl":
        value = {"currency": bond.cash_code, "issuer": bond.cash_issuer, "value": amount}
        params = {"destination": address, "amount": value, "invoice_id": invoice.upper()}
        return {"op": "payment", "account": account, "params": params}
    asset = {"code": bond.cash_code, "issuer": bond.cash_issuer}
    params = {"destination": address, "asset": asset, "amount": amount}
    return {"op": "payment", "account": account, "params": params, "memo": {"type": "hash", "value": invoice}}
