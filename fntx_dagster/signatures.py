"""The signed day, from the tables to the chain and back: what the assets and the terminal both call.

Joins the rooms and holds no rule of its own: the figures come from `store`, their encoding from `metrics`, leaves and
tree from `proof`, transactions from `chain`. A day that failed a blocking verification is not signed, whoever asks, and
neither is a later one of its account; other accounts are not held up.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.chain import keys, sender
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.metrics.catalogue import CATALOGUE, letters, unscale
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import Record, build_record, verify
from fntx_dagster.samples import SAMPLE_ACCOUNT
from fntx_dagster.store import changes, marts, nav, signatures
from fntx_dagster.store.database import Database
from fntx_dagster.store.signatures import PostedDay, SignedDay

if TYPE_CHECKING:
    from fntx_dagster.chain.client import Chain

FIRST_VERSION = 1
BLOCKING_KINDS = ("mathematical", "logical", "cross_reference")
WARNING_KINDS = ("historical",)

_WINDOWS = ("30d", "mtd", "ytd", "all")
_OF_WINDOW = ("win_rate", "sharpe", "volatility", "max_drawdown", "total_return")
_FUND = ("dpi", "tvpi", "rvpi")
_GREEKS = ("delta", "gamma", "theta", "vega")
_SIGNED_PARTS = (
    "mark_to_market",
    "assigned_option_mark",
    "expired_option_mark",
    "rate_difference",
    "interest_accruals",
    "fx_translation",
)


class Difference(NamedTuple):
    """A metric whose value in the tables is not the one that was signed; None stands for null."""

    metric: str
    signed: Decimal | None
    found: Decimal | None


class Refusal(NamedTuple):
    """Why an account's days are not signed, or not posted, from a day on. `is_of_the_day`: the day itself is not fit,
    and its verification or its statements say so as well; else it is a matter of keys or funds."""

    account_id: str
    day: date
    error: Permanent
    is_of_the_day: bool = False


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
        return [
            f"{signed.trading_day} {masked(signed.account_id)} stays as it was signed, but its figures have changed "
            f"since: {', '.join(difference.metric for difference in differences)}"
            for signed, differences in self.drifted
        ]


class Posting(NamedTuple):
    """What posting a range did: the receipts that are new, those that were there already, and where an account had to
    stop."""

    new: list[PostedDay]
    kept: list[PostedDay]
    refused: list[Refusal]


class Verdict(NamedTuple):
    """The outcome of verifying a day: every way in which the tables, the frozen record and the chain disagree."""

    day: SignedDay
    posted: PostedDay | None
    differences: list[Difference]
    problems: list[str]

    @property
    def holds(self) -> bool:
        return not self.differences and not self.problems


class Beginning(StrEnum):
    """What of a range is signed of an account that has never signed."""

    ALL = "all"
    LATEST = "latest"
    NOTHING = "nothing"

    def of(self, days: list[date]) -> list[date]:
        """The days with which such an account begins."""
        return {Beginning.ALL: days, Beginning.LATEST: days[-1:], Beginning.NOTHING: []}[self]


def sign(
    db: Database,
    chain: Chain,
    key_folder: Path,
    first: date,
    last: date,
    account: str | None = None,
    beginning: Beginning = Beginning.ALL,
) -> Signing:
    """Freeze the record of every session of the range that has none yet, oldest first.

    An account stops at its first day that failed a blocking verification, stands on statements that have changed or
    are not complete, or would be bound to another key or secret than its days before; such a day that lies before the
    range and after the account's last signed one stops it too.
    """
    secret, outcome = keys.salt_secret(key_folder), Signing([], [], [], [])
    have_signed = signatures.last_signed_sessions(db).keys()
    for one, told in _told_days(db, first, last, account).items():
        days = told if one in have_signed else beginning.of(told)
        if days:
            _sign(db, chain, one, days, secret, outcome)
    return outcome


def post(db: Database, chain: Chain, first: date, last: date, account: str | None = None) -> Posting:
    """Post every signed day of the range that the chain does not hold, oldest first, and store what is read back.

    A stored receipt is not believed: the contract is asked. A record that vanished is posted again, with the same root.
    """
    posted = {
        (receipt.account_id, receipt.trading_day, receipt.version): receipt
        for receipt in signatures.posted_days(db, first, last, account)
    }
    outcome, stopped = Posting([], [], []), set()
    for signed in signatures.signed_days(db, first, last, account):
        if signed.account_id in stopped:
            continue
        receipt = posted.get((signed.account_id, signed.trading_day, signed.version))
        stored = chain.record_of(signed.trader, signed.trading_day) if receipt else None
        if stored is not None and stored.holds(signed.schema_hash, signed.root):
            outcome.kept.append(receipt)
            continue
        try:
            outcome.new.append(_post_one(db, chain, signed))
        except Permanent as error:
            stopped.add(signed.account_id)
            outcome.refused.append(Refusal(signed.account_id, signed.trading_day, error))
    return outcome


def verify_day(
    db: Database, chain: Chain, key_folder: Path, account: str, day: date, tx_hash: str | None = None
) -> Verdict:
    """Recompute a day from the tables and compare: with the frozen record, its root, the contract, the transaction."""
    signed = _signed(db, account, day)
    receipts = signatures.posted_days(db, day, day, account)
    posted = receipts[-1] if receipts else None
    values = day_values(db, day, day, account).get((account, day))
    if values is None:
        raise Permanent(f"{day} has no daily summary any more", "Run `fntx run` for that day")
    return Verdict(
        signed,
        posted,
        list(_differences(signed, CATALOGUE.scaled(values))),
        list(_problems(chain, signed, rebuilt(signed, key_folder), posted, tx_hash or (posted and posted.tx_hash))),
    )


def rebuilt(signed: SignedDay, key_folder: Path) -> Record:
    """A frozen day with its salts, from the secret; its root is the frozen one unless somebody changed either."""
    context = Context(signed.schema_hash, signed.chain_id, signed.contract, signed.trader, signed.trading_day)
    slots = {CATALOGUE.by_name[name].index: value for name, value in signed.values.items()}
    return build_record(context, signed.account_id, slots, keys.salt_secret(key_folder))


def prove_on_chain(chain: Chain, signed: SignedDay, key_folder: Path, metric_name: str) -> bool:
    """Whether one metric's leaf and path lead to the root: computed here and by the contract; both must say so."""
    record, index = rebuilt(signed, key_folder), CATALOGUE.by_name[metric_name].index
    value, salt, proof = record.values[index], record.salts[index], record.proof(index)
    stored = chain.record_of(signed.trader, signed.trading_day)
    return (
        stored is not None
        and verify(record.context, stored.root, index, value, salt, proof)
        and chain.verify_metric(signed.trader, signed.trading_day, index, value, salt, proof)
    )


