"""The WebSocket of the stream, over real sockets: what each visitor gets, from where, once; and who is sent away."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from typing import Any, LiteralString

import psutil
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from fntx_dagster.api.serving import served
from fntx_dagster.errors import Transient
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.live import Heard, HeardFill
from fntx_dagster.services.live.stream import Stream
from fntx_dagster.services.live.writing import EventWriter
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.events import NewEvent, append
from fntx_dagster.web import live
from fntx_dagster.web.guard import SiteGuard
from fntx_dagster.web.live import live_endpoint
from tests.live_parts import QUARTER_PAST_TEN as AT
from tests.live_parts import until

MINE, THEIRS, UNNUMBERED, BOOK = "U1000001", "U2000002", "U3000003", "LEDGER-ada-live"
ONE = (Decimal(-1), Decimal("0.10"))
VISITORS = {
    "owner": Visitor("owner", "owner"),
    "ada": Visitor("ada", "trader", frozenset({MINE})),
    "fund": Visitor("fund", "fund", frozenset({THEIRS})),
    "nobody": Visitor("nobody", "fund", frozenset()),
}


class _Visiting:
    """Who visits is what the address says: signing in is somebody else's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["query_string"].decode().rpartition("as=")[2]
        scope.setdefault("state", {})["visitor"] = VISITORS[name]
        await self._app(scope, receive, send)


@pytest.fixture
def address(database: Database) -> Iterator[str]:
    with serving(database) as url:
        yield url


@contextmanager
def serving(database: Database, **ring: int) -> Iterator[str]:
    """The stream of a database with two numbered accounts, served."""
    numbered(database, MINE, THEIRS)
    stream = Stream(database, **ring)
    try:
        app = Starlette(routes=[WebSocketRoute("/live", live_endpoint(stream))])
        with served(SiteGuard(_Visiting(app), None)) as url:
            yield url.replace("http://", "ws://")
    finally:
        stream.close()


def numbered(database: Database, *accounts: str) -> None:
    with database.connect() as connection:
        for number, account in enumerate(accounts):
            connection.execute(
                """with file as (
                    insert into raw_flex.files (sha256, file_name, bytes, delivered) values (%s, 'x', 1, '{}')
                    on conflict do nothing returning file_id
                ) insert into raw_flex.statements (file_id, account_id, from_date, to_date, when_generated, ordinal)
                select file_id, %s, '2025-07-28', '2025-07-28', now(), 0 from file""",
                (f"{number}", account),
            )


def event(kind: str, key: str | None, account: str | None = MINE, is_state: bool = False, **body: Any) -> NewEvent:
    return NewEvent(account, AT.date(), kind, key, AT, AT, is_state, True, body)


def fact(number: int, account: str | None = MINE) -> NewEvent:
    return event("fill", f"{account} {number}", account, number=number, price="0.10")


def nav(number: int) -> NewEvent:
    return event("nav", "", is_state=True, nav=f"{number}")


@contextmanager
def client(address: str, visitor: str = "owner", after: int | None = 0, more: str = "") -> Iterator[Connection]:
    start = "" if after is None else f"after={after}&"
    with connect(f"{address}/live?{start}{more}as={visitor}", max_size=None, max_queue=None) as connection:
        yield connection


def read(connection: Connection, seconds: float = 1.0) -> list[dict[str, Any]]:
    """The events that come until nothing comes for a while."""
    found = []
    try:
        while True:
            said = json.loads(connection.recv(timeout=seconds))
            found += said if isinstance(said, list) else []
    except TimeoutError:
        return found


def some(connection: Connection, number: int, seconds: float = 20) -> list[dict[str, Any]]:
    """So many events."""
    found: list[dict[str, Any]] = []
    while len(found) < number:
        said = json.loads(connection.recv(timeout=seconds))
        found += said if isinstance(said, list) else []
    return found


def closing_code(connection: Connection, seconds: float = 20) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        _read_to_the_end(connection, seconds)
    assert closed.value.rcvd
    return closed.value.rcvd.code


def _read_to_the_end(connection: Connection, seconds: float) -> None:
    while True:
        connection.recv(timeout=seconds)


