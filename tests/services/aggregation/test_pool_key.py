"""The key that traders encrypt to is the one that the trustees formed, whatever a contract says."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from fntx_dagster.adapters.evm.typed import address_of_deployment
from fntx_dagster.aggregate.committee import Committee, contribute, fault_of, key_of, verification_key
from fntx_dagster.aggregate.transcript import PoolAddress
from fntx_dagster.curve.group import GENERATOR, random_scalar, times, write_wide
from fntx_dagster.errors import Permanent
from tests.contracts.pools import Base, Pool
from tests.services.aggregation.views import view, view_at
from tests.tools import needs_anvil

pytestmark = needs_anvil
KEY, VERIFICATION_KEYS, TRUSTEES, BOX_KEYS = 2, 3, 0, 1
"""Where the contract's storage has them."""


def test_the_key_follows_from_the_contributions(base: Base) -> None:
    pool = Pool(base)
    assert view(pool).checked_key() == pool.key


def test_a_key_that_a_deployment_put_there_is_refused(base: Base) -> None:
    formed, empty = view(Pool(base)), view(Pool(base, is_formed=False))
    for key in (GENERATOR, -GENERATOR):
        for each in (formed, empty):
            with pytest.raises(Permanent, match="is not the one that its trustees formed"):
                each._replace(terms=each.terms._replace(key=write_wide(key))).checked_key()
    with pytest.raises(Permanent, match="has no key yet"):
        empty.checked_key()


def test_a_key_in_the_names_of_trustees_who_never_acted_is_refused(base: Base) -> None:
    """Its deployer knows every secret; code, proofs and terms are as they should be."""
    chain, honest = base.chain, Pool(base, is_formed=False)
    nonce = chain.web3.eth.get_transaction_count(base.deployer)
    where = PoolAddress(chain.web3.eth.chain_id, address_of_deployment(base.deployer, nonce).lower())
    secrets = [random_scalar() for _ in honest.trustees]
    committee = Committee(where, 2, tuple(times(GENERATOR, secret) for secret in secrets))
    said = [contribute(committee, number, secret) for number, secret in enumerate(secrets)]
    storage = {TRUSTEES: len(said), BOX_KEYS: len(said), **stored(KEY, write_wide(key_of(said)))}
    for number, trustee in enumerate(honest.trustees):
        storage[within(TRUSTEES) + number] = int(trustee, 16)
        storage |= stored(within(BOX_KEYS) + number, write_wide(committee.box_keys[number]))
        at = int.from_bytes(keccak(encode(["uint256", "uint256"], [number, VERIFICATION_KEYS])))
        storage |= stored(at, write_wide(verification_key(said, number)))
    logs = [
        (keccak(text="Contributed(uint256,bytes,bytes,bytes)"), number, encode(["bytes"] * 3, list(each)))
        for number, each in enumerate(said)
    ]
    logs += [(keccak(text="Confirmed(uint256)"), number, b"") for number in range(len(said))]
    runtime = bytes(chain.web3.eth.get_code(honest.contract.address))
    planted = view_at(base, chain.deploy_code(init_code(storage, logs, runtime)))
    planted.book.check_deployed()
    assert planted.address == where
    assert (planted.terms.key, planted.terms.trustees) == (write_wide(key_of(said)), tuple(honest.trustees))
    assert not any(fault_of(planted.committee, number, each) for number, each in enumerate(said))
    with pytest.raises(Permanent, match="is not the one that its trustees formed"):
        planted.checked_key()
    assert (planted.book.contributions(), planted.book.confirmed()) == ({}, set())


def within(slot: int) -> int:
    """Where a dynamic value's content begins."""
    return int.from_bytes(keccak(slot.to_bytes(32)))


def stored(slot: int, content: bytes) -> dict[int, int]:
    """Long bytes as Solidity stores them."""
    words = {within(slot) + at // 32: int.from_bytes(content[at : at + 32]) for at in range(0, len(content), 32)}
    return {slot: 2 * len(content) + 1, **words}


def init_code(storage: dict[int, int], logs: list[tuple[bytes, int, bytes]], runtime: bytes) -> bytes:
    """Init code that writes storage and logs, and leaves any code."""

    def push(number: int, size: int = 4) -> bytes:
        return bytes([0x5F + size]) + number.to_bytes(size)

    data = b"".join(content for _, _, content in logs) + runtime
    stores = b"".join(push(value, 32) + push(slot, 32) + b"\x55" for slot, value in storage.items())
    begins = len(stores) + len(logs) * (16 + 66 + 11) + 16 + 11  # the length of the code that is written below
    code, at = stores, begins
    for topic, number, content in logs:
        code += push(len(content)) + push(at) + push(0) + b"\x39"
        code += push(number, 32) + b"\x7f" + topic + push(len(content)) + push(0) + b"\xa2"
        at += len(content)
    code += push(len(runtime)) + push(at) + push(0) + b"\x39" + push(len(runtime)) + push(0) + b"\xf3"
    assert len(code) == begins
    return code + data
