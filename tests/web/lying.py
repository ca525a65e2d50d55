"""A server of the strangers' pages that lies on purpose: what it sends is changed on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fntx_dagster.api.serving import served

Lie = Callable[[str], str]
"""What was to be sent → what is sent."""


class Lying:
    """An application whose answers are changed, by the end of their path."""

    def __init__(self, app: ASGIApp, lies: dict[str, Lie]) -> None:
        self._app, self.lies = app, lies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lie = next((lie for end, lie in self.lies.items() if scope["path"].endswith(end)), None)
        if lie is None:
            await self._app(scope, receive, send)
            return
        scope["headers"] = [each for each in scope["headers"] if each[0] != b"accept-encoding"]
        begun: list[Message] = []
        body = bytearray()

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            told = lie(body.decode()).encode()
            headers = [each for each in begun[0]["headers"] if each[0] != b"content-length"]
            headers.append((b"content-length", str(len(told)).encode()))
            await send({**begun[0], "headers": headers})
            await send({"type": "http.response.body", "body": told})

        await self._app(scope, receive, changed)


@contextmanager
def lying_server(app: ASGIApp, lies: dict[str, Lie]) -> Iterator[str]:
    """Serve an application that lies: its URL."""
    with served(Lying(app, lies)) as url:
        yield url
