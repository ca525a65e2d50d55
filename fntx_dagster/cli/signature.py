"""`fntx signature`: sign a day, show a part of it, correct it, and compare it with the chain."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import (
    Account,
    MaybeTo,
    OneDay,
    account_of,
    database_of_settings,
    hash_option,
    print_json,
    refuse,
    refuse_backwards,
    refuse_empty,
)
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import Period
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.model.chain import SignedDay, StoredRecord
    from fntx_dagster.services.database import Database
    from fntx_dagster.services.signatures.posting import Posting
    from fntx_dagster.settings import Settings

signature = typer.Typer(
    no_args_is_help=True, help="Sign a day, show some of its metrics to a stranger, correct it, compare it."
)

_LAST_VERSION = 2**31 - 1
"""That the tables can hold."""

Post = Annotated[
    bool, typer.Option("--post/--no-post", help="Also post it now; else it waits in the queue, as `fntx status` says.")
]


@signature.command()
def generate(day: OneDay, account: Account = None, post: Post = True) -> None:
    """Sign a verified day: freeze its metrics under a Merkle root, queue it, post the root, store the receipt.

    A day that is signed stays as it was signed; a posted day is not posted again. What is queued while the chain is
    away is posted later, by the sensor `chain_queue` or the next command that posts.
    """
    from fntx_dagster.cli.terminal import print_posting, print_signature
    from fntx_dagster.services.signatures.signing import sign

    settings, db = load_settings(), database_of_settings()
    one = account_of(db, account)
    signed = sign(db, settings, Period.on(day.date()), one)
    refuse(signed.refused)
    refuse_empty(signed.new + signed.kept, day.date(), day.date())
    print_signature(signed)
    if post:
        posted = _post(settings, db, one, Period.on(day.date()))
        print_posting(posted)


@signature.command()
def verify(
    day: OneDay,
    tx_hash: Annotated[
        str | None,
        typer.Option(parser=hash_option, metavar="0x…", help="Transaction that posted it; else the stored receipt's."),
    ] = None,
    account: Account = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdict, for programs.")] = False,
) -> None:
    """Recompute a signed day from the database and compare it with the frozen record and with the chain.

    Exit code 1, naming each metric that differs, when they do not agree. This is the owner's check; what a stranger
    does with a disclosure, or with nothing but your address, is `fntx verify`.
    """
    from fntx_dagster.adapters.evm.client import connect
    from fntx_dagster.cli.terminal import print_verdict
    from fntx_dagster.services.signatures.verifying import verify_day

    settings, db = load_settings(), database_of_settings()
    one = account_of(db, account)
    with connect(settings) as chain:
        verdict = verify_day(db, chain, settings.paths.keys, one, day.date(), tx_hash)
    if as_json:
        print_json(
            {
                "trading_day": verdict.day.trading_day,
                "version": verdict.day.version,
                "holds": verdict.holds,
                "root": f"0x{verdict.day.root.hex()}",
                "tx_hash": verdict.posted.tx_hash if verdict.posted else None,
                "differences": [difference._asdict() for difference in verdict.differences],
                "problems": verdict.problems,
            }
        )
    else:
        print_verdict(verdict)
    if not verdict.holds:
        raise typer.Exit(1)


@signature.command()
def metrics(
    as_json: Annotated[bool, typer.Option("--json", help="The same, for programs.")] = False,
) -> None:
    """List the catalogue: each metric's slot, name, unit and decimals. Those are the names that `disclose` takes."""
    from fntx_dagster.cli.terminal import catalogue_table, out
    from fntx_dagster.metrics.catalogue import CATALOGUE

    if as_json:
        print_json([metric._asdict() for metric in CATALOGUE.metrics])
    else:
        out(catalogue_table(CATALOGUE))


