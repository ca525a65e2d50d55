"""The Flex Web Service: request a statement, ask for it until it is ready, and receive it as one whole file.

Here belongs the conversation with the broker's server, and nothing about what a statement holds. What the caller gives
and gets is in `service`, the meaning of each answer in `answers`, how often a token may send a request in `pace`, the
file that is kept only when it is whole in `part`.

The service wants the token in the query string of every request. It goes there and nowhere else: `token` cleans the
library's log records before a handler sees them, the library's exceptions (which quote the URL) end here and become
ours without being their cause or context, and what the server says is cleaned before it is shown.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError

from fntx_dagster.adapters.flex.answers import (
    CUT_OFF,
    FALTERING,
    FOREIGN,
    NOT_ANSWERED,
    STATEMENT,
    UNREACHABLE,
    Document,
    NotYet,
    Refused,
    Retry,
    Rule,
    Setback,
    body_setback,
    fields,
    http_setback,
)
from fntx_dagster.adapters.flex.day_order import day_order
from fntx_dagster.adapters.flex.formats import OrderUnknown
from fntx_dagster.adapters.flex.pace import Pace
from fntx_dagster.adapters.flex.part import Part
from fntx_dagster.adapters.flex.service import Download, FlexService, Query, require_valid
from fntx_dagster.adapters.flex.token import Secret, Token, clean_logs
from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.period import Period

T = TypeVar("T")
Failure = TypeVar("Failure", bound=NotYet | Refused)


def download(
    service: FlexService,
    token: str | Secret,
    query: Query,
    period: Period | None,
    target: Path,
    *,
    on_progress: Callable[[str], None] = lambda line: None,
) -> Download:
    """Fetch one statement into the file `target`, which is replaced in one step or stays as it is.

    `period` asks for its days (at most 365) in place of the query's own period. `on_progress` gets one line of text at
    each step. Raises NotYet (Transient) when a later try may succeed, Refused or a subclass of it when none will, and
    Permanent for a wrong setting or a folder that cannot be written.
    """
    hidden = Token(token if isinstance(token, str) else token.get_secret_value())
    del token  # a traceback may show the local variables
    require_valid(service, hidden, query, period)
    clean_logs()
    return _Conversation(service, hidden, query, period, target, on_progress).run()


def ask_whether_token_is_valid(service: FlexService, token: str | Secret, name: str) -> None:
    """Ask about a reference that does not exist: the cheapest request, it generates nothing. `name` is what errors call
    the token. Raises as `download` does where the token is refused or the service does not answer."""
    hidden = Token(token if isinstance(token, str) else token.get_secret_value())
    del token
    require_valid(service, hidden, Query("token", _NO_REFERENCE), None)
    clean_logs()
    query = Query(f"a statement with the token {name}", _NO_REFERENCE)
    _Conversation(service, hidden, query, None, service.limits_folder, lambda line: None).ask()


def date_of(url: str) -> datetime | None:
    """The time by the clock of the web server at `url`, UTC; None where it does not answer or does not say. The request
    holds no token."""
    try:
        with requests.Session() as session:
            session.trust_env = url.startswith("https:")
            headers = {"User-Agent": _USER_AGENT}
            with session.get(url, headers=headers, timeout=10, allow_redirects=False, stream=True) as response:
                sent_at = parsedate_to_datetime(response.headers.get("Date", ""))
                return sent_at if sent_at.tzinfo else None
    except (requests.RequestException, HTTPError, OSError, ValueError, TypeError):
        return None


# -- the conversation -------------------------------------------------------------------------------------------------

_USER_AGENT = "FNTX/0.1 (Flex Web Service client)"
_NO_REFERENCE = "1"
_ACCEPTED = (1017, 1019, 1020)
"""Codes about the reference: the token was looked at before."""
_CHUNK = 1 << 16
_LONGEST_ANSWER = 1 << 16
_LONGEST_QUOTE = 200
_SHORTEST_REPORTED_WAIT = 5.0
"""Seconds; shorter waits for the token's turn are not reported."""


class _Ticket(NamedTuple):
    """The broker's answer to a request: the reference to ask with, and where."""

    reference: str
    url: str


