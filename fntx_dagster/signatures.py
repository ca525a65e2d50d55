"""The signed day, from the tables to the chain and back: what the assets and the terminal both call.

Joins the rooms and holds no rule of its own: the figures come from `store`, their encoding from `metrics`, leaves and
tree from `proof`, transactions from `chain`. A day that failed a blocking verification is not signed, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.chain import keys, sender
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.metrics.catalogue import CATALOGUE, letters, unscale
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import Record, build_record, verify
from fntx_dagster.samples import SAMPLE_ACCOUNT
from fntx_dagster.store import changes, marts, signatures
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


class Signing(NamedTuple):
    """What signing a range did. `drifted`: days that were signed before and whose figures have changed since."""

    new: list[SignedDay]
    kept: list[SignedDay]
    drifted: list[tuple[SignedDay, list[Difference]]]

    @property
    def warnings(self) -> list[str]:
        """Each drifted day in words, with its account masked."""
        return [
            f"{signed.trading_day} {masked(signed.account_id)} stays as it was signed, but its figures have changed "
            f"since: {', '.join(difference.metric for difference in differences)}"
            for signed, differences in self.drifted
        ]


class Posting(NamedTuple):
    """What posting a range did: the receipts that are new, and those that were there already."""

    new: list[PostedDay]
    kept: list[PostedDay]


class Verdict(NamedTuple):
    """The outcome of verifying a day: every way in which the tables, the frozen record and the chain disagree."""

    day: SignedDay
    posted: PostedDay | None
    differences: list[Difference]
    problems: list[str]

    @property
    def holds(self) -> bool:
        return not self.differences and not self.problems


def sign(db: Database, chain: Chain, key_folder: Path, first: date, last: date, account: str | None = None) -> Signing:
    """Freeze the record of every session of the range that has none yet, oldest first.

    Permanent, and nothing signed, when a day of the range failed a blocking verification, stands on statements that
    have changed, or would be bound to another key or secret than the account's days before it.
    """
    refuse_unverified(db, first, last, account)
    secret = keys.salt_secret(key_folder)
    frozen = {
        (signed.account_id, signed.trading_day): signed for signed in signatures.signed_days(db, first, last, account)
    }
    schema_hash, traders = schema_hash_of(CATALOGUE.canonical()), {}
    outcome = Signing([], [], [])
    for (account_id, day), values in day_values(db, first, last, account).items():
        scaled = CATALOGUE.scaled(values)
        if (account_id, day) in frozen:
            _keep(outcome, frozen[account_id, day], scaled)
            continue
        if account_id not in traders:
            traders[account_id] = _trader(db, chain, account_id, secret)
        context = Context(schema_hash, chain.chain_id, chain.contract, traders[account_id], day)
        record = build_record(context, account_id, scaled, secret)
        signed = SignedDay(
            account_id=account_id,
            trading_day=day,
            version=FIRST_VERSION,
            schema_hash=context.schema_hash,
            root=record.root,
            chain_id=context.chain_id,
            contract=context.contract,
            trader=context.trader,
            secret_mark=keys.mark_of(secret),
            values={metric.name: scaled[metric.index] for metric in CATALOGUE.metrics},
        )
        (outcome.new if signatures.freeze(db, signed) else outcome.kept).append(signed)
    return outcome


def post(db: Database, chain: Chain, first: date, last: date, account: str | None = None) -> Posting:
    """Post every signed day of the range that the chain does not hold, oldest first, and store what is read back.

    A stored receipt is not believed: the contract is asked. A record that vanished is posted again, with the same root.
    """
    posted = {
        (receipt.account_id, receipt.trading_day, receipt.version): receipt
        for receipt in signatures.posted_days(db, first, last, account)
    }
    outcome = Posting([], [])
    for signed in signatures.signed_days(db, first, last, account):
        receipt = posted.get((signed.account_id, signed.trading_day, signed.version))
        stored = chain.record_of(signed.trader, signed.trading_day) if receipt else None
        if stored is not None and stored.holds(signed.schema_hash, signed.root):
            outcome.kept.append(receipt)
        else:
            outcome.new.append(_post_one(db, chain, signed))
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


def refuse_unverified(db: Database, first: date, last: date, account: str | None = None) -> None:
    """Permanent when an equation that blocks does not hold on a day of the range, a day lacks its verification, or
    the statements that it stands on have changed since it was told."""
    for one, since in changes.changed_since(db, account).items():
        if since <= last:
            raise Permanent(
                f"the statements of account {masked(one)} have changed since {since} was told",
                f"Tell them again with `fntx run --from {since} --to {last}`",
            )
    if unseen := marts.unverified_days(db, first, last, account):
        raise Permanent(f"{unseen[0][1]} of account {masked(unseen[0][0])} is not verified", "Run it with `fntx run`")
    failed = marts.verifications(db, first, last, account, kinds=BLOCKING_KINDS, failed_only=True)
    if failed:
        worst = failed[0]
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise Permanent(
            f"{worst.trading_day} of account {masked(worst.account_id)} fails its verification: {worst.equation}: "
            f"{worst.left_side} {worst.relation} {worst.right_side} does not hold, difference {worst.difference}{more}",
            "Correct the statements or load what is missing, then run the day again; nothing of the range was signed",
        )


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
