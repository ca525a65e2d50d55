"""The forms of the names that entries hold: of bots and exchanges, and of currencies."""

from __future__ import annotations

import re

NAME = re.compile(r"[\x21-\x7e]{1,64}").fullmatch
"""A bot or an exchange: printable ASCII without spaces. No bot is called "": that is the user (`ledger/book.py`)."""
CURRENCY = re.compile(r"[A-Z0-9.]{1,20}").fullmatch
