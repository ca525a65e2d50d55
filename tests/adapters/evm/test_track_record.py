"""The contract itself: what it stores and refuses, what it costs, and that it verifies as the proof does."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.proof.leaves import NULL_VALUE, Context
from fntx_dagster.proof.record import build_record, verify
from fntx_dagster.proof.salts import SaltForm
from tests.adapters.evm.bare import FNTX, TRACK_RECORD, BareChain, number, sessions

SECRET = bytes(range(32))
SCHEMA = b"\x11" * 32
ROOT = b"\xff" * 32  # no zero byte: the dearest calldata
OTHER_ROOT = b"\xfe" * 32
DAY = 20250718
REASON = "The broker corrected a dividend"
NOTHING = (bytes(32), bytes(32), 0, 0)


@pytest.fixture(scope="module")
def started():
    return BareChain()


@pytest.fixture
def chain(started):
    snapshot = started.snapshot()
    yield started
    started.revert(snapshot)


@pytest.fixture
def trader(chain):
    return chain.traders[0]


def test_a_record_is_stored_with_its_time_and_version(chain, trader):
    assert chain.ask("recordOf", trader, DAY) == NOTHING
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    assert chain.ask("recordOf", trader, DAY) == (ROOT, SCHEMA, chain.now(), 1)
    assert chain.ask("versionOf", trader, DAY, 1) == [(ROOT, SCHEMA, chain.now(), 1), bytes(32), ""]
    assert chain.ask("recordOf", trader, DAY + 1) == NOTHING


def test_the_constants_are_the_ones_that_clients_rely_on(chain):
    constants = ("VERSION", "BURN_AMOUNT", "TREE_DEPTH", "SLOTS", "MAX_BATCH", "MAX_REASON", "MAX_RANGE")
    assert [chain.ask(name) for name in constants] == [2, 10 * FNTX, 6, 64, 150, 256, 366]
    assert chain.ask("fntx") == chain.fntx.address


def test_every_version_burns_exactly_10_fntx_and_nothing_else_does(chain, trader):
    supply, held = chain.supply(), chain.fntx.functions.balanceOf(trader).call()
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    assert chain.supply() == supply - 10 * FNTX
    chain.send(trader, "postDailyRecords", SCHEMA, [20250721, 20250722], [ROOT, ROOT])
    assert chain.supply() == supply - 30 * FNTX
    chain.send(trader, "amendDailyRecord", DAY, ROOT, SCHEMA, OTHER_ROOT, REASON)
    assert chain.supply() == supply - 40 * FNTX
    assert chain.fntx.functions.balanceOf(trader).call() == held - 40 * FNTX
    assert chain.fntx.functions.balanceOf(chain.track_record.address).call() == 0


def test_each_version_leaves_an_event(chain, trader):
    post = chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    amendment = chain.send(trader, "amendDailyRecord", DAY, ROOT, SCHEMA, OTHER_ROOT, REASON)
    events = chain.track_record.events
    day = {"trader": trader, "date": DAY}
    assert _logged(events.SchemaRegistered, post) == [{"trader": trader, "schemaHash": SCHEMA, "number": 1}]
    assert _logged(events.DailyRecordPosted, post) == [day | {"schemaHash": SCHEMA, "root": ROOT, "version": 1}]
    assert _logged(events.DailyRecordAmended, post) == []
    assert _logged(events.SchemaRegistered, amendment) == []
    posted = day | {"schemaHash": SCHEMA, "root": OTHER_ROOT, "version": 2}
    assert _logged(events.DailyRecordPosted, amendment) == [posted]
    amended = day | {"version": 2, "previousRoot": ROOT, "reason": REASON}
    assert _logged(events.DailyRecordAmended, amendment) == [amended]


def test_traders_do_not_share_days_or_schemas(chain):
    one, other, third = chain.traders
    chain.send(one, "postDailyRecord", DAY, SCHEMA, ROOT)
    receipt = chain.send(other, "postDailyRecord", DAY, SCHEMA, OTHER_ROOT)
    assert _logged(chain.track_record.events.SchemaRegistered, receipt)[0]["number"] == 1
    chain.send(one, "amendDailyRecord", DAY, ROOT, SCHEMA, b"\x01" * 32, REASON)
    assert [chain.ask("recordOf", trader, DAY)[0] for trader in (one, other)] == [b"\x01" * 32, OTHER_ROOT]
    assert chain.refused(third, "amendDailyRecord", DAY, ROOT, SCHEMA, OTHER_ROOT, REASON)[0] == "NoRecord"


def test_each_record_keeps_its_own_schema(chain, trader):
    schemas = [bytes([n]) * 32 for n in (1, 2, 1, 3)]
    for n, schema in enumerate(schemas):
        chain.send(trader, "postDailyRecord", DAY + n, schema, ROOT)
    assert [chain.ask("recordOf", trader, DAY + n)[1] for n in range(4)] == schemas


def test_more_schemas_than_a_lane_can_number_are_refused():
    fewer = TRACK_RECORD.replace("61ffff", "610002")  # the limit, 65,535, is in the code once
    assert TRACK_RECORD.count("61ffff") == 1
    chain = BareChain(fewer)
    for day, n in ((DAY - 3, 1), (DAY - 2, 2), (DAY - 1, 1)):
        chain.send(chain.traders[0], "postDailyRecord", day, bytes([n]) * 32, ROOT)
    assert chain.refused(chain.traders[0], "postDailyRecord", DAY, b"\x03" * 32, ROOT) == ("TooManySchemas", {})


def test_a_second_record_for_a_day_is_refused_with_the_latest_root(chain, trader):
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    again = ("postDailyRecord", DAY, SCHEMA, b"\x78" * 32)
    assert chain.refused(trader, *again) == ("RecordExists", {"date": DAY, "root": ROOT})
    assert chain.refused(trader, "postDailyRecords", SCHEMA, [DAY], [ROOT])[0] == "RecordExists"
    chain.send(trader, "amendDailyRecord", DAY, ROOT, SCHEMA, OTHER_ROOT, REASON)
    assert chain.refused(trader, *again) == ("RecordExists", {"date": DAY, "root": OTHER_ROOT})


@given(st.one_of(st.integers(19690000, 100010000), st.integers(0, 2**32 - 1), st.dates().map(number)))
@settings(max_examples=150, deadline=None)
@example(0)
@example(19691231)
@example(19700101)
@example(99991231)
@example(100000101)
@example(20250018)
@example(20251318)
@example(20250700)
@example(20000229)
@example(21000229)
@example(20240229)
@example(20250229)
@example(2**32 - 1)
def test_a_date_is_valid_where_the_calendar_has_it_from_1970_on(started, claimed):
    try:
        date(claimed // 10_000, claimed // 100 % 100, claimed % 100)
        is_valid = claimed >= 19700101
    except ValueError:
        is_valid = False
    trader = started.traders[0]
    if is_valid:
        assert started.ask("history", trader, claimed, claimed) == []
    else:
        assert started.refused(trader, "history", trader, claimed, DAY) == ("InvalidDate", {"date": claimed})
        assert started.refused(trader, "history", trader, 20250101, claimed) == ("InvalidDate", {"date": claimed})
        assert started.refused(trader, "postDailyRecord", claimed, SCHEMA, ROOT) == ("InvalidDate", {"date": claimed})
        amendment = (claimed, ROOT, SCHEMA, OTHER_ROOT, REASON)
        assert started.refused(trader, "amendDailyRecord", *amendment) == ("InvalidDate", {"date": claimed})
    assert started.ask("recordOf", trader, claimed) == NOTHING


@pytest.mark.parametrize("month", range(1, 13))
def test_each_months_last_day_is_its_last(chain, trader, month):
    last = number((date(2023, month, 1) + timedelta(31)).replace(day=1) - timedelta(1))
    assert chain.ask("history", trader, last, last) == []
    assert chain.refused(trader, "history", trader, last + 1, last + 1)[0] == "InvalidDate"


def test_a_zero_root_and_a_zero_schema_are_refused(chain, trader):
    zero = bytes(32)
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    for function, arguments in (
        ("postDailyRecord", lambda schema, root: (20250721, schema, root)),
        ("postDailyRecords", lambda schema, root: (schema, [20250721, 20250722], [OTHER_ROOT, root])),
        ("amendDailyRecord", lambda schema, root: (DAY, ROOT, schema, root, REASON)),
    ):
        assert chain.refused(trader, function, *arguments(SCHEMA, zero)) == ("ZeroRoot", {})
        assert chain.refused(trader, function, *arguments(zero, OTHER_ROOT)) == ("ZeroSchema", {})


def test_a_batch_is_stored_whole_in_any_order(chain, trader):
    days = [20250102, 20241230, 20250104, 20241231]
    roots = [bytes([n]) * 32 for n in range(1, 5)]
    chain.send(trader, "postDailyRecords", SCHEMA, days, roots)
    for day, root in zip(days, roots, strict=True):
        assert chain.ask("recordOf", trader, day) == (root, SCHEMA, chain.now(), 1)


@pytest.mark.parametrize(
    ("days", "roots", "error"),
    [
        ([20250717, DAY], [ROOT, OTHER_ROOT], ("RecordExists", {"date": DAY, "root": ROOT})),
        ([20250717, 20250717], [ROOT, OTHER_ROOT], ("RecordExists", {"date": 20250717, "root": ROOT})),
        ([20250717, 20250732], [ROOT, ROOT], ("InvalidDate", {"date": 20250732})),
        ([20250717, 20250716], [ROOT, bytes(32)], ("ZeroRoot", {})),
        ([], [], ("InvalidBatch", {"dates": 0, "roots": 0})),
        ([20250717], [ROOT, ROOT], ("InvalidBatch", {"dates": 1, "roots": 2})),
        ([20250717, 20250716], [ROOT], ("InvalidBatch", {"dates": 2, "roots": 1})),
        ([20250717] * 151, [ROOT] * 151, ("InvalidBatch", {"dates": 151, "roots": 151})),
    ],
)
def test_a_batch_with_one_fault_stores_and_burns_nothing(chain, trader, days, roots, error):
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    supply = chain.supply()
    assert chain.refused(trader, "postDailyRecords", SCHEMA, days, roots) == error
    assert chain.attempt(trader, "postDailyRecords", SCHEMA, days, roots)["status"] == 0
    assert chain.ask("recordOf", trader, 20250717) == NOTHING
    assert chain.supply() == supply


def test_who_cannot_pay_for_all_posts_nothing(chain, trader):
    approve = chain.fntx.functions.approve(chain.track_record.address, 20 * FNTX - 1)
    approve.transact({"from": trader})
    batch = ("postDailyRecords", SCHEMA, [20250717, DAY], [ROOT, ROOT])
    assert chain.refused(trader, *batch)[0] == "ERC20InsufficientAllowance"
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    assert chain.refused(trader, "amendDailyRecord", DAY, ROOT, SCHEMA, OTHER_ROOT, REASON)[0].startswith("ERC20")
    chain.fntx.functions.approve(chain.track_record.address, 10 * FNTX).transact({"from": chain.stranger})
    error, arguments = chain.refused(chain.stranger, "postDailyRecord", DAY, SCHEMA, ROOT)
    assert (error, arguments["balance"], arguments["needed"]) == ("ERC20InsufficientBalance", 0, 10 * FNTX)


def test_an_amendment_is_a_further_version_and_leaves_the_others_as_they_are(chain, trader):
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    first = chain.ask("versionOf", trader, DAY, 1)
    chain.send(trader, "amendDailyRecord", DAY, ROOT, b"\x22" * 32, OTHER_ROOT, REASON)
    second = [(OTHER_ROOT, b"\x22" * 32, chain.now(), 2), ROOT, REASON]
    chain.send(trader, "amendDailyRecord", DAY, OTHER_ROOT, SCHEMA, ROOT, "ü" * 128)
    third = [(ROOT, SCHEMA, chain.now(), 3), OTHER_ROOT, "ü" * 128]
    assert [chain.ask("versionOf", trader, DAY, version) for version in (1, 2, 3)] == [first, second, third]
    assert chain.ask("recordOf", trader, DAY) == third[0]
    assert chain.ask("history", trader, DAY, DAY) == [(DAY, *third[0])]
    for version in (0, 4, 2**32 - 1):
        assert chain.ask("versionOf", trader, DAY, version) == [NOTHING, bytes(32), ""]


def test_an_amendment_must_fit_what_is_stored(chain, trader):
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)

    def refusal(day=DAY, previous=ROOT, root=OTHER_ROOT, reason=REASON):
        return chain.refused(trader, "amendDailyRecord", day, previous, SCHEMA, root, reason)

    assert refusal(day=20250717) == ("NoRecord", {"date": 20250717})
    assert refusal(day=20250717, previous=bytes(32)) == ("NoRecord", {"date": 20250717})
    assert refusal(previous=OTHER_ROOT) == ("PreviousRootDiffers", {"date": DAY, "root": ROOT})
    assert refusal(root=ROOT) == ("SameRoot", {"date": DAY})
    assert refusal(reason="") == ("InvalidReason", {"length": 0})
    assert refusal(reason="ü" * 128 + ".") == ("InvalidReason", {"length": 257})
    chain.send(trader, "amendDailyRecord", DAY, ROOT, SCHEMA, OTHER_ROOT, REASON)
    assert refusal(root=b"\x01" * 32) == ("PreviousRootDiffers", {"date": DAY, "root": OTHER_ROOT})


def test_history_lists_what_was_posted_by_date_across_weeks_months_and_years(chain, trader):
    days = [date(2023, 12, 20) + timedelta(n) for n in range(80)]  # with 29 February
    posted = [day for day in days if day.day % 4]
    for n, part in enumerate((posted[::2], posted[1::2])):
        roots = [number(day).to_bytes(32, "big") for day in part]
        chain.send(trader, "postDailyRecords", bytes([n + 1]) * 32, [number(day) for day in part], roots)
    listed = chain.ask("history", trader, 20231201, 20240331)
    assert [day for day, *_ in listed] == [number(day) for day in posted]
    for day, root, schema, _, version in listed:
        assert (root, version) == (day.to_bytes(32, "big"), 1)
        assert chain.ask("recordOf", trader, day)[:2] == (root, schema)
    assert {schema[0] for _, _, schema, _, _ in listed} == {1, 2}
    part = chain.ask("history", trader, 20231231, 20240102)
    assert part == [record for record in listed if 20231231 <= record[0] <= 20240102]
    assert chain.ask("history", chain.traders[1], 20231220, 20240110) == []


def test_a_page_of_history_has_366_days_at_most(chain, trader):
    for first in (date(1970, 1, 1), date(2023, 3, 1), date(2024, 2, 29), date(9998, 12, 31)):
        last = first + timedelta(365)
        assert chain.ask("history", trader, number(first), number(last)) == []
        if last < date.max:
            pair = (number(first), number(last + timedelta(1)))
            refusal = ("InvalidRange", {"firstDate": pair[0], "lastDate": pair[1]})
            assert chain.refused(trader, "history", trader, *pair) == refusal
    backwards = ("InvalidRange", {"firstDate": DAY, "lastDate": DAY - 1})
    assert chain.refused(trader, "history", trader, DAY, DAY - 1) == backwards
    assert chain.refused(trader, "history", trader, 19700101, 99991231)[0] == "InvalidRange"


@pytest.mark.parametrize("day", [date(2022, 1, 31), date(2044, 2, 29), date(2025, 3, 31), date(9999, 12, 27)])
def test_a_post_costs_at_most_90_000_gas_also_as_the_first_of_its_week(chain, trader, day):
    assert day.weekday() == 0
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, ROOT)
    assert chain.send(trader, "postDailyRecord", number(day), SCHEMA, ROOT)["gasUsed"] <= 90_000
    following = number(day - timedelta(6))
    chain.send(trader, "postDailyRecord", following, SCHEMA, ROOT)
    assert chain.send(trader, "postDailyRecord", following + 1, SCHEMA, ROOT)["gasUsed"] <= 75_000


def test_a_batch_of_100_sessions_costs_at_most_35_000_gas_a_day_and_150_fit_in_a_transaction(chain, trader):
    for count, first in ((100, date(2024, 2, 1)), (150, date(2025, 1, 1))):
        days = [number(day) for day in sessions(first, count)]
        used = chain.send(trader, "postDailyRecords", SCHEMA, days, [ROOT] * count)["gasUsed"]
        assert used <= 35_000 * count
    scattered = [number(date(2000, 1, 2) + timedelta(8 * n)) for n in range(150)]  # no two share a word
    longest = chain.send(trader, "postDailyRecords", b"\x22" * 32, scattered, [ROOT] * 150)
    assert longest["gasUsed"] < 16_777_216


def test_the_contract_verifies_what_the_proof_verifies_and_nothing_else(chain, trader):
    rng = random.Random(20250718)
    for n in range(3):
        context = _context(chain, trader, date(2025, 7, 18) + timedelta(n))
        slots = rng.sample(range(64), rng.choice([1, 20, 57, 64]))
        values = {slot: rng.choice([None, 0, -1, rng.getrandbits(255), -rng.getrandbits(255)]) for slot in slots}
        record = build_record(context, "U0000001", values, SECRET, salt_form=SaltForm.RECORD)
        chain.send(trader, "postDailyRecord", number(context.day), SCHEMA, record.root)
        for slot in rng.sample(slots, min(4, len(slots))):
            for claim in _claims(rng, record, slot):
                assert _verified(chain, context, 1, *claim) == verify(context, record.root, *claim)
            assert _verified(chain, context, 1, slot, values[slot], record.salts[slot], record.proof(slot))


def test_each_version_verifies_its_own_values_only(chain, trader):
    context = _context(chain, trader, date(2025, 7, 18))
    later = replace(context, schema_hash=b"\x22" * 32)
    records = [
        build_record(context, "U0000001", {5: 1}, SECRET, salt_form=SaltForm.RECORD),
        build_record(later, "U0000001", {5: 2}, SECRET, salt_form=SaltForm.RECORD),
    ]
    chain.send(trader, "postDailyRecord", DAY, SCHEMA, records[0].root)
    chain.send(trader, "amendDailyRecord", DAY, records[0].root, later.schema_hash, records[1].root, REASON)
    for posted, record in enumerate(records, start=1):
        claim = (5, posted, record.salts[5], record.proof(5))
        assert [_verified(chain, context, version, *claim) for version in (0, 1, 2, 3, 2**32 - 1)] == [
            version == posted for version in (0, 1, 2, 3, 2**32 - 1)
        ]


def test_a_record_of_another_trader_day_chain_or_contract_does_not_verify(chain, trader):
    foreign = [
        {"trader": chain.traders[1]},
        {"day": date(2025, 7, 17)},
        {"chain_id": 1},
        {"contract": chain.fntx.address},
        {"schema_hash": b"\x12" * 32},
    ]
    for n, difference in enumerate(foreign):
        context = _context(chain, trader, date(2025, 8, 1 + n))
        record = build_record(replace(context, **difference), "U0000001", {5: 1}, SECRET, salt_form=SaltForm.RECORD)
        chain.send(trader, "postDailyRecord", number(context.day), SCHEMA, record.root)
        assert not _verified(chain, context, 1, 5, 1, record.salts[5], record.proof(5))


def test_nothing_verifies_where_there_is_no_record_or_no_such_date(chain, trader):
    for day in (0, DAY, 20250732, 19691229, 2**32 - 1):
        for version in (0, 1, 2):
            assert not chain.ask("verifyMetric", trader, day, version, 0, 1, bytes(32), [bytes(32)] * 6)


@pytest.mark.parametrize("index", [64, 128, 2**255])
def test_an_index_beyond_the_tree_does_not_verify_even_in_a_tree_that_was_made_for_it(chain, trader, index):
    kinds = ("bytes32", "uint256", "address", "address", "uint32", "uint256", "int256", "bytes32")
    bound = (SCHEMA, chain.web3.eth.chain_id, chain.track_record.address, trader)
    proof = [ROOT] * 6
    for day, claimed in ((DAY, 0), (DAY + 1, index)):
        node = keccak(keccak(encode(kinds, (*bound, day, claimed, 1, OTHER_ROOT))))
        for sibling in proof:
            node = keccak(b"\x01" + node + sibling)
        chain.send(trader, "postDailyRecord", day, SCHEMA, node)
        claim = (trader, day, 1, claimed, 1, OTHER_ROOT, proof)
        assert chain.ask("verifyMetric", *claim) == (claimed < 64)


def test_three_functions_write_and_none_names_for_whom():
    functions = [entry for entry in artifact("TrackRecord")["abi"] if entry["type"] == "function"]
    writers = [entry for entry in functions if entry["stateMutability"] not in ("view", "pure")]
    assert {entry["name"] for entry in writers} == {"postDailyRecord", "postDailyRecords", "amendDailyRecord"}
    assert not any(item["type"] == "address" for entry in writers for item in entry["inputs"])


def _logged(event, receipt):
    from web3.logs import DISCARD

    return [dict(log["args"]) for log in event().process_receipt(receipt, errors=DISCARD)]


def _context(chain, trader, day):
    return Context(SCHEMA, chain.web3.eth.chain_id, chain.track_record.address, trader, day)


def _verified(chain, context, version, index, value, salt, proof):
    scaled = NULL_VALUE if value is None else value
    return chain.ask("verifyMetric", context.trader, number(context.day), version, index, scaled, salt, list(proof))


def _claims(rng, record, slot):
    """The true disclosure, and ones that differ from it in one part."""
    value, salt, proof = record.values[slot], record.salts[slot], record.proof(slot)
    flipped = (int.from_bytes(proof[3], "big") ^ 1 << rng.randrange(256)).to_bytes(32, "big")
    yield slot, value, salt, proof
    yield slot ^ 1 << rng.randrange(6), value, salt, proof
    yield slot, 7, salt, proof
    yield slot, value, bytes(32), proof
    yield slot, value, salt, (*proof[:3], flipped, *proof[4:])
