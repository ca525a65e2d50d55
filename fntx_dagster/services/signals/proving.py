"""A participant's proof of his share, and its check, which needs nothing but the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.services.orders.asking import not_found
from fntx_dagster.services.orders.fields import Declined, read_object
from fntx_dagster.services.signals.trading import user_of
from fntx_dagster.signals.amounts import exact
from fntx_dagster.signals.proving import FORMAT, ShareFault, faults_of_proof, proof_of
from fntx_dagster.signals.sharing import texts
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger import reading as ledger
from fntx_dagster.store.signals import executions, strategies


class CheckedShare(NamedTuple):
    """What a proof says of a share, what does not hold in it, and which entries of the ledger it rests on."""

    signal: Mapping[str, Any]
    share: Mapping[str, Any]
    wish: Mapping[str, Any]
    totals: Mapping[str, Any]
    entries: tuple[tuple[int, str], tuple[int, str]]
    faults: list[ShareFault]

    @property
    def exit_code(self) -> int:
        return Permanent.exit_code if self.faults else 0


NOT_CHECKED = (
    "that the two entries are in the strategy's ledger: compare their numbers and hashes with its audit trail",
    "that the totals are those of all participants: the others' leaves are hidden, as yours is from them",
)
"""What the file by itself cannot say."""


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


def is_meant_as_a_share(content: bytes) -> bool:
    """Whether a file is a proof of a share, be it changed."""
    return FORMAT.partition("/")[0].encode() in content


def check_share(content: bytes) -> CheckedShare:
    """Check a proof of a share. Raises Permanent for what is none."""
    try:
        proof = read_object(content, numbers=int)
        faults = faults_of_proof(proof)
    except (ValueError, Declined, RecursionError) as error:
        raise Permanent(f"not a proof of a share: {error}", "`fntx signals prove` writes one") from None
    rule, shares = proof["rule_entry"], proof["shares_entry"]
    names = ("signal_type", "symbol", "currency", "rule", "lot_size", "participants", "requested_qty")
    totals = {name: rule[name] for name in names}
    totals |= {name: shares[name] for name in ("qty", "entry_money", "closed_qty", "exit_money", "total_pnl")}
    entries = ((rule["entry_no"], rule["hash"]), (shares["entry_no"], shares["hash"]))
    return CheckedShare(rule["signal"], proof["share"]["leaf"], proof["wish"]["leaf"], totals, entries, faults)


def written_proof(proof: Mapping[str, Any]) -> str:
    """A proof as a file."""
    return json.dumps(proof, ensure_ascii=False, indent=1) + "\n"
