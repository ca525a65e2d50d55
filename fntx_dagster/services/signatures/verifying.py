"""The owner's own check of a signed day: today's tables, the frozen record, its root, the contract, the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import PostedDay, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.record import Record, verify
from fntx_dagster.services.signatures.signing import rebuilt
from fntx_dagster.services.signatures.values import Difference, catalogue_of, day_values, differences
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox import sendings, signatures

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader


class Verdict(NamedTuple):
    """The outcome of verifying a day: every way in which the tables, the frozen record and the chain disagree."""

    day: SignedDay
    posted: PostedDay | None
    differences: list[Difference]
    problems: list[str]

    @property
    def holds(self) -> bool:
        return not self.differences and not self.problems


def verify_day(
    db: Database, chain: Reader, key_folder: Path, account: str, day: date, tx_hash: str | None = None
) -> Verdict:
    """Recompute a day from the tables and compare the latest version: with the frozen record, its root, the contract,
    the transaction. `tx_hash` (0x…, lower case) is the one that is asked about; else the stored receipt's."""
    with db.snapshot() as snapshot:
        signed = signed_day(snapshot, account, day)
        posted = signatures.receipt_of(snapshot, signed)
        values = day_values(snapshot, Period.on(day), account).get((account, day))
        waiting = list(_waiting(snapshot, signed))
    if values is None:
        raise Permanent(f"{day} has no daily summary any more", "Run `fntx run` for that day")
    return Verdict(
        signed,
        posted,
        differences(signed, values),
        [
            *waiting,
            *_problems(chain, signed, rebuilt(signed, key_folder), posted, tx_hash or (posted and posted.tx_hash)),
        ],
    )


def signed_day(db: Readable, account: str, day: date, version: int | None = None) -> SignedDay:
    """A signed day, its latest version where none is named; Permanent where there is none."""
    found = signatures.signed_version(db, account, day, version)
    if found is None:
        which = "is not signed" if version is None else f"has no signed version {version}"
        raise Permanent(f"{day} {which}", "Sign it with `fntx signature generate --date` or `fntx run`")
    return found


def prove_on_chain(chain: Reader, signed: SignedDay, key_folder: Path, metric_name: str) -> bool:
    """Whether one metric's leaf and path lead to the root: computed here and by the contract; both must say so."""
    record, index = rebuilt(signed, key_folder), catalogue_of(signed).by_name[metric_name].index
    value, salt, proof = record.values[index], record.salts[index], record.proof(index)
    stored = chain.version_of(signed.trader, signed.trading_day, signed.version)
    return (
        stored is not None
        and verify(record.context, stored.record.root, index, value, salt, proof)
        and chain.verify_metric(signed.trader, signed.trading_day, signed.version, index, value, salt, proof)
    )


def _waiting(db: Readable, signed: SignedDay) -> Iterable[str]:
    """Where this version is on its way, while it is not on the chain."""
    for one in sendings.unfinished(db, Period.on(signed.trading_day), signed.account_id):
        if one.version == signed.version and one.state != "mined":
            yield f"version {signed.version} of {signed.trading_day} is {one.state}: `fntx chain status` says more"


def _problems(
    chain: Reader, signed: SignedDay, record: Record, posted: PostedDay | None, tx_hash: str | None
) -> Iterable[str]:
    if record.root != signed.root:
        yield "the stored record does not lead to its own root: it, or the salt secret, was changed after signing"
    found = chain.version_of(signed.trader, signed.trading_day, signed.version)
    if found is None:
        yield (
            f"the contract {chain.contract} holds no version {signed.version} of trader {signed.trader} for "
            f"{signed.trading_day}"
        )
    elif not found.record.holds(signed.schema_hash, signed.root):
        yield (
            f"the chain holds root 0x{found.record.root.hex()} under schema 0x{found.record.schema_hash.hex()}, "
            f"signed are 0x{signed.root.hex()} under 0x{signed.schema_hash.hex()}"
        )
    if tx_hash is None:
        return
    mined = chain.mined(tx_hash)
    if mined is None:
        yield f"the chain has no transaction {tx_hash}"
        return
    wanted = (signed.trader, signed.trading_day, signed.version)
    written = [one for one in mined.records if (one.trader, one.day, one.version) == wanted]
    if not written:
        days = ", ".join(f"version {one.version} of {one.day} of trader {one.trader}" for one in mined.records[:3])
        yield f"transaction {tx_hash} posted {days}"
    elif written[0].root != signed.root:
        posted_root = f"0x{written[0].root.hex()}"
        yield f"transaction {tx_hash} posted the root {posted_root}, the signed one is 0x{signed.root.hex()}"
    elif posted is not None and posted.tx_hash != tx_hash:
        yield f"the stored receipt names transaction {posted.tx_hash}"
    elif posted is not None and posted.block_number != mined.block_number:
        yield f"the stored receipt names block {posted.block_number}, the transaction is in {mined.block_number}"
