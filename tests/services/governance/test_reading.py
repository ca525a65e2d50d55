"""Reading proposals: a list says of each what its own page says, by as many statements however long it is."""

from __future__ import annotations

from pathlib import Path

from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.store.database import Database
from tests.queries import statements
from tests.services.governance.treasuries import REASON, decision
from tests.services.screening.conftest import BY
from tests.services.transactions.worlds import begun, issue


def test_a_list_says_what_each_proposal_says_by_as_many_statements_for_many_as_for_few(
    database: Database, tmp_path: Path
) -> None:
    settings = begun(tmp_path / "home", database)
    for party in ("listed", "likewise"):
        set_party(settings, database, party, "Aurelio Vantrosk", "Person", "1961", by=BY)

    def more() -> None:
        for parties in (["good"], ["listed"], ["good", "likewise"]):
            propose(settings, database, "iou.issue", issue(), parties)
        decided = propose(settings, database, "iou.issue", issue("3"), ["good"])
        for signer in ("treasury", "trustee"):
            decide(settings, database, decided, decision(database, decided, signer))
        one = propose(settings, database, "iou.issue", issue("4"), ["good"])
        decide(settings, database, one, decision(database, one, "compliance", "reject"))
        over = propose(settings, database, "emergency.pause", REASON)
        cancel(settings, database, over, "it was withdrawn")

    more()
    few = statements(lambda: list_proposals(database, "all"))
    more()
    more()
    views = list_proposals(database, "all")
    assert len(views) == 18
    assert statements(lambda: list_proposals(database, "all")) == few
    for view in views:
        assert view == show(database, view.row.proposal_id)
    assert {view.row.state for view in views} >= {"pending_approval", "approved", "blocked", "cancelled"}
    assert any(view.held for view in views)
    assert any(view.approvals for view in views)
    assert any(view.rejections for view in views)
    paged = list_proposals(database, "all", limit=10)
    assert paged + list_proposals(database, "all", before=paged[-1].row.nonce) == views
