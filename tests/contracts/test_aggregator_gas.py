"""What a pool costs, on anvil as it is now and after the next hard fork, and on the embedded chain's EVM: the figures
of docs/contracts.md, which rounds, and the limits that the contracts are built for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contracts.chains import Anvil, InMemory, TestChain
from tests.contracts.costs import costs
from tests.tools import needs_anvil

SUBMIT, FIRST_SUBMIT, CHALLENGE, OPEN = 270_000, 600_000, 2_500_000, 375_000


@pytest.mark.parametrize(
    "chain_of",
    [
        pytest.param(Anvil, marks=needs_anvil, id="prague"),
        pytest.param(lambda: Anvil("osaka"), marks=needs_anvil, id="osaka"),
        pytest.param(InMemory, id="embedded"),
    ],
)
def test_what_a_pool_costs_is_below_its_limits(chain_of: Callable[[], TestChain]) -> None:
    chain = chain_of()
    try:
        used = costs(chain)
    finally:
        chain.stop()
    assert used["first submission of a day"] <= FIRST_SUBMIT
    assert max(used["submission"], used["submission with cohorts"]) <= SUBMIT
    assert used["challenge"] <= CHALLENGE
    assert used["opening"] <= OPEN
    assert used.keys() == DOCUMENTED.keys()
    assert all(abs(gas - DOCUMENTED[what]) <= gas // 50 for what, gas in used.items()), used


DOCUMENTED = {
    "generators, each side": 2_710_000,
    "verifier": 1_472_000,
    "pool": 4_349_000,
    "first contribution": 240_000,
    "last contribution": 125_000,
    "first confirmation": 51_500,
    "last confirmation": 489_000,
    "registration": 45_400,
    "first submission of a day": 590_000,
    "submission": 261_500,
    "submission with cohorts": 264_000,
    "challenge": 2_450_000,
    "share": 42_700,
    "opening": 347_400,
    "leaving": 35_800,
}