def day_values(
    db: Database, first: date, last: date, account: str | None = None
) -> dict[tuple[str, date], dict[str, Decimal | float | None]]:
    """The value of every metric of the catalogue, per account and session, oldest first."""
    windows = {
        (row["account_id"], row["trading_day"], row["metric_window"]): row
        for row in marts.rolling_metrics(db, first, last, account)
    }
    rows = sorted(marts.summary(db, first, last, account), key=lambda row: (row["trading_day"], row["account_id"]))
    told = {one: marts.sessions_told(db, first, last, one) for one in {row["account_id"] for row in rows}}
    found = {}
    for row in rows:
        key = (row["account_id"], row["trading_day"])
        number, closes_at = told[key[0]][key[1]]
        values: dict[str, Decimal | float | None] = dict.fromkeys(_GREEKS)
        values |= {"trading_day_num": number, "session_close_utc": int(closes_at.timestamp())}
        values |= {name: row[name] for name in CATALOGUE.by_name if name in row}
        values |= {"base_currency": letters(row["base_currency"])}
        values |= _parts(row["difference_parts"])
        if missing := [window for window in _WINDOWS if (*key, window) not in windows]:
            raise Permanent(f"{key[1]} has no metrics for {', '.join(missing)}", "Run the day again with `fntx run`")
        for window in _WINDOWS:
            for name in _OF_WINDOW:
                values[f"{name}_{window}"] = windows[*key, window][name]
        values |= {name: windows[*key, "all"][name] for name in _FUND}
        found[key] = values
    return found


class Waiting(NamedTuple):
    """What an account has to sign: its sessions in order, and why it stops where it does (None: it does not)."""

    days: list[date]
    refusal: Refusal | None


def waiting(db: Database, beginning: Beginning, begins_from: date = date.min) -> dict[str, Waiting]:
    """Account → the told and verified sessions to sign and post, oldest first: all after the last signed one, and
    signed ones without a receipt. An account that has never signed begins with no session before `begins_from`."""
    found, signed = {}, signatures.last_signed_sessions(db)
    for account, days in signatures.unsigned_days(db).items():
        if account not in signed:
            days = [day for day in beginning.of(days) if day >= begins_from]
        if not days:
            continue
        refusal = next(iter(refusals(db, days[0], days[-1], account)), None)
        found[account] = Waiting([day for day in days if refusal is None or day < refusal.day], refusal)
    return found


