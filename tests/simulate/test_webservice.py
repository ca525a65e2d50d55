"""The simulated service keeps the protocol: what it refuses, with which code, and in which order its faults come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode, urlsplit

import pytest

from fntx_dagster.simulate import webservice_faults as sim
from fntx_dagster.simulate.webservice import WebService, serve
from fntx_dagster.simulate.webservice_faults import GET, SEND

TOKENS = {"111": {"1", "2"}, "222": {"1"}}
DOCUMENT = b"<FlexQueryResponse/>"
AGENT = {"User-Agent": "test"}


@pytest.fixture
def broker(capfd: pytest.CaptureFixture[str]) -> Iterator[WebService]:
    with serve(lambda *_: DOCUMENT, TOKENS, expired={"333"}) as broker:
        yield broker
    assert broker.errors == []
    assert capfd.readouterr() == ("", "")


def ask(broker: WebService, stage: str, headers: dict[str, str] = AGENT, **given: str) -> tuple[HTTPResponse, str]:
    base = urlsplit(broker.url)
    connection = HTTPConnection(base.hostname, base.port, timeout=20)
    connection.putrequest("GET", f"{base.path}/{stage}?{urlencode(given)}", skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def result(broker: WebService, stage: str, **given: str) -> str:
    """The error code, or the reference."""
    _, text = ask(broker, stage, v="3", **given)
    return re.search(r"<(ErrorCode|ReferenceCode)>(\d+)<", text)[2]


def test_a_request_gives_a_reference_and_that_gives_the_statement(broker: WebService) -> None:
    _, text = ask(broker, SEND, t="111", q="1", v="3")
    reference = re.search(r"<ReferenceCode>(\d{10})</ReferenceCode>\n<Url>(.*)</Url>", text)
    assert "<Status>Success</Status>" in text
    assert reference[2] == f"{broker.url}/GetStatement"
    response, text = ask(broker, GET, t="111", q=reference[1], v="3")
    assert response.headers["Content-Length"] == str(len(DOCUMENT))
    assert text == DOCUMENT.decode()
    assert broker.answers() == ["reference", "statement"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"t": "444", "q": "1"}, "1015"),
        ({"t": "333", "q": "1"}, "1012"),
        ({"t": "222", "q": "2"}, "1014"),
        ({"q": "1"}, "1020"),
        ({"t": "111"}, "1020"),
        ({"t": "111", "q": "1", "fd": "20250701"}, "1020"),
        ({"t": "111", "q": "1", "fd": "20250702", "td": "20250701"}, "1020"),
        ({"t": "111", "q": "1", "fd": "20250701", "td": "20260701"}, "1020"),
        ({"t": "111", "q": "1", "fd": "2025-07-01", "td": "2025-07-02"}, "1020"),
    ],
)
def test_a_wrong_request_is_refused_with_its_code(broker: WebService, given: dict[str, str], code: str) -> None:
    assert result(broker, SEND, **given) == code


def test_version_and_user_agent_are_required(broker: WebService) -> None:
    assert "<ErrorCode>1020<" in ask(broker, SEND, t="111", q="1")[1]
    assert ask(broker, SEND, headers={}, t="111", q="1", v="3")[0].status == 403
    assert ask(broker, "Other", t="111", q="1", v="3")[0].status == 404


def test_a_reference_is_its_tokens_alone(broker: WebService) -> None:
    reference = result(broker, SEND, t="111", q="1")
    assert result(broker, GET, t="222", q=reference) == "1017"
    assert result(broker, GET, t="111", q="12345") == "1017"


def test_statements_are_asked_with_the_window_of_the_request(broker: WebService) -> None:
    heard = []
    broker.statements = lambda *asked: heard.append(asked) or iter([b"<a>", b"</a>"])
    reference = result(broker, SEND, t="111", q="2", fd="20250701", td="20250731")
    response, text = ask(broker, GET, t="111", q=reference, v="3")
    assert heard == [("111", "2", date(2025, 7, 1), date(2025, 7, 31))]
    assert (response.headers["Transfer-Encoding"], text) == ("chunked", "<a></a>")


def test_a_statement_without_data_is_1003(broker: WebService) -> None:
    broker.statements = lambda *_: None
    assert result(broker, GET, t="111", q=result(broker, SEND, t="111", q="1")) == "1003"


def test_faults_come_in_order_each_at_its_stage_and_the_most_particular_first(broker: WebService) -> None:
    broker.will(sim.refuse(1001), sim.in_progress(2))
    broker.will(sim.refuse(1009), token="222")
    broker.will(sim.refuse(1004), token="222", query_id="1")
    assert [result(broker, SEND, t="222", q="1") for _ in range(3)] == ["1004", "1009", "1001"]
    reference = result(broker, SEND, t="222", q="1")
    assert [result(broker, GET, t="222", q=reference) for _ in range(2)] == ["1019", "1019"]
    assert ask(broker, GET, t="222", q=reference, v="3")[1] == DOCUMENT.decode()


def test_limits_are_one_a_second_and_ten_a_minute_for_each_token() -> None:
    clock = [0.0]
    with serve(lambda *_: DOCUMENT, TOKENS, limits=True, now=lambda: clock[0]) as broker:
        answers = []
        for second in (0, 0.5, *range(2, 10), 10, 62):
            clock[0] = second
            answers.append(result(broker, SEND, t="111", q="1") == "1018")
        assert answers == [False, True, *[False] * 8, True, False]
        assert result(broker, SEND, t="222", q="1") != "1018"
