"""`fntx verify`: a stranger checks a disclosure or a trader's whole record. Needs no database and no secret."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from fntx_dagster.cli.options import (
    AsJson,
    MaybeFrom,
    MaybeTo,
    address_option,
    content_of,
    hash_option,
    hours_option,
    print_json,
    url_option,
    witness_option,
)
from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import SEVEN_DAYS, XNYS
from fntx_dagster.settings import load_settings

Rpc = Annotated[
    str | None, typer.Option(parser=url_option, metavar="URL", help="A node of the chain. Choose one that you trust.")
]
Root = Annotated[
    str | None,
    typer.Option(
        parser=hash_option, metavar="0x…", help="Instead of a node: the root that you read from the contract."
    ),
]
RootFile = Annotated[
    Path | None,
    typer.Option(
        "--root-file",
        help="Instead of a node, for a period: a list of date, version and root, a line for each day in the contract.",
    ),
]
Audience = Annotated[str | None, typer.Option(help="Whom the proof of a period must be made for.")]
Witness = Annotated[
    list[str] | None,
    typer.Option(
        "--witness",
        parser=witness_option,
        metavar="0x…=NAME",
        help="A witness that you know, and its name; again for more.",
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
Continuous = Annotated[
    bool,
    typer.Option("--every-day", help="The trader's market never closes: every day of UTC is a session."),
]
LateAfter = Annotated[
    float,
    typer.Option(parser=hours_option, metavar="HOURS", help="Behind the close, after which a posting is marked late."),
]


_OTHER_FILES = {
    b"epoch": "a day of a pool, not a disclosure: `fntx aggregate verify` checks it",
    b"package": "a witness's package, not a proof: the witness checks it with `fntx attest check`. What witnesses say "
    "is on the chain: check the trader's disclosure, period or address, with --rpc",
    b"witness": "a witness's report, not a proof: what it attests is on the chain. Check the trader's disclosure, "
    "period or address, with --rpc",
    b"series": "several days of a trader: the page `verify/verify.html` checks it",
}
"""What a stranger may take for a disclosure."""


def verify(
    file: Annotated[
        str | None,
        typer.Argument(
            help="A disclosure, a proof of a period or of a share of a signal, or revealed signals; `-` reads standard "
            "input."
        ),
    ] = None,
    rpc: Rpc = None,
    root: Root = None,
    trader: Trader = None,
    first: MaybeFrom = None,
    last: MaybeTo = None,
    contract: Contract = None,
    late_after: LateAfter = 24.0,
    every_day: Continuous = False,
    root_file: RootFile = None,
    audience: Audience = None,
    witness: Witness = None,
    as_json: AsJson = False,
) -> None:
    """Check a disclosure, or a trader's record on the chain, as a stranger: without a database and without a secret.

    \b
    fntx verify FILE               the file by itself: values, paths, root
    fntx verify FILE --rpc URL     and that the chain holds that root
    fntx verify period.json --rpc URL    figures of a period: the proof, and that no day is left out
    fntx verify share.json         a proof of a share: hashes, roots, the rule's arithmetic
    fntx verify signals.json --rpc URL   revealed signals: each number, and when it was committed
    fntx verify --trader 0x… --from DAY --to DAY --rpc URL --contract 0x…

    A record shows each session with its postings, their delay behind the close, and the sessions that have none.
    With a node it says which witnesses attest the days: by name those of --witness and FNTX_WITNESSES, the others by
    their number. What witnesses say changes no verdict.
    Without --rpc it reads the chain of the settings. Exit code 0: the disclosure holds, or every session has a record;
    1: it does not, or there are gaps; 75: no verdict, the node does not answer or is of another chain; or, for a
    period, nobody was asked whether a day is left out.
    """
    if (file is None) == (trader is None):
        raise typer.BadParameter("give either a disclosure or --trader")
    if file is not None:
        if first or last or contract or every_day:
            raise typer.BadParameter("--from, --to, --contract and --every-day go with --trader")
        if rpc and root:
            raise typer.BadParameter("give --rpc or --root: a node is asked for the root itself")
        if root_file and (rpc or root):
            raise typer.BadParameter("give one of --rpc, --root and --root-file")
        _file(file, rpc, root, root_file, audience, witness or [], as_json)
    elif trader is not None:
        if root or root_file or audience:
            raise typer.BadParameter("--root, --root-file and --audience go with a file")
        if first is None or last is None:
            raise typer.BadParameter("--trader needs --from and --to")
        if (rpc is None) != (contract is None):
            raise typer.BadParameter("--rpc and --contract go together")
        period, calendar = Period(first.date(), last.date()), SEVEN_DAYS if every_day else XNYS
        _record(trader, period, calendar, rpc, contract, timedelta(hours=late_after), witness or [], as_json)


def _file(
    file: str,
    rpc: str | None,
    root: str | None,
    root_file: Path | None,
    audience: str | None,
    witnesses: list[str],
    as_json: bool,
) -> None:
    from fntx_dagster.services.signals.checking_shares import read_file
    from fntx_dagster.services.signatures.period_checking import is_meant_as_a_period

    content = content_of(file, read_file)
    if is_meant_as_a_period(content):
        if root:
            raise typer.BadParameter("--root goes with a disclosure; give --root-file for a period")
        _period(content, rpc, root_file, audience, witnesses, as_json)
        return
    if root_file or audience is not None:
        raise typer.BadParameter("--root-file and --audience go with a proof of a period")
    _disclosure(file, content, rpc, root, witnesses, as_json)


def _period(
    content: bytes,
    rpc: str | None,
    root_file: Path | None,
    audience: str | None,
    witnesses: list[str],
    as_json: bool,
) -> None:
    from fntx_dagster.cli.attestations import of_period, print_witnesses, witnesses_as_dict
    from fntx_dagster.cli.periods import print_checked_period
    from fntx_dagster.services.signatures.period_checking import check_period, read_period

    listed = None if root_file is None else content_of(f"{root_file}", read_period).decode("ascii", "replace")
    try:
        checked = check_period(content, rpc, listed, audience)
    except Permanent as error:
        raise typer.BadParameter(f"--root-file: {error.message}") from None
    told = of_period(checked, rpc, witnesses)
    if as_json:
        print_json(checked.as_dict() | witnesses_as_dict(told))
    else:
        print_checked_period(checked)
        print_witnesses(told)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _disclosure(
    file: str, content: bytes, rpc: str | None, root: str | None, witnesses: list[str], as_json: bool
) -> None:
    from fntx_dagster.cli.attestations import of_disclosure, print_witnesses, witnesses_as_dict
    from fntx_dagster.cli.records import print_checked
    from fntx_dagster.services.signals.checking_shares import is_meant_as_a_share, is_meant_as_signals
    from fntx_dagster.services.signatures.checking import check_disclosure, is_meant_as_a_disclosure
    from fntx_dagster.services.signatures.plain import check_as_dict

    if is_meant_as_signals(content):
        if root:
            raise typer.BadParameter("--root goes with a disclosure")
        _signals(content, rpc, as_json)
        return
    if not (rpc or root) and is_meant_as_a_share(content):
        _share(content, as_json)
        return
    if other := re.search(rb'"format"\s*:\s*"fntx\.(epoch|package|witness|series)/', content):
        raise typer.BadParameter(f"{cleaned(file)} is {_OTHER_FILES[other[1]]}")
    if not is_meant_as_a_disclosure(content):
        raise typer.BadParameter(f"{cleaned(file)} is not a disclosure. `fntx signature disclose -o FILE` writes one")
    checked = check_disclosure(content, rpc, bytes.fromhex(root[2:]) if root else None)
    told = of_disclosure(checked, rpc, witnesses)
    if as_json:
        print_json(check_as_dict(checked) | witnesses_as_dict(told))
    else:
        print_checked(checked)
        print_witnesses(told)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _share(content: bytes, as_json: bool) -> None:
    from fntx_dagster.cli.signal_proofs import print_checked_share
    from fntx_dagster.services.signals.checking_shares import NOT_CHECKED, check_share

    checked = check_share(content)
    if as_json:
        print_json({**checked._asdict(), "holds": not checked.faults, "not_checked": NOT_CHECKED})
    else:
        print_checked_share(checked)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _signals(content: bytes, rpc: str | None, as_json: bool) -> None:
    from fntx_dagster.cli.signal_commitments import print_checked_signals
    from fntx_dagster.services.signals.revealing import check_revealed

    checked = check_revealed(content, rpc or load_settings())
    if as_json:
        print_json(checked.as_dict())
    else:
        print_checked_signals(checked)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _record(
    trader: str,
    period: Period,
    calendar: str,
    rpc: str | None,
    contract: str | None,
    late: timedelta,
    witnesses: list[str],
    as_json: bool,
) -> None:
    from fntx_dagster.cli.attestations import of_record, print_witnesses, witnesses_as_dict
    from fntx_dagster.cli.records import history_table
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signatures.plain import record_as_dict
    from fntx_dagster.services.signatures.track_record import NOT_CHECKED, Node, WrongAddress, trader_record

    source = Node(rpc, contract) if rpc and contract else load_settings()
    try:
        record = trader_record(source, trader, period, calendar)
    except WrongAddress as error:
        raise typer.BadParameter(error.message) from None
    told = of_record(source, trader, record, witnesses)
    if as_json:
        print_json(record_as_dict(record, late) | witnesses_as_dict(told))
    else:
        counts = record.counts(late)
        out(history_table(record.days, late, record.settled_at))
        out(
            f"{record.contract} on chain {record.chain_id}: {counts.sessions} sessions, {counts.posted} of them "
            f"posted, {counts.gaps} without a record, {counts.late} late, {counts.early} before the close, "
            f"{counts.amended} amended"
        )
        out(f"NOT CHECKED: {NOT_CHECKED}")
        print_witnesses(told)
    if any(day.is_gap for day in record.days):
        raise typer.Exit(1)