@signature.command()
def disclose(
    day: OneDay,
    names: Annotated[
        list[str], typer.Option("--metric", help="A metric to show, by name; give it again for more of them.")
    ],
    version: Annotated[
        int | None, typer.Option(min=1, max=_LAST_VERSION, help="An earlier version; else the latest.")
    ] = None,
    account: Account = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
) -> None:
    """Show some metrics of a signed day to a stranger: a file with each value, its salt and its path to the root.

    It is JSON, on standard output. Whoever has it checks it with `fntx verify FILE --rpc URL`, the page verify.html or
    verify.py. The other metrics' salts are not in it, but figures that add up tell one another. It holds the trader's
    address, not your account.
    """
    from fntx_dagster.services.signatures.disclosing import disclose_day

    settings, db = load_settings(), database_of_settings()
    text = disclose_day(db, settings.paths.keys, account_of(db, account), day.date(), names, version)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


@signature.command()
def resubmit(first: OneDay, last: MaybeTo = None, account: Account = None, post: Post = True) -> None:
    """Queue records again whose posting failed, once the reason is settled, and post them.

    What failed, and why: `fntx chain status`. A record that waits is not helped by it: it is sent by itself.
    """
    from fntx_dagster.cli.terminal import out, print_posting
    from fntx_dagster.services.signatures import posting

    settings, db = load_settings(), database_of_settings()
    one, until = account_of(db, account), (last or first).date()
    refuse_backwards(first.date(), until)
    for day in posting.resubmit(db, one, Period(first.date(), until)):
        out(f"{day}  is in the queue")
    if post:
        print_posting(_post(settings, db, one, Period(first.date(), until)))


@signature.command()
def amend(
    first: OneDay,
    reason: Annotated[
        str, typer.Option(help="Why, in at most 256 bytes. It is public: the chain keeps it with both roots.")
    ],
    last: MaybeTo = None,
    account: Account = None,
    post: Post = True,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")] = False,
) -> None:
    """Correct signed days whose figures have changed since: a new version of each, which names the one it replaces.

    Shows what was signed and what the tables say now, and asks. The earlier version stays on the chain for ever, and
    whoever checks it is told that it is superseded. A version burns 10 FNTX, as a first posting does.
    """
    from fntx_dagster.cli.terminal import out, print_frozen, print_posting, print_proposals
    from fntx_dagster.services.signatures import signing

    settings, db = load_settings(), database_of_settings()
    one, until = account_of(db, account), (last or first).date()
    refuse_backwards(first.date(), until)
    reason = signing.checked_reason(reason)
    proposed = signing.proposals(db, settings, one, Period(first.date(), until), lambda signed: _held(settings, signed))
    print_proposals(proposed)
    _confirm(f"Sign and post a new version of {len(proposed)} day(s)?" if post else "Sign a new version?", yes)
    print_frozen(signing.amend(db, settings, proposed, reason))
    if post:
        print_posting(_post(settings, db, one, Period(first.date(), until)))
    else:
        out("They wait in the queue.")


def _held(settings: Settings, signed: SignedDay) -> StoredRecord | None:
    """What the chain holds for a day whose posting has failed."""
    from fntx_dagster.adapters.evm.client import connect

    with connect(settings) as chain:
        return chain.record_of(signed.trader, signed.trading_day)


def _post(settings: Settings, db: Database, account: str, period: Period) -> Posting:
    """What is queued of an account up to the end of a range, onto the chain: records go out in order."""
    from fntx_dagster.adapters.evm.client import connect
    from fntx_dagster.services.signatures.posting import post
    from fntx_dagster.store.outbox.sendings import unfinished

    queued = unfinished(db, Period(date.min, period.last), account)
    first = min([period.first, *(record.trading_day for record in queued if record.state != "failed")])
    try:
        with connect(settings) as chain:
            posted = post(db, settings, chain, Period(first, period.last), account)
    except Transient as error:
        raise Transient(
            error.message, "Nothing is lost: it is queued, and the sensor `chain_queue` or this command posts it later"
        ) from None
    refuse(posted.refused + posted.failed)
    return posted


def _confirm(question: str, yes: bool) -> None:
    """A person's word, before something that cannot be taken back."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Permanent("a correction is a person's decision, and there is no terminal to ask at", "Give --yes")
    if not typer.confirm(question):
        raise Permanent("nothing was amended")
