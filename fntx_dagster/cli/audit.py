"""`fntx audit`: the log of what was decided and done, its checkpoints and proofs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.audit_anchoring import anchor
from fntx_dagster.cli.audit_verify import verify
from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson, Output, day_option, print_json, settings_and_database
from fntx_dagster.foreign import cleaned
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.services.auditing.looking import AuditStatus, WholeCheck

audit = typer.Typer(
    no_args_is_help=True,
    help="The log of what was decided and done: append-only and sealed; anybody can check a proof of it.",
)


@audit.command()
def check(file: Input, as_json: AsJson = False) -> None:
    """Check proofs of an audit log, or make them, from cases in a file: no database, no key, no network. It prints
    JSON with or without --json; docs/audit.md describes the kinds of cases.

    fntx audit check --input cases.json --json
    """
    from fntx_dagster.services.auditing.calculator import check as check_case
    from fntx_dagster.services.auditing.calculator import repeated

    calculator(file, check_case, repeated)


audit.command()(verify)


@audit.command()
def status(
    whole: Annotated[
        bool, typer.Option("--whole", help="Open and hash every event anew, and check every checkpoint.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How many events the log has, how many of them are signed, and which ledgers hold a checkpoint. With
    --whole every row is checked; exit code 1 where one does not hold.

    fntx audit status --whole
    """
    from fntx_dagster.services.auditing.looking import look_at_everything
    from fntx_dagster.services.auditing.looking import status as status_of

    settings, db = settings_and_database()
    state = status_of(settings, db)
    looked = look_at_everything(settings, db) if whole else None
    if as_json:
        print_json(state.as_dict() | ({"whole": looked._asdict()} if looked else {}))
    else:
        _print_status(state)
        if looked:
            _print_whole(looked)
    if looked and looked.problems:
        raise typer.Exit(1)


@audit.command()
def checkpoint(as_json: AsJson = False) -> None:
    """Sign the log as it is now, if it goes on from what was signed before. A log that was changed, shortened or
    restored is not signed: exit code 1, and an alert.

    fntx audit checkpoint
    """
    from fntx_dagster.cli.plain import write
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.auditing.checkpointing import make_checkpoint

    settings, db = settings_and_database()
    made = make_checkpoint(settings, db, datetime.now(UTC))
    if as_json:
        signed = made.checkpoint._replace(root=made.checkpoint.root.hex())
        print_json(signed._asdict() | {"note": made.note, "is_new": made.is_new})
        return
    write(made.note)
    if not made.is_new:
        note("No event is new since this checkpoint.")


@audit.command()
def prove(
    seq: Annotated[int, typer.Argument(min=0, metavar="SEQ", help="The number of the event, from 0.")],
    output: Output = None,
) -> None:
    """Write the proof of one event, for a stranger, who checks it with `fntx audit verify` or another tool. It shows
    what that event says, and nothing of any other. The event must be under a checkpoint.

    fntx audit prove 41 -o proof.json
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.report.programs import json_text
    from fntx_dagster.services.auditing.proving import prove as prove_event
    from fntx_dagster.services.reporting import write_whole

    settings, db = settings_and_database()
    document = prove_event(settings, db, seq)
    if output is None:
        print_json(document)
    else:
        write_whole(output, json_text(document))
        note(f"Written: {output}. It is signed by the key {document['log_key']}")


audit.command()(anchor)


@audit.command()
def anchors(as_json: AsJson = False) -> None:
    """List the transactions on ledgers that hold a checkpoint of this log, in the order in which they were recorded.

    fntx audit anchors
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.auditing.proving import anchors_of

    _, db = settings_and_database()
    rows = anchors_of(db)
    if as_json:
        print_json([row.anchor._asdict() | {"recorded_at": row.recorded_at} for row in rows])
        return
    table = new_table("ledger", "network", "account", "transaction", right=("position", "events"))
    for row in rows:
        own = row.anchor
        table.add_row(own.ledger, own.network, own.account, own.tx_hash, str(own.position), str(own.size))
    out(table)


