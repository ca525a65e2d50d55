"""What every HTML file of a report shares: templates that clean and escape each text, one style sheet by its hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jinja2 import Template


class ReportPage(NamedTuple):
    """A template, the style sheet that stands in its page, and the hash that its policy allows."""

    template: Template
    style: str
    style_hash: str


@cache
def report_page(name: str, words: Callable[[str], str]) -> ReportPage:
    """A page by the name of its template, once a process: compiling it costs more than a day's page. Every text that
    the template is given passes `words`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    def shown(value: object) -> object:
        return words(value) if type(value) is str else value  # what is markup already is not a plain string

    loader = PackageLoader("fntx_dagster.report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tone"] = tone
    style, _, _ = loader.get_source(environment, "report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return ReportPage(environment.get_template(name), style, digest)


def tone(text: str) -> str:
    """The class of a signed figure: a gain, a loss, or neither."""
    return {"+": "gain", "-": "loss"}.get(text[:1], "")