def refusals(db: Database, first: date, last: date, account: str | None = None) -> list[Refusal]:
    """Per account, its earliest day of the range that must not be signed, and why: the statements have changed since
    it was told or are not complete, nobody has verified it, or an equation that blocks does not hold.

    For an account that has signed, the range begins no later than after its last signed session: days are signed in
    order, and what was left out before the range would change what stands on it.
    """
    signed = signatures.last_signed_sessions(db)
    begins = {one: min(first, day + timedelta(days=1)) for one, day in signed.items() if account in (None, one)}
    earliest: dict[str, Refusal] = {}
    for one, change in changes.changed_since(db, account).items():
        if change.since <= last:
            since = max(change.since, begins.get(one, first))
            earliest[one] = Refusal(one, since, _changed(one, change, last), True)
    for found in _unfit(db, min([first, *begins.values()]), last, account):
        known = earliest.get(found.account_id)
        if found.day >= begins.get(found.account_id, first) and (known is None or found.day < known.day):
            earliest[found.account_id] = found
    return list(earliest.values())


def _unfit(db: Database, first: date, last: date, account: str | None) -> Iterable[Refusal]:
    for lack in nav.missing(db, first, last, account):
        yield Refusal(lack.account_id, lack.day, Permanent(str(lack), "Load the statements of that day"), True)
    for one, day in marts.unverified_days(db, first, last, account):
        error = Permanent(f"{day} of account {masked(one)} is not verified", "Run it with `fntx run`")
        yield Refusal(one, day, error, True)
    for row in marts.verifications(db, first, last, account, kinds=BLOCKING_KINDS, failed_only=True):
        error = Permanent(
            f"{row.trading_day} of account {masked(row.account_id)} fails its verification: {row.equation}: "
            f"{row.left_side} {row.relation} {row.right_side} does not hold, difference {row.difference}",
            "Correct the statements or load what is missing, then run the day again; it was not signed",
        )
        yield Refusal(row.account_id, row.trading_day, error, True)


def _changed(account: str, change: changes.Change, last: date) -> Permanent:
    if change.refused:
        return Permanent(f"account {masked(account)} cannot be told from {change.since} on: {change.refused}")
    return Permanent(
        f"the statements of account {masked(account)} have changed since {change.since} was told",
        f"Tell them again with `fntx run --from {change.since} --to {last}`",
    )


def _told_days(db: Database, first: date, last: date, account: str | None) -> dict[str, list[date]]:
    days: dict[str, list[date]] = {}
    for row in marts.summary(db, first, last, account):
        days.setdefault(row["account_id"], []).append(row["trading_day"])
    return days


def _sign(db: Database, chain: Chain, account: str, days: list[date], secret: bytes, outcome: Signing) -> None:
    """One account's days, in order."""
    first, last = days[0], days[-1]
    before = {signed.trading_day: signed for signed in signatures.signed_days(db, first, last, account)}
    refusal, day = next(iter(refusals(db, first, last, account)), None), first
    try:
        for (_, day), values in day_values(db, first, last, account).items():
            scaled = CATALOGUE.scaled(values)
            if day in before:
                _keep(outcome, before[day], scaled)
            elif refusal is None or day < refusal.day:
                signed, is_new = _freeze(db, chain, account, day, scaled, secret)
                (outcome.new if is_new else outcome.kept).append(signed)
    except Permanent as error:
        refusal = refusal or Refusal(account, day, error)
    if refusal:
        outcome.refused.append(refusal)


def _freeze(
    db: Database, chain: Chain, account: str, day: date, scaled: dict[int, int | None], secret: bytes
) -> tuple[SignedDay, bool]:
    """The day's record, and whether it was written now: another process may have been first."""
    trader = _trader(db, chain, account, secret)
    context = Context(schema_hash_of(CATALOGUE.canonical()), chain.chain_id, chain.contract, trader, day)
    signed = SignedDay(
        account_id=account,
        trading_day=day,
        version=FIRST_VERSION,
        schema_hash=context.schema_hash,
        root=build_record(context, account, scaled, secret).root,
        chain_id=context.chain_id,
        contract=context.contract,
        trader=context.trader,
        secret_mark=keys.mark_of(secret),
        values={metric.name: scaled[metric.index] for metric in CATALOGUE.metrics},
    )
    return signed, signatures.freeze(db, signed)


