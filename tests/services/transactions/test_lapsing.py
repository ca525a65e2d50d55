"""Transactions whose time is over, and whose sequence something else used: what is certain ends, what is not waits."""

from __future__ import annotations

import pytest
from stellar_sdk import ManageData

from fntx_dagster.adapters.stellar.horizon import Horizon
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.transactions import on_stellar, on_xrpl
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.simulate.horizon.transactions import decoded
from tests.services.transactions.desks import TWO, SigningDesk
from tests.services.transactions.walks import walked
from tests.simulate.horizon.parts import PEOPLE, TREASURY
from tests.simulate.horizon.parts import Desk as StellarPeople

LIFETIME = 5


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is prepared can get into the next few ledgers only."""
    monkeypatch.setattr(on_xrpl, "LEDGERS_TO_WAIT", LIFETIME)
    monkeypatch.setattr(on_stellar, "SECONDS_TO_WAIT", LIFETIME)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("state", ["pending_signature", "partially_signed", "ready_to_submit", "submitted"])
def test_a_transaction_that_no_ledger_can_hold_any_more_expires_with_its_proposal(
    at_both: SigningDesk, state: str
) -> None:
    proposal = at_both.prepared()
    signers = {"pending_signature": (), "partially_signed": TWO[:1]}.get(state, TWO)
    for signer in signers:
        at_both.signed(proposal, signer)
    if state == "submitted":
        at_both.loses_submissions(2)
        submit(at_both.settings, at_both.db, proposal)
    assert at_both.states(proposal)[1] == state
    assert at_both.settled(proposal).state == state
    at_both.close(LIFETIME + 3)
    assert at_both.settled(proposal).state == "expired"
    assert at_both.states(proposal) == ("expired", "expired")
    again = at_both.ready()  # nobody signs the old one anew: this is another proposal, and has its sequence
    assert at_both.row(again).sequence == at_both.row(proposal).sequence
    submit(at_both.settings, at_both.db, again)
    at_both.close()
    assert at_both.settled(again).state == "confirmed"
    assert at_both.paid() == 1
    assert [walked(at_both.settings, at_both.db)[str(each)].steps[-1] for each in (proposal, again)] == [
        "lapse",
        "confirm",
    ]


@pytest.mark.usefixtures("_short")
def test_a_history_that_begins_late_lets_nothing_expire(at_both: SigningDesk) -> None:
    proposal = at_both.ready()
    submit(at_both.settings, at_both.db, proposal)
    at_both.close(LIFETIME + 3)
    late = at_both.row(proposal).prepared_ledger + 3
    forgets = pytest.MonkeyPatch()
    if at_both.xrpl:
        at_both.xrpl.fail(late_history=late)
    else:
        # as a Horizon answers whose history is shorter than the ledger's
        forgets.setattr(Horizon, "check_network", lambda _: late)
        forgets.setattr(Horizon, "transaction", lambda *_: None)
    assert at_both.settled(proposal).state == "submitted"
    assert at_both.states(proposal) == ("submitted", "submitted")
    forgets.undo()
    if at_both.xrpl:
        at_both.xrpl.fail(late_history=1)
    assert at_both.settled(proposal).state == "confirmed"
    assert at_both.paid() == 1


def test_the_turn_of_one_that_was_cancelled_is_taken_by_the_next_and_holds_up_none(at_both: SigningDesk) -> None:
    first, second, third = at_both.prepared("1"), at_both.ready("2"), at_both.ready("4")
    turns = [at_both.row(each).sequence or 0 for each in (first, second, third)]
    assert turns == [turns[0], turns[0] + 1, turns[0] + 2]
    cancel(at_both.settings, at_both.db, first, "withdrawn")
    fourth = at_both.ready("8")
    assert at_both.row(fourth).sequence == turns[0]
    for proposal in (fourth, second, third):
        submit(at_both.settings, at_both.db, proposal)
        at_both.close()
        assert at_both.settled(proposal).state == "confirmed"
    assert at_both.paid() == 2 + 4 + 8


def test_what_waits_for_signatures_though_its_turn_is_used_says_so_and_a_person_decides(at_both: SigningDesk) -> None:
    proposal = at_both.prepared()
    at_both.signed(proposal, "treasury")
    assert at_both.settled(proposal).words == "it waits for signatures"
    if at_both.town:
        assert at_both.town.does("issuer", "AccountSet", by=("s1", "s3")) == "tesSUCCESS"
    else:
        _does(at_both, ManageData("note", b"1"))
    settled = at_both.settled(proposal)
    assert (settled.state, at_both.states(proposal)) == ("partially_signed", ("signing", "partially_signed"))
    assert "its sequence or its ticket is used" in settled.words
    cancel(at_both.settings, at_both.db, proposal, "another transaction used its sequence")
    assert at_both.states(proposal) == ("cancelled", "cancelled")


def _does(desk: SigningDesk, operation: ManageData) -> None:
    """Let the account do something else on Stellar, signed by two."""
    assert desk.network
    people = StellarPeople()
    people.network = desk.network
    envelope = people.build(TREASURY, operation, maximum=2**31)
    for each in PEOPLE[:2]:
        envelope.sign(each)
    assert desk.network.submit(decoded(envelope.to_xdr(), desk.network.passphrase)).status == "PENDING"
    desk.network.close()
