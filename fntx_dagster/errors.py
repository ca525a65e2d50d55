"""What can go wrong, in two kinds that callers treat differently, and the words a user reads.

`Transient` may succeed if tried again (a server not yet up, a chain out of reach); `Permanent` will not (a file that is
no statement, a wrong key, a day that fails verification). Retries look at the type and at nothing else. An error's text
names what was found, where, and the way out; it never holds a token, a key, a salt or an account's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable


class FntxError(Exception):
    """Base of every error that a user is meant to read. `way_out` is the sentence that says what to do."""

    exit_code = 1

    def __init__(self, message: str, way_out: str = "") -> None:
        self.message = message
        self.way_out = way_out
        super().__init__(f"{message}. {way_out}" if way_out else message)


class Transient(FntxError):
    """May succeed when tried again; the only kind that a retry policy retries."""

    exit_code = 75


class Permanent(FntxError):
    """Fails the same way until a person changes something."""


_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])(?:DU|DF|DI|U|F|I)\d{5,10}(?![0-9])")


def without_accounts(text: str) -> str:
    """`text` with everything that looks like the broker's account ids masked: file names and the broker's own words."""
    return _ACCOUNT.sub(lambda match: masked(match[0]), text)


def masked(account_id: str) -> str:
    """The form of an account id that logs, metadata and error texts may hold: `U…0001`."""
    return f"{account_id[:1]}…{account_id[-4:]}" if len(account_id) > 5 else "…"


def labels(accounts: Iterable[str]) -> dict[str, str]:
    """Account → its masked form; of several that are masked alike each after the first, in the order given, has its
    number behind it: `U…0001 (2)`."""
    labelled: dict[str, str] = {}
    alike: Counter[str] = Counter()
    for account in dict.fromkeys(accounts):
        alike[masked(account)] += 1
        number = alike[masked(account)]
        labelled[account] = masked(account) if number == 1 else f"{masked(account)} ({number})"
    return labelled
