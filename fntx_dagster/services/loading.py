"""Loading statements: which files are the user's, and when the bundled samples are loaded instead of them.

The samples are what the platform shows before anything else is there. As soon as the settings name a Flex query, the
folder of statement files holds a file, or the database another account, the samples are never loaded again; and they
are never signed on a public chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fntx_dagster.adapters.flex.formats import DayOrder
from fntx_dagster.adapters.flex.places import Place
from fntx_dagster.errors import Permanent
from fntx_dagster.samples import SAMPLE_ACCOUNT, SAMPLES
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.settings import Settings, StoreUrl
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.raw_flex.folders import skipped_files
from fntx_dagster.store.raw_flex.incomplete import incomplete_positions, incomplete_trades
from fntx_dagster.store.raw_flex.overview import accounts
from fntx_dagster.store.raw_flex.statements import Counts, FileLoad, iter_loads

__all__ = [
    "MOST_SKIPPED",
    "SAMPLE_ACCOUNT",
    "FileLoad",
    "archived_paths",
    "as_dict",
    "beyond_named",
    "date_order",
    "load",
    "refuse_own_statements",
    "remarks",
    "skipped",
    "statement_paths",
    "statements_folder",
    "total",
    "unloaded",
]


def load(settings: Settings, db: Database, paths: Iterable[Place]) -> Iterator[FileLoad]:
    """Load statement files (`.xml`, or one packed as `.gz` or `.zip`), and every one beneath folders, one file after
    the other, each in one transaction.

    A file that cannot be loaded is an entry with its error, and the others are loaded. Raises Transient where the
    database cannot be reached.
    """
    return iter_loads(db, paths, date_order(settings))


def date_order(settings: Settings) -> DayOrder | None:
    """The order of dates with slashes that is set; a file that has the other one is refused."""
    return DayOrder(settings.flex.date_order) if settings.flex.date_order else None


def remarks(db: Readable, loads: Iterable[FileLoad]) -> Iterator[str]:
    """What a person should know of the files that were loaded now: one without a statement, and accounts whose trades
    lack a field, so that no day can be built of them, or whose open positions lack their terms."""
    loaded = [entry for entry in loads if not entry.error]
    for entry in loaded:
        if not entry.accounts:
            yield f"{entry.file_name} holds no statement. Look which accounts and which period the query has"
    changed = {account for entry in loaded if entry.total.changed for account in entry.accounts}
    for lack in incomplete_trades(db, changed):
        more = f", as {lack.rows - 1} more" if lack.rows > 1 else ""
        yield (
            f"row {lack.row_key} of {lack.row_date} in Trades has no {lack.attribute}{more}: no day of its account can"
            f" be built. Add the field {lack.attribute} to the section Trades of the Flex query, and load the"
            " statement again"
        )
    for lack in incomplete_positions(db, changed):
        more = f", as {lack.rows - 1} more" if lack.rows > 1 else ""
        yield (
            f"row {lack.row_key} of {lack.row_date} in Open Positions has no {lack.attribute}{more}: no lot from before"
            f" the statements opens of it, and it has no Greeks. Add the field {lack.attribute} to the section Open"
            " Positions of the Flex query, and load the statement again"
        )


def unloaded(settings: Settings, db: Readable) -> list[str]:
    """The names of statements in the archive that no load has taken: never tried, or refused."""
    return archive_of(settings, db).not_loaded(db)


def archived_paths(settings: Settings, db: Database) -> list[Place]:
    """The whole archive of statements, for `load`."""
    return [*archive_of(settings, db).statements()]


def skipped(paths: Iterable[Place]) -> list[tuple[Path, str]]:
    """The files of folders that hold no statement, each with why in words."""
    return skipped_files(path for path in paths if isinstance(path, Path))


MOST_SKIPPED = 20
"""So many skipped files are named one by one. A folder of downloads may hold thousands of files."""


def beyond_named(skipped: Sequence[tuple[Path, str]]) -> str | None:
    """How many skipped files there are beyond the first MOST_SKIPPED, by kind; None where there are no more."""
    kinds = Counter(path.suffix.lower() or "without a suffix" for path, _ in skipped[MOST_SKIPPED:])
    if not kinds:
        return None
    shown = [f"{number} {kind}" for kind, number in kinds.most_common(5)]
    others = kinds.total() - sum(number for _, number in kinds.most_common(5))
    return f"and {kinds.total()} more files: {', '.join(shown)}{f', {others} others' if others else ''}"


def total(loads: Iterable[FileLoad]) -> Counts:
    """The rows that loading these files changed, in sum."""
    return sum((entry.total for entry in loads), Counts())


def as_dict(loads: Sequence[FileLoad], skipped: Iterable[tuple[Path, str]] = ()) -> dict[str, Any]:
    """What became of each file, their sum, and the skipped files of folders, in plain values, for programs."""
    files = [
        {
            "file": entry.file_name,
            "status": entry.status,
            "sections": {name: counts._asdict() for name, counts in entry.sections.items()},
            "unknown_sections": list(entry.unknown_sections),
            "unknown_attributes": {name: list(names) for name, names in entry.unknown_attributes.items()},
            "error": entry.error,
        }
        for entry in loads
    ]
    return {
        "files": files,
        "total": total(loads)._asdict(),
        "skipped": [{"file": str(path), "reason": reason} for path, reason in skipped],
    }


def statements_folder(settings: Settings) -> Path:
    """The folder of statement files: the user's own, else the home's. Raises Permanent where they lie in an object
    store."""
    place = settings.flex.folder or settings.paths.statements
    if not isinstance(place, Path):
        raise Permanent(f"the statements lie in {place}, not in a folder", "Set FNTX_STATEMENTS to a folder for this")
    return place


def statement_paths(settings: Settings, db: Database) -> list[Place]:
    """The statements to load: the user's archive, or the samples where the user has nothing and no public chain is
    set that they could be posted to. Raises Permanent where there is nothing at all."""
    archive = archive_of(settings, db)
    if not archive.is_empty():
        return [*archive.statements()]
    known = set(accounts(db))
    if settings.flex.tokens:
        return []  # nothing has arrived yet
    if settings.flex.folder is None and settings.chain.rpc_url is None and known <= {SAMPLE_ACCOUNT}:
        return [SAMPLES]
    if known:
        return []  # loaded from elsewhere, by `fntx load`
    others = [path.name for path, _ in archive.skipped()]
    if isinstance(settings.flex.folder, StoreUrl):
        raise Permanent(
            f"no statements in {archive}",
            "Put files with `fntx statements put`, or copy a folder with `fntx statements copy`",
        )
    raise Permanent(
        f"no statement files in {archive}" + (f", only others: {', '.join(others[:5])}" if others else ""),
        "Put Flex XML files there (or one packed as .gz or .zip), or load them with `fntx load PATH`",
    )


def refuse_own_statements(db: Readable) -> None:
    """Raise Permanent where the database holds an account that is not the samples': the demo signs made-up days."""
    if set(accounts(db)) - {SAMPLE_ACCOUNT}:
        raise Permanent(
            "this home holds statements of your own", "Run the demo elsewhere: `FNTX_HOME=/tmp/fntx fntx demo`"
        )
