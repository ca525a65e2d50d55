"""The parameters of an anchor of the audit log: the same on both ledgers."""

from __future__ import annotations

import re

from fntx_dagster.audit.anchor import payload_of
from fntx_dagster.intents.fields import SpecFields, shown
from fntx_dagster.intents.refusal import TransactionRefused


def read_anchor(params: SpecFields) -> bytes:
    """The 48 bytes that `root`, `size` and `origin` of an anchor describe."""
    origin = params.text("origin")
    if not re.fullmatch("[!-~]{1,128}", origin):
        raise TransactionRefused("malformed", f"{params.named('origin')} is {shown(origin)}: 1 to 128 ASCII signs")
    return payload_of(origin, params.whole("size", 0, 2**63 - 1), params.hex("root", 32))
