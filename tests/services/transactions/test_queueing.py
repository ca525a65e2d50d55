"""The queue: what it says of each transaction, by as many statements however much waits."""

from __future__ import annotations

from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.transactions.queueing import QueuedTransaction, queue
from tests.queries import statements
from tests.services.transactions.desks import SigningDesk


def test_the_queue_is_read_by_as_many_statements_for_many_as_for_few(at_both: SigningDesk) -> None:
    desk = at_both
    approved, signing, ready = desk.approved("1"), desk.prepared("2"), desk.ready("3")
    desk.signed(signing, "trustee")
    few = statements(lambda: queue(desk.db))
    over = desk.prepared("4")
    cancel(desk.settings, desk.db, over, "it was withdrawn")
    later = desk.approved("5")
    waiting = desk.prepared("6")

    def said(each: QueuedTransaction) -> tuple[object, ...]:
        return each.proposal_id, each.next, each.signed_by, each.missing

    assert [said(each) for each in queue(desk.db)] == [
        (approved, "export", (), ()),
        (later, "export", (), ()),
        (signing, "import", ("trustee",), ("compliance", "treasury")),
        (ready, "submit", ("treasury", "trustee"), ("compliance",)),
        (waiting, "export", (), ("compliance", "treasury", "trustee")),
    ]
    assert statements(lambda: queue(desk.db)) == few
