"""Signing the anchors that wait, in the one process that holds the anchor key. It looks at the bytes itself: they are
the anchor of a checkpoint that verifies, under a standing approval that covers it, or they are not signed.

Each step is kept before the next begins, so that a process that is killed is continued by the next one.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.anchor import payload as anchored_bytes
from fntx_dagster.audit.checkpoint import Checkpoint
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.anchoring.intents import anchor_payload, anchor_source, signed_checkpoint
from fntx_dagster.services.anchoring.keystore import AnchorKeys
from fntx_dagster.services.anchoring.making import require_anchor_key
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.standing import BY, StandingUse, use_standing
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.ledgers import TreasuryLedger
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.transactions.settling import settle
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.services.treasury.signing import stellar_file, xrpl_file
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.proposals import proposal
from fntx_dagster.store.treasury.transactions import OPEN_STATES, LedgerTxRow, transaction_of, transactions

_EVERY = 1.0
"""Seconds between two questions what became of an anchor."""


class SignedAnchor(NamedTuple):
    """What became of an anchor: the state of its transaction, its hash, the standing approval and the number of its
    use. `problem`: why it was not signed or sent, with `code` for programs; a `problem` without a code may pass."""

    proposal_id: UUID
    ledger: str
    size: int
    state: str
    hash: str | None
    standing: UUID
    use: int | None
    problem: str = ""
    code: str = ""


def sign_anchors(
    settings: Settings, db: Database, keys: AnchorKeys, wait: timedelta = timedelta(), now: datetime | None = None
) -> list[SignedAnchor]:
    """Sign the anchors that wait for one of these keys under a standing approval, send them, and ask for at most `wait`
    what became of them. The rest of what goes on is continued: an anchor that was signed is sent, one that was sent is
    asked for. What a ledger or an approval refuses is in the answer. Raises Permanent where the configuration is
    another than the approved one."""
    with db.connect() as connection:
        config = approved_config(settings, connection)
        rows = [row for row in transactions(connection, OPEN_STATES) if row.standing_id is not None]
    signing = _Signing(settings, db, config, keys, now)
    answers: list[SignedAnchor] = []
    for name in keys.addresses:
        own = [row for row in rows if row.ledger == name]
        if own:
            answers += signing.on(name, own)
    ends = time.monotonic() + wait.total_seconds()
    answers = [_asked(settings, db, each) for each in answers]
    while any(each.state == "submitted" for each in answers) and time.monotonic() < ends:
        time.sleep(_EVERY)
        answers = [_asked(settings, db, each) for each in answers]
    return answers


class _Signing(NamedTuple):
    """What every anchor of a call is signed with: the approved configuration, the keys, the time (aware, or now)."""

    settings: Settings
    db: Database
    config: TreasuryConfig
    keys: AnchorKeys
    now: datetime | None

    def on(self, name: str, rows: list[LedgerTxRow]) -> list[SignedAnchor]:
        """The anchors of one ledger, each as far as it comes."""
        answers: list[SignedAnchor] = []
        try:
            with opened(self.settings, self.config, name) as ledger:
                for row in rows:
                    answers.append(self._carried(ledger, row))
        except FntxError as error:
            answers += [_answer(self.db, row, None, error) for row in rows[len(answers) :]]
        return answers

    def _carried(self, ledger: TreasuryLedger, row: LedgerTxRow) -> SignedAnchor:
        use = None
        try:
            if row.state == "pending_signature" and settle(self.settings, self.db, ledger, row).state == row.state:
                use = self._signed(ledger, row)
            if _now(self.db, row).state == "ready_to_submit":
                submit(self.settings, self.db, row.proposal_id, BY)
        except FntxError as error:
            return _answer(self.db, row, use, error)
        return _answer(self.db, row, use)

    def _signed(self, ledger: TreasuryLedger, row: LedgerTxRow) -> int:
        """Sign an anchor and keep its signature; the number of its use, which is counted before."""
        address = self.keys.addresses[row.ledger]
        if [*row.signers] != [address]:
            raise TransactionRefused(
                "other_key", f"the anchor waits for the key {next(iter(row.signers))}, and the file holds {address}"
            )
        require_anchor_key(ledger, self.config, anchor_source(self.config, row.ledger), address)
        checkpoint, payload, fee = _verified(self.settings, self.db, self.config, row)
        assert row.standing_id  # only those are asked for
        use = StandingUse(row.proposal_id, payload, fee, address)
        number = use_standing(self.settings, self.db, row.standing_id, use, self.now)
        part = _part(self.keys, row, anchored_bytes(checkpoint))
        try:
            import_part(self.settings, self.db, json.dumps(part).encode())
        except (TransactionRefused, Permanent):
            if _now(self.db, row).state == "pending_signature":  # or another process signed it meanwhile
                raise
        return number


def _verified(
    settings: Settings, db: Database, config: TreasuryConfig, row: LedgerTxRow
) -> tuple[Checkpoint, dict[str, Any], int]:
    """The checkpoint that the bytes of a transaction anchor, the payload that this makes, and the fee that they name.
    TransactionRefused where they are anything else than that anchor."""
    source = anchor_source(config, row.ledger)
    with db.connect() as connection:
        proposed = proposal(connection, row.proposal_id)
        assert proposed  # the table says so
        named = payload_of(proposed)
        checkpoint = signed_checkpoint(settings, connection, named["intent"]["params"].get("size"))
    payload = anchor_payload(source, checkpoint)
    if row.ledger == "xrpl":
        file = xrpl_file(config.network_id, row.unsigned, [], payload, "")
        end = file["last_ledger_sequence"]
    else:
        file = stellar_file(config.passphrase, row.unsigned, [], payload)
        end = (file["time_bounds"] or {}).get("max")
    if named != payload or end != row.ends_at or int(file["fee"]) != int(row.fee):
        raise TransactionRefused("other_intent", "the bytes are not the anchor that was prepared: nothing is signed")
    return checkpoint, payload, int(file["fee"])


def _part(keys: AnchorKeys, row: LedgerTxRow, content: bytes) -> dict[str, str]:
    if row.ledger == "xrpl":
        assert keys.xrpl  # its address was compared
        return keys.xrpl.sign(row.unsigned, content)
    assert keys.stellar
    return keys.stellar.sign(row.unsigned, row.network, content)


def _asked(settings: Settings, db: Database, known: SignedAnchor) -> SignedAnchor:
    """The same as its ledger knows it now."""
    if known.state != "submitted":
        return known
    [settled] = confirm(settings, db, known.proposal_id)
    return known._replace(state=settled.state, hash=settled.hash, problem=_why(settled.state, settled.words))


def _why(state: str, words: str) -> str:
    return "" if state == "confirmed" else words


def _now(db: Database, row: LedgerTxRow) -> LedgerTxRow:
    with db.connect() as connection:
        found = transaction_of(connection, row.proposal_id)
    assert found  # transactions are never deleted
    return found


def _answer(db: Database, row: LedgerTxRow, use: int | None, error: FntxError | None = None) -> SignedAnchor:
    with db.connect() as connection:
        found, proposed = transaction_of(connection, row.proposal_id), proposal(connection, row.proposal_id)
    assert found
    assert proposed
    assert found.standing_id
    size = payload_of(proposed)["intent"]["params"]["size"]
    code = "" if error is None or not isinstance(error, Permanent) else getattr(error, "code", "refused")
    problem = error.message if error else _why(found.state, found.outcome)
    return SignedAnchor(
        row.proposal_id, row.ledger, size, found.state, found.hash, found.standing_id, use, problem, code
    )
