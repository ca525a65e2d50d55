"""The epoch of another program's pool happens again on a chain of the same number, at the same addresses: the contract
takes every byte of it, and ends with its key, sums and totals."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any

from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.typed import address_of
from fntx_dagster.aggregate.commitments import LABEL
from fntx_dagster.proof.leaves import Context, leaf_of
from fntx_dagster.proof.tree import root_above
from tests.aggregate.examples import data_of, vectors
from tests.contracts.chains import Anvil
from tests.contracts.pools import FNTX, SCHEMA, generators_code
from tests.tools import needs_anvil


@needs_anvil
def test_the_vector_of_an_epoch_happens_again() -> None:
    epoch, chain = vectors("epoch"), Anvil()
    try:
        pool = _deployed(epoch, chain)
        _form(epoch, chain, pool)
        day = int(epoch["date"].replace("-", ""))
        for each in epoch["submissions"]:
            _submit(epoch, chain, pool, each, day)
        for each in epoch["submissions"]:
            call = pool.functions.challenge(day, address_of(each["trader"]), data_of(each["submission"]))
            is_true = each["evicted"] is None
            assert chain.refused(chain.accounts[1], call) == ("SubmissionHolds" if is_true else None)
            if not is_true:
                chain.send(chain.accounts[1], call)
        sums = [b"".join(word.to_bytes(32) for word in point) for point in pool.functions.sumsOf(day).call()]
        assert sums == [data_of(each) for each in epoch["sums"]]
        chain.pass_to(pool.functions.freezesAt(day).call())
        opening = epoch["opening"]
        totals = [int(each) for each in opening["totals"]]
        chain.send(chain.accounts[1], pool.functions.open(day, totals, opening["trustees"], data_of(opening["shares"])))
        told = epoch["totals"]
        assert pool.functions.publicTotals().call() == [day, *(int(each) for each in told.values())]
    finally:
        chain.stop()


def _deployed(epoch: Any, chain: Anvil) -> Any:
    """FNTX, TrackRecord, generators, verifier and Aggregator, where the vector's were."""
    fntx = chain.deploy("FNTX")
    records = chain.deploy("TrackRecord", fntx.address)
    verifier = chain.deploy("SubmissionVerifier", *(chain.deploy_code(generators_code(side)) for side in "gh"))
    terms, committee = epoch["pool"], epoch["committee"]
    pool = (
        *(records.address, verifier.address, terms["slot"], terms["currency"].encode(), terms["scale"]),
        *(terms["min_users"], terms["submit_seconds"], terms["challenge_seconds"], int(terms["bond"])),
        *(address_of(terms["registrar"]), terms["min_age"], terms["min_cohort"]),
    )
    addresses = [address_of(each["address"]) for each in committee["trustees"]]
    box_keys = [data_of(each["box_key"]) for each in committee["trustees"]]
    chain.ask("anvil_setNonce", chain.accounts[0], hex(8))
    made = chain.deploy("Aggregator", pool, addresses, box_keys, committee["threshold"], chain.now() + 10**6)
    wanted = [epoch[name] for name in ("track_record", "verifier", "aggregator")]
    assert [each.address.lower() for each in (records, verifier, made)] == wanted
    for address in [*addresses, *(address_of(each["trader"]) for each in epoch["submissions"])]:
        chain.act_for(address)
        chain.send(chain.accounts[0], fntx.functions.transfer(address, 100 * FNTX))
        chain.send(address, fntx.functions.approve(records.address, 2**256 - 1))
    return made


def _form(epoch: Any, chain: Anvil, pool: Any) -> None:
    trustees = epoch["committee"]["trustees"]
    for each in trustees:
        said = (data_of(each[name]) for name in ("commitments", "proof", "sealed_shares"))
        chain.send(address_of(each["address"]), pool.functions.contribute(*said))
    for each in trustees:
        chain.send(address_of(each["address"]), pool.functions.confirm())
    assert pool.functions.key().call() == data_of(epoch["committee"]["key"])
    keys = [pool.functions.verificationKey(number).call() for number in range(len(trustees))]
    assert keys == [data_of(each["verification_key"]) for each in trustees]


def _submit(epoch: Any, chain: Anvil, pool: Any, each: Any, day: int) -> None:
    """Post a record whose root is above the vector's path, and submit."""
    trader, submission, salt = address_of(each["trader"]), data_of(each["submission"]), data_of(each["salt"])
    terms, path = epoch["pool"], [data_of(node) for node in each["path"]]
    digest = sha256(LABEL + terms["currency"].encode() + bytes([terms["scale"]]) + submission[576:864]).digest()
    context = Context(SCHEMA, int(epoch["chain_id"]), epoch["track_record"], trader, date.fromisoformat(epoch["date"]))
    leaf = leaf_of(context, terms["slot"], int.from_bytes(digest, signed=True), salt)
    records = chain.web3.eth.contract(address_of(epoch["track_record"]), abi=artifact("TrackRecord")["abi"])
    chain.send(trader, records.functions.postDailyRecord(day, SCHEMA, root_above(leaf, terms["slot"], path)))
    chain.send(trader, pool.functions.register(0), int(terms["bond"]))
    chain.send(trader, pool.functions.submit(day, salt, path, submission))
