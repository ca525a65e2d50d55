"""What is read of a pool, and which pools are refused: on anvil. Putting one on a chain: on the embedded one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fntx_dagster.adapters.evm import pool_reading
from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.keys import deployer_of
from fntx_dagster.adapters.evm.pool_reading import EVICTED, PoolBook
from fntx_dagster.adapters.evm.pools import deploy_pool, deploy_verifier, verifier_address
from fntx_dagster.curve.group import named, write_wide
from fntx_dagster.errors import Permanent
from fntx_dagster.model.pools import PoolDayState, PoolOpening, PoolParticipant, PoolRules, PoolSubmission
from tests.contracts.pools import BOND, CHECKING, COLLECTING, DAY, NOBODY, Base, Pool, generators_code, spoiled
from tests.services.aggregation.views import book_of
from tests.tools import needs_anvil

OFFSET = 2**31
DATE = date(2025, 7, 18)
RULES = PoolRules("USD", 0, 62, 1, COLLECTING, CHECKING, BOND, NOBODY, 0, 0)


@needs_anvil
def test_a_day_is_read_as_it_happened(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_reading, "_PAGE", 2)  # several questions for one day
    pool, (one, two) = Pool(base), base.traders[:2]
    book = book_of(base, pool.contract.address)
    book.check_deployed()
    assert book.rules == RULES
    assert book.contributions() == {number: tuple(said) for number, said in enumerate(pool.contributions)}
    assert book.confirmed() == {0, 1, 2}
    assert book.latest_opened() is None
    pool.register(one, two)
    assert book.participant(one) == PoolParticipant(0, 0, True, False)
    assert book.day(DATE).state is PoolDayState.NONE
    true, false = pool.prove(one, (1, 2, OFFSET - 3)), spoiled(pool.prove(two, (4, 5, OFFSET)))
    slots = [pool.record(trader, each) for trader, each in ((one, true), (two, false))]
    sent = [pool.chain.send(one, pool.call(true, slots[0])), pool.chain.send(two, pool.call(false, slots[1]))]
    assert book.day(DATE).state is PoolDayState.COLLECTING
    evicting = pool.chain.send(one, pool.challenge(false, two))
    hashes = [f"0x{receipt['transactionHash'].hex()}" for receipt in (*sent, evicting)]
    assert book.submissions(DATE) == [
        PoolSubmission(one.lower(), 1, slots[0].salt, slots[0].path, true, hashes[0], None),
        PoolSubmission(two.lower(), 1, slots[1].salt, slots[1].path, false, hashes[1], hashes[2]),
    ]
    assert book.digest(DATE, one) == base.chain.web3.keccak(true)
    assert book.digest(DATE, two) == EVICTED
    base.chain.pass_to(book.day(DATE).closes_at)
    assert book.day(DATE).state is PoolDayState.CHECKING
    base.chain.pass_to(book.day(DATE).freezes_at)
    assert book.day(DATE).state is PoolDayState.FROZEN
    share = pool.shares(1)
    base.chain.send(pool.trustees[1], pool.functions.offerShare(DAY, share))
    assert book.shares(DATE) == [(1, share)]
    assert book.opening(DATE) is None
    opened = base.chain.send(two, call := pool.open((1, 2, OFFSET - 3), 0, 1))
    day, shares = book.day(DATE), call.arguments[3]
    assert (day.state, day.users, day.evicted, day.totals) == (PoolDayState.OPENED, 1, 1, (1, 2, OFFSET - 3))
    assert day.sums == pool.sums()
    transaction = f"0x{opened['transactionHash'].hex()}"
    assert book.opening(DATE) == PoolOpening(transaction, (0, 1), shares, (1, 2, OFFSET - 3))
    assert book.latest_opened() == DATE


@needs_anvil
def test_an_old_day_is_read_from_its_own_blocks_alone(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, trader, chain = Pool(base), base.traders[0], base.chain
    pool.register(trader)
    pool.submit(trader, submission := pool.prove(trader, (1, 2, OFFSET)))
    pool.freeze()
    chain.send(trader, pool.open((1, 2, OFFSET), 0, 1))
    monkeypatch.setattr(pool_reading, "_PAGE", 2)
    provider, asked = chain.web3.provider, []
    ask: Any = provider.make_request
    monkeypatch.setattr(provider, "make_request", lambda *request: (asked.append(request[0]), ask(*request))[1])
    book, counts = book_of(base, pool.contract.address), []
    for _ in range(2):
        asked.clear()
        assert [each.submission for each in book.submissions(DATE)] == [submission]
        opening = book.opening(DATE)
        assert opening is not None
        assert opening.totals == (1, 2, OFFSET)
        counts.append(asked.count("eth_getLogs"))
        ask("anvil_mine", [hex(100), hex(12)])
    assert counts[0] == counts[1] < 10


@needs_anvil
def test_a_pool_with_too_few_traders_is_told_apart_from_one_that_opens(base: Base) -> None:
    pool, trader = Pool(base, minUsers=2), base.traders[2]
    pool.register(trader)
    pool.submit(trader, pool.prove(trader, (1, 2, 3)))
    pool.freeze()
    assert book_of(base, pool.contract.address).day(DATE).state is PoolDayState.TOO_FEW


def left_by_a_stranger(contract: str, values: dict[str, str]) -> bytes:
    """Init code that asks nothing and leaves the code of a contract of ours, with these addresses as its immutables in
    the order of their declaration."""
    kept = artifact(contract)
    code = bytearray.fromhex(kept["deployedBytecode"].removeprefix("0x"))
    for places, address in zip(kept["immutables"], values.values(), strict=False):
        for place in places:
            code[place : place + 32] = bytes(12) + bytes.fromhex(address.removeprefix("0x"))
    return bytes.fromhex(f"61{len(code):04x}80600a5f395ff3") + bytes(code)


@needs_anvil
def test_a_verifier_with_generators_of_its_deployer_is_refused(base: Base) -> None:
    """Whoever knows their logarithms proves any range."""
    g, h = base.generators
    own = b"\0" + b"".join(write_wide(named(f"mine/{number}")) for number in range(128))
    mine = base.chain.deploy_code(bytes.fromhex(f"61{len(own):04x}80600a5f395ff3") + own)
    for pair in ((mine, h), (g, mine), (h, g)):
        verifier = base.chain.deploy_code(left_by_a_stranger("SubmissionVerifier", dict(zip("gh", pair, strict=True))))
        pool = Pool(base, verifier=verifier)
        with pytest.raises(Permanent, match="relies on a verifier that is not FNTX's"):
            book_of(base, pool.contract.address).check_deployed()
    same = base.chain.deploy_code(left_by_a_stranger("SubmissionVerifier", {"g": g, "h": h}))
    book_of(base, Pool(base, verifier=same).contract.address).check_deployed()


@needs_anvil
def test_a_committee_is_read_while_it_forms_and_long_afterwards(base: Base) -> None:
    pool = Pool(base, is_formed=False)
    book = book_of(base, pool.contract.address)
    assert (book.contributions(), book.confirmed()) == ({}, set())
    base.chain.send(pool.trustees[2], pool.functions.contribute(*pool.contributions[2]))
    assert book.contributions() == {2: tuple(pool.contributions[2])}
    for number in (0, 1):
        base.chain.send(pool.trustees[number], pool.functions.contribute(*pool.contributions[number]))
    base.chain.send(pool.trustees[1], pool.functions.confirm())
    for _ in range(2):
        assert book.contributions() == {number: tuple(said) for number, said in enumerate(pool.contributions)}
        assert book.confirmed() == {1}
        base.chain.pass_to(pool.formed_by + 1000)


@needs_anvil
def test_another_contract_is_no_pool(base: Base) -> None:
    for address in (base.records.address, base.stranger):
        with pytest.raises(Permanent, match="is not FNTX's Aggregator"):
            book_of(base, address).check_deployed()


def test_a_pool_is_put_on_a_chain_and_its_verifier_once_for_all(chain: Any, settings: Any) -> None:
    payer = deployer_of(settings.paths.keys)
    generators = [generators_code(side)[11:] for side in "gh"]
    verifier = deploy_verifier(chain, payer, generators)
    nonce = chain.web3.eth.get_transaction_count(payer.address)
    assert deploy_verifier(chain, payer, generators) == verifier == verifier_address(generators)
    assert chain.web3.eth.get_transaction_count(payer.address) == nonce
    trustees = [(payer.address, write_wide(named("box")))]
    formed_by = 2**40
    address = deploy_pool(chain, payer, RULES, verifier, trustees, 1, formed_by)
    book = PoolBook(chain, address)
    book.check_deployed()
    terms = book.terms()
    assert (terms.rules, terms.records, terms.verifier) == (RULES, chain.contract, verifier)
    assert (terms.trustees, terms.box_keys) == ((payer.address,), (trustees[0][1],))
    assert (terms.threshold, terms.formed_by, terms.key) == (1, formed_by, b"")
    with pytest.raises(Permanent, match="InvalidCommittee"):
        deploy_pool(chain, payer, RULES, verifier, trustees, 2, formed_by)
