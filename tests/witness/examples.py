"""A package of signed days, and what an honest witness computes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

from fntx_dagster.aggregate.commitments import FIELDS, CommittedDay, committed
from fntx_dagster.metrics.catalogue import CATALOGUE, EXTENSION, digest_value, letters
from fntx_dagster.periods.commitment import day_commitment
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import Record, build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.witness.comparison import OwnDay
from fntx_dagster.witness.package import GivenStatement, Package, PackagedDay
from fntx_dagster.witness.trees import Blindings, Tree

SECRET, ACCOUNT = b"a secret of the tests, 32 bytes.", "U7000001"
CONTRACT, TRADER, WITNESS = (f"0x{mark * 40}" for mark in "123")
RECORD_HASH, EXTENSION_HASH = (schema_hash_of(each.canonical()) for each in (CATALOGUE, EXTENSION))
STATEMENT = b"<FlexQueryResponse/>"
UNIT = 10**8


def figures(number: int = 7) -> OwnDay:
    """A day's figures by slot, the derived ones left null."""
    record: dict[int, int | None] = {metric.index: (metric.index + 1) * UNIT for metric in CATALOGUE.metrics}
    record |= {0: number, 1: 1_752_868_800, 2: 80_000 * UNIT, 4: 80_100 * UNIT, 6: 0, 7: 0, 13: 100 * UNIT}
    record |= {57: letters("HKD"), 58: digest_value(b"\x58" * 32), 62: None, 63: None}
    extension: dict[int, int | None] = {metric.index: metric.index * 3 + 1 for metric in EXTENSION.metrics}
    return OwnDay(record, extension | {8: None, 10: digest_value(b"\x10" * 32), 32: None})


def signed(day: date, own: OwnDay | None = None, version: int = 1) -> PackagedDay:
    """A day as a trader signs it, whole."""
    record, extension = (dict(tree) for tree in own or figures())
    context = Context(RECORD_HASH, 31337, CONTRACT, TRADER, day)
    its_context = replace(context, schema_hash=EXTENSION_HASH)
    aggregation = committed(
        SECRET,
        CommittedDay(RECORD_HASH, ACCOUNT, day, version),
        "HKD",
        0,
        {name: record[slot] for name, slot in zip(FIELDS, (4, 15, 13), strict=True)},
    )
    period = day_commitment(
        SECRET, EXTENSION_HASH, ACCOUNT, day, version,
        record=record, extension=extension, session=record[0], currency="HKD",
    )  # fmt: skip
    assert aggregation is not None
    assert period is not None
    record[62], extension[32] = digest_value(aggregation.digest), digest_value(period.digest)

    def tree(own_context: Context, values: dict[int, int | None]) -> Record:
        return build_record(own_context, ACCOUNT, values, SECRET, version, salt_form=SaltForm.RECORD)

    inner = tree(its_context, extension)
    record[63] = digest_value(inner.root)
    outer = tree(context, record)
    return PackagedDay(
        day,
        version,
        outer.root,
        Tree(RECORD_HASH, outer.values, outer.salts),
        Tree(EXTENSION_HASH, inner.values, inner.salts),
        Blindings(aggregation.blindings, period.blinding),
    )


def package(*days: PackagedDay, **changed: Any) -> Package:
    """A package of these days, or of two."""
    made = days or (signed(date(2025, 7, 17)), signed(date(2025, 7, 18), figures(8)))
    statement = GivenStatement("July.xml", sha256(STATEMENT).hexdigest(), STATEMENT)
    settings = {"initial_capital": "80000", "dividend_yields": {"SPY": "0.012"}}
    whole = Package(31337, CONTRACT, TRADER, ACCOUNT, WITNESS, settings, made, (statement,))
    return replace(whole, **changed)
