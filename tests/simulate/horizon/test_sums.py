"""What holds whatever is sent: lumens are neither made nor lost, an asset is what its issuer paid out and took back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import (
    AccountMerge,
    Asset,
    BumpSequence,
    ChangeTrust,
    Clawback,
    CreateAccount,
    Keypair,
    ManageData,
    Operation,
    Payment,
    SetOptions,
    SetTrustLineFlags,
)
from stellar_sdk.operation.set_options import AuthorizationFlag
from stellar_sdk.operation.set_trust_line_flags import TrustLineFlags

from fntx_dagster.simulate.horizon.headers import TOTAL
from tests.simulate.horizon.parts import HOLDER, ISSUER, LUMEN, STRANGER, TREASURY, USD, USD_KEY, Desk, line

PARTIES = [ISSUER, TREASURY, HOLDER, STRANGER]
parties = st.sampled_from(PARTIES)
amounts = st.sampled_from(["0.0000001", "1", "3.5", "40", "1000000"])
currencies = st.sampled_from([USD, Asset.native()])
line_flags = st.sampled_from(list(TrustLineFlags)[:2])
account_flags = st.sampled_from(list(AuthorizationFlag))
operations = st.one_of(
    st.builds(lambda to, much: CreateAccount(to.public_key, much), parties, amounts),
    st.builds(lambda to, what, much: Payment(to.public_key, what, much), parties, currencies, amounts),
    st.builds(lambda much: ChangeTrust(USD, much), st.sampled_from(["0", "30", "1000"])),
    st.builds(lambda who, sets: SetTrustLineFlags(who.public_key, USD, set_flags=sets), parties, line_flags),
    st.builds(lambda who, clears: SetTrustLineFlags(who.public_key, USD, clear_flags=clears), parties, line_flags),
    st.builds(lambda who, much: Clawback(USD, who.public_key, much), parties, amounts),
    st.builds(lambda sets: SetOptions(set_flags=sets), account_flags),
    st.builds(lambda value: ManageData("name", value), st.sampled_from([b"value", None])),
    st.builds(BumpSequence, st.integers(0, 20)),
    st.builds(lambda to: AccountMerge(to.public_key), parties),
)
batches = st.lists(st.tuples(parties, st.lists(operations, min_size=1, max_size=3)), max_size=12)


def issued(source: Keypair, operation: Operation) -> int:
    """How many stroops of the dollar an operation that went through made or took away."""
    if isinstance(operation, Clawback):
        return -int(Decimal(operation.amount) * LUMEN)
    if not isinstance(operation, Payment) or operation.asset.is_native():
        return 0
    ends = (source == ISSUER) - (operation.destination.account_id == ISSUER.public_key)
    return ends * int(Decimal(operation.amount) * LUMEN)


@given(batches)
def test_lumens_and_issued_assets_are_conserved(sent: list[tuple[Keypair, list[Operation]]]) -> None:
    desk = Desk(issuer={"flags": 10}, treasury=line(50, flags=5), holder=line(0))
    network = desk.network
    network.accounts[network.root.public_key] = funded(network, 300 * LUMEN)
    expected = 50 * LUMEN
    for source, batch in sent:
        before = {key: entry.sequence for key, entry in network.accounts.items()}
        came = desk.send(source, *batch)
        if came.code == "tx_success":
            expected += sum(issued(source, operation) for operation in batch)
        elif not came.in_ledger:
            assert before == {key: entry.sequence for key, entry in network.accounts.items()}
        lumens = sum(entry.balance for entry in network.accounts.values())
        assert lumens + network.last.fee_pool == TOTAL
        lines = [entry.lines[USD_KEY] for entry in network.accounts.values() if USD_KEY in entry.lines]
        assert sum(each.balance for each in lines) == expected
        assert all(0 <= each.balance <= each.limit for each in lines)
        assert all(entry.balance >= 0 for entry in network.accounts.values())


def funded(network: Any, given_away: int) -> Any:
    """The root after it gave the accounts of the desk their lumens."""
    root = network.accounts[network.root.public_key]
    return root.__class__(**{**root.__dict__, "balance": TOTAL - given_away})
