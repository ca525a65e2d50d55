"""A rotation on the ledgers: when its notice is over, every account of ours gets the new signers, and the present ones
sign that. Its transactions are prepared together, and none is sent before all are signed; then the new set decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import TreasuryConfig, read_config
from fntx_dagster.services.account_setup.carrying_out import (
    LIVE,
    CoveredTx,
    ensure_covered,
    export_all,
    listed,
    send_all,
)
from fntx_dagster.services.account_setup.naming import named_keys
from fntx_dagster.services.governance.configuration import approved_config, document_of
from fntx_dagster.services.governance.rotation import activate_rotation
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.signer_sets import SignerSetRow, signer_sets

_UNSIGNED = ("approved", "prepared", "signing")


class RotatedAccount(NamedTuple):
    """An account of ours; `done`: its ledger has the new signers."""

    ledger: str
    role: str
    account: str
    done: bool


class RotationReport(NamedTuple):
    """Where a rotation stands. `version`: of the set that waits, or decides now; `begins_at`: when its notice is over;
    `next`: prepare, sign, wait or nothing, which is the end: the new set decides."""

    version: int
    begins_at: datetime
    accounts: list[RotatedAccount]
    transactions: list[CoveredTx]
    files: list[Path]
    next: str

    @property
    def is_done(self) -> bool:
        return self.next == "nothing"


def look_at_rotation(settings: Settings, db: Database, now: datetime | None = None) -> RotationReport:
    """Where the rotation that waits stands; nothing is changed. Raises Permanent where none waits."""
    pending, config = _pending(settings, db)
    accounts, _ = _left(settings, db, config, pending)
    following = "prepare" if _has_begun(pending, now) else "wait"
    return _report(db, pending, accounts, [], following)


def carry_out_rotation(
    settings: Settings, db: Database, folder: Path, wait: float = 60, now: datetime | None = None
) -> RotationReport:
    """Go on with the rotation as far as it goes now. Raises Permanent where none waits and before its notice is over,
    and what `prepare` and `submit` raise."""
    pending, config = _pending(settings, db)
    if not _has_begun(pending, now):
        raise Permanent(
            f"the rotation takes effect from {pending.effective_from:%Y-%m-%d %H:%M} UTC on", "Wait for its notice"
        )
    whole = pending.proposal_id
    assert whole  # only the first set has none, and it is never pending
    accounts, left = _left(settings, db, config, pending)
    if left:
        ensure_covered(settings, db, whole, left)
        files = export_all(settings, db, whole, folder)
        if any(each.state in _UNSIGNED for each in listed(db, [whole])):
            return _report(db, pending, accounts, files, "sign")
        send_all(settings, db, whole, wait)
        accounts, left = _left(settings, db, config, pending)
    if left:
        return _report(db, pending, accounts, [], "wait")
    activate_rotation(settings, db, [each.account for each in accounts], now)
    return _report(db, pending, accounts, [], "nothing")


def rotation_is_sent(db: Database, now: datetime) -> bool:
    """Whether a rotation waits whose notice is over at `now` (aware), and whose transactions are at their end, one of
    them confirmed: the accounts may have the new signers."""
    with db.connect() as connection:
        rows = signer_sets(connection, "pending")
    if not rows or rows[0].proposal_id is None or not _has_begun(rows[0], now):
        return False
    states = {each.state for each in listed(db, [rows[0].proposal_id])}
    return "confirmed" in states and states.isdisjoint(LIVE)


def finish_rotation(settings: Settings, db: Database, now: datetime) -> int | None:
    """Let the new set decide once every account has its signers, and return its version; None where nothing waits that
    could be finished, or an account has the old signers still. Raises what `activate_rotation` raises, and Transient
    where a server does not answer."""
    if not rotation_is_sent(db, now):
        return None
    pending, config = _pending(settings, db)
    accounts, left = _left(settings, db, config, pending)
    return None if left else activate_rotation(settings, db, [each.account for each in accounts], now)


def _pending(settings: Settings, db: Database) -> tuple[SignerSetRow, TreasuryConfig]:
    """The set that waits, and the configuration until then."""
    with db.connect() as connection:
        rows = signer_sets(connection, "pending")
        if not rows:
            raise Permanent("no rotation waits", "`fntx treasury rotate` proposes one")
        return rows[0], approved_config(settings, connection)


def _has_begun(pending: SignerSetRow, now: datetime | None) -> bool:
    return (now or datetime.now(UTC)) >= pending.effective_from


def _left(
    settings: Settings, db: Database, config: TreasuryConfig, pending: SignerSetRow
) -> tuple[list[RotatedAccount], list[dict[str, Any]]]:
    """Every account, and what those that have the old signers lack."""
    new = read_config(document_of(pending.config.encode()))
    accounts: list[RotatedAccount] = []
    left: list[dict[str, Any]] = []
    with db.connect() as connection:
        named = named_keys(connection)
    for ledger, known in _accounts(config):
        with opened(settings, config, ledger) as server:
            for role, address in known.items():
                payloads = server.signers_plan(new, address, named.get(address, ()))
                left += payloads
                accounts.append(RotatedAccount(ledger, role, address, not payloads))
    return accounts, left


def _accounts(config: TreasuryConfig) -> Iterator[tuple[str, dict[str, str]]]:
    yield "xrpl", dict(config.xrpl_accounts)
    yield "stellar", dict(config.stellar_accounts)


def _report(
    db: Database, pending: SignerSetRow, accounts: list[RotatedAccount], files: list[Path], following: str
) -> RotationReport:
    transactions = listed(db, [pending.proposal_id]) if pending.proposal_id else []
    return RotationReport(pending.version, pending.effective_from, accounts, transactions, files, following)
