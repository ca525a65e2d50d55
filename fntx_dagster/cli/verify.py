"""`fntx verify`: a stranger's check, of a disclosure or of a trader's whole record. Needs no database and no secret."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
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
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader
    from fntx_dagster.services.signatures.checking import Checked
    from fntx_dagster.services.signatures.history import HistoryDay


def verify(
    file: Annotated[str | None, typer.Argument(help="A disclosure; `-` reads it from standard input.")] = None,
    rpc: Annotated[
        str | None,
        typer.Option(parser=url_option, metavar="URL", help="A node of the chain. Choose one that you trust."),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(
            parser=hash_option, metavar="0x…", help="Instead of a node: the root that you read from the contract."
        ),
    ] = None,
    trader: Annotated[
        str | None,
        typer.Option(
            parser=address_option,
            metavar="0x…",
            help="Instead of a file: a trader's address, to see its record session by session.",
        ),
    ] = None,
    first: MaybeFrom = None,
    last: MaybeTo = None,
    contract: Annotated[
        str | None,
        typer.Option(
            parser=address_option,
            metavar="0x…",
            help="TrackRecord's address on the chain of --rpc, as FNTX publishes it.",
        ),
    ] = None,
    late_after: Annotated[
        float,
        typer.Option(
            parser=hours_option, metavar="HOURS", help="Behind the close, after which a posting is marked late."
        ),
    ] = 24.0,
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
    else:
        if root:
            raise typer.BadParameter("--root goes with a disclosure")
        if first is None or last is None:
            raise typer.BadParameter("--trader needs --from and --to")
        if (rpc is None) != (contract is None):
            raise typer.BadParameter("--rpc and --contract go together")
        _record(trader, Period(first.date(), last.date()), rpc, contract, timedelta(hours=late_after), as_json)


def _disclosure(file: str, rpc: str | None, root: str | None, as_json: bool) -> None:
    from fntx_dagster.cli.terminal import print_checked
    from fntx_dagster.services.signatures.checking import check_disclosure

    checked = check_disclosure(_content(file), rpc, bytes.fromhex(root[2:]) if root else None)
    if as_json:
        print_json(_plain_check(checked))
    else:
        print_checked(checked)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _content(file: str) -> bytes:
    """The file's bytes, no more than it takes to see that it is too long."""
    from fntx_dagster.proof.disclosure import MAX_BYTES

    if file == "-":
        if sys.stdin is None:
            raise typer.BadParameter("standard input is closed")
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {file}: {error.strerror}") from None


def _plain_check(checked: Checked) -> dict[str, Any]:
    found, posted = checked.disclosure, checked.posted
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
        "disclosure": found
        and {
            "chain_id": str(found.context.chain_id),
            "contract": found.context.contract,
            "trader": found.context.trader,
            "date": found.context.day,
            "version": found.version,
            "root": f"0x{found.root.hex()}",
            "transaction": found.transaction,
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
    first, last = period
    from fntx_dagster.cli.terminal import history_table, out
    from fntx_dagster.services.signatures.checking import SETTLED
    from fntx_dagster.services.signatures.history import history_of

    with _chain(rpc, contract) as chain:
        address = chain.web3.to_checksum_address(trader.lower())
        if trader not in (address, trader.lower(), f"0x{trader[2:].upper()}"):
            raise typer.BadParameter(f"{trader!r} is no address: a letter of it is another one, or in another case")
        where = f"{chain.contract} on chain {chain.chain_id}"
        if not chain.runs_our_code():
            raise Permanent(
                f"the code at {where} is not FNTX's TrackRecord: what it says proves nothing",
                "Ask the trader for the contract's address",
            )
        days = history_of(chain, address, period, datetime.now(UTC))
        if not days:
            raise Permanent(
                f"no session of the exchange was over between {first} and {last}, and none has a record",
                "Choose other days",
            )
        settled_at = _FOR_EVER if chain.is_embedded else chain.settled_at(SETTLED)
    if as_json:
        summary, plain = _counts(days, late), [_plain(day, late, settled_at) for day in days]
        print_json({"not_checked": [_NOT_CHECKED], "summary": summary, "days": plain})
    else:
        out(history_table(days, late, settled_at))
        said = _counts(days, late)
        out(
            f"{where}: {said['sessions']} sessions, {said['posted']} of them posted, {said['gaps']} without a record, "
            f"{said['late']} late, {said['early']} before the close, {said['amended']} amended"
        )
        out(f"NOT CHECKED: {_NOT_CHECKED}")
    if any(day.is_gap for day in days):
        raise typer.Exit(1)


_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_NOT_CHECKED = (
    "whether the trader's and the contract's address are the ones you expect: compare them. Whoever deploys a contract "
    "can write records of anybody into it while doing so"
)


def _chain(rpc: str | None, contract: str | None) -> Reader:
    """The node that was named, else the chain of the settings."""
    if rpc is not None and contract is not None:
        from fntx_dagster.adapters.evm.reader import read_at

        return read_at(rpc, contract)
    from fntx_dagster.adapters.evm.client import connect
    from fntx_dagster.settings import load_settings

    settings = load_settings()
    if settings.chain.rpc_url is None and not (settings.paths.chain / "contracts.json").exists():
        raise Permanent("no chain is named, and none is in the home", "Name one with --rpc and --contract")
    return connect(settings)


def _counts(days: list[HistoryDay], late: timedelta) -> dict[str, int]:
    sessions = [day for day in days if day.closes_at is not None]
    return {
        "sessions": len(sessions),
        "posted": sum(bool(day.versions) for day in sessions),
        "gaps": sum(day.is_gap for day in sessions),
        "late": sum(day.is_late(day.first, late) for day in sessions),
        "early": sum(day.is_early(day.first) for day in sessions),
        "amended": sum(len(day.versions) > 1 for day in days),
    }


def _plain(day: HistoryDay, late: timedelta, settled_at: datetime) -> dict[str, Any]:
    return {
        "date": day.day,
        "closes_at": day.closes_at,
        "is_gap": day.is_gap,
        "versions": [
            {
                "version": one.record.version,
                "root": f"0x{one.record.root.hex()}",
                "schema_hash": f"0x{one.record.schema_hash.hex()}",
                "posted_at": one.record.posted_at,
                "hours_behind_the_close": _hours(day.behind(one)),
                "is_late": day.is_late(one, late),
                "is_early": day.is_early(one),
                "is_final": one.record.posted_at <= settled_at,
                "previous_root": None if one.previous_root is None else f"0x{one.previous_root.hex()}",
                "reason": one.reason,
            }
            for one in day.versions
        ],
    }


def _hours(behind: timedelta | None) -> float | None:
    return None if behind is None else round(behind.total_seconds() / 3600, 2)
