"""The WebSocket `/live`: a browser or a program follows what happens to the accounts that it may see.

`GET /live?after=<id>&accounts=1,2`. The first message is `{"hello": 1, "id": …, "oldest": …, "role": …}`, then comes
arrays of events, in the order of their ids: those that are ready together are one message, because a message to each
of a hundred clients takes longer than its text is long; docs/live.md has their fields. The client says nothing, or
`{"after": id}` to read on from another id. Closing codes: 1000 bye; 1008 not allowed, do not come back; 1012 come
again; 1013 too slow.

A client is the id that it has got to: it takes what the stream has after it at its own pace, of states only the newest.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from fntx_dagster.errors import FntxError
from fntx_dagster.services.ledger_accounts.accounts import PREFIX
from fntx_dagster.services.live.stream import Sent, Stream, newest_of_each
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.serving.sockets import PUT, frame_of

BYE, NOT_ALLOWED, COME_AGAIN, TOO_SLOW = 1000, 1008, 1012, 1013
STALL_SECONDS = 10.0
"""How long one message may take to leave."""
LONGEST_SECONDS = 900.0
"""How long a connection lasts: the next one is asked again who it is."""
_RETRY_SECONDS = 0.5
_MOST_IN_MESSAGE = 100
_LONGEST_MESSAGE = 64
_MOST_ACCOUNTS = 1000
_LARGEST_ID = 2**63 - 1


class Wanted(NamedTuple):
    """What a client asks for: the events after an id (None: from now on), of accounts by number (None: all)."""

    after: int | None
    accounts: frozenset[int] | None


class Hub:
    """The clients of one event loop: the stream wakes the loop once for all of them. To those that have everything what
    is new is put at once, the same message for all that may see the same; the others take it at their own pace."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._clients: set[_Client] = set()
        self._loop = asyncio.get_running_loop()
        self._soon: deque[Sent] = deque()
        self._is_waking = False
        self._unattended = stream.unattended

    def add(self, client: _Client) -> None:
        """Tell a client from now on whenever there is more."""
        self._clients.add(client)
        if len(self._clients) == 1:
            self.stream.follow(self._wake)

    def discard(self, client: _Client) -> None:
        """Tell it no more."""
        self._clients.discard(client)
        if not self._clients:
            self.stream.leave(self._wake)

    def _wake(self, soon: Sequence[Sent]) -> None:
        self._soon.extend(soon)
        if not self._is_waking:
            self._is_waking = True
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_waking = False
        soon = [self._soon.popleft() for _ in range(len(self._soon))]
        before, self._unattended = self._unattended, self.stream.unattended
        frames = _Frames(self.stream, soon)
        for client in self._clients:
            client.tell(frames, must_look=before != self._unattended)


class _Frames:
    """What the clients that have everything are told at one moment, each message made once."""

    def __init__(self, stream: Stream, soon: Sequence[Sent]) -> None:
        self._stream, self._soon = stream, soon
        self._after: dict[int, list[Sent] | None] = {}
        self._made: dict[tuple[int, Wanted, Visitor], tuple[int, list[bytes]] | None] = {}

    def of(self, client: _Client) -> tuple[int, list[bytes]] | None:
        """Which number a client then has got to, and the messages; None where it has to read on by itself."""
        about = (client.at, client.wanted, client.visitor)
        if about not in self._made:
            self._made[about] = self._make(client)
        return self._made[about]

    def _make(self, client: _Client) -> tuple[int, list[bytes]] | None:
        if client.at not in self._after:
            self._after[client.at] = self._stream.after(client.at)
        sent = self._after[client.at]
        if sent is None or len(sent) > _MOST_IN_MESSAGE:
            return None
        frames = []
        if soon := client.shown(self._soon):
            frames.append(frame_of(f'{{"soon": [{",".join(soon)}]}}'))
        if shown := client.shown(newest_of_each(sent)):
            frames.append(frame_of(f"[{','.join(shown)}]"))
        return sent[-1].event_id if sent else client.at, frames


def live_endpoint(stream: Stream) -> Callable[[WebSocket], object]:
    """The endpoint of `/live` over a stream."""
    hubs: dict[int, Hub] = {}

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        wanted = _wanted(websocket)
        if wanted is None:
            await websocket.close(NOT_ALLOWED)
            return
        hub = hubs.setdefault(id(asyncio.get_running_loop()), Hub(stream))
        await _Client(websocket, hub, wanted).serve()

    return live


def _wanted(websocket: WebSocket) -> Wanted | None:
    """What the address asks for; None where it cannot be read."""
    after, accounts = websocket.query_params.get("after"), websocket.query_params.get("accounts")
    numbers = accounts.split(",") if accounts else []
    if (after and not _is_id(after)) or len(numbers) > _MOST_ACCOUNTS or not all(map(_is_id, numbers)):
        return None
    return Wanted(int(after) if after else None, frozenset(map(int, numbers)) if numbers else None)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_ID


