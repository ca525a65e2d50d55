"""Freezing a day: its metrics, its salts, its root, written once and queued for the chain.

A signed day stays as it was signed. Where its figures have changed since, that is a drift, and only a person makes a
second version of it (`amend`), which names the root that it replaces and gives a reason. Signing does not contact a
node: the record waits in the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.client import EMBEDDED_CHAIN_ID, addresses_of, connect, signer_of
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.foreign import cleaned
from fntx_dagster.metrics.catalogue import CATALOGUE
from fntx_dagster.model.chain import PostedDay, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.leaves import Context
from fntx_dagster.proof.record import Record, build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.samples import SAMPLE_ACCOUNT
from fntx_dagster.services.sessions import require_days
from fntx_dagster.services.signatures.refusals import Beginning, Refusal, refusals
from fntx_dagster.services.signatures.values import (
    Difference,
    Values,
    catalogue_of,
    day_values,
    differences,
    schema_hash,
)
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import summaries
from fntx_dagster.store.outbox import sendings, signatures

if TYPE_CHECKING:
    from fntx_dagster.model.chain import StoredRecord
    from fntx_dagster.settings import Settings

FIRST_VERSION = 1
LONGEST_REASON = 256
"""Bytes of UTF-8: TrackRecord takes no more."""


class Signing(NamedTuple):
    """What signing a range did. `drifted`: days that were signed before and whose figures have changed since;
    `refused`: at most one refusal per account, whose days before it are signed."""

    new: list[SignedDay]
    kept: list[SignedDay]
    drifted: list[tuple[SignedDay, list[Difference]]]
    refused: list[Refusal]

    @property
    def warnings(self) -> list[str]:
        """Each drifted day in words, with its account masked."""
        return [f"{masked(signed.account_id)}: {drift_of(signed, differing)}" for signed, differing in self.drifted]


def drift_of(signed: SignedDay, differing: Sequence[Difference]) -> str:
    """A drifted day in words, without its account and without a figure."""
    return (
        f"{signed.trading_day} stays as it was signed, but its figures have changed since: "
        f"{', '.join(difference.metric for difference in differing)}. See `fntx signature verify --date "
        f"{signed.trading_day}`; once the day is verified, `fntx signature amend` posts a new version with your reason"
    )


def sign(
    settings: Settings,
    db: Database,
    period: Period,
    account: str | None = None,
    beginning: Beginning = Beginning.ALL,
) -> Signing:
    """Freeze the record of every session of the range that has none yet, oldest first.

    An account stops at its first day that failed a blocking verification, depends on statements that have changed or
    are not complete, or would be bound to another key or secret than its earlier days. Such a day stops it, too, where
    it lies before the range and after the account's last signed day. Raises nothing: see `Signing.refused`.
    """
    outcome = Signing([], [], [], [])
    with db.snapshot() as snapshot:
        have_signed = signatures.last_signed_sessions(snapshot).keys()
        built = _built_days(snapshot, period, account)
    for account_id, all_days in built.items():
        days = all_days if account_id in have_signed else beginning.of(all_days)
        if days:
            _sign(settings, db, account_id, days, outcome)
    return outcome


def sign_day(settings: Settings, db: Database, day: date, account: str) -> Signing:
    """Sign one day of an account, or return it as it was signed before.

    Raises Permanent where the day must not be signed, or is not built.
    """
    signed = sign(settings, db, Period.on(day), account)
    for refusal in signed.refused:
        raise refusal.error
    require_days(signed.new + signed.kept, Period.on(day))
    return signed


class Proposal(NamedTuple):
    """A next version of a signed day, for a person to confirm. `differences` are from what was signed; `previous_root`
    is the root that `version` replaces. Where the chain holds another record than ours, `held` is that record, and the
    version replaces it."""

    before: SignedDay
    values: Values
    differences: list[Difference]
    version: int
    previous_root: bytes
    held: StoredRecord | None


def proposals(
    settings: Settings,
    db: Database,
    account: str,
    period: Period,
    held: Callable[[SignedDay], StoredRecord | None] = lambda signed: None,
) -> list[Proposal]:
    """What `amend` would freeze: of each signed day of the range whose figures have changed since, a next version.

    `held` returns what the chain holds for a day whose posting has failed. Where that is another record than ours (the
    database was restored and the day signed anew), it is amended too. Raises Permanent where there is nothing to amend,
    a day must not be signed, or its last version is not on the chain of the settings yet.
    """
    first, last = period
    with db.snapshot() as snapshot:
        before = {signed.trading_day: signed for signed in signatures.signed_days(snapshot, period, account)}
        if not before:
            raise Permanent(f"no day from {first} to {last} is signed", "`fntx signature generate --date` signs one")
        for refusal in refusals(snapshot, Period(min(before), max(before)), account):
            raise refusal.error
        bound = _bound(settings, snapshot, account)
        unfinished = sendings.unfinished(snapshot, period, account)
        posted = {receipt.trading_day: receipt for receipt in signatures.posted_days(snapshot, period, account)}
        current = day_values(snapshot, period, account)
    failed = {record.trading_day for record in unfinished if record.state == "failed"}
    proposed = []
    for (_, day), values in current.items():
        if day not in before:
            continue
        signed, differing = before[day], differences(before[day], values)
        other = held(signed) if day in failed else None
        if other is not None and other.version >= signed.version and other.root != signed.root:
            proposed.append(Proposal(signed, values, differing, other.version + 1, other.root, other))
        elif differing:
            _check_posted(bound, signed, posted.get(day))
            proposed.append(Proposal(signed, values, differing, signed.version + 1, signed.root, None))
    if not proposed:
        raise Permanent("the signed figures are those of the database: there is nothing to amend")
    return proposed


def proposals_of_settings(settings: Settings, db: Database, account: str, period: Period) -> list[Proposal]:
    """`proposals`, with the chain of the settings for the days whose posting has failed. Raises Transient, too, where
    its node does not answer."""

    def held(signed: SignedDay) -> StoredRecord | None:
        with connect(settings) as chain:
            return chain.record_of(signed.trader, signed.trading_day)

    return proposals(settings, db, account, period, held)


def checked_reason(reason: str) -> str:
    """A reason as it is kept. Raises Permanent unless it is one line of printable text of LONGEST_REASON bytes at
    most."""
    reason = reason.strip()
    if cleaned(reason) != reason or not 0 < len(reason.encode()) <= LONGEST_REASON:
        raise Permanent(
            f"a reason has 1 to {LONGEST_REASON} bytes of printable text on one line",
            "Give a short reason: it is public on the chain",
        )
    return reason


def amend(settings: Settings, db: Database, proposed: Sequence[Proposal], reason: str) -> list[SignedDay]:
    """Freeze and queue the proposed versions, as they were shown; return those that were written.

    `reason` is public: the chain keeps it beside both roots. Raises Permanent for a reason that `checked_reason`
    refuses.
    """
    reason = checked_reason(reason)
    bound = _bound(settings, db, proposed[0].before.account_id)
    records = [
        _frozen(bound, proposal.before.trading_day, proposal.values, proposal.version, proposal.previous_root, reason)
        for proposal in proposed
    ]
    written = signatures.freeze(db, records)
    for proposal in proposed:
        if proposal.held:
            before = proposal.before
            sendings.supersede(db, before.account_id, before.trading_day, before.version)
    return written


def rebuilt(signed: SignedDay, key_folder: Path) -> Record:
    """A frozen day with its salts, from the secret. Its root is the frozen one unless the record was changed."""
    secret = keys.known_secret(key_folder, signed.secret_mark)
    context = Context(signed.schema_hash, signed.chain_id, signed.contract, signed.trader, signed.trading_day)
    slots = {catalogue_of(signed).by_name[name].index: value for name, value in signed.values.items()}
    try:
        form = SaltForm(signed.salt_form)
    except ValueError:
        raise Permanent(
            f"{signed.trading_day} was signed by a later FNTX, whose salts have form {signed.salt_form}", "Update FNTX"
        ) from None
    return build_record(context, signed.account_id, slots, secret, signed.version, salt_form=form)


class _Bound(NamedTuple):
    """The chain, contract, trader and secret that an account's records are bound to."""

    account_id: str
    chain_id: int
    contract: str
    trader: str
    secret: bytes

    def __repr__(self) -> str:
        return f"_Bound({self.trader})"


