"""The writer of the stream: what cannot be written is set aside, and while the database is away little is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.live import Following, Heard, HeardCommission, HeardFill, HeardPnl, HeardValues
from fntx_dagster.model.snapshot import MarkedPosition
from fntx_dagster.services.live.waiting import compacted
from fntx_dagster.services.live.writing import EventWriter
from fntx_dagster.simulate.gateway_accounts import ACCOUNT, QUARTER_PAST_TEN
from fntx_dagster.store.database import Database
from tests.live_parts import fills, kinds, stored, until

OTHER = "U2000002"
VALUES = HeardValues("USD", Decimal(100), Decimal(90), None, None, None, None, None)


def contract(name: str = "SPY") -> Contract:
    return Contract(name, name, name, "STK")


def heard(second: int, account: str = ACCOUNT, **said: object) -> Heard:
    at = QUARTER_PAST_TEN + timedelta(seconds=second)
    return Heard(account, at, at)._replace(**said)


def fill(name: str, symbol: str = "SPY") -> HeardFill:
    return HeardFill(f"{name}.01", QUARTER_PAST_TEN, contract(symbol), "USD", Decimal(1), Decimal(2))


def pnl(daily: int) -> HeardPnl:
    return HeardPnl(Decimal(daily), None, None)


@pytest.fixture
def writer(database: Database) -> Iterator[EventWriter]:
    opened = EventWriter(database)
    yield opened
    opened.close()


def test_an_event_that_the_database_refuses_is_set_aside_and_holds_no_account_up(
    database: Database, writer: EventWriter, caplog: pytest.LogCaptureFixture
) -> None:
    poisoned = fill("bad", "SP\0Y")
    writer.add(heard(1, fills=(fill("a"), poisoned, fill("b"))))
    writer.add(heard(2, OTHER, fills=(fill("c"),), pnl=pnl(1)))
    until(lambda: len(fills(database)) == 3 and "pnl" in kinds(database))
    assert sorted(fills(database)) == ["a.01", "b.01", "c.01"]
    (said,) = [record.getMessage() for record in caplog.records if "set aside" in record.getMessage()]
    assert said.startswith("a fill of U…0001 is set aside")
    assert ACCOUNT not in caplog.text


def test_words_of_which_no_event_can_be_made_are_set_aside(
    database: Database, writer: EventWriter, caplog: pytest.LogCaptureFixture
) -> None:
    writer.add(heard(1, fills=(fill("a")._replace(at="yesterday"),)))
    writer.add(heard(2, fills=(fill("b"),)))
    until(lambda: fills(database))
    assert fills(database) == ["b.01"]
    assert "what U…0001 says is set aside" in caplog.text


def test_while_the_database_is_away_facts_are_kept_and_of_each_state_the_newest(
    database: Database, writer: EventWriter
) -> None:
    with database.connect() as connection:
        connection.execute("alter table live.events rename to gone")
        connection.commit()
        for second in range(500):
            writer.add(heard(second, fills=(fill(f"{second // 2}"),), values=VALUES, pnl=pnl(second)))
        until(lambda: len(writer._heard) + len(writer._facts) <= 251)
        connection.execute("alter table live.gone rename to events")
    until(lambda: len(fills(database)) == 250)
    until(lambda: "pnl" in kinds(database))
    assert [event.body["daily"] for event in kinds(database)["pnl"]] == ["499"]
    assert len({event.key for event in stored(database) if event.kind == "fill"}) == 250


def test_what_is_left_of_many_words_are_the_facts_once_and_the_newest_states_at_their_own_times() -> None:
    spy, qqq = (
        MarkedPosition(contract(name), Decimal(1), "USD", Decimal(1), Decimal(1), Decimal(1)) for name in ("SPY", "QQQ")
    )
    charged = HeardCommission("a.01", QUARTER_PAST_TEN, Decimal(-1), "USD", None)
    words = [
        heard(1, state=Following.FOLLOWING, values=VALUES, positions=(spy, qqq), whole=True),
        heard(2, fills=(fill("a"),), pnl=pnl(1), positions=(spy,)),
        heard(3, fills=(fill("a"),), commissions=(charged,), pnl=pnl(2)),
        heard(4, commissions=(charged,), positions=(spy,)),
        heard(5, state=Following.CUT_OFF),
    ]
    assert compacted(words) == [
        words[0]._replace(state=None),
        words[1]._replace(pnl=None, positions=()),
        words[2]._replace(fills=()),
        words[3]._replace(commissions=()),
        words[4],
    ]
    assert compacted([]) == []
    assert compacted([heard(1, pnl=pnl(1)), heard(2, pnl=pnl(2))]) == [heard(2, pnl=pnl(2))]
    closed = heard(3, positions=(qqq,), whole=True)
    assert compacted([words[0]._replace(state=None, values=None), closed]) == [closed]
