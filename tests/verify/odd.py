"""A node that does not behave: it answers every question with the same bytes, and then drips others for ever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def odd_node(start: bytes, drip: bytes = b"") -> Iterator[str]:
    """Its URL, on loopback. `start` is sent at once; `drip` again and again until the block is left."""
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(start)
            while drip and not ended.wait(0.05):
                connection.sendall(drip)

    def listen() -> None:
        with suppress(OSError):
            while not ended.is_set():
                answer(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
