"""The contract itself, on the embedded chain: what it stores and refuses, and that it verifies as the proof does."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from fntx_dagster.chain.client import connect
from fntx_dagster.chain.faults import Reverted
from fntx_dagster.chain.sender import post
from fntx_dagster.proof.leaves import NULL_VALUE, Context
from fntx_dagster.proof.record import build_record, verify
from tests.chain.conftest import ACCOUNT, DAY, SCHEMA

SECRET = bytes(range(32))
ROOT = b"\x77" * 32


def test_a_record_is_stored_with_its_time_block_and_version(chain, trader):
    receipt = post(chain, trader, DAY, SCHEMA, ROOT)
    stored = chain.record_of(trader.address, DAY)
    assert (stored.root, stored.schema_hash, stored.version) == (ROOT, SCHEMA, 1)
    assert (stored.posted_at, stored.block_number) == (receipt.posted_at, receipt.block_number)
    assert abs(stored.posted_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert chain.record_of(trader.address, DAY + timedelta(1)) is None


def test_a_record_burns_exactly_10_fntx(chain, trader):
    supply = chain.fntx.functions.totalSupply().call()
    held = chain.funds_of(trader.address).fntx
    receipt = post(chain, trader, DAY, SCHEMA, ROOT)
    assert receipt.burned == chain.burn_amount == 10
    assert chain.funds_of(trader.address).fntx == held - 10
    assert chain.fntx.functions.totalSupply().call() == supply - 10 * 10**18
    assert Decimal(supply) == Decimal(10**27)


def test_traders_do_not_share_days(chain, trader):
    other = chain.trader("U0000002")
    post(chain, trader, DAY, SCHEMA, ROOT)
    post(chain, other, DAY, SCHEMA, b"\x78" * 32)
    assert chain.record_of(trader.address, DAY).root == ROOT
    assert chain.record_of(other.address, DAY).root == b"\x78" * 32


def test_each_record_keeps_its_own_schema(chain, trader):
    schemas = [bytes([n]) * 32 for n in (1, 2, 1, 3)]
    days = [DAY + timedelta(n) for n in range(4)]
    for day, schema in zip(days, schemas, strict=True):
        post(chain, trader, day, schema, ROOT)
    assert [chain.record_of(trader.address, day).schema_hash for day in days] == schemas


def test_a_second_record_for_a_day_is_refused_with_the_stored_root(chain, trader):
    post(chain, trader, DAY, SCHEMA, ROOT)
    refusal = _refused(chain, trader, 20250718, SCHEMA, b"\x78" * 32)
    assert (refusal.error, refusal.arguments) == ("RecordExists", {"date": 20250718, "root": ROOT})


@pytest.mark.parametrize(
    "number",
    [0, 20250700, 20250732, 20250018, 20251318, 20250229, 19000229, 21000229, 19691231, 100000101, 2025718, 2**32 - 1],
)
def test_a_number_that_is_no_day_is_refused(chain, trader, number):
    assert _refused(chain, trader, number, SCHEMA, ROOT).error == "InvalidDate"


@pytest.mark.parametrize("day", [date(1970, 1, 1), date(2024, 2, 29), date(2000, 2, 29), date(9999, 12, 31)])
def test_the_calendars_corners_are_days(chain, trader, day):
    _simulate(chain, trader, day.year * 10_000 + day.month * 100 + day.day, SCHEMA, ROOT)


@pytest.mark.parametrize("month", range(1, 13))
def test_each_months_last_day_is_its_last(chain, trader, month):
    last = (date(2023, month, 1) + timedelta(31)).replace(day=1) - timedelta(1)
    number = 20230000 + month * 100 + last.day
    _simulate(chain, trader, number, SCHEMA, ROOT)
    assert _refused(chain, trader, number + 1, SCHEMA, ROOT).error == "InvalidDate"


def test_a_zero_root_and_a_zero_schema_are_refused(chain, trader):
    assert _refused(chain, trader, 20250718, SCHEMA, bytes(32)).error == "ZeroRoot"
    assert _refused(chain, trader, 20250718, bytes(32), ROOT).error == "ZeroSchema"


def test_the_contract_verifies_what_the_proof_verifies_and_nothing_else(chain, trader):
    rng = random.Random(20250718)
    for n in range(4):
        context = Context(SCHEMA, chain.chain_id, chain.contract, trader.address, DAY + timedelta(n))
        slots = rng.sample(range(64), rng.choice([1, 20, 57, 64]))
        values = {slot: rng.choice([None, 0, -1, rng.getrandbits(255), -rng.getrandbits(255)]) for slot in slots}
        record = build_record(context, ACCOUNT, values, SECRET)
        post(chain, trader, context.day, SCHEMA, record.root)
        for slot in rng.sample(slots, min(4, len(slots))):
            for attempt in _attempts(rng, record, slot):
                assert chain.verify_metric(trader.address, context.day, *attempt) == verify(
                    context, record.root, *attempt
                )
            assert chain.verify_metric(
                trader.address, context.day, slot, values[slot], record.salts[slot], record.proof(slot)
            )


def test_a_record_of_another_trader_day_chain_or_contract_does_not_verify(chain, trader):
    context = Context(SCHEMA, chain.chain_id, chain.contract, trader.address, DAY)
    foreign = [
        replace(context, trader="0x" + "33" * 20),
        replace(context, day=DAY + timedelta(1)),
        replace(context, chain_id=1),
        replace(context, contract="0x" + "33" * 20),
        replace(context, schema_hash=b"\x12" * 32),
    ]
    for n, other in enumerate(foreign):
        day = DAY + timedelta(10 + n)
        record = build_record(replace(other, day=day) if n != 1 else other, ACCOUNT, {5: 1}, SECRET)
        post(chain, trader, day, SCHEMA, record.root)
        assert not chain.verify_metric(trader.address, day, 5, 1, record.salts[5], record.proof(5))


def test_nothing_verifies_where_there_is_no_record(chain, trader):
    assert not chain.verify_metric(trader.address, DAY, 0, 1, bytes(32), [bytes(32)] * 6)


def test_an_index_beyond_the_tree_does_not_verify_on_chain_even_if_its_low_bits_would(chain, trader):
    context = Context(SCHEMA, chain.chain_id, chain.contract, trader.address, DAY)
    record = build_record(context, ACCOUNT, {0: 1}, SECRET)
    post(chain, trader, DAY, SCHEMA, record.root)
    for index in (64, 128, 2**255):
        assert not chain.verify_metric(trader.address, DAY, index, 1, record.salts[0], record.proof(0))


def test_reading_needs_no_trader_of_this_machine(settings, chain, trader):
    post(chain, trader, DAY, SCHEMA, ROOT)
    with connect(settings) as other:
        assert other.record_of(trader.address, DAY).root == ROOT


def _attempts(rng, record, slot):
    """The true disclosure, and ones that differ from it in one part."""
    value, salt, proof = record.values[slot], record.salts[slot], record.proof(slot)
    flipped = (int.from_bytes(proof[3], "big") ^ 1 << rng.randrange(256)).to_bytes(32, "big")
    yield slot, value, salt, proof
    yield slot ^ 1 << rng.randrange(6), value, salt, proof
    yield slot, 7, salt, proof
    yield slot, NULL_VALUE, salt, proof
    yield slot, value, bytes(32), proof
    yield slot, value, salt, (*proof[:3], flipped, *proof[4:])
    yield slot, value, salt, proof[:5]
    yield slot, value, salt, (*proof, bytes(32))


def _simulate(chain, trader, *arguments):
    from fntx_dagster.chain.faults import explained

    explained(chain.track_record.functions.postDailyRecord(*arguments).call)({"from": trader.address})


def _refused(chain, trader, *arguments) -> Reverted:
    with pytest.raises(Reverted) as caught:
        _simulate(chain, trader, *arguments)
    return caught.value
