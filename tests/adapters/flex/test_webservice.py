"""The client against the simulated service: retries, the files that stay, and where the token goes."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from fntx_dagster.adapters.flex.answers import CODES, Document, NoData, NotServed, NotYet, Refused, Retry, TokenRefused
from fntx_dagster.adapters.flex.formats import DayOrder
from fntx_dagster.adapters.flex.service import Download, FlexService, Query
from fntx_dagster.adapters.flex.statements import FlexFile
from fntx_dagster.adapters.flex.webservice import download
from fntx_dagster.errors import FntxError, Permanent, Transient
from fntx_dagster.model.period import Period
from fntx_dagster.simulate import webservice_faults as sim
from fntx_dagster.simulate.documents import document, row, section, statement
from fntx_dagster.simulate.webservice import WebService, serve
from fntx_dagster.simulate.webservice_faults import GET, SEND, Hang
from tests.adapters.flex.clock import FakeClock

TOKEN = "318642957703128465903217"
OTHER_TOKEN = "771122334455667788990011"
TRADES = Query("Trades", "900001")
JULY = Period(date(2025, 7, 1), date(2025, 7, 31))
STATEMENT = document(statement(section("Trades", *(row("Trade", transactionID=str(n)) for n in range(500))))).encode()
LONG = document(statement(section("Trades", *(row("Trade", transactionID=str(n)) for n in range(10_000))))).encode()
"""Longer than what is read at once."""


class Fetching(NamedTuple):
    """A service, its client and what the client says."""

    broker: WebService
    clock: FakeClock
    service: FlexService
    target: Path
    progress: list[str]

    def fetch(self, token: object = TOKEN, period: Period | None = None, query: Query = TRADES, **changed) -> Download:
        service = FlexService(**{**self.service.__dict__, **changed})
        return download(service, token, query, period, self.target, on_progress=self.progress.append)

    def fails(self, kind: type[FntxError] = FntxError, **given) -> FntxError:
        with pytest.raises(kind) as caught:
            self.fetch(**given)
        assert not self.target.exists()
        assert self.files() == []
        return caught.value

    def files(self) -> list[str]:
        """In the archive's folder."""
        return sorted(path.name for path in self.target.parent.iterdir()) if self.target.parent.exists() else []


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[Fetching]:
    clock = FakeClock()
    with serve(lambda *_: STATEMENT, {TOKEN: {TRADES.query_id}}, now=clock.now) as broker:
        service = FlexService(tmp_path / "limits", broker.url, timeout=timedelta(seconds=20), clock=clock)
        yield Fetching(broker, clock, service, tmp_path / "archive" / "Trades_MTD_20250731.xml", [])
        assert broker.errors == []