def test_the_first_message_says_where_the_stream_is_and_then_come_events_with_texts_as_amounts(
    database: Database, address: str
) -> None:
    append(database, [fact(1)])
    with client(address) as connection:
        hello = json.loads(connection.recv(timeout=20))
        assert hello == {"hello": 1, "id": 0, "oldest": 1, "role": "owner"}
        (first,) = some(connection, 1)
    assert first == {
        "id": 1,
        "account": 1,
        "kind": "fill",
        "day": "2025-07-28",
        "as_of": "2025-07-28T14:15:00Z",
        "heard_at": "2025-07-28T14:15:00Z",
        "provisional": True,
        "body": {"number": 1, "price": "0.10"},
    }


def test_without_a_number_a_client_follows_from_now_on(database: Database, address: str) -> None:
    append(database, [fact(1)])
    with client(address, after=None) as connection:
        assert json.loads(connection.recv(timeout=20))["id"] == 1
        append(database, [fact(2)])
        assert [said["id"] for said in some(connection, 1)] == [2]


def test_a_client_that_comes_back_reads_on_from_its_number(database: Database, address: str) -> None:
    with client(address) as connection:
        append(database, [fact(number) for number in range(10)])
        seen = some(connection, 4)
    append(database, [fact(number) for number in range(10, 20)])
    with client(address, after=seen[-1]["id"]) as connection:
        seen += some(connection, 20 - len(seen))
    assert [said["body"]["number"] for said in seen] == list(range(20))


def test_a_client_behind_the_ring_reads_from_the_table(database: Database) -> None:
    with serving(database, ring=8) as address, client(address, after=None) as early:
        json.loads(early.recv(timeout=20))
        for first in range(0, 2500, 250):
            append(database, [fact(number) for number in range(first, first + 250)])
        with client(address) as late:
            assert [said["body"]["number"] for said in some(late, 2500)] == list(range(2500))
        assert [said["body"]["number"] for said in some(early, 2500)] == list(range(2500))


def test_a_fill_is_told_before_it_is_written_to_who_may_see_it_and_then_with_its_number(
    database: Database, address: str
) -> None:
    writer = EventWriter(database)
    with client(address) as owner, client(address, "fund") as fund, database.connect() as held:
        read(owner)
        held.execute("select pg_advisory_xact_lock(hashtextextended('fntx live events', 0))")
        writer.add(Heard(MINE, AT, AT, fills=(HeardFill("a.01", AT, Contract("1", "SPY", "SPY", "STK"), "USD", *ONE),)))
        soon = _soon(owner)
        held.commit()
        (written,) = some(owner, 1)
        with pytest.raises(TimeoutError):
            _soon(fund, 1)
    writer.close()
    assert soon == [{name: said for name, said in written.items() if name != "id"}]


def _soon(connection: Connection, seconds: float = 20) -> list[dict[str, Any]]:
    """The events of the next message that are not written yet."""
    while "soon" not in (said := json.loads(connection.recv(timeout=seconds))):
        pass
    return said["soon"]


def test_a_client_may_ask_for_another_number_and_for_nothing_else(database: Database, address: str) -> None:
    append(database, [fact(1), fact(2)])
    with client(address, after=2) as connection:
        assert read(connection) == []
        connection.send('{"after": 1}')
        assert [said["id"] for said in some(connection, 1)] == [2]
        connection.send('{"subscribe": "everything"}')
        assert closing_code(connection) == 1008


@pytest.mark.parametrize("text", ["x" * 65, '{"after": -1}', '{"after": 1.5}', "[1]", '{"after": true}', "{", ""])
def test_a_message_that_is_not_understood_or_too_long_ends_the_connection(address: str, text: str) -> None:
    with client(address) as connection:
        connection.send(text)
        assert closing_code(connection) == 1008


def test_a_message_of_a_megabyte_is_not_even_taken_in(address: str) -> None:
    with client(address) as connection:
        connection.send("x" * 1_000_000)
        assert closing_code(connection) == 1009


