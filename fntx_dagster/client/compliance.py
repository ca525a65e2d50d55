"""The compliance gate: parties and names screened, lists, checks, and what people decide of matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fntx_dagster.client.sending import Requester, written
from fntx_dagster.model import treasury_answers as answers

_SCREENINGS = "/api/compliance/screenings"


class ComplianceCaller(Requester):
    """What a token with scopes of compliance may do."""

    def screen(
        self,
        parties: Sequence[str] | None = None,
        *,
        cases: Sequence[Mapping[str, Any]] | None = None,
        party: Mapping[str, Any] | None = None,
    ) -> answers.ScreenAnswer:
        """Screen parties by their ids, of which each check is kept; or names, as `cases` or one `party`, of which
        nothing is."""
        kind = "screen" if party is not None else None
        body = written({"parties": parties, "cases": cases, "party": party, "kind": kind})
        return self._call("POST", "/api/compliance/screen", json=body)

    def sanctions_lists(self) -> answers.ListsAnswer:
        """The lists that count, and whether they can clear anybody."""
        return self._call("GET", "/api/compliance/lists")

    def screening(self, screening_id: int) -> answers.ScreeningAnswer:
        """A check as it was kept."""
        return self._call("GET", f"{_SCREENINGS}/{screening_id}")

    def disposition_bytes(
        self,
        screening_id: int,
        verdict: Literal["false_positive", "true_match"],
        reason: str,
        *,
        entity: str | None = None,
    ) -> answers.DispositionBytesAnswer:
        """What a signer of the role compliance signs on his own machine."""
        body = written({"verdict": verdict, "reason": reason, "entity": entity})
        return self._call("POST", f"{_SCREENINGS}/{screening_id}/to-sign", json=body, once=True)

    def dispose(
        self,
        screening_id: int,
        verdict: Literal["false_positive", "true_match"],
        reason: str,
        *,
        entity: str | None = None,
        signer: str | None = None,
        signature: str | None = None,
    ) -> answers.DispositionAnswer:
        """Record what was decided of the matches of a check, or of the match with `entity`."""
        said = {"verdict": verdict, "reason": reason, "entity": entity}
        body = written({**said, "signer": signer, "signature": signature})
        return self._call("POST", f"{_SCREENINGS}/{screening_id}/dispositions", json=body)
