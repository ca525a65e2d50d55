"""What can go wrong, in two kinds that callers treat differently, and the words a user reads.

`Transient` may succeed if tried again (a server not yet up, a chain out of reach); `Permanent` will not (a file that is
no statement, a wrong key, a day that fails verification). Retries look at the type and at nothing else. An error's text
names what was found, where, and the way out; it never holds a token, a key, a salt or an account's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache


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


# A hash, a run's id or an address may hold what looks like an account: it is matched first, and stays.
_HASH = r"0x[0-9a-f]+|[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LOOKS_LIKE_AN_ACCOUNT = r"D[UFI][A-Z]\d{5,10}(?!\d)|D?[UFI]\d{5,10}(?!\d)"
_ACCOUNT = re.compile(r"(?=[0-9]*[a-z])(?=[a-z]*[0-9])[a-z0-9]{5,20}", re.IGNORECASE | re.ASCII).fullmatch
_MOST_KNOWN = 1000

_known: dict[str, str] = {}
"""In lower case → as it is written."""


def know_accounts(accounts: Iterable[str]) -> None:
    """From here on this process masks these accounts wherever `without_accounts` meets them, whatever their form: those
    of the settings, of the database, of a file that is read. What does not consist of 5 to 20 letters and digits, with
    one of each, could be a word or a date, and is not looked for; beyond a thousand, no more are taken, because a file
    could name any number."""
    for account in accounts:
        key = account.lower()
        if (key in _known or len(_known) < _MOST_KNOWN) and _ACCOUNT(account):
            _known[key] = account


def without_accounts(text: str) -> str:
    """`text` with account ids masked, in any case and whatever stands around them: the known ones, and everything that
    looks like one of the broker's."""
    return _accounts_in(tuple(_known)).sub(_masked_match, text)


@lru_cache(1)
def _accounts_in(known: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(known, key=len, reverse=True)
    return re.compile(
        "|".join([f"(?P<known>{'|'.join(map(re.escape, longest_first)) or '(?!)'})", f"(?P<hash>{_HASH})"])
        + f"|{_LOOKS_LIKE_AN_ACCOUNT}",
        re.IGNORECASE,
    )


def _masked_match(match: re.Match[str]) -> str:
    if match["hash"]:
        return match["hash"]
    return masked(_known.get(match[0].lower(), match[0]))


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
