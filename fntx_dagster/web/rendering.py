"""Templates, and the files that pages load.

What belongs here: how a template is rendered and where its files lie. Every text of a template passes `cleaned` and is
escaped; macros for tables and stories are the report's. A static file's path holds the digest of its bytes, so that a
browser may keep it for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fntx_dagster.foreign import cleaned
from fntx_dagster.report.page import tone
from fntx_dagster.web import words
from fntx_dagster.web.verifier import checks

_FOREVER = "public, max-age=31536000, immutable"
_MEDIA = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png"}
_DIGITS = 16
STYLE = "site.css"
"""Of the report's style sheet and the dashboard's, in that order."""
CHECKS = "verify.js"
"""Of the script of the page that strangers check with."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """A page's HTML."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    def shown(value: object) -> object:
        return cleaned(value) if type(value) is str else value  # what is markup already is not a plain string

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("fntx_dagster.web"), PackageLoader("fntx_dagster.report")]),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"tone": tone, "drawn": Markup, **words.FILTERS}
    environment.tests["a_date"] = words.is_a_date
    environment.globals["static"] = static_path
    return environment


@cache
def static_files() -> dict[str, bytes]:
    """Name → bytes of each file that pages load; those of `vendor` among them, by `vendor/name`."""
    package = files("fntx_dagster.web").joinpath("static")
    found = dict(_beneath(package, ""))
    report = files("fntx_dagster.report").joinpath("templates", "report.css").read_bytes()
    return found | {STYLE: report + b"\n" + found.pop("dashboard.css"), CHECKS: checks()}


def _beneath(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _beneath(each, f"{prefix}{each.name}/")
        elif each.name.rpartition(".")[2] in _MEDIA:
            found.append((f"{prefix}{each.name}", each.read_bytes()))
    return found


@cache
def static_path(name: str) -> str:
    """The path that a page loads a static file by. Raises KeyError where there is none."""
    return f"/static/{hashlib.sha256(static_files()[name]).hexdigest()[:_DIGITS]}/{name}"


async def static(request: Request) -> Response:
    """A static file by its path, digest included."""
    name = request.path_params["name"]
    if name not in static_files() or static_path(name) != request.url.path:
        raise HTTPException(404)
    media = _MEDIA[name.rpartition(".")[2]]
    return Response(static_files()[name], media_type=media, headers={"Cache-Control": _FOREVER})
