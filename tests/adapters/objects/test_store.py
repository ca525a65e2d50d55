"""Objects on a real S3 server: the first writer wins, what is read is proven, and a server that is away or refuses is
told apart."""

from __future__ import annotations

import socket
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.objects import reading
from fntx_dagster.adapters.objects.reading import Expected, PiecesAhead
from fntx_dagster.adapters.objects.store import ObjectStore
from fntx_dagster.errors import FntxError, Permanent, Transient
from tests.object_store import KEY, SECRET, files_in_store


def expected(content: bytes) -> Expected:
    return Expected(len(content), sha256(content).hexdigest())


def written(folder: Path, content: bytes) -> Path:
    path = folder / sha256(content).hexdigest()
    path.write_bytes(content)
    return path


def test_of_two_writers_the_first_wins_and_the_second_is_told(bucket: str, tmp_path: Path) -> None:
    store = ObjectStore("s3", bucket, "deep/down")
    assert store.put_new("a", written(tmp_path, b"first"))
    assert not store.put_new("a", written(tmp_path, b"second"))
    with closing(store.read("a", expected(b"first"))) as file:
        assert file.read() == b"first"
    assert [*store.objects("")] == [("a", 5)]
    assert store.size("b") is None


def test_of_writers_at_once_one_wins(bucket: str, tmp_path: Path) -> None:
    def put(number: int) -> bool:
        return ObjectStore("s3", bucket, "").put_new("a", written(tmp_path, b"%d" % number))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(put, range(4))) == [False, False, False, True]


def test_an_object_of_many_parts_is_put_and_read_whole(bucket: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * (110 << 12)  # beyond 100 MB s3fs sends parts
    store, file = ObjectStore("s3", bucket, ""), written(tmp_path, content)
    assert (store.put_new("a", file), store.put_new("a", file)) == (True, False)
    with closing(store.read("a", expected(content))) as read:
        digest = sha256()
        while piece := read.read(1 << 20):
            digest.update(piece)
    assert digest.hexdigest() == expected(content).sha256


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"whole", "bytes, not"),
        (b"other content", "its SHA-256 is"),
    ],
)
def test_what_is_not_what_was_put_there_is_named(bucket: str, content: bytes, said: str) -> None:
    files_in_store().pipe_file(f"{bucket}/p/a", content)
    with pytest.raises(Permanent, match=f"s3://{bucket}/p/a does not hold what was put there: .*{said}"):
        ObjectStore("s3", bucket, "p").read("a", expected(b"whole content")).read()


def test_what_went_away_while_it_was_read_is_named() -> None:
    with pytest.raises(Permanent, match="it ends after 0 bytes"):
        BufferedReader(PiecesAhead(lambda start, end: b"", "s3://b/a", expected(b"content"))).read()


@given(st.binary(min_size=1, max_size=64), st.integers(1, 9), st.integers(1, 20), st.data())
def test_every_way_of_reading_gives_the_content_and_every_change_is_found(
    content: bytes, piece: int, step: int, data: st.DataObject
) -> None:
    def read(stored: bytes) -> bytes:
        ahead = PiecesAhead(lambda start, end: stored[start:end], "s3://b/a", expected(content))
        with closing(BufferedReader(ahead, 7)) as file:
            return b"".join(iter(lambda: file.read(step), b""))

    usual, reading._PIECE = reading._PIECE, piece
    try:
        assert read(content) == content
        position = data.draw(st.integers(0, len(content) - 1))
        changed = bytearray(content)
        changed[position] ^= data.draw(st.integers(1, 255))
        for other in (bytes(changed), content[:position]):
            with pytest.raises(Permanent):
                read(other)
    finally:
        reading._PIECE = usual


def test_a_bucket_that_is_missing_is_a_permanent_error(bucket: str, tmp_path: Path) -> None:
    store = ObjectStore("s3", f"{bucket}-no", "")
    for ask in (lambda: store.size("a"), lambda: [*store.objects("")]):
        with pytest.raises(Permanent, match=f"there is no bucket s3://{bucket}-no"):
            ask()


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("AccessDenied", Permanent, "does not let this process at"),
        ("InvalidAccessKeyId", Permanent, "does not let this process at"),
        ("SignatureDoesNotMatch", Permanent, "does not let this process at"),
        ("AuthorizationHeaderMalformed", Permanent, "refuses a request"),
        ("InternalError", Transient, "does not answer"),
    ],
)
def test_a_refusal_is_permanent_a_failure_transient_and_neither_tells_a_key(
    code: str, kind: type[FntxError], said: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(code) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        store = ObjectStore("s3", bucket, "")
        asked = [lambda: store.put_new("a", written(tmp_path, b"x")), lambda: [*store.objects("")]]
        for ask in asked:
            with pytest.raises(kind, match=said) as raised:
                ask()
            text = "".join(traceback.format_exception(raised.value))
            assert KEY not in text
            assert SECRET not in text


def test_a_store_that_is_away_is_a_transient_error(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(Transient, match=f"s3://{bucket} does not answer"):
            ObjectStore("s3", bucket, "").size("a")


def test_credentials_that_are_missing_are_a_permanent_error(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(Permanent, match="no credentials for s3://"):
        ObjectStore("s3", bucket, "").size("a")


@pytest.mark.parametrize("scheme", ["memory", "file", "http", "ftp", "nothing"])
def test_a_store_without_conditional_puts_is_refused(scheme: str) -> None:
    with pytest.raises(Permanent, match=rf"no statements can be kept at {scheme}://.*s3://bucket/prefix"):
        ObjectStore(scheme, "bucket", "")


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"].__dict__["_registry"], "s3", raising=False)
    with pytest.raises(Permanent, match=r"pip install 'fntx-dagster\[s3\]'"):
        ObjectStore("s3", "bucket", "")


def test_the_names_of_strangers_are_cleaned(bucket: str) -> None:
    files_in_store().pipe_file(f"{bucket}/p/statements/\x1b[31m..\u202egnp", b"x")
    [(name, _)] = [*ObjectStore("s3", bucket, "p").objects("statements")]
    assert "\x1b" not in name
    assert "\u202e" not in name


@contextmanager
def answering(code: str) -> Iterator[str]:
    """A server that answers every request with an error of S3."""
    status = {"InternalError": 500, "AuthorizationHeaderMalformed": 400}.get(code, 403)

    class Refusing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = f"<Error><Code>{code}</Code><Message>{KEY}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
