"""The treasury: proposals, decisions and signatures that were made elsewhere, transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID, uuid4

from fntx_dagster.client.sending import Requester, written
from fntx_dagster.model import treasury_answers as answers

_PROPOSALS = "/api/treasury/proposals"


class TreasuryCaller(Requester):
    """What a token with scopes of the treasury may do. No method takes a private key or a seed."""

    def propose(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        parties: Sequence[str] = (),
        travel_rule: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> answers.ProposalAnswer:
        """Propose something for the signers to decide within 72 hours. The payload goes out as it is: amounts in it are
        texts. Give a key of your own where the program may start again in the middle: a key makes one proposal."""
        body: dict[str, Any] = {"kind": kind, "payload": payload, "parties": list(parties)}
        if travel_rule is not None:
            body["travel_rule"] = travel_rule
        return self._call("POST", _PROPOSALS, json=body, headers={"Idempotency-Key": idempotency_key or str(uuid4())})

    def proposals(
        self, state: str | None = None, *, before: int | None = None, limit: int = 100
    ) -> answers.ProposalsAnswer:
        """Proposals, newest first: the open ones, those in a state, or with `all` every one."""
        return self._call("GET", _PROPOSALS, params=written({"state": state, "before": before, "limit": limit}))

    def proposal(self, proposal_id: UUID | str) -> answers.ProposalAnswer:
        """A proposal, with the exact bytes that a signer signs."""
        return self._call("GET", f"{_PROPOSALS}/{proposal_id}")

    def decide(
        self, proposal_id: UUID | str, signer: str, decision: Literal["approve", "reject"], signature: str
    ) -> answers.ProposalAnswer:
        """Hand in a signer's decision, with the signature in hex that was made on the signer's own machine."""
        body = {"signer": signer, "decision": decision, "signature": signature, "proposal": f"{proposal_id}"}
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/decisions", json=body)

    def cancel_proposal(self, proposal_id: UUID | str, reason: str) -> answers.ProposalAnswer:
        """Cancel a proposal that is not submitted yet."""
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/cancel", json={"reason": reason})

    def screen_proposal(self, proposal_id: UUID | str) -> answers.ProposalAnswer:
        """Screen the parties of a proposal again."""
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/screen", once=True)

    def signers(self) -> answers.SignersAnswer:
        """Who may decide, and whether the treasury is paused."""
        return self._call("GET", "/api/treasury/signers")

    def machines(self) -> answers.MachinesAnswer:
        """Every step that a bond, an escrow, a proposal and a ledger transaction can take."""
        return self._call("GET", "/api/treasury/machines")
