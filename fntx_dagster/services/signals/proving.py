"""A participant's proof of his share, from the database; `checking_shares` checks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fntx_dagster.services.orders.asking import not_found
from fntx_dagster.services.signals.trading import user_of
from fntx_dagster.signals.amounts import exact
from fntx_dagster.signals.proving import proof_of
from fntx_dagster.signals.sharing import texts
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger import reading as ledger
from fntx_dagster.store.signals import executions, strategies


def prove(db: Database, signal_execution_id: int, user_id: str) -> dict[str, Any]:
    """The proof of a participant's share as it is now. Raises Declined (404) where he has no part in it."""
    with db.snapshot() as snapshot:
        found = executions.execution_of_id(snapshot, signal_execution_id)
        if found is None:
            raise not_found("execution_not_found", "signal_execution_id", "no such execution")
        lot = exact(strategies.instrument_of(snapshot, found.instrument_id).lot_size)
        with snapshot.connect() as connection:
            shares = executions.shares(connection, signal_execution_id, lot)
        book_id = books.book_of(snapshot, user_of(found.strategy_code), found.is_paper)
        if found.rule_entry is None or found.shares_entry is None or book_id is None:
            raise not_found("no_proof", "signal_execution_id", "it came from older records, and no rule was stated")
        numbers = (found.rule_entry, found.shares_entry)
        rule, stated = (ledger.entries(snapshot, book_id, number + 1, 1)[0] for number in numbers)
    try:
        return proof_of([texts(share, lot) for share in shares], user_id, found.salt, rule, stated)
    except KeyError:
        raise not_found("no_allocation", "user_id", "the participant has no part in this execution") from None


def written_proof(proof: Mapping[str, Any]) -> str:
    """A proof as a file."""
    return json.dumps(proof, ensure_ascii=False, indent=1) + "\n"
