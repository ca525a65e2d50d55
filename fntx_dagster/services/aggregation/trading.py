"""A trader's part of a pool: taking part, submitting a signed day, leaving.

A submission is made of the signed record and the salt secret, once; it waits in the journal and leaves through the
outbox as a record does. Values and randomness are in no row, log or error.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.pool_calls import SUBMIT, call_pool, pool_transport
from fntx_dagster.adapters.evm.pool_reading import EVICTED
from fntx_dagster.aggregate.commitments import Commitments
from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.transcript import context_of, epoch_of
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, digest_value
from fntx_dagster.outbox.sender import OnProgress, send
from fntx_dagster.services.aggregation.pool import PoolView, pool_of
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.signatures.commitments import aggregation_of, figures_of
from fntx_dagster.services.signatures.freezing import rebuilt
from fntx_dagster.services.signatures.posting import policy_of
from fntx_dagster.services.signatures.values import catalogue_of
from fntx_dagster.store.outbox import signatures
from fntx_dagster.store.outbox.actions import ActionJournal, actions

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer
    from fntx_dagster.model.chain import SignedDay
    from fntx_dagster.model.pools import PoolParticipant, WaitingAction
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

ALONE = (
    "whoever leaves, joins or misses a day alone shows their AUM, to a few percent: the totals of two days differ by it"
)
"""What everybody should know who leaves a pool, or misses a day."""


class SubmittedDay(NamedTuple):
    """A day's submission on its way, or on the chain, and what the trader should know beside it."""

    action: WaitingAction
    warnings: list[str]


def register(settings: Settings, account: str, old_date: date | None = None) -> PoolParticipant:
    """Take part in the pool of the settings with an account's key, and pay its bond, once; with those of the next month
    where too few began in the account's own.

    `old_date`: a day whose record the trader posted long ago, where the pool asks for one. Permanent where the pool
    refuses, or the ether does not pay for it; Transient where the node does not answer.
    """
    with connect(settings) as chain:
        pool, signer = pool_of(settings, chain), chain.trader(account)
        rules = pool.terms.rules
        if rules.min_age and old_date is None:
            raise Permanent(
                f"the pool asks for a record that was posted {rules.min_age // 86_400} days ago or earlier",
                "Name its day: `fntx aggregate register --old-date DAY`",
            )
        with chain.turn_of(signer.address):
            standing = pool.book.participant(signer.address)
            if not standing.is_registered:
                data = pool.book.data("register", 0 if old_date is None else epoch_of(old_date))
                call_pool(pool.book, chain, signer, data, value=rules.bond)
            elif _is_too_few(pool, standing) and standing.active_from <= epoch_of(pool.book.today()):
                call_pool(pool.book, chain, signer, pool.book.data("rejoin"))
        return pool.book.participant(signer.address)


def bond_of(settings: Settings, account: str) -> tuple[int, str]:
    """What `register` pays, in wei, and the pool that holds it: 0 where the account takes part already."""
    with connect(settings) as chain:
        pool = pool_of(settings, chain)
        standing = pool.book.participant(chain.trader(account).address)
        return 0 if standing.is_registered else pool.terms.rules.bond, pool.book.contract


def leave(settings: Settings, account: str) -> PoolParticipant:
    """Take part no more, and get the bond back. Permanent while the pool holds the bond: until the last day that the
    trader submitted is frozen."""
    with connect(settings) as chain:
        pool, signer = pool_of(settings, chain), chain.trader(account)
        with chain.turn_of(signer.address):
            if pool.book.participant(signer.address).is_registered:
                call_pool(pool.book, chain, signer, pool.book.data("leave"))
        return pool.book.participant(signer.address)


def submit(
    settings: Settings, db: Database, account: str, day: date, on_progress: OnProgress = lambda text: None
) -> SubmittedDay:
    """Submit a signed day to the pool of the settings; what was submitted is not submitted again.

    Permanent where the day cannot be submitted, and why; Transient where its receipt is not final yet, or the chain
    does not answer or has not taken it in time: nothing is lost then, and a later call goes on.
    """
    with connect(settings) as chain:
        pool, signer = pool_of(settings, chain), chain.trader(account)
        journal = ActionJournal(db, account, chain.chain_id, pool.book.contract, signer.address)
        held = pool.book.digest(day, signer.address)
        if held == EVICTED:
            raise Permanent(f"the submission of {day} was evicted: its proof did not hold", "The day is lost")
        before = _submissions(db, pool, signer.address, day)
        with journal.turn():
            if held == bytes(32) and not any(each.state != "failed" for each in before):
                data = _call(settings, db, pool, signer.address, account, day)
                journal.queue(SUBMIT, day, signer.address.lower(), data)
            send_actions(settings, chain, pool, signer, journal, on_progress)
        ours = _submissions(db, pool, signer.address, day)
        if not ours:
            raise Permanent(f"{day} was submitted from another home", "The chain holds it; there is nothing to do")
        return SubmittedDay(ours[-1], _warnings(pool, signer.address, day))


