"""`fntx verify`: a stranger checks a disclosure or a trader's whole record. Needs no database and no secret."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fntx_dagster.cli.options import (
    MaybeFrom,
    MaybeTo,
    address_option,
    hash_option,
    hours_option,
    print_json,
    url_option,
)
from fntx_dagster.model.period import Period
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.services.signatures.checking import Checked
    from fntx_dagster.services.signatures.history import HistoryDay


Rpc = Annotated[
    str | None, typer.Option(parser=url_option, metavar="URL", help="A node of the chain. Choose one that you trust.")
]
Root = Annotated[
    str | None,
    typer.Option(
        parser=hash_option, metavar="0x…", help="Instead of a node: the root that you read from the contract."
    ),
]
Trader = Annotated[
    str | None,
    typer.Option(
        parser=address_option,
        metavar="0x…",
        help="Instead of a file: a trader's address, to see its record session by session.",
    ),
]
Contract = Annotated[
    str | None,
    typer.Option(
        parser=address_option, metavar="0x…", help="TrackRecord's address on the chain of --rpc, as FNTX publishes it."
    ),
]
LateAfter = Annotated[
    float,
    typer.Option(parser=hours_option, metavar="HOURS", help="Behind the close, after which a posting is marked late."),
]


def verify(
    file: Annotated[str | None, typer.Argument(help="A disclosure; `-` reads it from standard input.")] = None,
    rpc: Rpc = None,
    root: Root = None,
    trader: Trader = None,
    first: MaybeFrom = None,
    last: MaybeTo = None,
    contract: Contract = None,
    late_after: LateAfter = 24.0,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome, for programs.")] = False,
) -> None:
    """Check a disclosure, or a trader's record on the chain, as a stranger: without a database and without a secret.

    \b
    fntx verify FILE               the file by itself: values, paths, root
    fntx verify FILE --rpc URL     and that the chain holds that root
    fntx verify --trader 0x… --from DAY --to DAY --rpc URL --contract 0x…

    A record shows each session with its postings, their delay behind the close, and the sessions that have none.
    Without --rpc it reads the chain of the settings. Exit code 0: the disclosure holds, or every session has a record;
    1: it does not, or there are gaps; 75: no verdict, the node does not answer or is of another chain.
    """
    if (file is None) == (trader is None):
        raise typer.BadParameter("give either a disclosure or --trader")
    if file is not None:
        if first or last or contract:
            raise typer.BadParameter("--from, --to and --contract go with --trader")
        if rpc and root:
            raise typer.BadParameter("give --rpc or --root: a node is asked for the root itself")
        _disclosure(file, rpc, root, as_json)
    elif trader is not None:
        if root:
            raise typer.BadParameter("--root goes with a disclosure")
        if first is None or last is None:
            raise typer.BadParameter("--trader needs --from and --to")
        if (rpc is None) != (contract is None):
            raise typer.BadParameter("--rpc and --contract go together")
        _record(trader, Period(first.date(), last.date()), rpc, contract, timedelta(hours=late_after), as_json)


def _disclosure(file: str, rpc: str | None, root: str | None, as_json: bool) -> None:
    from fntx_dagster.cli.records import print_checked
    from fntx_dagster.services.signatures.checking import check_disclosure

    checked = check_disclosure(_content(file), rpc, bytes.fromhex(root[2:]) if root else None)
    if as_json:
        print_json(_plain_check(checked))
    else:
        print_checked(checked)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _content(file: str) -> bytes:
    """The file's bytes, cut off where it is too long."""
    from fntx_dagster.services.signatures.checking import read_disclosure

    if file == "-":
        if sys.stdin is None:
            raise typer.BadParameter("standard input is closed")
        return read_disclosure(sys.stdin.buffer)
    try:
        with Path(file).open("rb") as stream:
            return read_disclosure(stream)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {file}: {error.strerror}") from None


def _plain_check(checked: Checked) -> dict[str, Any]:
    disclosure, posted = checked.disclosure, checked.posted
    return {
        "verdict": checked.verdict,
        "holds": checked.holds,
        "on_chain": checked.on_chain,
        "not_checked_on_chain": checked.away,
        "problems": checked.problems,
        "notes": checked.notes,
        "not_checked": checked.not_checked,
        "posted": posted
        and {
            "posted_at": posted.posted_at,
            "hours_behind_the_close": _hours(posted.behind),
            "is_late": posted.is_late,
            "is_early": posted.is_early,
        },
        "superseded_by": checked.superseded_by,
        "superseded_reason": checked.superseded_reason,
        "disclosure": disclosure
        and {
            "chain_id": str(disclosure.context.chain_id),
            "contract": disclosure.context.contract,
            "trader": disclosure.context.trader,
            "date": disclosure.context.day,
            "version": disclosure.version,
            "root": f"0x{disclosure.root.hex()}",
            "transaction": disclosure.transaction,
        },
        "metrics": [
            {
                "index": metric.index,
                "name": metric.name,
                "unit": metric.unit,
                "value": metric.value,
                "scaled": None if metric.scaled is None else str(metric.scaled),
                "holds": leads,
            }
            for metric, leads in checked.verdicts
        ],
    }


def _record(trader: str, period: Period, rpc: str | None, contract: str | None, late: timedelta, as_json: bool) -> None:
    from fntx_dagster.cli.records import history_table
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signatures.track_record import NOT_CHECKED, Node, WrongAddress, trader_record

    try:
        record = trader_record(Node(rpc, contract) if rpc and contract else load_settings(), trader, period)
    except WrongAddress as error:
        raise typer.BadParameter(error.message) from None
    counts = record.counts(late)
    if as_json:
        days = [_plain(day, late, record.settled_at) for day in record.days]
        print_json({"not_checked": [NOT_CHECKED], "summary": counts._asdict(), "days": days})
    else:
        out(history_table(record.days, late, record.settled_at))
        out(
            f"{record.contract} on chain {record.chain_id}: {counts.sessions} sessions, {counts.posted} of them "
            f"posted, {counts.gaps} without a record, {counts.late} late, {counts.early} before the close, "
            f"{counts.amended} amended"
        )
        out(f"NOT CHECKED: {NOT_CHECKED}")
    if any(day.is_gap for day in record.days):
        raise typer.Exit(1)


def _plain(day: HistoryDay, late: timedelta, settled_at: datetime) -> dict[str, Any]:
    return {
        "date": day.day,
        "closes_at": day.closes_at,
        "is_gap": day.is_gap,
        "versions": [
            {
                "version": version.record.version,
                "root": f"0x{version.record.root.hex()}",
                "schema_hash": f"0x{version.record.schema_hash.hex()}",
                "posted_at": version.record.posted_at,
                "hours_behind_the_close": _hours(day.behind(version)),
                "is_late": day.is_late(version, late),
                "is_early": day.is_early(version),
                "is_final": version.record.posted_at <= settled_at,
                "previous_root": None if version.previous_root is None else f"0x{version.previous_root.hex()}",
                "reason": version.reason,
            }
            for version in day.versions
        ],
    }


def _hours(behind: timedelta | None) -> float | None:
    return None if behind is None else round(behind.total_seconds() / 3600, 2)
