"""A stranger's files of signals: which a file is, and the check of a proof of a share. No database is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.periods.file import MOST_BYTES
from fntx_dagster.services.orders.fields import Declined, read_object
from fntx_dagster.signals.commitments import REVEALED
from fntx_dagster.signals.proving import FORMAT, ShareFault, faults_of_proof

_LONGEST = 256 * 1024 * 1024


class CheckedShare(NamedTuple):
    """What a proof says of a share, what does not hold in it, and which entries of the ledger it rests on."""

    signal: Mapping[str, Any]
    share: Mapping[str, Any]
    wish: Mapping[str, Any]
    totals: Mapping[str, Any]
    entries: tuple[tuple[int, str], tuple[int, str]]
    faults: list[ShareFault]

    @property
    def exit_code(self) -> int:
        return Permanent.exit_code if self.faults else 0


NOT_CHECKED = (
    "that the two entries are in the strategy's ledger: compare their numbers and hashes with its audit trail",
    "that the totals are those of all participants: the others' leaves are hidden, as yours is from them",
)
"""What the file by itself cannot say."""


def is_meant_as_a_share(content: bytes) -> bool:
    """Whether a file is a proof of a share, be it changed."""
    return FORMAT.partition("/")[0].encode() in content


def check_share(content: bytes) -> CheckedShare:
    """Check a proof of a share. Raises Permanent for what is none."""
    try:
        proof = read_object(content, numbers=int)
        faults = faults_of_proof(proof)
    except (ValueError, Declined, RecursionError) as error:
        raise Permanent(f"not a proof of a share: {error}", "`fntx signals prove` writes one") from None
    rule, shares = proof["rule_entry"], proof["shares_entry"]
    names = ("signal_type", "symbol", "currency", "rule", "lot_size", "participants", "requested_qty")
    totals = {name: rule[name] for name in names}
    totals |= {name: shares[name] for name in ("qty", "entry_money", "closed_qty", "exit_money", "total_pnl")}
    entries = ((rule["entry_no"], rule["hash"]), (shares["entry_no"], shares["hash"]))
    return CheckedShare(rule["signal"], proof["share"]["leaf"], proof["wish"]["leaf"], totals, entries, faults)


def is_meant_as_signals(content: bytes) -> bool:
    """Whether a file is revealed signals, be they changed."""
    return REVEALED.partition("/")[0].encode() + b"/" in content[:1000]


def read_file(stream: BinaryIO) -> bytes:
    """A file for `fntx verify`: no more of it than shows that it is too long. Which it is, may stand far behind."""
    content = stream.read(MOST_BYTES + 1)
    return content + stream.read(_LONGEST) if is_meant_as_signals(content) else content
