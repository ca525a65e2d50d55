"""What the calls of a pool cost in gas: a test holds the limits, and `bench/gas.py` prints it."""

from __future__ import annotations

from tests.contracts.chains import TestChain
from tests.contracts.pools import BOND, DAY, Base, Pool

OFFSET = 2**31


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
    used["share"] = chain.send(pool.trustees[0], pool.functions.offerShare(DAY, pool.shares(0)))["gasUsed"]
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
