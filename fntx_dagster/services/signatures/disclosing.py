"""The disclosure of some metrics of a signed day, made from the frozen record and the salt secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.disclosure import disclose
from fntx_dagster.services.signatures.signing import rebuilt
from fntx_dagster.services.signatures.values import catalogue_of
from fntx_dagster.services.signatures.verifying import signed_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox import signatures


def disclose_day(
    settings: Settings, db: Database, account: str, day: date, metrics: Sequence[str], version: int | None = None
) -> str:
    """The file (JSON) that shows the named metrics of a signed day, in its latest version unless one is named.

    It holds the salts of these metrics alone, and the transaction where the record is posted. Raises Permanent where
    the day is not signed, a name is not in the catalogue it was signed by, or the salt secret is another one.
    """
    with db.snapshot() as snapshot:
        signed = signed_day(snapshot, account, day, version)
        posted = signatures.receipt_of(snapshot, signed)
    record = rebuilt(signed, settings.paths.keys)
    if record.root != signed.root:
        raise Permanent(
            f"the record of {day} does not lead to its own root: it, or the salt secret, was changed after signing",
            "Restore keys/salt.secret and the database from the backup",
        )
    return disclose(record, catalogue_of(signed), metrics, posted.tx_hash if posted else None)
