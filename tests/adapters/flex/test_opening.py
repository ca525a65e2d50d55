"""Packed files are read like plain ones, within bounds; what is no statement is named as what it is."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from fntx_dagster.adapters.flex import opening
from fntx_dagster.adapters.flex.statements import FlexFile, Row
from fntx_dagster.errors import Permanent
from fntx_dagster.simulate.documents import document, row, section, statement, write

XML = document(statement(section("Trades", *(row("Trade", transactionID=str(n)) for n in range(20))))).encode()


def zipped(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def gzipped(path: Path, content: bytes = XML) -> Path:
    path.write_bytes(gzip.compress(content))
    return path


def rows(path: Path) -> list[str]:
    return [item.identity for item in FlexFile(path) if isinstance(item, Row)]


def refusal(path: Path) -> str:
    with pytest.raises(Permanent) as caught:
        rows(path)
    assert str(path) in str(caught.value)
    assert caught.value.way_out
    return str(caught.value)


@pytest.fixture
def plain(tmp_path: Path) -> list[str]:
    return rows(write(tmp_path / "plain.xml", XML.decode()))


def test_a_gz_is_read_like_the_xml_in_it(tmp_path: Path, plain: list[str]) -> None:
    assert rows(gzipped(tmp_path / "a.xml.gz")) == plain


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["a.xml", "2025/07/A.XML", "../../etc/a.xml", "/tmp/a.xml"])
def test_a_zip_is_read_like_the_xml_in_it_and_its_names_lead_nowhere(
    name: str, method: int, tmp_path: Path, plain: list[str]
) -> None:
    members = ((name, XML), ("__MACOSX/._a.xml", b"\0"), ("read me.txt", b"hello"))
    before = set(tmp_path.iterdir())
    assert rows(zipped(tmp_path / "a.zip", *members, method=method)) == plain
    assert set(tmp_path.iterdir()) == before | {tmp_path / "a.zip"}


def test_a_packed_file_counts_by_its_content_whatever_its_name(tmp_path: Path, plain: list[str]) -> None:
    assert rows(gzipped(tmp_path / "a.xml")) == plain
    assert rows(zipped(tmp_path / "b.xml", ("a.xml", XML))) == plain


def test_a_zip_of_several_statements_is_refused(tmp_path: Path) -> None:
    said = refusal(zipped(tmp_path / "a.zip", ("a.xml", XML), ("b.xml", XML)))
    assert "holds 2 XML files. Unpack it, and load the folder" in said


def test_a_zip_without_a_statement_is_refused(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", ("a.xml", XML)).read_bytes()
    assert "holds no XML file" in refusal(zipped(tmp_path / "a.zip", ("inner.zip", inner)))
    assert "holds no XML file" in refusal(zipped(tmp_path / "empty.zip"))


def test_what_is_packed_twice_is_refused(tmp_path: Path) -> None:
    assert "packed twice" in refusal(gzipped(tmp_path / "a.gz", gzip.compress(XML)))
    inner = zipped(tmp_path / "inner.zip", ("a.xml", XML)).read_bytes()
    assert "packed twice" in refusal(gzipped(tmp_path / "b.gz", inner))
    assert "packed twice" in refusal(zipped(tmp_path / "c.zip", ("a.xml", gzip.compress(XML))))


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("a.xml", XML))
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    assert "is encrypted. Unpack it with its password" in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_of_another_method_is_refused(method: int, tmp_path: Path) -> None:
    assert "unusual method" in refusal(zipped(tmp_path / "a.zip", ("a.xml", XML), method=method))


def test_an_office_document_is_no_archive_of_statements(tmp_path: Path) -> None:
    said = refusal(zipped(tmp_path / "a.xlsx", ("[Content_Types].xml", b"<a/>"), ("xl/workbook.xml", b"<a/>")))
    assert "office program" in said
    assert "Flex Queries" in said


@pytest.mark.parametrize("name", ["a.gz", "a.zip"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_packed_file_that_is_cut_off_is_refused(name: str, kept: float, tmp_path: Path) -> None:
    path = tmp_path / name
    whole = (gzipped(path) if name == "a.gz" else zipped(path, ("a.xml", XML))).read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert "Download the statement again" in refusal(path)


@pytest.mark.parametrize("name", ["a.gz", "a.zip"])
def test_a_packed_file_with_a_flipped_bit_is_read_as_it_was_or_refused(
    name: str, tmp_path: Path, plain: list[str]
) -> None:
    path = tmp_path / name
    whole = (gzipped(path) if name == "a.gz" else zipped(path, ("a.xml", XML))).read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with suppress(Permanent):
            assert rows(path) == plain


@pytest.mark.parametrize("name", ["a.gz", "a.zip"])
def test_a_bomb_is_refused_before_it_has_swollen_and_takes_no_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_AT_LEAST", 1 << 20)
    path = tmp_path / name
    head, tail = document(statement(section("Trades", "ROWS"))).encode().split(b"ROWS")
    with ExitStack() as stack:
        if name == "a.gz":
            packed = stack.enter_context(gzip.open(path, "wb"))
        else:
            archive = stack.enter_context(zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED))
            packed = stack.enter_context(archive.open("a.xml", "w"))
        packed.write(head)
        for _ in range(1000):
            packed.write(b" " * 20_000)
        packed.write(tail)
    tracemalloc.start()
    try:
        assert "swells beyond what a statement does" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("is_zip64", [False, True])
def test_the_list_of_members_is_bounded_whatever_the_archive_says_of_its_length(is_zip64: bool, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", *((f"{number:060}", b"") for number in range(12_000)))
    content = path.read_bytes()
    end = content.rindex(b"PK\5\6")
    size, start = struct.unpack_from("<II", content, end + 12)
    if is_zip64:  # the end that everybody knows claims a short list, and the one before it says how long it is
        long_end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 12_000, 12_000, size, start)
        locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
        short_end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, 100, start, 0)
        path.write_bytes(content[:end] + long_end + locator + short_end)
        with zipfile.ZipFile(path) as archive:
            assert len(archive.namelist()) == 12_000
    assert size > 1 << 20
    assert "very many files" in refusal(path)


def test_a_small_zip64_is_read(tmp_path: Path, plain: list[str]) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.xml", "w", force_zip64=True) as member:
        member.write(XML)
    assert rows(path) == plain


HTML = b"<!DOCTYPE html>\n<html><head><title>Login</title></head></html>"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF file. An Activity Statement is for reading and has no XML"),
        (HTML, "a web page"),
        (b"\xef\xbb\xbf  <HTML><body/></HTML>", "a web page"),
        (b"Statement,Header,Field Name,Field Value\nStatement,Data,Title,Activity\n", "a CSV file"),
        (b'"ClientAccountID","AccountAlias","Model"\n"U1000001","",""\n', "a CSV file"),
        (b"\xef\xbb\xbfClientAccountID|Model|Symbol\n", "a CSV file"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_another_kind_of_file_is_named_with_the_menu_that_gives_xml(
    content: bytes, what: str, packed: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(gzip.compress(content) if packed else content)
    said = refusal(path)
    assert f"{path} is {what}" in said
    assert (
        "n Client Portal, open Performance & Reports, Flex Queries, and run an Activity query with the format XML"
        in said
    )


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is empty" in refusal(write(tmp_path / "a.xml", ""))
    assert "holds an empty file" in refusal(gzipped(tmp_path / "a.gz", b""))


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)
    assert "does not exist" in refusal(tmp_path / "absent.xml")


def test_a_text_is_said_to_be_no_xml_and_a_cut_statement_to_be_cut_off(tmp_path: Path) -> None:
    for text in ("# FNTX\n\nA README.\n", "\n\nhello"):
        said = refusal(write(tmp_path / "README.md", text))
        assert "README.md is no XML. It was never a statement" in said
        assert "run an Activity query with the format XML" in said
    assert "cut off" in refusal(write(tmp_path / "a.xml", XML.decode()[:-9]))


@pytest.mark.parametrize("order", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_statement_is_read_in_every_encoding_of_its_text(order: str, tmp_path: Path, plain: list[str]) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(XML.decode().encode(order))
    assert rows(path) == plain


def test_a_packed_statement_is_streamed(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        buffer = io.BytesIO()
        with gzip.open(buffer, "wb") as file:
            head, tail = document(statement(section("Trades", "ROWS"))).encode().split(b"ROWS")
            file.write(head)
            for number in range(count):
                file.write((row("Trade", transactionID=str(number), quantity="1") + "\n").encode())
            file.write(tail)
        path = tmp_path / "a.xml.gz"
        path.write_bytes(buffer.getvalue())
        tracemalloc.start()
        try:
            assert sum(isinstance(item, Row) for item in FlexFile(path)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)
    assert peak(20_000) < peak(1_000) + 500_000
