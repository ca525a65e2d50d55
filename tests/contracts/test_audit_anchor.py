"""AuditAnchor: what it stores and refuses, and what it costs, on two EVMs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from tests.contracts.chains import Anvil, InMemory, TestChain
from tests.tools import needs_anvil

ORIGIN, TREE = sha256(b"fntx.audit/00112233445566778899aabbccddeeff").digest(), b"\xff" * 32
LARGEST = 2**64 - 1


@pytest.fixture(scope="module", params=[pytest.param(Anvil, marks=needs_anvil, id="anvil"), InMemory])
def started(request: pytest.FixtureRequest) -> Iterator[tuple[TestChain, Any]]:
    chain: TestChain = request.param()
    try:
        yield chain, chain.deploy("AuditAnchor")
    finally:
        chain.stop()


@pytest.fixture
def anchored(started: tuple[TestChain, Any]) -> Iterator[tuple[TestChain, Any]]:
    chain, _ = started
    snapshot = chain.snapshot()
    yield started
    chain.revert(snapshot)


def test_an_anchor_is_of_one_poster_and_log_with_an_event(anchored: tuple[TestChain, Any]) -> None:
    chain, contract = anchored
    poster, other = chain.accounts[:2]
    receipt = chain.send(poster, contract.functions.post(ORIGIN, 8, TREE))
    assert contract.functions.headOf(poster, ORIGIN).call() == [8, TREE]
    assert contract.functions.headOf(other, ORIGIN).call() == [0, bytes(32)]
    assert contract.functions.headOf(poster, bytes(32)).call() == [0, bytes(32)]
    [event] = contract.events.Anchored().process_receipt(receipt)
    assert dict(event["args"]) == {"poster": poster, "origin": ORIGIN, "size": 8, "root": TREE}
    assert len(receipt["logs"][0]["topics"]) == 3


def test_a_size_that_is_not_larger_is_refused_whatever_its_root(anchored: tuple[TestChain, Any]) -> None:
    chain, contract = anchored
    poster, other = chain.accounts[:2]
    assert chain.refused(poster, contract.functions.post(ORIGIN, 0, TREE)) == "NotLarger"
    chain.send(poster, contract.functions.post(ORIGIN, 8, TREE))
    for size in (0, 7, 8):
        assert chain.refused(poster, contract.functions.post(ORIGIN, size, b"\x01" * 32)) == "NotLarger"
    assert chain.refused(poster, contract.functions.post(ORIGIN, 9, TREE)) is None
    assert chain.refused(other, contract.functions.post(ORIGIN, 1, TREE)) is None
    assert chain.refused(poster, contract.functions.post(bytes(32), 1, TREE)) is None
    chain.send(poster, contract.functions.post(ORIGIN, LARGEST, TREE))
    assert chain.refused(poster, contract.functions.post(ORIGIN, LARGEST, TREE)) == "NotLarger"


def test_whatever_is_posted_each_log_holds_the_largest_that_came_in_order(anchored: tuple[TestChain, Any]) -> None:
    chain, contract = anchored
    rng, model = random.Random(19), dict[tuple[str, bytes], tuple[int, bytes]]()
    for _ in range(120):
        key = (rng.choice(chain.accounts[:3]), rng.choice([ORIGIN, bytes(32), b"\x01" * 32]))
        held = model.get(key, (0, bytes(32)))
        size, tree = max(0, min(held[0] + rng.choice([-3, -1, 0, 1, 2, 2**40]), LARGEST)), rng.randbytes(32)
        call = contract.functions.post(key[1], size, tree)
        if size > held[0]:
            chain.send(key[0], call)
            model[key] = (size, tree)
        else:
            assert chain.refused(key[0], call) == "NotLarger"
        for poster, origin in model:
            assert tuple(contract.functions.headOf(poster, origin).call()) == model[poster, origin]


def test_what_it_costs_is_what_the_documentation_says(anchored: tuple[TestChain, Any]) -> None:
    """docs/contracts.md, which rounds."""
    chain, contract = anchored
    used = [
        chain.send(chain.accounts[0], contract.functions.post(b"\xff" * 32, size, TREE))["gasUsed"]
        for size in (8, 2**20 + 1, 2**40 + 2**20 + 1)
    ]
    assert chain.deployments[0] == 160_163
    assert used[0] == 68_911
    assert all(31_900 < gas < 32_000 for gas in used[1:])
