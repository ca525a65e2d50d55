"""Apprise: one message to one destination, which may be mail, Telegram, Slack or any other of its services.

A destination's URL holds secrets: no error text, log line or exception holds any part of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr


def send(url: SecretStr, title: str, text: str) -> str | None:
    """Send one message. Returns None when the destination took it, otherwise the problem in words."""
    import apprise  # loads a hundred services, so only a command that sends imports it

    with _without_logs():
        service = apprise.Apprise()
        if not service.add(url.get_secret_value()):
            return _NOT_UNDERSTOOD
        taken = service.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT)
    return None if taken else "the message was not taken; check the address, its credentials and the network"


def problem_of(url: SecretStr) -> str | None:
    """What is wrong with a destination's form, in words; None where a service understands it. Nothing is sent."""
    import apprise

    with _without_logs():
        return None if apprise.Apprise().add(url.get_secret_value()) else _NOT_UNDERSTOOD


_NOT_UNDERSTOOD = "no notification service understands this URL; write it as Apprise wants it"


@contextmanager
def _without_logs() -> Iterator[None]:
    """Silence the libraries that send: their log lines hold the URL, from DEBUG up to their warnings."""
    libraries = ("apprise", "requests", "urllib3")
    known = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in libraries]
    loggers = [logging.getLogger(name) for name in {*libraries, *known}]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
