"""A deployment that writes a record which nobody posted: what the code at an address does not show.

The init code stores root, schema and time in the slots where TrackRecord looks for them, emits the event of a posting,
and then returns TrackRecord's very code. One transaction of any key forges any trader's record of any day.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.record import Record, build_record
from fntx_dagster.proof.salts import SaltForm

if TYPE_CHECKING:
    from tests.verify.conftest import Node

EVENT = keccak256(b"DailyRecordPosted(address,uint32,bytes32,bytes32,uint32)")
MONDAY = date(1969, 12, 29)
PUSH32, MSTORE, SSTORE, CODECOPY, LOG3, RETURN = (bytes([code]) for code in (0x7F, 0x52, 0x55, 0x39, 0xA3, 0xF3))


class Forged(NamedTuple):
    """A record that its trader never posted, the contract that holds it, and the transaction that deployed that."""

    record: Record
    contract: str
    tx_hash: str


def forge(node: Node, trader: str, day: date, posted_at: int, values: dict[int, int | None]) -> Forged:
    """Deploy a contract with TrackRecord's code, in which `trader` posted `values` on a day at `posted_at` (epoch)."""
    from web3.utils.address import get_create_address

    address = get_create_address(node.trader, node.web3.eth.get_transaction_count(node.trader))
    record = build_record(
        node.context(day, contract=address, trader=trader), "U0000001", values, bytes(32), salt_form=SaltForm.RECORD
    )
    tx_hash = node.send("", f"0x{_init_code(node, record, posted_at).hex()}")
    return Forged(record, address, tx_hash)


def _init_code(node: Node, record: Record, posted_at: int) -> bytes:
    context = record.context
    number, schema = int(context.day.strftime("%Y%m%d")), context.schema_hash
    runtime = bytes.fromhex(artifact("TrackRecord")["deployedBytecode"].removeprefix("0x"))
    runtime = runtime.replace(PUSH32 + bytes(32), _push(int(node.fntx.address, 16)))
    init = b"".join(_push(value) + _push(slot) + SSTORE for slot, value in _storage(record, number, posted_at).items())
    for offset, content in ((0, schema), (32, record.root), (64, _word(1))):
        init += PUSH32 + content + _push(offset) + MSTORE
    init += _push(number) + _push(int(context.trader, 16)) + PUSH32 + EVENT + _push(96) + _push(0) + LOG3
    size = _push(len(runtime))
    returned = size + _push(len(init) + 5 * 33 + 2) + _push(0) + CODECOPY + size + _push(0) + RETURN
    return init + returned + runtime


def _storage(record: Record, number: int, posted_at: int) -> dict[int, int]:
    """Slot → word: the trader's week with the lane of the day, the root, and the trader's one schema."""
    schema, trader = record.context.schema_hash, bytes.fromhex(record.context.trader[2:])
    base = int.from_bytes(keccak256(bytes(12) + trader + _word(0)), "big")
    days = (record.context.day - MONDAY).days
    week, lane = days // 7 * 2 + days % 7 // 5, days % 7 % 5 * 51
    return {
        _slot(_word(week) + _word(base)): (1 << 35 | posted_at) << lane,
        _slot(_word(number) + _word(base + 1)): int.from_bytes(record.root, "big"),
        (base + 4) % 2**256: 1,
        _slot(_word(base + 4)): int.from_bytes(schema, "big"),
        _slot(schema + _word(base + 3)): 1,
    }


def _slot(place: bytes) -> int:
    return int.from_bytes(keccak256(place), "big")


def _push(value: int) -> bytes:
    return PUSH32 + _word(value)


def _word(value: int) -> bytes:
    return (value % 2**256).to_bytes(32, "big")
