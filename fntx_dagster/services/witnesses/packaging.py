"""A package for a witness, made by the trader: everything of some signed days, in a file or sealed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.keys import KeyRing, key_ring
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.record import Record
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.services.signatures.commitments import aggregation_of, figures_of, period_of
from fntx_dagster.services.signatures.freezing import changed_since_signing, rebuilt, rebuilt_extension
from fntx_dagster.services.signatures.register import register_package
from fntx_dagster.services.visitors.users import TERMINAL
from fntx_dagster.services.witnesses.figures import of_settings
from fntx_dagster.store.outbox import signatures
from fntx_dagster.store.raw_flex.overview import statement_digests
from fntx_dagster.witness.package import MAX_BYTES, GivenStatement, Package, PackagedDay, written
from fntx_dagster.witness.sealing import sealed
from fntx_dagster.witness.trees import Blindings, Tree

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database


class MadePackage(NamedTuple):
    """A package as it is written. `content` shows every figure of the days unless it `is_sealed`."""

    content: bytes
    days: int
    extended: int
    """How many of the days have an extension."""
    statements: int
    is_sealed: bool

    def as_dict(self) -> dict[str, int | bool]:
        """What it holds, for programs; not the content."""
        return {name: value for name, value in self._asdict().items() if name != "content"}

    def __repr__(self) -> str:
        return f"MadePackage({self.days} days)"


def make_package(
    settings: Settings,
    db: Database,
    account: str,
    period: Period,
    witness: str,
    *,
    with_statements: bool = False,
    key: bytes | None = None,
    by: str = TERMINAL,
) -> MadePackage:
    """Everything of an account's signed days of a period, in their latest versions, for the witness with that address.

    `with_statements`: with the statement files that the days were signed from, as far as the folder of statements has
    them. `key`: the witness's X25519 key, 32 bytes, to seal it with. `by`: the user who makes it; the register of what
    was shown keeps it before it is handed out. Permanent where no day of the period is signed, where days were signed
    for several chains or traders, or where what was frozen was changed since.
    """
    refuse_backwards(period)
    with db.snapshot() as snapshot:
        signed = signatures.signed_days(snapshot, period, account)
        if not signed:
            raise Permanent(f"no day of {period} is signed", "Sign them with `fntx run`")
        digests = statement_digests(snapshot, period, account) if with_statements else {}
    first = signed[0]
    if others := [day for day in signed if _bound(day) != _bound(first)]:
        raise Permanent(
            f"{first.trading_day} and {others[0].trading_day} were signed for different chains, contracts or traders",
            "Make a package for each of them",
        )
    ring = key_ring(settings)
    days = tuple(packaged(ring, day) for day in signed)
    files = _files(settings, db, {digest for of_day in digests.values() for digest in of_day})
    package = Package(
        first.chain_id, first.contract, first.trader, account, witness, of_settings(settings, account), days, (*files,)
    )
    content = written(package).encode("ascii")
    if len(content) > MAX_BYTES:
        raise Permanent(f"the package has more than {MAX_BYTES} bytes", "Choose a shorter period, or no statements")
    extended = sum(day.extension is not None for day in days)
    register_package(db, account, Period(days[0].day, days[-1].day), [day.version for day in days], witness, by=by)
    sealed_content = content if key is None else sealed(content, key)
    return MadePackage(sealed_content, len(days), extended, len(package.statements), key is not None)


def packaged(ring: KeyRing, signed: SignedDay) -> PackagedDay:
    """A signed day, whole. Permanent where what was frozen, or the salt secret, was changed since."""
    record, extension = rebuilt(signed, ring), rebuilt_extension(signed, ring)
    for problem in changed_since_signing(signed, record, extension):
        raise Permanent(f"{signed.trading_day}: {problem}", "Restore keys/salt.secret and the database from the backup")
    return PackagedDay(
        signed.trading_day,
        signed.version,
        signed.root,
        _tree(record),
        None if extension is None else _tree(extension),
        _blindings(ring, signed),
    )


def _bound(signed: SignedDay) -> tuple[int, str, str]:
    return signed.chain_id, signed.contract, signed.trader


def _tree(record: Record) -> Tree:
    return Tree(record.context.schema_hash, record.values, record.salts)


def _blindings(ring: KeyRing, signed: SignedDay) -> Blindings | None:
    """Of the commitments that the day was signed with: one that is null has none."""
    figures, extension = figures_of(signed), signed.extension
    if figures is None or extension is None:
        return None
    secret = keys.known_secret(ring, signed.secret_mark)
    aggregation, period = aggregation_of(secret, figures), period_of(secret, figures)
    return Blindings(
        aggregation.blindings if aggregation and signed.values["aggregation_commitments"] is not None else None,
        period.blinding if period and extension.values["period_commitments"] is not None else None,
    )


def _files(settings: Settings, db: Database, digests: Iterable[str]) -> Iterator[GivenStatement]:
    """The statements of the archive whose contents those are; a packed file is not among them."""
    for name, digest, content in archive_of(settings, db).contents({*digests}):
        yield GivenStatement(name, digest, content)
