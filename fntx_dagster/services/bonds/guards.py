"""The guards of the table of bonds, judged: each says what is missing where it does not hold.

What a ledger says is asked before the step's transaction: it is handed in as `LedgerSaid`. Dates are those of the last
validated ledger, never the clock's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from fntx_dagster.bonds.clocks import default_from, delinquent_from
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.kinds import KINDS, TRUSTEE, required_roles
from fntx_dagster.governance.machines import BOND, StepImpossible, Transition, step
from fntx_dagster.services.bonds.dues import arrears_of, dues_of
from fntx_dagster.services.bonds.steps import step_taken
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.bond_money import outstanding_of
from fntx_dagster.store.treasury.cash_receipts import receipts_of
from fntx_dagster.store.treasury.distributions import distributions
from fntx_dagster.store.treasury.escrows import EscrowRow, escrows_of_bond
from fntx_dagster.store.treasury.platform import platform_state

if TYPE_CHECKING:
    from fntx_dagster.audit.event import NewAuditEvent
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.treasury.bonds import BondRow

APPROVE = "bond.approve"
BOND_KINDS = (APPROVE, "bond.pause", "bond.transition", "bond.enforce")
_DATED = {"arrears_zero", "after_due_plus_grace", "after_default_date", "outstanding_zero_and_past_maturity"}
_COUNTED = {"supply_redeemed"}
_WAIT = "Look again when the ledger has come to that day"
_PAYS = ("computed", "proposed", "paying")
_HELD = ("Active", "Finishing", "Released", "Disputed")


class BondGuardFails(StepImpossible):
    """A step that its table has, and whose guard does not hold."""


class LedgerSaid(NamedTuple):
    """What a ledger said before a step: when its last validated ledger closed, and how much of the bond's token is out,
    in escrows too. None: nobody asked. `dead`: proposals whose bytes can get into no ledger any more; `invoices`: the
    ids of the payments that it held after that was known."""

    closed_at: datetime | None = None
    supply: Decimal | None = None
    dead: frozenset[UUID] | None = None
    invoices: frozenset[str] = frozenset()

    @property
    def day(self) -> date:
        """The UTC date of the last validated ledger."""
        if self.closed_at is None:
            raise BondGuardFails("no ledger was asked for its date", "Try again: the step goes by a ledger's date")
        return self.closed_at.astimezone(UTC).date()


NOT_ASKED = LedgerSaid()
"""Where a step goes by nothing that a ledger says."""


class AskedStep(NamedTuple):
    """A step that somebody wants to take."""

    row: BondRow
    transition: Transition
    said: LedgerSaid
    reason: str


def kind_of_step(transition: Transition) -> str | None:
    """The kind of proposal whose approval takes a step; None where it needs none."""
    if not transition.approvals:
        return None
    if transition.event == "approve":
        return APPROVE
    if transition.approvals == 1:
        return "bond.pause"
    return "bond.enforce" if "trustee_among_approvals" in transition.guard else "bond.transition"


def guards_of(transition: Transition) -> list[str]:
    """The guards of a step, by name."""
    return [name for name in transition.guard.split(", ") if name]


def needs_date(transition: Transition) -> bool:
    """Whether a step goes by a ledger's date."""
    return not _DATED.isdisjoint(guards_of(transition))


def needs_supply(transition: Transition) -> bool:
    """Whether a step goes by how much of the token is out."""
    return not _COUNTED.isdisjoint(guards_of(transition))


def guarded_step(
    connection: Connection,
    row: BondRow,
    event: str,
    by: str,
    events: list[NewAuditEvent],
    said: LedgerSaid,
    reason: str = "",
) -> BondRow:
    """Take a step of a bond that the transaction holds, if its guard holds and it needs no approval; what the log has
    to say of it is added to `events`. Raises StepImpossible, BondGuardFails."""
    transition = step(BOND, row.state, event)
    if transition.approvals:
        raise StepImpossible(f"{event} needs {transition.approvals} to approve", "`fntx bond transition` proposes it")
    require_guards(connection, AskedStep(row, transition, said, reason))
    return step_taken(connection, row, event, by, events, reason=reason, ledger_date=said.closed_at)


def require_guards(connection: Connection, asked: AskedStep) -> None:
    """Raise BondGuardFails unless each guard of a step holds that is judged here. Whoever calls judges the others:
    documents are read, parties screened and decisions counted there."""
    for name in guards_of(asked.transition):
        if name not in ELSEWHERE:
            _JUDGED[name](connection, asked)


def _running(connection: Connection, asked: AskedStep) -> None:
    state = platform_state(connection)
    if state is None or state.state != "running":
        raise BondGuardFails(
            f"{asked.transition.event} waits: the treasury is paused", "`fntx treasury resume` goes on"
        )


def _reason(connection: Connection, asked: AskedStep) -> None:
    if not asked.reason.strip():
        raise BondGuardFails(f"{asked.transition.event} needs a reason", "Give it with --reason")
    require_plain("reason", asked.reason)


def _trustee(connection: Connection, asked: AskedStep) -> None:
    """The kind lets no proposal be approved without one who has the role."""
    kind = kind_of_step(asked.transition)
    if kind is None or TRUSTEE not in required_roles(KINDS[kind]):
        raise Permanent(f"{asked.transition.event} has no kind that asks for the trustee", "Report it")


def _no_arrears(connection: Connection, asked: AskedStep) -> None:
    if late := arrears_of(connection, asked.row.bond_id, asked.said.day):
        total = sum((row.unpaid for row in late), Decimal(0))
        raise BondGuardFails(
            f"{asked.row.currency} {total:f} is overdue on {asked.said.day}, the oldest since {late[0].due_date}",
            "`fntx bond report trustee_report` lists what is unpaid",
        )


