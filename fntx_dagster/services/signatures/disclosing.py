"""The disclosure of some metrics of a signed day, made from the frozen record, its extension and the salt secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import EXTENSION
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.proof.disclosure import disclose
from fntx_dagster.services.signatures.freezing import changed_since_signing, rebuilt, rebuilt_extension
from fntx_dagster.services.signatures.values import catalogue_of, extension_catalogue_of
from fntx_dagster.services.signatures.verifying import signed_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox import signatures


def disclose_day(
    settings: Settings, db: Database, account: str, day: date, metrics: Sequence[str], version: int | None = None
) -> str:
    """The file (JSON) that shows the named metrics of a signed day, in its latest version unless one is named.

    It holds the salts of these metrics, with a metric of the extension that of slot 63, and no other; and the
    transaction where the record is posted. Raises Permanent where the day is not signed, a name is not in the
    catalogues it was signed by, or the salt secret is another one.
    """
    with db.snapshot() as snapshot:
        return disclosure_of(settings, snapshot, signed_day(snapshot, account, day, version), metrics)


def disclosure_of(settings: Settings, db: Readable, signed: SignedDay, metrics: Sequence[str]) -> str:
    """The same of a version that was read. Raises Permanent as `disclose_day` does."""
    day, posted = signed.trading_day, signatures.receipt_of(db, signed)
    catalogue, its_catalogue = catalogue_of(signed), extension_catalogue_of(signed)
    if its_catalogue is None and (lacking := [name for name in metrics if name in EXTENSION.by_name]):
        raise Permanent(
            f"{day} was signed before the extension, so it has no {', '.join(lacking)}",
            f"`fntx signature amend --extend --date {day}` posts a version of it that has",
        )
    ring = key_ring(settings)
    record, extension = rebuilt(signed, ring), rebuilt_extension(signed, ring)
    for problem in changed_since_signing(signed, record, extension):
        raise Permanent(f"{day}: {problem}", "Restore keys/salt.secret and the database from the backup")
    extended = (extension, its_catalogue) if extension is not None and its_catalogue is not None else None
    return disclose(record, catalogue, metrics, posted.tx_hash if posted else None, extended)
