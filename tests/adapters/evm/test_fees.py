"""What a transaction offers: the node's suggestion, bounded by what recent blocks paid and by the cap."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.evm.transactions import MODEST_TIP, TIP_MULTIPLE, fees_within, suggested_fees
from fntx_dagster.errors import Permanent, Transient

BASE = 7 * 10**9
wei = st.integers(0, 10**13)
blocks = st.lists(st.tuples(wei, st.sampled_from([0.0, 0.4, 1.0])), max_size=20)


def node(tip: int, history: list[tuple[int, float]] | None, base: int | None = BASE) -> Any:
    """web3 over a node that suggests a tip and whose recent blocks had these median tips and fillings; None: it keeps
    no history."""
    from web3 import BaseProvider, Web3

    block = {"number": "0x1", "hash": "0x" + "11" * 32, "timestamp": "0x1"}
    block |= {} if base is None else {"baseFeePerGas": hex(base)}
    answers: dict[str, Any] = {"eth_getBlockByNumber": block, "eth_maxPriorityFeePerGas": hex(tip)}
    if history is not None:
        answers["eth_feeHistory"] = {
            "oldestBlock": "0x1",
            "baseFeePerGas": [hex(BASE)] * (len(history) + 1),
            "gasUsedRatio": [used for _, used in history],
            "reward": [[hex(paid)] for paid, _ in history],
        }

    class Node(BaseProvider):
        def make_request(self, method: Any, params: Any) -> Any:
            if method not in answers:
                return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": f"{method} is not known"}}
            return {"jsonrpc": "2.0", "id": 1, "result": answers[method]}

    return Web3(Node())


@given(tip=wei, history=blocks)
def test_a_tip_is_the_suggested_one_or_less_and_within_the_multiple_of_what_recent_blocks_paid(tip, history):
    fees = suggested_fees(node(tip, history))
    paid = sorted(median for median, used in history if used)
    middle = paid[(len(paid) - 1) // 2] if paid else 0
    assert fees.tip == min(tip, TIP_MULTIPLE * middle if middle else MODEST_TIP)
    assert fees.max_fee == 2 * BASE + fees.tip


def test_a_few_blocks_of_somebody_who_pays_too_much_do_not_raise_it():
    usual, dear = (2 * 10**9, 0.5), (10**13, 0.5)
    assert suggested_fees(node(10**13, [usual] * 11 + [dear] * 9)).tip == TIP_MULTIPLE * 2 * 10**9


@pytest.mark.parametrize("history", [None, [], [(10**13, 0.0)] * 20])
def test_a_node_without_a_history_or_with_empty_blocks_gets_a_modest_tip(history):
    assert suggested_fees(node(10**12, history)).tip == MODEST_TIP
    assert suggested_fees(node(10**12, history), 30 * 10**9).tip == 30 * 10**9
    assert fees_within(node(10**12, history), 10**12, 30 * 10**9).tip == 30 * 10**9


def test_where_tips_are_small_a_node_cannot_ask_for_the_modest_one():
    assert suggested_fees(node(10**12, [(10**6, 0.5)] * 20)).tip == TIP_MULTIPLE * 10**6


def test_the_cap_holds_beside_it():
    fees = fees_within(node(10**13, [(10**12, 0.5)] * 20), 9 * 10**9)
    assert (fees.max_fee, fees.tip) == (9 * 10**9, 9 * 10**9)
    with pytest.raises(Transient, match="is above the cap"):
        fees_within(node(1, []), BASE - 1)


def test_a_chain_without_a_base_fee_is_refused():
    with pytest.raises(Permanent, match="no base fee"):
        suggested_fees(node(1, [], base=None))
