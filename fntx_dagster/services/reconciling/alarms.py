"""What of a reconciliation a person has to know: each mismatch once, by its check and what it found; a check without an
answer once it had none three times in a row."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.reconciliation.items import ReconItem, ReconStatus
from fntx_dagster.services.alerting import record
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.reconciliations import last_statuses

KIND = "reconciliation"
PATIENCE = 3
"""So many runs in a row without an answer are an alert."""


def raise_for(db: Database, items: Sequence[ReconItem], run_no: int) -> None:
    """Raise the alerts of a run that is kept, and resolve those that are over. Another value of the same check is
    another alert."""
    silent = _silent(db, [item.id for item in items if item.status is ReconStatus.ERROR])
    record(db, [observed_of(item, run_no, is_silent=item.id in silent) for item in items])


def observed_of(item: ReconItem, run_no: int, *, is_silent: bool) -> Observed:
    """What a run saw of a check. An error says nothing about what was found before, which stays open."""
    source, subject = f"{KIND}/{item.id}", f"{item.id} {value_of(item)}"
    words = item.details[0] if item.details else item.actual
    if item.status is ReconStatus.MISMATCH:
        text = f"{item.check} ({item.id}): {words}; `fntx reconcile show {run_no}` has all of it"
        return Observed(KIND, source, [Finding(subject, text)])
    if item.status is ReconStatus.ERROR:
        silence = f"{item.id} has no answer"
        found = [Finding(silence, f"{item.check} ({item.id}) had no answer {PATIENCE} times: {words}")]
        return Observed(KIND, source, found if is_silent else [], whole=False, looked=[silence])
    return Observed(KIND, source, [])


def value_of(item: ReconItem) -> str:
    """The differences that a check found, in a word: the same differences have the same."""
    return sha256("\n".join(sorted(item.details)).encode()).hexdigest()[:12]


def _silent(db: Database, ids: Sequence[str]) -> set[str]:
    with db.connect() as connection:
        last = {id_: last_statuses(connection, id_, PATIENCE) for id_ in ids}
    return {id_ for id_, statuses in last.items() if statuses == [ReconStatus.ERROR.value] * PATIENCE}
