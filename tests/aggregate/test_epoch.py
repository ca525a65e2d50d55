"""The epoch record: read in one way only, and a forger who computes the checksum anew is found."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.aggregate.checking import problems_of
from fntx_dagster.aggregate.epoch import EpochRecord, parse, written
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.form import checksum_of
from tests.aggregate.examples import changed
from tests.sampled import sample

FILE = (Path(__file__).parent / "vectors" / "epoch.json").read_bytes()
CONTENT = json.loads(FILE)
RECORD = parse(FILE)


def forged(change: Callable[[dict[str, Any]], object]) -> EpochRecord:
    """The record after a change whose author computed the checksum anew."""
    content = deepcopy(CONTENT)
    change(content)
    return parse(json.dumps({**content, "checksum": checksum_of(content)}))


def test_the_record_of_the_vectors_holds_and_is_written_as_it_was() -> None:
    assert problems_of(RECORD) == []
    assert written(RECORD).encode() == FILE
    assert parse(FILE.decode()) == RECORD
    assert parse(json.dumps(CONTENT)) == RECORD  # white space is free
    assert len(RECORD.counted) == 4


def refused(file: bytes) -> bool:
    try:
        parse(file)
    except Permanent:
        return True
    return False


def test_any_byte_that_is_changed_is_refused() -> None:
    """Of those that are not white space between texts, so many, or each in a search."""
    bare = [at for at, byte in enumerate(FILE) if byte not in b" \n"]
    rng = random.Random(6)
    assert [at for at in sample(bare, 4000) if not refused(changed(FILE, at, rng.randrange(1, 256)))] == []


def _flip(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "chain_id": lambda c: c.update(chain_id="1"),
    "aggregator": lambda c: c.update(aggregator=_flip(c["aggregator"])),
    "date": lambda c: c.update(date="2025-07-17"),
    "key": lambda c: c["committee"].update(key=c["committee"]["trustees"][0]["box_key"]),
    "threshold": lambda c: c["committee"].update(threshold=1),
    "box key": lambda c: c["committee"]["trustees"][0].update(box_key=_flip(c["committee"]["trustees"][0]["box_key"])),
    "commitments": lambda c: c["committee"]["trustees"][1].update(
        commitments=c["committee"]["trustees"][0]["commitments"]
    ),
    "proof": lambda c: c["committee"]["trustees"][1].update(proof=c["committee"]["trustees"][0]["proof"]),
    "sealed": lambda c: c["committee"]["trustees"][1].update(sealed_shares="0x" + "ff" * 96),
    "verification key": lambda c: c["committee"]["trustees"][2].update(verification_key=c["committee"]["key"]),
    "a trustee less": lambda c: c["committee"]["trustees"].pop(),
    "no trustee": lambda c: c["committee"]["trustees"].clear(),
    "trader": lambda c: c["submissions"][0].update(trader="0x" + "11" * 20),
    "trader twice": lambda c: c["submissions"].append(c["submissions"][0]),
    "left out": lambda c: c["submissions"].pop(0),
    "liar counted": lambda c: c["submissions"][3].update(evicted=None),
    "liar left out": lambda c: c["submissions"].pop(3) and c["sums"].reverse(),
    "honest evicted": lambda c: c["submissions"][0].update(evicted=c["submissions"][3]["evicted"]),
    "two in each other's place": lambda c: c["submissions"][0].update(submission=c["submissions"][1]["submission"]),
    "sums": lambda c: c["sums"].reverse(),
    "users asked for": lambda c: c["pool"].update(min_users=5),
    "trustees of the opening": lambda c: c["opening"].update(trustees=[0, 1]),
    "order of the trustees": lambda c: c["opening"].update(trustees=[2, 0]),
    "a trustee twice": lambda c: c["opening"].update(trustees=[0, 0]),
    "too few trustees": lambda c: c["opening"].update(trustees=[0]),
    "a trustee of another pool": lambda c: c["opening"].update(trustees=[0, 5]),
    "shares": lambda c: c["opening"].update(shares=_flip(c["opening"]["shares"])),
    "shares cut off": lambda c: c["opening"].update(shares=c["opening"]["shares"][:-2]),
    "raw totals": lambda c: c["opening"]["totals"].__setitem__(0, "326798"),
    "both totals": lambda c: (
        c["opening"]["totals"].__setitem__(0, "326798"),
        c["totals"].update(total_aum="326798"),
    ),
    "told AUM": lambda c: c["totals"].update(total_aum="326798"),
    "told P&L": lambda c: c["totals"].update(total_net_pnl="212"),
    "told users": lambda c: c["totals"].update(user_count=5),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_with_a_fitting_checksum_does_not_hold(name: str) -> None:
    assert problems_of(forged(FORGERIES[name]))


UNREADABLE: dict[str, Callable[[dict[str, Any]], object]] = {
    "format": lambda c: c.update(format="fntx.epoch/2"),
    "a key more": lambda c: c.update(more=1),
    "a key less": lambda c: c.pop("verifier"),
    "currency": lambda c: c["pool"].update(currency="usd"),
    "a truth for a number": lambda c: c["pool"].update(scale=True),
    "a number beyond its size": lambda c: c["pool"].update(min_users=2**32),
    "a number for a text": lambda c: c["pool"].update(bond=1),
    "a sign": lambda c: c["pool"].update(bond="-1"),
    "slot": lambda c: c["pool"].update(slot=64),
    "an address in capitals": lambda c: c.update(verifier=c["verifier"].upper().replace("0X", "0x")),
    "hex in capitals": lambda c: c["committee"].update(key=c["committee"]["key"].upper().replace("0X", "0x")),
    "a day that is none": lambda c: c.update(date="2025-02-30"),
    "path": lambda c: c["submissions"][0]["path"].pop(),
    "salt": lambda c: c["submissions"][0].update(salt="0x00"),
    "version": lambda c: c["submissions"][0].update(version=0),
    "submission cut off": lambda c: c["submissions"][0].update(submission="0x"),
    "transaction": lambda c: c["submissions"][0].update(transaction=None),
    "sums": lambda c: c["sums"].pop(),
    "totals": lambda c: c["opening"]["totals"].pop(),
    "no opening": lambda c: c.update(opening=None),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_not_written_as_the_format_says_is_refused(name: str) -> None:
    with pytest.raises(Permanent):
        forged(UNREADABLE[name])


def test_keys_in_another_order_are_refused() -> None:
    with pytest.raises(Permanent, match="in this order"):
        parse(json.dumps(dict(sorted(CONTENT.items()))))
    with pytest.raises(Permanent, match="in this order"):
        parse(json.dumps({**CONTENT, "pool": dict(sorted(CONTENT["pool"].items()))}))


@given(content=st.binary(max_size=300) | st.text(max_size=300))
def test_whatever_is_no_record_is_refused_and_nothing_else_is_raised(content: bytes | str) -> None:
    with pytest.raises(Permanent):
        parse(content)


def test_a_deep_file_is_refused() -> None:
    for text in ("[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(Permanent):
            parse(text)


def test_a_record_of_a_day_without_submissions_does_not_hold() -> None:
    assert "fewer than the pool asks for" in " ".join(problems_of(forged(lambda c: c["submissions"].clear())))


@pytest.mark.parametrize("unit", ["[],", "{},", '"",', '"', "]", '{"a":', "0,"])
def test_a_large_file_of_more_values_than_a_record_can_have_is_refused_before_it_is_read(unit: str) -> None:
    text = f"[{unit * (30_000_000 // len(unit))}"
    began = time.process_time()
    with pytest.raises(Permanent, match="more values than its form can have"):
        parse(text)
    assert time.process_time() - began < 2


def test_a_record_of_many_submissions_is_read() -> None:
    def many(content: dict[str, Any]) -> None:
        content["submissions"] *= 200

    assert len(forged(many).submissions) == 200 * len(RECORD.submissions)