def _built_days(db: Readable, period: Period, account: str | None) -> dict[str, list[date]]:
    days: dict[str, list[date]] = {}
    for row in summaries.summary(db, period, account):
        days.setdefault(row["account_id"], []).append(row["trading_day"])
    return days


def _sign(settings: Settings, db: Database, account: str, days: list[date], outcome: Signing) -> None:
    """One account's days, in order. Whether a day is fit and what is frozen of it come from one snapshot."""
    period = Period(days[0], days[-1])
    records, day, bound = [], period.first, None
    with db.snapshot() as snapshot:
        before = {signed.trading_day: signed for signed in signatures.signed_days(snapshot, period, account)}
        refusal = next(iter(refusals(snapshot, period, account)), None)
        try:
            for (_, day), values in day_values(snapshot, period, account).items():
                if day in before:
                    outcome.kept.append(before[day])
                    if differing := differences(before[day], values):
                        outcome.drifted.append((before[day], differing))
                elif refusal is None or day < refusal.day:
                    bound = bound or _bound(settings, snapshot, account)
                    records.append(_frozen(bound, day, values))
        except Permanent as error:
            refusal = refusal or Refusal(account, day, error)
    new = signatures.freeze(db, records)
    outcome.new.extend(new)
    outcome.kept.extend(record for record in records if record not in new)  # another process was first
    if refusal:
        outcome.refused.append(refusal)


