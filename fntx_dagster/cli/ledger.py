"""`fntx ledger`: what the books hold, whether that holds together, their days, and the entries for who checks them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer

from fntx_dagster.cli.loaded_rows import show_loaded
from fntx_dagster.cli.options import AsJson, MaybeFrom, MaybeTo, OneDay, Output, print_json, settings_and_database
from fntx_dagster.cli.plain import write
from fntx_dagster.cli.running import run_job
from fntx_dagster.settings import Settings

ledger = typer.Typer(no_args_is_help=True, help="The append-only ledger of orders: its state, its proof, its entries.")


def _file(name: str, words: str) -> Any:
    return typer.Argument(metavar=name, help=words, exists=True, dir_okay=False)


Live = Annotated[bool, typer.Option("--live", help="The live book instead of the paper book.")]
User = Annotated[str | None, typer.Option(help="The books of this user; all where it is left out.")]
_SECONDS_APART = 2
"""From one word of progress to the next."""


@ledger.command()
def verify(user: User = None, as_json: AsJson = False) -> None:
    """Check every book: the chain of its hashes, its postings, and that a replay of all entries equals its tables; and
    that the book of a broker's account agrees with the statements, session by session.

    Exit code 1 where a book does not hold; each fault names its entry, or the session and both figures.

    fntx ledger verify
    """
    from fntx_dagster.cli.terminal import error, note, out
    from fntx_dagster.services.bookkeeping.verifying import with_statements
    from fntx_dagster.services.orders.alarms import verify_and_record
    from fntx_dagster.services.orders.desk import desk_of

    settings, db = settings_and_database()
    desk = desk_of(settings, db)
    books = with_statements(desk, verify_and_record(desk, user, note), user)
    if as_json:
        shown = ("book_id", "user_id", "is_paper", "entries", "faults", "holds")
        print_json([{name: getattr(book, name) for name in shown} | {"head": book.head._asdict()} for book in books])
    else:
        for book in books:
            name = f"{book.user_id} ({'paper' if book.is_paper else 'live'})"
            if book.holds:
                entries = "1 entry" if book.entries == 1 else f"{book.entries} entries"
                out(f"{name}: the chain of {entries} holds, and a replay equals the tables.")
            for fault in book.faults:
                error(f"{name}: {fault}")
        if not books:
            out(_no_book(settings))
    if not all(book.holds for book in books):
        raise typer.Exit(1)


@ledger.command()
def status(user: User = None, as_json: AsJson = False) -> None:
    """Show each book: its entries, equity, result of the day, tripped breakers and orders of unknown outcome; the age
    of the prices that live books need; when the watcher last worked; and what the last verification found wrong.

    fntx ledger status
    """
    from rich.table import Table

    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.orders.desk import desk_of
    from fntx_dagster.services.orders.health import prices_needed, watcher_state
    from fntx_dagster.services.orders.overview import overview

    settings, db = settings_and_database()
    desk = desk_of(settings, db)
    rows, markets, tasks = overview(desk, user), prices_needed(desk, user), watcher_state(desk)
    if as_json:
        print_json(
            {
                name: [row._asdict() for row in of]
                for name, of in (("books", rows), ("prices", markets), ("watcher", tasks))
            }
        )
        return
    table = Table("no.", "user", "book", "entries", "equity", "today", "drawdown", "tripped", "unknown orders")
    for row in rows:
        figures = (row.equity or "unknown", row.daily_pnl or "unknown", row.drawdown)
        others = (", ".join(row.tripped), f"{row.unknown_orders or ''}")
        table.add_row(f"{row.book_id}", row.user_id, row.book, f"{row.entries}", *figures, *others)
    out(table if rows else _no_book(settings))
    for problem in (row.problem for row in rows if row.problem):
        error(f"{problem}. `fntx ledger verify` looks again")
    if markets:
        table = Table("exchange", "symbol", "bid", "ask", "age", "")
        for market in markets:
            table.add_row(
                market.exchange, market.symbol, market.bid or "", market.ask or "", _age(market.age), market.state
            )
        out(table)
    if tasks:
        table = Table("task of the watcher", "worked", "succeeded", "problem", "by")
        for task in tasks:
            table.add_row(task.task, _age(task.age), _age(task.success_age), task.problem or "", task.holder)
        out(table)
    elif any(row.book == "live" for row in rows):
        out("The watcher never ran: `fntx api serve` runs it beside the API, `fntx api watch` alone.")


def _no_book(settings: Settings) -> str:
    """What to do, and where a demo's books are."""
    demos = [home for name in ("demo-orders", "demo-ledger") if (home := settings.paths.home / name).is_dir()]
    kept = "".join(
        f" Those of a demo are in a home of their own: `FNTX_HOME={shlex.quote(str(home))} fntx ledger status`."
        for home in demos
    )
    return f"There is no book yet: `fntx api serve` takes the first order.{kept}"


