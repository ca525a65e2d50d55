"""Following the files of sanctions lists that the settings name: a file that changed is loaded, and whoever was
screened against other versions is screened again. Whoever fetches the files puts them there."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.governance.screening import screen_proposals
from fntx_dagster.services.screening.deciding import Rescreened, rescreen
from fntx_dagster.services.screening.list_files import ListFile, parts_of, version_of
from fntx_dagster.services.screening.lists import ListStanding, LoadedList, load_list, standings
from fntx_dagster.store.treasury.lists import newest_versions
from fntx_dagster.store.treasury.screenings import outdated_parties

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.treasury.proposals import ProposalRow

FOLLOWER = "system:sanctions-lists"


class FollowedLists(NamedTuple):
    """What was loaded, the names of the lists whose files are those that are loaded, and the files that were refused.
    A refused file leaves the version before it in its place."""

    loaded: list[LoadedList]
    kept: list[str]
    refused: list[Finding]


class FollowedParties(NamedTuple):
    """The parties whose last check was against other lists; the answer of their screening, None where there was none;
    the proposals that moved."""

    outdated: list[str]
    rescreened: Rescreened | None
    moved: list[ProposalRow]


def mark_of_files(settings: Settings) -> str | None:
    """A mark that changes with the names, sizes and times of the files; None where the settings name none. No file is
    opened."""
    if not settings.compliance.list_files:
        return None
    marks = []
    for name, path in sorted(settings.compliance.list_files.items()):
        for part in parts_of(path.expanduser()):
            try:
                seen = part.stat()
            except OSError:
                continue
            marks.append(f"{name} {part} {seen.st_size} {seen.st_mtime_ns}")
    return sha256("\n".join(marks).encode()).hexdigest()[:16]


def load_changed(settings: Settings, db: Database) -> FollowedLists:
    """Load each file that is newer than what is loaded of its list, or has other bytes."""
    before = {version.list_name: version for version in newest_versions(db)}
    followed = FollowedLists([], [], [])
    for name, path in sorted(settings.compliance.list_files.items()):
        path = path.expanduser()
        try:
            version = before.get(name)
            is_same = version is not None and version.version == version_of(path)
            if version is not None and is_same and ListFile(path).dated_at <= version.dated_at:
                followed.kept.append(name)
            else:
                followed.loaded.append(load_list(settings, db, path, name, by=FOLLOWER))
        except Permanent as error:
            followed.refused.append(Finding(name, f"list {name}: {error}"))
    return followed


def screen_outdated(settings: Settings, db: Database) -> FollowedParties:
    """Screen every party in use again where one was last checked against other versions of the lists, and each proposal
    that is not prepared; also what a process did not come to that loaded a list and was killed."""
    versions = {each.list_name: each.version.version for each in standings(settings, db) if each.version}
    with db.connect() as connection:
        outdated = outdated_parties(connection, versions)
    rescreened = rescreen(settings, db, "new list", by=FOLLOWER) if outdated else None
    moved = screen_proposals(settings, db)
    return FollowedParties(outdated, rescreened, moved)


def list_findings(settings: Settings, db: Database) -> list[Finding]:
    """Why lists clear nobody: one that counts is missing or too old, or there is none."""
    counting: list[ListStanding] = standings(settings, db)
    if not counting:
        return [Finding("lists", "no sanctions list is loaded: nobody can be cleared")]
    return [
        Finding(each.list_name, f"list {each.list_name}: {each.problem}: nobody can be cleared")
        for each in counting
        if each.problem
    ]
