"""Pages beside Dagster's own, which the metadata of assets link to: the reports, and the documentation.

`fntx ui` serves them, behind its guard. Plain `dagster dev` does not.
"""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from fntx_dagster.services.building.reports import report_page
from fntx_dagster.services.database import open_database
from fntx_dagster.settings import DOCUMENTATION, Settings

_REPORTS, _DOCS = "/fntx/reports", "/fntx/docs"
_HEADERS = {
    "Cache-Control": "no-store",
    # a report is a page of its own: nothing in it may act in the name of the UI
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
}


def report_link(file: Path) -> dg.UrlMetadataValue:
    """A link to a file of the folder of reports, for the UI that shows it."""
    return dg.MetadataValue.url(f"{_REPORTS}/{file.name}")


def documented(page: str) -> dict[str, dg.UrlMetadataValue]:
    """Metadata of an asset: the page of docs/ about it."""
    return {"documentation": dg.MetadataValue.url(f"{_DOCS}/{page}.md")}


def pages(settings: Settings) -> list[Route]:
    """The routes of both. A report that a run on another machine wrote comes from the database."""

    def elsewhere(name: str) -> bytes | None:
        return report_page(open_database(settings), name)

    return [
        _files(_REPORTS, settings.paths.reports, "*.html", "text/html", elsewhere),
        _files(_DOCS, DOCUMENTATION, "*.md", "text/plain"),
    ]


def _files(
    address: str, folder: Path, pattern: str, media: str, elsewhere: Callable[[str], bytes | None] = lambda name: None
) -> Route:
    def answer(request: Request) -> Response:
        # a name that the folder lists, and no path
        named = [file for file in folder.glob(pattern) if file.name == request.path_params["name"]]
        if not named:
            content = elsewhere(request.path_params["name"])
            if content is None:
                return PlainTextResponse("There is no such page.", 404)
            return Response(content, media_type=f"{media}; charset=utf-8", headers=_HEADERS)
        return FileResponse(named[0], media_type=f"{media}; charset=utf-8", headers=_HEADERS)

    return Route(f"{address}/{{name}}", answer)
