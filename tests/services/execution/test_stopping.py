"""What stops the desk: its loss, a person, one signer; what lets it go on: two signers, and nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.execution.halting import halt
from fntx_dagster.services.execution.judging import OrderRefused
from fntx_dagster.services.execution.switching import TradingStopped
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.store.treasury.desks import DeskRow, desk, desk_events
from fntx_dagster.store.treasury.proposals import proposals
from fntx_dagster.store.treasury.strategies import strategies
from fntx_dagster.store.treasury.transactions import transaction_of
from tests.services.execution.desks import DexDesk
from tests.services.governance.treasuries import decision
from tests.services.transactions.worlds import SIGNERS, XRPL_NAMES
from tests.simulate.xrpl.people import address, wallet

RESUMED = {"reason": "the loss is explained", "desk": "xrpl"}


def row(at: DexDesk) -> DeskRow:
    with at.db.connect() as connection:
        found = desk(connection, address("trading"))
    assert found
    return found


def market(at: DexDesk, price: float) -> None:
    """Everybody takes his offers back, and the maker buys and sells 900 bonds at about this price."""
    for each in at.town.ask("account_offers", account=address("maker"))["offers"]:
        at.town.does("maker", "OfferCancel", OfferSequence=each["seq"])
    at.offer("maker", f"{price * 900 * 0.999:.6f} XRP", "900")
    at.offer("maker", "900", f"{price * 900 * 1.001:.6f} XRP")


def test_a_loss_above_five_percent_halts_and_no_gain_ends_that(desk: DexDesk) -> None:
    desk.lives()
    market(desk, 5)  # the desk has 10,000 XRP and 1,000 bonds: 15,000
    strategy = desk.start(batch=1)
    desk.turn(60)
    market(desk, 4)
    assert desk.advance().stand.row.state == "halted"  # 14,000: a loss of 6.7 %
    assert desk.advance().sent == 0
    market(desk, 9)
    stand = desk.advance().stand
    assert (stand.row.state, stand.loss_pct) == ("halted", 0)
    with pytest.raises(TradingStopped, match="halted"):
        desk.start()
    assert [each.state for each in desk.slices(strategy)][1:] == ["planned"] * 3
    desk.decided("breaker.reset", RESUMED, "treasury")
    assert desk.advance().stand.row.state == "halted"  # one signer is not enough
    desk.decided("breaker.reset", RESUMED, "treasury", "trustee")
    stand = desk.advance().stand
    assert (stand.row.state, stand.loss_pct) == ("active", 0)
    assert stand.row.equity_start == stand.row.equity  # not that of the morning


def test_what_is_lost_between_two_days_is_a_loss_of_the_day_before(desk: DexDesk) -> None:
    desk.lives()
    market(desk, 5)
    assert desk.advance().stand.row.state == "active"
    market(desk, 2)  # 12,000 of 15,000, before anybody looks again
    desk.close(86_400)
    first = desk.advance().stand
    assert (first.row.state, first.loss_pct) == ("killed", 0)
    assert first.row.equity_start == first.row.equity
    assert row(desk).state == "killed"
    with desk.db.connect() as connection:
        [event] = [each for each in desk_events(connection, address("trading")) if each["event"] == "killed"]
    assert "a loss of 20.0" in event["reason"]
    assert " % since 20" in event["reason"]


def test_a_day_that_begins_counts_its_losses_anew(desk: DexDesk) -> None:
    desk.lives()
    for price in (5, 4.6, 4.2):  # each day less than 5 %, both together more
        market(desk, price)
        assert desk.advance().stand.row.state == "active"
        desk.close(86_400)
        assert desk.advance().stand.loss_pct == 0


def test_resuming_rebases_the_equity_or_the_same_loss_would_stop_again(desk: DexDesk) -> None:
    desk.lives()
    market(desk, 5)
    desk.advance()
    market(desk, 2)
    assert desk.advance().stand.row.state == "killed"  # 12,000 of 15,000
    desk.decided("breaker.reset", RESUMED, "treasury", "trustee")
    for _ in range(2):
        assert desk.advance().stand.row.state == "active"
    with desk.db.connect() as connection:
        events = [each["event"] for each in desk_events(connection, address("trading"))]
    assert events == ["resumed", "killed", "limits"]


def test_one_signer_kills_and_every_offer_that_rests_is_cancelled(desk: DexDesk) -> None:
    desk.lives()
    market(desk, 5)
    strategy = desk.start(strategy="limit", limit_price="6", slices=1)
    desk.turn(60)
    desk.close()
    desk.advance()
    assert len(desk.town.ask("account_offers", account=address("trading"))["offers"]) == 1
    other = desk.start(batch=1)
    desk.advance()
    desk.people_decide()
    desk.advance()
    assert desk.people_sign() == 1
    desk.decided("trade.kill", {"reason": "prices are wrong", "desk": "xrpl"}, "compliance")
    [signed] = desk.proposals("ready")
    with pytest.raises(TradingStopped, match="killed"):  # signed, and not sent any more by any way of ours
        submit(desk.settings, desk.db, signed.proposal_id)
    desk.advance()
    [cancels] = desk.proposals("pending_approval")
    assert '"op":"offer.cancel"' in cancels.payload
    desk.advance()
    assert len(desk.proposals("pending_approval")) == 1  # once
    desk.people_decide()
    desk.advance()
    assert desk.people_sign() == 1
    assert desk.advance().sent == 1
    desk.close()
    desk.advance()
    assert desk.town.ask("account_offers", account=address("trading"))["offers"] == []
    assert row(desk).state == "killed"
    assert {each.filled for each in desk.slices(other) + desk.slices(strategy)} == {0}
    with pytest.raises(TradingStopped, match="killed"):
        desk.start()


def test_what_would_stop_or_resume_nothing_is_not_proposed(desk: DexDesk) -> None:
    wrong = {"reason": "prices are wrong", "desk": "xrpl"}
    for kind, payload in (("trade.kill", wrong), ("breaker.reset", RESUMED)):
        with pytest.raises(StepImpossible, match="there is no desk"):
            desk.decided(kind, payload)
    desk.lives()
    with pytest.raises(StepImpossible, match="nothing to resume"):
        desk.decided("breaker.reset", RESUMED)
    desk.decided("trade.kill", wrong, "compliance")
    with pytest.raises(StepImpossible, match="killed already: prices are wrong"):
        desk.decided("trade.kill", wrong)
    desk.decided("breaker.reset", RESUMED, "treasury", "trustee")
    assert row(desk).state == "active"


def test_a_cancellation_that_ended_is_asked_for_again_while_its_offer_rests(desk: DexDesk) -> None:
    desk.lives()
    market(desk, 5)
    desk.start(strategy="limit", limit_price="6", slices=1)
    desk.turn(60)
    desk.close()
    desk.advance()
    desk.decided("trade.kill", {"reason": "prices are wrong", "desk": "xrpl"}, "compliance")
    desk.advance()
    desk.people_decide()
    desk.advance()
    [prepared] = desk.proposals("prepared")
    cancel(desk.settings, desk.db, prepared.proposal_id, "signed by nobody")
    desk.advance()
    [again] = desk.proposals("pending_approval")
    assert '"op":"offer.cancel"' in again.payload


def test_a_person_halts_one_strategy_for_good_or_the_desk(desk: DexDesk) -> None:
    desk.lives()
    market(desk, 5)
    one, other = desk.start(batch=1), desk.start(batch=1)
    halt(desk.settings, desk.db, one, "it was a mistake")
    desk.turn(60)
    assert desk.slices(one)[0].state == "planned"
    assert desk.slices(other)[0].state == "asked"
    halt(desk.settings, desk.db, None, "the market is closed")
    assert row(desk).state == "halted"
    with pytest.raises(Permanent, match="halted already"):
        halt(desk.settings, desk.db, None, "again")
    desk.decided("breaker.reset", RESUMED, "treasury", "trustee")
    with desk.db.connect() as connection:
        states = {each.strategy_id: each.state for each in strategies(connection, address("trading"))}
    assert states == {one: "halted", other: "running"}


def test_limits_count_what_is_asked_for_and_not_yet_traded(desk: DexDesk) -> None:
    desk.lives(max_daily_volume="700", max_slippage_pct="5")
    market(desk, 5)
    desk.start(slices=1, batch=1)  # 100 bonds at about 5 XRP
    desk.advance()
    with pytest.raises(OrderRefused, match="daily_volume"):
        desk.start(slices=1, batch=1)
    desk.start(slices=1, batch=1, quantity="30")


def test_an_order_that_slips_too_far_is_refused_with_every_reason(desk: DexDesk) -> None:
    desk.lives(max_single_order="10", max_slippage_pct="0.01")
    market(desk, 5)
    with pytest.raises(OrderRefused) as refused:
        desk.start(slices=1)
    assert refused.value.decision.reasons == ("max_single_order", "slippage")


def test_limits_are_what_three_signers_approved(desk: DexDesk) -> None:
    desk.lives()
    assert row(desk).limits["max_open_orders"] == 50
    with pytest.raises(Permanent, match="max_open_orders"):
        desk.lives(max_open_orders="50")
    with pytest.raises(Permanent, match="no field"):
        desk.lives(max_losses="1")


def test_tickets_that_a_batch_lacks_are_proposed_once(desk: DexDesk) -> None:
    free = desk.town.ask("account_objects", account=address("trading"), type="ticket")["account_objects"]
    for each in free[3:]:  # three are left
        desk.town.does("trading", "AccountSet", Sequence=0, TicketSequence=each["TicketSequence"])
    desk.lives(max_slippage_pct="20")
    market(desk, 5)
    desk.start(slices=5, batch=5)
    desk.advance()
    desk.people_decide()
    first, again = desk.advance(), desk.advance()
    assert "lacks 2 tickets" in first.problems[0]
    assert "under way" in again.problems[0]
    with desk.db.connect() as connection:
        [asked] = [row for row in proposals(connection, ("pending_approval",)) if row.kind == "account.configure"]
    assert f"{asked.proposal_id}" in first.problems[0]
    for signer in SIGNERS:
        decide(desk.settings, desk.db, asked.proposal_id, decision(desk.db, asked.proposal_id, signer))
    prepare(desk.settings, desk.db, asked.proposal_id)
    with desk.db.connect() as connection:
        tx = transaction_of(connection, asked.proposal_id)
    assert tx
    for each in ("treasury", "trustee", "compliance"):
        blob = sign(Transaction.from_blob(tx.unsigned), wallet(XRPL_NAMES[each]), multisign=True).blob()
        with suppress(FntxError):  # two are enough
            import_part(desk.settings, desk.db, blob.encode())
    submit(desk.settings, desk.db, asked.proposal_id)
    desk.close()
    confirm(desk.settings, desk.db, asked.proposal_id)
    assert desk.advance().problems == []
    assert desk.people_sign() == 5
