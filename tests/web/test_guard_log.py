"""What the log says of requests that failed."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fntx_dagster.errors import Permanent, know_accounts
from fntx_dagster.serving.asgi import Message, Receive, Scope, Send
from fntx_dagster.web.guard import SiteGuard


@pytest.mark.parametrize("error", [Permanent("the book of KEPT0123 is closed"), ValueError("no row of KEPT0123")])
def test_the_log_of_a_failed_request_names_the_error_and_no_account(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    know_accounts(["KEPT0123"])
    statuses = []

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    async def received() -> Message:
        return {"type": "http.request"}

    async def sent(message: Message) -> None:
        statuses.append(message.get("status"))

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"localhost:8765")],
        "server": ("127.0.0.1", 8765),
    }
    with caplog.at_level(logging.WARNING):
        asyncio.run(SiteGuard(failing, None)(scope, received, sent))
    assert statuses[0] == 500
    shown = f"{error}".partition("KEPT0123")
    assert shown[0] in caplog.text
    assert "KEPT0123" not in caplog.text
