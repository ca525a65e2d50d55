"""The whole way of a transaction on Stellar: built here, signed elsewhere, combined, submitted, confirmed."""

from __future__ import annotations

from typing import Any

from stellar_sdk import Keypair, TransactionEnvelope

from fntx_dagster.adapters.stellar.building import build
from fntx_dagster.adapters.stellar.combining import combine
from fntx_dagster.adapters.stellar.horizon import Horizon, open_horizon
from fntx_dagster.adapters.stellar.states import Meaning
from fntx_dagster.adapters.stellar.submitting import outcome_of, submit, submit_without_waiting
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.simulate.horizon.network import TESTNET, StellarNetwork
from fntx_dagster.simulate.horizon.server import serve_horizon
from tests.simulate.horizon.parts import HOLDER, ISSUER, PEOPLE, TREASURY

LATER = 3600
USD = {"code": "OPTKASUSD", "issuer": ISSUER.public_key}


class Treasury:
    """A treasury that prepares here, and whose people sign on machines of their own."""

    def __init__(self, horizon: Horizon) -> None:
        self.horizon = horizon

    def sends(self, source: Keypair, *operations: tuple[str, dict[str, Any]], people: Any) -> Any:
        """What became of operations that these people signed."""
        account, last = self.horizon.account(source.public_key), self.horizon.last_ledger()
        assert account is not None
        end = int(last.closed_at.timestamp()) + LATER
        unsigned = build(
            {
                "ledger": "stellar",
                "passphrase": TESTNET,
                "source": source.public_key,
                "sequence": str(account.sequence),
                "base_fee": self.horizon.fee(1000),
                "time_bounds": {"min": 0, "max": end},
                "memo": {"type": "none"},
                "operations": [{"op": op, "params": params} for op, params in operations],
            }
        )
        weights = dict(account.signers) or {source.public_key: 1}
        case = {
            "unsigned_xdr": unsigned.unsigned_xdr,
            "passphrase": TESTNET,
            "threshold": {
                "needed": max(account.thresholds.med, 1),
                "signers": [{"key": key, "weight": weight} for key, weight in weights.items()],
            },
            "parts": [{"xdr": _signed(unsigned.unsigned_xdr, person)} for person in people],
        }
        ready = combine(SpecFields(case))
        assert ready.hash == unsigned.hash
        assert submit(self.horizon, ready.signed_xdr).meaning is Meaning.TAKEN
        assert submit_without_waiting(self.horizon, ready.signed_xdr).meaning is Meaning.SEQUENCE_USED
        return outcome_of(self.horizon, ready.hash, end, last.sequence)


def _signed(unsigned: str, person: Keypair) -> str:
    envelope = TransactionEnvelope.from_xdr(unsigned, TESTNET)
    envelope.sign(person)
    return envelope.to_xdr()


def test_an_issuer_is_set_up_and_issues_with_two_of_three_and_everything_is_confirmed() -> None:
    network = StellarNetwork()
    with serve_horizon(network) as server, open_horizon(server.url, TESTNET) as horizon:
        treasury, root = Treasury(horizon), network.root
        for account in (ISSUER, HOLDER, TREASURY):
            paid = ("account.create", {"destination": account.public_key, "amount": "100"})
            assert treasury.sends(root, paid, people=[root]).state == "confirmed"
        flags = ("account.options", {"set_flags": ["auth_required", "auth_revocable", "auth_clawback_enabled"]})
        signers = [("account.options", {"signer": {"key": each.public_key, "weight": 1}}) for each in PEOPLE]
        locks = ("account.options", {"master_weight": 0, "low": 2, "med": 2, "high": 3})
        assert treasury.sends(ISSUER, flags, *signers, locks, people=[ISSUER]).state == "confirmed"
        opens = ("trustline.set", {"asset": USD, "limit": "1000"})
        assert treasury.sends(HOLDER, opens, people=[HOLDER]).state == "confirmed"
        allows = ("trustline.flags", {"trustor": HOLDER.public_key, "asset": USD, "set": ["authorized"]})
        pays = ("payment", {"destination": HOLDER.public_key, "asset": USD, "amount": "2.5"})
        outcome = treasury.sends(ISSUER, allows, pays, people=PEOPLE)  # the third signature is left out
        assert (outcome.state, outcome.ledger) == ("confirmed", network.last.sequence)
        assert str(horizon.supply(USD["code"], ISSUER.public_key).total) == "2.5000000"
        assert server.problems == []
