"""Backups, from the command line: `fntx backup`, `fntx restore` and `fntx migrate`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.services.backups.making import BackupRow
    from fntx_dagster.services.backups.restoring import VerifiedRestore
    from fntx_dagster.settings import Settings

_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of all backups.")]
_Name = Annotated[
    str | None, typer.Option("--name", metavar="BACKUP", help="A backup, as --list names it; the newest if left out.")
]


def backup(
    folder: _Folder,
    keep: Annotated[
        str | None,
        typer.Option(metavar="7d,4w,12m", help="Keep the newest backup of so many days, weeks and months."),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the backups in the folder instead.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Read a whole backup and prove it instead.")] = False,
    name: _Name = None,
    as_json: AsJson = False,
) -> None:
    """Back up the database, the keys, the embedded chain, the settings and the statements, sealed by a passphrase.

    The passphrase is FNTX_BACKUP_PASSPHRASE, or is asked for. Keep it elsewhere: nothing opens a backup without it. A
    statement is stored once, however many backups name it.

    fntx backup /mnt/backups --keep 7d,4w,12m
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.backups.making import list_backups, make_backup
    from fntx_dagster.services.backups.places import VAULT, BackupFolder
    from fntx_dagster.services.backups.restoring import check_backup

    place = BackupFolder(folder)
    if listing or check:
        settings = load_settings()
        passphrase = _passphrase(settings, is_new=False)
        if check:
            _print_backups([check_backup(place, passphrase, name, note)], as_json)
            note("Every file of it is as it was written.")
        else:
            _print_backups(list_backups(place, passphrase), as_json)
        return
    if name is not None:
        raise Permanent("--name goes with --check", "A new backup is named by its moment")
    settings, db = settings_and_database()
    passphrase = _passphrase(settings, is_new=not place.holds(VAULT))
    made = make_backup(settings, db, place, passphrase, datetime.now(UTC), keep, note)
    if as_json:
        print_json(made.row._asdict() | {"new_statements": made.new_statements, "removed": made.removed})
        return
    _print_backups([made.row], False)
    if made.removed:
        note(f"Removed by --keep: {', '.join(made.removed)}")


def restore(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="The folder of all backups.")] = None,
    name: _Name = None,
    verify: Annotated[bool, typer.Option("--verify", help="Only verify what was restored before.")] = False,
    accept: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Take what was restored as it is, with this reason, though it differs."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty home and database, then verify it against its keys and the chain.

    Every file is proved before anything is changed. Nothing is posted before the signed days are found on the chain as
    they were signed; where the chain did not answer, `fntx restore --verify` asks it again.

    FNTX_HOME=/srv/fntx fntx restore /mnt/backups
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.backups.places import BackupFolder
    from fntx_dagster.services.backups.restoring import accept_restore, restore_backup, verify_restore

    if (folder is None) != (verify or accept is not None) or (verify and accept is not None):
        raise Permanent("say one thing", "Name a folder to restore from, or --verify, or --accept REASON")
    if folder is not None:
        settings = load_settings()
        passphrase = _passphrase(settings, is_new=False)
        done = restore_backup(settings, BackupFolder(folder), passphrase, name, note)
        note(f"Restored {done.backup.name} into {settings.paths.home}, with {done.statements} statements.")
        _print_verified(done.verified, as_json)
        return
    settings, db = settings_and_database()
    if accept is not None:
        taken = accept_restore(db, accept)
        note(f"What was restored from {taken} is taken as it is.")
        return
    _print_verified(verify_restore(settings, db, note), as_json)


def migrate(as_json: AsJson = False) -> None:
    """Bring the database to this program's version.

    The embedded database, and an empty one, are brought there by whatever command comes first. A database by URL that
    holds something is migrated by this command alone: until then everything else waits (exit code 75), so that an
    upgrade begins when you say so. Make a backup first.

    fntx migrate
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.database import migrate_database

    before, after = migrate_database(load_settings())
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        out(f"The database is at version {after} already.")
    else:
        out(f"The database was at version {before or 'none'}, and is at {after} now.")


def _passphrase(settings: Settings, *, is_new: bool) -> str:
    """The passphrase of the settings, or what is typed; Permanent where neither is there."""
    if settings.backup.passphrase is not None:
        return settings.backup.passphrase.get_secret_value()
    try:
        return typer.prompt("Passphrase of the backups", hide_input=True, confirmation_prompt=is_new, err=True)
    except typer.Abort:
        raise Permanent("a backup needs its passphrase", "Set FNTX_BACKUP_PASSPHRASE, or type it") from None


def _print_backups(made: list[BackupRow], as_json: bool) -> None:
    from fntx_dagster.cli.terminal import new_table, out

    if as_json:
        print_json([row._asdict() for row in made])
        return
    table = new_table("backup", "made (UTC)", "FNTX", "tables' version", right=("rows", "MB"))
    for row in made:
        sizes = f"{row.rows:,}", f"{row.bytes / 1e6:,.1f}"
        table.add_row(row.name, f"{row.made_at:%Y-%m-%d %H:%M:%S}", row.program, row.schema, *sizes)
    out(table)


def _print_verified(verified: VerifiedRestore, as_json: bool) -> None:
    from fntx_dagster.cli.terminal import note, out

    if as_json:
        print_json(verified._asdict())
    else:
        out(f"{verified.signed_days} signed days lead to their roots; {verified.posted_days} of them are on the chain.")
        for problem in verified.problems[:20]:
            out(f"differs: {problem}")
    if verified.problems:
        note(
            f"{len(verified.problems)} differences: nothing is posted until `fntx restore --verify` finds none, or "
            "`fntx restore --accept REASON` takes them."
        )
        raise typer.Exit(Permanent.exit_code)
