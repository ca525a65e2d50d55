"""A small world on a simulated Stellar network: keys of public words, accounts, and what came of a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from stellar_sdk import Account, Asset, Keypair, Operation, TransactionBuilder, TransactionEnvelope, xdr
from stellar_sdk.operation.set_options import AuthorizationFlag

from fntx_dagster.simulate.horizon.entries import AccountEntry, HeldLine
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.routes import Routes

NOW = 1_790_000_000
LUMEN = 10_000_000


def key(word: str) -> Keypair:
    """A key that follows from a word: never fund it on a real network."""
    return Keypair.from_raw_ed25519_seed(hashlib.sha256(f"test key {word}".encode()).digest())


ISSUER, TREASURY, HOLDER, STRANGER = key("issuer"), key("treasury"), key("holder"), key("stranger")
PEOPLE = [key("one"), key("two"), key("three")]
USD = Asset("OPTKASUSD", ISSUER.public_key)
USD_KEY = f"OPTKASUSD:{ISSUER.public_key}"
ALL_AUTH = (
    AuthorizationFlag.AUTHORIZATION_REQUIRED
    | AuthorizationFlag.AUTHORIZATION_REVOCABLE
    | AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED
)


class Came(NamedTuple):
    """What came of a transaction. `in_ledger`: its fee and its sequence are spent."""

    code: str
    operations: list[str]
    in_ledger: bool


class Desk:
    """A network whose clock stands still, with an issuer and two holders in the state that a test names."""

    def __init__(self, **accounts: dict[str, Any]) -> None:
        self.network = StellarNetwork(clock=lambda: NOW)
        self.routes = Routes(self.network, "http://127.0.0.1", 0, self._close)
        keys = {"issuer": ISSUER, "treasury": TREASURY, "holder": HOLDER}
        for name, owner in keys.items():
            fields = {"balance": 100 * LUMEN, "sequence": 0, **accounts.get(name, {})}
            if fields["balance"]:
                self.network.put(AccountEntry(owner.public_key, **fields))

    def _close(self) -> None:
        self.network.close()

    def account(self, owner: Keypair) -> AccountEntry:
        """An account now."""
        return self.network.accounts[owner.public_key]

    def line(self, owner: Keypair) -> HeldLine:
        """The owner's line to the issuer's dollars."""
        return self.account(owner).lines[USD_KEY]

    def build(self, source: Keypair, *operations: Operation, **given: Any) -> TransactionEnvelope:
        """A transaction of an account's next sequence, not signed. `given`: fee, minimum, maximum, sequence."""
        known = self.network.accounts.get(source.public_key)
        sequence = given.get("sequence", known.sequence if known else 0)
        builder = TransactionBuilder(
            Account(source.public_key, sequence), self.network.passphrase, given.get("fee", 100)
        )
        builder.add_time_bounds(given.get("minimum", 0), given.get("maximum", NOW + 3600))
        for operation in operations:
            builder.append_operation(operation)
        return builder.build()

    def send(
        self, source: Keypair, *operations: Operation, signers: Sequence[Keypair] | None = None, **given: Any
    ) -> Came:
        """Build, sign and submit; a ledger closes."""
        envelope = self.build(source, *operations, **given)
        for signer in [source] if signers is None else signers:
            envelope.sign(signer)
        return self.submit(envelope)

    def submit(self, envelope: Any) -> Came:
        """Submit an envelope as Horizon would take it; its ledger closes."""
        answer = self.routes.post("/transactions", {"tx": envelope.to_xdr()})
        digest = envelope.hash_hex()
        found = self.routes.get(f"/transactions/{digest}", {})
        if answer.status == 200:
            assert found.document["successful"]
            result = xdr.TransactionResult.from_xdr(answer.document["result_xdr"])
            assert result.result.code in (0, 1)
            return Came("tx_success", [], True)
        extras = answer.document["extras"]
        xdr.TransactionResult.from_xdr(extras["result_xdr"])
        codes = extras["result_codes"]
        code = codes.get("inner_transaction", codes["transaction"])
        return Came(code, codes.get("operations", []), found.status == 200)


def line(balance: int = 0, limit: int = 1000, flags: int = 1) -> dict[str, Any]:
    """The fields of an account with a line to the issuer's dollars; amounts in whole dollars."""
    return {"lines": {USD_KEY: HeldLine(balance * LUMEN, limit * LUMEN, flags)}}


def multisig(*people: Keypair, low: int = 2, med: int = 2, high: int = 3) -> dict[str, Any]:
    """The fields of an account that its people hold, its own key being without weight."""
    signers = {person.public_key: 1 for person in people or PEOPLE}
    return {"signers": signers, "master": 0, "low": low, "med": med, "high": high}
