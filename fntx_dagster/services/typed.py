"""The forms of what a person copies from the broker into the settings: accounts, tokens and numbers of queries.

`fntx init` refuses what does not have its form before it is written, and `fntx doctor` finds it where it was written by
hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings

_ACCOUNT = re.compile(r"[A-Za-z]{0,4}[0-9]{3,12}[A-Za-z]?")
_TOKEN = re.compile(r"[!-~]+")


def require_account(account: str) -> None:
    """Raise Permanent where a text is no account id of the broker, as U1234567. The text itself is not repeated: it
    may be a person's name."""
    if not _ACCOUNT.fullmatch(account):
        raise Permanent(
            "an account of IB Gateway is not called as the broker calls accounts",
            "Write its letters and digits as the broker does",
        )


def require_token(token: str) -> None:
    """Raise Permanent where a text cannot be a token of the Flex Web Service."""
    if not _TOKEN.fullmatch(token):
        raise Permanent("the token is empty or holds blanks or other signs", "Copy it as Client Portal shows it")


def require_query_number(number: str) -> None:
    """Raise Permanent where a text is no number of a Flex query."""
    if not (number.isascii() and number.isdigit()):
        raise Permanent(f"{number!r} is no number of a query", "Client Portal shows it beside the query, as Query ID")


def misformed(settings: Settings) -> Iterator[Permanent]:
    """What in the settings does not have its form."""
    checks = [(require_account, account) for account in settings.gateway.addresses]
    checks += [(require_token, token.get_secret_value()) for token in settings.flex.tokens.values()]
    checks += [(require_query_number, number) for own in settings.flex.queries.values() for number in own.values()]
    for require, text in checks:
        try:
            require(text)
        except Permanent as error:
            yield error
