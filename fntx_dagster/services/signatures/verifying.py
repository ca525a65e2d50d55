"""The owner's own check of a signed day: today's tables, the frozen record, its root, the contract, the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.keys import KeyRing, key_ring
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import unscale
from fntx_dagster.model.chain import PostedDay, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.record import verify
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.sessions import require_session
from fntx_dagster.services.signatures.freezing import changed_since_signing, rebuilt, rebuilt_extension
from fntx_dagster.services.signatures.values import Difference, catalogue_of, day_values, differences
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendars_of
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox import sendings, signatures

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader


class RecordVerdict(NamedTuple):
    """The outcome of verifying a day: every way in which the tables, the frozen record and the chain disagree."""

    day: SignedDay
    posted: PostedDay | None
    differences: list[Difference]
    problems: list[str]

    @property
    def holds(self) -> bool:
        return not self.differences and not self.problems


class Proved(NamedTuple):
    """A metric's value as signed (None for null), and whether its leaf and path lead to the root on the chain."""

    value: Decimal | None
    holds: bool


def verify_record(
    settings: Settings, db: Database, account: str, day: date, tx_hash: str | None = None
) -> RecordVerdict:
    """`verify_day` on the chain of the settings. Raises Permanent where the day is not signed, Transient where the node
    does not answer."""
    with connect(settings) as chain:
        return verify_day(db, chain, key_ring(settings), account, day, tx_hash)


def prove_metric(settings: Settings, signed: SignedDay, metric: str) -> Proved:
    """Prove one metric of a signed day on the chain of the settings, as the holder of a disclosure does."""
    value = unscale(catalogue_of(signed).by_name[metric], signed.values[metric])
    with connect(settings) as chain:
        return Proved(value, prove_on_chain(chain, signed, key_ring(settings), metric))


def verify_day(
    db: Database, chain: Reader, ring: KeyRing, account: str, day: date, tx_hash: str | None = None
) -> RecordVerdict:
    """Recompute a day from the tables and compare its latest version with the frozen record, its roots, the contract
    and the transaction. `tx_hash` (0x…, lower case) names the transaction; without it the stored receipt's is
    compared."""
    with db.snapshot() as snapshot:
        signed = signed_day(snapshot, account, day)
        posted = signatures.receipt_of(snapshot, signed)
        values = day_values(snapshot, Period.on(day), account).get((account, day))
        waiting = list(_waiting(snapshot, signed))
    if values is None:
        raise Permanent(f"{day} has no daily summary any more", "Run `fntx run` for that day")
    record, extension = rebuilt(signed, ring), rebuilt_extension(signed, ring)
    return RecordVerdict(
        signed,
        posted,
        differences(signed, values),
        [
            *waiting,
            *changed_since_signing(signed, record, extension),
            *_problems(chain, signed, posted, tx_hash or (posted and posted.tx_hash)),
        ],
    )


def signed_day(db: Readable, account: str, day: date, version: int | None = None) -> SignedDay:
    """A signed day, in its latest version unless one is named. Raises Permanent where there is none."""
    signed = signatures.signed_version(db, account, day, version)
    if signed is None:
        require_session(Period.on(day), calendars_of(db, [account]))
        which = "is not signed" if version is None else f"has no signed version {version}"
        raise Permanent(f"{day} {which}", "Sign it with `fntx signature generate --date` or `fntx run`")
    return signed


def prove_on_chain(chain: Reader, signed: SignedDay, ring: KeyRing, metric_name: str) -> bool:
    """Whether one metric's leaf and path lead to the root, both as computed here and as the contract computes it."""
    record, index = rebuilt(signed, ring), catalogue_of(signed).by_name[metric_name].index
    value, salt, proof = record.values[index], record.salts[index], record.proof(index)
    stored = chain.version_of(signed.trader, signed.trading_day, signed.version)
    return (
        stored is not None
        and verify(record.context, stored.record.root, index, value, salt, proof)
        and chain.verify_metric(signed.trader, signed.trading_day, signed.version, index, value, salt, proof)
    )


def _waiting(db: Readable, signed: SignedDay) -> Iterable[str]:
    """The state of this version, while it is not on the chain."""
    for record in sendings.unfinished(db, Period.on(signed.trading_day), signed.account_id):
        if record.version == signed.version and record.state != "mined":
            yield f"version {signed.version} of {signed.trading_day} is {record.state}: `fntx chain status` says more"


def _problems(chain: Reader, signed: SignedDay, posted: PostedDay | None, tx_hash: str | None) -> Iterable[str]:
    stored = chain.version_of(signed.trader, signed.trading_day, signed.version)
    if stored is None:
        yield (
            f"the contract {chain.contract} holds no version {signed.version} of trader {signed.trader} for "
            f"{signed.trading_day}"
        )
    elif not stored.record.holds(signed.schema_hash, signed.root):
        yield (
            f"the chain holds root 0x{stored.record.root.hex()} under schema 0x{stored.record.schema_hash.hex()}, "
            f"signed are 0x{signed.root.hex()} under 0x{signed.schema_hash.hex()}"
        )
    if tx_hash is None:
        return
    mined = chain.mined(tx_hash)
    if mined is None:
        yield f"the chain has no transaction {tx_hash}"
        return
    wanted = (signed.trader, signed.trading_day, signed.version)
    written = [record for record in mined.records if (record.trader, record.day, record.version) == wanted]
    if not written:
        others = (f"version {other.version} of {other.day} of trader {other.trader}" for other in mined.records[:3])
        yield f"transaction {tx_hash} posted {', '.join(others)}"
    elif written[0].root != signed.root:
        posted_root = f"0x{written[0].root.hex()}"
        yield f"transaction {tx_hash} posted the root {posted_root}, the signed one is 0x{signed.root.hex()}"
    elif posted is not None and posted.tx_hash != tx_hash:
        yield f"the stored receipt names transaction {posted.tx_hash}"
    elif posted is not None and posted.block_number != mined.block_number:
        yield f"the stored receipt names block {posted.block_number}, the transaction is in {mined.block_number}"