def _frozen(
    bound: _Bound,
    day: date,
    values: Values,
    version: int = FIRST_VERSION,
    previous_root: bytes | None = None,
    reason: str | None = None,
) -> SignedDay:
    """The record of a day."""
    scaled, form = CATALOGUE.scaled(values), SaltForm.RECORD
    context = Context(schema_hash(), bound.chain_id, bound.contract, bound.trader, day)
    return SignedDay(
        account_id=bound.account_id,
        trading_day=day,
        version=version,
        schema_hash=context.schema_hash,
        root=build_record(context, bound.account_id, scaled, bound.secret, version, salt_form=form).root,
        chain_id=context.chain_id,
        contract=context.contract,
        trader=context.trader,
        secret_mark=keys.mark_of(bound.secret),
        values={metric.name: scaled[metric.index] for metric in CATALOGUE.metrics},
        previous_root=previous_root,
        reason=reason,
        salt_form=form,
    )


def _check_posted(bound: _Bound, signed: SignedDay, posted: PostedDay | None) -> None:
    """Raise Permanent unless that version is on the chain that the next one would go to."""
    if (signed.chain_id, signed.contract, signed.trader) != (bound.chain_id, bound.contract, bound.trader):
        raise Permanent(
            f"{signed.trading_day} was signed for trader {signed.trader} and contract {signed.contract} on chain "
            f"{signed.chain_id}, but the settings name another",
            "Amend it with the settings that it was signed with",
        )
    if posted is None or (posted.version, posted.chain_id) != (signed.version, signed.chain_id):
        raise Permanent(
            f"version {signed.version} of {signed.trading_day} is not on the chain yet", "Amend it when it is"
        )


def _bound(settings: Settings, db: Readable, account_id: str) -> _Bound:
    """What the account's next record is bound to. Raises Permanent where it could not be posted or proved: another key
    or secret than before, a key that another account uses, made-up days on a public chain."""
    if account_id == SAMPLE_ACCOUNT and settings.chain.rpc_url is not None:
        raise Permanent("the sample account's days are made up and are not signed on a public chain", "Load your own")
    folder, before = settings.paths.keys, signatures.last_signed(db, account_id)
    secret = keys.salt_secret(folder) if before is None else keys.known_secret(folder, before.secret_mark)
    addresses, trader = addresses_of(settings), signer_of(settings, account_id).address
    if before is not None and before.chain_id not in (addresses.chain_id, EMBEDDED_CHAIN_ID):
        raise Permanent(
            f"account {account_id} has signed on chain {before.chain_id} so far, and the settings name chain "
            f"{addresses.chain_id}",
            "Set FNTX_RPC_URL and FNTX_CONTRACTS as they were: what is signed elsewhere is missing there for ever",
        )
    here = signatures.last_signed(db, account_id, addresses.chain_id)
    if here is not None and here.contract != addresses.track_record and here.chain_id != EMBEDDED_CHAIN_ID:
        raise Permanent(
            f"account {account_id} has signed for contract {here.contract} so far, and the settings name "
            f"{addresses.track_record}",
            "Set FNTX_CONTRACTS as it was: what is signed elsewhere is missing there for ever",
        )
    if here is not None and here.trader != trader:
        raise Permanent(
            f"account {account_id} has signed as {here.trader} so far, and the key in use is {trader}'s",
            "Restore the key from the backup",
        )
    if others := signatures.accounts_of_trader(db, trader) - {account_id}:
        raise Permanent(
            f"{trader} signs for account {masked(min(others))} already, and the contract keeps one record a day",
            f"Give account {account_id} a key of its own",
        )
    return _Bound(account_id, addresses.chain_id, addresses.track_record, trader, secret)
