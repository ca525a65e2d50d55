"""The accounts of a treasury on ledgers that do not exist, as they are once their owners have set them up.

Issuers and treasuries are held by three signers, two of whom move them. Each issuer authorises its
holders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from xrpl.core.binarycodec import encode

from fntx_dagster.simulate.horizon.entries import (
    AUTHORIZED,
    CLAWBACK,
    CLAWED,
    REQUIRED,
    REVOCABLE,
    STROOPS,
    AccountEntry,
    HeldLine,
)
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.xrpl.codes import SUCCESS
from fntx_dagster.simulate.xrpl.engine import attempt, read_blob
from fntx_dagster.simulate.xrpl.ledger import XrplLedger, new_ledger
from fntx_dagster.simulate.xrpl.view import NetworkRules, TrialState

_XRP = 1_000_000
_FEE = "10"
_REQUIRES_AUTH, _AUTHORISES = 2, 0x10000
"""A number of AccountSet, a flag of TrustSet."""
_QUORUM = 2


class AccountsOnXrpl(NamedTuple):
    """Who is who on the XRP Ledger. `holders`: whose lines of up to `limit` tokens the issuer has authorised."""

    issuer: str
    treasury: str
    attestation: str
    signers: list[str]
    holders: list[str]
    currency: str
    limit: str


class AccountsOnStellar(NamedTuple):
    """Who is who on Stellar. `anchor` is held by its own key; the line of `distribution` takes up to `limit` of the
    asset `code`."""

    issuer: str
    distribution: str
    anchor: str
    signers: list[str]
    code: str
    limit: int


def write_xrpl(file: Path, accounts: AccountsOnXrpl, network_id: int) -> None:
    """Write the state that `python -m fntx_dagster.simulate.xrpl --state FILE` begins with."""
    names = [accounts.issuer, accounts.treasury, accounts.attestation, *accounts.holders]
    ledger = new_ledger(dict.fromkeys(names, 1000 * _XRP), NetworkRules(network_id))
    signers = [{"SignerEntry": {"Account": each, "SignerWeight": 1}} for each in accounts.signers]
    token = {"currency": accounts.currency, "issuer": accounts.issuer, "value": accounts.limit}
    _does(ledger, accounts.issuer, "AccountSet", SetFlag=_REQUIRES_AUTH)
    for holder in accounts.holders:
        line = {"currency": accounts.currency, "issuer": holder, "value": "0"}
        _does(ledger, holder, "TrustSet", LimitAmount=token)
        _does(ledger, accounts.issuer, "TrustSet", LimitAmount=line, Flags=_AUTHORISES)
    for account in (accounts.issuer, accounts.treasury):
        _does(ledger, account, "SignerListSet", SignerQuorum=_QUORUM, SignerEntries=signers)
    file.write_text(json.dumps(ledger.document()), encoding="utf-8")


def write_stellar(file: Path, accounts: AccountsOnStellar, passphrase: str) -> None:
    """Write the world that `python -m fntx_dagster.simulate.horizon --state FILE` begins with."""
    network = StellarNetwork(passphrase, world=file)
    held: dict[str, Any] = {"signers": dict.fromkeys(accounts.signers, 1), "master": 0}
    held |= {"low": _QUORUM, "med": _QUORUM, "high": len(accounts.signers)}
    lumens, sequence = 100 * STROOPS, network.last.sequence << 32
    asset = f"{accounts.code}:{accounts.issuer}"
    line = HeldLine(0, accounts.limit * STROOPS, AUTHORIZED | CLAWED)
    for entry in (
        AccountEntry(accounts.issuer, lumens, sequence, REQUIRED | REVOCABLE | CLAWBACK, **held),
        AccountEntry(accounts.distribution, lumens, sequence, lines={asset: line}, **held),
        AccountEntry(accounts.anchor, lumens, sequence),
    ):
        network.give(entry)


def _does(ledger: XrplLedger, account: str, kind: str, **fields: Any) -> None:
    """Let an account do something before the history begins: by the ledger's rules, without a signature."""
    view = TrialState(ledger.entries)
    root = view.root(account)
    assert root is not None
    tx = {"TransactionType": kind, "Account": account, "Fee": _FEE, "Sequence": root["Sequence"], "SigningPubKey": ""}
    sent = read_blob(encode({"Flags": 0} | tx | fields))
    verdict = attempt(view, sent, ledger.coming, signed=False)
    assert verdict.code == SUCCESS, f"{kind} of {account}: {verdict.code}"
    for entry in view.changed.values():
        assert entry is not None
        ledger.replace_entry(entry)