@pytest.mark.parametrize("query", ["after=-1", "after=x", f"after={2**63}", "accounts=1,x", "accounts=" + "1," * 1001])
def test_an_address_that_cannot_be_read_is_refused(address: str, query: str) -> None:
    with connect(f"{address}/live?{query}&as=owner") as connection:
        assert closing_code(connection) == 1008


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_a_page_of_another_site_gets_no_connection(address: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{address}/live?as=owner", origin=origin)  # pyright: ignore[reportArgumentType]
    assert refused.value.response.status_code == 403


def test_a_page_of_this_site_gets_one(address: str) -> None:
    with connect(f"{address}/live?as=owner", origin=address.replace("ws:", "http:")) as connection:  # pyright: ignore[reportArgumentType]
        assert "hello" in json.loads(connection.recv(timeout=20))


@pytest.mark.parametrize(
    ("visitor", "shown"),
    [
        ("owner", ["mine", "theirs", "book", "system"]),
        ("ada", ["mine", "book"]),
        ("fund", ["theirs"]),
        ("nobody", []),
    ],
)
def test_a_visitor_gets_what_he_may_see_and_nothing_else(
    database: Database, address: str, visitor: str, shown: list[str]
) -> None:
    whose = {"mine": MINE, "theirs": THEIRS, "unnumbered": UNNUMBERED, "book": BOOK, "system": None}
    append(database, [event("fill", name, account, name=name) for name, account in whose.items()])
    with client(address, visitor) as connection:
        assert [said["body"]["name"] for said in read(connection)] == shown
        append(database, [event("fill", f"{name} 2", account, name=name) for name, account in whose.items()])
        assert [said["body"]["name"] for said in read(connection)] == shown


def test_who_sees_no_names_gets_the_figures_of_an_entry_without_anybody_s_words(
    database: Database, address: str
) -> None:
    words: dict[str, Any] = {
        "description": "JOHN DOE DISBURSEMENT",
        "reason": "asked for by Jane Roe",
        "reversed_by": "jane",
    }
    figures: dict[str, Any] = {"event_type": "withdrawal", "amount": "100", "currency": "USD", "entry_no": 7}
    kinds = ("booking", "trip", "entry")
    append(database, [event(kind, kind, THEIRS, **figures, **words) for kind in kinds])
    with client(address, "fund") as masked, client(address, "owner") as whole:
        assert [(said["kind"], said["body"]) for said in some(masked, 3)] == [(kind, figures) for kind in kinds]
        assert [said["body"] for said in some(whole, 3)] == [figures | words] * 3
        append(database, [event("booking", "later", THEIRS, **figures, **words)])
        assert some(masked, 1)[0]["body"] == figures
        assert some(whole, 1)[0]["body"] == figures | words


def test_no_message_holds_an_account_s_id(database: Database, address: str) -> None:
    append(database, [fact(1), fact(2, THEIRS), fact(3, None)])
    with client(address) as connection:
        assert len(said := some(connection, 3)) == 3
    assert MINE not in json.dumps([each | {"body": {}} for each in said])
    assert [each["account"] for each in said] == [1, 2, None]


def test_only_the_accounts_that_are_asked_for_are_sent(database: Database, address: str) -> None:
    append(database, [fact(1), fact(2, THEIRS), fact(3)])
    with client(address, more="accounts=2&") as connection:
        assert [said["account"] for said in read(connection)] == [2]


def test_of_a_state_a_client_that_is_behind_gets_the_newest_and_every_fact(database: Database, address: str) -> None:
    append(database, [each for number in range(50) for each in (fact(number), nav(number))])
    with client(address) as connection:
        said = read(connection)
    assert [each["body"]["number"] for each in said if each["kind"] == "fill"] == list(range(50))
    assert [each["body"]["nav"] for each in said if each["kind"] == "nav"] == ["49"]
    assert [each["id"] for each in said] == sorted(each["id"] for each in said)


def test_events_of_many_writers_come_in_order_and_none_is_missed(database: Database, address: str) -> None:
    def write(writer: int) -> None:
        for number in range(40):
            append(database, [event("fill", f"{writer} {number}", name=f"{writer} {number}")])

    with client(address) as connection:
        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(6)]
        for thread in threads:
            thread.start()
        said = some(connection, 240)
        for thread in threads:
            thread.join()
    assert [each["id"] for each in said] == sorted(each["id"] for each in said)
    assert len({each["body"]["name"] for each in said}) == 240