@pytest.fixture(autouse=True)
def said() -> Iterator[Callable[[], str]]:
    """Everything that any logger says, from DEBUG; no test may leave the token in it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream.getvalue
    root.removeHandler(handler)
    root.setLevel(level)
    assert_clean(stream.getvalue(), "a log")


def everything_about(error: BaseException) -> str:
    """What a log, a terminal or a debugger could show of an exception, local variables outside this file included."""
    parts = [str(error), repr(error), repr(error.args), repr(vars(error))]
    parts += traceback.TracebackException.from_exception(error, capture_locals=False).format()
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename != __file__:
            parts.append(repr(frame.f_locals))
    for inner in (error.__cause__, error.__context__):
        if inner is not None:
            parts.append(everything_about(inner))
    return "\n".join(parts)


def assert_no_token_in(fetching: Fetching, error: BaseException | None, root: Path) -> None:
    if error is not None:
        assert_clean(everything_about(error), "the error")
    assert_clean("\n".join(fetching.progress), "the progress")
    assert_clean(repr(fetching.service), "the service")
    assert_no_token_beneath(root)


def assert_no_token_beneath(root: Path) -> None:
    for path in root.rglob("*"):
        assert TOKEN not in path.name
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def assert_clean(text: str, where: str) -> None:
    if TOKEN in text:
        pytest.fail(f"the token is in {where}: …{text[max(text.index(TOKEN) - 200, 0) :][:500]}")


# -- the cycle --------------------------------------------------------------------------------------------------------


def test_a_statement_is_requested_then_received_whole(fetching: Fetching) -> None:
    done = fetching.fetch()
    assert fetching.target.read_bytes() == STATEMENT
    digest = sha256(STATEMENT).hexdigest()
    assert done == Download(fetching.target, len(STATEMENT), digest, date(2025, 7, 17), 2, done.seconds)
    assert fetching.broker.stages() == [SEND, GET]
    assert fetching.files() == [fetching.target.name]
    assert len(list(FlexFile(fetching.target))) == 502
    assert [line.split(" in ")[0] for line in fetching.progress] == [
        "Trades is requested, asking for it",
        f"Trades has arrived, {len(STATEMENT):,} bytes",
    ]


def test_a_request_has_version_user_agent_and_no_period_of_its_own(fetching: Fetching) -> None:
    fetching.fetch()
    for asked in fetching.broker.asked:
        assert "v=3" in asked.path
        assert asked.headers["User-Agent"].startswith("FNTX")
        assert "fd=" not in asked.path


def test_a_period_goes_into_the_request_and_nowhere_else(fetching: Fetching) -> None:
    fetching.fetch(period=JULY)
    first, second = fetching.broker.asked
    assert "fd=20250701&td=20250731" in first.path
    assert "fd=" not in second.path
    assert (second.first, second.last) == JULY


@pytest.mark.parametrize("last", [date(2025, 6, 30), date(2026, 7, 1)])
def test_a_period_that_the_service_would_refuse_is_not_sent(fetching: Fetching, last: date) -> None:
    assert "days" in str(fetching.fails(Permanent, period=Period(JULY.first, last)))
    assert fetching.broker.asked == []


def test_a_period_of_365_days_is_sent(fetching: Fetching) -> None:
    fetching.fetch(period=Period(date(2024, 7, 2), date(2025, 7, 1)))


def test_a_secret_object_is_a_token(fetching: Fetching) -> None:
    class Secret:
        def get_secret_value(self) -> str:
            return f"{TOKEN}\n"

    fetching.fetch(token=Secret())
    assert fetching.broker.asked[0].token == TOKEN


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"token": " "}, "token"),
        ({"query": Query("../x", "1")}, "no name"),
        ({"query": Query("", "1")}, "no name"),
        ({"query": Query("Trades", " ")}, "no id"),
        ({"base_url": "http://broker.example/Flex"}, "not https"),
        ({"base_url": "ftp://127.0.0.1"}, "not https"),
    ],
)
def test_a_request_that_cannot_succeed_is_not_sent(fetching: Fetching, given: dict, words: str) -> None:
    assert words in str(fetching.fails(Permanent, **given))
    assert fetching.broker.asked == []


def test_the_wait_is_twenty_seconds_and_varies(fetching: Fetching) -> None:
    fetching.broker.will(sim.in_progress(9))
    fetching.fetch()
    assert fetching.broker.answers() == ["reference", *["1019"] * 9, "statement"]
    assert all(15 <= wait <= 25 for wait in fetching.clock.waits)
    assert len(set(fetching.clock.waits)) == 10
    assert sum("is being generated (code 1019)" in line for line in fetching.progress) == 9


def test_a_statement_that_takes_a_minute_to_generate_arrives(fetching: Fetching) -> None:
    fetching.broker.will(sim.slow(60))
    fetching.fetch()
    assert 2 <= fetching.broker.answers().count("1019") <= 3


@pytest.mark.parametrize("status", ["Warn", "Fail"])
def test_a_warning_is_read_like_a_failure(fetching: Fetching, status: str) -> None:
    fetching.broker.will(sim.refuse(1019, GET, status=status), sim.refuse(1018, GET, status=status))
    fetching.fetch()
    fetching.broker.will(sim.refuse(1012, status=status))
    fetching.target.unlink()
    fetching.fails(TokenRefused)


# -- each code --------------------------------------------------------------------------------------------------------

DEADLINE = 600


@pytest.mark.parametrize("stage", [SEND, GET])
@pytest.mark.parametrize("code", CODES)
def test_a_code_once_is_retried_as_the_table_says(fetching: Fetching, tmp_path: Path, code: int, stage: str) -> None:
    rule = CODES[code]
    echo = f"Request of {{token}} for U1234567: {sim.MESSAGES[code]}"
    fetching.broker.will(sim.refuse(code, stage, message=echo))
    error = None
    if rule.retry is Retry.NEVER:
        error = fetching.fails(rule.outcome)
        assert isinstance(error, Permanent)
        assert (error.code, error.query) == (code, "Trades")
        assert str(code) in str(error)
        assert error.way_out
        assert "U…4567" in str(error)
        assert len(fetching.broker.asked) == (1 if stage == SEND else 2)
    else:
        fetching.fetch()
        again = [SEND] if stage == SEND else [SEND, GET]
        after = [SEND, GET] if stage == SEND or rule.anew else [GET]
        assert fetching.broker.stages() == again + after
        waits = fetching.clock.waits
        pause = waits[0] if stage == SEND else waits[1]
        if rule.retry is Retry.THROTTLED:
            assert 60 <= pause <= 75
        else:
            assert 15 <= pause <= 25
    assert_no_token_in(fetching, error, tmp_path)


@pytest.mark.parametrize("stage", [SEND, GET])
@pytest.mark.parametrize("code", CODES)
def test_a_code_that_stays_ends_as_the_table_says(fetching: Fetching, tmp_path: Path, code: int, stage: str) -> None:
    rule = CODES[code]
    fetching.broker.will(*[sim.refuse(code, stage, message="no: {token}")] * 100)
    error = fetching.fails(rule.outcome)
    met = fetching.broker.answers().count(str(code))
    assert error.code == code
    assert error.query == "Trades"
    if rule.retry is Retry.NEVER:
        assert met == 1
    elif rule.tries:
        assert met == rule.tries
    else:
        assert isinstance(error, Transient)
        assert f"no statement within {DEADLINE} s" in str(error)
        least, most = (24, 42) if rule.retry is Retry.POLL else (4, 9)
        assert least <= met <= most
    assert sum(fetching.clock.slept) <= DEADLINE
    assert_no_token_in(fetching, error, tmp_path)


def test_the_table_is_the_brokers() -> None:
    of = {retry: {code for code, rule in CODES.items() if rule.retry is retry} for retry in Retry}
    assert of == {
        Retry.POLL: {1017, 1019},
        Retry.SLOW: {1001, 1004, 1005, 1006, 1007, 1008, 1009, 1021},
        Retry.THROTTLED: {1018},
        Retry.NEVER: {1003, 1010, 1011, 1012, 1013, 1014, 1015, 1016, 1020},
    }
    assert {code for code, rule in CODES.items() if issubclass(rule.outcome, Permanent)} == of[Retry.NEVER] | {1017}
    assert {code for code, rule in CODES.items() if rule.outcome is TokenRefused} == {1011, 1012, 1013, 1015}
    assert CODES[1001].tries == CODES[1018].tries == 4


def test_slow_back_off_doubles(fetching: Fetching) -> None:
    fetching.broker.will(*[sim.refuse(1009, GET)] * 3)
    fetching.fetch()
    _, *waits = fetching.clock.waits
    for wait, usual in zip(waits, (20, 40, 80), strict=True):
        assert 0.75 * usual <= wait <= 1.25 * usual


def test_a_persistent_1001_is_called_throttling(fetching: Fetching) -> None:
    fetching.broker.will(*[sim.refuse(1001)] * 10)
    error = fetching.fails(NotYet)
    assert "holding this token off" in error.way_out
    assert len(fetching.broker.asked) == 4


def test_a_throttled_token_asks_no_more_for_another_query_either(fetching: Fetching) -> None:
    fetching.broker.will(*[sim.refuse(1018)] * 4)
    fetching.fails(NotYet)
    throttled = fetching.broker.asked[-1].at
    fetching.fetch()
    assert fetching.broker.asked[4].at - throttled >= 60


@pytest.mark.parametrize("stage", [SEND, GET])
def test_an_unknown_code_gets_three_tries(fetching: Fetching, stage: str) -> None:
    fetching.broker.will(*[sim.refuse(1099, stage, message="Something new")] * 10)
    error = fetching.fails(Refused)
    assert (error.code, fetching.broker.answers().count("1099")) == (1099, 3)
    assert "Something new" in str(error)


def test_a_failure_without_a_code_gets_three_tries(fetching: Fetching) -> None:
    empty = b"<FlexStatementResponse><Status>Fail</Status></FlexStatementResponse>"
    fetching.broker.will(*[sim.body(empty, SEND)] * 10)
    assert fetching.fails(Refused).code is None
    assert len(fetching.broker.asked) == 3


def test_an_unknown_reference_is_replaced_by_a_new_request_twice(fetching: Fetching) -> None:
    fetching.broker.will(*[sim.refuse(1017, GET)] * 2)
    fetching.fetch()
    assert fetching.broker.stages() == [SEND, GET] * 3
    assert len({asked.reference for asked in fetching.broker.asked}) == 3


def test_no_data_is_a_refusal_of_its_own(fetching: Fetching) -> None:
    fetching.broker.statements = lambda *_: None
    error = fetching.fails(NoData, period=JULY)
    assert "Trades of 2025-07-01 to 2025-07-31" in str(error)


def test_an_expired_and_a_wrong_token_say_how_to_make_a_new_one(fetching: Fetching) -> None:
    fetching.broker.expired.add(TOKEN)
    assert "FNTX_FLEX_TOKENS" in fetching.fails(TokenRefused).way_out
    assert "FNTX_FLEX_TOKENS" in fetching.fails(TokenRefused, token=OTHER_TOKEN).way_out
    assert fetching.broker.answers() == ["1012", "1015"]


def test_a_wrong_query_is_refused_once(fetching: Fetching) -> None:
    assert fetching.fails(Refused, query=Query("Nothing", "42")).code == 1014
    assert len(fetching.broker.asked) == 1


# -- HTTP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [SEND, GET])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_tried_again(fetching: Fetching, status: int, stage: str) -> None:
    fetching.broker.will(sim.http(status, stage))
    fetching.fetch()
    fetching.target.unlink()
    fetching.broker.will(*[sim.http(status, stage)] * 50)
    assert f"HTTP {status}" in str(fetching.fails(NotYet))


@pytest.mark.parametrize("stage", [SEND, GET])
def test_429_is_throttling(fetching: Fetching, stage: str) -> None:
    fetching.broker.will(sim.http(429, stage))
    fetching.fetch()
    assert max(fetching.clock.waits) >= 60
    fetching.target.unlink()
    fetching.broker.will(*[sim.http(429, stage)] * 10)
    fetching.fails(NotYet)
    assert fetching.broker.answers().count("http 429") == 5


@pytest.mark.parametrize("stage", [SEND, GET])
@pytest.mark.parametrize("status", [400, 403, 404])
def test_another_client_error_is_final(fetching: Fetching, status: int, stage: str) -> None:
    fetching.broker.will(sim.http(status, stage))
    fetching.fails(Refused)
    assert len(fetching.broker.asked) == (1 if stage == SEND else 2)


@pytest.mark.parametrize("stage", [SEND, GET])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(fetching: Fetching, status: int, stage: str) -> None:
    with serve(lambda *_: STATEMENT, {TOKEN: {TRADES.query_id}}) as foreign:
        fetching.broker.will(sim.http(status, stage, location=f"{foreign.url}/GetStatement?t={TOKEN}"))
        error = fetching.fails(Refused)
        assert foreign.asked == []
    assert_clean(everything_about(error), "the error")
    assert len(fetching.broker.asked) == (1 if stage == SEND else 2)


def test_a_server_that_is_not_there_is_transient_and_its_url_is_not_shown(fetching: Fetching, tmp_path: Path) -> None:
    error = fetching.fails(NotYet, base_url="http://127.0.0.1:9/nothing")
    assert error.__context__ is None
    assert "no connection" in str(error)
    assert 4 <= len(fetching.clock.waits) <= 8
    assert_no_token_in(fetching, error, tmp_path)


@pytest.mark.parametrize("hang", [Hang(SEND), Hang(GET), Hang(GET, after=10_000)], ids=["send", "get", "body"])
def test_an_answer_that_does_not_come_is_given_up_and_asked_for_again(
    fetching: Fetching, tmp_path: Path, hang: Hang
) -> None:
    fetching.broker.will(hang)
    fetching.fetch(timeout=timedelta(seconds=0.3))
    assert fetching.target.read_bytes() == STATEMENT
    assert_no_token_in(fetching, None, tmp_path)


def test_headers_that_cannot_be_parsed_are_logged_without_the_token(
    fetching: Fetching, said: Callable[[], str]
) -> None:
    def give(exchange) -> None:
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{TOKEN}\r\nX: y\r\n\r\n"
        exchange.handler.wfile.write(answer.encode())

    fetching.broker.will(sim.Fault(SEND, "bad headers", give))
    fetching.fetch()
    assert "Failed to parse headers" in said()
    assert "t=…" in said()


def test_the_library_logs_a_request_without_the_token(fetching: Fetching, said: Callable[[], str]) -> None:
    fetching.fetch()
    assert re.search(r'"GET \S*SendRequest\?q=900001&t=…&v=3 HTTP/1.1" 200', said())


# -- where an answer points to ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["Url", "url"])
def test_the_url_keeps_its_own_path(fetching: Fetching, tag: str) -> None:
    if tag == "url":
        fetching.broker.will(sim.lower_case_url())
    fetching.fetch()
    assert fetching.broker.asked[1].path.startswith("/AccountManagement/FlexWebService/GetStatement?q=4000000001&")


def test_an_answer_without_url_is_followed_at_the_service(fetching: Fetching) -> None:
    fetching.broker.will(sim.answer_url(""))
    fetching.fetch()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/GetStatement",
        "http://gdcdyn.interactivebrokers.com/GetStatement",
        "https://gdcdyn.interactivebrokers.com:8443/GetStatement",
        "https://gdcdyn.interactivebrokers.com.evil.example/GetStatement",
        "https://evil.example\\@gdcdyn.interactivebrokers.com/GetStatement",
        "https://user@gdcdyn.interactivebrokers.com/GetStatement",
        "https://{token}.evil.example/GetStatement",
        "http://127.0.0.1:1/GetStatement",
        "http://localhost/GetStatement",
        "ftp://127.0.0.1/GetStatement",
        "//evil.example/GetStatement",
        "/GetStatement",
        "https://[::1/GetStatement",
        "https://127.0.0.1:port/GetStatement",
    ],
)
def test_a_url_elsewhere_is_not_followed(fetching: Fetching, tmp_path: Path, url: str) -> None:
    fetching.broker.will(sim.answer_url(url))
    error = fetching.fails(Refused)
    assert "not allowed to see the token" in str(error)
    assert "FNTX_FLEX_HOSTS" in error.way_out
    assert len(fetching.broker.asked) == 1
    assert_no_token_in(fetching, error, tmp_path)


def test_a_foreign_server_hears_nothing(fetching: Fetching) -> None:
    with serve(lambda *_: STATEMENT, {TOKEN: {TRADES.query_id}}) as foreign:
        fetching.broker.will(sim.answer_url(f"{foreign.url}/GetStatement"))
        fetching.fails(Refused)
        assert foreign.asked == []


# -- what is kept -----------------------------------------------------------------------------------------------------

TRUNCATED = {
    "connection": sim.cut(5000),
    "chunked": sim.cut_chunked(5000),
    "document": sim.cut_document(5000),
    "at once": sim.cut(0),
    "last byte": sim.cut(len(STATEMENT) - 1),
    "document's last byte": sim.cut_document(len(STATEMENT) - 1),
    "empty": sim.body(b""),
    "two roots": sim.body(STATEMENT + STATEMENT),
    "no UTF-8": sim.body(STATEMENT.replace(b"Trade ", b"\xff\xfe ", 1)),
}


@pytest.mark.parametrize("fault", TRUNCATED.values(), ids=TRUNCATED)
def test_a_truncated_body_is_not_kept_and_fetched_again(fetching: Fetching, fault: sim.Fault) -> None:
    fetching.broker.will(fault)
    fetching.fetch()
    assert fetching.target.read_bytes() == STATEMENT
    assert fetching.broker.stages() == [SEND, GET, GET]
    assert any("arrived incomplete" in line for line in fetching.progress)


@pytest.mark.parametrize("fault", TRUNCATED.values(), ids=TRUNCATED)
def test_a_body_that_stays_truncated_is_transient(fetching: Fetching, tmp_path: Path, fault: sim.Fault) -> None:
    fetching.broker.will(*[fault] * 50)
    error = fetching.fails(NotYet)
    assert f"no statement within {DEADLINE} s" in str(error)
    assert_no_token_in(fetching, error, tmp_path)


def test_a_body_shorter_than_promised_is_not_kept_even_if_its_document_is_whole(fetching: Fetching) -> None:
    fetching.broker.statements = lambda *_: STATEMENT + b"\n"
    fetching.broker.will(sim.cut(len(STATEMENT)))
    fetching.fetch()
    assert fetching.target.read_bytes() == STATEMENT + b"\n"
    assert fetching.broker.stages() == [SEND, GET, GET]


STRANGE = {
    "HTML": sim.html(),
    "HTML with the token": sim.body(f"<html><p>{TOKEN}</p></html>".encode()),
    "another document": sim.body(f"<Other>{TOKEN}</Other>".encode()),
    "text": sim.body(f"Error: {TOKEN}".encode()),
    "a long page": sim.body(b"<html>" + b"<br/>" * 50_000 + b"</html>"),
}


@pytest.mark.parametrize("fault", STRANGE.values(), ids=STRANGE)
def test_a_body_that_is_no_statement_is_never_kept(fetching: Fetching, tmp_path: Path, fault: sim.Fault) -> None:
    fetching.broker.will(*[fault] * 50)
    error = fetching.fails(NotYet)
    assert fetching.broker.stages() == [SEND, GET, GET, GET, GET]
    assert_no_token_in(fetching, error, tmp_path)


@pytest.mark.parametrize("fault", [sim.html(SEND), sim.body(STATEMENT, SEND), sim.body(b"", SEND)])
def test_a_request_that_gets_no_proper_answer_is_sent_again(fetching: Fetching, fault: sim.Fault) -> None:
    fetching.broker.will(fault)
    fetching.fetch()
    assert fetching.broker.stages() == [SEND, SEND, GET]


def test_a_document_type_declaration_is_no_statement(fetching: Fetching) -> None:
    fetching.broker.will(*[sim.body(b'<!DOCTYPE a [<!ENTITY x "y">]>\n' + STATEMENT)] * 50)
    fetching.fails(NotYet)


def test_an_older_file_stays_until_the_new_one_is_whole(fetching: Fetching) -> None:
    fetching.target.parent.mkdir()
    fetching.target.write_text("older")
    fetching.broker.will(sim.refuse(1003, GET))
    with pytest.raises(NoData):
        fetching.fetch()
    assert fetching.target.read_text() == "older"
    fetching.fetch()
    assert fetching.target.read_bytes() == STATEMENT
    assert fetching.files() == [fetching.target.name]


def test_a_part_of_a_killed_process_is_overwritten(fetching: Fetching) -> None:
    fetching.target.parent.mkdir()
    part = fetching.target.with_name(f".{fetching.target.name}.part")
    part.write_bytes(b"x" * 10 * len(STATEMENT))
    fetching.fetch()
    assert fetching.target.read_bytes() == STATEMENT
    assert not part.exists()


def test_two_downloads_into_one_file_do_not_mix(fetching: Fetching) -> None:
    hang = Hang(GET, after=200_000)
    fetching.broker.statements = lambda *_: LONG
    fetching.broker.will(hang)
    first = threading.Thread(target=fetching.fetch)
    first.start()
    assert hang.reached.wait(20)
    part = fetching.target.with_name(f".{fetching.target.name}.part")
    while not part.exists():
        hang.reached.wait(0.01)
    with pytest.raises(NotYet, match="another process"):
        fetching.fetch()
    hang.release()
    first.join()
    assert fetching.target.read_bytes() == LONG
    assert fetching.files() == [fetching.target.name]


def test_a_folder_that_cannot_be_written_is_named_without_the_account(fetching: Fetching, tmp_path: Path) -> None:
    (tmp_path / "U1234567").write_text("a file")
    elsewhere = fetching._replace(target=tmp_path / "U1234567" / "x.xml")
    with pytest.raises(Permanent, match=r"cannot write .*U…4567/x\.xml") as caught:
        elsewhere.fetch()
    assert TOKEN not in str(caught.value)


def test_a_full_disk_is_permanent_and_leaves_nothing(fetching: Fetching) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        error = fetching.fails(Permanent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "cannot write" in str(error)


def test_a_file_is_its_owners_alone(fetching: Fetching, tmp_path: Path) -> None:
    fetching.fetch()
    kept = [fetching.target, *(tmp_path / "limits").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_memory_does_not_grow_with_the_body(tmp_path: Path) -> None:
    """50 MB through a process of its own, whose peak is measured by the operating system."""
    head, tail = STATEMENT.split(b"<Trade ", 1)[0], b"</Trades></FlexStatement></FlexStatements></FlexQueryResponse>"
    piece = b"".join(row("Trade", transactionID=str(n), symbol="SPY", notes="A;C" * 30).encode() for n in range(500))
    peaks = []
    for times in (1, 50_000_000 // len(piece)):

        def pieces(*_: object, times: int = times) -> Iterator[bytes]:
            yield head
            for _ in range(times):
                yield piece
            yield tail

        with serve(pieces, {TOKEN: {TRADES.query_id}}) as broker:
            done = client(broker, tmp_path, folder=str(times)).communicate()[0]
        size, peak = map(int, done.split())
        assert size == len(head) + len(piece) * times + len(tail)
        peaks.append(peak)
    assert size > 49_000_000
    assert peaks[1] - peaks[0] < 8_000, "KiB"


# -- real processes ---------------------------------------------------------------------------------------------------

CLIENT = """
import os, resource, sys
from datetime import timedelta
from pathlib import Path
from fntx_dagster.adapters.flex.service import FlexService, Query
from fntx_dagster.adapters.flex.webservice import download
home = Path(sys.argv[2])
service = FlexService(home / "limits", sys.argv[1], wait=timedelta(seconds=0.1), deadline=timedelta(seconds=60))
for n in range(int(sys.argv[3])):
    done = download(service, os.environ["FLEX"], Query("Trades", "900001"), None, home / sys.argv[4] / "Trades.xml")
