"""Several processes at once, and one that is killed: every step is taken once, and told once."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.store.database import Database
from tests.forked import FORKED
from tests.governance.keys import KEYS
from tests.services.governance import racing
from tests.services.governance.treasuries import REASON, STANDING, TREASURY, anchor, begun, decision, frozen


def events(db: Database) -> list[str]:
    """The types of the audit log's events, in the order in which their transactions were committed."""
    with db.connect() as connection:
        return [row[0] for row in connection.execute("select type from treasury.audit_event order by seq")]


def test_of_six_who_decide_at_once_each_signer_counts_once_and_one_step_follows(
    database: Database, tmp_path: Path
) -> None:
    settings = begun(tmp_path, database)
    proposal = frozen(settings, database)
    files = [decision(database, proposal, signer) for signer in (*KEYS, *KEYS)]
    with ProcessPoolExecutor(3, FORKED) as pool:
        waiting = [pool.submit(racing.decides, database.url, str(tmp_path), str(proposal), file) for file in files]
        answers = [each.result() for each in waiting]
    view = show(database, proposal)
    told = Counter(events(database))
    assert view.row.state == "approved"
    assert told["proposal_approve"] == answers.count("approved") == 1
    assert told["decision_recorded"] == len(view.decisions) == len({each.signer_id for each in view.decisions})
    assert len([each for each in answers if each.startswith("refused")]) == 6 - len(view.decisions)


def test_nonces_rise_by_one_whoever_proposes_beside(database: Database, tmp_path: Path) -> None:
    begun(tmp_path, database)
    with ProcessPoolExecutor(3, FORKED) as pool:
        for each in [pool.submit(racing.proposes, database.url, str(tmp_path), 5) for _ in range(3)]:
            each.result()
    assert [view.terms.nonce for view in list_proposals(database)] == [*range(15, 0, -1)]


def test_nothing_is_submitted_once_a_pause_is_decided(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    proposal = propose(settings, database, "emergency.pause", REASON)
    file = decision(database, proposal, "trustee")
    with ProcessPoolExecutor(2, FORKED) as pool:
        submitters = [pool.submit(racing.submits, database.url, str(tmp_path)) for _ in range(2)]
        while events(database).count("transaction_submit") < 20:
            time.sleep(0.05)
        decide(settings, database, proposal, file)
        times = sum(each.result() for each in submitters)
    told = events(database)
    assert told.count("transaction_submit") == times >= 20
    assert "transaction_submit" not in told[told.index("emergency_pause") :]


def test_eight_who_use_a_standing_approval_at_once_stay_below_its_number_a_day(
    database: Database, tmp_path: Path
) -> None:
    settings = begun(tmp_path, database)
    proposal = propose(settings, database, "standing.approve", STANDING | {"per_day": 5})
    for signer in KEYS:
        decide(settings, database, proposal, decision(database, proposal, signer))
    payload = anchor(destination=TREASURY, root="ab" * 32, size=7)
    tomorrow = datetime.now(UTC).replace(hour=1) + timedelta(days=1)
    with ProcessPoolExecutor(8, FORKED) as pool:
        waiting = [
            pool.submit(racing.uses, database.url, str(tmp_path), str(proposal), payload, day, 2)
            for day in (tomorrow + timedelta(days=1), tomorrow)
            for _ in range(8)
        ]
        numbers = [number for each in waiting for number in each.result()]
    assert sorted(numbers) == [*range(1, 11)]
    assert events(database).count("proposal_standing_use") == 10


@pytest.mark.parametrize("after", [0, 1])
def test_who_is_killed_while_deciding_leaves_nothing_behind(database: Database, tmp_path: Path, after: int) -> None:
    settings = begun(tmp_path, database)
    proposal = frozen(settings, database)
    decide(settings, database, proposal, decision(database, proposal, "compliance"))
    file, before = decision(database, proposal, "treasury"), events(database)
    process = FORKED.Process(target=racing.is_killed, args=(database.url, str(tmp_path), str(proposal), file, after))
    process.start()
    process.join()
    assert process.exitcode == -9
    assert events(database) == before
    assert show(database, proposal).row.state == "pending_approval"
    assert decide(settings, database, proposal, file).state == "approved"
    assert Counter(events(database))["proposal_approve"] == 1
