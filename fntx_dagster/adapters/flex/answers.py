"""What the Flex Web Service answers instead of a statement, and how the client reacts.

Here belong the outcomes that callers distinguish, the broker's error codes with the rule of each, the rules for answers
without a code, and the reading of a body: is it a statement, an answer, or neither. Nothing here sends or waits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import NamedTuple

from fntx_dagster.adapters.flex.formats import DayOrder, OrderUnknown, parse_date
from fntx_dagster.adapters.flex.safe_xml import XMLSyntaxError, parse_flat, push_parser
from fntx_dagster.errors import Permanent, Transient


class NotYet(Transient):
    """No statement now, perhaps later. `code` is the broker's last error code, None where it gave none."""

    code: int | None = None
    query: str = ""


class NotServed(NotYet):
    """The broker throttles the token, or the service is out of reach: every query of the token would fail alike."""


class Refused(Permanent):
    """No statement until a person changes something. `code` as in `NotYet`."""

    code: int | None = None
    query: str = ""


class NoData(Refused):
    """1003: the broker has no data, most often because the account had no activity in the period."""


class TokenRefused(Refused):
    """The broker refuses the token or its account: every query of the token would be refused."""


class Retry(Enum):
    """Whether and when the client tries again after an answer."""

    POLL = "after the usual wait, as often as the deadline allows"
    SLOW = "after the usual wait, and twice as long each time"
    THROTTLED = "after the long wait at least"
    NEVER = "never"


class Rule(NamedTuple):
    """How the client reacts to an answer that is no statement."""

    meaning: str
    retry: Retry
    outcome: type[NotYet] | type[Refused]
    """Raised when there is no other try, or none left."""
    way_out: str
    tries: int | None = None
    """How many such answers end a download; None where only the deadline does."""
    anew: bool = False
    """Whether the reference is void, so that the next try requests the statement again."""


_LATER = "Try again later; the broker's data for the day may still be in the making"
_THROTTLING = "The broker is holding this token off: make no request with it for an hour, then try again"
NEW_TOKEN = (
    "Make a new token in Client Portal (Performance & Reports, Flex Queries, Flex Web Service Configuration) "
    "and set it in FNTX_FLEX_TOKENS"
)

CODES = {
    1001: Rule("could not be generated", Retry.SLOW, NotServed, _THROTTLING, tries=4, anew=True),
    1003: Rule(
        "is not available", Retry.NEVER, NoData, "Often there is no data in that period; check the query and the period"
    ),
    1004: Rule("is incomplete at this time", Retry.SLOW, NotYet, _LATER, anew=True),
    1005: Rule("lacks settlement data at this time", Retry.SLOW, NotYet, _LATER, anew=True),
    1006: Rule("lacks FIFO profit and loss at this time", Retry.SLOW, NotYet, _LATER, anew=True),
    1007: Rule("lacks MTM profit and loss at this time", Retry.SLOW, NotYet, _LATER, anew=True),
    1008: Rule("lacks MTM and FIFO profit and loss at this time", Retry.SLOW, NotYet, _LATER, anew=True),
    1009: Rule("is held up by heavy load at the broker", Retry.SLOW, NotYet, _LATER),
    1010: Rule(
        "comes from a legacy Flex query, which is no longer supported",
        Retry.NEVER,
        Refused,
        "Convert the query to an Activity Flex query and set its id in FNTX_FLEX_QUERIES",
    ),
    1011: Rule(
        "is refused, the service account is inactive",
        Retry.NEVER,
        TokenRefused,
        "Enable the Flex Web Service in Client Portal",
    ),
    1012: Rule("is refused, the token has expired", Retry.NEVER, TokenRefused, NEW_TOKEN),
    1013: Rule(
        "is refused to this machine's address",
        Retry.NEVER,
        TokenRefused,
        "Allow the address for the token in Client Portal, or make a token without a restriction",
    ),
    1014: Rule(
        "comes from a query that is not valid", Retry.NEVER, Refused, "Check the query's id in FNTX_FLEX_QUERIES"
    ),
    1015: Rule("is refused, the token is not valid", Retry.NEVER, TokenRefused, NEW_TOKEN),
    1016: Rule(
        "is refused, the account is not valid", Retry.NEVER, Refused, "Check the accounts that the query selects"
    ),
    1017: Rule("was requested, but its reference is not known", Retry.POLL, Refused, _LATER, tries=3, anew=True),
    1018: Rule("is held off, too many requests", Retry.THROTTLED, NotServed, _THROTTLING, tries=4),
    1019: Rule("is being generated", Retry.POLL, NotYet, _LATER),
    1020: Rule(
        "was not requested in a way that the service accepts",
        Retry.NEVER,
        Refused,
        "Check the query's id in FNTX_FLEX_QUERIES, and that the query can be run for other dates",
    ),
    1021: Rule("could not be retrieved at this time", Retry.SLOW, NotYet, _LATER),
}
"""The broker's error codes. Each `meaning` continues a sentence that begins with the statement's name."""