def test_a_client_that_never_reads_is_sent_away_and_does_not_hold_the_others_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STALL_SECONDS", 1.0)
    with serving(database) as address, client(address, after=None) as brisk:
        brisk.recv(timeout=20)
        stalled = _handshaken(address)
        began = time.monotonic()
        for first in range(0, 40_000, 1000):
            append(database, [event("fill", f"{n}", text="x" * 400) for n in range(first, first + 1000)])
        assert len(some(brisk, 40_000)) == 40_000
        until(lambda: _is_over(stalled), 30)
        assert time.monotonic() - began < 60
        stalled.close()
        append(database, [fact(1)])
        assert some(brisk, 1)[0]["body"]["number"] == 1


def _handshaken(address: str) -> socket.socket:
    """A client that asks, and never reads."""
    host, _, port = address.removeprefix("ws://").partition(":")
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.connect((host, int(port)))
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    upgrade = f"Host: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
    stalled.sendall(f"GET /live?after=0&as=owner HTTP/1.1\r\n{upgrade}".encode())
    return stalled


def _is_over(stalled: socket.socket) -> bool:
    """Whether the server, which is in this process, has ended a connection that nobody reads."""
    ours = [each for each in psutil.Process().net_connections("tcp4") if each.raddr == stalled.getsockname()]
    return not ours


def test_a_client_that_wakes_up_in_time_reads_why_it_is_sent_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STALL_SECONDS", 0.5)
    for first in range(0, 40_000, 1000):
        append(database, [event("fill", f"{n}", text="x" * 400) for n in range(first, first + 1000)])
    with serving(database) as address:
        stalled = _handshaken(address)
        time.sleep(2)
        received = bytearray()
        stalled.settimeout(20)
        while block := stalled.recv(1 << 20):
            received += block
        stalled.close()
    assert received[-4:-2] == bytes([0x88, 2])  # a closing frame with nothing but its code
    assert int.from_bytes(received[-2:], "big") == 1013


def test_a_connection_lasts_for_a_while_and_the_next_is_asked_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LONGEST_SECONDS", 0.5)
    with serving(database) as address, client(address) as connection:
        assert closing_code(connection) == 1012


def test_the_stream_goes_on_after_its_connections_to_the_database_were_ended(database: Database, address: str) -> None:
    with client(address) as connection:
        append(database, [fact(1)])
        some(connection, 1)
        for number in range(2, 6):
            with database.connect() as ours:
                ours.execute(
                    """select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()"""
                )
            with suppress(Transient):  # a connection of ours was one of them
                append(database, [fact(number)])
            append(database, [fact(number)])
            assert [said["body"]["number"] for said in some(connection, 1)] == [number]


def test_the_stream_says_that_it_is_down_and_goes_on_after_an_error_that_nobody_expected(
    database: Database, address: str
) -> None:
    with client(address) as connection:
        append(database, [fact(1)])
        some(connection, 1)
        _execute(database, "alter table live.events rename to gone; notify fntx_live")
        while not isinstance(said := json.loads(connection.recv(timeout=20)), dict) or said["writers"]["stream"]:
            pass
        _execute(database, "alter table live.gone rename to events")
        append(database, [fact(2)])
        assert [event["body"]["number"] for event in some(connection, 1)] == [2]


def _execute(database: Database, statement: LiteralString) -> None:
    with database.connect() as connection:
        connection.execute(statement)


def test_a_client_hears_which_writers_are_away(database: Database, address: str) -> None:
    from fntx_dagster.store.live.states import beat

    beat(database, f"follow {MINE}", "test")
    beat(database, "relay", "test")
    with database.connect() as connection:
        connection.execute("update live.heartbeats set beat_at = beat_at - interval '1 minute' where task <> 'relay'")
    with client(address, "ada") as followed:
        while not isinstance(said := json.loads(followed.recv(timeout=20)), dict) or not said.get("writers", {}).get(
            "away"
        ):
            pass
        assert said["writers"] == {"stream": True, "ledger": True, "away": [1]}


def test_a_hundred_clients_come_and_go_and_none_is_left(database: Database) -> None:
    numbered(database, MINE)
    stream = Stream(database)
    with served(_Visiting(Starlette(routes=[WebSocketRoute("/live", live_endpoint(stream))]))) as url:
        for _ in range(5):
            with ExitStack() as clients:
                connections = [clients.enter_context(client(url.replace("http:", "ws:"))) for _ in range(20)]
                append(database, [event("fill", f"{time.monotonic()}")])
                for connection in connections:
                    some(connection, 1)
        until(lambda: not stream.is_followed)
    stream.close()
