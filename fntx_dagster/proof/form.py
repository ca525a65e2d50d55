"""The form of a file that strangers check: JSON that can be written in one way only, its checksum, its hashes and days.

What a disclosure holds, `disclosure` knows. Here lies what every reader of such a file must do alike, so that no two of
them understand one file differently: `verify/verify.py` and `verify/verify.html` do the same in the same words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import date
from itertools import accumulate
from typing import Any, NoReturn

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256

MAX_BYTES = 1_000_000

HASH = re.compile(r"0x[0-9a-f]{64}")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
NUMBER = re.compile(r"0|-?[1-9][0-9]{0,77}")


def strict_json(text: str | bytes, what: str = "the disclosure", most: int = MAX_BYTES, apart: int = 0) -> Any:
    """The content of a file of at most `most` bytes of ASCII. Permanent for any other bytes, and for JSON that is
    nested deeper than any file of ours or could be written otherwise; only white space is free.

    `apart`: bytes that there are at least to each quote, comma and bracket, on the average of a large file. A file that
    holds more values than its form can have would take twenty times its size in memory before a field is looked at.
    """
    need(len(text) <= most, f"{what} has more than {most} bytes")
    need(text.isascii(), f"{what} is not plain ASCII text")
    written = text if isinstance(text, str) else text.decode("ascii")
    marks = sum(map(written.count, '",[]{}')) if apart else 0
    need(marks * apart <= len(text) + _SMALL, f"{what} has more values than its form can have")
    # Python's parser recurses, and where some library has raised its limit too deep a nesting ends the process.
    need(_depth(written) <= _DEEPEST, f"{what} is not JSON")
    try:
        content = json.loads(written)
        again = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        refuse(f"{what} is not JSON")
    # One way to write each thing: no key twice, no 1.0 for 1, no escape that is not needed. Only space is free.
    compact = written if written == again else _TEXT_OR_SPACE.sub(lambda match: match[1] or "", written)
    need(
        compact == again,
        f"{what} is not JSON as FNTX writes it: a key twice, or a number or text in another notation",
    )
    return content


def checksum_of(content: Mapping[str, Any]) -> str:
    """keccak256 of all but the checksum itself, in its canonical form."""
    return hex_of(keccak256(canonical(content, {"checksum"})))


def canonical(content: Mapping[str, Any], without: Collection[str] = ()) -> bytes:
    """A content as JSON with sorted keys and no spaces, some of its keys left out."""
    rest = {key: value for key, value in content.items() if key not in without}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode("ascii")


def need_keys(where: str, content: Any, keys: set[str]) -> None:
    """Permanent unless it is an object with exactly these keys."""
    need(
        type(content) is dict and content.keys() == keys,
        f"{where} does not have exactly the keys {', '.join(sorted(keys))}",
    )


def day_of(text: Any) -> date:
    """The day of `2025-07-18`; Permanent for anything else, and for a day before 1970."""
    try:
        day = date.fromisoformat(text) if matches(_DAY, text) else None
    except ValueError:
        day = None
    if day is None or day.year < 1970:
        refuse("date is not a day from 1970-01-01 to 9999-12-31")
    return day


def matches(pattern: re.Pattern[str], value: Any) -> bool:
    """Whether it is a text, and the pattern fits the whole of it."""
    return is_text(value) and pattern.fullmatch(value) is not None


def is_text(value: Any) -> bool:
    """Whether it is a text of JSON."""
    return type(value) is str


def need(condition: bool, otherwise: str) -> None:
    """Permanent with these words unless it is so."""
    if not condition:
        refuse(otherwise)


def refuse(message: str) -> NoReturn:
    """Permanent: the file is not as FNTX writes it."""
    raise Permanent(message, "Ask for the file again where it came from")


def bytes_of(text: str) -> bytes:
    """The bytes of 0x and hex digits."""
    return bytes.fromhex(text[2:])


def hex_of(content: bytes) -> str:
    """0x and lower-case hex digits."""
    return f"0x{content.hex()}"


def _depth(written: str) -> int:
    """How deep the brackets outside of texts are nested."""
    brackets = re.sub(r"[^][{}]+", "", _TEXT_OR_SPACE.sub("", written))
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0)


_DEEPEST = 100
_SMALL = 200_000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A text that is not ended goes on to the end of the file: else each of its quotes would begin a search to the end.
_TEXT_OR_SPACE = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))|[ \t\r\n]+', re.DOTALL)
