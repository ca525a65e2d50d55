"""Whether the shares of signals are what the strategy's book states: sums, trades, postings, and each participant's.

The book holds a root over all shares after each step. Where the shares have another one, sharing the steps anew, from
the wishes and what the fills came to, says whose share was altered. Participants are named by their place in the entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from fntx_dagster.ledger.exact import plain
from fntx_dagster.services.signals.trading import PREFIX
from fntx_dagster.signals.amounts import exact, minor_unit
from fntx_dagster.signals.proving import shares_root, wishes_root
from fntx_dagster.signals.sharing import ACTIVE, FAILED, Got, Share, ShareTexts, enter, finish_entry, leave, texts
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import checking as ledger
from fntx_dagster.store.ledger.checking import BookRow
from fntx_dagster.store.signals import checking, executions, strategies
from fntx_dagster.store.signals.checking import StatedShares
from fntx_dagster.store.signals.executions import ExitRow, SignalExecution

_TOTALS = ("total_pnl", "fees_total")


def differing_shares(db: Readable, book: BookRow) -> Iterator[str]:
    """What does not hold of the signals of a book; nothing of a book that is no strategy's."""
    if not book.user_id.startswith(PREFIX):
        return
    code = book.user_id.removeprefix(PREFIX)
    for find in (checking.unsummed, checking.untraded, checking.differing_trades, checking.retold):
        for fault in find(db, code):
            yield f"execution {fault.signal_execution_id}: {fault.words}"
    yield from checking.unposted(db, book.book_id, code, book.is_paper)
    yield from checking.unstated(db, book.book_id, code, book.is_paper)
    for stated in checking.stated_shares(db, book.book_id):
        yield from _differing(db, book.book_id, stated)


def _differing(db: Readable, book_id: int, stated: StatedShares) -> Iterator[str]:
    """Where an execution is not what the last entry of its shares states."""
    number, body = stated.signal_execution_id, stated.body
    execution = None if number is None else executions.execution_of_id(db, number)
    if number is None or execution is None:
        yield f"the shares of entry {stated.entry_no} belong to no execution"
        return
    if stated.kept != stated.entry_no:
        yield f"execution {number}: its shares are of entry {stated.kept}, and the last of them is {stated.entry_no}"
        return
    made = {"qty": execution.total_qty, "closed_qty": execution.exit_qty, "entry_money": execution.entry_money}
    made |= {"exit_money": execution.exit_money} | {name: getattr(execution, name) for name in _TOTALS}
    for name, value in made.items():
        if Decimal(body[name]) != value:
            yield f"execution {number}: {name} is {plain(value)}, and entry {stated.entry_no} states {body[name]}"
    lot = exact(strategies.instrument_of(db, execution.instrument_id).lot_size)
    with db.connect() as connection:
        kept = executions.shares(connection, number, lot)
    stored = [texts(share, lot) for share in kept]
    try:
        wishes = ledger.entry(db, book_id, execution.rule_entry or 0).get("wishes_root")
    except LookupError:
        wishes = None
    if wishes_root(stored, execution.salt).hex() != wishes:
        yield f"execution {number}: its wishes are not those of entry {execution.rule_entry}"
    if shares_root(stored, execution.salt).hex() != body["shares_root"]:
        altered = list(_altered(db, book_id, execution, kept, lot, body["shares_root"]))
        yield from altered or [f"execution {number}: its shares are not those of entry {stated.entry_no}"]


def _altered(
    db: Readable, book_id: int, execution: SignalExecution, kept: list[Share], lot: int, root: str
) -> Iterator[str]:
    """Whose share was altered, and how; nothing where the shares that are made anew do not lead to the root either."""
    again = [texts(share, lot) for share in _shared_anew(db, book_id, execution, kept, lot)]
    if shares_root(again, execution.salt).hex() != root:
        return
    for share, made in zip(kept, again, strict=True):
        for name, now, was in zip(ShareTexts._fields, texts(share, lot), made, strict=True):
            if now != was:
                who = f"execution {execution.signal_execution_id}, participant {share.place}"
                yield f"{who}: {name} is {now}, and the entries make {was}"


def _shared_anew(db: Readable, book_id: int, execution: SignalExecution, kept: list[Share], lot: int) -> list[Share]:
    """The shares as the entry and the exits make them, each of one block order; none where the totals cannot be."""
    cent = minor_unit(execution.currency)
    again = [
        replace(share, lots=0, closed=0, money_in=0, money_out=0, pnl=0, entry_fee=0, exit_fee=0)
        if share.status == FAILED
        else Share(
            share.user_id,
            share.place,
            share.requested,
            share.requested // lot,
            share.fee_bps,
            share.fee_fixed,
            share.max_notional,
        )
        for share in kept
    ]
    entered = Got(
        exact(execution.total_qty) // lot,
        exact(execution.entry_money),
        Fraction(checking.fees_paid(db, book_id, execution.entry_order_id)),
    )
    unfilled = next((share.reason for share in kept if share.status == "UNFILLED"), None)
    try:
        enter(again, entered, cent)
        finish_entry(again, unfilled or "no_liquidity")
        with db.connect() as connection:
            exits = executions.exits(connection, execution.signal_execution_id)
        for step in exits:
            _left_anew(db, book_id, execution, again, step, entered, lot)
    except ValueError:  # the totals were altered too
        return []
    return again


def _left_anew(
    db: Readable,
    book_id: int,
    execution: SignalExecution,
    shares: list[Share],
    step: ExitRow,
    entered: Got,
    lot: int,
) -> None:
    named = _named(checking.named_in(db, step.signal_log_id))
    leaving = [
        share
        for share in shares
        if share.status == ACTIVE and share.lots > share.closed and (named is None or share.user_id in named)
    ]
    fee = Fraction(checking.fees_paid(db, book_id, step.order_id))
    got = Got(exact(Decimal(step.qty)) // lot, exact(Decimal(step.money)), fee)
    free = step.reason == "EXPIRY"
    leave(leaving, got, entered, minor_unit(execution.currency), short=execution.is_short, free=free)


def _named(body: str | None) -> set[str] | None:
    """Who was to leave by a message; None: all."""
    try:
        users = json.loads(body or "{}").get("user_ids")
    except (ValueError, AttributeError):
        return None
    return None if users is None else {f"{user_id}" for user_id in users}
