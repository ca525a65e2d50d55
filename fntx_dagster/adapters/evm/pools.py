"""Putting a pool on a chain: its verifier, once for all pools, and an Aggregator of its own.

The verifier and the two contracts that hold its generators are made by the deterministic deployer, so their addresses
follow from their code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.artifacts import AGGREGATOR, VERIFIER, artifact
from fntx_dagster.adapters.evm.deterministic import address_made_of, code_of, deploy_once
from fntx_dagster.adapters.evm.faults import explained
from fntx_dagster.adapters.evm.typed import address_of
from fntx_dagster.errors import Permanent
from fntx_dagster.model.pools import PoolRules

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer


def verifier_address(generators: Sequence[bytes]) -> str:
    """Where the SubmissionVerifier is on every chain, EIP-55: `generators` are the points of both sides, each 96 bytes
    one after the other."""
    return address_made_of(_verifier_code(generators))


def deploy_verifier(chain: Chain, signer: Signer, generators: Sequence[bytes]) -> str:
    """Put the SubmissionVerifier on a chain, unless it is there: its address. Permanent where the ether does not pay
    for it, or the chain lacks the precompiled contracts of BLS12-381 (EIP-2537)."""
    for each in generators:
        deploy_once(chain, signer, _data_code(each))
    deploy_once(chain, signer, _verifier_code(generators))
    return verifier_address(generators)


@explained
def deploy_pool(
    chain: Chain,
    signer: Signer,
    rules: PoolRules,
    verifier: str,
    trustees: Sequence[tuple[str, bytes]],
    threshold: int,
    formed_by: int,
) -> str:
    """Put an Aggregator on a chain: its address. `trustees`: address and box key of each; `formed_by`: until when, in
    Unix seconds, they have to form the key. Permanent where the contract refuses them."""
    code = artifact(AGGREGATOR)
    terms = (
        address_of(chain.contract),
        address_of(verifier),
        rules.slot,
        rules.currency.encode("ascii"),
        rules.scale,
        rules.min_users,
        rules.submit_seconds,
        rules.challenge_seconds,
        rules.bond,
        address_of(rules.registrar),
        rules.min_age,
        rules.min_cohort,
    )
    addresses, box_keys = [address_of(address) for address, _ in trustees], [box_key for _, box_key in trustees]
    factory = chain.web3.eth.contract(abi=code["abi"], bytecode=code["bytecode"])
    made = factory.constructor(terms, addresses, box_keys, threshold, formed_by)
    with chain.turn_of(signer.address):
        receipt = chain.send(signer, {"data": made.data_in_transaction})
    if receipt["contractAddress"] is None:
        raise Permanent(f"chain {chain.chain_id} made no contract", "Name another chain")
    return receipt["contractAddress"]


def _data_code(content: bytes) -> bytes:
    """What makes a contract whose code is a stop and these bytes."""
    code = b"\0" + content
    return bytes.fromhex(f"61{len(code):04x}80600a5f395ff3") + code


def _verifier_code(generators: Sequence[bytes]) -> bytes:
    return code_of(VERIFIER, *(address_made_of(_data_code(each)) for each in generators))
