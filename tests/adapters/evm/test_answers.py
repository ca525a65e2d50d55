"""What a node may answer: not too long, not too deep, not for ever, and not from elsewhere."""

import pytest

from fntx_dagster.adapters.evm import answers, reader
from fntx_dagster.adapters.evm.answers import depth_of
from fntx_dagster.adapters.evm.reader import read_at
from fntx_dagster.errors import Transient
from tests.verify.odd import odd_node

CONTRACT = "0x" + "11" * 20
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(reader, "_REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(reader, "_TRIES", 1)


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (OK % 200_000 + b"[" * 200_000, b""),
        (OK % 10**9, b" " * 100_000),
        (OK % 10**9, b" "),
        (b"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", b""),
    ],
    ids=["nested so deeply that it would end the process", "too long", "dripping", "from elsewhere"],
)
def test_an_answer_that_is_no_nodes_is_transient(monkeypatch, start, drip):
    monkeypatch.setattr(answers, "MAX_BYTES", 1_000_000)
    with odd_node(start, drip) as url, pytest.raises(Transient):
        read_at(url, CONTRACT)


@pytest.mark.parametrize(
    ("text", "depth"), [(b"", 0), (b'{"a": [1, {}]}', 3), (b'"[[[["', 0), (b'"\\"[[" [', 1), (b'[ "[[[ never ended', 1)]
)
def test_brackets_count_outside_of_texts_only(text, depth):
    assert depth_of(text) == depth


def test_the_depth_of_a_long_text_that_is_never_ended_is_found_at_once():
    assert depth_of(b'"' + b'\\"' * 500_000) == 0