class _Conversation:
    """One statement, from the request to the file."""

    def __init__(
        self,
        service: FlexService,
        token: Token,
        query: Query,
        period: Period | None,
        target: Path,
        on_progress: Callable[[str], None],
    ) -> None:
        self._service = service
        self._token = token
        self._query = query
        self._period = period
        self._target = target
        self._on_progress = on_progress
        self._name = f"{query.name} of {period.first} to {period.last}" if period else query.name
        self._clock = service.clock
        self._began = self._clock.elapsed()
        self._pace = Pace(
            service.limits_folder,
            token,
            service.clock,
            throttled_wait=service.throttled_wait,
            timeout=service.timeout,
            times=service.times,
        )
        self._ticket: _Ticket | None = None
        self._met: Counter[Rule] = Counter()
        self._requests = 0
        self._last = Setback(NOT_ANSWERED)

    def run(self) -> Download:
        """Advance until the statement is there, or a rule or the deadline ends the conversation."""
        retrying = Retrying(
            retry=retry_if_exception_type(Setback),
            wait=self._pause,
            stop=self._is_over,
            before_sleep=self._report_retry,
            sleep=self._clock.sleep,
            retry_error_callback=self._give_up,
        )
        return retrying(self._advance)

    def ask(self) -> None:
        """Send the request that only a valid token gets the answer `no such reference` to."""
        url = f"{self._service.base_url.rstrip('/')}/GetStatement"
        try:
            content = self._get(
                url, {"q": self._query.query_id}, lambda response: self._start_of(self._pieces(response))
            )
            raise body_setback(content, self._quoted)
        except Setback as setback:
            if setback.code not in _ACCEPTED:
                if setback.rule.retry is Retry.THROTTLED:
                    self._pace.hold()
                raise self._error(
                    setback.rule.outcome, self._describe(setback), setback.rule.way_out, setback.code
                ) from None

    def _advance(self) -> Download:
        try:
            if self._ticket is None:
                self._ticket = self._request()
                seconds = _varied(self._service.wait)
                self._say(f"{self._name} is requested, asking for it in {seconds:.0f} s")
                self._rest(seconds)
            return self._fetch(self._ticket)
        except Setback as setback:
            self._last = setback
            self._met[setback.rule] += 1
            if setback.rule.anew:
                self._ticket = None
            if setback.rule.retry is Retry.THROTTLED:
                self._pace.hold()
            raise

    # -- what tenacity calls --

    def _pause(self, state: RetryCallState) -> float:
        rule = self._last.rule
        if rule.retry is Retry.THROTTLED:
            return self._service.throttled_wait.total_seconds() * random.uniform(1, 1.25)
        doublings = min(self._met[rule] - 1, 3) if rule.retry is Retry.SLOW else 0
        return _varied(self._service.wait) * 2**doublings

    def _is_over(self, state: RetryCallState) -> bool:
        return self._is_final(self._last.rule) or state.upcoming_sleep > self._remaining()

    def _is_final(self, rule: Rule) -> bool:
        return rule.retry is Retry.NEVER or (rule.tries is not None and self._met[rule] >= rule.tries)

    def _report_retry(self, state: RetryCallState) -> None:
        self._say(f"{self._describe(self._last)}; asking again in {state.upcoming_sleep:.0f} s")

    def _give_up(self, state: RetryCallState) -> NoReturn:
        last = self._last
        if not self._is_final(last.rule):
            raise self._overdue()
        raise self._error(last.rule.outcome, self._describe(last), last.rule.way_out, last.code)

    # -- the two requests --

    def _request(self) -> _Ticket:
        """Ask for the statement to be generated."""
        parameters = {"q": self._query.query_id}
        if self._period is not None:
            parameters |= {"fd": f"{self._period.first:%Y%m%d}", "td": f"{self._period.last:%Y%m%d}"}
        base = self._service.base_url.rstrip("/")
        content = self._get(f"{base}/SendRequest", parameters, lambda response: self._start_of(self._pieces(response)))
        answer = fields(content)
        if not answer.get("referencecode"):
            raise body_setback(content, self._quoted)
        return _Ticket(answer["referencecode"], self._allowed(answer.get("url") or f"{base}/GetStatement"))

    def _fetch(self, ticket: _Ticket) -> Download:
        """Receive the statement, if it is ready."""
        part, last_day = self._get(ticket.url, {"q": ticket.reference}, self._receive)
        self._say(f"{self._name} has arrived, {part.size:,} bytes")
        seconds = self._clock.elapsed() - self._began
        return Download(self._target, part.size, part.sha256, last_day, self._requests, seconds)

    def _receive(self, response: requests.Response) -> tuple[Part, date | None]:
        """Write the body to the file as it comes, and keep the file if it is a whole, well-formed statement."""
        pieces = self._pieces(response)
        document, start = Document(), b""
        for piece in pieces:
            start += piece
            document.feed(piece)
            if document.root or document.broken or len(start) > _LONGEST_ANSWER:
                break
        if document.root != STATEMENT:
            raise body_setback(start + self._start_of(pieces), self._quoted)
        with Part(self._target) as part:
            part.write(start)
            for piece in pieces:
                document.feed(piece)
                if document.broken:
                    break
                part.write(piece)
            missing = _missing(response)
            if missing or not document.is_whole():
                raise Setback(CUT_OFF, f"{missing:,} bytes are missing" if missing else "no well-formed XML")
            part.keep()
            return part, self._last_day(document)

    def _last_day(self, document: Document) -> date | None:
        """The last day of the statement in the file; None where loading will refuse its dates."""
        try:
            return document.last_day()
        except OrderUnknown:
            with suppress(Permanent):
                return document.last_day(day_order(self._target, self._service.date_order))
        return None

    def _start_of(self, pieces: Iterator[bytes]) -> bytes:
        """The first bytes of a body, about as many as the longest answer has."""
        content = b""
        for piece in pieces:
            content += piece
            if len(content) > _LONGEST_ANSWER:
                break
        return content

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        """A body piece by piece as it arrives. Raises NotYet at the deadline."""
        size = 0
        while piece := response.raw.read1(_CHUNK, decode_content=True):
            size += len(piece)
            if self._remaining() <= 0:
                self._last = Setback(CUT_OFF, f"after {size:,} bytes")
                raise self._overdue()
            yield piece

    def _get(self, url: str, parameters: dict[str, str], read: Callable[[requests.Response], T]) -> T:
        """Send one request in the token's turn. The library's exceptions quote the URL: none leaves here."""
        self._await_turn()
        self._requests += 1
        seconds = max(min(self._service.timeout.total_seconds(), self._remaining()), 0.001)
        try:
            with requests.Session() as session:
                # An https request may use the environment's proxy, which cannot read it; an http request may not.
                session.trust_env = url.startswith("https:")
                with session.get(
                    url,
                    params={**parameters, "t": self._token.value, "v": "3"},
                    headers={"User-Agent": _USER_AGENT},
                    timeout=seconds,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    setback = http_setback(response.status_code)
                    if setback is None:
                        return read(response)
        except (ProtocolError, DecodeError):
            setback = Setback(CUT_OFF, "the connection ended early")
        except requests.ConnectionError:
            setback = Setback(UNREACHABLE, "no connection")
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            setback = Setback(FALTERING, type(error).__name__)
        raise setback

    def _allowed(self, url: str) -> str:
        """The address that an answer points to, rebuilt from its checked parts. Raises Setback for a foreign host."""
        base = urlsplit(self._service.base_url)
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname or "", parts.port
        except ValueError:
            parts, host, port = urlsplit(""), "an unreadable address", None
        own = (parts.scheme, host, port) == (base.scheme, base.hostname, base.port)
        known = parts.scheme == "https" and port in (None, 443) and host in self._service.hosts | {base.hostname}
        if "@" in parts.netloc or not (own or known):
            raise Setback(FOREIGN, self._quoted(f"{parts.scheme}://{host}"))
        return urlunsplit((parts.scheme, base.netloc if own else host, parts.path, "", ""))

    # -- time --

    def _remaining(self) -> float:
        return self._service.deadline.total_seconds() - (self._clock.elapsed() - self._began)

    def _rest(self, seconds: float) -> None:
        if seconds > self._remaining():
            raise self._overdue()
        self._clock.sleep(seconds)

    def _await_turn(self) -> None:
        while (seconds := self._pace.take()) > 0:
            if seconds > _SHORTEST_REPORTED_WAIT:
                self._say(f"{self._name} waits {seconds:.0f} s, the token has asked as often as it may")
            self._rest(seconds)

    def _overdue(self) -> NotYet:
        outcome = self._last.rule.outcome
        return self._error(
            outcome if issubclass(outcome, NotYet) else NotYet,
            f"no statement within {self._service.deadline.total_seconds():.0f} s; {self._describe(self._last)}",
            self._last.rule.way_out,
            self._last.code,
        )

    # -- words --

    def _describe(self, setback: Setback) -> str:
        code = f" (code {setback.code})" if setback.code else ""
        return f"{self._name} {setback.rule.meaning}{code}{f': {setback.said}' if setback.said else ''}"

    def _quoted(self, words: str) -> str:
        """The server's words, safe to show. Cleaned before they are cut: half a token is still a secret."""
        return cleaned(self._cleaned(words), _LONGEST_QUOTE).strip(" .")

    def _say(self, line: str) -> None:
        self._on_progress(self._cleaned(line))

    def _error(self, kind: type[Failure], message: str, way_out: str, code: int | None = None) -> Failure:
        error = kind(self._cleaned(message), way_out)
        error.code, error.query = code, self._query.name
        return error

    def _cleaned(self, text: str) -> str:
        return without_accounts(self._token.removed_from(text))


def _varied(wait: timedelta) -> float:
    return wait.total_seconds() * random.uniform(0.75, 1.25)


def _missing(response: requests.Response) -> int:
    """How many bytes of the promised length did not arrive."""
    promised = response.headers.get("Content-Length", "")
    if not promised.isdigit() or "Transfer-Encoding" in response.headers:
        return 0
    return max(int(promised) - response.raw.tell(), 0)
