"""`fntx signature`: sign a day, disclose some of its metrics, correct it, and compare it with the chain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import (
    Account,
    AnyAccount,
    AsJson,
    MaybeTo,
    OneDay,
    hash_option,
    print_json,
    settings_and_database,
)
from fntx_dagster.cli.periods import Isolate, period
from fntx_dagster.cli.plain import write_json
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period

if TYPE_CHECKING:
    from fntx_dagster.model.chain import SignedDay
    from fntx_dagster.services.signatures.signing import Signing

signature = typer.Typer(
    no_args_is_help=True, help="Sign a day, disclose some of its metrics to a stranger, correct it, compare it."
)

_LAST_VERSION = 2**31 - 1
"""That the tables can hold."""

signature.command()(period)

Post = Annotated[
    bool, typer.Option("--post/--no-post", help="Also post it now; else it waits in the queue, as `fntx status` says.")
]


@signature.command()
def generate(day: OneDay, account: Account = None, post: Post = True, as_json: AsJson = False) -> None:
    """Sign a verified day: freeze its metrics under a Merkle root, queue it, post the root, store the receipt.

    A signed day stays as it was signed, and a posted day is not posted again. A record that is queued while the node
    does not answer is posted later, by the sensor `chain_queue` or the next command that posts.

    fntx signature generate --date 2025-07-18
    """
    from fntx_dagster.cli.records import print_posting, print_signature
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.signatures.plain import signed_as_dict
    from fntx_dagster.services.signatures.queue import sign_and_post

    signed: list[Signing] = []
    settings, db = settings_and_database()
    account_id, show = chosen_account(db, account), signed.append if as_json else print_signature
    posting = sign_and_post(settings, db, account_id, day.date(), show, post=post)
    if as_json:
        print_json(signed_as_dict(signed[0].new, signed[0].kept, posting) | {"warnings": signed[0].warnings})
    elif posting:
        print_posting(posting)


@signature.command()
def verify(
    day: OneDay,
    tx_hash: Annotated[
        str | None,
        typer.Option(parser=hash_option, metavar="0x…", help="Transaction that posted it; else the stored receipt's."),
    ] = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a signed day from the database and compare it with the frozen record and with the chain.

    When they do not agree, it names each metric that differs and ends with exit code 1. This is the owner's check;
    `fntx verify` is for a stranger who has a disclosure or your address.

    fntx signature verify --date 2025-07-18
    """
    from fntx_dagster.cli.records import print_verdict
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.signatures.plain import verdict_as_dict
    from fntx_dagster.services.signatures.verifying import verify_record

    settings, db = settings_and_database()
    verdict = verify_record(settings, db, chosen_account(db, account), day.date(), tx_hash)
    if as_json:
        print_json(verdict_as_dict(verdict))
    else:
        print_verdict(verdict)
    if not verdict.holds:
        raise typer.Exit(1)