def send_actions(
    settings: Settings,
    chain: Chain,
    pool: PoolView,
    signer: Signer,
    journal: ActionJournal,
    on_progress: OnProgress,
) -> None:
    """Send what waits of one key."""
    limits = settings.posting
    transport = pool_transport(
        pool.book, chain, signer, limits.fee_cap, settings.chain.confirmations, limits.modest_tip
    )
    send(transport, journal, policy_of(settings), on_progress)


def _submissions(db: Database, pool: PoolView, trader: str, day: date) -> list[WaitingAction]:
    """The rows of a trader's submission of a day, oldest first."""
    rows = actions(db, pool.book.chain.chain_id, pool.book.contract, day)
    return [row for row in rows if (row.kind, row.sender) == (SUBMIT, trader)]


def _call(settings: Settings, db: Database, pool: PoolView, trader: str, account: str, day: date) -> bytes:
    """The call that submits a day."""
    key = pool.checked_key()
    _check_taking_part(pool, trader, day)
    with db.snapshot() as snapshot:
        signed = signatures.signed_version(snapshot, account, day)
        posted = None if signed is None else signatures.receipt_of(snapshot, signed)
    if signed is None:
        raise Permanent(f"{day} is not signed", f"`fntx signature generate --date {day}` signs it")
    if (signed.chain_id, signed.contract, signed.trader) != (pool.book.chain.chain_id, pool.terms.records, trader):
        raise Permanent(f"{day} was signed for another chain, contract or trader", "Submit it where it was posted")
    if posted is None or not posted.is_final:
        raise Transient(f"the record of {day} has no final receipt yet", "`fntx run` or `fntx chain status` shows more")
    commitments = _commitments(settings, signed)
    rules = pool.terms.rules
    if (commitments.currency, commitments.scale) != (rules.currency, rules.scale):
        raise Permanent(f"the pool is for {rules.currency}, the account's base currency is {commitments.currency}")
    record, slot = rebuilt(signed, keys.key_ring(settings)), catalogue_of(signed).by_name[AGGREGATION_COMMITMENTS].index
    if record.root != signed.root:
        raise Permanent(f"{day}: the record was changed after signing", "Restore the database from the backup")
    context = context_of(pool.address, trader, epoch_of(day))
    submission = prove(key, context, commitments.values, commitments.blindings)
    return pool.book.data("submit", epoch_of(day), record.salts[slot], list(record.proof(slot)), submission)


def _commitments(settings: Settings, signed: SignedDay) -> Commitments:
    """What the day's slot commits to, from the secret; Permanent where it has none, or another secret signed it."""
    day, held = signed.trading_day, signed.values.get(AGGREGATION_COMMITMENTS)
    if held is None:
        raise Permanent(
            f"{day} cannot be submitted: it was signed without commitments, or a figure of it is missing, negative or "
            "beyond what a pool takes",
            "`fntx signature amend --extend` signs an old day with them",
        )
    figures = figures_of(signed)
    secret = keys.known_secret(keys.key_ring(settings), signed.secret_mark)
    made = None if figures is None else aggregation_of(secret, figures)
    if made is None or digest_value(made.digest) != held:
        raise Permanent(f"{day}: the stored record does not lead to what was signed", "Restore it from the backup")
    return made


def _check_taking_part(pool: PoolView, trader: str, day: date) -> None:
    standing, rules = pool.book.participant(trader), pool.terms.rules
    if not standing.is_registered:
        raise Permanent(f"{trader} does not take part in the pool", "`fntx aggregate register` does that once")
    if epoch_of(day) < standing.active_from:
        raise Permanent(
            f"{trader} takes part from {date.fromisoformat(f'{standing.active_from}')} on",
            "Days from then on can be submitted, none before",
        )
    if _is_too_few(pool, standing):
        raise Permanent(
            f"fewer than {rules.min_cohort} joined with {trader}: together they would be seen too well",
            "`fntx aggregate register` joins those of the next month, without another bond",
        )


def _is_too_few(pool: PoolView, standing: PoolParticipant) -> bool:
    """Whether fewer began with a trader than the pool asks for."""
    least = pool.terms.rules.min_cohort
    return least > 0 and pool.book.cohort(standing.active_from) < least


def _warnings(pool: PoolView, trader: str, day: date) -> list[str]:
    """What a missed day shows."""
    opened = pool.book.latest_opened()
    if opened is None or opened >= day or pool.book.digest(opened, trader) != bytes(32):
        return []
    return [f"the last opened day, {opened}, is without you: {ALONE}"]
