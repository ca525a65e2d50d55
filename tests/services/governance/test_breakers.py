"""The kill switch and the reset of breakers, as the signers decide them: one kills, two let trade again."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.orders.access import ADMIN, Caller
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.guarding import entity, kill, reset, status
from fntx_dagster.services.orders.requests import Declined
from fntx_dagster.services.orders.turn import Desk, turn
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import reading
from fntx_dagster.store.ledger.books import About
from tests.services.governance.treasuries import REASON, begun, decision
from tests.services.orders.live_books import asked, deposit
from tests.services.transactions.worlds import events

ROOT = Caller("root", ADMIN)


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return begun(tmp_path, database)


@pytest.fixture
def desk(settings: Settings, database: Database) -> Desk:
    """Two live books, in one of which an order rests, and a paper book."""
    desk = desk_of(settings, database)
    deposit(desk)
    deposit(desk, user="bob")
    with turn(desk, "ada", True, About(desk.clock())):
        pass
    return desk


def approved(settings: Settings, db: Database, kind: str, payload: dict[str, str], *signers: str) -> UUID:
    proposal = propose(settings, db, kind, payload)
    for signer in signers:
        decide(settings, db, proposal, decision(db, proposal, signer))
    return proposal


def tripped(desk: Desk) -> dict[tuple[str, str], str]:
    """User and bot of each tripped live breaker → why it tripped."""
    found = {}
    for user, book_id in (("ada", 1), ("bob", 2)):
        for bot, trip in reading.standing_trips(desk.db, book_id).items():
            found[user, bot] = trip["trigger_reason"]
    return found


def test_one_kills_every_live_book_and_two_let_them_trade_again(settings: Settings, desk: Desk) -> None:
    resting = asked(desk, "BTC/USDT", state="open")
    proposal = approved(settings, desk.db, "trade.kill", REASON, "compliance")
    assert show(desk.db, proposal).row.state == "approved"
    words = f"by the approved proposal {proposal}: {REASON['reason']}"
    assert tripped(desk) == {("ada", ""): words, ("bob", ""): words}
    assert events(desk.db)[-4:] == ["decision_recorded", "proposal_approve", "breaker_tripped", "breaker_tripped"]
    order = reading.order(desk.db, "ada", resting)
    assert order is not None
    assert order["cancel_code"] == "breaker_tripped", "the watcher cancels it"
    with pytest.raises(Declined) as refused:
        reset(desk, ROOT, entity(ROOT, None, "ada"), False, "an admin alone", desk.clock())
    assert refused.value.code == "signers_only"
    shown = status(desk, ROOT, entity(ROOT, None, "ada"), False, desk.clock())
    assert (shown["tripped"], shown["can_reset"]) == (True, False)
    half = approved(settings, desk.db, "breaker.reset", REASON, "trustee")
    assert len(tripped(desk)) == 2
    decide(settings, desk.db, half, decision(desk.db, half, "treasury"))
    assert tripped(desk) == {}
    assert events(desk.db)[-2:] == ["breaker_reset", "breaker_reset"]


def test_a_proposal_may_name_a_user_and_a_bot(settings: Settings, desk: Desk) -> None:
    asked(desk, "BTC/USDT", bot="spread")
    approved(settings, desk.db, "trade.kill", {**REASON, "user": "ada", "bot": "spread"}, "treasury")
    assert [*tripped(desk)] == [("ada", "spread")]
    for wrong in ({"user": "eve"}, {"user": "bob", "bot": "spread"}, {"bot": "spread"}):
        with pytest.raises(Permanent):
            propose(settings, desk.db, "trade.kill", {**REASON, **wrong})
    approved(settings, desk.db, "breaker.reset", {**REASON, "user": "ada", "bot": "spread"}, "treasury", "trustee")
    assert tripped(desk) == {}


def test_a_reset_without_a_name_leaves_what_a_person_or_a_machine_tripped(settings: Settings, desk: Desk) -> None:
    kill(desk, ROOT, entity(ROOT, None, "ada"), False, "by hand, for a test", desk.clock())
    approved(settings, desk.db, "trade.kill", REASON, "treasury")
    assert set(tripped(desk)) == {("ada", ""), ("bob", "")}
    approved(settings, desk.db, "breaker.reset", REASON, "treasury", "trustee")
    assert [*tripped(desk)] == [("ada", "")]
    approved(settings, desk.db, "breaker.reset", {**REASON, "user": "ada"}, "treasury", "trustee")
    assert tripped(desk) == {}


def test_while_a_book_is_held_nothing_is_decided_and_the_decision_can_be_handed_in_again(
    settings: Settings, desk: Desk
) -> None:
    proposal = propose(settings, desk.db, "trade.kill", REASON)
    word = decision(desk.db, proposal, "treasury")
    with desk.db.connect() as connection:
        connection.execute("select from ledger.books where user_id = 'bob' for update")
        with pytest.raises(Transient):
            decide(settings, desk.db, proposal, word)
        assert tripped(desk) == {}
    decide(settings, desk.db, proposal, word)
    assert len(tripped(desk)) == 2


def test_what_only_trading_on_ledgers_asks_for_is_kept_as_approved(settings: Settings, desk: Desk) -> None:
    proposal = propose(settings, desk.db, "trade.live", REASON)
    for signer in ("treasury", "trustee", "compliance"):
        decide(settings, desk.db, proposal, decision(desk.db, proposal, signer))
    assert show(desk.db, proposal).row.state == "approved"
    assert events(desk.db)[-1] == "proposal_approve"
    assert tripped(desk) == {}
