"""Loading statements: which files are the user's, and when the bundled samples are loaded instead of them.

The samples are what the platform shows before anything else is there. As soon as the settings name a Flex query, the
folder of statement files holds a file, or the database another account, the samples are never loaded again; and they
are never signed on a public chain.
"""

from __future__ import annotations

from pathlib import Path

from fntx_dagster.errors import Permanent
from fntx_dagster.samples import SAMPLE_ACCOUNT, SAMPLES
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.overview import accounts


def statement_paths(settings: Settings, db: Database) -> list[Path]:
    """The statement files to load: the user's folder, or the samples where the user has nothing and no public chain is
    set that they could be posted to. Raises Permanent where there is nothing at all."""
    folder = settings.flex.folder or settings.paths.statements
    if folder.is_dir() and any(folder.rglob("*.xml")):
        return [folder]
    known = set(accounts(db))
    if settings.flex.tokens:
        return []  # nothing has arrived yet
    if settings.flex.folder is None and settings.chain.rpc_url is None and known <= {SAMPLE_ACCOUNT}:
        return [SAMPLES]
    if known:
        return []  # loaded from elsewhere, by `fntx load`
    raise Permanent(f"no statement files in {folder}", "Put Flex XML files there, or load them with `fntx load PATH`")
