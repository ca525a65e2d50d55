"""What a page gets, and what it gives back: the request with its visitor and its account, and a template's values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fntx_dagster.foreign import cleaned
from fntx_dagster.model.period import Period
from fntx_dagster.services.accounts import NumberedAccount, numbered_accounts
from fntx_dagster.services.database import Database
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.settings import Settings


class NotFound(Exception):
    """There is no such page, or none that this visitor may see: both look alike."""


class BadAddress(Exception):
    """A part of the address is not what the page takes. The text says which, and what it takes."""


class Site(NamedTuple):
    """What all pages are made from."""

    settings: Settings
    db: Database
    observer: ZoneInfo
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class Shown:
    """What a page answers: a template and its values. `title` stands in the browser's tab."""

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


Answer = Shown | Response
FAILED = "The server failed; its log says how."
"""All that anybody learns of an error that nobody expected."""
_YEARS = range(1970, 2200)
"""Of the days that an address may name: calendars reach beyond each of them."""


_LONGEST_NAME = 64
_LONGEST_PART = 200
_LARGEST_FORM = 64 * 1024
_MOST_FIELDS = 200


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent, the last of each name. Raises HTTPException for what is none of ours."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST_FORM:
                raise HTTPException(413)
    except ClientDisconnect:  # who goes before all has come is no failure of ours
        raise HTTPException(400) from None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise HTTPException(400) from None


class Asked:
    """A request for a page. `form`: the fields of a form that was sent with it."""

    def __init__(self, site: Site, request: Request, form: Mapping[str, str]) -> None:
        self.site = site
        self.request = request
        self.form = form

    @property
    def acts(self) -> bool:
        """Whether a form was sent."""
        return self.request.method == "POST"

    @cached_property
    def desk(self) -> Desk:
        """What orders, books and signals are read through, by the settings. Raises Permanent for an unknown zone."""
        return desk_of(self.site.settings, self.site.db)

    @property
    def is_of_a_stranger(self) -> bool:
        """Whether nobody is signed in."""
        return self.request.state.visitor is None

    @property
    def visitor(self) -> Visitor:
        """Who asks. Somebody is signed in, but on a page that is open."""
        return self.request.state.visitor

    @cached_property
    def accounts(self) -> list[NumberedAccount]:
        """The accounts that the visitor may see, in the order of their numbers."""
        return [each for each in numbered_accounts(self.site.db) if self.visitor.may_see(each.account_id)]

    @cached_property
    def account(self) -> NumberedAccount:
        """The account that the address names by its number. Raises NotFound where the visitor sees none of it."""
        number = self.request.path_params["n"]
        for each in self.accounts:
            if each.number == number:
                return each
        raise NotFound

    def day(self, name: str = "date") -> date | None:
        """A date in the address, of its path or its query; None where it has none. Raises BadAddress."""
        text = self.request.path_params.get(name) or self.request.query_params.get(name)
        if not text:
            return None
        try:
            day = date.fromisoformat(text) if len(text) == len("2025-07-17") else _not_a_date(name, text)
        except ValueError:
            return _not_a_date(name, text)
        if day.year not in _YEARS:
            raise BadAddress(f"{name}={day} is no day of {_YEARS.start} to {_YEARS.stop - 1}")
        return day

    def period(self, known: Period) -> Period:
        """The range that `from` and `to` name, each of `known` where it is missing. Raises BadAddress."""
        first, last = self.day("from") or known.first, self.day("to") or known.last
        if first > last:
            raise BadAddress(f"from {first} is after to {last}")
        return Period(first, last)

    def word(self, name: str, choices: tuple[str, ...]) -> str:
        """A word of the query, the first of `choices` where it is missing. Raises BadAddress for any other word."""
        word = self.request.query_params.get(name) or choices[0]
        if word not in choices:
            raise BadAddress(f"{name} is one of {', '.join(choices)}")
        return word

    def done(self, said: Mapping[str, str]) -> str:
        """What a form has just done, in words: `said` has them for what `done` in the query may be."""
        return said.get(self.request.query_params.get("done", ""), "")

    def text(self, name: str) -> str | None:
        """A name in the query, of at most 64 printable characters; None where it is missing. Raises BadAddress."""
        text = self.request.query_params.get(name)
        if text and (len(text) > _LONGEST_NAME or cleaned(text) != text):
            raise BadAddress(f"{name} has at most {_LONGEST_NAME} printable characters")
        return text or None

    def number(self, name: str, largest: int = 2**63 - 1) -> int | None:
        """A number of the query from 1 to `largest`; None where it is missing. Raises BadAddress."""
        text = self.request.query_params.get(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= largest):
            raise BadAddress(f"{name} is a number from 1 to {largest}")
        return int(text)

    def part(self, name: str) -> str:
        """A part of the path. Raises NotFound where it is long or holds signs that have no shape: nothing is called
        so."""
        part = self.request.path_params[name]
        if len(part) > _LONGEST_PART or cleaned(part) != part:
            raise NotFound
        return part


def _not_a_date(name: str, text: str) -> date:
    raise BadAddress(f"{name}={text[:20]} is no date: write it as 2025-07-17")
