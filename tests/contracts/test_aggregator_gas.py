"""What a pool costs, on anvil as it is now and after the next hard fork, and on the embedded chain's EVM: the figures
of docs/contracts.md, which rounds, and the limits that the contracts are built for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contracts.chains import Anvil, InMemory, TestChain
from tests.contracts.pools import BOND, Base, Pool
from tests.tools import needs_anvil

OFFSET = 2**31
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


def costs(chain: TestChain) -> dict[str, int]:
    """Gas by what it was used for, of a pool of 2 of 3 trustees."""
    base = Base(chain)
    pool = Pool(base, is_formed=False)
    _, _, generators, _, verifier, deployed = chain.deployments
    used = {"generators, each side": generators, "verifier": verifier, "pool": deployed}
    for name, call in (("contribution", "contribute"), ("confirmation", "confirm")):
        sent = [
            chain.send(trustee, pool.functions[call](*(said if call == "contribute" else ())))["gasUsed"]
            for trustee, said in zip(pool.trustees, pool.contributions, strict=True)
        ]
        used[f"first {name}"], used[f"last {name}"] = sent[0], sent[-1]
    traders = base.traders[:3]
    used["registration"] = chain.send(traders[0], pool.functions.register(0), BOND)["gasUsed"]
    pool.register(*traders[1:])
    true = [pool.prove(trader, (1, 2, OFFSET)) for trader in traders]
    true[2] = true[2][:-1] + bytes([true[2][-1] ^ 1])
    receipts = [pool.submit(trader, each) for trader, each in zip(traders, true, strict=True)]
    used["first submission of a day"] = receipts[0]["gasUsed"]
    used["submission"] = max(receipt["gasUsed"] for receipt in receipts[1:])
    used["challenge"] = chain.send(base.stranger, pool.challenge(true[2], traders[2]))["gasUsed"]
    pool.freeze()
    used["share"] = chain.send(pool.trustees[0], pool.functions.offerShare(20250718, pool.shares(0)))["gasUsed"]
    used["opening"] = chain.send(base.stranger, pool.open((2, 4, 2 * OFFSET), 0, 2))["gasUsed"]
    used["leaving"] = chain.send(traders[0], pool.functions.leave())["gasUsed"]
    used["submission with cohorts"] = _with_cohorts(base)
    return used


def _with_cohorts(base: Base) -> int:
    pool = Pool(base, minCohort=2, minUsers=2)
    traders = base.traders[:2]
    pool.register(*traders)
    begin = pool.functions.participants(traders[0]).call()[0]
    base.chain.pass_to(pool.functions.opensAt(begin).call())
    return [pool.submit(trader, pool.prove(trader, (1, 2, OFFSET), begin), begin)["gasUsed"] for trader in traders][1]
