"""`fntx attest`: a package for a witness, its check, and what the witness says on the chain."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import (
    Account,
    AsJson,
    From,
    MaybeFrom,
    MaybeTo,
    OneDay,
    To,
    address_option,
    day_option,
    hash_option,
    print_json,
    settings_and_database,
    url_option,
)
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.services.witnesses.checking import CheckedPackage
    from fntx_dagster.services.witnesses.posting import Attesting, WitnessKey

attest = typer.Typer(
    no_args_is_help=True,
    help="Witnesses: give one your days, recompute a trader's days, say on the chain that they agree.",
)
key = typer.Typer(no_args_is_help=True, help="The key with which packages are sealed for you.")
attest.add_typer(key, name="key")

WitnessAddress = Annotated[
    str, typer.Option("--witness", parser=address_option, metavar="0x…", help="The witness's address.")
]
OutputFile = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")]


@attest.command()
def package(
    first: From,
    last: To,
    witness: WitnessAddress,
    output: OutputFile,
    with_statements: Annotated[
        bool, typer.Option("--with-statements", help="With the statement files that the days were signed from.")
    ] = False,
    is_sealed: Annotated[
        bool, typer.Option("--seal", help="Sealed with the key that the witness has published on the chain.")
    ] = False,
    sealing_key: Annotated[
        str | None,
        typer.Option("--key", parser=hash_option, metavar="0x…", help="Sealed with this X25519 key of the witness."),
    ] = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Write a package for a witness: every figure of your signed days, with what rebuilds their roots.

    It shows everything of those days to whoever reads it: seal it, or hand it over as you would your statements. The
    register of what was shown keeps that you made it.

    fntx attest package --from 2025-07-01 --to 2025-07-18 --witness 0x… -o july.json
    """
    from fntx_dagster.cli.terminal import note, out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.reporting import refuse_unwritable, write_whole
    from fntx_dagster.services.witnesses.packaging import make_package
    from fntx_dagster.services.witnesses.posting import key_of

    refuse_unwritable(output)  # before it is registered as shown
    settings, db = settings_and_database()
    known = bytes.fromhex(sealing_key[2:]) if sealing_key else key_of(settings, witness) if is_sealed else None
    made = make_package(
        settings,
        db,
        chosen_account(db, account),
        Period(first.date(), last.date()),
        witness,
        with_statements=with_statements,
        key=known,
    )
    write_whole(output, made.content, private=True)
    if as_json:
        print_json({**made.as_dict(), "file": f"{output}"})
        return
    out(f"{made.days} days in {output}, with {made.statements} statement files.")
    if made.days > made.extended:
        out(f"{made.days - made.extended} of them were signed before the extension: their figures alone are in it.")
    if made.is_sealed:
        note("It is sealed. Whoever has the witness's key sees every figure of these days, and can show them on.")
    else:
        note("IT SHOWS EVERYTHING: whoever reads this file sees every figure of these days. --seal closes it.")


