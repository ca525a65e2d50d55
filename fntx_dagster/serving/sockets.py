"""WebSockets as our servers keep them: a message for many is made once, and who does not read is told why it ends.

A message of a server is not masked, so its bytes are the same for every client. `PUT` is how an endpoint finds the way
to put them straight into a client's transport: an entry of the `extensions` of its scope.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

PUT = "fntx.put"
_END_SECONDS = 5


def frame_of(text: str) -> bytes:
    """A text message of a server, as it is on the wire."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class Sockets(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets, but a client that does not read is told why the connection ends, and then it does end: a
    transport that is closed waits for what it has to send."""

    def put(self, frame: bytes) -> bool:
        """Send a message of `frame_of` without waiting; False, and nothing is sent, where the client is behind with
        reading, or has gone. To be called in the loop."""
        if not self.writable.is_set() or self.close_sent or self.disconnected or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True

    async def run_asgi(self) -> None:
        """Run the application, which finds `put` in its scope."""
        scope: Any = self.scope  # uvicorn's type of it knows no other extension
        scope["extensions"] = {**scope["extensions"], PUT: self.put}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """As uvicorn does; where the client does not read, it does not wait to send that this is the end."""
        if message["type"] == "websocket.close" and not self.writable.is_set():
            self.writable.set()
            self.loop.call_later(_END_SECONDS, self.transport.abort)
        await super().send(message)
