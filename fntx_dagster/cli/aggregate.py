"""`fntx aggregate`: totals over several traders of whom nobody is seen alone: take part, submit, open, check."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.aggregate_trustee import trustee
from fntx_dagster.cli.options import (
    Account,
    AsJson,
    OneDay,
    address_option,
    content_of,
    day_option,
    print_json,
    settings_and_database,
    url_option,
)
from fntx_dagster.foreign import cleaned
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.services.aggregation.asking import CheckedEpoch
    from fntx_dagster.services.aggregation.opening import OpenedTotals

aggregate = typer.Typer(
    no_args_is_help=True,
    help="Totals over several traders of whom nobody is seen alone: submit, check, open, verify.",
)
aggregate.add_typer(trustee, name="trustee")

MaybeDate = Annotated[
    datetime | None, typer.Option("--date", parser=day_option, metavar="YYYY-MM-DD", help="The trading day.")
]


@aggregate.command()
def deploy(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The pool's rules and trustees, as JSON; `-`: standard input.")
    ],
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Put a pool on the chain of the settings. docs/aggregation.md shows the file; each trustee's entry of it is what
    `fntx aggregate trustee init --json` prints.

    fntx aggregate deploy pool.json
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.aggregation.checking import read_epoch
    from fntx_dagster.services.aggregation.deploying import deploy as deploy_pool

    address = deploy_pool(load_settings(), content_of(file, read_epoch), account)
    if as_json:
        print_json({"aggregator": address})
    else:
        out(f"The pool is at {address}: set FNTX_AGGREGATOR to it. Its trustees now form the key.")


@aggregate.command()
def register(
    old_date: Annotated[
        datetime | None,
        typer.Option(
            parser=day_option, metavar="YYYY-MM-DD", help="A day whose record you posted long ago, if the pool asks."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Take part in the pool of FNTX_AGGREGATOR, and pay its bond, which it says and asks about. `leave` pays it back; a
    false submission costs it.

    fntx aggregate register
    """
    from fntx_dagster.cli.terminal import note, out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.aggregation.trading import bond_of
    from fntx_dagster.services.aggregation.trading import register as register_account

    settings, db = settings_and_database()
    account_id = chosen_account(db, account)
    bond, pool = bond_of(settings, account_id)
    if bond:
        note(f"the bond of the pool {pool} is {Decimal(bond).scaleb(-18).normalize():f} ether; the account pays it now")
        if not yes and not as_json and not typer.confirm("Pay the bond?", default=False):
            raise typer.Exit(1)
    standing = register_account(settings, account_id, old_date.date() if old_date else None)
    if as_json:
        print_json(standing._asdict())
    else:
        first = standing.active_from and date.fromisoformat(f"{standing.active_from}")
        out(f"Registered; {f'days from {first} on count' if first else 'every day counts'}.")