print(done.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def client(broker: WebService, home: Path, folder: str = "", times: int = 1) -> subprocess.Popen[bytes]:
    """A process that fetches, with the token in its environment."""
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, broker.url, str(home), str(times), folder],
        env={**os.environ, "FLEX": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("after", [None, 200_000], ids=["before the body", "in the body"])
def test_a_process_killed_on_the_way_leaves_no_file_and_the_next_one_succeeds(
    tmp_path: Path, after: int | None
) -> None:
    target = tmp_path / "Trades.xml"
    hang = Hang(GET, after=after)
    with serve(lambda *_: LONG, {TOKEN: {TRADES.query_id}}) as broker:
        broker.will(hang)
        killed = client(broker, tmp_path)
        assert hang.reached.wait(30)
        part = target.with_name(".Trades.xml.part")
        while after and not part.exists():
            hang.reached.wait(0.01)
            assert killed.poll() is None
        arguments = Path(f"/proc/{killed.pid}/cmdline").read_bytes()
        assert b"Trades" in arguments
        assert TOKEN.encode() not in arguments
        os.kill(killed.pid, signal.SIGKILL)
        out, err = killed.communicate()
        assert TOKEN.encode() not in out + err
        assert not target.exists()
        assert part.exists() == bool(after)
        assert_no_token_beneath(tmp_path)

        second = client(broker, tmp_path)
        _, err = second.communicate()
        assert second.returncode == 0, err
    assert target.read_bytes() == LONG
    assert not part.exists()


def test_two_processes_of_one_token_keep_the_limits_together(tmp_path: Path) -> None:
    with serve(lambda *_: STATEMENT, {TOKEN: {TRADES.query_id}}, limits=True) as broker:
        both = [client(broker, tmp_path, folder=name) for name in ("a", "b")]
        for process in both:
            _, err = process.communicate()
            assert process.returncode == 0, err
    arrivals = [asked.at for asked in broker.asked]
    assert len(arrivals) == 4
    assert "1018" not in broker.answers()
    assert min(later - earlier for earlier, later in pairwise(arrivals)) >= 1


# -- the token's turn -------------------------------------------------------------------------------------------------


def test_a_token_asks_at_most_once_a_second_and_ten_times_a_minute(fetching: Fetching) -> None:
    fetching.broker.limits = True
    for _ in range(12):
        fetching.fetch(wait=timedelta(seconds=0))
    arrivals = [asked.at for asked in fetching.broker.asked]
    assert set(fetching.broker.answers()) == {"reference", "statement"}
    assert all(later - earlier >= 1 for earlier, later in pairwise(arrivals))
    assert all(eleventh - first >= 60 for first, eleventh in zip(arrivals, arrivals[10:], strict=False))
    assert any("asked as often as it may" in line for line in fetching.progress)


def test_each_token_has_its_own_turn(fetching: Fetching) -> None:
    fetching.broker.tokens = {TOKEN: {TRADES.query_id}, OTHER_TOKEN: {TRADES.query_id}}
    began = fetching.clock.time
    for token in (TOKEN, OTHER_TOKEN) * 5:
        fetching.fetch(token=token, wait=timedelta(seconds=0))
    assert fetching.clock.time - began < 30


def test_the_turn_is_not_awaited_past_the_deadline(fetching: Fetching) -> None:
    for _ in range(5):
        fetching.fetch(wait=timedelta(seconds=0))
    fetching.target.unlink()
    error = fetching.fails(NotYet, deadline=timedelta(seconds=30))
    assert "no statement within 30 s" in str(error)
    assert len(fetching.broker.asked) == 10


@pytest.mark.parametrize("back", [3600.0, 1_000_000.0])
def test_a_clock_that_was_set_back_delays_a_minute_at_most(fetching: Fetching, back: float) -> None:
    for _ in range(5):
        fetching.fetch(wait=timedelta(seconds=0))
    fetching.clock.time -= back
    before = fetching.clock.time
    fetching.fetch(wait=timedelta(seconds=0))
    assert 60 <= fetching.clock.time - before <= 70


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\x00\xff",
        b"[]",
        b'{"asked": [null], "throttled": 0}',
        b'{"asked": [NaN, 1e999, 1], "throttled": NaN}',
        b'{"asked": 5, "throttled": "x"}',
        b'{"asked": [1' + b"0" * 500 + b'], "throttled": 0}',
    ],
)
def test_a_damaged_file_of_times_starts_anew(fetching: Fetching, tmp_path: Path, content: bytes) -> None:
    fetching.fetch()
    (file,) = (tmp_path / "limits").glob("*.json")
    file.write_bytes(content)
    fetching.fetch()
    assert len(json.loads(file.read_bytes())["asked"]) >= 2


