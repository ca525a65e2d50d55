"""The anchors of the audit log on the XRP Ledger and on Stellar: proposals of their own kind, and their
transactions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection

_ENDED = ("rejected", "expired", "cancelled", "failed")


class LedgerAnchorRow(NamedTuple):
    """An anchor: the size of its checkpoint, the state of its proposal, and of its transaction, where there is one, the
    state, the hash and the standing approval. Times are aware."""

    proposal_id: UUID
    ledger: str
    size: int
    state: str
    created_at: datetime
    expires_at: datetime
    tx_state: str | None
    hash: str | None
    standing_id: UUID | None
    ledger_index: int | None

    def is_live(self, now: datetime) -> bool:
        """Whether its ledger holds it, or may come to hold it."""
        has_lapsed = self.state in ("pending_approval", "approved") and self.expires_at <= now
        return self.state not in _ENDED and not has_lapsed

    def is_open(self, now: datetime) -> bool:
        """Whether it is on its way."""
        return self.is_live(now) and self.state != "confirmed"


def ledger_anchors(connection: Connection, ledger: str, network: str, account: str) -> list[LedgerAnchorRow]:
    """The anchors from an account, in the order in which they were made. `network`: the network id in digits, or the
    passphrase."""
    with connection.cursor(row_factory=args_row(LedgerAnchorRow)) as cursor:
        return cursor.execute(
            """select own.proposal_id, %(ledger)s, (payload::jsonb #>> '{intent,params,size}')::bigint, own.state,
                own.created_at, own.expires_at, tx.state, tx.hash, tx.standing_id, tx.outcome_ledger
            from treasury.proposal as own left join treasury.ledger_tx as tx using (proposal_id)
            where own.kind = 'audit.anchor' and payload::jsonb ->> 'ledger' = %(ledger)s
                and payload::jsonb ->> 'network_id' = %(network)s
                and payload::jsonb #>> '{intent,account}' = %(account)s
            order by own.nonce""",
            {"ledger": ledger, "network": network, "account": account},
        ).fetchall()


def lock_ledger_anchors(connection: Connection, ledger: str, account: str) -> None:
    """Let nobody else decide on an anchor from an account before the transaction ends."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('fntx ledger anchor ' || %s || ' ' || %s, 0))", [ledger, account]
    )


def anchoring_ids(connection: Connection) -> set[str]:
    """The ids of the proposals and of the transactions that anchor."""
    rows = connection.execute(
        """select own.proposal_id::text, tx.tx_id::text
        from treasury.proposal as own left join treasury.ledger_tx as tx using (proposal_id)
        where own.kind = 'audit.anchor'"""
    )
    return {each for row in rows for each in row if each is not None}
