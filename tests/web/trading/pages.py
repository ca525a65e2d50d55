"""A page's status and text, as a visitor of the trading wing gets it."""

from __future__ import annotations

import re
from html import unescape

from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.web.asking import Site
from tests.web.asking import ask


def page(site: Site, address: str, visitor: Visitor, form: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and text of a page."""
    answer = ask(site, address, visitor, form)
    return answer.status_code, bytes(answer.body).decode()


def words(text: str) -> str:
    """What a reader sees of a page, without its marks, each space once."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text[text.find("<main") :])).split())