def test_a_damaged_salt_is_made_anew(fetching: Fetching, tmp_path: Path) -> None:
    fetching.fetch()
    (tmp_path / "limits" / "salt").write_bytes(b"short")
    fetching.fetch()
    assert (tmp_path / "limits" / "salt").stat().st_size == 32


def test_the_file_of_times_cannot_be_found_from_the_token(fetching: Fetching, tmp_path: Path) -> None:
    fetching.fetch()
    elsewhere = FlexService(**{**fetching.service.__dict__, "limits_folder": tmp_path / "other"})
    fetching._replace(service=elsewhere).fetch()
    first, second = ([path.name for path in (tmp_path / name).glob("*.json")] for name in ("limits", "other"))
    assert len(first) == len(second) == 1
    assert first != second


# -- the deadline -----------------------------------------------------------------------------------------------------


def test_the_deadline_says_how_long_and_what_was_answered_last(fetching: Fetching) -> None:
    fetching.broker.will(sim.in_progress(100))
    error = fetching.fails(NotYet, deadline=timedelta(minutes=2))
    assert "no statement within 120 s; Trades is being generated (code 1019)" in str(error)
    assert error.code == 1019
    assert sum(fetching.clock.slept) <= 120


def test_a_body_that_goes_on_past_the_deadline_is_given_up(fetching: Fetching) -> None:
    def endless(*_: object) -> Iterator[bytes]:
        yield STATEMENT.split(b"<Trade ", 1)[0]
        while True:
            fetching.clock.time += 1
            yield b"<Trade/>" * 10_000

    fetching.broker.statements = endless
    assert "no statement within 600 s" in str(fetching.fails(NotYet))


