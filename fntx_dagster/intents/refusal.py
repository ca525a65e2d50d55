"""The refusal of a specification, a signature or a file of the treasury: a code for programs, words for people."""

from __future__ import annotations

from fntx_dagster.errors import Permanent


class TransactionRefused(Permanent):
    """Nothing is built, combined or read. `code` is one word that stays; the message names the field and the value."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)
