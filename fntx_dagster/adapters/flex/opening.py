"""Opening a statement file: XML as it is, or the one XML file in a `.gz` or `.zip`; what is neither, by what it is.

Here belong the kinds of files and their ways out; what the XML says is in `statements`. Nothing is unpacked onto the
disk: a packed file is read piece by piece, its members' names lead nowhere, and reading ends where it swells beyond
what statements do.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

from fntx_dagster.adapters.flex.places import Place, size_of
from fntx_dagster.errors import Permanent

CHUNK = 1 << 16
"""How much of a line is read at once."""


class OtherFile(Permanent):
    """A file that is no statement, and holds none: it is another kind of file."""


class StatementFile(Protocol):
    """The XML of a file, from its beginning."""

    def read(self, size: int = -1, /) -> bytes: ...
    def readline(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


def open_statement(path: Place) -> StatementFile:
    """The XML in a file. Raises OtherFile for a file that holds none, with what it is and what to do; it and reading
    raise Permanent where a file cannot be read, is damaged, or swells beyond what statements do."""
    file = _opened(path)
    try:
        start = file.peek(_START)[:_START]
        if not start:
            raise Permanent(f"{path} is empty", "Download the statement again")
        if start.startswith(_GZ):
            return _Unpacked(path, file, gzip.open(file))
        if start.startswith(_ZIP):
            return _Unpacked(path, file, _only_member(path, file))
        _refuse_others(path, start)
    except BaseException:
        file.close()
        raise
    return file


# -- private --------------------------------------------------------------------------------------------------------

_START = 512
_GZ, _ZIP, _PDF = b"\x1f\x8b", b"PK", b"%PDF"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HTML = (b"<!doctype html", b"<html")
_SWELLS, _AT_LEAST, _AT_MOST = 200, 64 << 20, 8 << 30
"""Statements shrink to a twentieth. A file may swell to 64 MB, beyond that 200-fold, and never to more than 8 GB."""
_PIECE_AT_MOST = 1 << 20
_DAMAGED = (BadZipFile, LargeZipFile, NotImplementedError, EOFError, zlib.error, OSError, RuntimeError, ValueError)


class _Kind:
    def __init__(self, name: str, way_out: str) -> None:
        self.name = name
        self.way_out = way_out


_XML_OF_A_QUERY = (
    "in Client Portal, open Performance & Reports, Flex Queries, and run an Activity query with the format XML"
)
_AS_CSV = _Kind("a CSV file", f"a statement is read as XML: {_XML_OF_A_QUERY}")
_AS_PDF = _Kind("a PDF file", f"an Activity Statement is for reading and has no XML: {_XML_OF_A_QUERY}")
_AS_HTML = _Kind("a web page", f"it is an Activity Statement in HTML or a page to log in at: {_XML_OF_A_QUERY}")
_AS_OFFICE = _Kind("a file of an office program", f"a statement is read as XML: {_XML_OF_A_QUERY}")
_AS_ANYTHING = _Kind("no XML", f"it was never a statement, which is read as XML: {_XML_OF_A_QUERY}")
BY_SUFFIX = {".csv": _AS_CSV, ".pdf": _AS_PDF, ".htm": _AS_HTML, ".html": _AS_HTML, ".xlsx": _AS_OFFICE}


def _opened(path: Place) -> BufferedReader:
    if not isinstance(path, Path):
        return path.open()
    if path.is_dir():
        raise Permanent(f"{path} is a folder", "Give the statement files in it, or load the folder as a whole")
    try:
        if path.exists() and not path.is_file():
            raise Permanent(f"{path} is no file, but a pipe or a device", "Give the statement files")
        return path.open("rb")
    except FileNotFoundError:
        raise Permanent(f"{path} does not exist", "Check the name") from None
    except OSError as error:
        raise Permanent(f"cannot read {path} ({error.strerror})", "Check the file's permissions") from None


def _refuse_others(path: Place, start: bytes) -> None:
    text = start.removeprefix(_MARKS[0]).lstrip().lower()
    if start.startswith(_PDF):
        raise _refused(path, _AS_PDF)
    if text.startswith(_HTML):
        raise _refused(path, _AS_HTML)
    if text and not text.startswith(b"<") and not start.startswith(_MARKS[1:]):
        raise _refused(path, _AS_CSV if _is_separated(text) else _AS_ANYTHING)


def _refused(path: Place, kind: _Kind) -> OtherFile:
    return OtherFile(f"{path} is {kind.name}", f"{kind.way_out[:1].upper()}{kind.way_out[1:]}")


def _is_separated(text: bytes) -> bool:
    """Whether a text begins with a line of fields."""
    line = text.partition(b"\n")[0]
    return b"\0" not in line and any(line.count(sign) >= 2 for sign in (b",", b";", b"\t", b"|"))


def _only_member(path: Place, file: BufferedReader) -> BinaryIO:
    """The one XML file of a zip archive, wherever in it it lies."""
    try:
        archive = ZipFile(_Archive(path, file))
    except _DAMAGED as error:
        raise _damaged(path, error) from None
    members = [member for member in archive.infolist() if not member.is_dir()]
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise _refused(path, _AS_OFFICE)
    statements = [member for member in members if _is_statement(member)]
    if len(statements) != 1:
        what = f"{len(statements)} XML files" if statements else "no XML file"
        way_out = "Unpack it, and load the folder" if statements else f"Pack a statement: {_XML_OF_A_QUERY}"
        raise OtherFile(f"{path} is a zip archive that holds {what}", way_out)
    (only,) = statements
    if only.flag_bits & 1:
        raise Permanent(f"{path} is encrypted", "Unpack it with its password, and load the XML file inside")
    if only.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Permanent(f"{path} is packed by an unusual method", "Unpack it, and load the XML file inside")
    try:
        return archive.open(only)  # pyright: ignore[reportReturnType]  # reads bytes, as a binary file does
    except _DAMAGED as error:
        raise _damaged(path, error) from None


class _Archive(BufferedReader):
    """A zip archive's bytes. `ZipFile` reads the list of members as a whole, wherever the archive says that it is and
    however long: that one piece is refused where it alone would take much memory."""

    def __init__(self, path: Place, file: BufferedReader) -> None:
        super().__init__(file.raw)
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _PIECE_AT_MOST:
            raise Permanent(f"{self._path} is a zip archive of very many files", "Unpack it, and load the folder")
        return super().read(size)


def _is_statement(member: ZipInfo) -> bool:
    *folders, name = member.filename.split("/")
    return name.lower().endswith(".xml") and not name.startswith(".") and "__MACOSX" not in folders


class _Unpacked:
    """Reads what is packed, and ends where it is damaged or swells."""

    def __init__(self, path: Place, packed: BinaryIO, unpacked: BinaryIO | gzip.GzipFile) -> None:
        self._path = path
        self._packed = packed
        self._unpacked = unpacked
        self._left = min(max(size_of(path) * _SWELLS, _AT_LEAST), _AT_MOST)
        start = self._try(unpacked.peek, _START)[:_START]  # pyright: ignore[reportAttributeAccessIssue]  # both have it
        if not start:
            raise Permanent(f"{path} holds an empty file", "Download the statement again")
        if start.startswith((_GZ, _ZIP)):
            raise OtherFile(f"{path} is packed twice", "Unpack it, and load the file inside")
        _refuse_others(path, start)

    def read(self, size: int = -1, /) -> bytes:
        return self._counted(self._try(self._unpacked.read, CHUNK if size < 0 else size))

    def readline(self, size: int = -1, /) -> bytes:
        return self._counted(self._try(self._unpacked.readline, CHUNK if size < 0 else size))

    def close(self) -> None:
        self._unpacked.close()
        self._packed.close()

    def _counted(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            raise Permanent(
                f"{self._path} swells beyond what a statement does when it is unpacked",
                "Do not load this file; download the statement again",
            )
        return piece

    def _try(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except _DAMAGED as error:
            raise _damaged(self._path, error) from None


def _damaged(path: Place, error: Exception) -> Permanent:
    return Permanent(f"{path} cannot be unpacked ({error or type(error).__name__})", "Download the statement again")
