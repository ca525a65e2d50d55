"""Bonds of the treasury: created, structured, submitted, moved by their table of states, and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fntx_dagster.client.sending import Requester, written
from fntx_dagster.model import bond_answers as answers
from fntx_dagster.model.treasury_answers import ProposalAnswer

_BONDS = "/api/treasury/bonds"
_DISTRIBUTIONS = "/api/treasury/distributions"


class BondCaller(Requester):
    """What a token with scopes of the treasury may do with bonds."""

    def create_bond(self, terms: Mapping[str, Any]) -> answers.BondAnswer:
        """Create a bond from its terms, as docs/bonds.md has them."""
        return self._call("POST", _BONDS, json={"terms": terms})

    def structure_bond(self, bond_id: str, structure: Mapping[str, Any]) -> answers.BondAnswer:
        """Give a draft its series, tranches and holders."""
        return self._call("POST", f"{_BONDS}/{bond_id}/structure", json={"structure": structure})

    def submit_bond(self, bond_id: str) -> ProposalAnswer:
        """Screen everybody whom a bond names, and ask the signers to approve it."""
        return self._call("POST", f"{_BONDS}/{bond_id}/submit")

    def transition_bond(self, bond_id: str, event: str, reason: str = "") -> answers.BondMoveAnswer:
        """Take a step of a bond, or propose it where it needs approvals."""
        return self._call("POST", f"{_BONDS}/{bond_id}/transitions", json={"event": event, "reason": reason})

    def bonds(self, state: str | None = None) -> answers.BondsAnswer:
        """Bonds, newest first: all, or those in a state."""
        return self._call("GET", _BONDS, params=written({"state": state}))

    def bond(self, bond_id: str) -> answers.BondAnswer:
        """A bond: where it stands, what is overdue, what can follow."""
        return self._call("GET", f"{_BONDS}/{bond_id}")

    def bond_events(self, bond_id: str) -> answers.BondEventsAnswer:
        """Every step of a bond."""
        return self._call("GET", f"{_BONDS}/{bond_id}/events")

    def bond_holders(self, bond_id: str, on: str | None = None) -> answers.BondHoldersAnswer:
        """Who holds units of a bond at the end of a day, or after all changes; and every change."""
        return self._call("GET", f"{_BONDS}/{bond_id}/holders", params=written({"on": on}))

    def bond_ledger_holders(self, bond_id: str) -> answers.BondLedgerHoldersAnswer:
        """Who holds the token of a bond otherwise than its register says."""
        return self._call("GET", f"{_BONDS}/{bond_id}/ledger-holders")

    def transfer_bond(self, bond_id: str, transfer: Mapping[str, Any]) -> ProposalAnswer:
        """Ask the signers to approve that units change hands: `transfers`, `record_date`, `reason`."""
        return self._call("POST", f"{_BONDS}/{bond_id}/transfers", json={"transfer": transfer})

    def bond_cash(self, bond_id: str) -> answers.BondCashAnswer:
        """The cash that came in on a bond, and its distributions."""
        return self._call("GET", f"{_BONDS}/{bond_id}/cash")

    def record_receipt(
        self,
        bond_id: str,
        tx_hash: str | None = None,
        *,
        amount: str | None = None,
        received_on: str | None = None,
        evidence: str | None = None,
        evidence_sha256: str | None = None,
        reason: str | None = None,
    ) -> answers.CashReceiptAnswer:
        """Record cash that came in: by the hash of the payment, or by evidence with all its fields."""
        typed = {"amount": amount, "received_on": received_on, "evidence": evidence}
        given = {"tx_hash": tx_hash, **typed, "evidence_sha256": evidence_sha256, "reason": reason}
        return self._call("POST", f"{_BONDS}/{bond_id}/receipts", json=written(given))

    def distribute(
        self,
        bond_id: str,
        period: int | None = None,
        travel_rule: Mapping[str, Any] | None = None,
        *,
        as_registered: bool = False,
    ) -> answers.DistributionAnswer:
        """Compute a bond's distribution and propose its payments. `as_registered`: by the register of its holders,
        whatever the ledger of the token says."""
        given = {"period": period, "travel_rule": travel_rule, "as_registered": as_registered or None}
        return self._call("POST", f"{_BONDS}/{bond_id}/distributions", json=written(given))

    def distribution(self, distribution_id: str) -> answers.DistributionAnswer:
        """A distribution: its lines, and where each payment stands."""
        return self._call("GET", f"{_DISTRIBUTIONS}/{distribution_id}")

    def set_aside(self, distribution_id: str, payments: Sequence[int], reason: str) -> ProposalAnswer:
        """Ask the signers to set payments aside whose payees cannot be paid."""
        given = {"payments": [*payments], "reason": reason}
        return self._call("POST", f"{_DISTRIBUTIONS}/{distribution_id}/set-aside", json=given)

    def release(
        self,
        distribution_id: str,
        payments: Sequence[int],
        reason: str,
        *,
        address: str | None = None,
        travel_rule: Mapping[str, Any] | None = None,
    ) -> answers.DistributionAnswer:
        """Ask the signers to pay what was set aside; the release."""
        given = {"payments": [*payments], "reason": reason, "address": address, "travel_rule": travel_rule}
        return self._call("POST", f"{_DISTRIBUTIONS}/{distribution_id}/release", json=written(given))

    def withdraw_distribution(self, distribution_id: str, reason: str) -> answers.DistributionAnswer:
        """Withdraw a distribution: it pays nobody, and its cash is free again."""
        return self._call("POST", f"{_DISTRIBUTIONS}/{distribution_id}/withdraw", json={"reason": reason})

    def void_receipt(self, receipt_id: str, reason: str) -> answers.VoidedReceiptAnswer:
        """Void a receipt: it counts no more, and may be recorded again."""
        return self._call("POST", f"/api/treasury/receipts/{receipt_id}/void", json={"reason": reason})

    def bond_report(
        self, kind: str, bond: str | None = None, holder: str | None = None, on: str | None = None
    ) -> answers.BondReportAnswer:
        """A report of a bond, of what a holder has of it, or of all; `on`: the date that counts as today."""
        given = {"bond": bond, "holder": holder, "on": on}
        return self._call("GET", f"/api/treasury/bond-reports/{kind}", params=written(given))