def _all_paid_at_the_end(connection: Connection, asked: AskedStep) -> None:
    """Nothing of the principal is outstanding, nothing that was due is unpaid, and the maturity has come."""
    row, today = asked.row, asked.said.day
    if today < row.maturity_date:
        raise BondGuardFails(f"the ledger's date is {today}, before {row.maturity_date}", "It matures on that day")
    left = sum((each.outstanding for each in outstanding_of(connection, row.bond_id)), Decimal(0))
    dues = dues_of(connection, row.bond_id, today, ahead=True)
    left += sum((each.unpaid for each in dues if each.kind != "principal"), Decimal(0))
    if left > 0:
        raise BondGuardFails(
            f"{row.currency} {left:f} is not paid yet", "`fntx bond report trustee_report` lists what is unpaid"
        )


def _redeemed(connection: Connection, asked: AskedStep) -> None:
    supply = asked.said.supply
    if supply is None:
        raise BondGuardFails("no ledger was asked how much of the token is out", "Try again: the step goes by that")
    if supply != 0:
        raise BondGuardFails(
            f"{supply:f} {asked.row.token_code} are still out on {asked.row.token_ledger}",
            "Holders pay them back to the issuer: `fntx treasury redeem`",
        )


def _escrow_active(connection: Connection, asked: AskedStep) -> None:
    if not _funding(connection, asked.row, ("Active",)):
        raise BondGuardFails(f"no escrow that funds {asked.row.bond_id} is Active", "`fntx escrow propose` begins one")


def _funded(connection: Connection, asked: AskedStep) -> None:
    """By escrows whose creation is in a validated ledger, of the asset that the terms name, and not cancelled."""
    total = sum((each.amount for each in _funding(connection, asked.row, _HELD)), Decimal(0))
    if total < asked.row.notional:
        raise BondGuardFails(
            f"the escrows that fund {asked.row.bond_id} come to {total:f} of {asked.row.notional:f}",
            "`fntx escrow propose` begins another one",
        )


def _funding(connection: Connection, row: BondRow, wanted: Sequence[str]) -> list[EscrowRow]:
    """The escrows of a bond in some states that its ledger validated, of the asset that funds it."""
    asset = json.loads(row.terms).get("funding") or {"code": row.cash_code, "issuer": row.cash_issuer}
    return [
        each
        for each in escrows_of_bond(connection, row.bond_id)
        if each.state in wanted
        and each.created_ledger is not None
        and (each.currency, each.issuer) == (asset["code"], asset["issuer"])
    ]


def _cash_received(connection: Connection, asked: AskedStep) -> None:
    if not receipts_of(connection, asked.row.bond_id):
        raise BondGuardFails(f"no cash came in on {asked.row.bond_id}", "`fntx bond receipt` records what came in")


def _all_confirmed(connection: Connection, asked: AskedStep) -> None:
    """Every payment of every distribution is in a validated ledger; where a bond is liquidated, nothing that came in
    is left."""
    row = asked.row
    rows = distributions(connection, row.bond_id)
    if not rows or rows[0].state != "confirmed" or any(each.state in _PAYS for each in rows):
        state = rows[0].state if rows else "not there"
        raise BondGuardFails(f"the last distribution of {row.bond_id} is {state}", "`fntx bond pay` goes on with it")
    if row.state == "Liquidating" and receipts_of(connection, row.bond_id, free=True):
        raise BondGuardFails(f"cash that came in on {row.bond_id} is not distributed", "`fntx bond pay` distributes it")


def _late(connection: Connection, asked: AskedStep) -> None:
    due, closed_at = _oldest_overdue(connection, asked)
    if closed_at < (begins := delinquent_from(due, asked.row.grace_days)):
        raise BondGuardFails(f"what was due on {due} may be paid until {begins:%Y-%m-%d}", _WAIT)


def _not_cured(connection: Connection, asked: AskedStep) -> None:
    due, closed_at = _oldest_overdue(connection, asked)
    if closed_at < (begins := default_from(due, asked.row.grace_days, asked.row.cure_days)):
        raise BondGuardFails(f"what was due on {due} may be cured until {begins:%Y-%m-%d}", _WAIT)


def _oldest_overdue(connection: Connection, asked: AskedStep) -> tuple[date, datetime]:
    """The oldest date since which something is overdue, and the ledger's time."""
    late = arrears_of(connection, asked.row.bond_id, asked.said.day)
    if not late or asked.said.closed_at is None:
        raise BondGuardFails(f"nothing of {asked.row.bond_id} is overdue on {asked.said.day}", "No clock runs")
    return late[0].due_date, asked.said.closed_at


_JUDGED: dict[str, Callable[[Connection, AskedStep], None]] = {
    "escrow_active": _escrow_active,
    "funded_at_least_notional": _funded,
    "validated": _funded,
    "cash_received": _cash_received,
    "every_payment_confirmed": _all_confirmed,
    "after_due_plus_grace": _late,
    "after_default_date": _not_cured,
    "not_paused": _running,
    "reason_given": _reason,
    "trustee_among_approvals": _trustee,
    "arrears_zero": _no_arrears,
    "outstanding_zero_and_past_maturity": _all_paid_at_the_end,
    "supply_redeemed": _redeemed,
}
ELSEWHERE = {
    "terms_valid",
    "series_and_tranches_sum",
    "screening_clear",
    "quorum",
    "quorum_unreachable",
    "past_expiry",
}
"""Guards that are judged where the step is taken: reading a document, screening, counting decisions."""


def unjudged() -> set[str]:
    """Guards of the table that nothing judges: none, as a test holds."""
    return {name for each in BOND for name in guards_of(each)} - _JUDGED.keys() - ELSEWHERE
