"""Which files of a folder are loaded, and how the others are named."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path

from fntx_dagster.simulate.documents import document, row, section, statement
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.folders import skipped_files, statement_files
from fntx_dagster.store.raw_flex.statements import load_paths

XML = document(statement(section("Trades", row("Trade", transactionID="1")))).encode()


def zipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)


def test_a_folders_statements_are_found_and_the_others_listed_with_why(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    for name in ("b.XML", "d.csv", "deeper/e.pdf", "f.txt", "g.zip", ".hidden", "b.xml.previous-1", ".a.xml.part"):
        (tmp_path / name).write_text("x")
    (tmp_path / "deeper" / "a.xml.gz").write_bytes(gzip.compress(XML))
    zipped(tmp_path / "deeper" / "c.zip", a_xml=XML)
    assert [path.name for path in statement_files([tmp_path])] == ["b.XML", "a.xml.gz", "c.zip"]
    skipped = {path.name: why for path, why in skipped_files([tmp_path, tmp_path / "d.csv"])}
    assert skipped.keys() == {"d.csv", "e.pdf", "f.txt", "g.zip"}
    assert skipped["d.csv"].startswith("a CSV file; a statement is read as XML: in Client Portal")
    assert skipped["e.pdf"].startswith("a PDF file; ")
    assert skipped["f.txt"] == "only .xml, .gz, .zip files are read"
    assert skipped["g.zip"].startswith("no XML; ")


def test_an_archive_of_other_things_in_a_folder_is_skipped_and_named_itself_it_is_refused(
    database: Database, tmp_path: Path
) -> None:
    zipped(tmp_path / "photos.zip", a_jpg=b"x", b_jpg=b"y")
    zipped(tmp_path / "several.zip", a_xml=XML, b_xml=XML)
    zipped(tmp_path / "other.zip", a_xml=b"<?xml version='1.0'?><feed/>")
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"INFO started\n"))
    (tmp_path / "site.xml.gz").write_bytes(gzip.compress(b"<urlset/>"))
    skipped = {path.name: why for path, why in skipped_files([tmp_path])}
    assert skipped["photos.zip"].startswith("a zip archive that holds no XML file; pack a statement: in Client Portal")
    assert skipped["several.zip"] == "a zip archive that holds 2 XML files; unpack it, and load the folder"
    assert skipped["log.gz"].startswith("no XML; ")
    assert skipped["other.zip"] == skipped["site.xml.gz"] == "the XML in it is no Flex statement"
    assert load_paths(database, [tmp_path]) == []
    named = [tmp_path / name for name in skipped]
    assert [load.status for load in load_paths(database, named)] == ["failed"] * 5


def test_a_damaged_archive_and_the_brokers_answer_in_a_folder_are_errors(database: Database, tmp_path: Path) -> None:
    whole = gzip.compress(XML * 50)
    (tmp_path / "a.xml.gz").write_bytes(whole[: len(whole) // 2])
    answer = b"<FlexStatementResponse><ErrorCode>1019</ErrorCode></FlexStatementResponse>"
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(answer))
    assert skipped_files([tmp_path]) == []
    assert [load.status for load in load_paths(database, [tmp_path])] == ["failed"] * 2


def test_a_pipe_in_a_folder_is_left_out_and_named_itself_it_is_refused_without_waiting(
    database: Database, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "a.xml")
    assert load_paths(database, [tmp_path]) == []
    [refused] = load_paths(database, [tmp_path / "a.xml"])
    assert "is no file, but a pipe or a device" in (refused.error or "")