def _trader(db: Database, chain: Chain, account_id: str, secret: bytes) -> str:
    """Whose address an account's days are bound to; Permanent where that would make a record that cannot be posted or
    proved: another key or secret than before, a key that another account uses, made-up days on a public chain."""
    if account_id == SAMPLE_ACCOUNT and not chain.is_embedded:
        raise Permanent("the sample account's days are made up and are not signed on a public chain", "Load your own")
    before = signatures.last_signed(db, account_id)
    if before is not None and before.secret_mark != keys.mark_of(secret):
        raise Permanent(
            "the salt secret is not the one that this account's days were signed with", "Restore keys/salt.secret"
        )
    trader = chain.trader(account_id).address
    if before is not None and before.chain_id == chain.chain_id and before.trader != trader:
        raise Permanent(
            f"account {masked(account_id)} has signed as {before.trader} so far, and the key in use is {trader}'s",
            "Restore the key from the backup",
        )
    if others := signatures.accounts_of_trader(db, trader) - {account_id}:
        raise Permanent(
            f"{trader} signs for account {masked(min(others))} already, and the contract keeps one record a day",
            f"Give account {masked(account_id)} a key of its own",
        )
    return trader


def _keep(outcome: Signing, signed: SignedDay, found: dict[int, int | None]) -> None:
    outcome.kept.append(signed)
    if differences := list(_differences(signed, found)):
        outcome.drifted.append((signed, differences))


def _parts(parts: dict[str, Decimal]) -> dict[str, Decimal]:
    """The parts of the difference that have a slot; the others share one, the broker's residual has its own."""
    named = {name: parts.get(name, Decimal(0)) for name in _SIGNED_PARTS}
    others = (amount for name, amount in parts.items() if name not in (*_SIGNED_PARTS, "broker_residual"))
    return named | {"other_parts": sum(others, Decimal(0))}


def _post_one(db: Database, chain: Chain, signed: SignedDay) -> PostedDay:
    signer = chain.trader(signed.account_id)
    here = (chain.chain_id, chain.contract, signer.address)
    if here != (signed.chain_id, signed.contract, signed.trader):
        raise Permanent(
            f"the record of {signed.trading_day} was made for trader {signed.trader} and contract {signed.contract} on "
            f"chain {signed.chain_id}, but the settings name trader {here[2]}, contract {here[1]}, chain {here[0]}",
            "Post it with the settings that it was signed with",
        )
    receipt = sender.post(
        chain,
        signer,
        signed.trading_day,
        signed.schema_hash,
        signed.root,
        on_signed=lambda sent: signatures.remember_attempt(db, signed, sent.tx_hash, sent.nonce, sent.raw),
    )
    posted = PostedDay(
        account_id=signed.account_id,
        trading_day=signed.trading_day,
        version=signed.version,
        **{name: getattr(receipt, name) for name in PostedDay._fields[3:]},
    )
    signatures.confirm(db, posted)
    return posted


def _signed(db: Database, account: str, day: date) -> SignedDay:
    found = signatures.signed_days(db, day, day, account)
    if not found:
        raise Permanent(f"{day} is not signed", "Sign it with `fntx signature generate --date` or `fntx run`")
    return found[0]


def _differences(signed: SignedDay, found: dict[int, int | None]) -> Iterable[Difference]:
    for metric in CATALOGUE.metrics:
        before, now = signed.values.get(metric.name), found[metric.index]
        if before != now:
            yield Difference(metric.name, unscale(metric, before), unscale(metric, now))


def _problems(
    chain: Chain, signed: SignedDay, record: Record, posted: PostedDay | None, tx_hash: str | None
) -> Iterable[str]:
    if record.root != signed.root:
        yield "the stored record does not lead to its own root: it, or the salt secret, was changed after signing"
    stored = chain.record_of(signed.trader, signed.trading_day)
    if stored is None:
        yield f"the contract {chain.contract} holds no record of trader {signed.trader} for {signed.trading_day}"
    elif not stored.holds(signed.schema_hash, signed.root):
        yield (
            f"the chain holds root 0x{stored.root.hex()} under schema 0x{stored.schema_hash.hex()}, "
            f"signed are 0x{signed.root.hex()} under 0x{signed.schema_hash.hex()}"
        )
    if tx_hash is None:
        return
    receipt = chain.receipt(tx_hash)
    if receipt is None:
        yield f"the chain has no transaction {tx_hash}"
    elif (receipt.trader, receipt.day) != (signed.trader, signed.trading_day):
        yield f"transaction {tx_hash} posted the day {receipt.day} of trader {receipt.trader}"
    elif receipt.root != signed.root:
        yield f"transaction {tx_hash} posted the root 0x{receipt.root.hex()}, the signed one is 0x{signed.root.hex()}"
    elif posted is not None and posted.tx_hash != tx_hash.lower():
        yield f"the stored receipt names transaction {posted.tx_hash}"
    elif posted is not None and posted.block_number != receipt.block_number:
        yield f"the stored receipt names block {posted.block_number}, the transaction is in {receipt.block_number}"