@pytest.mark.parametrize("stage", [SEND, GET])
def test_a_body_that_trickles_past_the_deadline_is_given_up_on_the_way(fetching: Fetching, stage: str) -> None:
    sent = []

    def trickle(exchange: sim.RequestAndAnswer) -> None:
        exchange.send(STATEMENT[:400], promised=len(STATEMENT))
        exchange.handler.close_connection = True
        for n in range(400, 2000):
            fetching.clock.time += 10
            sent.append(n)
            exchange.handler.wfile.write(STATEMENT[n : n + 1])
            exchange.handler.wfile.flush()
            time.sleep(0.002)

    fetching.broker.will(sim.Fault(stage, "trickle", trickle))
    assert "no statement within 600 s" in str(fetching.fails(NotYet))
    assert len(sent) < 1000


@pytest.mark.parametrize("code", [1001, 1018])
def test_throttling_fails_for_the_whole_token(fetching: Fetching, code: int) -> None:
    fetching.broker.will(*[sim.refuse(code)] * 10)
    fetching.fails(NotServed)


def test_a_service_out_of_reach_fails_for_the_whole_token_and_a_late_answer_for_its_query(fetching: Fetching) -> None:
    fetching.fails(NotServed, base_url="http://127.0.0.1:9/nothing")
    fetching.broker.will(sim.http(503), *[sim.http(503)] * 50)
    assert type(fetching.fails(NotYet)) is NotYet


