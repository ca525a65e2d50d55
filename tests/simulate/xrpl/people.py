"""Accounts of the tests, with keys that come from their names, and what they send to a simulated ledger."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

from xrpl.constants import CryptoAlgorithm
from xrpl.core.binarycodec import encode, encode_for_multisigning, encode_for_signing
from xrpl.core.keypairs import generate_seed, sign
from xrpl.wallet import Wallet

from fntx_dagster.simulate.xrpl.ledger import XrplLedger, new_ledger
from fntx_dagster.simulate.xrpl.server import XrplServer
from fntx_dagster.simulate.xrpl.view import NetworkRules

XRP = 1_000_000
BOND = "4F50544B41532E424F4E44000000000000000000"  # OPTKAS.BOND
START = 1_800_000_000
"""The clock of the tests' ledgers, in seconds since 1970."""


@cache
def wallet(name: str) -> Wallet:
    """The key of a person: Ed25519, of those whose name ends in `-k1` secp256k1."""
    algorithm = CryptoAlgorithm.SECP256K1 if name.endswith("-k1") else CryptoAlgorithm.ED25519
    return Wallet.from_seed(generate_seed(sha256(name.encode()).hexdigest()[:32], algorithm), algorithm=algorithm)


def address(name: str) -> str:
    return wallet(name).address


def funded(*names: str, drops: int = 1000 * XRP, **rules: Any) -> Town:
    """A ledger on which these have XRP."""
    return Town(new_ledger({address(name): drops for name in names}, NetworkRules(**rules), lambda: START))


class Town(XrplServer):
    """A ledger without a socket, and those who send to it."""

    def __init__(self, ledger: XrplLedger) -> None:
        super().__init__(ledger)

    def info(self, name: str) -> dict[str, Any]:
        return self.ask("account_info", account=address(name), signer_lists=True)

    def drops(self, name: str) -> int:
        return int(self.info(name)["account_data"]["Balance"])

    def line(self, name: str, issuer: str, currency: str = BOND) -> dict[str, Any] | None:
        rows = self.ask("account_lines", account=address(name), peer=address(issuer))["lines"]
        return next((row for row in rows if row["currency"] == currency), None)

    def signed(self, name: str, kind: str, *, by: tuple[str, ...] = (), **fields: Any) -> str:
        """The bytes of a transaction, filled in and signed: by its account, or by several."""
        root = self.ledger.open.root(address(name)) or {"Sequence": 1}
        tx: dict[str, Any] = {
            "TransactionType": kind,
            "Account": address(name),
            "Fee": str(fee_of(fields, len(by))),
            "Flags": 0,
            "Sequence": 0 if "TicketSequence" in fields else root["Sequence"],
            "LastLedgerSequence": self.ledger.last.ledger_index + 20,
            "SigningPubKey": "" if by else wallet(name).public_key,
        }
        return sealed(tx | fields, name, by)

    def send(self, name: str, kind: str, *, by: tuple[str, ...] = (), **fields: Any) -> str:
        """Submit, and say the code."""
        return self.submitted(self.signed(name, kind, by=by, **fields))["engine_result"]

    def submitted(self, blob: str) -> dict[str, Any]:
        return self.ask("submit", tx_blob=blob)

    def does(self, name: str, kind: str, *, by: tuple[str, ...] = (), **fields: Any) -> str:
        """Submit, close the ledger, and say the final code."""
        done = self.submitted(self.signed(name, kind, by=by, **fields))
        self.close_ledger()
        found = self.ask("tx", transaction=done["tx_json"]["hash"])
        return found["meta"]["TransactionResult"] if found.get("validated") else done["engine_result"]

    def total_drops(self) -> int:
        """All XRP there is: in balances and in escrows, with the fees that were burnt."""
        entries = self.ledger.entries.values()
        held = sum(int(each["Balance"]) for each in entries if each["LedgerEntryType"] == "AccountRoot")
        locked = [each["Amount"] for each in entries if each["LedgerEntryType"] == "Escrow"]
        return held + sum(int(amount) for amount in locked if isinstance(amount, str))


def fee_of(fields: dict[str, Any], signers: int) -> int:
    if "Fulfillment" in fields:
        return 10 * (33 + len(fields["Fulfillment"]) // 32 + signers)
    return 10 * (1 + signers)


def sealed(tx: dict[str, Any], name: str, by: tuple[str, ...] = ()) -> str:
    """A transaction signed by its account's master key, or by several for it."""
    if not by:
        return encode(tx | {"TxnSignature": sign(encode_for_signing(tx), wallet(name).private_key)})
    signers = [
        {
            "Signer": {
                "Account": address(each),
                "SigningPubKey": wallet(each).public_key,
                "TxnSignature": sign(encode_for_multisigning(tx, address(each)), wallet(each).private_key),
            }
        }
        for each in by
    ]
    signers.sort(key=lambda each: _account_id(each["Signer"]["Account"]))
    return encode(tx | {"Signers": signers})


def _account_id(account: str) -> bytes:
    from xrpl.core.addresscodec import decode_classic_address

    return decode_classic_address(account)


def token(value: str, issuer: str, currency: str = BOND) -> dict[str, str]:
    return {"currency": currency, "issuer": address(issuer), "value": value}


def signers(quorum: int, *names: str) -> dict[str, Any]:
    """The fields of a SignerListSet."""
    entries = [{"SignerEntry": {"Account": address(name), "SignerWeight": 1}} for name in names]
    return {"SignerQuorum": quorum, "SignerEntries": entries}
