"""The contract of commitments: what it stores and refuses, what it costs, and that it is where its code says."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from fntx_dagster.adapters.evm.artifacts import artifact, custom_errors
from fntx_dagster.adapters.evm.commitments import CommitmentBook, commitments_address, deploy_commitments
from fntx_dagster.adapters.evm.keys import deployer_of
from tests.adapters.evm.bare import BareChain
from tests.tools import ROOT

STRATEGY, OTHER = b"\x11" * 32, b"\x12" * 32
MOST = 150


def made(count: int, mark: int = 0xF0) -> list[bytes]:
    """Commitments without a zero byte: the dearest calldata."""
    return [bytes([mark, number + 1, *[0xFF] * 30]) for number in range(count)]


class Bare:
    """The contract on a chain in memory."""

    def __init__(self) -> None:
        self.chain = BareChain()
        self.one, self.other = self.chain.traders[:2]
        kept = artifact("SignalCommitments")
        self.contract = self.chain._deployed("SignalCommitments", kept["bytecode"])

    def commit(self, sender: str, *arguments: Any) -> Any:
        sent = self.contract.functions.commit(*arguments).transact({"from": sender, "gas": 16_777_216})
        receipt = self.chain.web3.eth.get_transaction_receipt(sent)
        assert receipt["status"] == 1
        return receipt

    def ask(self, function: str, *arguments: Any) -> Any:
        return self.contract.functions[function](*arguments).call()

    def refused(self, sender: str, *arguments: Any) -> tuple[str, int | None]:
        from eth_abi import decode
        from eth_tester.exceptions import TransactionFailed

        data = self.contract.encode_abi("commit", args=arguments)
        call = {"from": sender, "to": self.contract.address, "data": data, "gas": 16_777_216}
        with pytest.raises(TransactionFailed) as caught:
            self.chain._tester.call(call)
        raw = ast.literal_eval(str(caught.value))
        name, inputs = custom_errors()[raw[:4]]
        return name, next(iter(decode([kind for _, kind in inputs], raw[4:])), None)


@pytest.fixture(scope="module")
def started() -> Bare:
    return Bare()


@pytest.fixture
def bare(started: Bare) -> Any:
    snapshot = started.chain.snapshot()
    yield started
    started.chain.revert(snapshot)


def test_commitments_are_numbered_for_each_provider_and_strategy_with_their_time_and_an_event(bare: Bare) -> None:
    first, then = made(1), made(3, 0xE0)
    bare.commit(bare.one, STRATEGY, 0, first)
    at = bare.chain.now()
    receipt = bare.commit(bare.one, STRATEGY, 1, then)
    later = bare.chain.now()
    bare.commit(bare.one, OTHER, 0, first)
    bare.commit(bare.other, STRATEGY, 0, first)
    assert bare.ask("count", bare.one, STRATEGY) == 4
    assert [bare.ask("count", *each) for each in ((bare.one, OTHER), (bare.other, STRATEGY))] == [1, 1]
    assert bare.ask("commitment", bare.one, STRATEGY, 0) == [first[0], at]
    assert bare.ask("commitment", bare.one, STRATEGY, 3) == [then[2], later]
    assert bare.ask("commitment", bare.one, STRATEGY, 4) == [bytes(32), 0]
    events = bare.contract.events.SignalCommitted().process_receipt(receipt)
    assert [dict(event["args"]) for event in events] == [
        {"provider": bare.one, "strategy": STRATEGY, "number": 1 + place, "commitment": each}
        for place, each in enumerate(then)
    ]


def test_commitments_are_read_in_pages(bare: Bare) -> None:
    bare.commit(bare.one, STRATEGY, 0, made(5))
    at = bare.chain.now()
    assert bare.ask("commitments", bare.one, STRATEGY, 0, 1000) == [made(5), [at] * 5]
    assert bare.ask("commitments", bare.one, STRATEGY, 3, 1)[0] == made(5)[3:4]
    for first in (5, 6, 2**256 - 1):
        assert bare.ask("commitments", bare.one, STRATEGY, first, 2**256 - 1) == [[], []]


def test_the_same_call_takes_effect_once_and_a_wrong_batch_never(bare: Bare) -> None:
    bare.commit(bare.one, STRATEGY, 0, made(2))
    assert bare.refused(bare.one, STRATEGY, 0, made(2)) == ("WrongNumber", 2)
    assert bare.refused(bare.one, STRATEGY, 3, made(1)) == ("WrongNumber", 2)
    assert bare.refused(bare.one, STRATEGY, 2, []) == ("InvalidCount", 0)
    assert bare.refused(bare.one, STRATEGY, 2, made(MOST + 1)) == ("InvalidCount", MOST + 1)
    assert bare.refused(bare.one, STRATEGY, 2, [*made(1), bytes(32)]) == ("ZeroCommitment", None)
    assert bare.ask("count", bare.one, STRATEGY) == 2


def test_what_it_costs_is_what_the_documentation_says(bare: Bare) -> None:
    """docs/contracts.md, which rounds; `bench/gas.py` prints the same."""
    first = bare.commit(bare.one, STRATEGY, 0, made(1))["gasUsed"]
    fourth = [bare.commit(bare.one, STRATEGY, number, made(1))["gasUsed"] for number in range(1, 5)]
    most = bare.commit(bare.one, STRATEGY, 5, made(MOST))["gasUsed"]
    assert (first, fourth) == (92_492, [58_304, 58_304, 58_304, 75_404])
    assert 31_500 < most / MOST < 31_600


def test_it_is_made_at_the_address_that_follows_from_its_code_once(chain: Any, settings: Any) -> None:
    book, payer = CommitmentBook(chain.web3, chain.chain_id), deployer_of(settings.paths.keys)
    assert not book.is_deployed()
    assert deploy_commitments(chain, payer)
    assert commitments_address() in (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    code = bytes(chain.web3.eth.get_code(commitments_address()))
    assert code.hex() == artifact("SignalCommitments")["deployedBytecode"].removeprefix("0x")
    nonce = chain.web3.eth.get_transaction_count(payer.address)
    assert not deploy_commitments(chain, payer)
    assert chain.web3.eth.get_transaction_count(payer.address) == nonce