@audit.command()
def export(
    first: Annotated[
        str | None, typer.Option("--from", metavar="SEQ|DAY", help="First event, or first day of UTC.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="SEQ|DAY", help="Last event or day, inclusive.")] = None,
    checkpoints: Annotated[
        bool,
        typer.Option(
            "--checkpoints",
            help="Instead of events: every checkpoint, with the proof that it goes on from the one before.",
        ),
    ] = False,
    output: Output = None,
) -> None:
    """Export the sealed events for an auditor: one JSON object a line. Everybody can read the leaf hashes; only whoever
    has the sealing key can read what the events say. Events that no checkpoint covers yet are named on standard error.

    fntx audit export --from 2026-11-01 --to 2026-11-30 -o audit-events.jsonl
    """
    from fntx_dagster.cli.plain import write_json
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.auditing.proving import exported_checkpoints, exported_lines, exported_part
    from fntx_dagster.services.reporting import write_whole

    if checkpoints and (first is not None or last is not None):
        raise typer.BadParameter("--from and --to go with events; checkpoints are handed out whole")
    places = _place(first), _place(last)
    settings, db = settings_and_database()
    part = None if checkpoints else exported_part(db, *places)
    lines = exported_lines(db, part.first, part.last) if part else exported_checkpoints(settings, db)
    if part and part.warning:
        note(f"Of this export {part.warning}.")
    if output is not None:
        write_whole(output, lines)
        note(f"Written: {output}")
        return
    for each in lines:
        write_json(each.decode())


@audit.command()
def key(as_json: AsJson = False) -> None:
    """Print the public key that checks this log's checkpoints. Publish it, for example on your website: a proof file
    names a key, but cannot vouch for it.

    fntx audit key
    """
    from fntx_dagster.cli.plain import write
    from fntx_dagster.services.auditing.keys import log_key as key_of_the_log

    published = key_of_the_log(load_settings()).verifier
    if as_json:
        print_json({"origin": published.origin, "log_key": published.text})
    else:
        write(f"{published.text}\n")


@audit.command()
def rotate(as_json: AsJson = False) -> None:
    """Seal the events from now on with a new key. Keep the old one (keys/audit in the home): only it opens the events
    before.

    fntx audit rotate
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.auditing.log import rotate_key

    settings, db = settings_and_database()
    key_id = rotate_key(settings, db)
    if as_json:
        print_json({"key_id": key_id})
    else:
        out(f"Events are sealed with the key {key_id} from now on.")


def _place(text: str | None) -> int | date | None:
    """A number of an event, or a day of UTC."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    return day_option(text).date()


def _print_status(state: AuditStatus) -> None:
    from fntx_dagster.cli.terminal import out

    signed = f"{state.signed:,}, at {state.signed_at:%Y-%m-%d %H:%M:%S} UTC" if state.signed_at else f"{state.signed:,}"
    out(f"events            {state.events:,}", f"signed of them    {signed}", f"log key           {state.log_key}")
    out(f"sealing key       {state.key_id or 'made with the first event'}")
    for ledger, size in state.anchored.items():
        out(f"on {ledger:14} {size:,}")
    for row in state.anchoring:
        out(f"not yet on evm    {row.size:,}: {row.state}{f', {cleaned(row.error)}' if row.error else ''}")
    for key_id in state.lost_keys:
        out(f"not there         the key {key_id}: its events cannot be read")


def _print_whole(looked: WholeCheck) -> None:
    from fntx_dagster.cli.terminal import BAD, GOOD, outcome

    lacks = [f"what {looked.unopened:,} events say: their key is not there"] if looked.unopened else []
    if looked.problems:
        outcome(BAD, "The log DOES NOT HOLD", looked.problems, [], lacks)
    else:
        checkpoints = f"{looked.checkpoints:,} checkpoint{'' if looked.checkpoints == 1 else 's'}"
        outcome(GOOD, f"The log HOLDS: {looked.events:,} events, {checkpoints}", [], [], lacks)
