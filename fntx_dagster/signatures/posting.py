"""Bringing signed days onto the chain: the queue of each account, emptied in order, and what is read back.

A record is never sent twice: the sender keeps what it does before it does it (`chain.journal`), and the contract is
asked. A chain that does not answer leaves everything queued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.chain import sender
from fntx_dagster.errors import Permanent
from fntx_dagster.signatures.refusals import Refusal
from fntx_dagster.store import sendings, signatures
from fntx_dagster.store.database import Database
from fntx_dagster.store.sendings import SendingJournal, Waiting
from fntx_dagster.store.signatures import PostedDay, SignedDay

if TYPE_CHECKING:
    from fntx_dagster.chain.client import Chain
    from fntx_dagster.settings import Settings


class Posting(NamedTuple):
    """What posting a range did: the receipts that are new, those that were there already, where an account had to stop,
    and the records that wait or have failed."""

    new: list[PostedDay]
    kept: list[PostedDay]
    refused: list[Refusal]
    waiting: list[Waiting]


def post(
    db: Database,
    settings: Settings,
    chain: Chain,
    first: date,
    last: date,
    account: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Posting:
    """Post every signed day of the range that the chain does not hold, oldest first, and store what is read back.

    A stored receipt is not believed: the contract is asked. A record that vanished is posted again, with the same root.
    An account whose keys or funds do not do stops; the others are posted. `tell` hears of each step.

    Transient where the chain does not answer or has not taken everything in time; nothing is lost then, and a later
    call goes on.
    """
    before = {receipt[:-1] for receipt in signatures.posted_days(db, first, last, account)}
    records = _by_account(signatures.signed_days(db, first, last, account))
    refused = []
    for one, signed in records.items():
        try:
            _bring(db, settings, chain, one, signed, first, last, tell)
        except Permanent as error:
            refused.append(Refusal(one, signed[0].trading_day, error))
    after = signatures.posted_days(db, first, last, account)
    waiting = [one for one in sendings.unfinished(db, first, last, account) if one.state != "mined"]
    refused += [Refusal(one.account_id, one.trading_day, _failure(one)) for one in waiting if one.state == "failed"]
    return Posting(
        [one for one in after if one[:-1] not in before],
        [one for one in after if one[:-1] in before],
        refused,
        waiting,
    )


def disagreements(db: Database, chain: Chain, first: date, last: date) -> list[tuple[SignedDay, str]]:
    """The days whose receipt says that they are posted here and for which the contract does not hold our root, each
    with what it holds instead."""
    posted = {(one.account_id, one.trading_day, one.version) for one in signatures.posted_days(db, first, last)}
    found = []
    for records in _by_account(signatures.signed_days(db, first, last)).values():
        here = [
            one
            for one in records
            if one[:3] in posted and (one.chain_id, one.contract) == (chain.chain_id, chain.contract)
        ]
        stored = chain.history(here[0].trader, here[0].trading_day, here[-1].trading_day) if here else {}
        for one in here:
            held = stored.get(one.trading_day)
            if held is None:
                found.append((one, f"the contract holds no record, ours is 0x{one.root.hex()}"))
            elif not held.holds(one.schema_hash, one.root):
                found.append((one, f"the contract holds 0x{held.root.hex()}, ours is 0x{one.root.hex()}"))
    return found


def resubmit(db: Database, account: str, day: date) -> None:
    """Queue the failed posting of a day again; Permanent where there is none."""
    found = sendings.unfinished(db, day, day, account)
    failed = [one for one in found if one.state == "failed"]
    if failed:
        sendings.queue_again(db, account, day, failed[0].version)
    elif not found:
        what = "is posted" if signatures.signed_version(db, account, day) else "is not signed"
        raise Permanent(f"{day} {what}: there is nothing to resubmit", "`fntx status` says what waits and what failed")


def _by_account(records: Iterable[SignedDay]) -> dict[str, list[SignedDay]]:
    found: dict[str, list[SignedDay]] = {}
    for signed in records:
        found.setdefault(signed.account_id, []).append(signed)
    return found


def _bring(
    db: Database,
    settings: Settings,
    chain: Chain,
    account: str,
    signed: list[SignedDay],
    first: date,
    last: date,
    tell: Callable[[str], None],
) -> None:
    """One account's records onto the chain. Those that were posted on another one before are left there."""
    signer = chain.trader(account)
    here = (chain.chain_id, chain.contract, signer.address)
    unfinished = {(one.trading_day, one.version) for one in sendings.unfinished(db, first, last, account)}
    ours = [one for one in signed if (one.chain_id, one.contract, one.trader) == here]
    if ours:
        with sendings.turn_of(db, signer.address):
            _requeue_vanished(db, chain, ours, unfinished)
            journal = SendingJournal(db, account, *here, first, last)
            sender.send(chain, signer, journal, sender.policy_of(settings), tell)
    for one in signed:
        if one not in ours and (one.trading_day, one.version) in unfinished:
            raise Permanent(
                f"the record of {one.trading_day} was made for trader {one.trader} and contract {one.contract} on "
                f"chain {one.chain_id}, but the settings name trader {here[2]}, contract {here[1]}, chain {here[0]}",
                "Post it with the settings that it was signed with",
            )


def _requeue_vanished(db: Database, chain: Chain, signed: list[SignedDay], unfinished: set[tuple[date, int]]) -> None:
    """Final versions that the contract does not hold, or not any more: the chain is another than it was."""
    stored = chain.history(signed[0].trader, signed[0].trading_day, signed[-1].trading_day)
    for one in signed:
        held = stored.get(one.trading_day)
        for version in range(held.version + 1 if held else 1, one.version + 1):
            if (one.trading_day, version) not in unfinished:
                sendings.queue_again(db, one.account_id, one.trading_day, version)


def _failure(one: Waiting) -> Permanent:
    return Permanent(
        f"{one.trading_day} was not posted: {one.error}",
        f"When that is settled: `fntx signature resubmit --date {one.trading_day}`",
    )