@signature.command()
def metrics(
    as_json: AsJson = False,
) -> None:
    """List the catalogues of the record and of its extension: each metric's slot, name, unit and decimals. `disclose`
    takes these names.

    fntx signature metrics
    """
    from fntx_dagster.cli.records import catalogue_table
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signatures.values import signed_metrics

    record, extension = signed_metrics()
    if as_json:
        trees = (("record", record), ("extension", extension))
        print_json([metric._asdict() | {"tree": tree} for tree, catalogue in trees for metric in catalogue.metrics])
    else:
        out(catalogue_table(record, "Catalogue"), catalogue_table(extension, "Catalogue of the extension"))


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
    isolate: Isolate = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
) -> None:
    """Disclose some metrics of a signed day to a stranger: a file with each value, its salt and its path to the root.

    It is JSON, on standard output. The stranger checks it with `fntx verify FILE --rpc URL`, the page verify.html or
    verify.py. It holds no other metric's salt, but a figure can follow from the others of its sum. It holds the
    trader's address and not your account. A metric of the extension, such as wins, is named like any other. What is
    shown is registered (`fntx signature shown`), and refused where fewer than five sessions would stand alone by it.

    fntx signature disclose --date 2025-07-18 --metric net_pnl -o disclosure.json
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.reporting import refuse_unwritable, write_whole
    from fntx_dagster.services.sharing.making import TERMINAL, make_file

    if output is not None:  # before it is registered as shown
        refuse_unwritable(output)
    settings, db = settings_and_database()
    text = make_file(
        settings, db, chosen_account(db, account), day.date(), names, version, by=TERMINAL, isolate=isolate
    )
    if output is None:
        write_json(text)
    else:
        write_whole(output, text)
        note(f"Written: {output}")


@signature.command()
def shown(account: AnyAccount = None, as_json: AsJson = False) -> None:
    """List what was ever shown of your signed days, newest first: by a file, a link, a proof of a period, a package.

    What was shown can be combined. `disclose` and `period` compare with it, and refuse what would let fewer than five
    sessions stand alone.

    fntx signature shown --json
    """
    from fntx_dagster.cli.records import register_table
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signatures.register import registered

    _, db = settings_and_database()
    rows = registered(db, None if account is None else {account})
    if as_json:
        print_json([row._asdict() for row in rows])
    else:
        out(register_table(rows) if rows else "Nothing was shown yet. `fntx signature disclose` shows a day.")


@signature.command()
def resubmit(
    first: OneDay, last: MaybeTo = None, account: Account = None, post: Post = True, as_json: AsJson = False
) -> None:
    """Queue records again whose posting failed, once the reason is settled, and post them.

    `fntx chain status` shows which failed and why. A record that waits needs none of this: the sensor sends it.

    fntx signature resubmit --date 2025-07-15 --to 2025-07-16
    """
    from fntx_dagster.cli.records import print_posting
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.signatures.plain import posting_as_dict
    from fntx_dagster.services.signatures.queue import resubmit_and_post

    queued: list[date] = []

    def show(days: Sequence[date]) -> None:
        queued.extend(days)
        if not as_json:
            out(*(f"{day}  is in the queue" for day in days))

    settings, db = settings_and_database()
    account_id, period = chosen_account(db, account), Period(first.date(), (last or first).date())
    posting = resubmit_and_post(settings, db, account_id, period, show, post=post)
    if as_json:
        print_json({"queued": queued, "posted": posting_as_dict(posting)})
    elif posting:
        print_posting(posting)


@signature.command()
def amend(
    first: OneDay,
    reason: Annotated[
        str, typer.Option(help="Why, in at most 256 bytes. It is public: the chain keeps it with both roots.")
    ],
    last: MaybeTo = None,
    extend: Annotated[
        bool,
        typer.Option(
            "--extend",
            help="Also days signed before the extension or its commitments, changed or not: their version has both.",
        ),
    ] = False,
    account: Account = None,
    post: Post = True,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Correct signed days whose figures have changed since: a new version of each, which names the one it replaces.

    Shows what was signed and what the tables say now, and asks. The earlier version stays on the chain for ever, and
    every check of it says that it is superseded. A version burns 10 FNTX, as a first posting does.

    fntx signature amend --date 2025-07-15 --reason "The broker corrected a fee."
    """
    from fntx_dagster.cli.records import print_frozen, print_posting, print_proposals
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.ranges import refuse_backwards
    from fntx_dagster.services.signatures import signing
    from fntx_dagster.services.signatures.plain import signed_as_dict
    from fntx_dagster.services.signatures.queue import amend_and_post

    if as_json and not yes:
        raise typer.BadParameter("--json asks nothing: give --yes with it")
    settings, db = settings_and_database()
    account_id, period = chosen_account(db, account), Period(first.date(), (last or first).date())
    refuse_backwards(period)
    reason = signing.checked_reason(reason)
    proposed = signing.proposals_of_settings(settings, db, account_id, period, extend=extend)
    amended: list[SignedDay] = []
    if as_json:
        posting = amend_and_post(settings, db, account_id, period, proposed, reason, amended.extend, post=post)
        print_json(signed_as_dict(amended, (), posting))
        return
    print_proposals(proposed)
    _confirm(f"Sign and post a new version of {len(proposed)} day(s)?" if post else "Sign a new version?", yes)
    posting = amend_and_post(settings, db, account_id, period, proposed, reason, print_frozen, post=post)
    if posting:
        print_posting(posting)
    else:
        out("They wait in the queue.")


def _confirm(question: str, yes: bool) -> None:
    """Ask a person before something that cannot be undone."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Permanent("a correction is a person's decision, and there is no terminal to ask at", "Give --yes")
    if not typer.confirm(question):
        raise Permanent("nothing was amended")