def _age(seconds: int | None) -> str:
    return "never" if seconds is None else f"{seconds} s ago"


@ledger.command()
def export(
    user: Annotated[str, typer.Option(help="Whose book.")],
    live: Live = False,
    output: Output = None,
) -> None:
    """Write a book's entries, oldest first, one JSON object to a line: a stranger checks their chain with them alone.

    fntx ledger export --user ada -o entries.jsonl
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.orders.overview import export_entries
    from fntx_dagster.services.reporting import write_whole

    _, db = settings_and_database()
    lines = (json.dumps(entry, sort_keys=True) + "\n" for entry in export_entries(db, user, not live))
    if output is None:
        for line in lines:
            write(line)
    else:
        write_whole(output, "".join(lines))
        note(f"Written: {output}")


@ledger.command()
def close(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    sign: Annotated[bool, typer.Option("--sign/--no-sign", help="Also sign the days and post them.")] = True,
    as_json: AsJson = False,
) -> None:
    """Close the days of every book that are over: a statement of each, explained, verified, signed and posted.

    A day is one of UTC. Without a range, from the first day that is not signed to yesterday. A second run changes
    nothing. `fntx run` over a range does the same after the sessions of the exchange.

    fntx ledger close --to 2026-03-31
    """
    from fntx_dagster.services.ledger_accounts.explaining import range_to_close

    settings, db = settings_and_database()
    period = range_to_close(db, first and first.date(), last and last.date())
    run_job(settings, "close_ledger_days" if sign else "verify_ledger_days", period, as_json)


@ledger.command()
def statement(
    user: Annotated[str, typer.Option(help="Whose book.")],
    day: OneDay,
    live: Live = False,
    output: Output = None,
) -> None:
    """Write the statement of a book's day, as it follows from the ledger now.

    fntx ledger statement --user ada --date 2026-03-07 -o day.xml
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.ledger_accounts.statements import statement_of_day
    from fntx_dagster.services.reporting import write_whole

    _, db = settings_and_database()
    text = statement_of_day(db, user, not live, day.date())
    if output is None:
        write(text)
    else:
        write_whole(output, text)
        note(f"Written: {output}")


@ledger.command()
def follows(
    document: Annotated[Path, _file("STATEMENT", "A statement, as `statement` writes it.")],
    entries: Annotated[Path, _file("ENTRIES", "The book's entries, as `export` writes them.")],
    as_json: AsJson = False,
) -> None:
    """Check that a statement follows from a book's entries, with nothing but the two files.

    The chain of the entries must lead to the head that the statement names, and the statement is made anew from them.
    Exit code 1 where it does not follow.

    fntx ledger follows day.xml entries.jsonl
    """
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.ledger_accounts.following import follows as check

    found = check(document, entries)
    if as_json:
        print_json(found._asdict() | {"head": found.head._asdict(), "follows": not found.problems})
    else:
        for problem in found.problems:
            error(problem)
        if not found.problems:
            out(f"The statement follows from entries 1 to {found.head.entry_no}, whose head is {found.head.hash}.")
    if found.problems:
        raise typer.Exit(1)


