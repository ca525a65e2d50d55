"""Whether a day's statement follows from the ledger's entries: what a stranger checks with nothing but the two files.

The entries up to the head that the statement names are checked as a chain, and the document is made anew from them and
from the prices that it states. Every figure in it is then a consequence of the two; that the prices were those of the
market, no entry says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.adapters.flex.statements import FlexFile, Reading, Row, Statement
from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.days import days_of
from fntx_dagster.ledger.entries import Entry, Head, faults
from fntx_dagster.ledger.market import Prices, Symbol
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.ledger_accounts.statement import CLOSING, HEAD, OPENING, PRICE, DayPrices, statement


class Followed(NamedTuple):
    """The head that a statement names, and everything in which it does not follow from the entries."""

    account_id: str
    head: Head
    problems: tuple[str, ...]


class _Stated(NamedTuple):
    """What a statement says of itself."""

    statement: Statement
    currency: str
    head: Head
    prices: DayPrices


def follows(document: Path, entries: Path) -> Followed:
    """Check a statement against the entries of its book, as `fntx ledger export` writes them.

    Raises Permanent where a file is not one of these.
    """
    stated = _stated(document)
    known = [entry for entry in _entries(entries) if entry["entry_no"] <= stated.head.entry_no]
    problems = [fault.reason for fault in faults(known)]
    if not known or Head(known[-1]["entry_no"], known[-1]["hash"]) != stated.head:
        problems.append(f"the entries do not lead to the head of the statement, entry {stated.head.entry_no}")
    if not problems:
        problems += _differences(document.read_text(encoding="utf-8"), stated, known)
    return Followed(stated.statement.account_id, stated.head, tuple(problems))


def _differences(text: str, stated: _Stated, entries: Sequence[Entry]) -> Iterator[str]:
    day, by_number = stated.statement.from_date, {entry["entry_no"]: entry for entry in entries}
    [of_book] = days_of(entries, day, day, by_number.__getitem__)
    again = statement(stated.statement.account_id, of_book, stated.prices, by_number.__getitem__)
    for line, (said, made) in enumerate(zip(text.splitlines(), again.splitlines(), strict=False), start=1):
        if said != made:
            yield f"line {line} of the statement does not follow from the entries, which make {made}"
    if len(text.splitlines()) != len(again.splitlines()):
        yield "the statement has other rows than the entries make"


def _stated(document: Path) -> _Stated:
    of: Statement | None = None
    head, currency = Head(), ""
    quotes: dict[str, dict[Symbol, Quote]] = {OPENING: {}, CLOSING: {}}
    seen: dict[Symbol, datetime] = {}
    sources: dict[Symbol, str] = {}
    with document.open("rb") as file:
        is_xml = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    for item in FlexFile(document, Reading.KEYS) if is_xml else ():
        if isinstance(item, Statement):
            of = item
        if not isinstance(item, Row):
            continue
        said = item.attributes
        if item.tag == HEAD:
            head = Head(int(said["entryNo"]), said["hash"])
        elif item.tag == "ChangeInNAV":
            currency = said["currency"]
        elif item.tag == PRICE:
            symbol, at = (said["exchange"], said["symbol"]), datetime.fromisoformat(said["at"])
            quotes[said["end"]][symbol] = Quote(Decimal(said["bid"]), Decimal(said["ask"]), None, None, at)
            if said["end"] == CLOSING:
                seen[symbol] = datetime.fromisoformat(said["seenAt"])
                sources |= {symbol: said["source"]} if "source" in said else {}
    if of is None or not head.entry_no:
        raise Permanent(f"{document} is no statement of a ledger", "`fntx ledger statement` writes one")
    prices = DayPrices(Prices(currency, quotes[OPENING]), Prices(currency, quotes[CLOSING]), seen, sources)
    return _Stated(of, currency, head, prices)


def _entries(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                if not isinstance(entry, dict) or not isinstance(entry["entry_no"], int):
                    raise ValueError
            except (ValueError, KeyError):
                raise Permanent(
                    f"line {number} of {path} is no entry of a ledger", "`fntx ledger export` writes them"
                ) from None
            yield entry