NOT_ANSWERED = Rule("was not answered", Retry.NEVER, NotYet, _LATER)
CUT_OFF = Rule("arrived incomplete", Retry.SLOW, NotYet, "Try again later; if it stays so, check the network")
_STRANGE = Rule("did not arrive", Retry.SLOW, NotYet, "Try again later; if it stays so, check FNTX_FLEX_URL", tries=4)
UNREACHABLE = Rule("cannot be fetched", Retry.SLOW, NotServed, "Check the network, then try again")
FALTERING = UNREACHABLE._replace(outcome=NotYet)
"""The service was reached and sent nothing in time: other queries may fare better."""
_SERVER_ERROR = Rule("is held up by an error at the broker", Retry.SLOW, NotYet, "Try again later")
FOREIGN = Rule(
    "is offered at an address that is not allowed to see the token",
    Retry.NEVER,
    Refused,
    "Nothing was sent there; if it is the broker's, add its host to FNTX_FLEX_HOSTS",
)
_HTTP_REFUSED = Rule("is refused", Retry.NEVER, Refused, "Check FNTX_FLEX_URL")
_UNKNOWN = Rule("is refused", Retry.SLOW, Refused, "See the broker's list of Flex Web Service error codes", tries=3)

STATEMENT = "FlexQueryResponse"
"""The root of a statement's document."""


class Setback(Exception):
    """An answer that is no statement. `said`, free of the token, is what the server said, shown after the meaning."""

    def __init__(self, rule: Rule, said: str = "", code: int | None = None) -> None:
        self.rule = rule
        self.said = said
        self.code = code
        super().__init__(said)


def http_setback(status: int) -> Setback | None:
    """The setback of an HTTP status; None for 200, where the body decides."""
    if status == 200:
        return None
    if status == 429:
        return Setback(CODES[1018], "HTTP 429")
    if status >= 500:
        return Setback(_SERVER_ERROR, f"HTTP {status}")
    if 300 <= status < 400:
        return Setback(_HTTP_REFUSED, f"HTTP {status}, a redirection, which is never followed with a token")
    return Setback(_HTTP_REFUSED, f"HTTP {status}")


def body_setback(content: bytes, quoted: Callable[[str], str]) -> Setback:
    """The setback of a body that is neither a statement nor a reference; `quoted` makes its words safe to show."""
    answer = fields(content)
    if not answer:
        start = content.lstrip()[:_OPENING].lower()
        if not start:
            return Setback(CUT_OFF, "an empty answer")
        if start.startswith((b"<html", b"<!doctype html")):
            return Setback(_STRANGE, "the answer is an HTML page")
        if start.startswith((b"<?xml", b"<flex")):
            return Setback(CUT_OFF, "no well-formed XML")
        return Setback(_STRANGE, "the answer is none of the service's")
    digits = answer.get("errorcode", "")
    code = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 7 else None
    return Setback(CODES.get(code or 0, _UNKNOWN), quoted(answer.get("errormessage", "")), code)


def fields(content: bytes) -> dict[str, str]:
    """The fields of an answer by lower-case name, for both `Url` and `url` occur. Empty when it is no answer."""
    try:
        root, children = parse_flat(content)
    except (XMLSyntaxError, ValueError):
        return {}
    return {name.lower(): text for name, text in children.items()} if root == _ANSWER else {}


class Document:
    """A document, read as it passes: its root, the last day that its statements cover for every account, and whether it
    is well-formed. Nothing else of it is kept in memory."""

    def __init__(self) -> None:
        self.root = ""
        self.broken = False
        self._ends: set[tuple[str, str]] = set()
        """Account, and last day of a statement as written."""
        self._parser = push_parser(self)

    def last_day(self, order: DayOrder | None = None) -> date | None:
        """The last day of every account. Raises OrderUnknown where a date has slashes and `order` is not given."""
        reach: dict[str, date] = {}
        for account, text in self._ends:
            try:
                day = parse_date(text, order)
            except OrderUnknown:
                raise
            except ValueError:
                continue  # loading the file reports it
            if day:
                reach[account] = max(day, reach.get(account, day))
        return min(reach.values(), default=None)

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.feed(piece)
        except XMLSyntaxError:
            self.broken = True

    def is_whole(self) -> bool:
        if not self.broken:
            try:
                self._parser.close()
            except XMLSyntaxError:
                self.broken = True
        return not self.broken

    # -- what the parser calls --

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        if tag == "FlexStatement":
            self._ends.add((attributes.get("accountId", ""), attributes.get("toDate", "")))

    def doctype(self, *_: object) -> None:
        self.broken = True  # no statement has one

    def close(self) -> None:
        pass


_ANSWER = "FlexStatementResponse"
_OPENING = 20
"""Bytes at the start of a body that show what it is."""
