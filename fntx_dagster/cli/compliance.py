"""`fntx compliance`: names against sanctions lists, in files or as they are loaded, and what people decide."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fntx_dagster.cli.calculators import UNREADABLE, Input, calculator
from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.plain import complain, write
from fntx_dagster.errors import FntxError

compliance = typer.Typer(
    no_args_is_help=True,
    help="The compliance gate: load sanctions lists, screen names against them, record what a person decided.",
)

OPERATOR = "operator:terminal"
"""Who acts here, in the audit log."""
STALE_LISTS = 75
"""The exit code where a list is missing or too old to clear anybody."""

ListFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="A list to screen against: targets.simple.csv of OpenSanctions, or sdn.csv of OFAC.",
    ),
]


class MatchVerdict(StrEnum):
    false_positive = "false_positive"
    true_match = "true_match"


@compliance.command()
def compare(file: Input, as_json: AsJson = False) -> None:
    """Say how alike two names are, from 0 to 100, and whether that is a match: from 77 on. A calculator: it reads one
    file and prints JSON.

    A case is {"id", "schema", "name1", "name2"}, its result {"score", "match"}. Exit code 0: the file was read; 1: it
    is a single case and refused; 2: it cannot be read.

    fntx compliance compare --input names.json --json
    """
    from fntx_dagster.services.screening.calculating import compare as compare_names

    calculator(file, compare_names)


@compliance.command()
def screen(
    parties: Annotated[
        list[str] | None, typer.Argument(metavar="[PARTY]...", help="Ids of parties; none: all that are in use.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--input", metavar="FILE", help="Cases for the calculator, as JSON; `-` reads standard input."),
    ] = None,
    lists: ListFiles = None,
    as_json: AsJson = False,
) -> None:
    """Screen parties against the lists that are loaded, or with --input and --list cases against lists in files.

    Each check of a party is kept. Exit code 0: all are cleared; 1: one has a match that nobody called false; 75: a
    list is missing or too old, so that nobody is cleared: load it.

    With --input it is a calculator that reads those files alone and prints JSON. A case is {"id", "kind": "screen",
    "party": {"name", "schema", "birth_date", "countries"}}; all of the party but its name may be left out. Its result
    is {"status", "entity", "matches"}: `clear`, `potential` (a person has to look) or `blocked`. Exit code 0: the
    files were read; 1: a single case is refused; 2: a file cannot be read.

    \b
    fntx compliance screen
    fntx compliance screen --input parties.json --list sdn.csv --json
    """
    if file is None and not lists:
        _screen_parties(parties or [], as_json)
        return
    if file is None or not lists:
        raise typer.BadParameter("--input and --list go together")
    if parties:
        raise typer.BadParameter("give ids of parties, or --input with --list")
    from fntx_dagster.services.screening.calculating import screening_against

    try:
        calculate = screening_against(lists)
    except FntxError as error:
        complain(f"fntx: {error}")
        raise typer.Exit(UNREADABLE) from None
    calculator(file, calculate)


@compliance.command()
def load(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="LIST...", help="targets.simple.csv, or sdn.csv with alt.csv and add.csv beside it."),
    ],
    name: Annotated[
        str | None, typer.Option(help="What the list is called here; else `opensanctions` or `ofac`, as its format.")
    ] = None,
    fetched: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ"],
            metavar="2026-11-29T01:02:03Z",
            help="When it was fetched, in UTC; else the time of the file.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load sanctions lists, each whole or not at all, and screen every party in use against what has changed.

    A list with a fault, or with fewer than half of the entities of its last version, is refused, and the version
    before stays. Exit code 0: loaded; 1: refused, or a party that was cleared before has a match now.

    \b
    fntx compliance load targets.simple.csv
    fntx compliance load --name ofac sdn.csv --fetched 2026-11-29T01:02:03Z
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.screening import screen_proposals
    from fntx_dagster.services.screening.deciding import rescreen
    from fntx_dagster.services.screening.lists import load_list

    if name and len(files) > 1:
        raise typer.BadParameter("--name goes with one list")
    settings, db = settings_and_database()
    at = fetched.replace(tzinfo=UTC) if fetched else None
    loaded = [load_list(settings, db, file, name, at, by=OPERATOR) for file in files]
    hits = list(rescreen(settings, db, "new list").new_hits) if any(each.changed for each in loaded) else []
    moved = screen_proposals(settings, db)
    if as_json:
        print_json(
            {
                "lists": [each.version._asdict() | {"changed": each.changed} for each in loaded],
                "new_hits": hits,
                "proposals": {str(row.proposal_id): row.state for row in moved},
            }
        )
    else:
        for each in loaded:
            version, word = each.version, "new" if each.changed else "the same bytes as before"
            out(f"List {version.list_name}: {version.entities} entities, {word}, version {version.version[:16]}…")
        out(*(f"Party {party} has a match now. `fntx compliance screen {party}` shows it." for party in hits))
        out(*(f"Proposal {row.proposal_id} is {row.state} now." for row in moved))
    if hits:
        raise typer.Exit(1)


@compliance.command()
def party(
    party_id: Annotated[str, typer.Argument(metavar="ID", help="An id of your own; the audit log names it.")],
    name: Annotated[str | None, typer.Option(help="Name of the person, body or vessel, in any script.")] = None,
    schema: Annotated[str, typer.Option(help="Person, Company, Organization, Vessel …; else not known.")] = "",
    born: Annotated[str, typer.Option(metavar="YYYY[-MM[-DD]]", help="Date of birth, as far as it is known.")] = "",
    countries: Annotated[
        list[str] | None, typer.Option("--country", help="A country, by its two letters; again for more.")
    ] = None,
    addresses: Annotated[
        list[str] | None, typer.Option("--address", help="An address of its own on a ledger; again for more.")
    ] = None,
    dropped: Annotated[
        list[str] | None, typer.Option("--drop-address", help="Take one from it; again for more.")
    ] = None,
    is_retired: Annotated[bool, typer.Option("--retire", help="Screen it against new lists no longer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a party that is to be screened, change what is known of it, or retire it.

    What people decided of its matches holds only for the party as it was known then. Nothing of it changes while a
    proposal that can still move something names it, nor while a match of it stands that was called true.

    fntx compliance party customer-17 --name "Helena Brightwater" --schema Person --born 1970 --country fr
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.screening.addresses import drop_address, set_address
    from fntx_dagster.services.screening.parties import known_party, retire_party, set_party

    if (name is not None and is_retired) or not (name or is_retired or addresses or dropped):
        raise typer.BadParameter("give --name, --address, --drop-address or --retire")
    settings, db = settings_and_database()
    if is_retired:
        row = retire_party(settings, db, party_id, by=OPERATOR)
    elif name is None:
        row = known_party(db, party_id)
    else:
        row = set_party(settings, db, party_id, name, schema, born, countries or (), by=OPERATOR)
    for address in dropped or ():
        drop_address(db, party_id, address)
    for address in addresses or ():
        set_address(db, party_id, address, by=OPERATOR)
    if as_json:
        print_json({"party_id": row.party_id, "in_use": row.in_use, "details_hash": row.details_hash})
    else:
        out(f"Party {row.party_id} is {'in use' if row.in_use else 'retired'}.")


@compliance.command()
def dispose(
    screening_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="The number of a check.")],
    verdict: Annotated[MatchVerdict, typer.Option("--as", help="Another party of that name, or the listed one.")],
    reason: Annotated[str, typer.Option(help="Why, in up to 1,000 characters; without names of people.")],
    entity: Annotated[str | None, typer.Option(help="The entity of the match; else all matches of the check.")] = None,
    sign: Annotated[bool, typer.Option("--sign", help="Print the bytes that a signer of compliance signs.")] = False,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="His `signer` and `signature`; `-` is standard input.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record what you decided of the matches of a check: a false positive, or a true match.

    A false positive clears the party of that match until the list says something else of the entity, or the party
    changes. A true match holds it back. Once the treasury has signers, a false positive is signed by one of the role
    compliance, and moves the proposals on that the party held back.

    fntx compliance dispose 12 --as false_positive --reason "Born in 1987 by the passport."
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.cli.treasury_proposals import document
    from fntx_dagster.services.governance.screening import decide_match
    from fntx_dagster.services.screening.deciding import MatchDecision, to_sign

    settings, db = settings_and_database()
    decision = MatchDecision(verdict.value, reason, entity)
    if sign:
        content = to_sign(settings, db, screening_id, decision)
        print_json({"hex": content.hex()}) if as_json else write(f"{content.hex()}\n")
        return
    signed = document(file) if file else None
    done, moved = decide_match(settings, db, screening_id, decision, by=OPERATOR, signed=signed)
    if as_json:
        print_json(
            {"screening_id": screening_id, "verdict": verdict.value, "dispositions": done.numbers}
            | {"proposals": {str(row.proposal_id): row.state for row in moved}}
        )
    else:
        out(f"Recorded of {len(done.numbers)} matches of check {screening_id}: {verdict.value}.")
        out(*(f"Proposal {row.proposal_id} is {row.state} now." for row in moved))


@compliance.command()
def lists(as_json: AsJson = False) -> None:
    """Show the lists that count: when each was fetched, what it holds, and why it clears nobody.

    Exit code 0: they can clear; 75: one is missing or too old (FNTX_LISTS_MAX_AGE), or none is loaded.

    fntx compliance lists
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.screening.gating import list_problems
    from fntx_dagster.services.screening.lists import standings

    settings, db = settings_and_database()
    counting = standings(settings, db)
    problems = list_problems(counting)
    if as_json:
        print_json(
            [
                {"list_name": each.list_name, "problem": each.problem or None}
                | (each.version._asdict() if each.version else {})
                for each in counting
            ]
        )
    else:
        table = new_table("list", "fetched (UTC)", "version", "", right=("entities", "names"))
        for each in counting:
            seen = each.version
            cells = (f"{seen.dated_at:%Y-%m-%d %H:%M}", seen.version[:16]) if seen else ("", "")
            counts = (f"{seen.entities}", f"{seen.names}") if seen else ("", "")
            table.add_row(each.list_name, *cells, each.problem or "counts", *counts)
        out(table if counting else "No list is loaded. `fntx compliance load LIST` loads one.")
    if problems:
        raise typer.Exit(STALE_LISTS)


def _screen_parties(party_ids: list[str], as_json: bool) -> None:
    from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, line, out
    from fntx_dagster.services.screening.deciding import screen_now

    settings, db = settings_and_database()
    answer = screen_now(settings, db, party_ids, by=OPERATOR)
    if as_json:
        print_json(answer.as_dict())
    else:
        for verdict in answer.verdicts:
            sign = {"cleared": GOOD, "hit": BAD}.get(verdict.decision, DOUBTFUL)
            out(line(sign, f" {verdict.party_id}: {verdict.decision} (check {verdict.screening_id})"))
            for each in verdict.matches:
                against = f", but {each.match.contradiction}" if each.match.contradiction else ""
                decided = f"; {each.disposition.verdict}" if each.disposition else ""
                out(f"    {each.list_name} {each.match.entity_id}: {each.match.score:.2f}{against}{decided}")
        out(*(f"Nobody is cleared: {problem}." for problem in answer.problems))
    if answer.decision != "cleared":
        raise typer.Exit(1 if answer.decision == "hit" else STALE_LISTS)