class _Client:
    """One connection. `at`: the id that it has got to."""

    def __init__(self, websocket: WebSocket, hub: Hub, wanted: Wanted) -> None:
        self._websocket, self._hub, self._stream, self.wanted = websocket, hub, hub.stream, wanted
        self.visitor: Visitor = websocket.state.visitor
        self.at = 0
        self._writers: object = None
        self._put_at_once: Callable[[bytes], bool] | None = websocket.scope.get("extensions", {}).get(PUT)
        self._has_all = False
        self._news = asyncio.Event()

    def tell(self, frames: _Frames, *, must_look: bool) -> None:
        """There is more: put it at once, where this client has everything before it, and reads."""
        if self._has_all and not must_look and self._put_at_once and (told := frames.of(self)) is not None:
            reached, messages = told
            if all(map(self._put_at_once, messages)):
                self.at = reached
                return
        self._has_all = False
        self._news.set()

    async def serve(self) -> None:
        """Send until the client goes, is too slow, or has been here for long enough."""
        self._hub.add(self)
        receiving = asyncio.ensure_future(self._receive())
        sending = asyncio.ensure_future(self._send())
        try:
            await asyncio.wait({receiving, sending}, timeout=LONGEST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            code = COME_AGAIN
            if sending.done():
                code = _outcome(sending)
            elif receiving.done():
                code = _outcome(receiving)
        finally:
            receiving.cancel()
            sending.cancel()
            self._hub.discard(self)
        if code is not None:
            with suppress(RuntimeError, WebSocketDisconnect):
                await self._websocket.close(code)

    async def _receive(self) -> int | None:
        """What the client says: nothing, or from where to read on. None: it has gone."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            after = _said(message.get("text"))
            if after is None:
                return NOT_ALLOWED
            self.at, self._has_all = after, False
            self._news.set()

    async def _send(self) -> int | None:
        """Send what there is, and wait until the hub says that there is more and it was not put at once."""
        try:
            await self._greet()
            while True:
                self._news.clear()
                await self._send_writers()
                while (sent := await self._next()) is not None:
                    shown = self.shown(newest_of_each(sent))
                    for first in range(0, len(shown), _MOST_IN_MESSAGE):
                        await self._put(f"[{','.join(shown[first : first + _MOST_IN_MESSAGE])}]")
                self._has_all = not self._news.is_set()
                await self._news.wait()
        except TimeoutError:
            return TOO_SLOW
        except FntxError:
            return COME_AGAIN
        except WebSocketDisconnect:
            return None

    async def _greet(self) -> None:
        ends = await run_in_threadpool(self._stream.ends)
        after = self.wanted.after
        # an id that there is not yet is one of another database
        self.at = ends.newest if after is None else min(after, ends.newest)
        hello = {"hello": 1, "id": self.at, "oldest": ends.oldest, "role": self.visitor.role}
        await self._put(json.dumps(hello))

    async def _next(self) -> list[Sent] | None:
        """What comes after the client's id, from memory or else from the table; None where there is nothing."""
        at = self.at
        sent = self._stream.after(at)
        if sent is None:
            sent, reached = await self._read(at)
        else:
            reached = sent[-1].event_id if sent else at
        if reached == at:
            return None
        if self.at == at:  # else the client has asked for another meanwhile
            self.at = reached
        return sent

    async def _read(self, at: int) -> tuple[list[Sent], int]:
        """What the table has after an id; while the database is away, it is waited for."""
        while True:
            try:
                return await run_in_threadpool(self._stream.read_after, at)
            except FntxError:
                await self._send_writers()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _send_writers(self) -> None:
        """Say who writes the stream, where that has changed."""
        numbers = self._stream.numbers
        missing = self._stream.unattended
        away = sorted(
            numbers[account]
            for task in missing
            if (account := task.removeprefix("follow ")) in numbers and self.visitor.may_see(account)
        )
        said = {"writers": {"stream": "stream" not in missing, "ledger": "relay" not in missing, "away": away}}
        if said != self._writers:
            self._writers = said
            await self._put(json.dumps(said))

    def shown(self, sent: Sequence[Sent]) -> list[str]:
        """The texts of what it may see and asked for."""
        return [each.text if self.visitor.sees_names else each.masked for each in sent if self._is_shown(each)]

    def _is_shown(self, sent: Sent) -> bool:
        account, visitor = sent.account_id, self.visitor
        if account is None:
            return visitor.sees_system
        number = self._stream.numbers.get(account)
        if self.wanted.accounts is not None and number not in self.wanted.accounts:
            return False
        if number is not None:
            return visitor.may_see(account)
        owner = account.removeprefix(PREFIX).rpartition("-")[0]
        return visitor.sees_every_book or visitor.user_id == owner

    async def _put(self, text: str) -> None:
        async with asyncio.timeout(STALL_SECONDS):
            await self._websocket.send_text(text)


def _said(text: str | None) -> int | None:
    """The id of `{"after": id}`; None for anything else."""
    if text is None or len(text) > _LONGEST_MESSAGE:
        return None
    with suppress(ValueError):
        said = json.loads(text)
        if isinstance(said, dict) and [*said] == ["after"] and type(said["after"]) is int:
            return said["after"] if 0 <= said["after"] <= _LARGEST_ID else None
    return None


def _outcome(task: asyncio.Future[int | None]) -> int | None:
    """The closing code that a task ended with; None where the client has gone already."""
    try:
        return task.result()
    except (WebSocketDisconnect, RuntimeError):
        return None
