"""Bringing signed days onto the chain: the queue of each account, emptied in order, and what is read back.

A record is never sent twice: the outbox keeps each step before it is taken (`store.outbox.sendings`), and the contract
is read first. While the chain does not answer, everything stays queued.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.track_record import transport_for
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.model.chain import PostedDay, SignedDay, Unfinished
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sender import OnProgress, Policy, Steps, sending_steps
from fntx_dagster.outbox.together import together
from fntx_dagster.services.auditing.signed_days import noted_posts
from fntx_dagster.services.signatures.refusals import Refusal
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox import sendings, signatures
from fntx_dagster.store.outbox.nonces import ManyTurns, many_turns
from fntx_dagster.store.outbox.sendings import SendingJournal

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.model.chain import StoredRecord
    from fntx_dagster.settings import Settings


_AT_ONCE = 8
"""For so many accounts a node is asked at a time: each waits for its answers, and the node for none of ours."""
_ASKED_AGAIN = 0.2
"""Seconds between two looks at whether another process has finished with a key."""


class Posting(NamedTuple):
    """What posting a range did: the receipts that are new, those that were there already, where an account had to stop
    for its keys or funds, and the records that wait or have failed."""

    new: list[PostedDay]
    kept: list[PostedDay]
    refused: list[Refusal]
    waiting: list[Unfinished]

    @property
    def failed(self) -> list[Refusal]:
        """Each record that waits for a person."""
        return [
            Refusal(record.account_id, record.trading_day, _failure(record))
            for record in self.waiting
            if record.state == "failed"
        ]


def post(
    settings: Settings,
    db: Database,
    chain: Chain,
    period: Period,
    account: str | None = None,
    on_progress: OnProgress = lambda text: None,
    only: Accounts = None,
) -> Posting:
    """Post every signed day of the range that the chain does not hold, oldest first, and store what is read back.

    A stored receipt is not believed: the contract is read. A record that vanished is posted again, with the same root.
    Every account sends before any waits for a block: their keys are independent. An account that lacks its key or funds
    stops; the others are posted. `on_progress` gets each step in words, in the caller's thread.

    Transient where the chain does not answer or has not taken everything in time, and after the other accounts had
    their turn; nothing is lost then, and a later call goes on.
    """
    before = {_as_mined(receipt) for receipt in signatures.posted_days(db, period, account)}
    signed = signatures.signed_days(db, period, account)
    records = _by_account([record for record in signed if is_among(record.account_id, only)])
    refused, hindered = [], None
    for account_id, error in _posted(settings, db, chain, records, period, on_progress):
        if isinstance(error, Permanent):
            waits = sendings.unfinished(db, period, account_id)
            refused.append(Refusal(account_id, (waits or records[account_id])[0].trading_day, error))
        elif error:
            _ = chain.height  # where the node is away, so it is for the others
            hindered = hindered or error
    if hindered:
        raise hindered
    after = [each for each in signatures.posted_days(db, period, account) if is_among(each.account_id, only)]
    unfinished = sendings.unfinished(db, period, account)
    waiting = [each for each in unfinished if each.state != "mined" and is_among(each.account_id, only)]
    new = [receipt for receipt in after if _as_mined(receipt) not in before]
    kept = [receipt for receipt in after if _as_mined(receipt) in before]
    return Posting(new, kept, refused, waiting)


class HeldRecords(NamedTuple):
    """What the contract holds of a trader, from the first session that it signed to the last."""

    first: date
    last: date
    records: Mapping[date, StoredRecord]


def held_by(db: Database, chain: Chain) -> dict[str, HeldRecords]:
    """Trader → what the contract holds, for each of ours that has signed for it."""
    spans = signatures.signed_spans(db, chain.chain_id, chain.contract)
    return {trader: HeldRecords(*span, chain.history(trader, Period(*span))) for trader, span in spans.items()}


def disagreements(db: Database, chain: Chain, held: Mapping[str, HeldRecords]) -> list[tuple[PostedDay, str]]:
    """The posted days, of all times, for which the contract does not hold our root, each with what it holds instead.
    Transient where the node does not answer or contradicts itself."""
    differing = []
    for posted in signatures.posted_days(db, EVER):
        if (posted.chain_id, posted.contract) != (chain.chain_id, chain.contract):
            continue
        trader, day, version = posted.trader, posted.trading_day, posted.version
        record = chain.version_held(trader, day, version, held[trader].records.get(day))
        ours = f"ours is 0x{posted.root.hex()}"
        if record is None:
            differing.append((posted, f"the contract holds no version {version}, {ours}"))
        elif not record.holds(posted.schema_hash, posted.root):
            differing.append((posted, f"the contract holds 0x{record.root.hex()}, {ours}"))
    return differing


def policy_of(settings: Settings) -> Policy:
    """The policy of the settings; Permanent where a run would end before it came to raise a fee."""
    posting = settings.posting
    if posting.stuck_after >= posting.mined_within:
        raise Permanent(
            f"FNTX_STUCK_AFTER ({posting.stuck_after:g} s) is not shorter than FNTX_MINED_WITHIN "
            f"({posting.mined_within:g} s), so no fee would ever be raised",
            "Make it shorter",
        )
    return Policy(posting.batch, posting.stuck_after, posting.mined_within)


def resubmit(db: Database, account: str, period: Period) -> list[date]:
    """Queue the failed records of a range again; their days. Permanent where there is none."""
    records = sendings.unfinished(db, period, account)
    failed = [record for record in records if record.state == "failed"]
    for record in failed:
        sendings.queue_again(db, account, record.trading_day, record.version)
    if not failed:
        what = f"the records of {period} wait for the chain already" if records else f"no record of {period} has failed"
        raise Permanent(f"{what}: there is nothing to resubmit", "`fntx status` says what waits and what failed")
    return [record.trading_day for record in failed]


def _as_mined(receipt: PostedDay) -> PostedDay:
    """A receipt as it was before it became final, so that two looks at it are equal."""
    return receipt._replace(is_final=False)


def _by_account(records: Iterable[SignedDay]) -> dict[str, list[SignedDay]]:
    accounts: dict[str, list[SignedDay]] = {}
    for signed in records:
        accounts.setdefault(signed.account_id, []).append(signed)
    return accounts


def _posted(
    settings: Settings,
    db: Database,
    chain: Chain,
    records: Mapping[str, list[SignedDay]],
    period: Period,
    on_progress: OnProgress,
) -> Iterator[tuple[str, FntxError | None]]:
    """Post the records of all accounts, as `together` does: each account as its posting ends, with what hindered it."""
    said: deque[str] = deque()

    def height() -> int:
        while said:
            on_progress(said.popleft())
        return chain.height

    at_once = 1 if chain.is_embedded else min(_AT_ONCE, settings.database.connections - 1)
    tell = on_progress if at_once == 1 else said.append
    policy = policy_of(settings)
    with many_turns(db) as held:
        steps = {
            account: _posting_steps(settings, db, chain, held, account, signed, period, policy, tell)
            for account, signed in records.items()
        }
        yield from together(steps, height, policy.poll, at_once)
        while said:
            on_progress(said.popleft())


def _posting_steps(
    settings: Settings,
    db: Database,
    chain: Chain,
    held: ManyTurns,
    account: str,
    signed: list[SignedDay],
    period: Period,
    policy: Policy,
    on_progress: OnProgress,
) -> Steps:
    """Post one account's records. Those that were posted on another chain before are left there."""
    signer = chain.trader(account)
    here = (chain.chain_id, chain.contract, signer.address)
    ours = [record for record in signed if (record.chain_id, record.contract, record.trader) == here]
    if ours:
        journal = SendingJournal(db, account, *here, period, noted_posts(settings))
        limits = settings.posting
        transport = transport_for(chain, signer, limits.fee_cap, settings.chain.confirmations, limits.modest_tip)
        yield from _turn_of(held, signer.address)
        try:  # no other sender may post a record between the look at the chain and the queueing
            with transport.turn():
                _requeue_vanished(db, chain, ours)
                yield from sending_steps(transport, journal, policy, on_progress)
        finally:
            held.give_back(signer.address)
    for record in sendings.unfinished(db, period, account):
        if (record.chain_id, record.contract, record.trader) != here:
            raise Permanent(
                f"the record of {record.trading_day} was made for trader {record.trader} and contract "
                f"{record.contract} on chain {record.chain_id}, but the settings name trader {here[2]}, contract "
                f"{here[1]}, chain {here[0]}",
                "Post it with the settings that it was signed with",
            )