@attest.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The package, sealed for you or open.")],
    output: OutputFile,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the statements with your own Flex token for the account.")
    ] = False,
    statements: Annotated[
        Path | None, typer.Option("--statements", metavar="DIR", help="The statements in this folder.")
    ] = None,
    is_direct: Annotated[
        bool,
        typer.Option("--direct", help="You have the files of --statements from the broker, not through the trader."),
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=day_option, metavar="YYYY-MM-DD", help="With --fetch: from this day on, for metrics over windows."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a trader's days with FNTX, apart from your own record, and write which of them agree.

    Statements come from the broker with --fetch, from a folder with --statements, else from the package. The report
    names slots and no value. Exit code 0: all days agree; 1: some differ, or there is no statement of them; 75: the
    broker is away, or another check of these days is running.

    \b
    fntx attest check july.json --fetch -o report.json
    fntx attest check july.json --statements ~/statements --direct -o report.json
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.reporting import refuse_unwritable, write_whole
    from fntx_dagster.services.witnesses.checking import check_package, read_package
    from fntx_dagster.services.witnesses.workspace import Way

    if fetch and statements is not None:
        raise typer.BadParameter("give --fetch or --statements")
    if is_direct and statements is None:
        raise typer.BadParameter("--direct goes with --statements")
    if since and not fetch:
        raise typer.BadParameter("--since goes with --fetch")
    refuse_unwritable(output)  # before minutes of computing
    settings = load_settings()
    given = read_package(settings, file)
    way, begin = Way(fetch, statements, is_direct), since.date() if since else None
    checked = check_package(settings, given, way, begin, lambda text: None if as_json else note(text))
    write_whole(output, checked.written)
    if as_json:
        print_json(checked.as_dict() | {"file": f"{output}"})
    else:
        print_checked_package(checked)
    if not checked.agrees:
        raise typer.Exit(1)


@attest.command()
def post(
    file: Annotated[
        Path | None, typer.Argument(help="The report that `fntx attest check` wrote; else what still waits is posted.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say on the chain that the days of a report agree, as far as they do. Called again it goes on.

    You sign with the key of the account `witness`: FNTX_KEYSTORES names its file, or FNTX_TRADER_KEY is it.

    fntx attest post report.json
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.witnesses.posting import post_report, post_waiting

    def tell(text: str) -> None:
        if not as_json:
            out(text)

    settings, db = settings_and_database()
    done = post_waiting(settings, db, tell) if file is None else post_report(settings, db, file, tell)
    _print_attesting(done, as_json)


@attest.command()
def revoke(
    trader: Annotated[str, typer.Option(parser=address_option, metavar="0x…", help="The trader's address.")],
    day: OneDay,
    version: Annotated[int, typer.Option(min=1, max=2**32 - 1, help="The version of the record.")],
    reason: Annotated[str, typer.Option(help="Why, in at most 256 bytes. It is public.")],
    as_json: AsJson = False,
) -> None:
    """Take an attestation back. That is for ever: this version of the day is never attested by you again.

    fntx attest revoke --trader 0x… --date 2025-07-18 --version 1 --reason "The broker corrected a fee."
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.witnesses.posting import revoke as revoke_attestation

    settings, db = settings_and_database()
    done = revoke_attestation(
        settings, db, trader, day.date(), version, reason, lambda text: None if as_json else out(text)
    )
    _print_attesting(done, as_json)


@attest.command("list")
def list_attestations(
    trader: Annotated[
        str | None, typer.Option(parser=address_option, metavar="0x…", help="The trader whose days are attested.")
    ] = None,
    witness: Annotated[
        str | None, typer.Option(parser=address_option, metavar="0x…", help="The witness who attests.")
    ] = None,
    first: MaybeFrom = None,
    last: MaybeTo = None,
    rpc: Annotated[
        str | None, typer.Option(parser=url_option, metavar="URL", help="A node; else the chain of the settings.")
    ] = None,
    contract: Annotated[
        str | None, typer.Option(parser=address_option, metavar="0x…", help="TrackRecord's address on that chain.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the attestations of a trader's days, or those of a witness, as the chain has them.

    fntx attest list --trader 0x… --from 2025-07-01 --to 2025-07-18 --rpc URL --contract 0x…
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.model.witnesses import level_in_words
    from fntx_dagster.services.signatures.track_record import Node
    from fntx_dagster.services.witnesses.reading import listed, names_of

    if (rpc is None) != (contract is None):
        raise typer.BadParameter("--rpc and --contract go together")
    settings = load_settings()
    source = Node(rpc, contract) if rpc and contract else settings
    period = Period(first.date() if first else _EARLIEST, last.date() if last else EVER.last)
    rows = listed(source, trader=trader, witness=witness, period=period)
    if as_json:
        print_json([row.as_dict() for row in rows])
        return
    names = names_of(settings)
    table = new_table("day", "trader", "witness", "level", "attested at (UTC)", "remark", right=("version",))
    for row in rows:
        remark = "" if row.is_of_record else "not the record's root: counts for nothing"
        if row.revoked_at:
            remark = f"REVOKED at {row.revoked_at:%Y-%m-%d %H:%M}"
        name = names.get(row.witness.lower())
        table.add_row(
            f"{row.attested.day}",
            row.attested.trader,
            f"{name} ({row.witness})" if name else row.witness,
            level_in_words(row.level),
            f"{row.attested_at:%Y-%m-%d %H:%M:%S}",
            remark,
            f"{row.attested.version}",
        )
    out(table if rows else "There is no attestation.")


@key.command("init")
def key_init(as_json: AsJson = False) -> None:
    """Make the key that packages are sealed with for you, once, and show its public part.

    fntx attest key init
    """
    from fntx_dagster.services.witnesses.posting import make_key

    _print_key(make_key(load_settings()), as_json)


@key.command("publish")
def key_publish(as_json: AsJson = False) -> None:
    """Publish that key on the chain, so that traders seal their packages for your address with `--seal`.

    fntx attest key publish
    """
    from fntx_dagster.services.witnesses.posting import publish_key

    _print_key(publish_key(load_settings()), as_json)


def print_checked_package(checked: CheckedPackage) -> None:
    """Each day's result, with the slots that differ, and the level that an attestation would have."""
    from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, line, out
    from fntx_dagster.model.witnesses import level_in_words

    report = checked.report
    for day in report.days:
        sign = {"agrees": GOOD, "differs": BAD}.get(day.result, DOUBTFUL)
        told = [f"{outcome.value}: {', '.join(names)}" for outcome, names in day.slots.items() if outcome in _TOLD]
        out(line(sign, f" {day.day}  {day.result.value}{'  ' if told else ''}{'; '.join(told)}"))
    if checked.unlike:
        out(f"Computed with the trader's settings, which are not yours: {', '.join(checked.unlike)}.")
    agreeing = len(report.agreeing)
    out(f"{agreeing} of {len(report.days)} days agree. The level of an attestation: {level_in_words(report.level)}.")


def _print_attesting(done: Attesting, as_json: bool) -> None:
    from fntx_dagster.cli.terminal import error, out

    if as_json:
        print_json(done.as_dict())
    else:
        out(f"{len(done.new)} new on chain {done.chain_id}, signed by {done.witness}.")
        out(f"{len(done.waiting)} wait or have failed.")
        for row in done.waiting:
            error(f"{row.day} is {row.state}{f': {row.error}' if row.error else ''}")
    if done.waiting:
        raise typer.Exit(Permanent.exit_code)


def _print_key(made: WitnessKey, as_json: bool) -> None:
    from fntx_dagster.cli.terminal import out

    if as_json:
        print_json(made.well_known)
    else:
        out(f"Witness  {made.witness}")
        out(f"Key      {made.key}")
        out("A domain that you are known by can serve the same as /.well-known/fntx-witness.json: see --json.")


_EARLIEST = date(1970, 1, 1)
_TOLD = ("differs", "regenerated", "not_covered", "other_files")
