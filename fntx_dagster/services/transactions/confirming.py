"""Confirming: each transaction that is open is asked for at its ledger, and the same bytes are sent again where they
may have been lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from fntx_dagster.errors import FntxError
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.transactions.ledgers import TreasuryLedger
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.transactions.settling import Settled, fail_for_good, settle
from fntx_dagster.services.transactions.submitting import send
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import platform_state
from fntx_dagster.store.treasury.proposals import kind_of_proposal
from fntx_dagster.store.treasury.transactions import OPEN_STATES, LedgerTxRow, transaction_of, transactions

SEND_AGAIN = timedelta(seconds=10)
"""A few ledgers."""


def confirm(
    settings: Settings, db: Database, proposal_id: UUID | None = None, *, send_again: timedelta = SEND_AGAIN
) -> list[Settled]:
    """What became of a proposal's transaction, or of all that are open; nothing is known of those whose server does not
    answer. While the treasury is paused, ledgers are asked and nothing is sent. Raises Permanent where there is no such
    transaction."""
    with db.connect() as connection:
        if proposal_id is None:
            rows = transactions(connection, OPEN_STATES)
        else:
            row = transaction_of(connection, proposal_id)
            if row is None:
                raise StepImpossible("the proposal has no transaction", "`fntx treasury queue` lists what is open")
            rows = [row]
    settled = [_as_it_is(row) for row in rows if row.state not in OPEN_STATES]
    if len(settled) == len(rows):
        return settled
    config = configured(settings)
    for name in ("xrpl", "stellar"):
        asked = [row for row in rows if row.ledger == name and row.state in OPEN_STATES]
        settled += _on(settings, db, config, name, asked, send_again) if asked else []
    return settled


def _on(
    settings: Settings,
    db: Database,
    config: TreasuryConfig,
    name: str,
    rows: list[LedgerTxRow],
    send_again: timedelta,
) -> list[Settled]:
    settled: list[Settled] = []
    try:
        with opened(settings, config, name) as ledger:
            for row in rows:
                try:
                    settled.append(_asked(settings, db, ledger, row, send_again))
                except FntxError as error:
                    settled.append(_as_it_is(row, error.message))
    except FntxError as error:
        settled += [_as_it_is(row, error.message) for row in rows[len(settled) :]]
    return settled


def _asked(
    settings: Settings, db: Database, ledger: TreasuryLedger, row: LedgerTxRow, send_again: timedelta
) -> Settled:
    found = settle(settings, db, ledger, row)
    is_due = row.sent_at is None or row.sent_at + send_again <= datetime.now(UTC)
    if found.state != "submitted" or not is_due or _is_stopped(db, row):
        return found
    row, answer = send(db, ledger, row.proposal_id)
    if answer is not None and answer.never:
        return fail_for_good(settings, db, ledger, row, answer.words)
    return found._replace(words=f"{found.words}; sent again, and the answer was {answer.words}") if answer else found


def _is_stopped(db: Database, row: LedgerTxRow) -> bool:
    with db.connect() as connection:
        state, kind = platform_state(connection), kind_of_proposal(connection, row.proposal_id)
    return state is None or (state.state != "running" and (kind is None or KINDS[kind].stops))


def _as_it_is(row: LedgerTxRow, words: str | None = None) -> Settled:
    return Settled(row.proposal_id, row.state, row.outcome if words is None else words, row.outcome_ledger, row.hash)
