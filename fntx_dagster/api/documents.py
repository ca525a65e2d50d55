"""Answers that are documents: JSON with an ETag, or 304 where the caller has the same one already."""

import hashlib
from typing import Any

from fastapi import Request
from starlette.responses import Response

from fntx_dagster.report.programs import json_text


def document(request: Request, content: Any, status: int = 200) -> Response:
    """The answer of a value in plain values, Decimals, moments and ids."""
    return written(request, json_text(content, indent=None), status)


def written(request: Request, text: str, status: int = 200) -> Response:
    """The answer of a document that is written already."""
    if request.method != "GET":
        return Response(text, status, media_type="application/json")
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(text, status, media_type="application/json", headers={"ETag": tag})
