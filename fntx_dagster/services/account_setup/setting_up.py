"""Setting up accounts: what each lacks is proposed as a whole, and once it is approved its transactions are carried
out, signed by whoever holds the account's own key. Every look begins at the ledger: it can be broken off anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.services.account_setup.carrying_out import (
    LIVE,
    SETUP,
    CoveredTx,
    ensure_covered,
    export_all,
    listed,
    send_all,
)
from fntx_dagster.services.account_setup.naming import named_keys
from fntx_dagster.services.account_setup.plans import AccountPlan
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.proposals import ProposalRow, covered, proposals


class SetupReport(NamedTuple):
    """Where the accounts stand. `next`: propose, decide, sign, wait or nothing; `proposal`: the one that asks for what
    is left, or that covers its transactions; `files`: those that were written now."""

    ledger: str
    accounts: list[AccountPlan]
    proposal: UUID | None
    transactions: list[CoveredTx]
    files: list[Path]
    next: str

    @property
    def is_done(self) -> bool:
        return all(plan.is_done for plan in self.accounts)


def look(settings: Settings, db: Database, ledger: str, role: str | None = None) -> SetupReport:
    """Where the accounts of a ledger stand, or the one of a role; nothing is changed."""
    plans = _planned(settings, db, ledger, role)
    return _report(db, ledger, plans, _asking(db, _left(plans)), [])


def set_up(
    settings: Settings, db: Database, ledger: str, role: str | None, folder: Path, wait: float = 60
) -> SetupReport:
    """Go on with the set-up as far as it goes now: propose what is left, write files to sign into a folder, send what
    is signed. Ledgers are waited for so many seconds. Raises Permanent where an account cannot be what the
    configuration says, and what `prepare` and `submit` raise."""
    plans, asking = _asked(settings, db, ledger, role)
    if asking is None or asking.state != "approved":
        return _report(db, ledger, plans, asking, [])
    ensure_covered(settings, db, asking.proposal_id, _left(plans))
    send_all(settings, db, asking.proposal_id, wait)
    plans, still = _asked(settings, db, ledger, role)  # an account can have changed in that time
    asking, files = still or asking, []
    if asking.state == "approved":
        ensure_covered(settings, db, asking.proposal_id, _left(plans))
        files = export_all(settings, db, asking.proposal_id, folder)
    return _report(db, ledger, plans, asking, files)


def _asked(
    settings: Settings, db: Database, ledger: str, role: str | None
) -> tuple[list[AccountPlan], ProposalRow | None]:
    """What the accounts lack, and the proposal that asks for it: a new one where none does; None where nothing is
    left."""
    plans = _planned(settings, db, ledger, role)
    if problem := next((plan for plan in plans if plan.problem), None):
        raise Permanent(f"{problem.role} ({problem.account}) cannot be set up: {problem.problem}", "Mend it first")
    left = _left(plans)
    asking = _asking(db, left)
    if left and asking is None:
        payload = {"ledger": ledger, "network_id": left[0]["network_id"], "intents": [each["intent"] for each in left]}
        propose(settings, db, SETUP, payload)
        asking = _asking(db, left)
    return plans, asking


def _planned(settings: Settings, db: Database, ledger: str, role: str | None) -> list[AccountPlan]:
    with db.connect() as connection:
        config, named = approved_config(settings, connection), named_keys(connection)
    accounts = config.xrpl_accounts if ledger == "xrpl" else config.stellar_accounts
    roles = [*accounts]
    if role is not None and role not in roles:
        raise Permanent(f"there is no account {role[:40]!r} on {ledger}", f"It is one of {', '.join(roles)}")
    with opened(settings, config, ledger) as server:
        chosen = roles if role is None else [role]
        return [server.plan(config, each, named.get(accounts[each], ())) for each in chosen]


def _left(plans: Sequence[AccountPlan]) -> list[dict[str, Any]]:
    return [payload for plan in plans for payload in plan.payloads]


def _asking(db: Database, left: list[dict[str, Any]]) -> ProposalRow | None:
    """The newest proposal that asks for all that is left, and has not ended: neither it nor what it covers."""
    intents, now = [each["intent"] for each in left], datetime.now(UTC)
    wanted = {payload_hash(each) for each in left}
    with db.connect() as connection:
        rows = proposals(connection, ("pending_approval", "approved")) if left else []
        for row in rows:
            if row.kind != SETUP or any(each not in payload_of(row)["intents"] for each in intents):
                continue
            live = {each.payload_hash for each in covered(connection, row.proposal_id) if each.state in LIVE}
            if row.expires_at > now or wanted <= live:
                return row
    return None


def _report(
    db: Database, ledger: str, plans: list[AccountPlan], asking: ProposalRow | None, files: list[Path]
) -> SetupReport:
    transactions = listed(db, [asking.proposal_id]) if asking is not None else []
    states = {each.state for each in transactions}
    if not _left(plans):
        following = "nothing"
    elif asking is None:
        following = "propose"
    elif asking.state == "pending_approval":
        following = "decide"
    elif states & {"prepared", "signing", "approved"}:
        following = "sign"
    else:
        following = "wait"
    return SetupReport(ledger, plans, asking.proposal_id if asking else None, transactions, files, following)
