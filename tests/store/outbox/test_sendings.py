"""The outbox's journal on a real PostgreSQL: what it says after each step, and what outlives a killed process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Thread

import psycopg
import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.model.chain import Call, Fees, Mined, PostedDay, QueuedRecord, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Place
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox import nonces, sendings
from fntx_dagster.store.outbox.sendings import RecordSending, SendingJournal, unfinished
from fntx_dagster.store.outbox.signatures import freeze, posted_days

ACCOUNT, TRADER, CONTRACT, CHAIN = "U7000001", "0x" + "ab" * 20, "0x" + "cd" * 20, 2**70
DAYS = [date(2025, 7, 16), date(2025, 7, 17), date(2025, 7, 18)]
ATTEMPT = Attempt("0x" + "01" * 32, b"raw", Fees(2**65, 3), False)
CALL = Call(b"call", 100_000)


def record(day: date, version: int = 1) -> SignedDay:
    later = {"previous_root": b"\x01" * 32, "reason": "corrected"} if version > 1 else {}
    return SignedDay(
        ACCOUNT, day, version, b"\x22" * 32, bytes([version]) * 32, CHAIN, CONTRACT, TRADER, "mark", 2, {}, **later
    )


def mined(*days: date, block: int = 7, tx_hash: str = ATTEMPT.reference) -> Mined:
    written = tuple(days)  # how many is all that a receipt keeps of them
    return Mined(tx_hash, block, "0x" + f"{block:02x}" * 32, 90_000, datetime.now(UTC), Decimal(10), written)


@pytest.fixture
def journal(database: Database) -> SendingJournal:
    """The journal of a trader with three records queued."""
    freeze(database, [record(day) for day in DAYS])
    return SendingJournal(database, ACCOUNT, CHAIN, CONTRACT, TRADER, Period(DAYS[0], DAYS[-1]))


def states(db: Database) -> list[str]:
    return [record.state for record in unfinished(db)]


def prepared(journal: SendingJournal, count: int = 2) -> RecordSending:
    return journal.prepare(5, CALL, tuple(journal.queued()[:count]))


def see(journal: SendingJournal, sending: RecordSending, receipt: Mined) -> None:
    journal.seen(sending, Place(receipt.block_number, receipt.block_hash, receipt.tx_hash), receipt)


def test_a_record_is_queued_when_it_is_frozen_and_only_once(database: Database, journal: SendingJournal) -> None:
    assert [entry.day for entry in journal.queued()] == DAYS
    assert freeze(database, [record(DAYS[0])]) == []
    assert states(database) == ["queued"] * 3


def test_an_amended_record_is_queued_with_what_it_replaces(database: Database, journal: SendingJournal) -> None:
    freeze(database, [record(DAYS[0], version=2)])
    assert journal.queued()[1] == QueuedRecord(DAYS[0], 2, b"\x22" * 32, b"\x02" * 32, b"\x01" * 32, "corrected")


def test_a_journal_of_a_range_sees_no_other_day(database: Database, journal: SendingJournal) -> None:
    narrow = SendingJournal(database, ACCOUNT, CHAIN, CONTRACT, TRADER, Period.on(DAYS[1]))
    assert [entry.day for entry in narrow.queued()] == [DAYS[1]]


def test_a_sending_goes_through_its_states_with_its_records(database: Database, journal: SendingJournal) -> None:
    sending = prepared(journal)
    assert states(database) == ["signed", "signed", "queued"]
    sending = journal.keep(sending, ATTEMPT)
    assert journal.sendings() == [sending]
    journal.sent(sending, ATTEMPT.reference)
    assert journal.sendings()[0].attempts[0].is_sent
    assert states(database) == ["broadcast", "broadcast", "queued"]
    see(journal, sending, mined(*DAYS[:2]))
    assert journal.sendings()[0].seen == (7, "0x" + "07" * 32, ATTEMPT.reference)
    assert [
        (posted.trading_day, posted.records, posted.is_final) for posted in posted_days(database, Period(*DAYS[::2]))
    ] == [
        (DAYS[0], 2, False),
        (DAYS[1], 2, False),
    ]
    journal.final(sending)
    assert journal.sendings() == []
    assert states(database) == ["queued"]
    assert all(posted.is_final for posted in posted_days(database, Period(*DAYS[::2])))


def test_a_receipt_is_noted_once_when_it_becomes_final_and_is_not_final_where_that_fails(
    database: Database, journal: SendingJournal
) -> None:
    noted: list[PostedDay] = []

    def note(_: object, posted: Sequence[PostedDay]) -> None:
        noted.extend(posted)
        if len(noted) == 2 and is_failing:
            raise RuntimeError

    noting = SendingJournal(database, ACCOUNT, CHAIN, CONTRACT, TRADER, Period(DAYS[0], DAYS[-1]), note)
    sending = noting.keep(prepared(noting), ATTEMPT)
    see(noting, sending, mined(*DAYS[:2]))
    assert noted == []
    is_failing = True
    with pytest.raises(RuntimeError):
        noting.final(sending)
    assert not any(posted.is_final for posted in posted_days(database, Period(*DAYS[::2])))
    is_failing, noted[:] = False, []
    noting.final(sending)
    assert noted == posted_days(database, Period(DAYS[0], DAYS[1]))
    for is_final in (False, True, True):
        noting.adopt(QueuedRecord(DAYS[2], 1, b"", b""), mined(DAYS[2], block=9), is_final)
    assert noted == posted_days(database, Period(DAYS[0], DAYS[-1]))


def test_what_a_reorg_undid_is_open_again_and_has_no_receipt(database: Database, journal: SendingJournal) -> None:
    sending = journal.keep(prepared(journal), ATTEMPT)
    see(journal, sending, mined(*DAYS[:2]))
    assert journal.reopen(journal.sendings()[0]).seen is None
    assert posted_days(database, Period(*DAYS[::2])) == []
    assert journal.sendings()[0].attempts[0].raw == b"raw"
    see(journal, sending, mined(*DAYS[:2], block=9))
    assert {posted.block_number for posted in posted_days(database, Period(*DAYS[::2]))} == {9}


def test_a_released_nonce_may_be_taken_again_and_its_records_wait_again(
    database: Database, journal: SendingJournal
) -> None:
    journal.release(prepared(journal), "another transaction took the nonce")
    assert states(database) == ["queued"] * 3
    assert prepared(journal).slot == 5


def test_a_nonce_is_taken_once(journal: SendingJournal) -> None:
    prepared(journal)
    with pytest.raises(Transient, match="another process is sending"):
        prepared(journal, 1)


def test_a_record_that_another_process_took_is_not_taken_again(journal: SendingJournal) -> None:
    entries = tuple(journal.queued())
    prepared(journal, 3)
    with pytest.raises(Transient, match="another process is sending"):
        journal.prepare(6, CALL, entries)
    assert [sending.slot for sending in journal.sendings()] == [5]


def test_a_failed_sending_waits_for_a_person_who_queues_it_again(database: Database, journal: SendingJournal) -> None:
    journal.fail(prepared(journal), "RecordExists")
    assert [(record.state, record.error) for record in unfinished(database)][:2] == [("failed", "RecordExists")] * 2
    assert journal.sendings() == []
    sendings.queue_again(database, ACCOUNT, DAYS[0], 1)
    assert states(database) == ["queued", "failed", "queued"]


def test_what_is_on_its_way_is_not_queued_again(database: Database, journal: SendingJournal) -> None:
    sending = journal.keep(prepared(journal), ATTEMPT)
    sendings.queue_again(database, ACCOUNT, DAYS[0], 1)
    assert states(database) == ["signed", "signed", "queued"]
    assert len(journal.sendings()[0].entries) == len(sending.entries) == 2


def test_a_record_that_the_chain_holds_already_is_final_with_its_receipt(
    database: Database, journal: SendingJournal
) -> None:
    journal.adopt(journal.queued()[0], mined(DAYS[0]), True)
    assert [posted.trading_day for posted in posted_days(database, Period(*DAYS[::2]))] == [DAYS[0]]
    assert states(database) == ["queued"] * 2
    journal.refuse(journal.queued()[0], "another root")
    assert states(database) == ["failed", "queued"]


def test_each_state_becomes_one_event_and_a_listener_is_notified(database: Database, journal: SendingJournal) -> None:
    with psycopg.connect(database.url, autocommit=True) as monitor:
        monitor.execute("LISTEN fntx_signature")
        sending = journal.keep(prepared(journal, 1), ATTEMPT)
        journal.sent(sending, ATTEMPT.reference)
        journal.sent(sending, ATTEMPT.reference)
        see(journal, sending, mined(DAYS[0]))
        journal.final(sending)
        events = [int(note.payload) for note in monitor.notifies(timeout=5, stop_after=4)]
        rows = monitor.execute(
            "select state from alm_reporting.signature_events where event_id = any(%s) order by event_id", (events,)
        )
        assert [state for (state,) in rows] == ["signed", "broadcast", "mined", "final"]


def test_one_sender_has_the_turn_of_a_key_whatever_machine_it_runs_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.3)
    refused = []

    def second() -> None:
        try:
            with nonces.turn_of(database, TRADER.upper().replace("X", "x")):
                pass
        except Transient as error:
            refused.append(error)

    with nonces.turn_of(database, TRADER):
        thread = Thread(target=second)
        thread.start()
        thread.join()
    assert "another process is sending" in str(refused[0])
    with nonces.turn_of(database, TRADER):
        pass


def test_what_statistics_are_made_of_is_the_latest_final_version(database: Database, journal: SendingJournal) -> None:
    values = {
        "base_currency": int.from_bytes(b"HKD", "big"),
        "closing_nav_official": 10**17,
        "net_pnl": -125 * 10**7,
        "implied_turnover": None,
    }
    later = [record(day)._replace(values=values) for day in (DAYS[-1] + timedelta(days=3),)]
    freeze(database, later)
    wide = SendingJournal(database, ACCOUNT, CHAIN, CONTRACT, TRADER, Period.on(later[0].trading_day))
    wide.adopt(wide.queued()[0], mined(later[0].trading_day), True)
    with database.connect() as connection:
        rows = connection.execute(
            "select trading_day, base_currency, closing_nav_official, net_pnl from alm_reporting.aggregation_input"
        ).fetchall()
    assert rows == [(later[0].trading_day, "HKD", Decimal(10**9), Decimal("-12.5"))]