def test_the_last_day_is_the_one_that_every_account_reaches() -> None:
    document = Document()
    for account, days in (("U1", ("20250701", "20250731")), ("U2", ("20250702", "20250717"))):
        for day in days:
            document.start("FlexStatement", {"accountId": account, "toDate": day})
    assert document.last_day() == date(2025, 7, 17)


@pytest.mark.parametrize(
    ("rows", "setting", "day"),
    [
        ("", None, None),
        ("", DayOrder.DAY_FIRST, date(2025, 12, 5)),
        ("", DayOrder.MONTH_FIRST, date(2025, 5, 12)),
        ("<Trades><Trade reportDate='28/11/2025'/></Trades>", None, date(2025, 12, 5)),
    ],
)
def test_the_last_day_of_a_statement_with_slashes_is_the_one_that_is_loaded(
    fetching: Fetching, rows: str, setting: DayOrder | None, day: date | None
) -> None:
    text = (
        "<FlexQueryResponse><FlexStatements><FlexStatement accountId='U1000001' fromDate='05/12/2025'"
        f" toDate='05/12/2025'>{rows}</FlexStatement></FlexStatements></FlexQueryResponse>"
    )
    with serve(lambda *_: text.encode(), {TOKEN: {TRADES.query_id}}, now=fetching.clock.now) as broker:
        assert fetching.fetch(base_url=broker.url, date_order=setting).last_day == day
