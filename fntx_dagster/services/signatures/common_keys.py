"""The salt secret and the development keys that all machines on one database have in common.

The database keeps a mark of the secret and the address of each development key from when a day is first signed with
them; neither says anything of the secret. A machine with another one, or with none, is refused before it signs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm import keys
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.store.secret_marks import SecretMarks, mark_of

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

SALT = "salt"
"""The name under which the mark of the salt secret is kept."""


def common_secret(settings: Settings, db: Database) -> bytes:
    """The salt secret that the machines on this database sign with, which the first of them may make. Permanent where
    this one has another, or none."""
    ring = keys.key_ring(settings)
    if mark := mark_of(db, SALT):
        return keys.known_secret(ring, mark)
    with SecretMarks(db).alone() as marks:
        if mark := marks.of(SALT):  # another process was first
            return keys.known_secret(ring, mark)
        secret = keys.salt_secret(ring)
        marks.note(SALT, keys.mark_of(secret))
        return secret


def common_trader(settings: Settings, db: Database, account: str) -> str:
    """The address that an account's records are bound to. Permanent where its key cannot be used, or is a development
    key and another machine has another one for it."""
    if not keys.has_development_key(settings, account):
        return keys.signer_of(settings, account).address
    name, ring = f"development key of {account}", keys.key_ring(settings)
    known = mark_of(db, name)
    if known is None:
        with SecretMarks(db).alone() as marks:
            known = marks.of(name)  # another process may be first
            if known is None:
                known = keys.trader_of(ring, account).address
                marks.note(name, known)
    if keys.has_trader(ring, account) and keys.trader_of(ring, account).address == known:
        return known
    raise Permanent(
        f"account {masked(account)} is signed for with the development key of {known}, which this home does not have",
        "Copy the folder `keys` of the machine that signs already; on servers, name a keystore in FNTX_KEYSTORES",
    )
