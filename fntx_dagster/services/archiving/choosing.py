"""Which archive of statements the settings name: the folder of the home, another folder, or an object store."""

from __future__ import annotations

from fntx_dagster.services.archiving.archive import Archive
from fntx_dagster.services.archiving.in_a_folder import FolderArchive
from fntx_dagster.services.archiving.in_a_store import StoreArchive, store_at
from fntx_dagster.settings import Settings, StoreUrl
from fntx_dagster.store.database import Readable


def archive_of(settings: Settings, db: Readable) -> Archive:
    """The archive that the settings name. Raises Permanent for an object store of an unknown kind, or one whose library
    is not installed; the network is not asked."""
    place = settings.flex.folder or settings.paths.statements
    if isinstance(place, StoreUrl):
        return StoreArchive(store_at(place), db, settings.paths.receiving)
    return FolderArchive(place)
