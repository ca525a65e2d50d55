"""An approval that only a row tells of moves nothing: what the signers signed is judged again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.store.database import Database
from tests.services.governance.treasuries import decision
from tests.services.transactions.desks import SigningDesk
from tests.services.transactions.worlds import issue


def altered(db: Database, statement: str, *values: Any) -> None:
    """Let somebody who has the database alter a row, past every step."""
    table = statement.replace("delete from", "update").split()[1]
    with db.connect() as connection:
        connection.execute(f"alter table {table} disable trigger user".encode())
        assert connection.execute(statement.encode(), values).rowcount > 0
        connection.execute(f"alter table {table} enable trigger user".encode())


def refused(desk: SigningDesk, proposal: UUID, said: str) -> None:
    with pytest.raises(StepImpossible, match=said):
        prepare(desk.settings, desk.db, proposal)
    assert not desk.is_prepared(proposal)


def test_without_signatures_a_row_that_says_approved_is_not(at_xrpl: SigningDesk) -> None:
    desk = at_xrpl
    proposal = propose(desk.settings, desk.db, "iou.issue", issue("1"), ["good"])
    altered(desk.db, "update treasury.proposal set state = 'approved' where proposal_id = %s", proposal)
    refused(desk, proposal, "is approved, and its signatures do not say so: nobody approved, and it needs 2")
    altered(desk.db, "update treasury.proposal set state = 'pending_approval' where proposal_id = %s", proposal)
    for signer in ("treasury", "trustee"):
        decide(desk.settings, desk.db, proposal, decision(desk.db, proposal, signer))
    assert prepare(desk.settings, desk.db, proposal).state == "pending_signature"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update treasury.proposal set threshold = 1 where proposal_id = %s", "does not count .bad_signature."),
        ("update treasury.proposal set kind = 'iou.redeem' where proposal_id = %s", "no_redemption|bad_signature"),
        ("update treasury.decision set signer_id = 'compliance' where proposal_id = %s and signer_id = 'trustee'", "b"),
        ("delete from treasury.decision where proposal_id = %s and signer_id = 'treasury'", "trustee approved, and it"),
        (
            "update treasury.proposal set payload = replace(payload, '\"12.5\"', '\"999\"') where proposal_id = %s",
            "is not what its hash says",
        ),
        (
            "update treasury.proposal set covered_by = proposal_id where proposal_id = %s",
            "does not ask for this one",
        ),
    ],
)
def test_what_is_altered_after_the_approval_is_prepared_no_more(
    at_xrpl: SigningDesk, statement: str, said: str
) -> None:
    proposal = at_xrpl.approved("12.5")
    altered(at_xrpl.db, statement, proposal)
    refused(at_xrpl, proposal, said)
