"""Bringing signed days onto the chain: the queue of each account, emptied in order, and what is read back.

A record is never sent twice: the sender keeps what it does before it does it (`evm.journal`), and the contract is
asked. A chain that does not answer leaves everything queued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm import sender
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import PostedDay, SignedDay, Unfinished
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.services.signatures.refusals import Refusal
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox import sendings, signatures
from fntx_dagster.store.outbox.sendings import SendingJournal

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.model.chain import StoredRecord
    from fntx_dagster.settings import Settings


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
            Refusal(one.account_id, one.trading_day, _failure(one)) for one in self.waiting if one.state == "failed"
        ]


def post(
    db: Database,
    settings: Settings,
    chain: Chain,
    period: Period,
    account: str | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Posting:
    """Post every signed day of the range that the chain does not hold, oldest first, and store what is read back.

    A stored receipt is not believed: the contract is asked. A record that vanished is posted again, with the same root.
    An account whose keys or funds do not do stops; the others are posted. `on_progress` gets each step in words.

    Transient where the chain does not answer or has not taken everything in time, and after the other accounts had
    their turn; nothing is lost then, and a later call goes on.
    """
    before = {_place(one) for one in signatures.posted_days(db, period, account)}
    records = _by_account(signatures.signed_days(db, period, account))
    refused, hindered = [], None
    for one, signed in records.items():
        try:
            _bring(db, settings, chain, one, signed, period, on_progress)
        except Permanent as error:
            waits = sendings.unfinished(db, period, one)
            refused.append(Refusal(one, (waits or signed)[0].trading_day, error))
        except Transient as error:
            _ = chain.height  # where the node is away, so it is for the others
            hindered = hindered or error
    if hindered:
        raise hindered
    after = signatures.posted_days(db, period, account)
    waiting = [one for one in sendings.unfinished(db, period, account) if one.state != "mined"]
    new = [one for one in after if _place(one) not in before]
    kept = [one for one in after if _place(one) in before]
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
    """The posted days, of all times, for which the contract does not hold our root, each with what it holds instead."""
    found = []
    for one in signatures.posted_days(db, EVER):
        if (one.chain_id, one.contract) != (chain.chain_id, chain.contract):
            continue
        record = held[one.trader].records.get(one.trading_day)
        if record is not None and record.version > one.version:
            record = chain.version_of(one.trader, one.trading_day, one.version).record
        if record is None or record.version < one.version:
            found.append((one, f"the contract holds no version {one.version}, ours is 0x{one.root.hex()}"))
        elif not record.holds(one.schema_hash, one.root):
            found.append((one, f"the contract holds 0x{record.root.hex()}, ours is 0x{one.root.hex()}"))
    return found


def resubmit(db: Database, account: str, period: Period) -> list[date]:
    """Queue the failed records of a range again; their days. Permanent where there is none."""
    found = sendings.unfinished(db, period, account)
    failed = [one for one in found if one.state == "failed"]
    for one in failed:
        sendings.queue_again(db, account, one.trading_day, one.version)
    if not failed:
        what = f"the records of {period} wait for the chain already" if found else f"no record of {period} has failed"
        raise Permanent(f"{what}: there is nothing to resubmit", "`fntx status` says what waits and what failed")
    return [one.trading_day for one in failed]


def _place(receipt: PostedDay) -> PostedDay:
    """A receipt but for whether it is final."""
    return receipt._replace(is_final=False)


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
    period: Period,
    on_progress: Callable[[str], None],
) -> None:
    """One account's records onto the chain. Those that were posted on another one before are left there."""
    signer = chain.trader(account)
    here = (chain.chain_id, chain.contract, signer.address)
    ours = [one for one in signed if (one.chain_id, one.contract, one.trader) == here]
    if ours:
        with sendings.turn_of(db, signer.address):
            _requeue_vanished(db, chain, ours)
            journal = SendingJournal(db, account, *here, period)
            sender.send(chain, signer, journal, sender.policy_of(settings), on_progress)
    for one in sendings.unfinished(db, period, account):
        if (one.chain_id, one.contract, one.trader) != here:
            raise Permanent(
                f"the record of {one.trading_day} was made for trader {one.trader} and contract {one.contract} on "
                f"chain {one.chain_id}, but the settings name trader {here[2]}, contract {here[1]}, chain {here[0]}",
                "Post it with the settings that it was signed with",
            )


def _requeue_vanished(db: Database, chain: Chain, signed: list[SignedDay]) -> None:
    """Final versions that the contract does not hold, or not any more: the chain is another than it was. The caller has
    the trader's turn."""
    first, last = signed[0].trading_day, signed[-1].trading_day
    unfinished = {
        (one.trading_day, one.version) for one in sendings.unfinished(db, Period(first, last), signed[0].account_id)
    }
    stored = chain.history(signed[0].trader, Period(first, last))
    for one in signed:
        held = stored.get(one.trading_day)
        for version in range(held.version + 1 if held else 1, one.version + 1):
            if (one.trading_day, version) not in unfinished:
                sendings.queue_again(db, one.account_id, one.trading_day, version)


def _failure(one: Unfinished) -> Permanent:
    return Permanent(
        f"{one.trading_day} was not posted: {one.error}",
        f"When that is settled: `fntx signature resubmit --date {one.trading_day}`",
    )
