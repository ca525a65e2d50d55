"""The treasury: proposals, decisions and signatures that were made elsewhere, transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID, uuid4

from fntx_dagster.client.sending import Requester, written
from fntx_dagster.model import treasury_answers as answers

_PROPOSALS = "/api/treasury/proposals"
_STRATEGIES = "/api/treasury/strategies"
_RECONCILIATIONS = "/api/treasury/reconciliations"


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

    def end_standing(self, proposal_id: UUID | str, reason: str) -> answers.StandingEndAnswer:
        """End the standing approval that a proposal gave, at once; nobody votes on it."""
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/end-standing", json={"reason": reason})

    def screen_proposal(self, proposal_id: UUID | str) -> answers.ProposalAnswer:
        """Screen the parties of a proposal again."""
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/screen", once=True)

    def reconciliations(self, limit: int = 100) -> answers.ReconciliationsAnswer:
        """The newest reconciliations of the ledgers with our records, the newest first."""
        return self._call("GET", _RECONCILIATIONS, params=written({"limit": limit}))

    def reconciliation(self, number: int) -> answers.ReconciliationAnswer:
        """The report of a reconciliation, by `run_no` of the list."""
        return self._call("GET", f"{_RECONCILIATIONS}/{number}")

    def trading_desk(self) -> answers.DeskAnswer:
        """How the desk on the XRP Ledger stands, and its strategies."""
        return self._call("GET", "/api/treasury/desk")

    def strategy(self, strategy_id: UUID | str) -> answers.StrategyAnswer:
        """A strategy of that desk, with its slices."""
        return self._call("GET", f"{_STRATEGIES}/{strategy_id}")

    def dry_run_strategy(self, strategy: Mapping[str, Any]) -> answers.DryRunAnswer:
        """The slices of a strategy and their unsigned transactions; nothing is kept."""
        return self._call("POST", f"{_STRATEGIES}/dry-run", json={"strategy": strategy}, once=True)

    def start_strategy(
        self, strategy: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> answers.StrategyAnswer:
        """Start a strategy that trades live. Give a key of your own where the program may start again in the middle: a
        key starts one strategy."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        return self._call("POST", _STRATEGIES, json={"strategy": strategy}, headers=headers)

    def halt_strategy(self, strategy_id: UUID | str, reason: str) -> answers.StrategyAnswer:
        """Halt a strategy for good, at once."""
        return self._call("POST", f"{_STRATEGIES}/{strategy_id}/halt", json={"reason": reason})

    def halt_desk(self, reason: str) -> answers.DeskAnswer:
        """Halt the desk with all its strategies, at once."""
        return self._call("POST", "/api/treasury/desk/halt", json={"reason": reason})

    def kill_desk(self, reason: str) -> answers.ProposalAnswer:
        """Propose to kill the desk; one signer decides."""
        return self._call("POST", "/api/treasury/desk/kill", json={"reason": reason})

    def resume_desk(self, reason: str) -> answers.ProposalAnswer:
        """Propose that the desk trades again; two signers decide."""
        return self._call("POST", "/api/treasury/desk/resume", json={"reason": reason})

    def treasury_queue(self) -> answers.QueueAnswer:
        """What is approved and not yet at its end."""
        return self._call("GET", "/api/treasury/queue")

    def prepare(self, proposal_id: UUID | str) -> answers.SigningAnswer:
        """Prepare the transaction of an approved proposal: what its signers sign."""
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/prepare", once=True)

    def signing(self, proposal_id: UUID | str) -> answers.SigningAnswer:
        """What the signers of a prepared transaction take to their own machines."""
        return self._call("GET", f"{_PROPOSALS}/{proposal_id}/signing")

    def add_signature(
        self,
        proposal_id: UUID | str,
        *,
        blob: str | None = None,
        xdr: str | None = None,
        account: str | None = None,
        public_key: str | None = None,
        signature: str | None = None,
    ) -> answers.SignaturesAnswer:
        """Carry in what a signer returned: `blob` (hex), `xdr` (base64), or one `signature` with its `public_key`, on
        the XRP Ledger with the `account` too."""
        part = {"blob": blob, "xdr": xdr, "account": account, "public_key": public_key, "signature": signature}
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/signatures", json=written(part))

    def submit_transaction(self, proposal_id: UUID | str) -> answers.SettledAnswer:
        """Send the signed bytes; the same bytes go again where an answer is lost, which does nothing twice."""
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/submit", once=True)

    def confirm_transaction(self, proposal_id: UUID | str) -> answers.SettledAnswer:
        """What became of a transaction that was submitted."""
        return self._call("POST", f"{_PROPOSALS}/{proposal_id}/confirm", once=True)

    def signers(self) -> answers.SignersAnswer:
        """Who may decide, and whether the treasury is paused."""
        return self._call("GET", "/api/treasury/signers")

    def machines(self) -> answers.MachinesAnswer:
        """Every step that a bond, an escrow, a proposal and a ledger transaction can take."""
        return self._call("GET", "/api/treasury/machines")
