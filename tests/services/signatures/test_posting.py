"""Several accounts and one queue each: what hinders an account hinders no other, and posting says what it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.adapters.evm.transport import EvmTransport
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import Period
from fntx_dagster.outbox import turns
from fntx_dagster.services.signatures import posting
from fntx_dagster.services.signatures.posting import disagreements, held_by, policy_of, post, resubmit
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox import nonces, sendings
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days
from tests import by_hand

ONE, OTHER = "U7000001", "U7000002"
DAYS = [date(2025, 7, day) for day in (14, 15, 16)]
FIRST, LAST = DAYS[0], DAYS[-1]


@pytest.fixture
def signed(built: Database, settings: Settings) -> Database:
    """Two accounts with three signed days."""
    for day in DAYS:
        by_hand.build(built, ONE, day)
        by_hand.build(built, OTHER, day)
    sign(settings, built, Period(FIRST, LAST))
    return built


def hindering(monkeypatch: pytest.MonkeyPatch, trader: str, error: Exception) -> None:
    steps = posting.sending_steps

    def sending_steps(transport: EvmTransport, *arguments: Any) -> Iterator[float]:
        if transport.signer.address == trader:
            raise error
        yield from steps(transport, *arguments)

    monkeypatch.setattr(posting, "sending_steps", sending_steps)


def test_an_account_that_has_to_wait_holds_no_other_up(
    signed: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    hindering(monkeypatch, chain.trader(ONE).address, Transient("a transaction is still in progress"))
    with pytest.raises(Transient, match="still in progress"):
        post(settings, signed, chain, Period(FIRST, LAST))
    assert {record.account_id for record in unfinished(signed)} == {ONE}
    assert len(posted_days(signed, Period(FIRST, LAST), OTHER)) == 3


def test_an_account_without_funds_stops_at_its_first_day_that_waits(
    signed: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(settings, signed, chain, Period.on(FIRST))
    hindering(monkeypatch, chain.trader(ONE).address, Permanent("it holds 0 FNTX"))
    done = post(settings, signed, chain, Period(FIRST, LAST))
    assert [(refusal.account_id, refusal.day) for refusal in done.refused] == [(ONE, DAYS[1])]
    assert len(done.new) == 2


def test_failed_records_are_resubmitted_together(signed: Database, settings: Settings, chain: Chain) -> None:
    with signed.connect() as connection:
        connection.execute("update alm_reporting.chain_postings set state = 'failed', error = 'reverted'")
    done = post(settings, signed, chain, Period(FIRST, LAST), ONE)
    assert [refusal.day for refusal in done.failed] == DAYS
    assert "fntx signature resubmit" in str(done.failed[0].error)
    assert resubmit(signed, ONE, Period(FIRST, LAST)) == DAYS
    with pytest.raises(Permanent, match="wait for the chain already"):
        resubmit(signed, ONE, Period(FIRST, LAST))
    [transaction] = {posted.tx_hash for posted in post(settings, signed, chain, Period(FIRST, LAST), ONE).new}
    assert transaction
    with pytest.raises(Permanent, match="no record of 2025-07-14 has failed"):
        resubmit(signed, ONE, Period.on(FIRST))


def test_a_day_posted_to_an_earlier_contract_is_left_there_and_a_new_one_is_posted_here(
    signed: Database, settings: Settings, chain: Chain
) -> None:
    post(settings, signed, chain, Period(FIRST, LAST))
    later = LAST + timedelta(days=1)
    with signed.connect() as connection:  # as if the first days had gone to an earlier chain of this home
        connection.execute("alter table alm_reporting.daily_signatures disable trigger all")
        connection.execute("""update alm_reporting.daily_signatures set record = record || '{"contract": "0x11"}'""")
    by_hand.build(signed, ONE, later)
    sign(settings, signed, Period.on(later), ONE)
    done = post(settings, signed, chain, Period(FIRST, later), ONE)
    assert [posted.trading_day for posted in done.new] == [later]
    assert done.refused == []


def test_a_contract_that_holds_another_root_than_ours_is_named(
    signed: Database, settings: Settings, chain: Chain
) -> None:
    post(settings, signed, chain, Period(FIRST, LAST))
    assert disagreements(signed, chain, held_by(signed, chain)) == []
    with signed.connect() as connection:
        connection.execute("alter table alm_reporting.daily_signatures disable trigger all")
        connection.execute(
            "update alm_reporting.daily_signatures set root = %s where trading_day = %s and account_id = %s",
            (b"\x77" * 32, DAYS[1], ONE),
        )
    [(receipt, held)] = disagreements(signed, chain, held_by(signed, chain))
    assert (receipt.account_id, receipt.trading_day) == (ONE, DAYS[1])
    assert "ours is 0x7777" in held


def test_two_machines_do_not_send_for_one_key_at_once(
    signed: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.1)
    trader = chain.trader(ONE).address
    with nonces.turn_of(signed, trader), pytest.raises(Transient, match="another process is sending"):
        post(settings, signed, chain, Period(FIRST, LAST))
    assert {record.account_id for record in unfinished(signed)} == {ONE}


def test_a_journal_lets_its_own_sender_enter_the_turn_again_and_nobody_else(
    signed: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.1)
    who = (ONE, chain.chain_id, chain.contract, chain.trader(ONE).address, Period(FIRST, LAST))
    journal, other = sendings.SendingJournal(signed, *who), sendings.SendingJournal(signed, *who)
    with journal.turn(), journal.turn():
        pass
    with journal.turn():
        with journal.turn():
            pass
        with pytest.raises(Transient, match="another process is sending"), other.turn():
            pass
    with other.turn():
        pass


def test_a_node_that_lags_shows_no_other_root_than_ours(
    signed: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(settings, signed, chain, Period.on(FIRST), ONE)
    held = held_by(signed, chain)
    [(trader, (first, last, records))] = [(trader, of) for trader, of in held.items() if of.records]
    newer = {day: record._replace(version=2) for day, record in records.items()}
    ahead = held | {trader: posting.HeldRecords(first, last, newer)}
    assert disagreements(signed, chain, ahead) == []
    monkeypatch.setattr(chain, "version_of", lambda *_: None)
    with pytest.raises(Transient, match="shows version 2 of 2025-07-14 and no version 1"):
        disagreements(signed, chain, ahead)


def test_the_policy_and_the_confirmations_are_the_settings(
    signed: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Settings(
        home=settings.home,
        posting={"fee_cap_gwei": "1.5", "modest_tip_gwei": "0.25", "batch": 7, "stuck_after": 4, "mined_within": 5},
        chain={"confirmations": 3},
    )
    assert policy_of(chosen)[:3] == (7, 4, 5)
    assert (chosen.posting.fee_cap, chosen.posting.modest_tip) == (1_500_000_000, 250_000_000)
    made: list[EvmTransport] = []
    monkeypatch.setattr(posting, "sending_steps", lambda transport, *_: made.append(transport) or iter(()))
    monkeypatch.setattr(chain, "is_embedded", False)
    post(chosen, signed, chain, Period.on(FIRST), ONE)
    assert [transport.confirmations for transport in made] == [3]


def test_a_run_that_would_end_before_it_came_to_raise_a_fee_is_refused(settings: Settings) -> None:
    with pytest.raises(Permanent, match="no fee would ever be raised"):
        policy_of(Settings(home=settings.home, posting={"mined_within": 60}))