@aggregate.command()
def leave(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Take part no more, and get the bond back.

    Whoever leaves alone shows their AUM: the totals of the day before and of the day after differ by it. Leave together
    with others, or with the end of a month.

    fntx aggregate leave
    """
    from fntx_dagster.cli.terminal import note, out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.aggregation.trading import ALONE
    from fntx_dagster.services.aggregation.trading import leave as leave_pool

    settings, db = settings_and_database()
    note(f"warning: {ALONE}")
    if not yes and not as_json and not typer.confirm("Leave the pool?", default=False):
        raise typer.Exit(1)
    standing = leave_pool(settings, chosen_account(db, account))
    if as_json:
        print_json(standing._asdict())
    else:
        out("The account takes part no more; the bond is paid back.")


@aggregate.command()
def submit(day: OneDay, account: Account = None, as_json: AsJson = False) -> None:
    """Submit a signed day to the pool of FNTX_AGGREGATOR, encrypted, after its receipt is final. What was submitted is
    not submitted again.

    fntx aggregate submit --date 2025-07-18
    """
    from fntx_dagster.cli.terminal import note, out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.aggregation.trading import submit as submit_day

    settings, db = settings_and_database()
    done = submit_day(
        settings, db, chosen_account(db, account), day.date(), lambda text: None if as_json else out(text)
    )
    for warning in done.warnings:
        note(f"warning: {warning}")
    if as_json:
        print_json(done.action._asdict())
    else:
        out(f"{day.date()}: {done.action.state} {done.action.tx_hash or ''} {done.action.error or ''}")
    if done.action.state == "failed":
        raise typer.Exit(1)


@aggregate.command()
def check(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help='{"key": "0x…", "context": "0x…", "submission": "0x…"}; `-` reads standard input.',
        ),
    ] = None,
    day: MaybeDate = None,
    evict: Annotated[bool, typer.Option("--evict", help="Evict whoever's submission does not hold.")] = False,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Check a submission in a file, without a database and a chain; or every submission of a day of the pool of
    FNTX_AGGREGATOR.

    With --evict the account's key has the contract check those that do not hold, while the day's window is open: half
    the liar's bond goes to it. Exit code 0: all hold; 1: not; 2: the file is none.

    \b
    fntx aggregate check submission.json
    fntx aggregate check --date 2025-07-18 --evict
    """
    if (file is None) == (day is None):
        raise typer.BadParameter("give either a file or --date")
    if file is not None:
        if evict:
            raise typer.BadParameter("--evict goes with --date")
        _check_file(file, as_json)
    elif day is not None:
        _check_day(day, account, as_json, evict=evict)


def _check_file(file: str, as_json: bool) -> None:
    from fntx_dagster.cli.terminal import BAD, GOOD, line, out
    from fntx_dagster.errors import Permanent
    from fntx_dagster.services.aggregation.checking import check_submission, read_epoch

    try:
        holds = check_submission(content_of(file, read_epoch))
    except Permanent as error:
        raise typer.BadParameter(f"{cleaned(file)}: {error}") from None
    if as_json:
        print_json({"holds": holds})
    else:
        out(line(GOOD if holds else BAD, " HOLDS" if holds else " DOES NOT HOLD"))
    if not holds:
        raise typer.Exit(1)


def _check_day(day: datetime, account: str | None, as_json: bool, *, evict: bool) -> None:
    from fntx_dagster.cli.terminal import BAD, GOOD, line, out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.aggregation.opening import check_day

    if evict:
        settings, db = settings_and_database()
        looked = check_day(settings, day.date(), chosen_account(db, account))
    else:
        looked = check_day(load_settings(), day.date())
    checked = looked.checked
    problems = checked.problems()
    if as_json:
        print_json(
            {
                "date": checked.day,
                "state": checked.standing.state,
                "users": checked.standing.users,
                "submissions": [
                    {"trader": each.trader, "holds": holds, "evicted": each.evicted}
                    for each, holds in zip(checked.submissions, checked.hold, strict=True)
                ],
                "evicted_now": looked.evicted,
                "problems": problems,
            }
        )
    else:
        out(f"{checked.day}: {checked.standing.state}, {len(checked.submissions)} submissions")
        for trader in looked.evicted:
            out(f"  evicted {trader}")
        for problem in problems:
            out(line(BAD, f" {problem}"))
        if not problems:
            out(line(GOOD, " each submission that is counted holds, and the sums are theirs"))
    if problems:
        raise typer.Exit(1)


@aggregate.command("open")
def open_(day: OneDay, account: Account = None, as_json: AsJson = False) -> None:
    """Open a frozen day with the shares that its trustees offered. Anybody may; the contract checks the totals.

    fntx aggregate open --date 2025-07-18
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.aggregation.opening import open_day

    settings, db = settings_and_database()
    opened = open_day(
        settings, db, chosen_account(db, account), day.date(), lambda text: None if as_json else out(text)
    )
    _print_totals(opened, as_json)


@aggregate.command()
def totals(day: MaybeDate = None, as_json: AsJson = False) -> None:
    """Show the totals of an opened day of the pool of FNTX_AGGREGATOR; without --date of the latest.

    fntx aggregate totals
    """
    from fntx_dagster.services.aggregation.opening import totals as totals_of

    _print_totals(totals_of(load_settings(), day.date() if day else None), as_json)


@aggregate.command()
def record(
    day: OneDay,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it there instead of printing it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the record of an opened day: one file from which a stranger checks committee, proofs, sums and totals.

    \b
    fntx aggregate record --date 2025-07-18 -o epoch.json
    fntx aggregate verify epoch.json --rpc URL
    """
    from fntx_dagster.cli.plain import write_json
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.aggregation.opening import written_record

    text = written_record(load_settings(), day.date())
    if output is None:
        write_json(text)
        return
    output.write_text(text, encoding="ascii")
    if as_json:
        print_json({"file": output})
    else:
        out(f"wrote the record of {day.date()} to {output}: `fntx aggregate verify {output}` checks it")


@aggregate.command()
def verify(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="The record of an epoch; `-` reads standard input.")
    ] = None,
    rpc: Annotated[
        str | None,
        typer.Option(parser=url_option, metavar="URL", help="A node of the chain. Choose one that you trust."),
    ] = None,
    day: MaybeDate = None,
    contract: Annotated[
        str | None, typer.Option(parser=address_option, metavar="0x…", help="Instead of a file: the pool's Aggregator.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a day of a pool as a stranger: committee, proofs, sums, shares, totals. Needs no database and no secret.

    Exit code 0: it holds; 1: it does not; 2: there is nothing to check, the file is none, the address is no pool or the
    day is not open; 75: no verdict, the node does not answer.

    \b
    fntx aggregate verify epoch.json              the file by itself
    fntx aggregate verify epoch.json --rpc URL    and that the chain says the same
    fntx aggregate verify --date DAY --contract 0x… --rpc URL
    """
    from fntx_dagster.services.aggregation.checking import (
        NothingToCheck,
        check_day_at,
        check_epoch,
        is_meant_as_an_epoch,
        read_epoch,
    )

    if file is not None:
        if day or contract:
            raise typer.BadParameter("--date and --contract go without a file")
        content = content_of(file, read_epoch)
        if not is_meant_as_an_epoch(content):
            raise typer.BadParameter(
                f"{cleaned(file)} is not the record of an epoch. `fntx aggregate record -o FILE` writes one"
            )
        checked = check_epoch(content, rpc)
    elif day and contract and rpc:
        try:
            checked = check_day_at(rpc, contract, day.date())
        except NothingToCheck as nothing:
            raise typer.BadParameter(f"{nothing}") from None
    else:
        raise typer.BadParameter("give a file, or --date with --contract and --rpc")
    if as_json:
        print_json(checked.as_dict())
    else:
        print_checked(checked)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _print_totals(opened: OpenedTotals, as_json: bool) -> None:
    from fntx_dagster.cli.terminal import out

    if as_json:
        document = {"date": opened.day, "currency": opened.currency, "scale": opened.scale}
        print_json({**document, **opened.totals._asdict()})
        return
    out(f"{opened.day}: {opened.totals.user_count} traders")
    _print_amounts(opened.totals[:3], opened.currency, opened.scale)


def _print_amounts(amounts: tuple[int, ...], currency: str, scale: int) -> None:
    from fntx_dagster.cli.terminal import out

    for name, value in zip(("AUM", "volume", "net P&L"), amounts, strict=True):
        out(f"  {name:<8} {value * 10**scale:>24,} {currency}")


def print_checked(checked: CheckedEpoch) -> None:
    """A day of a pool with its totals where it holds, what the check found, and what it did not look at."""
    from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, out, outcome

    record = checked.record
    if record is not None:
        evicted = len(record.submissions) - len(record.counted)
        out(f"{record.day}, pool {record.pool.aggregator} on chain {record.pool.chain_id}")
        out(
            f"{len(record.submissions)} submissions, {evicted} of them evicted, opened by {record.threshold} of "
            f"{len(record.trustees)} trustees"
        )
    if record is not None and checked.holds:
        _print_amounts(record.totals[:3], record.rules.currency, record.rules.scale)
    sign = BAD if checked.problems else GOOD if checked.away is None else DOUBTFUL
    outcome(sign, checked.verdict, checked.problems, checked.notes, checked.not_checked)
