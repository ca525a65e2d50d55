"""The bundled sample statements (July 2025 of one account), and when they stand in for a user's own.

They are what the platform shows before anything else is there. As soon as the settings name a Flex query, the folder of
statement files holds a file, or the database another account, the samples are never loaded again; and they are never
signed on a public chain.
"""

from __future__ import annotations

from pathlib import Path

from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import accounts

SAMPLES = Path(__file__).parent
SAMPLE_ACCOUNT = "U1000001"


def statement_paths(settings: Settings, db: Database) -> list[Path]:
    """The statement files to load: the user's folder; the samples where there is nothing of a user's, and no public
    chain that they could be posted to; Permanent where there is nothing at all."""
    folder = settings.statements or settings.paths.statements
    if folder.is_dir() and any(folder.rglob("*.xml")):
        return [folder]
    known = set(accounts(db))
    if settings.flex_tokens:
        return []  # nothing has arrived yet
    if settings.statements is None and settings.rpc_url is None and known <= {SAMPLE_ACCOUNT}:
        return [SAMPLES]
    if known:
        return []  # loaded from elsewhere, by `fntx load`
    raise Permanent(f"no statement files in {folder}", "Put Flex XML files there, or load them with `fntx load PATH`")