def _turn_of(held: ManyTurns, key: str) -> Steps:
    """Take the turn of a key, which another account may have too; Transient where another process does not finish in
    time."""
    deadline = time.monotonic() + turns.TURN_SECONDS
    while not held.take(key):
        if key.lower() not in held.held and time.monotonic() > deadline:
            raise turns.overtaken(key)
        yield time.monotonic() + _ASKED_AGAIN


def _requeue_vanished(db: Database, chain: Chain, signed: list[SignedDay]) -> None:
    """Queue the final versions again that the contract does not hold, or not any more: the chain is another than it
    was. The caller has the trader's turn."""
    first, last = signed[0].trading_day, signed[-1].trading_day
    unfinished = {
        (record.trading_day, record.version)
        for record in sendings.unfinished(db, Period(first, last), signed[0].account_id)
    }
    if all(record.version == 1 and (record.trading_day, 1) in unfinished for record in signed):
        return  # what was not posted cannot have vanished
    stored = chain.history(signed[0].trader, Period(first, last))
    for record in signed:
        held = stored.get(record.trading_day)
        for version in range(held.version + 1 if held else 1, record.version + 1):
            if (record.trading_day, version) not in unfinished:
                sendings.queue_again(db, record.account_id, record.trading_day, version)


def _failure(record: Unfinished) -> Permanent:
    return Permanent(
        f"{record.trading_day} was not posted: {record.error}",
        f"When that is settled: `fntx signature resubmit --date {record.trading_day}`",
    )