@ledger.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a header, or one JSON object to a line (.jsonl).")],
    user: Annotated[str, typer.Option(help="Whose book.")],
    live: Live = False,
    currency: Annotated[str | None, typer.Option(help="The currency that a new book reports in.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put the fills of a file into a book: each once, by exchange, symbol and trade id; all of them or, where a row is
    bad, none. An import that was ended leaves nothing.

    fntx ledger import fills.csv --user ada
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.bookkeeping.batch import BookOwner
    from fntx_dagster.services.bookkeeping.importing import import_fills
    from fntx_dagster.services.orders.desk import desk_of

    settings, db = settings_and_database()
    desk = desk_of(settings, db)
    owner = BookOwner(user, not live, currency or desk.currency)
    shown = monotonic()

    def progress(rows: int, whole: int) -> None:
        nonlocal shown
        if rows == whole or monotonic() - shown > _SECONDS_APART:
            shown = monotonic()
            note(f"{rows:,} of {whole:,} rows")

    done = import_fills(desk, owner, file, progress)
    show_loaded(done, f"{done.added} fills added; {done.known} were in the book.", as_json=as_json)


@ledger.command()
def prices(
    file: Annotated[Path, _file("FILE", "CSV with a header, or one JSON object to a line (.jsonl).")],
    user: Annotated[str, typer.Option(help="Whose book.")],
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Give a book prices of past days, which its days are closed at where it took no quote, as after an import: rows of
    exchange, symbol, day, price and, where there is one, source. All of them or, where a row is bad, none.

    fntx ledger prices closes.csv --user ada
    """
    from fntx_dagster.services.bookkeeping.pricing_days import price_days

    _, db = settings_and_database()
    done = price_days(db, user, not live, file)
    show_loaded(done, f"{done.added} prices added; {done.known} were known.", as_json=as_json)


@ledger.command()
def correct(
    entry: Annotated[int, typer.Argument(help="The number of the wrong entry.")],
    user: Annotated[str, typer.Option(help="Whose book.")],
    reason: Annotated[str, typer.Option(help="Why the entry is wrong: at least 10 characters.")],
    fields: Annotated[
        list[str] | None, typer.Option("--set", help="A field of the right entry, as price=101.5. May be repeated.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Post it anew as it was, after it was taken back.")] = False,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Take an entry of a book back, and post the right one in its place; both stay in the audit trail. Without --set it
    is taken back alone. Lots, results and figures become what the entries then make.

    fntx ledger correct 17 --user ada --set price=101.5 --reason "the broker amended the price"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.bookkeeping.correcting import correct as correct_entry
    from fntx_dagster.services.orders.desk import desk_of

    given: dict[str, str] = {}
    for field in fields or ():
        name, sign, value = field.partition("=")
        if not sign or name in given:
            raise typer.BadParameter(f"{field!r} is no FIELD=VALUE, or the field comes twice", param_hint="--set")
        given[name] = value
    settings, db = settings_and_database()
    right = given if given or again else None
    done = correct_entry(desk_of(settings, db), user, not live, entry, right, reason, "operator")
    if as_json:
        print_json(done._asdict())
        return
    words = [f"entry {done.reversal_no} takes entry {entry} back"] if done.reversal_no else []
    words += [f"entry {done.entry_no} stands in its place"] if done.entry_no else []
    out(f"{'; '.join(words)}.".capitalize())


@ledger.command()
def project(
    account: Annotated[str | None, typer.Option(help="One account; all where it is left out.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Whose live book takes the account's statements: before the first time.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put the broker's statements into the ledger: each row once, in the live book of its account. A row that changed
    is a reversal and a new entry. Every run does this after the lots.

    fntx ledger project
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.bookkeeping.projecting import assign
    from fntx_dagster.services.bookkeeping.projecting import project as project_statements
    from fntx_dagster.services.orders.desk import desk_of

    settings, db = settings_and_database()
    desk = desk_of(settings, db)
    chosen = None if account is None and user is None else chosen_account(db, account)
    if user is not None and chosen is not None:
        assign(desk, chosen, user)
    done = project_statements(desk, chosen)
    if as_json:
        print_json([one._asdict() for one in done])
        return
    for one in done:
        counts = {
            "posted": one.posted,
            "confirmed": one.confirmed,
            "changed": one.changed,
            "taken back": one.taken_back,
        }
        words = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing new"
        out(f"Account {one.account}: {words}; {one.stood} rows stood already.")
    if any(one.refused for one in done):
        raise typer.Exit(1)
