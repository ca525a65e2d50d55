"""`fntx share`: links that show disclosures to strangers: make one, list them, see what was shown to whom,
publish one, end one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import (
    Account,
    AnyAccount,
    AsJson,
    From,
    To,
    day_option,
    print_json,
    settings_and_database,
)

if TYPE_CHECKING:
    from fntx_dagster.services.sharing.planning import SharePlan

share = typer.Typer(
    no_args_is_help=True, help="Links that show disclosures to strangers: make, list, publish and end them."
)

Number = Annotated[
    int, typer.Argument(help="The number of the link, as `fntx share list` has it.", min=1, max=2**63 - 1)
]
Metrics = Annotated[list[str], typer.Option("--metric", help="A metric to show, by name; give it again for more.")]


@share.command()
def create(
    first: From,
    last: To,
    metrics: Metrics,
    days: Annotated[
        list[datetime] | None,
        typer.Option("--date", parser=day_option, metavar="YYYY-MM-DD", help="This day alone; again for more."),
    ] = None,
    note: Annotated[str, typer.Option(help="For yourself: whom the link is for. Nobody else sees it.")] = "",
    lasts: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, help="For how many days; else until you end it.")
    ] = None,
    node: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A public node that the page proposes to ask; give none that holds a key."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would give away, and make none.")] = False,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Make a link that shows the named metrics of the signed days of a period, as they are signed now.

    It prints the link once, and what follows from these figures and all that were shown before. Everybody who has the
    link sees its page, which `fntx serve` serves; his browser checks each day against the chain.

    fntx share create --from 2025-07-01 --to 2025-07-31 --metric total_return_mtd --days 30
    """
    from fntx_dagster.cli.terminal import note as hint
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.model.period import Period
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.sharing.making import TERMINAL, LinkTerms, make_link
    from fntx_dagster.services.sharing.planning import plan
    from fntx_dagster.services.visitors.entering import ON_THIS_MACHINE, is_local, origin_of

    settings, db = settings_and_database()
    origin = origin_of(settings)
    account_id, period = chosen_account(db, account), Period(first.date(), last.date())
    chosen = [day.date() for day in days] if days else None
    if dry_run:
        with db.snapshot() as snapshot:
            planned, link = plan(snapshot, account_id, period, metrics, chosen), None
    else:
        terms = LinkTerms(note, timedelta(lasts) if lasts else None, node)
        link = make_link(settings, db, account_id, period, metrics, terms, chosen, by=TERMINAL)
        planned = link.plan
    if as_json:
        made = {"share_id": None, "path": None, "url": None, "expires_at": None}
        if link:
            url = f"{origin}{link.path}"
            made = {"share_id": link.share_id, "path": link.path, "url": url, "expires_at": link.expires_at}
        print_json(made | _as_dict(planned))
        return
    _print_plan(planned)
    if link:
        out(f"Link {link.share_id}, shown only now:", f"  {origin}{link.path}")
        if is_local(origin):
            hint(ON_THIS_MACHINE)


@share.command(name="list")
def list_shares(account: AnyAccount = None, as_json: AsJson = False) -> None:
    """List the links, newest first: whom they are for, what they show, until when, and how often they were seen.

    fntx share list --json
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.sharing.making import list_links

    _, db = settings_and_database()
    rows = list_links(db, None if account is None else {account})
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = new_table("link", "for", "period", "metrics", "made by", "until", right=("days", "views", "badge"))
    for row in rows:
        until = "ended" if row.ended_at else f"{row.expires_at:%Y-%m-%d}" if row.expires_at else "you end it"
        table.add_row(
            f"{row.share_id}",
            row.note,
            f"{row.first_day} to {row.last_day}",
            ", ".join(row.metrics),
            row.made_by,
            until,
            f"{row.days}",
            f"{row.views}",
            f"{row.badges}",
        )
    out(table if rows else "No link was made yet. `fntx share create` makes one.")


@share.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show what a link shows: each day with its version and metrics.

    fntx share show 1
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.sharing.making import link_numbered, shown_to_strangers

    _, db = settings_and_database()
    link = link_numbered(db, number)
    rows = shown_to_strangers(db, link.account_id, link.share_id)
    if as_json:
        print_json(link._asdict() | {"shown": [row._asdict() for row in rows]})
        return
    whom = f", for {link.note}" if link.note else ""
    out(f"Link {number}{whom}: {link.first_day} to {link.last_day}, made by {link.made_by}")
    out(*(f"{row.trading_day}  version {row.version}  {', '.join(row.metrics)}" for row in rows))


@share.command()
def publish(number: Number, as_json: AsJson = False) -> None:
    """Show a link to everybody: the page of the trader's address lists it, as long as the link lasts.

    fntx share publish 1
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.sharing.making import TERMINAL, publish_link

    _, db = settings_and_database()
    path = publish_link(db, number, by=TERMINAL)
    if as_json:
        print_json({"share_id": number, "path": path})
    else:
        out(f"Link {number} is shown to everybody; the page follows the address of the server:", f"  {path}")


@share.command()
def end(number: Number, as_json: AsJson = False) -> None:
    """End a link now: its page is gone for everybody. What was seen through it stays seen, and counts as shown.

    fntx share end 1
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.sharing.making import TERMINAL, end_link

    _, db = settings_and_database()
    link = end_link(db, number, by=TERMINAL)
    if as_json:
        print_json({"share_id": link.share_id, "ended": True})
    else:
        out(f"Link {number} has ended.")


def _print_plan(planned: SharePlan) -> None:
    from fntx_dagster.cli.terminal import note, out
    from fntx_dagster.services.signatures.register import in_words

    out(f"Shows {len(planned.days)} days of {planned.period}.")
    for words, days in (
        ("has no record, and the page says so", planned.missing),
        ("is not on the chain yet, and does not hold before it is", planned.not_posted),
        ("has a record that is left out, and the page says so", planned.left_out),
    ):
        if days:
            note(f"{_days(days)} {words}")
    for each in planned.follows:
        exactly = "" if each.is_exact else ", nearly"
        note(f"{each.metric} of {_days(each.days)} follows from {', '.join(each.sources)}{exactly}")
    if planned.alone:
        note(f"{in_words(planned.alone)} would stand alone: two figures would tell theirs")


def _days(days: Sequence[date]) -> str:
    more = f" and {len(days) - 3} more days" if len(days) > 3 else ""
    return ", ".join(map(str, days[:3])) + more


def _as_dict(planned: SharePlan) -> dict[str, object]:
    return {
        "days": [{"trading_day": day, "version": version} for day, version in planned.days],
        "missing": planned.missing,
        "not_posted": planned.not_posted,
        "left_out": planned.left_out,
        "follows": [each._asdict() for each in planned.follows],
        "alone": planned.alone,
    }
