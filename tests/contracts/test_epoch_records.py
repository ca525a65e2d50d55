"""Epoch records of pools on a chain: the contract, the check of a file by itself and the check against the chain say
the same of random epochs, and of what somebody makes of their records."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from fntx_dagster.adapters.evm.reader import Reader, read_at
from fntx_dagster.adapters.evm.typed import address_of
from fntx_dagster.aggregate.checking import problems_of
from fntx_dagster.aggregate.epoch import parse, written
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES
from fntx_dagster.proof.form import checksum_of
from fntx_dagster.proof.leaves import schema_hash_of
from fntx_dagster.services.aggregation.asking import asked
from fntx_dagster.services.aggregation.opening import record_at
from tests.aggregate.examples import data_of
from tests.contracts.chains import Anvil, at_length
from tests.contracts.pools import DAY, Base, Pool, spoiled
from tests.contracts.test_submission_verifier import broken, said
from tests.tools import needs_anvil

pytestmark = [needs_anvil, pytest.mark.slow]
MOST = 2**32 - 1


@pytest.fixture
def pool(base: Base) -> Iterator[Pool]:
    """A pool of four traders, whose records name the newest published catalogue."""
    before, base.schema = base.schema, schema_hash_of(CATALOGUES[-1].canonical())
    made = Pool(base)
    made.register(*base.traders)
    yield made
    base.schema = before


def random_epoch(pool: Pool, chance: random.Random) -> Any:
    """One to four traders submit a day, perhaps one of them a lie that is challenged; the call that opens it."""
    traders = chance.sample(pool.base.traders, chance.randint(1, 4))
    liar = chance.choice([None, None, *traders]) if len(traders) > 1 else None
    totals = [0, 0, 0]
    for trader in traders:
        values = [chance.choice((0, 1, MOST, chance.randrange(MOST))) for _ in totals]
        submission = pool.prove(trader, values)
        if trader == liar:
            pool.submit(trader, spoiled(submission))
            pool.chain.send(pool.base.stranger, pool.challenge(spoiled(submission), trader))
        else:
            pool.submit(trader, submission)
            totals = list(map(sum, zip(totals, values, strict=True)))
    pool.freeze()
    return pool.open(totals, *sorted(chance.sample(range(3), 2)))


def breaks_alone(content: Any) -> bool:
    """Whether a record whose author computed the checksum anew is refused without a node."""
    try:
        return bool(problems_of(parse(json.dumps({**content, "checksum": checksum_of(content)}))))
    except Permanent:
        return True


def with_another_opening(content: Any, chance: random.Random) -> Any:
    """The record with another total, trustee or share."""
    opening, kind = deepcopy(content["opening"]), chance.randrange(4)
    if kind == 0:
        at = chance.randrange(3)
        opening["totals"][at] = str((int(opening["totals"][at]) + chance.choice((1, 2**32, 2**33 - 1))) % 2**64)
    elif kind == 1:
        opening["trustees"] = chance.choice([[0, 1], [0, 2], [1, 2], [1, 0], [0, 0], [2, 5], [0], [0, 1, 2]])
    elif kind == 2:
        shares = bytearray(data_of(opening["shares"]))
        shares[chance.randrange(len(shares))] ^= 1 << chance.randrange(8)
        opening["shares"] = f"0x{shares.hex()}"
    else:
        shares = data_of(opening["shares"])
        opening["shares"] = f"0x{(shares[512:] + shares[:512]).hex()}"
    return {**content, "opening": opening}


def places(content: Any) -> list[tuple[Any, Any]]:
    """Each text, number and null of a record, as its container and its key."""
    keys = content if isinstance(content, dict) else range(len(content))
    found = []
    for key in keys:
        inner = content[key]
        found += places(inner) if isinstance(inner, dict | list) else [(content, key)]
    return found


def with_another_value(content: Any, chance: random.Random) -> Any:
    """The record with one value that is another, written as well as the first."""
    changed = deepcopy(content)
    inside, key = chance.choice([at for at in places(changed) if at[1] not in ("checksum", "format")])
    value = inside[key]
    if isinstance(value, int):
        inside[key] = value + chance.choice((1, -1, 7))
    elif value is None:
        inside[key] = f"0x{chance.randbytes(32).hex()}"
    elif value.startswith("0x"):
        at = chance.randrange(2, len(value))
        digit = chance.choice([each for each in "0123456789abcdef" if each != value[at]])
        inside[key] = value[:at] + digit + value[at + 1 :]
    elif value.isdecimal():
        inside[key] = str(int(value) + chance.choice((1, 2, 2**32)))
    else:
        inside[key] = chance.choice([each for each in ("JPY", "2025-07-17", "USD") if each != value])
    return changed


def compare(pool: Pool, count: int, seed: int) -> None:
    """The verdicts on as many random epochs, and on one of each sort of broken record of each."""
    chain, chance = pool.chain, random.Random(seed)
    assert isinstance(chain, Anvil)
    for number in range(count):
        formed = chain.snapshot()
        opening = random_epoch(pool, chance)
        frozen = chain.snapshot()
        chain.send(pool.base.stranger, opening)
        with read_at(chain.url, pool.base.records.address) as reader:
            content = _true(pool, reader)
            _another_value(reader, content, chance, f"seed {seed}, epoch {number}")
        _another_submission(pool, content, chance)
        chain.revert(frozen)
        _another_opening(pool, content, chance)
        chain.revert(formed)


def _true(pool: Pool, reader: Reader) -> Any:
    """The content of the record of an opened day, which holds by itself, for the contract and against the chain."""
    record = record_at(reader, pool.contract.address, date(DAY // 10_000, DAY // 100 % 100, DAY % 100))
    assert parse(written(record)) == record
    assert (problems_of(record), asked(reader, record).problems) == ([], ())
    for each in record.submissions:
        assert said(pool.base, each.submission, _context(pool, each.trader), record.key) is (each.evicted is None)
    return json.loads(written(record))


def _another_value(reader: Reader, content: Any, chance: random.Random, which: str) -> None:
    changed = with_another_value(content, chance)
    if not breaks_alone(changed):
        record = parse(json.dumps({**changed, "checksum": checksum_of(changed)}))
        assert asked(reader, record).problems, f"{which}: a changed record holds"


def _another_submission(pool: Pool, content: Any, chance: random.Random) -> None:
    """Python refuses the record exactly where the contract's verdict on the submission is another."""
    changed = deepcopy(content)
    each = chance.choice([each for each in changed["submissions"] if each["evicted"] is None])
    submission = broken(data_of(each["submission"]), chance)
    each["submission"] = f"0x{submission.hex()}"
    verdict = said(pool.base, submission, _context(pool, each["trader"]), data_of(content["committee"]["key"]))
    assert verdict is (changed == content)
    assert breaks_alone(changed) is not verdict


def _context(pool: Pool, trader: str) -> bytes:
    return pool.functions.contextOf(DAY, address_of(trader)).call()


def _another_opening(pool: Pool, content: Any, chance: random.Random) -> None:
    """Python refuses the record exactly where the contract refuses the opening."""
    changed = with_another_opening(content, chance)
    opening = changed["opening"]
    totals = [int(each) for each in opening["totals"]]
    call = pool.functions.open(DAY, totals, opening["trustees"], data_of(opening["shares"]))
    is_refused = pool.chain.refused(pool.base.stranger, call) is not None
    assert is_refused is (opening != content["opening"])
    assert breaks_alone(changed) is is_refused


def test_contract_and_python_agree_on_random_and_broken_epoch_records(pool: Pool) -> None:
    compare(pool, 3, random.randrange(10**6))


@at_length
def test_contract_and_python_agree_on_a_thousand_epoch_records_and_three_thousand_broken_ones(pool: Pool) -> None:
    compare(pool, 1000, 11)
