"""The audit log: its state, checkpoints, proofs, anchors and sealed events."""

from __future__ import annotations

from fntx_dagster.client.sending import Requester, written
from fntx_dagster.model import audit_answers as answers


class AuditLogReader(Requester):
    """What a token with scopes of the audit log may ask for."""

    def audit_status(self) -> answers.AuditStatusAnswer:
        """How the log stands."""
        return self._call("GET", "/api/audit/status")

    def audit_checkpoint(self, since: int | None = None) -> answers.CheckpointAnswer:
        """The newest checkpoint; `since`: the size of one that you have, with the proof that the newest goes on from
        it."""
        return self._call("GET", "/api/audit/checkpoint", params=written({"since": since}))

    def make_audit_checkpoint(self) -> answers.NewCheckpointAnswer:
        """Sign the log as it is now."""
        return self._call("POST", "/api/audit/checkpoint", once=True)

    def audit_proof(self, seq: int) -> answers.AuditProofAnswer:
        """The proof of an event, for `fntx audit verify`; the token needs the scope `audit:plain`."""
        return self._call("GET", f"/api/audit/proofs/{seq}")

    def audit_anchors(self) -> answers.AnchorsAnswer:
        """The transactions on ledgers that hold a checkpoint."""
        return self._call("GET", "/api/audit/anchors")

    def sealed_events(self, first: int = 0, limit: int = 100) -> answers.SealedEventsAnswer:
        """Sealed events from a number on, at most 1,000; `next` is where the rest begins."""
        return self._call("GET", "/api/audit/events", params=written({"from": first, "limit": limit}))
