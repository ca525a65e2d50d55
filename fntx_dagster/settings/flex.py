"""Statement files: where they lie, and the Flex Web Service that they come from.

The place is parsed as a text here, and only parsed: whether a store of that kind can be used is for who opens it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from fntx_dagster.settings.groups import Group

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<rest>.*)", re.DOTALL)
_REST = re.compile(r"//(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<prefix>(/[A-Za-z0-9!_.*'()=-]+)*)/*", re.ASCII)
_UP = (".", "..")


@dataclass(frozen=True)
class StoreUrl:
    """An object store, and where in it: `s3://bucket/prefix`. It names no user: who asks is the business of the store's
    own library."""

    scheme: str
    bucket: str
    prefix: str
    """Without slashes at its ends; empty for the whole bucket."""

    def __str__(self) -> str:
        return f"{self.scheme}://{'/'.join(filter(None, (self.bucket, self.prefix)))}"


def parse_place(given: object) -> object:
    """A URL as a StoreUrl, anything else as it is. ValueError for a URL that is not `scheme://bucket/prefix`, as one is
    not that holds a user, a password or a query, or leads upwards."""
    named = _URL.fullmatch(given.strip()) if isinstance(given, str) else None
    if named is None:
        return given
    rest = _REST.fullmatch(named["rest"])
    if rest is None or {*rest["prefix"].split("/")} & {*_UP}:
        raise ValueError("a URL of an object store is s3://bucket/prefix, without a user or a query")
    return StoreUrl(named["scheme"].lower(), rest["bucket"], rest["prefix"].strip("/"))


StatementsPlace = Annotated[Path | StoreUrl, BeforeValidator(parse_place)]
"""A folder, or a place in an object store."""


class FlexSettings(Group):
    """Statement files and the Flex Web Service that they come from. Waits are in seconds."""

    folder: StatementsPlace | None = Field(
        default=None,
        examples=["/srv/statements", "s3://bucket/prefix"],
        description=(
            "folder of statement files, or an object store (`s3://bucket/prefix`, [statements.md]"
            "(statements.md#in-an-object-store)); unset: `ibkr_flexquery` in the home"
        ),
    )
    date_order: Literal["day-first", "month-first"] | None = Field(
        default=None,
        description=(
            "order of dates with slashes, `day-first` or `month-first`; a file that speaks against it is refused; "
            "unset: each file decides, and one whose dates allow both is refused"
        ),
    )
    keep_files: bool = Field(default=False, description="keep every fetched file, not only the newest of each month")
    tokens: dict[str, SecretStr] = Field(
        default={}, description="tokens of the Flex Web Service, each under a name of your choice, as JSON"
    )
    queries: dict[str, dict[str, str]] = Field(
        default={}, description="Flex queries of each of those names, as JSON: query name to query id"
    )
    url: str = Field(
        default="https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService",
        description="address of the Flex Web Service",
    )
    hosts: frozenset[str] = Field(
        default=frozenset({"ndcdyn.interactivebrokers.com", "gdcdyn.interactivebrokers.com"}),
        description="hosts that an answer of the service may point to, as a JSON list; the token goes there",
    )
    wait: float = Field(
        default=20, gt=0, description="seconds between two requests that ask whether a statement is ready (20)"
    )
    throttled_wait: float = Field(
        default=60, gt=0, description="seconds to wait when the service says: too many requests (60)"
    )
    deadline: float = Field(
        default=600, gt=0, description="seconds after which the download of a statement is given up (600)"
    )
