"""Escrows of the treasury: proposed, created, finished or cancelled, disputed, attested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from fntx_dagster.client.sending import Requester, written
from fntx_dagster.model import escrow_answers as answers
from fntx_dagster.model.treasury_answers import ProposalAnswer

_ESCROWS = "/api/treasury/escrows"


class EscrowCaller(Requester):
    """What a token with scopes of the treasury may do with escrows. No answer holds the secret of one."""

    def propose_escrow(
        self,
        escrow: Mapping[str, Any],
        *,
        parties: Sequence[str] = (),
        travel_rule: Mapping[str, Any] | None = None,
    ) -> answers.EscrowAnswer:
        """Propose an escrow: `template`, `destination`, `amount`, as docs/escrows.md has it. `parties`: yourselves."""
        body: dict[str, Any] = {"escrow": escrow, "parties": list(parties)}
        if travel_rule is not None:
            body["travel_rule"] = travel_rule
        return self._call("POST", _ESCROWS, json=body)

    def escrows(self, state: str | None = None, *, limit: int = 100) -> answers.EscrowsAnswer:
        """Escrows, newest first: the open ones, those in a state, or with `all` every one."""
        return self._call("GET", _ESCROWS, params=written({"state": state, "limit": limit}))

    def escrow(self, escrow_id: UUID | str) -> answers.EscrowAnswer:
        """An escrow: where it stands, and what is possible next."""
        return self._call("GET", f"{_ESCROWS}/{escrow_id}")

    def create_escrow(self, escrow_id: UUID | str) -> answers.EscrowMoveAnswer:
        """Prepare the creation of an approved escrow."""
        return self._call("POST", f"{_ESCROWS}/{escrow_id}/create", once=True)

    def finish_escrow(self, escrow_id: UUID | str) -> answers.EscrowMoveAnswer:
        """Go on with finishing an escrow: its vote, then its transaction."""
        return self._call("POST", f"{_ESCROWS}/{escrow_id}/finish", once=True)

    def cancel_escrow(self, escrow_id: UUID | str, reason: str = "") -> answers.EscrowMoveAnswer:
        """Go on with cancelling an escrow after its time; a disputed one needs a reason."""
        return self._call("POST", f"{_ESCROWS}/{escrow_id}/cancel", json={"reason": reason}, once=True)

    def dispute_escrow(self, escrow_id: UUID | str, reason: str) -> ProposalAnswer:
        """Propose to dispute an escrow."""
        return self._call("POST", f"{_ESCROWS}/{escrow_id}/dispute", json={"reason": reason})

    def resolve_escrow(self, escrow_id: UUID | str, reason: str) -> ProposalAnswer:
        """Propose to end the dispute of an escrow."""
        return self._call("POST", f"{_ESCROWS}/{escrow_id}/resolve", json={"reason": reason})

    def attest_document(self, escrow_id: UUID | str, sha256: str, title: str) -> answers.AttestedAnswer:
        """Attest that a document was verified for an escrow; twice says it once."""
        return self._call(
            "POST", f"{_ESCROWS}/{escrow_id}/documents", json={"sha256": sha256, "title": title}, once=True
        )

    def escrow_templates(self) -> answers.EscrowTemplatesAnswer:
        """The templates, and which of their rules the ledger itself enforces."""
        return self._call("GET", "/api/treasury/escrow-templates")
